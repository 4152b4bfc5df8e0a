"""Which rules of a world are proved, and that one which can be broken is not."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.engine import machine
from sim.explore.examples import explore
from sim.proof.examining import examine
from sim.proof.verdicts import Proofs, prove
from sim.world.world import World
from tests.building import write_world
from tests.proof.damage import DAMAGES, Edit, edited, removals
from tests.worlds.players import MIXED, POLITE, play, world_of


@cache
def proofs(name: str) -> Proofs:
    """What is found of a bundled world, as the command looks for it."""
    world = world_of(name)
    explored = explore(world)
    return prove(world, seen=explored.moments, taken=explored.arrows)


def open_(world: World) -> list[str]:
    """The rules that are not proved."""
    return [v.rule for v in examine(world).verdicts if v.verdict != "proved"]


@pytest.mark.parametrize("name", ["hospital_visit", "werewolf", "number_chain"])
def test_all_rules_of_a_world_are_proved(name: str) -> None:
    """Whoever answers, and whatever they say."""
    world, found = world_of(name), proofs(name)
    assert [v.verdict for v in found.verdicts] == ["proved"] * len(found.verdicts)
    assert [v.rule for v in found.verdicts if v.outcome is None] == list(world.never)
    assert sum(v.outcome is not None for v in found.verdicts) == sum(map(len, world.at_end.values()))


def test_an_arrow_that_no_run_takes_is_named() -> None:
    """Nobody kills a werewolf by night; with a witch somebody may."""
    found = proofs("werewolf").never_taken
    assert [(a.state, a.to, a.guard) for a in found] == [("dawn", "village_wins", "wolves.is_empty")]
    assert proofs("hospital_visit").never_taken == ()


@pytest.mark.parametrize(("name", "edit", "rule"), DAMAGES, ids=lambda v: getattr(v, "__name__", None))
def test_a_rule_whose_guard_is_gone_is_not_proved(name: str, edit: Edit, rule: str) -> None:
    """And others stay proved that do not need it."""
    left = open_(edited(name, edit))
    assert rule in left
    assert len(left) < len(world_of(name).never)


COUNTER = """
world: shop
roles: {guest: ann, clerk: bob}
facts: FACTS
actions: {buy: {by: guest, sets: SETS, WHEN}}
states: {hall: {speakers: [guest, clerk], actions: buy, go: [{over: turns >= 6}]}}
start: hall
ends: {over: success}
never: {the rule: RULE}
"""


@pytest.mark.parametrize(
    ("facts", "sets", "when", "rule", "is_proved"),
    [
        ("{n: {number: '', whole: true}}", "{n: n + 1}", "when: n < 3", "n > 3", True),
        ("{n: {number: '', whole: true}}", "{n: n + 1}", "when: n < 3", "n > 2", False),
        ("{n: {number: '', from: 0, to: 5}}", "{n: n + 1}", "when: true", "n > 5", True),
        ("{n: {number: '', start: 1}}", "{n: n / 3}", "when: true", "n > 1", True),
        ("{n: {money: CNY, start: 1}}", "{n: n * 0.5}", "when: n > 0.02", "n == 0", True),
        ("{n: {money: CNY, start: 1}}", "{n: n * 0.4}", "when: true", "n == 0", False),
        ("{n: {flag: false}}", "{n: true}", "when: not n", "n and done.buy == 0", True),
        ("{n: {flag: false}}", "{n: true}", "when: not n", "n and done.buy == 1", False),
        ("{n: {flag: false}}", "{n: true}", "when: not n", "done.buy > 0 and not n", True),
        ("{n: {list: {a: A, b: B}}}", "{n: '[a, b]'}", "when: n.is_empty", "n.length > 2", True),
        ("{n: {list: {a: A, b: B}}}", "{n: '[a, b]'}", "when: n.is_empty", "a in n and not (b in n)", True),
        ("{n: {list: {a: A, b: B}}}", "{n: '[a]'}", "when: true", "a in n and not (b in n)", False),
    ],
)
def test_small_worlds(facts: str, sets: str, when: str, rule: str, is_proved: bool, tmp_path: Path) -> None:
    """Numbers with bounds and roundings, counts of acts, lists."""
    text = COUNTER.replace("FACTS", facts).replace("SETS", sets).replace("WHEN", when).replace("RULE", f"'{rule}'")
    world = sim.load(write_world(tmp_path, text))
    assert (open_(world) == []) is is_proved


def test_a_product_of_which_one_side_is_one_of_two_numbers_is_looked_into() -> None:
    """What the insured pay of a bill."""
    found = prove(world_of("hospital_visit", "day"))
    assert [v.rule for v in found.verdicts if v.verdict != "proved"] == ["who gives up waiting has no medicine"]


def test_products_of_facts_are_left_alone(tmp_path: Path) -> None:
    """Solvers can go on for ever over them; it is said at once that nothing is decided."""
    text = COUNTER.replace("FACTS", "{n: {number: ''}, m: {number: ''}}").replace("WHEN", "when: true")
    text = text.replace("SETS", "{n: n * n + m, m: n * m - m * m}").replace("RULE", "n * n * n == 7 and m * m == 3")
    [verdict] = prove(sim.load(write_world(tmp_path, text))).verdicts
    assert (verdict.verdict, verdict.why) == ("not decided", "it reads what is not looked into")


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["hospital_visit", "werewolf", "number_chain", "three_departments"])
def test_what_is_proved_of_a_damaged_world_is_never_broken_in_wild_games(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever condition is left out: acts that would break a rule are looked for before they are refused."""
    broken = machine.broken
    found: set[str] = set()

    def watched(*given: Any) -> str | None:
        rule = broken(*given)
        found.update([rule] if rule is not None else [])
        return rule

    monkeypatch.setattr(machine, "broken", watched)
    for what, edit in removals(json.loads(json.dumps(world_of(name).resolved))["world"]):
        world = edited(name, edit)
        found.clear()
        for seed in range(200):
            play(world, seed=seed, language="en", manners=(POLITE, MIXED)[seed % 2])
        proved = {v.rule for v in prove(world).verdicts if v.verdict == "proved"}
        assert found & proved == set(), what
        print(f"{name} without {what}: {len(proved)} proved, broken in a game: {sorted(found)}")
