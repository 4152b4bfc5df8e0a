"""Random draws by key: what is drawn depends on (seed, episode, purpose, turn), never on what was drawn before.

So a run that is resumed, or forked at turn N, draws from there on what the straight run would have drawn. Only
``random.Random.random`` is used, whose sequence for a text seed is the same in every Python version.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cached_property
from statistics import NormalDist
from typing import TypeVar

from sim.world.durations import Minutes

_T = TypeVar("_T")
_NORMAL = NormalDist()


class Streams:
    """The seeded streams of one episode."""

    def __init__(self, seed: int, episode: int) -> None:
        self.seed = seed
        self.episode = episode

    def at(self, purpose: str, *key: object) -> Draw:
        """The stream for a purpose and a key, such as ``("duration", turn)``."""
        name = "/".join(str(k) for k in (self.seed, self.episode, purpose, *key))
        return Draw(name)


class Draw:
    """One stream: draws are taken from it in order."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _source(self) -> random.Random:
        """Made as late as it can be: what takes a fixed time draws nothing."""
        return random.Random(self._name)  # noqa: S311 - a simulation, not a secret

    def uniform(self) -> float:
        """A number from 0 up to, but not, 1."""
        return self._source.random()

    def pick(self, options: Sequence[_T]) -> _T:
        """One of several, all alike."""
        return options[int(self.uniform() * len(options))]

    def weighted(self, options: Sequence[tuple[_T, float]]) -> _T:
        """One of several ``(option, weight)``."""
        mark = self.uniform() * sum(weight for _, weight in options)
        for option, weight in options:
            mark -= weight
            if mark < 0:
                return option
        return options[-1][0]

    def order(self, count: int) -> list[int]:
        """The numbers below ``count``, shuffled (Fisher-Yates)."""
        items = list(range(count))
        for i in range(count - 1, 0, -1):
            j = int(self.uniform() * (i + 1))
            items[i], items[j] = items[j], items[i]
        return items

    def minutes(self, duration: Minutes) -> float:
        """How long something takes, in simulated minutes, to a hundredth of a minute.

        A lognormal is given by the mean and the standard deviation of the durations themselves, not of their
        logarithms. All are drawn by inversion, one number each; a normal below zero counts as zero. A duration by
        words is not drawn, and is zero here.
        """
        return round(self.exact_minutes(duration), 2)

    def exact_minutes(self, duration: Minutes) -> float:
        """The same, not rounded: for times that are added up."""
        if duration.fixed is not None:
            return duration.fixed
        if duration.words is not None:
            return 0.0
        mark = self.uniform()
        if duration.uniform is not None:
            low, high = duration.uniform
            return low + (high - low) * mark
        if duration.exponential is not None:
            return -duration.exponential * math.log1p(-mark)
        if duration.triangular is not None:
            return _triangular(mark, *duration.triangular)
        if duration.empirical is not None:
            return duration.empirical[int(mark * len(duration.empirical))]
        inner = _NORMAL.inv_cdf(min(max(mark, 1e-12), 1 - 1e-12))
        if duration.normal is not None:
            return max(0.0, duration.normal["mean"] + duration.normal["sd"] * inner)
        given = duration.lognormal or {"mean": 1.0, "sd": 1.0}
        variance = math.log1p((given["sd"] / given["mean"]) ** 2)
        mu = math.log(given["mean"]) - variance / 2
        return math.exp(mu + math.sqrt(variance) * inner)


def _triangular(mark: float, low: float, likely: float, high: float) -> float:
    if high == low:
        return low
    cut = (likely - low) / (high - low)
    if mark < cut:
        return low + math.sqrt(mark * (high - low) * (likely - low))
    return high - math.sqrt((1 - mark) * (high - low) * (high - likely))
