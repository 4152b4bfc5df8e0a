"""Means, medians and percentiles, of values and of what went up and down over time."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.read.spread import Level, Spread

NUMBERS = st.integers(0, 10**6)


def test_the_spread_of_some_values() -> None:
    """The 95th percentile of 1 to 21 is the 20th of them."""
    assert Spread.of(range(1, 22)) == Spread(11, 11, 20, 21)
    assert Spread.of([4.0]) == Spread(4, 4, 4, 4)
    assert Spread.of([]) is None


@given(st.lists(NUMBERS, min_size=1))
def test_the_numbers_of_a_spread_are_in_order(values: list[int]) -> None:
    """Whatever the values and their order."""
    spread = Spread.of(values)
    assert spread is not None
    assert spread == Spread.of(sorted(values, reverse=True))
    assert min(values) <= spread.median <= spread.p95 <= spread.most == max(values)
    assert spread.mean == pytest.approx(statistics.fmean(values))


def test_a_level_is_weighed_by_how_long_it_was() -> None:
    """0 for 10 minutes, 2 for 5, 1 for 5."""
    level = Level()
    level.change(10, 1)
    level.change(10, 1)
    level.change(15, -1)
    assert level.spread(20) == Spread(0.75, 0, 2, 2)
    assert level.now == 1


def test_a_level_over_no_time_has_no_spread() -> None:
    """What went up and down within one instant was never so long."""
    level = Level()
    level.change(0, 3)
    assert level.spread(0) is None
    level.change(0, -3)
    assert level.spread(5) == Spread(0, 0, 0, 0)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-3, 3)), min_size=1))
def test_a_level_is_the_spread_of_its_minutes(changes: list[tuple[int, int]]) -> None:
    """The same as looking at it once in each minute."""
    level, time, seen = Level(), 0, []
    for minutes, by in changes:
        seen += [level.now] * minutes
        time += minutes
        level.change(time, by)
    spread = level.spread(time)
    assert spread is not None
    assert (spread.mean, spread.most) == (pytest.approx(statistics.fmean(seen)), max(seen))
    ordered = sorted(seen)
    assert spread.median == ordered[-(-len(seen) // 2) - 1]
    assert spread.p95 == ordered[max(0, -(-len(seen) * 95 // 100) - 1)]
