"""Random draws by key: what is drawn depends on (seed, episode, purpose, turn), never on what was drawn before.

So a run that is resumed, or forked at turn N, draws from there on what the straight run would have drawn. Only
``random.Random.random`` is used, whose sequence for a text seed is the same in every Python version.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

from sim.world.phases import Minutes

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
        return Draw(random.Random(name))  # noqa: S311 - a simulation, not a secret


class Draw:
    """One stream: draws are taken from it in order."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

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
        logarithms; it is drawn by inversion.
        """
        if duration.fixed is not None:
            return round(duration.fixed, 2)
        if duration.uniform is not None:
            low, high = duration.uniform
            return round(low + (high - low) * self.uniform(), 2)
        given = duration.lognormal or {"mean": 1.0, "sd": 1.0}
        variance = math.log1p((given["sd"] / given["mean"]) ** 2)
        mu = math.log(given["mean"]) - variance / 2
        mark = min(max(self.uniform(), 1e-12), 1 - 1e-12)
        return round(math.exp(mu + math.sqrt(variance) * _NORMAL.inv_cdf(mark)), 2)
