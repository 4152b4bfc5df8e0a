"""Win rates and strengths of models that meet in games."""

from typing import Any

import planted
import pytest

from sim.compare.games import Games, games_of
from sim.compare.sample import Game


def game(seed: int, *seats: tuple[str, str, bool]) -> Game:
    return Game(seed, seats)


def made(blocks: int, strengths: dict[str, float]) -> Games:
    rows: Any = planted.duels(blocks, strengths)
    games = [Game(r["seed"], tuple((s["model"], s["card"], s["won"]) for s in r["seats"].values())) for r in rows]
    found = games_of(games)
    assert found is not None
    return found


def test_win_rates_are_counted_by_model_and_by_the_card_that_was_dealt() -> None:
    """A seat wins with its side."""
    found = games_of([
        game(1, ("gpt", "seer", True), ("qwen", "wolf", False), ("gpt", "villager", True)),
        game(2, ("qwen", "seer", False), ("gpt", "wolf", True), ("qwen", "villager", False)),
        game(3, ("gpt", "seer", False), ("qwen", "wolf", True), ("gpt", "villager", False)),
    ])  # fmt: skip
    assert found is not None
    assert {(r.model, r.card): (r.wins, r.seats) for r in found.rates} == {
        ("gpt", None): (3, 5), ("gpt", "seer"): (1, 2), ("gpt", "villager"): (1, 2), ("gpt", "wolf"): (1, 1),
        ("qwen", None): (1, 4), ("qwen", "seer"): (0, 1), ("qwen", "villager"): (0, 1), ("qwen", "wolf"): (1, 2),
    }  # fmt: skip
    assert (found.games, found.blocks) == (3, 3)
    assert found.meetings == {("gpt", "qwen"): 2.0, ("qwen", "gpt"): 1.0}


def test_strengths_of_two_models_are_the_odds_of_their_wins() -> None:
    """30 to 10, with half a win each way: a difference of log(30.5 / 10.5), and 400 log10 of it in Elo."""
    games = [game(n, ("gpt", "a", n < 30), ("qwen", "b", n >= 30)) for n in range(40)]
    found = games_of(games)
    assert found is not None
    first, second = found.strengths
    assert (first.model, second.model) == ("gpt", "qwen")
    assert first.strength - second.strength == pytest.approx(1.06636, abs=1e-4)
    assert first.elo - second.elo == pytest.approx(185.25, abs=0.01)
    assert (first.elo + second.elo) / 2 == pytest.approx(1500)
    assert first.is_bounded


def test_strengths_that_were_planted_are_within_their_intervals() -> None:
    """Three models, whose seats are rotated; the mean of the planted strengths is 0."""
    planted_strengths = {"gpt": 0.8, "qwen": 0.0, "llama": -0.8}
    found = made(150, planted_strengths)
    assert [s.model for s in found.strengths] == ["gpt", "qwen", "llama"]
    for each in found.strengths:
        low, high = each.interval
        assert low is not None
        assert high is not None
        assert low < planted_strengths[each.model] < high


def test_the_same_games_say_the_same_each_time() -> None:
    """The blocks are drawn anew by a fixed seed."""
    assert made(20, {"a": 0.5, "b": -0.5}) == made(20, {"a": 0.5, "b": -0.5})


def test_a_model_that_never_lost_has_a_strength_that_is_said_to_be_held_by_nothing() -> None:
    """The likelihood has no largest value (Ford 1957)."""
    found = games_of([game(n, ("gpt", "a", True), ("qwen", "b", False)) for n in range(9)])
    assert found is not None
    assert [s.is_bounded for s in found.strengths] == [False, False]
    [rate] = [r for r in found.rates if (r.model, r.card) == ("gpt", None)]
    assert [round(end or 0, 3) for end in rate.interval] == [0.701, 1.0]


def test_models_that_never_met_have_no_strengths() -> None:
    """Win rates alone are told, also where a model plays against itself."""
    found = games_of([game(1, ("gpt", "a", True), ("gpt", "b", False)), game(2, ("qwen", "a", True))])
    assert found is not None
    assert found.strengths == ()
    assert games_of([]) is None
