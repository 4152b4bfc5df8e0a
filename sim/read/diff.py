"""Where two runs part: the first turn that differs and by what, and what each came to.

Everything is read from the logs alone; neither world is compiled, and nothing is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.read.ledger import ledger, told
from sim.record.log import RunLog, check_length
from sim.record.records import (
    AnyRecord,
    BallotCounted,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    Intervention,
    LookUp,
    Narration,
    Refusal,
    ResumedWith,
    RunEnded,
    Selection,
    SummaryMade,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.kinds import show_number

MAX_PARTS = 20
"""So many parts that differ are named; of worlds that share little, more would be a list of everything."""

ORDER = (
    "intervention",
    "speaker",
    "text",
    "act",
    "draw",
    "fact",
    "heard_by",
    "transition",
    "narration",
    "refusal",
    "end",
)
"""What a turn may differ by: what others follow from comes first."""

Place = tuple[int, int]
"""An episode and a turn of it; turn 0 is what stands before the first."""


@dataclass(frozen=True)
class FirstDifference:
    """The first turn, in the order of the log, that differs, and what each has; None where a run has nothing."""

    turn: int
    what: str
    a: Any
    b: Any
    episode: int = 1


@dataclass(frozen=True)
class Sums:
    """What a run came to, with what it inherited from another.

    ``cost`` has an exact amount for each currency; ``unpriced`` calls are not in it.
    """

    run: str
    world: str
    outcome: str | None
    turns: int
    sim_minutes: float
    prompt: int
    completion: int
    cost: Mapping[str, str]
    unpriced: int

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion

    @property
    def came_to(self) -> tuple[Any, ...]:
        """All of it but what the run is called."""
        return (
            self.outcome,
            self.turns,
            self.sim_minutes,
            self.prompt,
            self.completion,
            dict(self.cost),
            self.unpriced,
        )


@dataclass(frozen=True)
class Diff:
    """How two runs differ.

    ``worlds`` says in what their worlds do: nothing where they are the same, ``world`` where they are different
    ones, else the parts of the world that are not the same in both versions. ``settings`` are the options that
    differ: seed, language, variant, models, opening, facts.
    """

    worlds: tuple[str, ...]
    settings: tuple[str, ...]
    first: FirstDifference | None
    a: Sums
    b: Sums

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.worlds or self.settings or self.first) and self.a.came_to == self.b.came_to

    @property
    def is_of_one_world(self) -> bool:
        """Whether both runs are of a world of the same name."""
        return self.a.world == self.b.world


def diff(a: RunLog, b: RunLog) -> Diff:
    """Compare two runs, turn by turn and in sum.

    Raises:
        RunLogError: if one of them is longer than can be held.
    """
    for log in (a, b):
        check_length(log)
    return Diff(_worlds(a.header, b.header), _settings(a, b), _first(a, b), _sums(a), _sums(b))


def _worlds(a: Header, b: Header) -> tuple[str, ...]:
    if a.world != b.world:
        return ("world",)
    return tuple(itertools.islice(_parts(a.resolved, b.resolved, ""), MAX_PARTS))


def _parts(a: Any, b: Any, path: str, depth: int = 4) -> Iterator[str]:
    """The keys under which two values differ, as deep as a person would look for them."""
    if type(a) is type(b) and a == b:
        return
    if not (isinstance(a, dict) and isinstance(b, dict) and depth):
        yield path
        return
    for key in sorted({*a, *b}, key=str):
        inner = path if not path and key == "world" else f"{path}.{key}".removeprefix(".")
        if key not in a or key not in b:
            yield inner
        else:
            yield from _parts(a[key], b[key], inner, depth - 1)


def _settings(a: RunLog, b: RunLog) -> tuple[str, ...]:
    ours, theirs = a.header, b.header
    names = ("variant", "seed", "language", "models", "opening", "facts")
    found = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
    if "models" not in found and _resumed(a) != _resumed(b):
        found.append("models")
    return tuple(found)


def _resumed(log: RunLog) -> list[dict[str, Any]]:
    """The other models that a run went on with."""
    return [record.models for record in log.records if isinstance(record, ResumedWith)]


def _first(a: RunLog, b: RunLog) -> FirstDifference | None:
    ours, theirs = _turns(a), _turns(b)
    for place in dict.fromkeys((*ours, *theirs)):
        found = _differing(ours.get(place), theirs.get(place))
        if found is not None:
            return FirstDifference(place[1], *found, episode=place[0])
    return None


def _differing(a: dict[str, Any] | None, b: dict[str, Any] | None) -> tuple[str, Any, Any] | None:
    """By what a turn differs: by its end where one run has none such."""
    if a is None or b is None:
        return "end", _words(a), _words(b)
    for what in ORDER:
        ours, theirs = a.get(what), b.get(what)
        if ours == theirs:
            continue
        if isinstance(ours, dict) and isinstance(theirs, dict):
            keys = [k for k in dict.fromkeys((*ours, *theirs)) if ours.get(k) != theirs.get(k)]
            return what, {k: ours.get(k) for k in keys}, {k: theirs.get(k) for k in keys}
        return what, ours, theirs
    return None


def _words(turn: dict[str, Any] | None) -> Any:
    if turn is None:
        return None
    return {k: turn[k] for k in ("speaker", "text", "end") if k in turn}


def _turns(log: RunLog) -> dict[Place, dict[str, Any]]:
    """What each turn holds, by what it is."""
    turns: dict[Place, dict[str, Any]] = {}
    dealt = _dealt(log.header)
    places: dict[int, Place] = {}
    for record in log.records:
        episode = getattr(record, "episode", None)
        if episode is None or isinstance(record, WarningNote):
            continue
        number = getattr(record, "turn", None)
        is_first = isinstance(record, EpisodeStarted) or episode not in places
        if is_first or number is not None:
            places[episode] = (episode, 0 if is_first and number is None else int(number or 0))
        last = places[episode]
        for what, value in _of(record, dealt):
            held = turns.setdefault(last, {})
            if isinstance(value, dict):
                held[what] = {**held.get(what, {}), **value}
            elif isinstance(value, list) and what != "heard_by":
                held[what] = [*held.get(what, []), *value]
            else:
                held[what] = value
    return turns


def _dealt(header: Header) -> frozenset[str]:
    """The facts that the seed deals, as far as the header says: it may come from a stranger."""
    world = header.resolved.get("world")
    facts = world.get("facts") if isinstance(world, dict) else None
    found = facts.items() if isinstance(facts, dict) else ()
    return frozenset(str(name) for name, fact in found if isinstance(fact, dict) and "deal" in fact)


def _of(record: AnyRecord, dealt: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """What a record says of its turn. What the seed drew is told apart from what followed from it."""
    match record:
        case EpisodeStarted():
            yield "draw", {k: v for k, v in record.facts.items() if k.partition(".")[0] in dealt}
            yield "fact", {k: v for k, v in record.facts.items() if k.partition(".")[0] not in dealt}
            yield "transition", [record.state]
        case Selection():
            yield "speaker", record.chosen
        case Turn():
            yield "speaker", record.speaker
            yield "text", record.text
            yield "act", [a.model_dump() for a in record.acts]
            yield "draw", {"minutes": record.minutes, "time": record.time}
            yield "fact", record.changed
            yield "heard_by", record.heard_by
        case BallotCounted():
            result = {"by": record.by} if record.by == "lot" else {"by": record.by, "winner": record.winner}
            yield "act", [{"ballot": record.ballot, "votes": record.votes, "missing": record.missing, **result}]
            yield "draw", {f"{record.ballot} by lot": record.winner} if record.by == "lot" else {}
            yield "fact", record.changed
        case Transition():
            yield "transition", [record.to]
            yield "fact", record.changed
        case Narration() | SummaryMade():
            yield "narration", [record.text]
            yield "narration", [record.heard_by]
        case LookUp() | Intervention() | Refusal():
            yield _behind(record)
        case EpisodeEnded():
            yield "end", {"outcome": record.outcome, "kind": record.kind, "breach": record.breach}


def _behind(record: LookUp | Intervention | Refusal) -> tuple[str, Any]:
    """What stands behind a turn: what was looked up, changed from outside, or sent back."""
    if isinstance(record, LookUp):
        return "act", [{"look_up": record.tool, "fields": record.fields, "result": record.result}]
    if isinstance(record, Refusal):
        return "refusal", [{"role": record.role, "reasons": record.reasons}]
    hide = {"seq", "type", "hash", "measured", "episode", "turn"}
    return "intervention", record.model_dump(exclude_defaults=True, exclude=hide)


def _sums(log: RunLog) -> Sums:
    total = ledger([log], is_whole=True).total
    ends = [r.outcome for r in log.records if isinstance(r, EpisodeEnded)]
    times = [r.time for r in log.records if isinstance(r, Turn | Transition | EpisodeEnded | RunEnded)]
    return Sums(
        run=log.name,
        world=log.header.world,
        outcome=", ".join(ends) or None,
        turns=sum(isinstance(r, Turn) for r in log.records),
        sim_minutes=times[-1] if times else 0.0,
        prompt=total.prompt,
        completion=total.completion,
        cost={currency: show_number(amount) for currency, amount in told(total.cost).items()},
        unpriced=total.unpriced,
    )
