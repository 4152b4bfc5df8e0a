"""The tests and intervals against values that were published, and against each other."""

from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.compare.estimates import estimate, mean_interval
from sim.compare.sample import Kind
from sim.compare.testing import Found, paired, paired_newcombe, unpaired


def pairs(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of two arms in so many seeds in which both, one or neither came to it."""
    counts = (both, first, second, neither)
    return (
        np.repeat([1.0, 1.0, 0.0, 0.0], counts),
        np.repeat([1.0, 0.0, 1.0, 0.0], counts),
    )


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        # Newcombe 1998, Statistics in Medicine 17, 2635-2650, table II: method 10
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        # Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33, 2850-2875: airway reactivity
        ((1, 1, 7, 12), (-0.507, -0.026)),
    ],
)
def test_the_interval_of_paired_shares_is_the_published_one(
    table: tuple[int, int, int, int], interval: tuple[float, float]
) -> None:
    """To the digits that were printed."""
    digits = 4 if table[0] == 36 else 3
    assert tuple(round(end, digits) for end in paired_newcombe(*table) if end is not None) == interval


def test_paired_shares_are_tested_by_the_pairs_that_differ() -> None:
    """McNemar's exact test is a sign test of these: 12 of 14."""
    found = paired(Kind.share, *pairs(36, 12, 2, 0))
    assert (found.test, found.difference) == ("mcnemar", 0.2)
    assert found.p == pytest.approx(2 * stats.binom.cdf(2, 14, 0.5))
    assert found.effect == pytest.approx(10 / 14)


def test_unpaired_shares_are_tested_by_fisher_with_newcombes_interval() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873-890, table II, example (a): 56 of 70 beside 48 of 80."""
    first, second = np.repeat([1.0, 0.0], (56, 14)), np.repeat([1.0, 0.0], (48, 32))
    found = unpaired(Kind.share, first, second)
    assert found.test == "fisher"
    assert [round(end, 4) for end in found.interval if end is not None] == [0.0524, 0.3339]
    assert found.difference == pytest.approx(0.2)
    assert found.p == pytest.approx(stats.fisher_exact([[56, 14], [48, 32]]).pvalue)


def test_few_pairs_are_tested_by_ranks_and_told_after_hodges_and_lehmann() -> None:
    """Hollander and Wolfe 1973, p. 29, as in the manual of R's ``wilcox.test``: V = 40, p = 0.03906."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = paired(Kind.number, before, after)
    assert (found.test, round(found.p or 0, 5)) == ("wilcoxon", 0.03906)
    assert round(found.difference, 3) == 0.46
    assert found.effect == pytest.approx(2 * 40 / 45 - 1)
    assert found.interval == pytest.approx((0.01, 0.786))


def shifted_is_refused(found: Found, first: np.ndarray, second: np.ndarray, shift: float, is_paired: bool) -> bool:
    test = stats.wilcoxon(first - second - shift) if is_paired else stats.mannwhitneyu(first - shift, second)
    return bool(test.pvalue <= 0.05)


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("number", range(5))
def test_an_interval_of_ranks_holds_what_its_test_would_not_refuse(is_paired: bool, number: int) -> None:
    """Just inside its ends the test says nothing, just outside it refuses."""
    rng = np.random.default_rng(number)
    first, second = rng.normal(1, 1, 12), rng.normal(0, 2, 12)
    found = (paired if is_paired else unpaired)(Kind.number, first, second)
    low, high = found.interval
    assert low is not None
    assert high is not None
    assert low < found.difference < high
    outside = [shifted_is_refused(found, first, second, end, is_paired) for end in (low - 1e-9, high + 1e-9)]
    inside = [shifted_is_refused(found, first, second, end, is_paired) for end in (low + 1e-9, high - 1e-9)]
    assert (outside, inside) == ([True, True], [False, False])


def test_many_pairs_are_tested_by_students_test() -> None:
    """The interval and p say the same: it holds 0 where p is above 5 %."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(10, 2, 60), rng.normal(9, 2, 60)
    found = paired(Kind.number, first, second)
    assert (found.test, found.method) == ("t_paired", "t")
    assert found.p == pytest.approx(stats.ttest_1samp(first - second, 0).pvalue)
    low, _ = found.interval
    assert low is not None
    assert (low > 0) is (found.p is not None and found.p < 0.05)


def test_many_values_without_pairs_are_tested_by_welch() -> None:
    """The spreads need not be the same."""
    rng = np.random.default_rng(2)
    first, second = rng.normal(10, 1, 40), rng.normal(9, 5, 50)
    found = unpaired(Kind.number, first, second)
    assert (found.test, found.p) == ("welch", pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue))


@pytest.mark.parametrize(("first", "effect"), [([5.0, 6.0], 1.0), ([1.0, 2.0], -1.0), ([3.0, 4.0], 0.0)])
def test_cliffs_delta_tells_how_many_pairs_are_higher(first: list[float], effect: float) -> None:
    """From all lower to all higher."""
    assert unpaired(Kind.number, np.array(first), np.array([3.0, 4.0])).effect == pytest.approx(effect)


_VALUE = st.integers(-20, 20).map(float)
VALUES = st.lists(_VALUE, min_size=3, max_size=8) | st.lists(_VALUE, min_size=14, max_size=35)
"""Of 9 to 13 values with ties SciPy tries all signs, which takes seconds."""


def mirrored(found: Found, other: Found) -> None:
    """The second is the first the other way about."""
    assert other.test == found.test
    assert other.difference == pytest.approx(-found.difference, abs=1e-9)
    assert other.effect == pytest.approx(-found.effect, abs=1e-9)
    assert other.p == (None if found.p is None else pytest.approx(found.p, rel=1e-6))
    low, high = found.interval
    assert other.interval == pytest.approx(
        (None if high is None else -high, None if low is None else -low), abs=1e-6
    )


@settings(max_examples=8)
@given(VALUES, st.randoms(use_true_random=False))
def test_what_is_said_of_two_arms_is_said_the_other_way_about(values: list[float], random: Random) -> None:
    """Whatever the values and their ties: the difference and its ends change their signs, p is the same."""
    first = np.array(values)
    second = np.array([value + random.choice([-2.0, 0.0, 0.0, 1.0]) for value in values])
    mirrored(paired(Kind.number, first, second), paired(Kind.number, second, first))
    mirrored(unpaired(Kind.number, first, second[1:]), unpaired(Kind.number, second[1:], first))


@given(*[st.integers(0, 30)] * 4)
def test_an_interval_of_paired_shares_holds_their_difference(
    both: int, first: int, second: int, neither: int
) -> None:
    """Within -1 and 1, and the other way about it is mirrored."""
    n = both + first + second + neither
    assume(n > 0)
    low, high = paired_newcombe(both, first, second, neither)
    assert low is not None
    assert high is not None
    assert -1 <= low <= (first - second) / n + 1e-9
    assert (first - second) / n - 1e-9 <= high <= 1
    assert paired_newcombe(both, second, first, neither) == pytest.approx((-high, -low))


def test_marks_are_tested_by_ranks_however_many_there_are() -> None:
    """From 4 to 5 is not as far as from 1 to 2."""
    rng = np.random.default_rng(3)
    first, second = (rng.integers(1, 6, 400).astype(float) for _ in range(2))
    assert paired(Kind.mark, first, second).test == "wilcoxon"
    assert unpaired(Kind.mark, first, second).test == "mann_whitney"


def test_what_is_the_same_in_each_seed_is_no_comparison() -> None:
    """Nothing could be found, so it has no p."""
    same = np.full(20, 3.0)
    assert paired(Kind.number, same, same).p is None
    assert unpaired(Kind.number, same, same).p is None
    assert paired(Kind.share, *pairs(5, 0, 0, 5)).p is None
    assert unpaired(Kind.share, np.zeros(5), np.zeros(8)).p is None


def test_a_difference_that_is_the_same_in_each_seed_is_found() -> None:
    """Student's test divides by a spread of nothing, so ranks are taken."""
    values = np.arange(40.0)
    found = paired(Kind.number, values + 5, values)
    assert (found.test, found.difference, found.interval) == ("wilcoxon", 5.0, (5.0, 5.0))
    assert found.p is not None
    assert found.p < 1e-6


def test_a_few_pairs_that_differ_among_many_are_tested_by_ranks() -> None:
    """Of 1,000 runs 6 broke a rule in one arm: a mean of six values is not normal."""
    first = np.zeros(1000)
    first[:6] = 1.0
    found = paired(Kind.number, first, np.zeros(1000))
    assert (found.test, found.estimate, found.difference) == ("wilcoxon", "mean", 0.006)


def test_a_share_of_runs_has_wilsons_interval() -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I: 81 of 263, without continuity correction."""
    found = estimate("x", "a", Kind.share, [1.0] * 81 + [0.0] * 182)
    assert (found.method, [round(end or 0, 4) for end in found.interval]) == ("wilson", [0.2553, 0.3662])


def test_a_share_of_episodes_has_a_means_interval_within_0_and_1() -> None:
    """The episodes of a run are not independent of each other."""
    found = estimate("x", "a", Kind.share, [0.9, 1.0, 1.0, 0.2, 1.0])
    assert found.method == "t"
    assert found.interval[1] == 1.0


@pytest.mark.parametrize(("n", "method"), [(1, "none"), (5, "t"), (20, "bca"), (500, "bca"), (501, "t")])
def test_a_mean_has_the_interval_that_its_number_of_values_allows(n: int, method: str) -> None:
    """A bootstrap in the middle; it says the same each time."""
    values = np.random.default_rng(n).lognormal(size=n)
    first, second = mean_interval(values), mean_interval(values)
    assert first[1] == method
    assert first == second


def test_a_median_has_an_exact_interval() -> None:
    """Conover's: of ten values from the second to the ninth, for 97.9 %."""
    found = estimate("x", "a", Kind.number, list(map(float, range(1, 11))))
    assert (found.median, found.median_interval) == (5.5, (2.0, 9.0))
    assert estimate("x", "a", Kind.number, [1.0, 2.0]).median_interval == (None, None)
