"""How much of a stock there was over time, from what was logged when some was taken and when it is refilled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sim.world.stations import Resource

_DRAWN = 200
"""Refills in a row of which each is told to who draws them; of more, so many."""


@dataclass(frozen=True)
class Stock:
    """What became of a stock.

    ``start``, ``mean`` (over the whole time of the run), ``least`` and ``left`` are how much there was; ``taken``
    is how much was used up, ``filled`` how much came in and ``refills`` how often something did; ``empty`` is for
    how many simulated minutes there was nothing.
    """

    start: float
    mean: float
    least: float
    left: float
    taken: float
    filled: float
    refills: int
    empty: float


class StockLevel:
    """Follows one stock from minute 0 on.

    Refill number n comes at n times its ``every``, and brings its amount or what there is room for; what was taken
    is what is missing then. ``on_level`` is told of each minute at which there was more or less, and how much.
    """

    def __init__(self, spec: Resource, on_level: Callable[[float, float], None] | None = None) -> None:
        self._refill = spec.refill
        self._most = math.inf if spec.most is None else spec.most
        self._start = self._level = self._least = spec.stock or 0.0
        self._on_level = on_level
        self._time = self._area = self._empty = self._taken = self._filled = 0.0
        self._due = self._refills = 0

    def note(self, time: float, left: float, due: int | None) -> None:
        """Take what was left at a minute, when it had been to be refilled ``due`` times.

        Where the log does not say how often, all that are due at that minute are taken to have come before.
        """
        come = math.floor(self._periods(time) + 1e-9)
        self._pass(time, come if due is None else min(due, come + 1))
        if left != self._level:
            self._taken += self._level - left
            self._level = left
            self._least = min(self._least, left)
            self._tell(time)

    def result(self, until: float) -> Stock:
        """What became of it until a minute; refills of that very minute count only where a note was after them."""
        self._pass(until, math.ceil(self._periods(until) - 1e-9) - 1)
        mean = self._area / until if until else self._level
        return Stock(
            self._start,
            mean,
            self._least,
            self._level,
            round(self._taken, 6),
            round(self._filled, 6),
            self._refills,
            round(self._empty, 2),
        )

    def _periods(self, time: float) -> float:
        """How often it is to be refilled until a minute, and the share of the next; a forged log has any minute."""
        return min(time / self._refill.every, 1e15) if self._refill is not None else 0.0

    def _pass(self, time: float, due: int) -> None:
        """Let time pass, in which it was refilled: in one step, however often."""
        before, level, passed = self._due, self._level, time - self._time
        times, amount, every = 0, 0.0, 0.0
        if self._refill is not None and due > before:
            amount, every = self._refill.amount, self._refill.every
            room = (self._most - level) / amount
            times = due - before if room == math.inf else min(due - before, max(0, math.ceil(room - 1e-9)))
        self._area += level * passed
        if level <= 0:
            first = (before + 1) * every - self._time if times else passed
            self._empty += min(passed, max(0.0, first))
        if times:
            whole = times - 1
            last = min(amount, self._most - level - whole * amount)
            self._area += amount * (whole * time - every * (whole * before + whole * (whole + 1) / 2))
            self._area += last * (time - (before + times) * every)
            self._filled += whole * amount + last
            self._refills += times
            self._level = level + whole * amount + last
            for n in range(1, times + 1, max(1, times // _DRAWN)):
                self._tell((before + n) * every, min(self._most, level + n * amount))
            self._tell((before + times) * every)
        self._time, self._due = time, max(due, before)

    def _tell(self, time: float, level: float | None = None) -> None:
        if self._on_level is not None:
            self._on_level(time, self._level if level is None else level)
