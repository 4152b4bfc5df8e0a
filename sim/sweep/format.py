"""``experiment.yaml`` as pydantic models: the settings of the arms, the seeds, the budget and what is measured."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from sim.world.fields import Budget, Expression, Name, Names, Part, Text
from sim.world.phases import Context, Order, as_context

MOST_RUNS = 10_000_000
"""Of one experiment; a cell is found by its number, so nothing grows with them but the results."""


def _as_models(value: Any) -> Any:
    return {"*": value} if isinstance(value, str) else value


def _as_measures(value: Any) -> Any:
    """A list of facts, and of mappings from a name to an expression, as one mapping."""
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for item in value:
        given = {item: item} if isinstance(item, str) else item
        if not isinstance(given, dict):
            raise ValueError("is a list of facts and of NAME: EXPRESSION")
        for name, text in given.items():
            if name in found:
                raise ValueError(f"'{name}' is measured twice")
            found[name] = text
    return found


class Setting(Part):
    """What a run is played with; what an arm does not say is as the experiment says."""

    world: str | None = Field(None, description="a name, or a folder relative to this file")
    variant: str | None = None
    lang: str | None = Field(None, description="one of the world's languages; its first if left out")
    model: Annotated[dict[str, str] | None, BeforeValidator(_as_models)] = Field(
        None, description="the model of all, or by role or agent (* for the others); scripted if left out"
    )
    personas: dict[str, str] | None = Field(None, description="another persona, by role or agent")
    set_: dict[str, Any] | None = Field(None, alias="set", description="facts to start with")
    context: Annotated[Context, BeforeValidator(as_context)] | None = Field(
        None, description="what speakers are given of what they heard, in every state"
    )
    order: dict[str, Order] | None = Field(None, description="state: who speaks next in it")
    episodes: int | None = Field(None, description="how many conversations a run has", ge=1)


KEYS: dict[str, str] = {field.alias or name: name for name, field in Setting.model_fields.items()}
"""The keys of a setting as they are written, and the names of their fields."""


class Rotate(Part):
    """Models that take the seats of a role in turn: in each block every cyclic shift of them is played."""

    role: str
    models: list[str] = Field(min_length=2, max_length=64)


MOST_SCORE = 1000
"""A scale may reach so far either way: on a longer one no model keeps its scores apart."""


class Judge(Part):
    """Who marks the transcript of each episode by a rubric, and how."""

    model: Names = Field(description="the judge, or several, each of whom marks", min_length=1, max_length=8)
    rubric: Text = Field(description="what is marked, and what a score means")
    scale: list[int] = Field(
        [1, 5], description="the lowest score and the highest", json_schema_extra={"minItems": 2, "maxItems": 2}
    )
    criteria: dict[Name, Text] = Field({}, description="name: what is marked by itself", max_length=12)
    of: str | None = Field(None, description="a role or agent: the transcript has only what it saw and heard")
    times: int = Field(1, description="how often each judge marks an episode", ge=1, le=25)
    combine: Literal["mean", "median"] = Field("mean", description="what several marks come to")

    @field_validator("model")
    @classmethod
    def _check_model(cls, value: list[str]) -> list[str]:
        twice = [name for name, times in Counter(value).items() if times > 1]
        if twice:
            raise ValueError(f"'{twice[0]}' stands twice; 'times' says how often each marks")
        return value

    @field_validator("scale")
    @classmethod
    def _check_scale(cls, value: list[int]) -> list[int]:
        if len(value) != 2:
            raise ValueError("must be two whole numbers, the lowest score and the highest")
        low, high = value
        if low >= high:
            raise ValueError(f"goes from the lowest score to the highest, and {low} is not below {high}")
        if max(-low, high) > MOST_SCORE:
            raise ValueError(f"must lie between -{MOST_SCORE} and {MOST_SCORE}")
        return value

    @field_validator("rubric")
    @classmethod
    def _check_rubric(cls, value: dict[str, str]) -> dict[str, str]:
        return _worded(value)

    @field_validator("criteria")
    @classmethod
    def _check_criteria(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {name: _worded(texts) for name, texts in value.items()}


def _worded(texts: dict[str, str]) -> dict[str, str]:
    if not texts or not all(text.strip() for text in texts.values()):
        raise ValueError("must not be empty")
    return texts


class ExperimentFile(Setting):
    """A whole experiment: its arms, or the axes whose product they are, and the seeds that all of them share."""

    experiment: Name
    about: Text = Field({}, description="what is asked, for people")
    seeds: int | list[int] = Field(1, description="how many, from 1 on, or a list")
    repeats: int = Field(1, ge=1, le=100_000, description="how often each is played with the same seed")
    arms: dict[str, Setting] = Field({}, description="settings by name: what they say holds in their runs")
    axes: dict[str, list[Any]] = Field({}, description="values by key of a setting; each combination is an arm")
    rotate: Rotate | None = None
    budget: Budget = Field(Budget(), description="of the whole experiment, in tokens and in money")
    measure: Annotated[dict[str, Expression], BeforeValidator(_as_measures)] = Field(
        {}, description="facts at the end, and NAME: EXPRESSION"
    )
    functions: dict[Name, str] = Field({}, description="name: FILE.py:FUNCTION, which is given the log of a run")
    judge: Judge | None = Field(None, description="a model that marks the transcripts")

    @field_validator("seeds")
    @classmethod
    def _check_seeds(cls, value: int | list[int]) -> int | list[int]:
        if isinstance(value, int) and not 1 <= value <= MOST_RUNS:
            raise ValueError(f"must be from 1 to {MOST_RUNS:,}, or a list")
        if isinstance(value, list):
            twice = [seed for seed, times in Counter(value).items() if times > 1]
            if twice or not value:
                raise ValueError(f"{twice[0]} stands twice" if twice else "must not be empty")
        return value

    @model_validator(mode="after")
    def _check(self) -> ExperimentFile:
        if self.arms and self.axes:
            raise ValueError("has both arms and axes: name the arms, or let the axes make them")
        return self
