"""When episodes begin: the rates are those of the world, times do not decrease, and ends are kept to."""

from __future__ import annotations

from itertools import islice, pairwise
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine.arrivals import arrivals_of, comer, how_many
from sim.world.stations import Arrivals

SEEDS = st.integers(0, 10**6)
RUSH = [
    {"from": "08:00", "to": "09:00", "per_hour": 4},
    {"from": "09:00", "to": "10:00", "per_hour": 20},
    {"from": "11:00", "to": "12:00", "per_hour": 8},
]
WAYS: list[dict[str, Any]] = [
    {"at": ["09:00", 5, "08:30", 12.5]},
    {"every": 4, "episodes": 9},
    {"every": {"exponential": 4}, "until": "09:30"},
    {"per_hour": 12, "episodes": 30},
    {"per_hour": 900, "until": "08:45"},
    {"schedule": RUSH},
    {"schedule": RUSH, "episodes": 70},
]


def times(way: dict[str, Any], seed: int = 1, episodes: int | None = None, start: str = "08:00") -> list[float]:
    return list(arrivals_of(Arrivals.model_validate(way), episodes, seed, start))


@given(SEEDS, st.sampled_from(WAYS))
def test_times_do_not_decrease_and_are_the_same_for_a_seed(seed: int, way: dict[str, Any]) -> None:
    """They are hundredths of a minute, from minute 0 on."""
    found = times(way, seed)
    assert found == times(way, seed)
    assert found == sorted(found)
    assert all(t >= 0 and round(t, 2) == t for t in found)


@given(SEEDS, st.sampled_from(WAYS[1:]), st.integers(1, 60))
def test_so_many_come_as_the_user_wants(seed: int, way: dict[str, Any], wanted: int) -> None:
    """In place of the number or the end that the world names; the first are those who came anyway."""
    found = times(way, seed, wanted)
    assert len(found) == wanted == how_many(Arrivals.model_validate(way), wanted)
    usual = times(way, seed)
    few = min(wanted, len(usual))
    assert found[:few] == usual[:few]


@given(SEEDS)
def test_none_comes_after_the_end(seed: int) -> None:
    """``until`` is a time of day; with ``episodes`` too, whichever is first."""
    assert all(t <= 90 for t in times({"per_hour": 30, "until": "09:30"}, seed))
    both = times({"per_hour": 30, "until": "09:30", "episodes": 20}, seed)
    assert both == times({"per_hour": 30, "until": "09:30"}, seed)[:20]


def test_a_world_without_arrivals_begins_all_at_once() -> None:
    """One, or as many as are wanted."""
    assert list(arrivals_of(None, None, 1, "08:00")) == [0.0]
    assert list(arrivals_of(None, 3, 1, "08:00")) == [0.0, 0.0, 0.0]
    assert (how_many(None, None), how_many(None, 3)) == (1, 3)


def test_given_times_are_put_in_order() -> None:
    """Times of day and minutes; a time before the start counts as the start."""
    assert times({"at": ["09:00", 5, "07:00", 12.5]}) == [0.0, 5.0, 12.5, 60.0]
    assert times({"at": ["09:00", 5, "07:00", 12.5]}, episodes=2) == [0.0, 5.0]


def test_regular_arrivals_begin_at_minute_0_and_random_ones_after_a_while() -> None:
    """The first patient of a Poisson process is no more certain than the others."""
    assert times({"every": 2.5, "episodes": 4}) == [0.0, 2.5, 5.0, 7.5]
    assert min(times({"per_hour": 6, "episodes": 1}, seed)[0] for seed in range(50)) > 0


@pytest.mark.parametrize("rate", [6, 60, 6000])
def test_as_many_come_in_an_hour_as_the_rate_says(rate: int) -> None:
    """Within three standard errors of a Poisson process over 20,000 arrivals, however close they come."""
    found = times({"per_hour": rate, "episodes": 20_000})
    assert abs(found[-1] / 60 * rate - 20_000) < 3 * sqrt(20_000)


def test_the_times_between_random_arrivals_are_exponential() -> None:
    """Their variance is the square of their mean, and about 1 in e is longer than the mean."""
    gaps = [b - a for a, b in pairwise(times({"per_hour": 6, "episodes": 20_000}))]
    mean = sum(gaps) / len(gaps)
    variance = sum((g - mean) ** 2 for g in gaps) / len(gaps)
    assert abs(variance / mean**2 - 1) < 0.06
    assert abs(sum(g > mean for g in gaps) / len(gaps) - 0.3679) < 0.011


def test_a_schedule_has_the_rate_of_each_part_of_the_day() -> None:
    """Counted over 1000 seeds, within three standard errors; none comes when it is closed, but for rounding."""
    found = [t for seed in range(1000) for t in times({"schedule": RUSH}, seed)]
    assert not [t for t in found if 120.01 < t < 179.99 or t > 240.01]
    for begin, rate in ((0, 4), (60, 20), (180, 8)):
        assert abs(sum(begin <= t < begin + 60 for t in found) - 1000 * rate) < 3 * sqrt(1000 * rate)


def test_a_schedule_goes_on_the_next_day_when_more_are_wanted() -> None:
    """At the same times of day."""
    found = times({"schedule": RUSH}, episodes=200)
    days = {int(t // (24 * 60)) for t in found}
    assert days == set(range(max(days) + 1))
    assert len(days) > 3
    assert not [t for t in found if 120.01 < t % (24 * 60) < 179.99 or t % (24 * 60) > 240.01]


def test_a_schedule_that_has_begun_counts_from_the_clock() -> None:
    """Who would have come before the start does not."""
    found = [t for seed in range(400) for t in times({"schedule": RUSH}, seed, start="09:30")]
    assert abs(sum(t < 30 for t in found) - 4000) < 3 * sqrt(4000)
    assert not any(30.01 < t < 90 for t in found)


@pytest.mark.parametrize(
    ("way", "number"),
    [
        ({"at": [1, 2, 3]}, 3),
        ({"every": 1, "episodes": 5}, 5),
        ({"every": 1, "until": "09:00"}, None),
        ({"per_hour": 9, "until": "09:00", "episodes": 5}, None),
        ({"schedule": RUSH}, None),
    ],
)
def test_how_many_come_is_known_where_it_does_not_depend_on_draws(way: dict[str, Any], number: int | None) -> None:
    """Else nobody knows beforehand."""
    assert how_many(Arrivals.model_validate(way), None) == number


def test_arrivals_are_drawn_one_by_one() -> None:
    """A run of a million needs no list of them."""
    endless = arrivals_of(Arrivals.model_validate({"per_hour": 60, "episodes": 1_000_000}), None, 1, "08:00")
    assert len(list(islice(endless, 3))) == 3


@given(SEEDS, st.integers(1, 30))
def test_nobody_comes_again_before_all_have_come(seed: int, people: int) -> None:
    """Each round of episodes is the whole population in an order of its own."""
    for round_ in range(3):
        episodes = range(1 + round_ * people, 1 + (round_ + 1) * people)
        came = [comer(seed, episode, "patient", people) for episode in episodes]
        assert sorted(came) == list(range(people))


def test_the_seed_and_the_agent_say_in_which_order_people_come() -> None:
    """Two roles with populations of their own do not draw in step."""
    orders = {
        tuple(comer(seed, episode, agent, 9) for episode in range(1, 10)) for seed in (1, 2) for agent in ("a", "b")
    }
    assert len(orders) == 4
