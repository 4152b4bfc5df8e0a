"""The records of a run log, one model for each kind, told apart by ``type``.

All fields are deterministic but those under ``measured``. Simulated times are minutes since the start of the run;
money is written as text so that no digit is lost.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FORMAT = 3
"""2 added narrations, ballots, selections, look-ups, summaries, and ``asked`` to turns; 3 prices and retries."""

OLDEST = 2
"""The oldest format that can be played again."""

MONEY = r"^\d{1,12}(\.\d{1,30})?$"


class Record(BaseModel):
    """What all records share: a number that counts from 0."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    seq: int = Field(ge=0)
    hash: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    measured: dict[str, Any] = Field(default_factory=dict)


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
    """A model was asked; ``attempt`` counts from 0 what was asked of it for one turn, selection or summary.

    A retry is an answer that had to be paid for and could not be used, so that the same was asked again. ``price``
    is for a million tokens of each kind, in ``currency``; it is left out where none is known or nothing is paid.
    """

    type: Literal["call"]
    episode: int
    turn: int
    attempt: int
    role: str
    state: str
    purpose: Literal["turn", "repair", "look_up", "selection", "summary", "digest", "retry"]
    model: str
    prompt: str
    answer: str
    usage: Usage
    cost: str | None = Field(pattern=MONEY)
    currency: str | None = Field(pattern=r"^[A-Z]{3}$")
    price: dict[Literal["input", "cached", "output"], Annotated[str, Field(pattern=MONEY)]] | None = None

    @property
    def is_hit(self) -> bool:
        """Whether the answer came from a cache, so that nothing was paid; ``cost`` is then what was saved."""
        return self.measured.get("hit") is True


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
    """A turn that counts: what was said and done, by whom, heard by whom, and what changed.

    ``asked`` is how many turns had been taken when the speaker was asked: where all speak at once, it is the same
    for all of them.
    """

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
    asked: int | None = None


class Narration(Record):
    """The narrator said something, to those who heard it."""

    type: Literal["narration"]
    episode: int
    turn: int
    time: float
    state: str
    text: str
    heard_by: list[str]


class LookUp(Record):
    """A speaker looked something up before it spoke."""

    type: Literal["look_up"]
    episode: int
    turn: int
    role: str
    tool: str
    fields: dict[str, Any]
    result: str


class Selection(Record):
    """Someone outside the machine chose who speaks next: the user, a model, or a Python function."""

    type: Literal["selection"]
    episode: int
    turn: int
    order: Literal["manual", "auto", "rule"]
    candidates: list[str]
    chosen: str
    by: str


class BallotCounted(Record):
    """A vote was counted; in ``votes``, null is an abstention, and who is ``missing`` cast no valid ballot."""

    type: Literal["ballot"]
    episode: int
    turn: int
    time: float
    state: str
    ballot: str
    votes: dict[str, str | None]
    missing: list[str]
    counts: dict[str, int]
    winner: str | None
    tied: list[str]
    by: str
    changed: dict[str, Any]


class SummaryMade(Record):
    """What is carried over from a state that was left, and to whom.

    A digest sums up for one agent the first ``until`` of all that was said; it is made before a turn.
    """

    type: Literal["summary"]
    episode: int
    turn: int
    time: float
    state: str
    how: Literal["last_message", "reflection", "digest"]
    speaker: str
    text: str
    heard_by: list[str]
    until: int | None = None


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
    Header
    | EpisodeStarted
    | Call
    | Refusal
    | LookUp
    | Selection
    | Turn
    | Narration
    | BallotCounted
    | SummaryMade
    | Transition
    | WarningNote
    | EpisodeEnded
    | RunEnded,
    Field(discriminator="type"),
]

READER: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)
