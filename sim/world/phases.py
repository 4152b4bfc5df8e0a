"""The states of a world file: who speaks, in what order, with what context, and where it leads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.world.durations import Minutes, as_minutes
from sim.world.fields import Effects, Expression, Names, Part, Text
from sim.world.stations import Hold, as_holds


def as_context(value: Any) -> Any:
    """A word alone says of what the context is."""
    return {"of": value} if isinstance(value, str) else value


def _carried(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
        return value
    raise ValueError("must be true, false, or how many: a whole number, 0 or more")


class Context(Part):
    """What of the heard history a speaker is given; the last of it where it is cut."""

    of: Literal["all", "state", "none"] = Field("all", description="all that was heard, or in this state only")
    turns: int | None = Field(None, description="at most so many turns", ge=1)
    tokens: int | None = Field(None, description="at most so many tokens of history", ge=1)
    prompt: int | None = Field(None, description="at most so many tokens of the whole prompt", ge=50)
    cut: Literal["drop", "summarise"] = Field(
        "drop", description="what becomes of what is beyond that: nothing, or the speaker's model sums it up once"
    )
    carryover: Annotated[bool | int, BeforeValidator(_carried)] = Field(
        default=False, description="whether summaries of earlier states come before; how many of the last"
    )


class Summary(Part):
    """What is carried over when a state is left."""

    how: Literal["last_message", "reflection"] = Field(
        "last_message", description="the last words of the state, or a reflection by the model of who said them"
    )
    heard_by: Names = Field([], description="who gets it; else those who heard all that it sums up")
    ask: Text = Field({}, description="what the model is asked for, in place of the usual words")


def _as_summary(value: Any) -> Any:
    return {"how": value} if isinstance(value, str) else value


def _as_transition(value: Any) -> Any:
    if isinstance(value, str):
        return {"to": value}
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) not in Transition.model_fields:
        (to, when), *_ = value.items()
        return {"to": to, "when": when}
    return value


class After(Part):
    """A limit within a state: turns, whole rounds, simulated minutes, or several of them."""

    turns: int | None = Field(None, ge=1)
    rounds: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _some(self) -> After:
        if self.turns is None and self.minutes is None and self.rounds is None:
            raise ValueError("needs turns, rounds or minutes")
        return self


class Transition(Part):
    """Where to go next, and when."""

    to: str
    when: Expression = "true"
    after: After | None = Field(None, description="only after so many turns, rounds or minutes in this state")
    sets: Effects = {}


Order = Literal["alternate", "round_robin", "random", "single", "simultaneous", "named", "manual", "auto", "rule"]
"""Who speaks next: in turn (two names for it), by the seed, only the first, all at once, the one whom an expression
names, as the user picks, as a model picks, or as a Python function says."""


def _as_speaker(value: Any) -> Any:
    if isinstance(value, list):
        raise ValueError("is one expression, for the order named; did you mean 'speakers'?")
    return value


class State(Part):
    """A phase: who speaks, in what order, told what, able to do what, heard by whom, and where it leads."""

    label: Text = {}
    speakers: Names = Field([], description="roles, agents and groups; nobody where only the narrator speaks")
    order: Order = Field("alternate", description="who of them is next")
    speaker: Annotated[Expression | None, BeforeValidator(_as_speaker)] = Field(
        None, description="for the order named: an expression that gives the agent"
    )
    rule: str | None = Field(None, description="for the order rule: the function in rules.py")
    repeat: bool | Names = Field(
        default=False, description="who may speak twice running in the orders random, manual and auto"
    )
    silent: bool = Field(default=False, description="whether only acts are asked for, no words")
    verbatim: bool = Field(default=False, description="whether words keep their line breaks, as code needs")
    narrate: Text = Field({}, description="what the narrator says when the state is entered, to those who hear it")
    tell: dict[str, Text] = Field({}, description="what each role, agent or group is told here; * for all")
    actions: Names = Field([], description="the actions, ballots and tools that are open here")
    heard_by: Names = Field([], description="speakers (the default), all, self, team, or roles, agents and groups")
    context: Annotated[Context, BeforeValidator(as_context)] | None = None
    forget: bool = Field(default=False, description="whether all forget what was said before they came here")
    summary: Annotated[Summary, BeforeValidator(_as_summary)] | None = Field(
        None, description="what is carried over when the state is left"
    )
    turn: Annotated[Minutes, BeforeValidator(as_minutes)] | None = Field(
        None, description="how long a turn takes, in simulated minutes"
    )
    holds: Annotated[list[Hold], BeforeValidator(as_holds)] = Field(
        [], description="resources that are waited for before anybody speaks here, and held until it is left"
    )
    go: list[Annotated[Transition, BeforeValidator(_as_transition)]] = []
