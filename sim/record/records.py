"""The records of a run log, one model for each kind, told apart by ``type``.

All fields are deterministic but those under ``measured``. Simulated times are minutes since the start of the run;
money is written as text so that no digit is lost.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FORMAT = 4
"""2 added narrations, ballots, selections, look-ups, summaries, ``asked``; 3 prices and retries; 4 forks."""

OLDEST = 2
"""The oldest format that can be played again."""

MONEY = r"^\d{1,12}(\.\d{1,30})?$"


class Record(BaseModel):
    """What all records share: a number that counts from 0."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    seq: int = Field(ge=0)
    hash: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    measured: dict[str, Any] = Field(default_factory=dict)


class Recast(BaseModel):
    """Another persona: its name, and its whole sheet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    persona: str
    sheet: dict[str, Any]


class Fork(BaseModel):
    """Where a run was taken from another, and what is otherwise from turn ``at`` of ``episode`` on.

    The first ``inherited`` records, the header among them, stand for those of the ``parent``; ``trace`` is the hash
    of the last of these there. ``models`` and ``personas`` are by agent. ``world`` is the digest of the parent's
    world, where this run has another version of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parent: str
    trace: str = Field(pattern=r"^[0-9a-f]{64}$")
    inherited: int = Field(ge=1)
    episode: int = Field(ge=1)
    at: int = Field(ge=1)
    facts: dict[str, Any] = {}
    say: str | None = None
    seed: int | None = None
    models: dict[str, dict[str, Any]] = {}
    personas: dict[str, Recast] = {}
    world: str | None = None


class Header(Record):
    """The first record: everything that the run follows from.

    ``seed`` and ``models`` are those that it began with. A run that was forked from another has its ``forks``, the
    oldest first: the last is its own, the others are those of its parents. ``episodes`` is how many the user asked
    for.
    """

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
    episodes: int | None = None
    forks: list[Fork] = []

    @property
    def fork(self) -> Fork | None:
        """Where the run was taken from another; None where it was not."""
        return self.forks[-1] if self.forks else None

    @property
    def inherited(self) -> int:
        """How many records are those of another run: what they cost was paid there."""
        return self.forks[-1].inherited if self.forks else 0

    @property
    def last_seed(self) -> int:
        """The seed that the last turns draw by."""
        return next((f.seed for f in reversed(self.forks) if f.seed is not None), self.seed)

    @property
    def last_models(self) -> dict[str, dict[str, Any]]:
        """Who answers after the last fork, by agent."""
        models = dict(self.models)
        for fork in self.forks:
            models |= fork.models
        return models


class EpisodeStarted(Record):
    """A conversation began; ``cast`` names the personas that were drawn for it, ``opening`` is told with them."""

    type: Literal["episode_started"]
    episode: int
    time: float
    state: str
    facts: dict[str, Any]
    cast: dict[str, str] | None = None
    opening: str | None = None


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


class ResourceNote(Record):
    """An episode asked for a resource, was granted it, lost it, gave it back, or left its queue.

    ``waiting`` and ``held`` are how many wait for it and hold it then (of a stock, how much is left); ``waited`` is
    in simulated minutes. What is granted at once is not noted as requested. ``refills`` is how often a stock was to
    be refilled until then; older logs do not say.
    """

    type: Literal["resource"]
    episode: int
    time: float
    state: str
    resource: str
    event: Literal["requested", "granted", "released", "preempted", "reneged", "balked"]
    waiting: int
    held: float
    waited: float | None = None
    refills: int | None = None


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


class Intervention(Record):
    """Something was changed from outside before a turn, or (``role``, ``say``) an agent's answer given for it.

    Where all speak at once, it may stand before turns that are taken earlier and asked for at the same time; what
    is in it holds for the turn that it names, and from there on.
    """

    type: Literal["intervention"]
    episode: int
    turn: int
    changed: dict[str, Any] = {}
    seed: int | None = None
    models: dict[str, str] = {}
    personas: dict[str, str] = {}
    role: str | None = None
    say: str | None = None


class WarningNote(Record):
    """Something that a reader should know: a fallback was used, an utterance was cut."""

    type: Literal["warning"]
    episode: int
    turn: int
    code: str
    message: str


class PlaceOf(BaseModel):
    """Where an answer belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episode: int
    turn: int
    attempt: int
    role: str
    purpose: str


class ResumedWith(Record):
    """The run stopped and went on here with other models: those of some roles, described as in the header.

    ``kept`` are the places of answers after this record that the models before had given when the run stopped.
    """

    type: Literal["resumed"]
    models: dict[str, dict[str, Any]]
    kept: list[PlaceOf] = []


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
    | ResourceNote
    | Narration
    | BallotCounted
    | SummaryMade
    | Transition
    | WarningNote
    | Intervention
    | ResumedWith
    | EpisodeEnded
    | RunEnded,
    Field(discriminator="type"),
]

READER: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)
