"""How values spread: of what was measured once for each of many, and of what went up and down over time."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The mean, the median, the 95th percentile and the largest of some values."""

    mean: float
    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """Of values that all count the same; None where there is none.

        Between two values a percentile lies where its share does ("inclusive", as most spreadsheets have it).
        """
        ordered = sorted(values)
        if not ordered:
            return None
        p95 = statistics.quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
        return cls(statistics.fmean(ordered), statistics.median(ordered), p95, ordered[-1])


class Level:
    """A whole number that goes up and down over time, such as the length of a queue; it begins as 0 at minute 0."""

    def __init__(self) -> None:
        self.now = 0
        self._since = 0.0
        self._minutes: dict[int, float] = {}

    def change(self, time: float, by: int) -> None:
        """From a minute on it is higher or lower."""
        self._pass(time)
        self.now = max(0, self.now + by)

    def spread(self, until: float) -> Spread | None:
        """Over the time from minute 0 to a later one, each minute counting the same; None where no time passed."""
        self._pass(until)
        whole = sum(self._minutes.values())
        if not whole:
            return None
        mean = sum(level * minutes for level, minutes in self._minutes.items()) / whole
        return Spread(mean, self._below(whole / 2), self._below(whole * 0.95), max(self._minutes))

    def _pass(self, time: float) -> None:
        if time > self._since:
            self._minutes[self.now] = self._minutes.get(self.now, 0.0) + time - self._since
            self._since = time

    def _below(self, minutes: float) -> float:
        """The level that is not exceeded in so many minutes of the time."""
        passed = 0.0
        for level in sorted(self._minutes):
            passed += self._minutes[level]
            if passed >= minutes - 1e-9:
                return level
        return max(self._minutes)
