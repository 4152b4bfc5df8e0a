"""How far two judges agree: held against a table reckoned by hand, and where there is nothing to be told."""

from __future__ import annotations

from collections import Counter

import pytest

from sim.compare.agreement import Agreement, agreements


def agreement(*table: tuple[float, float, int]) -> Agreement:
    """Of two judges who gave these pairs of scores so often."""
    [found] = agreements({("a", "b"): Counter({(x, y): times for x, y, times in table})})
    return found


def test_the_weighted_kappa_is_one_less_the_squares_seen_over_those_of_chance() -> None:
    """By hand: of 200 runs 40 are one apart and 20 two, so 120 squares are seen; by chance 220 would be."""
    found = agreement(
        (1, 1, 88), (1, 2, 14), (1, 3, 18), (2, 1, 10), (2, 2, 40), (2, 3, 10), (3, 1, 2), (3, 2, 6), (3, 3, 12)
    )  # fmt: skip
    assert found.kappa == pytest.approx(1 - 120 / 220)
    assert found.n == 200
    low, high = found.interval
    assert low is not None
    assert high is not None
    assert low < found.kappa < high


def test_judges_who_always_agree_have_a_kappa_of_one_and_those_who_never_do_less_than_chance() -> None:
    """And by how much the first marks higher."""
    same = agreement((1, 1, 5), (4, 4, 5))
    assert (same.kappa, same.difference) == (1.0, 0.0)
    other = agreement((1, 4, 5), (4, 1, 5), (5, 2, 1))
    assert other.kappa is not None
    assert other.kappa < 0
    assert other.difference == pytest.approx(3 / 11)


def test_marks_that_are_all_the_same_tell_nothing_of_agreement() -> None:
    """Nobody can know whether it is chance."""
    found = agreement((4, 4, 20))
    assert (found.kappa, found.interval, found.n) == (None, (None, None), 20)


def test_scores_between_whole_ones_count_by_their_distance() -> None:
    """As the means of several marks are."""
    near = agreement((1, 1.5, 5), (4, 3.5, 5))
    far = agreement((1, 3, 5), (4, 2, 5))
    assert near.kappa is not None
    assert far.kappa is not None
    assert near.kappa > 0.9 > far.kappa
