"""What loads but could only go wrong in a run is an error at load, with the place and what would be right."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from sim.errors import DefinitionError
from sim.world.world import World
from tests.building import world_of


def world(**patch: Any) -> World:
    """Three agents, a vote, and facts of several kinds; a section given is added to."""
    made: dict[str, Any] = {
        "world": "checks",
        "roles": {"P": {"count": 3, "personas": ["ann", "bob", "cai"]}},
        "tables": {"drugs": {"a": {"price": 1}}},
        "facts": {
            "on": {"flag": False},
            "n": {"number": "apples"},
            "out": {"choice": "P"},
            "seated": {"of": "P", "flag": True},
        },
        "derived": {},
        "actions": {"act": {"by": "P"}},
        "ballots": {"pick": {"voters": "P", "on": "P", "tie": ["revote", "nobody"]}},
        "states": {"hall": {"speakers": "P", "actions": ["pick"], "go": [{"to": "over", "after": {"rounds": 1}}]}},
        "start": "hall",
        "ends": ["over"],
        "variants": {},
    }
    for section, values in patch.items():
        made[section] = {**made[section], **values}
    return world_of({k: v for k, v in made.items() if v})


def sets(target: str, value: str) -> dict[str, Any]:
    return {"actions": {"act": {"by": "P", "sets": {target: value}}}}


def on(options: str) -> dict[str, Any]:
    return {"ballots": {"pick": {"voters": "P", "on": options}}}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (sets("n", "on ? 5 : P1"), "the two sides of '?' are a number and a word"),
        (on("on ? P : 5"), "the two sides of '?' are a list and a number"),
        (on("on ? P : null"), "may be null, but a list is needed; the empty list is []"),
        (on("[P1, 5]"), "a list holds a word and a number"),
        (sets("seated[]", "false"), "write 'seated[AGENT]' or 'seated[*]'"),
        (sets("seated[P1", "false"), "write 'seated[AGENT]' or 'seated[*]'"),
        (sets("n", "nan"), "'nan' and 'inf' are no numbers"),
        (sets("n", "1 + inf"), "'nan' and 'inf' are no numbers"),
        (
            sets("n", "sum([sum([sum([sum([1 for d in P]) for c in P]) for b in P]) for a in P])"),
            "more than 3 loops within each other",
        ),
        ({"derived": {"row": {"is": "drugs['a']"}}}, "is a table or a row"),
        ({"derived": {"all_done": {"is": "done", "known_to": "all"}}}, "is a table or a row"),
        ({"facts": {"inf": {"flag": False}}}, "the name 'inf' is part of the language"),
        (
            {"facts": {"card": {"of": "P", "choice": ["x", "y"], "deal": {"x": -1, "y": 4}}}},
            "cannot be dealt less than no times",
        ),
        ({"roles": {"P1": {"persona": "dan"}}}, "'P1' is also an agent of"),
        ({"roles": {"Q": {"count": 2, "called": "P", "personas": ["dan", "eve"]}}}, "'P1' is also an agent of 'P'"),
        ({"roles": {"guest": {"persona": "ann"}}}, "P1 and guest are both called 'Ann'"),
        ({"variants": {"v": {"variants": {"w": {}}}}}, "a variant has no variants"),
        (
            {
                "ballots": {"again": {"voters": "P", "on": "P"}},
                "states": {
                    "hall": {
                        "speakers": "P",
                        "actions": ["pick", "again"],
                        "go": [{"to": "over", "after": {"rounds": 1}}],
                    }
                },
            },
            "'pick' may be taken again, so it cannot share a state with another vote",
        ),
    ],
)
def test_what_could_only_go_wrong_is_an_error(patch: dict[str, Any], message: str) -> None:
    """In a word that says what it is; the world without it loads."""
    assert world().name == "checks"
    with pytest.raises(DefinitionError) as caught:
        world(**patch)
    assert message in str(caught.value)


def test_a_choice_may_be_emptied_on_one_side() -> None:
    """`null` is no mistake where a fact can take it, and three loops are not too many."""
    assert world(**sets("out", "on ? P1 : null")).name == "checks"
    assert world(**sets("n", "sum([sum([sum([1 for c in P]) for b in P]) for a in P])")).name == "checks"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "say: Hello",
            "say: 'Hello ｛｛ a ｝｝'",
            "would be said as it stands; write '{{' for the full-width signs",
        ),
        ("turns: 2", "turns: ５", "must be a whole number; write 5 for the full-width '５'"),
    ],
)
def test_what_is_typed_full_width_is_told_with_what_to_write(old: str, new: str, message: str) -> None:
    """A template would be read out as it stands, and the digit is no number."""
    text = """
world: wide
roles: {a: ann}
states: {hall: {speakers: a, go: [{to: over, after: {turns: 2}}]}}
start: hall
ends: [over]
lines: {hall: {a: [{say: Hello}]}}
"""
    with pytest.raises(DefinitionError, match=re.escape(message)):
        world_of(text.replace(old, new))


@pytest.mark.parametrize(("bounds", "first"), [("from: 10", 10), ("to: -3", -3), ("from: -5, to: 5", 0)])
def test_a_number_without_a_start_begins_within_its_range(bounds: str, first: int) -> None:
    """At zero, or as near to it as it may be."""
    made = world(facts={"m": {"number": "", **yaml.safe_load(f"{{{bounds}}}")}})
    assert made.facts["m"].start == first


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        ({"number": ""}, "a number is never null; write 0, or leave 'start' out"),
        ({"list": "text"}, "a list is never null; write [], or leave 'start' out"),
    ],
)
def test_a_start_of_null_is_refused_where_nothing_is_null(fact: dict[str, Any], told: str) -> None:
    """Words and choices may be empty."""
    with pytest.raises(DefinitionError, match=re.escape(f"facts.m.start: {told}")):
        world(facts={"m": {**fact, "start": None}})
    assert world(facts={"m": {"text": 9, "start": None}}).facts["m"].start is None


def test_a_fact_that_is_wrong_itself_is_not_said_to_be_unknown_where_it_is_shown() -> None:
    """The one mistake is told, and nothing that follows from it."""
    hall = {"speakers": "P", "actions": ["pick"], "tell": "{{ n }}", "go": [{"to": "over", "after": {"rounds": 1}}]}
    with pytest.raises(DefinitionError) as caught:
        world(facts={"n": {"from": 0}}, states={"hall": hall})
    assert [p.message for p in caught.value.problems] == [
        "facts.n: needs exactly one of flag, number, money, text, choice, list"
    ]
