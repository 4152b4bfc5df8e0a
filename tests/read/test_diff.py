"""Where two runs part: what differs first is found, and nothing is found where nothing differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.read.diff import FirstDifference, diff
from sim.record.log import RunLog
from sim.world.world import World
from tests.read.forging import Json, first, forge, notary, play, records_of
from tests.worlds.players import world_of


@cache
def game(seed: int, world: str = "werewolf", language: str = "en") -> RunLog:
    """A scripted run, played once."""
    return play(world_of(world), Path(mkdtemp()) / f"s{seed}.jsonl", seed=seed, language=language)


def forged(log: RunLog, path: Path, edit: Callable[[list[Json]], object]) -> RunLog:
    """A log with its records changed."""
    records = records_of(log.path)
    edit(records)
    return forge(records, path)


def change(kind: str, having: Mapping[str, Any] | None = None, **values: Any) -> Callable[[list[Json]], None]:
    """Change the first record of a kind."""

    def edit(records: list[Json]) -> None:
        records[first(records, kind, **(having or {}))].update(values)

    return edit


WITNESSED: dict[str, tuple[Callable[[list[Json]], object], int, str]] = {
    "another speaker": (change("turn", {"turn": 5}, speaker="doctor"), 5, "speaker"),
    "other words": (change("turn", {"turn": 3}, text="Good evening."), 3, "text"),
    "an act more": (change("turn", {"turn": 4}, acts=[{"action": "fly", "fields": {}}]), 4, "act"),
    "another duration": (change("turn", {"turn": 6}, minutes=99.5), 6, "draw"),
    "another fact": (change("turn", {"turn": 7}, changed={"fee": 99}), 7, "fact"),
    "another audience": (change("turn", {"turn": 2}, heard_by=["patient"]), 2, "heard_by"),
    "another fact to begin with": (change("episode_started", facts={"fee": 99}), 0, "fact"),
    "another end": (lambda r: r[-2].update(outcome="gave_up"), 15, "end"),
    "a turn less": (lambda r: r.pop(first(r, "turn", turn=9)), 9, "speaker"),
}


@pytest.mark.parametrize("what", WITNESSED)
def test_the_first_difference_is_named(what: str, tmp_path: Path) -> None:
    """Whatever a turn differs by, its number and what differs are told."""
    edit, turn, by = WITNESSED[what]
    log = game(7, "hospital_visit")
    other = forged(log, tmp_path / "other.jsonl", edit)
    found = diff(log, other).first
    assert found is not None
    assert (turn, by) == (found.turn, found.what)
    assert not diff(log, other).is_equal


def test_another_way_of_the_machine_is_a_transition(tmp_path: Path) -> None:
    """The arrow that was taken is told, with where it led in each run."""
    log = game(7, "hospital_visit")
    records = records_of(log.path)
    at = first(records, "transition")
    other = forged(log, tmp_path / "other.jsonl", change("transition", to="pharmacy"))
    wanted = FirstDifference(records[at]["turn"], "transition", [records[at]["to"]], ["pharmacy"])
    assert wanted == diff(log, other).first


def test_cards_that_were_dealt_otherwise_are_a_draw() -> None:
    """Two seeds of werewolf part before the first turn: who was dealt which card, and nothing but cards."""
    found = diff(game(7), game(8)).first
    assert found is not None
    assert (found.turn, found.what) == (0, "draw")
    assert {"card"} == {key.partition(".")[0] for key in found.a}


def test_a_vote_by_lot_that_fell_otherwise_is_a_draw(tmp_path: Path) -> None:
    """The votes are the same, and the lot chose another of those who were level."""
    log = game(7)
    lot = forged(log, tmp_path / "a.jsonl", change("ballot", by="lot", winner="P1"))
    other = forged(log, tmp_path / "b.jsonl", change("ballot", by="lot", winner="P2"))
    found = diff(lot, other).first
    assert found is not None
    assert (found.what, list(found.a.values()), list(found.b.values())) == ("draw", ["P1"], ["P2"])


def test_runs_of_different_worlds_are_told_apart() -> None:
    """Two worlds are two worlds; their parts are not listed one by one."""
    found = diff(game(7), game(7, "hospital_visit"))
    assert (found.is_of_one_world, found.worlds) == (False, ("world",))


def test_versions_of_a_world_are_told_apart_by_what_was_changed(tmp_path: Path) -> None:
    """A world that was edited between two runs: the keys that differ are named, and no others."""
    log = game(7, "hospital_visit")

    def edit(records: list[Json]) -> None:
        records[0]["resolved"]["world"]["states"]["reception"]["tell"] = {"desk": {"en": "Hurry up."}}
        records[0]["resolved"]["personas"]["chengzi"]["age"] = 99

    found = diff(log, forged(log, tmp_path / "other.jsonl", edit))
    assert found.is_of_one_world
    assert all(part.startswith(("states.reception.tell", "personas.chengzi.age")) for part in found.worlds)
    assert {"personas", "states"} == {part.partition(".")[0] for part in found.worlds}


def test_settings_that_differ_are_named(world: World, tmp_path: Path) -> None:
    """Seed, language and facts of the two runs are compared too."""
    a = play(world, tmp_path / "a.jsonl", seed=1, language="en")
    b = play(world, tmp_path / "b.jsonl", seed=2, language="zh", facts={"fee": 15})
    assert {"seed", "language", "opening", "facts"} == set(diff(a, b).settings)


def test_sums_are_told_side_by_side(tmp_path: Path) -> None:
    """A run that cost more is not equal, though every turn is the same."""
    log = game(7, "hospital_visit")
    other = forged(log, tmp_path / "other.jsonl", change("call", cost="0.25"))
    found = diff(log, other)
    assert (found.first, found.is_equal) == (None, False)
    assert (found.a.cost, found.b.cost) == ({"USD": "0"}, {"USD": "0.25"})
    assert (found.a.turns, found.a.outcome) == (15, "discharged")


def test_a_log_that_was_cut_ends_first(tmp_path: Path) -> None:
    """Where one run has no turn any more, what the other has there is told against nothing."""
    log = game(7, "hospital_visit")
    records = records_of(log.path)
    cut = forge(records[: first(records, "call", turn=9)], tmp_path / "cut.jsonl")
    found = diff(log, cut).first
    assert found is not None
    assert (found.turn, found.what, found.b) == (9, "end", None)


@settings(max_examples=25)
@given(st.sampled_from([("werewolf", "en"), ("hospital_visit", "zh")]), st.data())
def test_a_run_does_not_differ_from_itself_and_a_difference_is_one_from_both_sides(
    of: tuple[str, str], data: st.DataObject
) -> None:
    """diff(a, a) is empty, and diff(b, a) is diff(a, b) with its sides changed."""
    a, b = (game(data.draw(st.integers(0, 4)), of[0], of[1]) for _ in range(2))
    assert diff(a, a).is_equal
    there, back = diff(a, b), diff(b, a)
    assert (there.worlds, there.settings, there.is_equal) == (back.worlds, back.settings, back.is_equal)
    assert (there.a, there.b) == (back.b, back.a)
    turned = there.first and FirstDifference(there.first.turn, there.first.what, there.first.b, there.first.a)
    assert turned == back.first


@settings(max_examples=25)
@given(st.data())
def test_what_was_changed_in_a_turn_is_found_in_that_turn(data: st.DataObject) -> None:
    """Nothing before a change differs, so no earlier turn is named."""
    log = game(7, "hospital_visit")
    records = records_of(log.path)
    at = data.draw(st.sampled_from([i for i, r in enumerate(records) if r["type"] == "turn"]))
    records[at]["text"] += data.draw(st.text("abc", min_size=1))
    found = diff(log, forge(records, Path(mkdtemp()) / "other.jsonl")).first
    assert found is not None
    assert (records[at]["turn"], "text", records[at]["text"]) == (found.turn, found.what, found.b)


def test_worlds_of_free_text_are_compared_too(tmp_path: Path) -> None:
    """A world without cards or votes has its turns and facts compared like any other."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl")
    assert diff(log, RunLog.open(log.path)).is_equal
