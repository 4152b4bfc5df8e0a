"""Files of cases as pydantic models: what may stand in ``WORLD/tests/*.yaml``, and the short forms."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.models.acts import ActedTurn, as_acts
from sim.world.fields import Expression, Names, Part


def _as_seeds(value: Any) -> Any:
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


def _as_conditions(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _as_wanted(value: Any) -> Any:
    if isinstance(value, list):
        return [as_acts(each) for each in value]
    acts = as_acts(value)
    return [{name: fields} for name, fields in acts.items()] if isinstance(acts, dict) else acts


def _is_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in file and ":" not in file


Conditions = Annotated[list[Expression], BeforeValidator(_as_conditions)]
"""One condition, or a list of conditions, in the expression language (docs/world-format.md)."""

WantedActs = Annotated[list[dict[str, Any]], BeforeValidator(_as_wanted)]
"""Acts, each by its name alone or with some of its fields."""


class Heard(Part):
    """Who hears every message that fits: words of agents, and of the narrator."""

    turn: int | None = Field(None, ge=1, description="the turn in which it is said")
    state: str | None = Field(None, description="the state in which it is said")
    speaker: str | None = Field(None, description="the agent who says it")
    says: str | None = Field(None, description="a part of the words")
    by: Names | None = Field(None, description="agents, roles or groups who hear it, and nobody else; or all")
    never_by: Names | None = Field(None, description="agents, roles or groups who do not hear it")

    @model_validator(mode="after")
    def _check(self) -> Heard:
        if self.by is None and self.never_by is None:
            raise ValueError("says neither 'by' nor 'never_by'")
        if not {"turn", "state", "speaker", "says"} & self.model_fields_set:
            raise ValueError("says of no message: give 'turn', 'state', 'speaker' or 'says'")
        return self


class AtMost(Part):
    """What an episode may take at most; tokens are those of the whole run, as the log has them."""

    turns: int | None = Field(None, ge=0)
    minutes: float | None = Field(None, ge=0, description="simulated minutes")
    tokens: int | None = Field(None, ge=0, description="of prompts and answers")
    prompt_tokens: int | None = Field(None, ge=0)


class Expect(Part):
    """What must come of a case, in each of its episodes."""

    outcome: Names = Field([], description="the end, or those of which it must be one")
    path: list[str] | None = Field(None, description="the states in their order, and the end")
    passes: Names = Field([], description="some of the states in their order, others may stand between them")
    facts: dict[str, Any] = Field({}, description="facts and derived values at the end")
    at_end: Conditions = Field([], description="conditions that hold at the end")
    always: Conditions = Field([], description="conditions that hold before each turn and at the end")
    never: Conditions = Field([], description="conditions that hold at none of these")
    heard: list[Heard] = Field([], description="who hears what")
    does: WantedActs = Field([], description="acts that are done at least once")
    never_does: WantedActs = Field([], description="acts that are never done")
    at_most: AtMost = AtMost()
    refusals: int | None = Field(None, ge=0, description="exactly so many answers are refused")
    warnings: int | None = Field(None, ge=0, description="exactly so many warnings are given")
    breach: str | None = Field(None, description="the rule of the world that is broken; without this none may be")


class Case(Part):
    """A case: a run for each of its seeds and languages, and what must come of it."""

    seed: Annotated[list[int], BeforeValidator(_as_seeds)] = Field([], description="one seed, or several")
    lang: Names = Field([], description="one of the world's languages, or several")
    variant: str | None = None
    set_: dict[str, Any] = Field({}, alias="set", description="facts to start with")
    episodes: int | None = Field(None, ge=1)
    acts: str | None = Field(None, description="a file of acts, beside this one")
    turns: list[ActedTurn] = Field([], max_length=10_000, description="the acts themselves")
    then: Literal["scripted"] | None = Field(None, description="who goes on where the acts end")
    expect: Expect = Expect()
    golden: str | None = Field(None, description="a file beside this one; {lang} and {seed} stand for the run's")

    @model_validator(mode="after")
    def _check(self) -> Case:
        if self.acts is not None and self.turns:
            raise ValueError("'acts' names a file and 'turns' are the acts themselves: one of them is enough")
        if self.then is not None and self.acts is None and not self.turns:
            raise ValueError("'then' says who goes on where acts end, and there are none")
        for file in (self.acts, self.golden):
            if file is not None and not _is_inside(file):
                raise ValueError(f"'{file}' must be a file in this folder or below it")
        if self.golden is not None and not self.golden.endswith((".txt", ".md")):
            raise ValueError(f"golden: '{self.golden}' must be a file of text, .txt or .md: it is written over")
        for name, given in (("seed", self.seed), ("lang", self.lang)):
            if self.golden is not None and len(given) > 1 and f"{{{name}}}" not in self.golden:
                raise ValueError(f"each {name} needs a golden file of its own: write {{{name}}} in its name")
        return self


class CasesFile(Part):
    """A file of cases, by name."""

    cases: dict[str, Case] = Field(min_length=1)
