"""Counting votes: majorities, quorums, ties in all their ways, and what is told and set."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.ballots import Count, count
from sim.engine.machine import begin
from sim.errors import DefinitionError
from sim.models.model import Request
from sim.world.world import World
from tests.building import acts, ending, of, played, spoken, world_of

PLAYERS = ["P1", "P2", "P3", "P4", "P5"]
MISSING = "missing"


@functools.cache
def _world(ballot: str) -> World:
    given_here = json.loads(ballot)
    is_text = given_here.get("on") == "places"
    facts: dict[str, Any] = {
        "winner": {"text": 40} if is_text else {"choice": "P"},
        "count": {"number": "votes"},
        "cast": {"number": "votes"},
        "missing": {"number": "votes"},
        "tied": {"list": "text" if is_text else "P"},
        "places": {"list": "text", "start": ["north", "south", "stay"]},
        "tie_rule": {"choice": ["revote", "lot", "nobody"]},
    }
    return world_of(
        {
            "world": "vote",
            "languages": ["en", "zh"],
            "roles": {"P": {"count": 5, "personas": ["ann", "bob", "cai", "dan", "eve"]}},
            "facts": facts,
            "ballots": {
                "pick": {
                    "voters": "P",
                    "on": "P",
                    "sets": {k: f"result.{k}" for k in ("winner", "count", "cast", "missing", "tied")},
                    **given_here,
                }
            },
            "states": {
                "vote": {
                    "speakers": "P",
                    "order": "simultaneous",
                    "silent": True,
                    "actions": "pick",
                    "go": [{"to": "over", "after": {"rounds": 1}}],
                }
            },
            "start": "vote",
            "ends": ["over"],
            "limits": {"turns": 40, "repairs": 0},
        }
    )


def world(**ballot: Any) -> World:
    """Five players who vote once."""
    return _world(json.dumps(ballot))


def counted(
    made: World,
    votes: Mapping[str, str | None],
    seed: int = 1,
    facts: Mapping[str, Any] | None = None,
    ties: int = 0,
) -> Count:
    """What some votes come to."""
    situation = begin(made, 1, facts or {}, seed)
    ballot = made.actions["pick"].ballot
    assert ballot is not None
    return count(made, dataclasses.replace(situation, votes={"pick": votes}, ties=ties), ballot)


def votes_of(*choices: str | None) -> dict[str, str | None]:
    """The votes of the players in order; one who is ``missing`` cast none."""
    return {p: c for p, c in zip(PLAYERS, choices, strict=False) if c != MISSING}


def test_the_most_votes_win_a_plurality() -> None:
    """Two of five are enough where the others have one each."""
    found = counted(world(), votes_of("P2", "P2", "P3", "P4", "P5"))
    assert (found.winner, found.by, found.counts["P2"], found.tied) == ("P2", "votes", 2, ())


@pytest.mark.parametrize(
    ("choices", "winner"),
    [
        (("P2", "P2", "P2", "P4", "P5"), "P2"),
        (("P2", "P2", "P3", "P4", "P5"), None),
        (("P2", "P2", "P3", None, None), "P2"),
        (("P2", "P2", MISSING, MISSING, MISSING), "P2"),
        (("P2", "P2", "P3", "P3", None), None),
    ],
)
def test_an_absolute_majority_is_more_than_half_of_the_ballots_cast(
    choices: tuple[str | None, ...], winner: str | None
) -> None:
    """Abstentions and missing ballots are not cast, so they raise no bar."""
    made = world(majority="absolute", abstain=True)
    assert counted(made, votes_of(*choices)).winner == winner


def test_without_an_absolute_majority_the_leading_two_are_voted_on_again() -> None:
    """Those with the second most votes are among them, and the others are out."""
    made = world(majority="absolute", tie="revote")
    found = counted(made, votes_of("P2", "P2", "P3", "P3", "P4"))
    assert (found.winner, found.by, found.tied) == (None, "revote", ("P2", "P3"))
    found = counted(made, votes_of("P2", "P2", "P3", "P4", "P5"))
    assert found.tied == ("P2", "P3", "P4", "P5")


@pytest.mark.parametrize(("cast", "by"), [(2, "quorum"), (3, "votes"), (0, "nobody")])
def test_a_quorum_is_a_share_of_the_voters(cast: int, by: str) -> None:
    """With half of five needed, two are too few; where nobody voted at all, nobody is chosen."""
    found = counted(world(quorum=0.5, abstain=True), votes_of(*["P2"] * cast, *[None] * (5 - cast)))
    assert (found.winner, found.by) == (None if by != "votes" else "P2", by)


TIE = votes_of("P2", "P2", "P3", "P3", "P4")


@pytest.mark.parametrize(
    ("tie", "winner", "by"),
    [
        ("nobody", None, "nobody"),
        ("revote", None, "revote"),
        ("P1", "P2", "P1"),
        ("P3", "P3", "P3"),
        ("P5", None, "nobody"),
        (["P5", "P4"], "P3", "P4"),
        (["P5", "revote"], None, "revote"),
    ],
)
def test_a_tie_is_broken_as_the_world_says(tie: Any, winner: str | None, by: str) -> None:
    """An agent's own vote decides if it is among the tied, and else the next rule does."""
    found = counted(world(tie=tie), TIE)
    assert (found.winner, found.by, found.tied) == (winner, by, ("P2", "P3"))


def test_the_rules_for_a_tie_are_used_one_after_another() -> None:
    """After a revote that ties again comes the next rule, and after the last one nobody is chosen."""
    made = world(tie=["revote", "P1", "nobody"])
    assert (counted(made, TIE).by, counted(made, TIE).rules_used) == ("revote", 1)
    assert counted(made, TIE, ties=1).by == "P1"
    assert counted(world(tie="revote"), TIE, ties=1).by == "nobody"


def test_a_lot_is_drawn_by_the_seed() -> None:
    """The same seed gives the same winner, and over many seeds each of the tied is drawn about as often."""
    made = world(tie="lot")
    drawn = Counter(counted(made, TIE, seed).winner for seed in range(300))
    assert set(drawn) == {"P2", "P3"}
    assert min(drawn.values()) > 100
    assert all(counted(made, TIE, seed) == counted(made, TIE, seed) for seed in range(5))


@pytest.mark.parametrize("word", ["revote", "lot", "nobody"])
def test_a_fact_may_be_the_rule_for_a_tie(word: str) -> None:
    """It is read when the votes are counted, so a world can be told by --set how it breaks ties."""
    assert counted(world(tie=["tie_rule", "nobody"]), TIE, facts={"tie_rule": word}).by == word


def test_an_empty_fact_as_the_rule_for_a_tie_chooses_nobody() -> None:
    """A world without an answer does not make one up."""
    assert counted(world(tie="tie_rule"), TIE).by == "nobody"


def test_an_abstention_is_not_a_missing_ballot() -> None:
    """The former is a vote for nobody; the latter never came, or was not valid."""
    found = counted(world(abstain=True), votes_of("P2", "P2", None, "P3"))
    assert (found.votes["P3"], found.missing, sum(found.counts.values())) == (None, ("P5",), 3)
    row = found.row().cells
    assert (row["winner"], row["count"], row["cast"], row["missing"]) == ("P2", 2, 3, 1)


def test_texts_can_be_voted_on() -> None:
    """They are counted like agents, in the order in which the list has them."""
    found = counted(world(on="places", tie="revote"), votes_of("south", "north", "stay", "stay", "south"))
    assert (list(found.counts), found.tied) == (["north", "south", "stay"], ("south", "stay"))


def test_a_rule_for_a_tie_that_is_none_is_refused_when_the_world_is_loaded() -> None:
    """So is a choice fact with a word that is no rule."""
    with pytest.raises(DefinitionError, match="'toss' is no rule, no agent and no choice fact"):
        world(tie="toss")


choice = st.one_of(st.none(), st.sampled_from([*PLAYERS, MISSING]))


@settings(max_examples=200, deadline=None)
@given(
    choices=st.lists(choice, min_size=5, max_size=5),
    tie=st.sampled_from([["nobody"], ["lot"], ["revote"], ["P1", "lot"]]),
    majority=st.sampled_from(["plurality", "absolute"]),
    quorum=st.sampled_from([0, 0.5, 1]),
    order=st.randoms(use_true_random=False),
)
def test_counts_add_up_and_the_winner_leads(
    choices: list[str | None], tie: list[str], majority: str, quorum: float, order: random.Random
) -> None:
    """Whatever is voted, each ballot is counted once, and the order in which ballots came changes nothing."""
    made = world(tie=tie, majority=majority, quorum=quorum, abstain=True)
    votes = votes_of(*choices)
    found = counted(made, votes)
    cast = [c for c in votes.values() if c is not None]
    assert found.counts == dict(Counter(cast))
    assert len(votes) + len(found.missing) == len(PLAYERS)
    if found.winner is not None:
        assert found.winner in (
            found.tied or [c for c, n in found.counts.items() if n == max(found.counts.values())]
        )
        assert majority == "plurality" or found.tied or found.counts[found.winner] * 2 > len(cast)
        assert len(cast) >= quorum * len(PLAYERS)
    assert all(found.counts[t] for t in found.tied)
    mixed = list(votes.items())
    order.shuffle(mixed)
    again = counted(made, dict(mixed))
    assert (again.winner, again.by, again.tied) == (found.winner, found.by, found.tied)
    assert list(again.counts.items()) == list(found.counts.items())


def test_a_revote_is_among_the_tied_and_its_result_is_set() -> None:
    """In the second round nobody else can be chosen, and the facts are set once, at the end."""

    def vote(request: Request) -> str:
        first = {"P1": "P2", "P2": "P2", "P3": "P3", "P4": "P3", "P5": "P4"}
        if request.situation.runoffs:
            assert request.prompt.schema is not None
            enum = request.prompt.schema["properties"]["pick"]["properties"]["choice"]["enum"]
            assert enum == ["Bob", "Cai"]
            return acts(pick="P3")
        return acts(pick=first[request.role])

    log = played(world(tie=["revote", "nobody"]), vote)
    first, second = of(log, "ballot")
    assert (first.by, first.tied, first.changed, len(spoken(log))) == ("revote", ["P2", "P3"], {}, 10)
    assert (second.by, second.changed) == ("votes", {"winner": "P3", "count": 5, "cast": 5})
    assert ending(log) == ("over", None)


def test_a_vote_for_one_who_is_no_candidate_is_missing() -> None:
    """A ballot that cannot be read counts for nobody, and the log says that it is missing."""

    def vote(request: Request) -> str:
        return acts(pick={"P1": "P9", "P2": "nobody at all"}.get(request.role, "P3"))

    log = played(world(), vote)
    found = of(log, "ballot")[0]
    assert (found.missing, found.winner, found.counts) == (["P1", "P2"], "P3", {"P3": 3})
    assert of(log, "narration")[0].text == (
        "The vote: Cai→Cai, Dan→Cai, Eve→Cai, Ann→no vote, Bob→no vote. Cai with 3."
    )


def test_a_false_is_no_abstention() -> None:
    """It says no to the vote, not nobody in it; so no ballot came."""
    found = of(played(world(abstain=True), lambda _: json.dumps({"say": "No.", "pick": False})), "ballot")[0]
    assert (found.votes, found.missing) == ({}, PLAYERS)


@pytest.mark.parametrize("answer", [{"pick": None}, {"pick": {"choice": None}}])
def test_null_is_an_abstention_only_where_it_may_be(answer: dict[str, Any]) -> None:
    """Where a vote is due, an answer without one is sent back."""
    free = of(played(world(abstain=True), lambda _: json.dumps(answer)), "ballot")[0]
    assert (free.votes, free.missing, free.by) == (dict.fromkeys(PLAYERS), [], "nobody")
    bound = played(world(), lambda _: json.dumps(answer))
    assert (of(bound, "ballot")[0].missing, len(of(bound, "refusal"))) == (PLAYERS, 5)


def test_a_vote_that_is_taken_again_is_all_that_is_left_of_its_round() -> None:
    """Whoever has no vote in it is not asked, and nothing else may be done."""
    made = world_of(
        {
            "world": "runoff",
            "roles": {"P": {"count": 3, "personas": ["ann", "bob", "cai"]}},
            "groups": {"pair": ["P1", "P2"]},
            "facts": {"looked": {"number": "times"}, "out": {"choice": "P"}},
            "actions": {"look": {"by": "P", "sets": {"looked": "looked + 1"}}},
            "ballots": {
                "pick": {"voters": "pair", "on": "P", "tie": ["revote", "nobody"], "sets": {"out": "result.winner"}}
            },
            "states": {
                "hall": {
                    "speakers": "P",
                    "actions": ["pick", "look"],
                    "go": [{"to": "over", "after": {"rounds": 1}}],
                }
            },
            "start": "hall",
            "ends": ["over"],
        }
    )

    def say(request: Request) -> str:
        acts = {"look": {}} if not request.situation.runoffs else {}
        return json.dumps(
            {"say": "x", **acts, **({"pick": {"choice": request.role}} if request.role != "P3" else {})}
        )

    log = played(made, say)
    assert [t.speaker for t in of(log, "turn")] == ["P1", "P2", "P3", "P1", "P2"]
    assert [b.by for b in of(log, "ballot")] == ["revote", "nobody"]
    assert [len(t.acts) for t in of(log, "turn")] == [2, 2, 1, 1, 1]
