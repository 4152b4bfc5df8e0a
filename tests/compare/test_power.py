"""How many seeds would tell, against tables of power."""

import numpy as np
import pytest
from scipy import stats

from sim.compare.power import seeds_needed, smallest_found


def test_seeds_are_those_of_the_tables_of_power() -> None:
    """Cohen 1988, table 2.4.1: d = 0.5 takes 64 in each group; a paired t test of the same size 34 pairs."""
    assert seeds_needed(0.5, 1.0, 1, is_paired=False) == 64
    assert seeds_needed(0.5, 1.0, 1, is_paired=True) == 34


def test_each_comparison_costs_the_others() -> None:
    """With ten comparisons the first must pass 0.5 %."""
    alone, among_ten = (seeds_needed(0.5, 1.0, n, is_paired=True) for n in (1, 10))
    assert (alone, among_ten) == (34, 58)


@pytest.mark.parametrize("is_paired", [True, False])
def test_the_smallest_difference_that_is_found_takes_as_many_seeds(is_paired: bool) -> None:
    """The two questions are one, asked from both ends."""
    found = smallest_found(200, 7.0, 3, is_paired=is_paired)
    assert found is not None
    assert seeds_needed(found, 7.0, 3, is_paired=is_paired) in {200, 201}


def test_where_nothing_can_be_planned_no_number_is_told() -> None:
    """No difference, no spread, too few seeds, or more seeds than anybody would play."""
    assert seeds_needed(0.0, 1.0, 1, is_paired=True) is None
    assert seeds_needed(1.0, 0.0, 1, is_paired=True) is None
    assert seeds_needed(0.0011, 1.0, 1, is_paired=True) is None
    assert smallest_found(2, 1.0, 1, is_paired=True) is None


def test_so_many_seeds_find_the_difference_four_times_in_five() -> None:
    """Counted over 2,000 experiments."""
    seeds = seeds_needed(1.0, 3.0, 1, is_paired=True)
    assert seeds is not None
    drawn = np.random.default_rng(0).normal(1.0, 3.0, (2000, seeds))
    share = float((stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean())
    assert share == pytest.approx(0.8, abs=0.03)
