"""What is found of a world is so: every example, played again by the whole stage, comes to what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.explore.examples import Explored, explore, explore_further
from sim.explore.writing import as_acts, as_lines
from sim.proof.examining import examine
from sim.world.world import World
from tests.building import world_of as world_from
from tests.explore.acting import acted
from tests.proof.damage import DAMAGES, edited, removals
from tests.worlds.players import CASES, HOSTILE_ONLY, MIXED, POLITE, play, world_of

EACH = pytest.mark.parametrize(("name", "variant"), CASES)


@cache
def explored(name: str, variant: str | None) -> Explored:
    """What is found of a bundled world."""
    world = world_of(name, variant)
    found = explore(world)
    explore_further(world, found, set())
    return found


@EACH
def test_every_end_of_a_bundled_world_is_reached_and_so_it_is_played(
    name: str, variant: str | None, tmp_path: Path
) -> None:
    """No rule is broken on the way, and no run breaks off."""
    world, found = world_of(name, variant), explored(name, variant)
    assert set(world.spec.ends) <= set(found.ends)
    assert (found.broken, found.stuck, found.endless) == ({}, {}, None)
    for end, example in found.ends.items():
        if not example.hangs_on_others:
            done = acted(world, example, tmp_path)
            assert (done.outcome, done.mismatch, done.breach) == (end, "", None)


@pytest.mark.parametrize(("name", "edit", "rule"), DAMAGES, ids=lambda v: getattr(v, "__name__", None))
def test_a_rule_whose_guard_is_gone_is_refuted_by_a_run_that_fails(
    name: str, edit: Callable[[dict[str, Any]], None], rule: str, tmp_path: Path
) -> None:
    """The last act is refused for the very rule; what several did at once ends the episode as broken."""
    world = edited(name, edit)
    example = explore(world).broken[rule, None]
    done = acted(world, example, tmp_path)
    if done.outcome:
        assert (done.outcome, done.breach) == ("invariant_broken", rule)
        return
    assert "would break the rule" in done.mismatch
    assert rule in done.mismatch or "'…'" in done.mismatch


def test_what_is_found_is_the_same_every_time() -> None:
    """Of a world in which cards are dealt."""
    first, second = explored("werewolf", None), explore(world_of("werewolf", None))
    for end, example in second.ends.items():
        assert list(as_lines(example)) == list(as_lines(first.ends[end]))


@pytest.mark.parametrize("name", ["hospital_visit", "number_chain"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), manners=st.sampled_from([POLITE, MIXED, HOSTILE_ONLY]))
def test_where_everything_was_looked_at_no_game_finds_anything_else(name: str, seed: int, manners: Any) -> None:
    """Neither another end nor another arrow, nor an end in fewer turns."""
    found, game = explored(name, None), play(world_of(name), seed=seed, language="en", manners=manners)
    assert found.is_whole
    go = {(s, t.to, t.guard): (s, n) for s, state in game.world.states.items() for n, t in enumerate(state.go)}
    for record in game.records:
        if record["type"] == "transition":
            assert go[record["from"], record["to"], record["guard"]] in found.arrows
        if record["type"] == "episode_ended":
            assert found.ends[record["outcome"]].length <= record["turns"]


def small(**parts: Any) -> World:
    """A world of two who talk in one hall."""
    world: dict[str, Any] = {
        "world": "shop",
        "roles": {"guest": "ann", "clerk": "bob"},
        "facts": {"paid": {"flag": False}, "bill": {"money": "CNY", "start": 12.5}},
        "actions": {
            "pay": {
                "by": "guest",
                "fields": {"amount": {"money": "CNY"}},
                "needs": [{"that": "act.amount == bill"}],
                "sets": {"paid": True},
            }
        },
        "states": {"hall": {"speakers": ["guest", "clerk"], "actions": "pay", "go": [{"done": "paid"}]}},
        "start": "hall",
        "ends": {"done": "success"},
    }
    return world_from({**world, **parts})


def test_the_number_that_a_condition_names_is_tried() -> None:
    """The bill, of all amounts; and in the first turn."""
    found = explore(small())
    assert found.is_whole
    assert list(as_lines(found.ends["done"])) == ["    1  guest: pay amount=12.5"]
    assert found.ends["done"].is_shortest
    assert as_acts(small(), found.ends["done"]) == {
        "world": "shop",
        "lang": "en",
        "seed": 1,
        "turns": [{"speaker": "guest", "does": {"pay": {"amount": 12.5}}}],
    }


def test_a_fact_that_is_set_to_a_field_is_compared_too() -> None:
    """A number is guessed in one state and told right in an arrow."""
    world = small(
        facts={"guess": {"number": "", "whole": True}, "secret": {"number": "", "start": 4711}},
        actions={"try": {"by": "guest", "fields": {"n": {"of": "guess"}}, "sets": {"guess": "act.n"}}},
        states={"hall": {"speakers": ["guest"], "actions": "try", "go": [{"done": "guess == secret"}]}},
    )
    assert list(as_lines(explore(world).ends["done"])) == ["    1  guest: try n=4711"]


def test_where_no_run_ends_but_by_the_limit_the_way_there_is_told() -> None:
    """A wrong turn into a cellar that nobody leaves."""
    world = small(
        actions={"fall": {"by": "guest"}},
        states={
            "hall": {
                "speakers": ["guest", "clerk"],
                "actions": "fall",
                "go": [{"cellar": "done.fall > 0"}, {"to": "done", "after": {"turns": 3}}],
            },
            "cellar": {"speakers": ["guest"], "go": [{"done": "done.fall == 0"}]},
        },
    )
    found = explore(world)
    assert found.endless is not None
    assert (found.endless.place.situation.state, list(as_lines(found.endless))) == (
        "cellar",
        ["    1  guest: fall"],
    )


def test_a_turn_in_which_no_valid_answer_comes_may_lead_elsewhere(tmp_path: Path) -> None:
    """What is due is not done, and there is nothing to fall back on."""
    world = small(
        actions={"sign": {"by": "guest", "due": "true", "sets": {"paid": True}}},
        states={
            "hall": {
                "speakers": ["guest"],
                "actions": "sign",
                "go": [{"done": "paid"}, {"to": "nothing", "after": {"turns": 1}}],
            }
        },
        ends={"done": "success", "nothing": "failure"},
    )
    found = explore(world)
    assert list(as_lines(found.ends["nothing"])) == ["    1  guest gives no valid answer"]
    assert acted(world, found.ends["nothing"], tmp_path).outcome == "nothing"


def test_a_run_that_breaks_off_is_found(tmp_path: Path) -> None:
    """Nobody may speak after the last one."""
    world = small(
        facts={"left": {"flag": False}},
        groups={"present": {"where": "not left"}},
        actions={"leave": {"by": "guest", "sets": {"left": True}}},
        states={"hall": {"speakers": "present", "actions": "leave", "go": [{"to": "done", "after": {"turns": 5}}]}},
    )
    found = explore(world)
    assert list(found.stuck) == ["nobody can speak in 'hall' after guest"]
    done = acted(world, next(iter(found.stuck.values())), tmp_path)
    assert done.mismatch or done.outcome == "invariant_broken"


def test_an_option_of_the_user_is_tried_otherwise(tmp_path: Path) -> None:
    """Where an end is reached with it alone."""
    world = small(
        facts={"paid": {"flag": False}, "bill": {"money": "CNY", "start": 12.5}, "strict": {"flag": False}},
        states={
            "hall": {
                "speakers": ["guest", "clerk"],
                "actions": "pay",
                "go": [{"thrown_out": "strict and state_turns >= 2"}, {"done": "paid"}],
            }
        },
        ends={"done": "success", "thrown_out": "failure"},
    )
    found = explore(world)
    assert "thrown_out" not in found.ends
    explore_further(world, found, set())
    example = found.ends["thrown_out"]
    assert list(as_lines(example)) == ["--set strict=true", "  1-2  guest, clerk"]
    assert acted(world, example, tmp_path).outcome == "thrown_out"


def test_a_queue_that_is_left_and_a_stock_that_is_used_up_are_what_others_do() -> None:
    """No file of acts can say it; a rule is not called broken by it."""
    found = explored("hospital_visit", "day")
    assert (found.ends["left_queue"].hangs_on_others, found.ends["left_queue"].length) == (True, 0)
    assert list(as_lines(found.ends["left_queue"])) == ["       (leaves the queue for window)"]
    assert any("used up" in line for line in as_lines(found.ends["come_back"]))


HAGGLE: dict[str, Any] = {
    "world": "haggle",
    "roles": {"buyer": "ann", "seller": "bob", "host": "cai", "guest": "dan"},
    "facts": {
        **{name: {"number": "", "whole": True, "from": 0, "to": 200} for name in ("bid", "ask", "price")},
        "agreed": {"flag": False},
    },
    "actions": {
        "offer": {
            "by": "buyer",
            "fields": {"n": {"of": "bid"}},
            "needs": [{"that": "act.n > bid"}],
            "sets": {"bid": "act.n"},
        },
        "demand": {
            "by": "seller",
            "when": "ask == 0",
            "fields": {"n": {"of": "ask"}},
            "needs": [{"that": "act.n > bid"}],
            "sets": {"ask": "act.n"},
        },
        "agree": {"by": "seller", "when": "bid > 0 and ask > 0", "sets": {"price": "bid", "agreed": True}},
    },
    "states": {
        "greeting": {
            "speakers": ["host", "buyer", "seller", "guest"],
            "order": "manual",
            "go": [{"to": "hall", "after": {"turns": 6}}],
        },
        "hall": {
            "speakers": ["buyer", "seller", "host", "guest"],
            "order": "manual",
            "actions": ["offer", "demand", "agree"],
            "go": [{"deal": "agreed"}, {"to": "none", "after": {"turns": 16}}],
        },
    },
    "start": "greeting",
    "ends": {"deal": "success", "none": "failure"},
    "never": {"more than was asked for": "agreed and ask > 0 and price > ask"},
}


def test_a_rule_that_takes_several_acts_to_break_is_aimed_at_and_the_way_cut_down(tmp_path: Path) -> None:
    """Asked, offered more, agreed: after a long greeting, of all the numbers that might be said."""
    world = world_from(HAGGLE)
    examined = examine(world)
    [verdict] = examined.verdicts
    assert verdict.verdict == "refuted"
    example = examined.refutation(verdict)
    assert example is not None
    assert [act.action for turn in example.turns for act in turn.acts] == ["demand", "offer", "agree"]
    assert example.length == 9
    assert "more than was asked for" in acted(world, example, tmp_path).mismatch


@pytest.mark.campaign
@pytest.mark.parametrize(
    "name", ["hospital_visit", "werewolf", "number_chain", "three_departments", "company_meeting"]
)
def test_whatever_condition_is_left_out_what_is_refuted_fails_when_it_is_played(name: str, tmp_path: Path) -> None:
    """And what is proved is not refuted."""
    for what, edit in removals(json.loads(json.dumps(world_of(name).resolved))["world"]):
        world = edited(name, edit)
        examined = examine(world)
        proved = {v.rule for v in examined.verdicts if v.verdict == "proved"}
        for (rule, _), example in examined.explored.broken.items():
            assert rule not in proved, what
            done = acted(world, example, tmp_path)
            assert done.breach == rule or "would break the rule" in done.mismatch, (what, rule, done)
        for end, example in examined.explored.ends.items():
            if not example.hangs_on_others:
                assert acted(world, example, tmp_path).outcome == end, (what, end)
        print(f"{name} without {what}: {len(proved)} proved, refuted: {[r for r, _ in examined.explored.broken]}")
