"""The records of a run log, one model for each kind, told apart by ``type``.

All fields are deterministic but those under ``measured``. Simulated times are minutes since the start of the run;
money is written as text so that no digit is lost.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FORMAT = 1


class Record(BaseModel):
    """What all records share: a number that counts from 0."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    seq: int = Field(ge=0)
    hash: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    measured: dict[str, Any] = {}


class Header(Record):
    """The first record: everything that the run follows from."""

    type: Literal["header"]
    format: int
    world: str
    digest: str
    variant: str | None
    seed: int
    language: str
    models: dict[str, dict[str, Any]]
    opening: str
    facts: dict[str, Any]
    resolved: dict[str, Any]


class EpisodeStarted(Record):
    """A conversation began."""

    type: Literal["episode_started"]
    episode: int
    time: float
    state: str
    facts: dict[str, Any]


class Usage(BaseModel):
    """Tokens of one call; ``cached`` are those of the prompt that the provider had seen before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: int = Field(ge=0)
    completion: int = Field(ge=0)
    cached: int = Field(0, ge=0)
    is_estimated: bool


class Call(Record):
    """A model was asked; ``attempt`` 0 is the turn itself, later ones are repairs."""

    type: Literal["call"]
    episode: int
    turn: int
    attempt: int
    role: str
    state: str
    purpose: Literal["turn", "repair"]
    model: str
    prompt: str
    answer: str
    usage: Usage
    cost: str | None = Field(pattern=r"^\d{1,12}(\.\d{1,30})?$")
    currency: str | None = Field(pattern=r"^[A-Z]{3}$")


class Refusal(Record):
    """An answer that was sent back, and why."""

    type: Literal["refusal"]
    episode: int
    turn: int
    attempt: int
    role: str
    reasons: list[str]


class ActRecord(BaseModel):
    """An act that was done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: str
    fields: dict[str, Any]


class Turn(Record):
    """A turn that counts: what was said and done, by whom, heard by whom, and what changed."""

    type: Literal["turn"]
    episode: int
    turn: int
    time: float
    state: str
    speaker: str
    heard_by: list[str]
    text: str
    acts: list[ActRecord]
    changed: dict[str, Any]
    minutes: float


class Transition(Record):
    """The machine went to another state, or to an end."""

    type: Literal["transition"]
    episode: int
    turn: int
    time: float
    from_: str = Field(alias="from")
    to: str
    guard: str
    changed: dict[str, Any]


class WarningNote(Record):
    """Something that a reader should know: a fallback was used, an utterance was cut."""

    type: Literal["warning"]
    episode: int
    turn: int
    code: str
    message: str


class EpisodeEnded(Record):
    """A conversation came to an end."""

    type: Literal["episode_ended"]
    episode: int
    time: float
    outcome: str
    kind: str
    turns: int
    breach: str | None


class RunEnded(Record):
    """The run is whole."""

    type: Literal["run_ended"]
    time: float
    turns: int
    outcomes: dict[str, int]


AnyRecord = Annotated[
    Header | EpisodeStarted | Call | Refusal | Turn | Transition | WarningNote | EpisodeEnded | RunEnded,
    Field(discriminator="type"),
]

READER: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)
