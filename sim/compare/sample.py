"""What was measured, by arm and seed: the rows of a sweep as the numbers that statistics are made of.

The unit is a seed. Repeats and rotations with one seed are not independent of each other, so their mean counts
once; with one run a seed, which is usual, a unit is a run.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sim.compare.rows import Folder, Row, Rows
from sim.errors import DefinitionError

MANY_VALUES = 12
"""A text with more values than this is an identifier, not a result."""

MOST_RUNS = 20_000
"""Of more runs a report lists the first."""

SHOWN = ("turns", "minutes", "waited", "tokens", "cost", "valid", "breaches")
"""What is compared where nothing is asked for, beside outcomes, facts, measures and marks."""

ASKED = ("calls", "refusals", "acts", "warnings", "prompt_tokens", "completion_tokens")
"""What is compared where it is asked for: most of it goes with the tokens, and each comparison costs the others."""


class Kind(StrEnum):
    """What kind of value a measure has."""

    share = "share"  # of episodes that came to an outcome, or of runs in which a flag was set
    number = "number"
    mark = "mark"  # of a judge: an order, without a distance


class By(StrEnum):
    """What makes an arm."""

    arm = "arm"
    variant = "variant"
    lang = "lang"
    world = "world"
    model = "model"


@dataclass
class Mean:
    """A mean that grows."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Count a value in."""
        self.total += value
        self.count += 1

    @property
    def value(self) -> float:
        """The mean so far."""
        return self.total / self.count


@dataclass
class Tally:
    """How the runs of an arm ended."""

    runs: int = 0
    failed: int = 0
    over_budget: int = 0
    error: str | None = None

    @property
    def done(self) -> int:
        """The runs that count."""
        return self.runs - self.failed - self.over_budget


@dataclass(frozen=True)
class Game:
    """The seats of a game whose end says who won: model, card, whether it won."""

    seed: int
    seats: tuple[tuple[str, str | None, bool], ...]


@dataclass(frozen=True)
class RunLine:
    """A run as a report lists it; ``log`` is its file."""

    arm: str
    seed: int
    repeat: int
    rotation: int
    status: str
    outcome: str
    turns: int | None
    tokens: int | None
    log: Path | None


Units = dict[int, float]
"""The value of each seed."""


@dataclass
class Sample:
    """All that was read: for each measure and arm the value of each seed."""

    arms: dict[str, Tally] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    values: dict[str, dict[str, Units]] = field(default_factory=dict)
    games: list[Game] = field(default_factory=list)
    runs: list[RunLine] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    missing: int = 0
    torn: bool = False
    unread: list[str] = field(default_factory=list)
    currency: str = ""

    def units(self, measure: str, arm: str) -> Units:
        """The values of a measure in an arm by seed; empty where it was not measured."""
        return self.values.get(measure, {}).get(arm, {})


class _Reader:
    def __init__(self) -> None:
        self.sample = Sample()
        self.numbers: dict[str, dict[str, dict[int, Mean]]] = defaultdict(dict)
        self.choices: dict[str, dict[str, dict[int, tuple[Counter[str], list[int]]]]] = defaultdict(dict)
        self.kinds: dict[str, Kind] = {}
        self.odd: set[str] = set()

    def add(self, row: Row, arm: str, root: Path) -> None:
        """Take a row in."""
        tally = self.sample.arms.setdefault(arm, Tally())
        tally.runs += 1
        if row.status != "done":
            if row.status == "over_budget":
                tally.over_budget += 1
            else:
                tally.failed += 1
                tally.error = tally.error or row.error
        else:
            self._measure(row, arm)
        if len(self.sample.runs) < MOST_RUNS:
            log = root / row.log if row.log else None
            outcome = ", ".join(name if n == 1 else f"{n} {name}" for name, n in (row.outcomes or {}).items())
            tokens = row.tokens.total if row.tokens else None
            self.sample.runs.append(
                RunLine(arm, row.seed, row.repeat, row.rotation, row.status, outcome, row.turns, tokens, log)
            )

    def _measure(self, row: Row, arm: str) -> None:
        if row.outcomes is not None:
            episodes = max(row.episodes or 0, sum(row.outcomes.values()), 1)
            lacking = episodes - sum(row.outcomes.values())
            self._choose("outcome", arm, row.seed, {**row.outcomes, **({"(none)": lacking} if lacking else {})})
        for name in (*SHOWN, *ASKED):
            self._number(*_plain(name, row), arm, row.seed)
        for values in (row.facts, row.measures):
            for name, value in (values or {}).items():
                self._any(name, value, arm, row.seed)
        if row.judged is not None:
            self._number("judged", row.judged.score, arm, row.seed, Kind.mark)
        seats = [s for s in (row.seats or {}).values() if s.won is not None]
        if seats:
            self.sample.games.append(Game(row.seed, tuple((s.model, s.card, bool(s.won)) for s in seats)))

    def _any(self, name: str, value: Any, arm: str, seed: int) -> None:
        if isinstance(value, bool):
            self._number(name, float(value), arm, seed, Kind.share)
        elif isinstance(value, int | float):
            self._number(name, float(value), arm, seed)
        elif isinstance(value, str):
            self._choose(name, arm, seed, {value: 1})
        elif value is not None:
            self.odd.add(name)

    def _number(self, name: str, value: float | None, arm: str, seed: int, kind: Kind = Kind.number) -> None:
        if value is not None and not math.isfinite(value):
            self.odd.add(name)
        elif value is not None:
            self.kinds.setdefault(name, kind)
            self.numbers[name].setdefault(arm, {}).setdefault(seed, Mean()).add(value)

    def _choose(self, name: str, arm: str, seed: int, chosen: dict[str, int]) -> None:
        counter, whole = self.choices[name].setdefault(arm, {}).setdefault(seed, (Counter(), [0]))
        counter.update(chosen)
        whole[0] += sum(chosen.values())

    def finish(self) -> Sample:
        """The measures in their order: outcomes, what is always measured, then the experiment's own."""
        sample = self.sample
        self._choices("outcome")
        own = [n for n in (*self.numbers, *self.choices) if n not in {*SHOWN, *ASKED, "outcome", "judged"}]
        costs = [n for n in own if n.startswith("cost:")]
        for name in (*SHOWN, *costs, *ASKED, *dict.fromkeys(n for n in own if n not in costs), "judged"):
            if name in self.numbers:
                sample.kinds[name] = self.kinds[name]
                sample.values[name] = {
                    arm: {seed: mean.value for seed, mean in units.items()}
                    for arm, units in self.numbers[name].items()
                }
            self._choices(name)
        if len(costs) == 1:
            sample.values = {("cost" if k == costs[0] else k): v for k, v in sample.values.items()}
            sample.kinds = {("cost" if k == costs[0] else k): v for k, v in sample.kinds.items()}
            sample.currency = costs[0].removeprefix("cost:")
        sample.unread += sorted(self.odd)
        return sample

    def _choices(self, name: str) -> None:
        if name not in self.choices:
            return
        arms = self.choices[name]
        ends = sorted({end for units in arms.values() for counter, _ in units.values() for end in counter})
        if len(ends) > MANY_VALUES and name != "outcome":
            self.odd.add(name)
            return
        for end in ends:
            self.sample.kinds[f"{name}:{end}"] = Kind.share
            self.sample.values[f"{name}:{end}"] = {
                arm: {seed: counter[end] / whole[0] for seed, (counter, whole) in units.items()}
                for arm, units in arms.items()
            }


def _plain(name: str, row: Row) -> tuple[str, float | None]:
    match name:
        case "tokens":
            return name, row.tokens.total if row.tokens else None
        case "prompt_tokens" | "completion_tokens":
            return name, getattr(row.tokens, name.removesuffix("_tokens")) if row.tokens else None
        case "cost":
            return f"cost:{row.currency or '?'}", row.cost
        case _:
            return name, getattr(row, name)


def read(folders: Iterable[Folder], by: By = By.arm) -> Sample:
    """Read results; of several folders an arm is named after its folder too.

    Raises:
        DefinitionError: if they have no rows.
        ResultsError: as ``Rows`` does.
    """
    given = list(folders)
    reader = _Reader()
    names = _names(given)
    for folder, name in zip(given, names, strict=True):
        rows = Rows(folder)
        count = 0
        for row in rows:
            count += 1
            arm = _arm(row, by)
            reader.add(row, arm if len(given) == 1 else f"{name}/{arm}", folder.root)
        if not count:
            raise DefinitionError(f"{folder.path}: no run has been written yet")
        reader.sample.torn |= rows.torn
        reader.sample.missing += max(0, (folder.cells or 0) - count)
    reader.sample.names = names
    return reader.finish()


def _names(folders: list[Folder]) -> list[str]:
    names = [folder.name for folder in folders]
    if len(set(names)) == len(names):
        return names
    paths = [folder.root.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        twice = next(f for f, p in zip(folders, paths, strict=True) if paths.count(p) > 1)
        raise DefinitionError(f"{twice.root}: named twice; each folder of results is compared once")
    short = [path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(folder.root) for folder in folders]


def _arm(row: Row, by: By) -> str:
    match by:
        case By.model:
            return ", ".join(dict.fromkeys(map(str, (row.models or {}).values()))) or "-"
        case By.arm:
            return row.arm
        case _:
            return getattr(row, by.value) or "-"


def default_measures(sample: Sample) -> Iterator[str]:
    """What is compared where nothing is asked for."""
    return (name for name in sample.values if name not in ASKED)
