"""Who wins games: models by the cards they are dealt, and their strength where they meet."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from sim.compare.estimates import LEVEL, Interval, within
from sim.compare.sample import Game

RESAMPLES = 400
"""Fewer than for a mean: each fits the whole model again."""

ELO = 400 / math.log(10)
"""Points of Elo for a unit of log odds: 400 points are ten to one."""

BASE = 1500
"""Where Elo has the mean of all models, by custom."""


@dataclass(frozen=True)
class WinRate:
    """How often a model won on seats of a card; of all its seats where ``card`` is None."""

    model: str
    card: str | None
    seats: int
    wins: int
    interval: Interval

    @property
    def rate(self) -> float:
        """The share of the seats."""
        return self.wins / self.seats


@dataclass(frozen=True)
class Strength:
    """A model's strength after Bradley and Terry: log odds above the mean of all, and as Elo."""

    model: str
    strength: float
    interval: Interval
    is_bounded: bool
    """False where some never lost to the others: then the games set no limit, and the half wins alone hold it."""

    @property
    def elo(self) -> float:
        """The same on Elo's scale: 400 points are odds of ten to one."""
        return BASE + ELO * self.strength

    @property
    def chance(self) -> float:
        """The chance to win against a model of the mean strength."""
        return 1 / (1 + math.exp(-self.strength))

    @property
    def elo_interval(self) -> Interval:
        """The interval of the strength on Elo's scale."""
        low, high = self.interval
        return (None if low is None else BASE + ELO * low, None if high is None else BASE + ELO * high)


@dataclass(frozen=True)
class Games:
    """What the games of an experiment say of its models; ``meetings`` are wins of one model over another."""

    games: int
    blocks: int
    rates: tuple[WinRate, ...]
    meetings: dict[tuple[str, str], float]
    strengths: tuple[Strength, ...]


def games_of(games: Iterable[Game]) -> Games | None:
    """Win rates and strengths, with intervals by drawing blocks (seeds) anew; None where there are no games."""
    blocks: dict[int, list[Game]] = defaultdict(list)
    for game in games:
        blocks[game.seed].append(game)
    if not blocks:
        return None
    kept = list(blocks.values())
    weights = np.random.default_rng(0).multinomial(len(kept), [1 / len(kept)] * len(kept), size=RESAMPLES)
    pairs = [_meetings(block) for block in kept]
    return Games(
        sum(map(len, kept)),
        len(kept),
        tuple(_rates(kept, weights)),
        _summed(pairs, [1] * len(kept)),
        tuple(_strengths(pairs, weights)),
    )


def _rates(blocks: Sequence[Sequence[Game]], weights: np.ndarray) -> Iterable[WinRate]:
    counts: dict[tuple[str, str | None], np.ndarray] = {}
    for number, block in enumerate(blocks):
        for game in block:
            for model, card, won in game.seats:
                for key in {(model, card), (model, None)}:
                    table = counts.setdefault(key, np.zeros((len(blocks), 2)))
                    table[number] += (1, won)
    for (model, card), table in sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        seats, wins = table.sum(axis=0)
        drawn = weights @ table
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = drawn[:, 1] / drawn[:, 0]
        interval = within(_around(wins / seats, shares[np.isfinite(shares)], len(blocks)), 0, 1)
        if wins in {0, seats}:  # drawn anew it is the same each time, which is no reason to be sure
            there = int((table[:, 0] > 0).sum())
            ends = proportion_confint(there if wins else 0, there, method="wilson")
            interval = (float(ends[0]), float(ends[1]))
        yield WinRate(model, card, int(seats), int(wins), interval)


def _meetings(games: Iterable[Game]) -> dict[tuple[str, str], float]:
    """Wins of a model over another: of each game the pairs of a winning and a losing seat, together worth one."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for game in games:
        winners = [model for model, _, won in game.seats if won]
        losers = [model for model, _, won in game.seats if not won]
        pairs = [(w, loser) for w in winners for loser in losers if w != loser]
        for pair in pairs:
            found[pair] += 1 / len(pairs)
    return dict(found)


def _summed(pairs: Sequence[Mapping[tuple[str, str], float]], weights: Sequence[float]) -> dict[Any, float]:
    whole: dict[tuple[str, str], float] = defaultdict(float)
    for block, weight in zip(pairs, weights, strict=True):
        for pair, wins in block.items():
            whole[pair] += weight * wins
    return dict(sorted(whole.items()))


def _strengths(pairs: Sequence[Mapping[tuple[str, str], float]], weights: np.ndarray) -> Iterable[Strength]:
    whole = _summed(pairs, [1] * len(pairs))
    met = sorted({tuple(sorted(pair)) for pair in whole})
    models = sorted({model for pair in met for model in pair})
    if len(models) < 2 or not nx.is_connected(nx.Graph(met)):
        return
    wins = np.array([[[block.get((a, b), 0), block.get((b, a), 0)] for a, b in met] for block in pairs])
    design = np.array([[(m == a) - (m == b) for m in models] for a, b in met], dtype=float)
    best = _fitted(design, wins.sum(axis=0))
    drawn = np.array([_fitted(design, table) for table in np.tensordot(weights, wins, axes=1)])
    # Ford 1957: the likelihood has a largest value only where each has beaten each, by way of others or not.
    is_bounded = nx.is_strongly_connected(nx.DiGraph(list(whole)))
    for n in sorted(range(len(models)), key=lambda n: -best[n]):
        yield Strength(models[n], float(best[n]), _around(float(best[n]), drawn[:, n], len(pairs)), is_bounded)


def _fitted(design: np.ndarray, wins: np.ndarray) -> np.ndarray:
    """Log odds of each model above the mean of all: a logistic regression on who met whom.

    Each pair that met is given half a win either way, so that a model that never lost has a strength too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.GLM(wins + 0.5, design[:, 1:], family=sm.families.Binomial()).fit()
    found = np.concatenate([[0.0], fit.params])
    return np.asarray(found - found.mean())


def _around(value: float, drawn: np.ndarray, blocks: int) -> Interval:
    """An interval as wide as what drawing the blocks anew spreads, by Student's quantile for so many blocks."""
    if blocks < 2 or len(drawn) < 2:
        return None, None
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, blocks - 1) * drawn.std(ddof=1))
    return value - reach, value + reach
