"""Reading rows into the values of seeds; of each run no more is kept than these numbers."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.compare.rows import Folder, Judged, Row, Rows
from sim.compare.sample import ASKED, MANY_VALUES, MOST_RUNS, SHOWN, By, Game, Kind, RunLine, Sample, Tally, Units
from sim.errors import DefinitionError

_OURS = {*SHOWN, *ASKED, "outcome", "judged"}
"""A fact or function of such a name is called ``facts.NAME`` or ``measures.NAME``."""


class _Means:
    """The mean of each seed, while it grows."""

    def __init__(self) -> None:
        self.values: Units = {}
        self._counts: dict[int, int] = {}

    def add(self, seed: int, value: float) -> None:
        """Count a value in."""
        if seed in self.values:
            self.values[seed] += value
            self._counts[seed] = self._counts.get(seed, 1) + 1
        else:
            self.values[seed] = value

    def finish(self) -> Units:
        """The means."""
        for seed, count in self._counts.items():
            self.values[seed] /= count
        self._counts.clear()
        return self.values


class _Choices:
    """How often each of some texts was chosen with each seed, and how often any was."""

    def __init__(self) -> None:
        self.whole: dict[int, int] = {}
        self.chosen: dict[str, dict[int, int]] = {}

    def add(self, seed: int, chosen: Mapping[str, int]) -> None:
        """Count what a run chose."""
        self.whole[seed] = self.whole.get(seed, 0) + sum(chosen.values())
        for text, count in chosen.items():
            counts = self.chosen.setdefault(text, {})
            counts[seed] = counts.get(seed, 0) + count

    def shares(self, text: str) -> Units:
        """The share of a text with each seed."""
        counts = self.chosen.get(text, {})
        return {seed: counts.get(seed, 0) / whole for seed, whole in self.whole.items()}


class _Reader:
    def __init__(self) -> None:
        self.sample = Sample()
        self.numbers: dict[str, dict[str, _Means]] = {}
        self.choices: dict[str, dict[str, _Choices]] = {}
        self.kinds: dict[str, Kind] = {}
        self.odd: set[str] = set()

    def add(self, row: Row, arm: str, root: Path) -> None:
        """Take a row in."""
        tally = self.sample.arms.setdefault(arm, Tally())
        tally.runs += 1
        if row.is_measured:
            self._measure(row, arm)
        if row.status == "over_budget":
            tally.over_budget += 1
        elif row.status != "done":
            tally.failed += 1
            tally.broken += row.is_measured
            tally.error = tally.error or row.error
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
        facts, measures = row.facts or {}, row.measures or {}
        for name, value in facts.items():
            self._any(f"facts.{name}" if name in _OURS else name, value, arm, row.seed)
        for name, value in measures.items():
            self._any(f"measures.{name}" if name in _OURS or name in facts else name, value, arm, row.seed)
        if row.judged is not None:
            self._mark(row.judged, arm, row.seed)
        seats = [s for s in (row.seats or {}).values() if s.won is not None]
        if seats:
            self.sample.games.append(Game(row.seed, tuple((s.model, s.card, bool(s.won)) for s in seats)))

    def _mark(self, judged: Judged, arm: str, seed: int) -> None:
        self.sample.arms[arm].unmarked += judged.unmarked
        self._number("judged", judged.score, arm, seed, Kind.mark)
        for name, score in (judged.criteria or {}).items():
            self._number(f"judged:{name}", score, arm, seed, Kind.mark)
        scores = {name: round(score, 2) for name, score in (judged.judges or {}).items() if score is not None}
        for first, second in itertools.combinations(scores, 2):
            pairs = self.sample.pairs.setdefault((first, second), Counter())
            pairs[scores[first], scores[second]] += 1

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
            self.numbers.setdefault(name, {}).setdefault(arm, _Means()).add(seed, value)

    def _choose(self, name: str, arm: str, seed: int, chosen: Mapping[str, int]) -> None:
        if name in self.odd:
            return
        arms = self.choices.setdefault(name, {})
        arms.setdefault(arm, _Choices()).add(seed, chosen)
        if name != "outcome" and len(arms[arm].chosen) > MANY_VALUES:
            self.odd.add(name)
            del self.choices[name]

    def finish(self) -> Sample:
        """The measures in their order: outcomes, what is always measured, then the experiment's own."""
        sample = self.sample
        costs = [name for name in self.numbers if name.startswith("cost:")]
        marks = [name for name in self.numbers if name.startswith("judged:")]
        own = dict.fromkeys(n for n in (*self.numbers, *self.choices) if n not in {*_OURS, *costs, *marks})
        for name in ("outcome", *SHOWN, *costs, *ASKED, *own, "judged", *marks):
            if name in self.numbers:
                shown = "cost" if costs == [name] else name
                sample.kinds[shown] = self.kinds[name]
                sample.values[shown] = {arm: means.finish() for arm, means in self.numbers.pop(name).items()}
            self._choices(name)
        sample.currency = costs[0].removeprefix("cost:") if len(costs) == 1 else ""
        sample.unread += sorted(self.odd)
        return sample

    def _choices(self, name: str) -> None:
        arms = self.choices.get(name, {})
        ends = sorted({end for choices in arms.values() for end in choices.chosen})
        if len(ends) > MANY_VALUES and name != "outcome":
            self.odd.add(name)
            return
        for end in ends:
            self.sample.kinds[f"{name}:{end}"] = Kind.share
            self.sample.values[f"{name}:{end}"] = {arm: choices.shares(end) for arm, choices in arms.items()}


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
    if len(given) == 1:  # in the order of the experiment, wherever a sweep began
        order = {arm: number for number, arm in enumerate(given[0].arms)}
        arms = reader.sample.arms
        reader.sample.arms = {arm: arms[arm] for arm in sorted(arms, key=lambda arm: order.get(arm, len(order)))}
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
