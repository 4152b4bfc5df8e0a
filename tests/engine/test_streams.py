"""Draws depend on their key alone."""

import statistics
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine.streams import Streams
from sim.world.phases import Minutes

PINNED = [0.724005622, 0.996102228, 0.866821268]


def test_a_stream_gives_the_same_draws_whatever_was_drawn_before() -> None:
    """A forked run draws what the straight run would have drawn."""
    straight, forked = Streams(7, 1), Streams(7, 1)
    for turn in range(5):
        straight.at("line", turn).uniform()
    assert straight.at("line", 9).uniform() == forked.at("line", 9).uniform()


def test_draws_are_the_same_in_every_python() -> None:
    """The first draw of a key is pinned, since logs made elsewhere must verify here."""
    assert [round(Streams(7, 1).at("line", t).uniform(), 9) for t in range(3)] == PINNED


def test_seed_episode_purpose_and_key_all_matter() -> None:
    """No two of them share a stream."""
    draws = {
        Streams(seed, episode).at(purpose, turn).uniform()
        for seed in (1, 2)
        for episode in (1, 2)
        for purpose in ("a", "b")
        for turn in (1, 2)
    }
    assert len(draws) == 16


@given(st.integers(), st.integers(min_value=0, max_value=30))
def test_an_order_is_a_permutation(seed: int, count: int) -> None:
    """Nothing is lost or doubled by shuffling."""
    assert sorted(Streams(seed, 1).at("order").order(count)) == list(range(count))


def test_weights_are_kept_to() -> None:
    """An option of weight 3 comes up three times as often as one of weight 1."""
    draws = [Streams(seed, 1).at("pick").weighted([("a", 3.0), ("b", 1.0)]) for seed in range(4000)]
    assert 0.72 < draws.count("a") / 4000 < 0.78


def test_a_lognormal_has_the_mean_and_deviation_it_was_given() -> None:
    """They are those of the durations, not of their logarithms."""
    duration = Minutes.model_validate({"lognormal": {"mean": 4, "sd": 2}})
    drawn = [Streams(seed, 1).at("duration").minutes(duration) for seed in range(20_000)]
    assert abs(statistics.fmean(drawn) - 4) < 0.05
    assert abs(statistics.stdev(drawn) - 2) < 0.08


def test_a_fixed_duration_needs_no_draw_and_a_uniform_stays_inside() -> None:
    """Both are in simulated minutes."""
    uniform = Minutes.model_validate({"uniform": [2, 3]})
    drawn = [Streams(seed, 1).at("duration").minutes(uniform) for seed in range(500)]
    assert (min(drawn) >= 2, max(drawn) <= 3) == (True, True)
    assert Streams(1, 1).at("duration").minutes(Minutes.model_validate({"fixed": 1.5})) == 1.5


MEANS = [
    ({"normal": {"mean": 5, "sd": 1}}, 5.0, 1.0),
    ({"lognormal": {"mean": 4, "sd": 2}}, 4.0, 2.0),
    ({"exponential": 3}, 3.0, 3.0),
    ({"triangular": [1, 2, 6]}, 3.0, sqrt(7 / 6)),
    ({"uniform": [2, 5]}, 3.5, sqrt(0.75)),
    ({"empirical": [1, 1, 4]}, 2.0, sqrt(2)),
]


@pytest.mark.parametrize(("given_", "mean", "deviation"), MEANS, ids=lambda v: str(v)[:24])
def test_durations_have_the_mean_and_deviation_of_their_law(
    given_: dict[str, Any], mean: float, deviation: float
) -> None:
    """Within four standard errors over 20,000 draws, in minutes and to the hundredth."""
    duration = Minutes.model_validate(given_)
    drawn = [Streams(seed, 1).at("duration").minutes(duration) for seed in range(20_000)]
    assert abs(statistics.fmean(drawn) - mean) < 4 * deviation / sqrt(20_000)
    assert abs(statistics.stdev(drawn) / deviation - 1) < 0.05
    assert all(round(minutes, 2) == minutes >= 0 for minutes in drawn)


def test_a_normal_duration_below_zero_is_zero() -> None:
    """Time does not run backwards."""
    wide = Minutes.model_validate({"normal": {"mean": 1, "sd": 2}})
    drawn = [Streams(seed, 1).at("duration").minutes(wide) for seed in range(2000)]
    assert min(drawn) == 0.0
    assert abs(drawn.count(0.0) / 2000 - statistics.NormalDist(1, 2).cdf(0)) < 0.035


def test_a_triangular_and_an_empirical_stay_inside() -> None:
    """The least and the most; and only what was seen. Three alike are no draw."""
    inside = Minutes.model_validate({"triangular": [1, 2, 6]})
    seen = Minutes.model_validate({"empirical": [0.5, 2, 9]})
    drawn = [Streams(seed, 1).at("duration").minutes(inside) for seed in range(2000)]
    assert 1 <= min(drawn) < 1.2
    assert 5.5 < max(drawn) <= 6
    assert {Streams(seed, 1).at("duration").minutes(seen) for seed in range(200)} == {0.5, 2.0, 9.0}
    assert Streams(1, 1).at("duration").minutes(Minutes.model_validate({"triangular": [2, 2, 2]})) == 2.0


def test_a_duration_takes_one_draw() -> None:
    """So the same key gives a longer time wherever the law is longer: two variants see the same visitors."""
    short, long = (Minutes.model_validate({"exponential": mean}) for mean in (2, 4))
    for seed in range(50):
        draw = Streams(seed, 1).at("duration", 3)
        assert abs(draw.exact_minutes(long) - 2 * Streams(seed, 1).at("duration", 3).exact_minutes(short)) < 1e-9
