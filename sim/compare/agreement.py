"""How far the judges of an experiment agree, over the runs that all of them marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa

from sim.compare.estimates import Interval
from sim.compare.sample import Pair

MOST_SCORES = 1000
"""Of more different scores no table is made."""


@dataclass(frozen=True)
class Agreement:
    """Two judges: on how many runs, their kappa, and by how much the first marks higher on the mean.

    ``kappa`` is 1 where they always agree and 0 where no more than by chance; None where all marks are the same.
    """

    first: str
    second: str
    n: int
    kappa: float | None
    interval: Interval
    difference: float


def agreements(pairs: Mapping[tuple[str, str], Counter[Pair]]) -> Iterator[Agreement]:
    """The agreement of each two judges, by how often they gave a run which scores.

    It is Cohen's kappa with quadratic weights (Cohen 1968), so that marks far apart count more than neighbours,
    with the asymptotic interval of Fleiss, Cohen and Everitt (1969).
    """
    for (first, second), counts in pairs.items():
        n = counts.total()
        difference = sum((a - b) * times for (a, b), times in counts.items()) / n
        kappa, interval = _kappa(counts)
        yield Agreement(first, second, n, kappa, interval, difference)


def _kappa(counts: Counter[Pair]) -> tuple[float | None, Interval]:
    scores = sorted({score for pair in counts for score in pair})
    if not 2 <= len(scores) <= MOST_SCORES:
        return None, (None, None)
    at = {score: index for index, score in enumerate(scores)}
    table = np.zeros((len(scores), len(scores)))
    for (a, b), times in counts.items():
        table[at[a], at[b]] += times
    found = cohens_kappa(table, weights=scores, wt="quadratic")
    low, high = float(found.kappa_low), float(found.kappa_upp)
    is_known = np.isfinite(low) and np.isfinite(high)
    return float(found.kappa), (max(-1.0, low), min(1.0, high)) if is_known else (None, None)
