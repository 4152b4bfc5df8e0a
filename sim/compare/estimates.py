"""What an arm has of a measure: a share or a mean, and a median, each with an interval.

SciPy and statsmodels compute them; both are the extra ``compare``, imported by this package's modules of statistics
alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from sim.compare.sample import Kind

LEVEL = 0.95
"""Of all intervals."""

FEWEST_FOR_BOOTSTRAP = 20
"""Of fewer values a bootstrap's intervals are too narrow (Efron and Tibshirani 1993, chapter 14)."""

MOST_FOR_BOOTSTRAP = 500
"""From here on means are normal whatever their values, so Student's interval is as good and costs nothing."""

RESAMPLES = 2000

Interval = tuple[float | None, float | None]
"""The lower and the upper end; None where the values do not give one."""


@dataclass(frozen=True)
class Estimate:
    """A measure in an arm; ``n`` counts seeds, ``method`` is how the interval of the mean was found."""

    measure: str
    arm: str
    kind: Kind
    n: int
    mean: float
    interval: Interval
    method: str
    median: float | None = None
    median_interval: Interval = (None, None)


def estimate(measure: str, arm: str, kind: Kind, values: Sequence[float]) -> Estimate:
    """The mean of at least one value; of a share that is 0 or 1 in each run by Wilson's interval."""
    array = np.asarray(values, dtype=float)
    n, mean = len(array), float(array.mean())
    if kind is Kind.share:
        if is_binary(array):
            low, high = proportion_confint(int(array.sum()), n, alpha=1 - LEVEL, method="wilson")
            return Estimate(measure, arm, kind, n, mean, (float(low), float(high)), "wilson")
        interval, method = mean_interval(array)
        return Estimate(measure, arm, kind, n, mean, within(interval, 0, 1), method)
    interval, method = mean_interval(array)
    return Estimate(measure, arm, kind, n, mean, interval, method, float(np.median(array)), median_interval(array))


def is_binary(values: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0, 1)).all())


def mean_interval(values: np.ndarray) -> tuple[Interval, str]:
    """The interval of a mean, and how it was found: ``bca``, ``t``, or ``none`` of a single value."""
    n = len(values)
    if n < 2:
        return (None, None), "none"
    if np.ptp(values) == 0:
        return (float(values[0]), float(values[0])), "same"
    if FEWEST_FOR_BOOTSTRAP <= n <= MOST_FOR_BOOTSTRAP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where it finds no interval, Student's is taken
            found = stats.bootstrap(
                (values,), np.mean, n_resamples=RESAMPLES, confidence_level=LEVEL, method="BCa",
                vectorized=True, rng=np.random.default_rng(0),
            ).confidence_interval  # fmt: skip
        if math.isfinite(found.low) and math.isfinite(found.high):
            return (float(found.low), float(found.high)), "bca"
    return t_interval(values), "t"


def t_interval(values: np.ndarray) -> Interval:
    """Student's interval of a mean of at least two values that are not all the same."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    return float(found.low), float(found.high)


def median_interval(values: np.ndarray) -> Interval:
    """The exact interval of a median, by ranks; open at an end where there are too few values."""
    found = stats.quantile_test(values, q=0, p=0.5).confidence_interval(LEVEL)
    low, high = float(found.low), float(found.high)
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)


def within(interval: Interval, least: float, most: float) -> Interval:
    """An interval cut to the values that there can be."""
    low, high = interval
    return (None if low is None else max(least, low), None if high is None else min(most, high))
