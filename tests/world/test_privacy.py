"""What a world gives away is an error when it is loaded, and what a refusal says is no way round it."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.world.world import World
from tests.building import Player, acts, of, played, world_of


def world(**patch: Any) -> World:
    """Three agents with cards of their own, and a fact that only Bob knows; sections are added to."""
    made: dict[str, Any] = {
        "world": "cards",
        "roles": {"P": {"count": 3, "personas": ["ann", "bob", "cai"]}},
        "facts": {
            "card": {
                "of": "P",
                "choice": ["wolf", "sheep"],
                "deal": {"wolf": 1, "sheep": 2},
                "known_to": "self",
            },
            "mark": {"choice": "P", "start": "P2", "known_to": "nobody"},
            "secret": {"choice": "P", "start": "P3", "known_to": "P2"},
            "points": {"of": "pair", "number": "points"},
            "total": {"number": "points"},
        },
        "groups": {
            "pair": ["P1", "P2"],
            "marked": {"where": "mark == me"},
            "wolves": {"where": "card[me] == wolf"},
        },
        "derived": {},
        "actions": {"act": {"by": "P"}},
        "ballots": {},
        "tools": {},
        "states": {
            "hall": {"speakers": "P", "actions": ["act"], "go": [{"to": "over", "after": {"rounds": 1}}]},
        },
        "start": "hall",
        "ends": ["over"],
    }
    for section, values in patch.items():
        made[section] = {**made[section], **values} if isinstance(values, dict) else values
    return world_of({k: v for k, v in made.items() if v})


HALL = {"speakers": "P", "go": [{"to": "over", "after": {"rounds": 1}}]}


def action(**keys: Any) -> dict[str, Any]:
    return {"actions": {"act": {"by": "P", **keys}}}


def tool(gives: str) -> dict[str, Any]:
    return {
        "tools": {"look": {"by": "P", "gives": gives}},
        "states": {"hall": {**HALL, "actions": ["act", "look"]}},
    }


def ballot(**keys: Any) -> dict[str, Any]:
    return {
        "ballots": {"pick": {"on": "P", **keys}},
        "states": {"hall": {**HALL, "actions": ["pick"]}},
    }


def test_the_world_of_this_file_is_sound() -> None:
    """Else what follows would prove nothing."""
    assert world(**action(when="card[me] == wolf"), **tool("card[me]")).name == "cards"
    assert world(**ballot(voters="P")).name == "cards"
    assert world(**ballot(voters="wolves", secret=True)).name == "cards"


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (action(when="mark == me"), "'mark' is not known to 'P1, P2, P3'"),
        (action(when="secret == me"), "'secret' is not known to 'P1, P3'"),
        (action(when="done.act > 0"), "'done' is not known to 'P1, P2, P3'"),
        (action(when="speaker == P1"), "'speaker' is not known to 'P1, P2, P3'"),
        (tool("speaker"), "'speaker' is not known to 'P1, P2, P3'"),
        (tool("[card[p] for p in P]"), "'card' is not known to 'P1, P2, P3'"),
        (tool("[card[me] for me in P]"), "the name 'me' after 'for' is already taken"),
        (tool("[1 for turns in P]"), "the name 'turns' after 'for' is already taken"),
        (tool("[{'a': card[p]}['a'] for p in P if card[me] != null]"), "mappings in braces are not part"),
        (tool("[p for p in P if wolf in {card[p]}]"), "sets in braces are not part"),
        (action(by="marked"), "who is in 'marked' is not known to its own members"),
        (ballot(voters="marked", secret=True), "who is in 'marked' is not known to its own members"),
        (
            {"states": {"hall": {**HALL, "tell": {"marked": "You are the one."}}}},
            "who is in 'marked' is not known to its own members",
        ),
        ({"lines": {"hall": {"marked": [{"say": "I am."}]}}}, "who is in 'marked' is not known"),
        (
            {"lines": {"hall": {"P": [{"let": {"me": "P3"}, "say": "{{ me }}"}]}}},
            "the name 'me' is already taken",
        ),
        (ballot(voters="wolves"), "not all who hear the open vote 'pick' know 'wolves'; make it secret"),
        (ballot(voters="P", on="[p for p in P if p != secret]"), "'secret' is not known"),
    ],
)
def test_what_would_give_a_secret_away_is_an_error(patch: dict[str, Any], message: str) -> None:
    """With who does not know it, or what it is."""
    if "lines" in patch:
        with pytest.raises(DefinitionError) as caught:
            world_of({**lines_world(), **patch})
    else:
        with pytest.raises(DefinitionError) as caught:
            world(**patch)
    assert message in str(caught.value)


DERIVED = {"limit": {"is": "card[P1] == wolf ? 1 : 2"}}
WHY = "; if it is no secret, write 'known_to: {}' under derived.limit"


@pytest.mark.parametrize(
    ("patch", "end"),
    [
        (action(by="P1", when="secret == me"), "'P1'; facts.secret.known_to says who knows it"),
        (tool("[card[p] for p in P]"), "'P1, P2, P3'; each agent knows only its own (known_to: self)"),
        (action(by="marked", when="P1 in marked"), "its own members"),
        (
            {"derived": DERIVED, **action(by="P1", when="limit > 1")},
            "'P1': it reads 'card', of which each knows only its own" + WHY.format("P1"),
        ),
        (
            {"derived": DERIVED, **action(when="limit > 1")},
            "'P1, P2, P3': it reads 'card', of which each knows only its own" + WHY.format("[P1, P2, P3]"),
        ),
        (
            {"derived": {"limit": {**DERIVED["limit"], "known_to": "P2"}}, **action(by="P1", when="limit > 1")},
            "'P1'; derived.limit.known_to says who knows it",
        ),
    ],
)
def test_why_something_is_not_known_is_told_with_where_that_is_written(patch: dict[str, Any], end: str) -> None:
    """Of a derived value, what it reads is the cause, and who knows it can be written beside it."""
    with pytest.raises(DefinitionError) as caught:
        world(**patch)
    assert any(line.endswith(end) for line in str(caught.value).splitlines()), caught.value


def lines_world() -> dict[str, Any]:
    """The same with room for lines."""
    resolved = world().resolved["world"]
    return {k: v for k, v in resolved.items() if v not in (None, {}, [])}


def test_a_group_that_its_members_work_out_or_are_told_of_may_be_addressed() -> None:
    """By their own card, or because the world says that they know each other."""
    told = {"states": {"hall": {**HALL, "tell": {"wolves": "You are a wolf."}}}}
    assert world(**told).name == "cards"
    known = {"groups": {"marked": {"where": "mark == me", "known_to": "marked"}}}
    assert world(**known, **action(by="marked")).name == "cards"


def reasons(made: World, **answer: Any) -> list[str]:
    """What P1 is told when its answer is sent back."""
    player = Player(lambda r: acts(say="x", **answer) if r.role == "P1" else "x")
    return of(played(made, player), "refusal")[0].reasons


def test_an_effect_that_cannot_be_computed_tells_no_value() -> None:
    """`points[secret]`: the secret is P3, who has no points."""
    told = reasons(world(**action(sets={"total": "points[secret]"})), act={})
    assert told == ["act: cannot be done now"]


def test_an_arrow_that_cannot_be_taken_tells_no_value() -> None:
    """Its text is in the log for the author when a run ends by it, and never in a prompt."""
    go = [{"to": "over", "when": "done.act > 0", "sets": {"total": "points[secret]"}}, *HALL["go"]]
    assert reasons(world(states={"hall": {**HALL, "actions": ["act"], "go": go}}), act={}) == [
        "it would break the rule '…'"
    ]


def test_a_refused_answer_tells_nothing_that_an_act_in_it_would_have() -> None:
    """The reason of the second act is told as things stood before the first, and nothing was done."""
    made = world(
        facts={"vision": {"choice": "P", "known_to": "P1"}},
        actions={
            "act": {"by": "P1", "sets": {"vision": "secret"}},
            "boast": {
                "by": "P1",
                "needs": [{"that": "vision == null", "why": "You saw {{ vision or 'nobody' }}."}],
            },
        },
        states={"hall": {**HALL, "actions": ["act", "boast"]}},
    )
    assert reasons(made, act={}, boast={}) == ["boast: You saw nobody."]


def test_a_reason_that_names_what_its_reader_knows_no_longer_is_left_out() -> None:
    """The condition stands in its place, and the run goes on."""
    made = world(
        facts={"alive": {"of": "P", "flag": True}, "note": {"text": 20, "known_to": "living"}},
        groups={"living": {"where": "alive[me]"}},
        actions={
            "act": {"by": "living", "sets": {"alive[me]": False}},
            "boast": {"by": "living", "needs": [{"that": "alive[me]", "why": "{{ note }}!"}]},
        },
        states={"hall": {**HALL, "actions": ["act", "boast"]}},
    )
    assert reasons(made, act={}, boast={}) == ["boast: !"]
