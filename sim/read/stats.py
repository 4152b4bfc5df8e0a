"""What came out of a run: waiting and service, queues, how much of a resource was used, and what episodes took.

The log is read once, record by record, and an episode is forgotten when it has ended; what is kept of it are a few
numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from sim.errors import RunLogError
from sim.read.ledger import Row, cost_of
from sim.read.spread import Level, Spread
from sim.read.stock import Stock, StockLevel
from sim.read.transcript import Transcript
from sim.record.records import (
    AnyRecord,
    Call,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    ResourceNote,
    RunEnded,
    Transition,
)
from sim.world.kinds import label_of
from sim.world.stations import Resource, open_minutes


def _numbers() -> array[float]:
    return array("d")


@dataclass(frozen=True)
class Place:
    """A state or a resource; times are simulated minutes.

    ``visits`` counts the stays that came to their end. ``waited`` is how long those waited for what they needed,
    and ``took`` how long they then had it: of a state, how long it took beside that. ``queue`` is how many waited,
    over the whole time of the run. ``reneged`` counts those who left the queue, ``balked`` those who did not join
    it, ``preempted`` how often a resource was taken away. ``used`` is the share of a resource's capacity that was
    held while it was open, ``overtime`` how many minutes it was held while it was closed. ``stock`` is what became
    of goods that are used up.
    """

    name: str
    label: str
    visits: int
    waited: Spread | None
    took: Spread | None
    queue: Spread | None
    per_hour: float
    reneged: int = 0
    balked: int = 0
    preempted: int = 0
    used: float | None = None
    overtime: float = 0.0
    stock: Stock | None = None


@dataclass(frozen=True)
class Outcome:
    """The episodes that ended in one way, and how many simulated minutes they took from end to end."""

    name: str
    label: str
    episodes: int
    stay: Spread


@dataclass(frozen=True)
class Stats:
    """What came out of one run.

    ``start`` is the time of day at minute 0, ``minutes`` how long the run was, ``unfinished`` how many episodes had
    not ended when the log did.
    ``turns``, ``tokens`` and ``cost`` (by currency) are those of one episode; ``unpriced`` counts the episodes of
    which not all costs are known, and which are not in ``cost``. ``total`` has the sums of all calls.
    """

    run: str
    header: Header
    start: str
    minutes: float
    is_complete: bool
    unfinished: int
    states: tuple[Place, ...]
    resources: tuple[Place, ...]
    outcomes: tuple[Outcome, ...]
    stay: Spread | None
    turns: Spread | None
    tokens: Spread | None
    cost: Mapping[str, Spread]
    unpriced: int
    total: Row

    @property
    def episodes(self) -> int:
        """How many ended."""
        return sum(outcome.episodes for outcome in self.outcomes)


@dataclass(frozen=True)
class Stay:
    """An episode in a state: from when to when, and when of that it waited."""

    episode: int
    state: str
    begins: float
    ends: float
    waits: tuple[tuple[float, float], ...]


@dataclass
class _Use:
    """What an episode has had of a resource since it first asked for it."""

    waited: float = 0.0
    took: float = 0.0
    since: float | None = None


@dataclass
class _Open:
    """An episode that goes on."""

    began: float
    state: str
    since: float
    waits: list[tuple[float, float]] = field(default_factory=list)
    has_left: bool = False
    waiting: dict[str, str] = field(default_factory=dict)
    uses: dict[str, _Use] = field(default_factory=dict)
    row: Row = field(default_factory=lambda: Row("episode"))


@dataclass
class _Tally:
    """What is counted of a state or a resource."""

    waited: array[float] = field(default_factory=_numbers)
    took: array[float] = field(default_factory=_numbers)
    queue: Level = field(default_factory=Level)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("reneged", "balked", "preempted"), 0))
    held: float = 0.0
    busy: float = 0.0
    open_busy: float = 0.0
    seen: float = 0.0


class Reading:
    """Takes the records of one log in order, and says what they come to.

    ``on_stay`` is told of each stay of an episode in a state when it has ended, ``on_queue`` of how many wait for a
    resource when that changes: its name, the minute, and how many; ``on_level`` likewise of how much there is of a
    stock.
    """

    def __init__(
        self,
        run: str,
        header: Header,
        on_stay: Callable[[Stay], None] | None = None,
        on_queue: Callable[[str, float, int], None] | None = None,
        on_level: Callable[[str, float, float], None] | None = None,
    ) -> None:
        self._run = run
        self._header = header
        self._words = Transcript(header)
        world = self._words.world
        self._on_stay = on_stay
        self._on_queue = on_queue
        self._open: dict[int, _Open] = {}
        self._states = {name: _Tally() for name in world.states}
        self._resources = {name: _Tally() for name in world.resources}
        self._stocks = {
            name: StockLevel(spec, partial(on_level, name) if on_level is not None else None)
            for name, spec in world.resources.items()
            if spec.stock is not None
        }
        self._stays: dict[str, array[float]] = {}
        self._turns = _numbers()
        self._tokens = _numbers()
        self._costs: dict[str, array[float]] = {}
        self._unpriced = 0
        self._total = Row("total")
        self._minutes = 0.0
        self._is_complete = False

    def take(self, record: AnyRecord) -> None:
        """Take the next record.

        Raises:
            RunLogError: if it does not follow from those before.
        """
        self._minutes = max(self._minutes, getattr(record, "time", 0.0))
        if isinstance(record, RunEnded):
            self._is_complete = True
        elif isinstance(record, EpisodeStarted):
            self._open[record.episode] = _Open(record.time, record.state, record.time)
        elif isinstance(record, Call | ResourceNote | Transition | EpisodeEnded):
            there = self._open.get(record.episode)
            if there is None:
                raise RunLogError(f"record {record.seq}: the episode {record.episode} has not begun", record.seq)
            try:
                self._of_episode(there, record)
            except KeyError as error:
                raise RunLogError(f"record {record.seq}: {error} is not in the world", record.seq) from None

    def _of_episode(self, there: _Open, record: Call | ResourceNote | Transition | EpisodeEnded) -> None:
        if isinstance(record, Call):
            cost = cost_of(record)
            there.row = there.row.plus(record, cost)
            self._total = self._total.plus(record, cost)
        elif isinstance(record, ResourceNote):
            self._noted(there, record)
        elif isinstance(record, Transition):
            self._left(there, record.episode, record.time)
            there.state, there.since = record.to, record.time
        else:
            self._ended(there, record)

    def _noted(self, there: _Open, note: ResourceNote) -> None:
        tally, state = self._resources[note.resource], self._states[note.state]
        self._hold(note.resource, tally, note.time)
        tally.held = note.held
        if note.resource in self._stocks:
            self._stocks[note.resource].note(note.time, note.held, note.refills)
        use = there.uses.setdefault(note.resource, _Use())
        if note.event == "requested":
            there.waiting[note.resource] = note.state
            self._queue(note, 1)
        elif note.event in {"granted", "reneged"} and there.waiting.pop(note.resource, None) is not None:
            self._queue(note, -1)
        if note.event in {"granted", "reneged"} and note.waited:
            use.waited += note.waited
            there.waits.append((note.time - note.waited, note.time))
        if note.event == "granted":
            use.since = note.time
        elif use.since is not None:
            use.took += note.time - use.since
            use.since = None
        if note.event in tally.counts:
            tally.counts[note.event] += 1
            state.counts[note.event] += 1
        if note.event == "released":
            self._used(there, note.resource)
        elif note.event in {"reneged", "balked"}:
            there.has_left = True
            del there.uses[note.resource]

    def _hold(self, name: str, tally: _Tally, time: float) -> None:
        """Count how long what is held has been, until a minute."""
        tally.busy += tally.held * (time - tally.seen)
        tally.open_busy += tally.held * (self._within(name, time) - self._within(name, tally.seen))
        tally.seen = time

    def _within(self, name: str, minutes: float) -> float:
        """How much of the time until a minute a resource was open."""
        world = self._words.world
        return open_minutes(world.resources[name].open, world.clock.start, minutes)

    def _queue(self, note: ResourceNote, by: int) -> None:
        tally = self._resources[note.resource]
        tally.queue.change(note.time, by)
        self._states[note.state].queue.change(note.time, by)
        if self._on_queue is not None:
            self._on_queue(note.resource, note.time, tally.queue.now)

    def _used(self, there: _Open, name: str) -> None:
        use, tally = there.uses.pop(name), self._resources[name]
        tally.waited.append(round(use.waited, 2))
        tally.took.append(round(use.took, 2))

    def _left(self, there: _Open, episode: int, time: float) -> None:
        """A state is left: for good if something was waited for in vain."""
        tally = self._states[there.state]
        if not there.has_left:
            waited = sum(ends - begins for begins, ends in there.waits)
            tally.waited.append(round(waited, 2))
            tally.took.append(max(0.0, round(time - there.since - waited, 2)))
        if self._on_stay is not None:
            self._on_stay(Stay(episode, there.state, there.since, time, tuple(there.waits)))
        for name in [n for n, use in there.uses.items() if use.since is None and n not in there.waiting]:
            self._used(there, name)  # taken away in the instant in which nothing was left to be done with it
        there.waits, there.has_left = [], False

    def _ended(self, there: _Open, record: EpisodeEnded) -> None:
        if there.state in self._states:
            self._left(there, record.episode, record.time)
        self._stays.setdefault(record.outcome, _numbers()).append(round(record.time - there.began, 2))
        self._turns.append(record.turns)
        self._tokens.append(there.row.total)
        if there.row.unpriced:
            self._unpriced += 1
        else:
            for currency, amount in (there.row.cost or {"": Decimal(0)}).items():
                self._costs.setdefault(currency, _numbers()).append(float(amount))
        for name in [n for n, use in there.uses.items() if use.since is None]:
            self._used(there, name)
        self._open.pop(record.episode)

    def _costs_of(self) -> dict[str, Spread]:
        """The costs of episodes by currency; one in which nobody was asked has cost nothing in any."""
        costs = {c: list(amounts) for c, amounts in self._costs.items()}
        nothing = costs.pop("", []) if len(costs) > 1 else []
        spreads = ((c, Spread.of([*amounts, *nothing])) for c, amounts in costs.items())
        return {c: spread for c, spread in spreads if spread is not None}

    def result(self) -> Stats:
        """What the records that were taken come to."""
        world, language = self._words.world, self._header.language
        ends = {name: label_of(end.label, language) or name for name, end in world.ends.items()}
        return Stats(
            self._run,
            self._header,
            world.clock.start,
            self._minutes,
            self._is_complete,
            len(self._open),
            tuple(self._place(name, self._words.state(name), tally) for name, tally in self._states.items()),
            tuple(
                self._place(name, label_of(spec.label, language) or name, self._resources[name], spec)
                for name, spec in world.resources.items()
            ),
            tuple(
                Outcome(name, ends.get(name, name), len(stays), spread)
                for name, stays in self._stays.items()
                if (spread := Spread.of(stays)) is not None
            ),
            Spread.of(stay for stays in self._stays.values() for stay in stays),
            Spread.of(self._turns),
            Spread.of(self._tokens),
            self._costs_of(),
            self._unpriced,
            self._total,
        )

    def _place(self, name: str, label: str, tally: _Tally, spec: Resource | None = None) -> Place:
        has_waits = spec is not None or bool(self._words.world.states[name].holds)
        return Place(
            name,
            label,
            len(tally.took),
            Spread.of(tally.waited) if has_waits else None,
            Spread.of(tally.took),
            tally.queue.spread(self._minutes) if has_waits else None,
            len(tally.took) / self._minutes * 60 if self._minutes else 0.0,
            **tally.counts,
            used=self._share(name, tally, spec.capacity) if spec is not None and spec.capacity else None,
            overtime=round(tally.busy - tally.open_busy, 2) if spec is not None and spec.capacity else 0.0,
            stock=self._stocks[name].result(self._minutes) if spec is not None and name in self._stocks else None,
        )

    def _share(self, name: str, tally: _Tally, capacity: int) -> float | None:
        self._hold(name, tally, self._minutes)
        whole = capacity * self._within(name, self._minutes)
        return tally.open_busy / whole if whole else None


def read(
    run: str,
    records: Iterator[AnyRecord],
    on_stay: Callable[[Stay], None] | None = None,
    on_queue: Callable[[str, float, int], None] | None = None,
    on_level: Callable[[str, float, float], None] | None = None,
) -> Stats:
    """What the records of a log come to; who draws them is told of stays, queues and stocks as by ``Reading``.

    Raises:
        RunLogError: if they are not those of one run, in order.
    """
    header = next(records)
    if not isinstance(header, Header):
        raise RunLogError(f"{run} is not a run log: it has no header", 0)
    reading = Reading(run, header, on_stay, on_queue, on_level)
    for record in records:
        reading.take(record)
    return reading.result()
