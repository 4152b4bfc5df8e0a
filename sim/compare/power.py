"""How many seeds a difference would need to be found, and what difference so many seeds can find.

A paired difference is planned for as the mean of what the pairs differ by, which for shares is what McNemar's test
looks at too (Connor 1987, Biometrics 43, 207-211); an unpaired one by the spread of the two arms.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

from statsmodels.stats.power import TTestIndPower, TTestPower

POWER = 0.8
"""The chance with which a difference that is there should be found."""

ALPHA = 0.05
"""The chance, over all comparisons together, with which one is found that is not there."""

MOST = 1_000_000
"""Nobody plays more to tell a difference; a larger number says only that there is next to none."""


def seeds_needed(difference: float, spread: float, comparisons: int, *, is_paired: bool) -> int | None:
    """Seeds in each arm with which a difference is found four times in five.

    Args:
        difference: in units of the measure.
        spread: the standard deviation of the pairs' differences, or of an arm's values where there are no pairs.
        comparisons: how many are made; the first must pass a limit of 5 % divided by them (Bonferroni, Holm).
        is_paired: whether both arms have the same seeds.

    Returns:
        The number; None where there is no difference, or it would take more than a million.
    """
    if not difference or spread <= 0:
        return None
    size = abs(difference) / spread
    if size < 1e-3:
        return None
    if size > 5:
        return 5  # a test of fewer cannot find anything at 5 %
    found = _solved(is_paired, effect_size=size, alpha=ALPHA / max(1, comparisons), power=POWER)
    return None if found is None or found > MOST else max(5, math.ceil(found))


def smallest_found(seeds: int, spread: float, comparisons: int, *, is_paired: bool) -> float | None:
    """The difference that so many seeds in each arm find four times in five; None if they are too few."""
    if seeds < 3 or spread <= 0:
        return None
    found = _smallest(seeds, comparisons, is_paired)
    return None if found is None else found * spread


@lru_cache(maxsize=1000)
def _smallest(seeds: int, comparisons: int, is_paired: bool) -> float | None:
    name = "nobs" if is_paired else "nobs1"
    return _solved(is_paired, **{name: seeds}, alpha=ALPHA / max(1, comparisons), power=POWER)


def _solved(is_paired: bool, **given: Any) -> float | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it did not converge is seen in the answer
        found = float((TTestPower() if is_paired else TTestIndPower()).solve_power(**given))
    return found if math.isfinite(found) and found > 0 else None
