"""Two arms held against each other in one measure: the test, the difference with its interval, the effect's size.

Which test is right is decided by what was measured and how much of it differs, never by what a test would say.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from sim.compare.estimates import LEVEL, Interval, is_binary, mean_interval, t_interval
from sim.compare.sample import Kind

ENOUGH = 30
"""So many values that differ make a mean's distribution near enough to the normal one for Student's test."""

MOST_FOR_RANKS = 200
"""Of more values the mean of all pairs' means would take a square of them; the mean difference is told instead."""


@dataclass(frozen=True)
class Found:
    """What a test found.

    ``test`` names it, ``estimate`` what the difference is of, ``p`` is None where nothing differs, so that nothing
    could be found. ``effect`` is between -1 and 1: of all pairs, how many more favour the first arm.
    """

    test: str
    estimate: str
    difference: float
    interval: Interval
    method: str
    p: float | None
    effect: float
    spread: float
    """The standard deviation that the power of a further experiment depends on."""


def are_few(kind: Kind, first: np.ndarray, second: np.ndarray, *, is_paired: bool) -> bool:
    """Whether what differs is too little for a t test, though something does; marks always go by ranks."""
    if is_paired:
        change = first - second
        is_same = bool(np.ptp(change) == 0)
        return bool(change.any()) and (kind is Kind.mark or int(np.count_nonzero(change)) < ENOUGH or is_same)
    whole = np.concatenate([first, second])
    is_same = bool(min(np.ptp(first), np.ptp(second)) == 0)
    return bool(np.ptp(whole)) and (kind is Kind.mark or min(len(first), len(second)) < ENOUGH or is_same)


def paired(kind: Kind, first: np.ndarray, second: np.ndarray, *, by_ranks: bool | None = None) -> Found:
    """Hold the values of one arm against those of another, seed by seed; at least one pair.

    Numbers go by ranks where they are few; ``by_ranks`` says so for all arms of a measure, so that their
    differences are of one kind.
    """
    change = first - second
    effect, spread = _matched(change), float(change.std(ddof=1)) if len(change) > 1 else 0.0
    if kind is Kind.share and is_binary(first) and is_binary(second):
        a, b = int((first * second).sum()), int((first * (1 - second)).sum())
        c, d = int(((1 - first) * second).sum()), int(((1 - first) * (1 - second)).sum())
        p = float(mcnemar([[a, b], [c, d]], exact=True).pvalue) if b + c else None
        interval = paired_newcombe(a, b, c, d)
        return Found("mcnemar", "risk", (b - c) / len(change), interval, "newcombe_paired", p, effect, spread)
    if not change.any():
        return Found("none", "mean", 0.0, (0.0, 0.0), "same", None, 0.0, spread)
    if not (are_few(kind, first, second, is_paired=True) if by_ranks is None else by_ranks):
        p = float(stats.ttest_rel(first, second).pvalue)
        return Found("t_paired", "mean", float(change.mean()), t_interval(change), "t", p, effect, spread)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few values: the exact test is taken then
        p = float(stats.wilcoxon(change).pvalue)
    if len(change) <= MOST_FOR_RANKS:
        rows, columns = np.triu_indices(len(change))
        steps = np.sort((change[rows] + change[columns]) / 2)
        interval = _inverted(steps, lambda shift: float(stats.wilcoxon(change - shift).pvalue))
        return Found("wilcoxon", "hodges_lehmann", float(np.median(steps)), interval, "inverted", p, effect, spread)
    interval, method = mean_interval(change)
    return Found("wilcoxon", "mean", float(change.mean()), interval, method, p, effect, spread)


def unpaired(kind: Kind, first: np.ndarray, second: np.ndarray, *, by_ranks: bool | None = None) -> Found:
    """Hold the values of one arm against those of another, whose seeds are others; at least one of each.

    ``by_ranks`` is as in ``paired``.
    """
    m, n = len(first), len(second)
    difference = float(first.mean() - second.mean())
    spread = float(np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)) if min(m, n) > 1 else 0.0
    if kind is Kind.share and is_binary(first) and is_binary(second):
        x, y = int(first.sum()), int(second.sum())
        p = float(stats.fisher_exact([[x, m - x], [y, n - y]]).pvalue) if 0 < x + y < m + n else None
        low, high = confint_proportions_2indep(x, m, y, n, method="newcomb", compare="diff", alpha=1 - LEVEL)
        return Found("fisher", "risk", difference, (float(low), float(high)), "newcombe", p, difference, spread)
    whole = np.concatenate([first, second])
    if np.ptp(whole) == 0:
        return Found("none", "mean", 0.0, (0.0, 0.0), "same", None, 0.0, spread)
    effect = 2 * float(stats.mannwhitneyu(first, second).statistic) / (m * n) - 1
    varies = min(np.ptp(first), np.ptp(second)) > 0
    student = stats.ttest_ind(first, second, equal_var=False) if varies else None
    bounds = student.confidence_interval(LEVEL) if student is not None else None
    welch: Interval = (float(bounds.low), float(bounds.high)) if bounds is not None else (None, None)
    is_few = are_few(kind, first, second, is_paired=False) if by_ranks is None else by_ranks
    if student is not None and not is_few:
        return Found("welch", "mean", difference, welch, "t", float(student.pvalue), effect, spread)
    p = float(stats.mannwhitneyu(first, second).pvalue)
    if max(m, n) <= MOST_FOR_RANKS:
        steps = np.sort(np.subtract.outer(first, second).ravel())
        interval = _inverted(steps, lambda shift: float(stats.mannwhitneyu(first - shift, second).pvalue))
        shift = float(np.median(steps))
        return Found("mann_whitney", "hodges_lehmann", shift, interval, "inverted", p, effect, spread)
    return Found("mann_whitney", "mean", difference, welch, "t", p, effect, spread)


def paired_newcombe(both: int, first: int, second: int, neither: int) -> Interval:
    """The interval of the difference of two shares in the same seeds, of which so many had both, one, or neither.

    Newcombe 1998 (Statistics in Medicine 17, 2635-2650), method 10: the two Wilson intervals, put together with the
    correlation of the pairs. Neither SciPy nor statsmodels has it.
    """
    n = both + first + second + neither
    p, q = (both + first) / n, (both + second) / n
    (low_p, high_p), (low_q, high_q) = (
        proportion_confint(count, n, alpha=1 - LEVEL, method="wilson") for count in (both + first, both + second)
    )
    sides = (both + first) * (second + neither) * (both + second) * (first + neither)
    product = both * neither - first * second
    covered = max(product - n / 2, 0.0) if product > 0 else float(product)
    phi = covered / math.sqrt(sides) if sides else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

    return (
        float(max(-1.0, p - q - reach(p - low_p, high_q - q))),
        float(min(1.0, p - q + reach(high_p - p, q - low_q))),
    )


def _matched(change: np.ndarray) -> float:
    """The matched-pairs rank-biserial correlation (Kerby 2014), from the signed ranks of SciPy's test."""
    moved = change[change != 0]
    if not len(moved):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        upward = float(stats.wilcoxon(moved, alternative="greater", method="asymptotic").statistic)
    return 4 * upward / (len(moved) * (len(moved) + 1)) - 1


def _inverted(steps: np.ndarray, p_of: Callable[[float], Any]) -> Interval:
    """The shifts that a test would not refuse: the interval that belongs to it.

    ``steps`` are the sorted shifts at which its ranks change, so between two of them it says the same.
    """
    found = np.unique(steps)
    if len(found) == 1:
        return float(found[0]), float(found[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        between = (found[1:] + found[:-1]) / 2
        middle = int(np.searchsorted(between, np.median(steps)))
        low = _first(0, middle, lambda i: p_of(between[i]) > 1 - LEVEL)
        high = _first(0, len(between) - middle, lambda i: p_of(between[len(between) - 1 - i]) > 1 - LEVEL)
    return float(found[low]), float(found[len(found) - 1 - high])


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first number from ``low`` on of which it holds, if it then goes on to hold; ``high`` if of none."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
