"""Who speaks next: each order, who may speak twice, who may speak after whom, and states in which nobody can."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.models.model import Request
from sim.models.outside import Live
from sim.world.world import World
from tests.building import acts, ending, of, played, spoken, words, world_of

FOUR = {"P1", "P2", "P3", "P4"}


def world(state: dict[str, Any], rules: str | None = None, **more: Any) -> World:
    """Four players and a host; the players talk for eight turns if the state does not say otherwise."""
    talk = {"speakers": "P", "go": [{"to": "over", "after": {"turns": 8}}], **state}
    return world_of(
        {
            "world": "orders",
            "roles": {"P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"]}, "host": "eve"},
            "states": {"talk": talk, **more.pop("states", {})},
            "start": "talk",
            "ends": ["over"],
            "limits": {"turns": 30, "repairs": 0},
            **more,
        },
        rules,
    )


def without_pairs(said: list[str]) -> bool:
    """Whether nobody spoke twice running."""
    return all(before != after for before, after in itertools.pairwise(said))


@pytest.mark.parametrize("order", ["alternate", "round_robin"])
def test_in_turn_is_the_order_in_which_they_are_named(order: str) -> None:
    """Both names say the same; the order of the list counts, not that of the cast."""
    log = played(world({"order": order, "speakers": ["P3", "P1", "host"]}))
    assert spoken(log) == ["P3", "P1", "host"] * 2 + ["P3", "P1"]


LEAVE: dict[str, Any] = {
    "facts": {"alive": {"of": "P", "flag": True}},
    "groups": {"living": {"where": "alive[me]", "of": "P"}},
    "actions": {
        "push": {"by": "P", "fields": {"who": {"one_of": "living"}}, "sets": {"alive[act.who]": False}},
        "call": {"by": "P", "fields": {"who": {"choice": "P"}}, "sets": {"alive[act.who]": True}},
    },
}


def at(turn: int, answer: str) -> Any:
    """A model that does something at one turn and else only speaks."""
    return lambda request: answer if request.turn == turn else words(request)


def test_who_leaves_a_group_in_the_middle_of_a_round_is_passed_over() -> None:
    """The others keep their places, and the next round has only those who are left."""
    made = world({"speakers": "living", "actions": ["push", "call"], "go": [{"over": "rounds >= 2"}]}, **LEAVE)
    log = played(made, at(2, acts(say="Go.", push={"who": "P3"})))
    assert spoken(log) == ["P1", "P2", "P4", "P1", "P2", "P4"]


def test_the_last_of_a_round_may_leave_in_it() -> None:
    """The round is over at once, and nobody waits for the one who went."""
    made = world({"speakers": "living", "actions": ["push", "call"], "go": [{"over": "rounds >= 2"}]}, **LEAVE)
    log = played(made, at(3, acts(say="Go.", push={"who": "P4"})))
    assert spoken(log) == ["P1", "P2", "P3", "P1", "P2", "P3"]


def test_who_comes_back_in_the_middle_of_a_round_waits_for_the_next() -> None:
    """A round is over when those who were there at its beginning have spoken."""
    made = world({"speakers": "living", "actions": ["push", "call"], "go": [{"over": "rounds >= 3"}]}, **LEAVE)

    def say(request: Request) -> str:
        given = {1: acts(say="Go.", push={"who": "P3"}), 4: acts(say="Come.", call={"who": "P3"})}
        return given.get(request.turn, words(request))

    assert spoken(played(made, say)) == ["P1", "P2", "P4", "P1", "P2", "P4", "P1", "P2", "P3", "P4"]


def test_the_last_one_may_not_leave_for_nobody_could_speak_then() -> None:
    """The act is sent back, with no name of a state that might be a secret; all else goes on."""
    made = world({"speakers": "living", "actions": "push"}, **LEAVE)
    log = played(made, lambda r: acts(say="Go.", push={"who": r.role}))
    reasons = {reason for r in of(log, "refusal") for reason in r.reasons}
    assert reasons == {"it would break the rule '…'"}
    assert (spoken(log)[:4], set(spoken(log)[4:])) == (["P1", "P2", "P3", "P4"], {"P4"})


def test_a_state_that_is_entered_with_nobody_to_speak_is_a_breach_that_names_it() -> None:
    """Words alone led there, so it is the world's fault, and the run ends at once instead of hanging."""
    later = {"speakers": "living", "go": [{"to": "over", "after": {"turns": 1}}]}
    go = [{"to": "later", "after": {"turns": 1}, "sets": {"alive[*]": False}}]
    log = played(world({"go": go}, states={"later": later}, **LEAVE))
    assert ending(log) == ("invariant_broken", "nobody can speak in 'later' after P1")


def test_random_speakers_do_not_repeat_and_all_come_up() -> None:
    """The seed decides; nobody speaks twice running, and each speaks about as often."""
    made = world({"order": "random", "go": [{"to": "over", "after": {"turns": 25}}]})
    said = [spoken(played(made, seed=seed)) for seed in range(12)]
    assert all(map(without_pairs, said))
    assert len({tuple(s) for s in said}) == 12
    assert min(Counter(itertools.chain(*said)).values()) > 50
    assert spoken(played(made, seed=3)) == said[3]


@pytest.mark.parametrize(
    ("repeat", "twice"), [(True, FOUR), (False, set()), (["P2"], {"P2"}), (["P1", "P4"], {"P1", "P4"})]
)
def test_who_may_speak_twice_running_is_said_by_repeat(repeat: Any, twice: set[str]) -> None:
    """All, nobody, or those on the list."""
    made = world({"order": "random", "repeat": repeat, "go": [{"to": "over", "after": {"turns": 28}}]})
    found = {a for seed in range(12) for a, b in itertools.pairwise(spoken(played(made, seed=seed))) if a == b}
    assert found == twice


def test_who_is_alone_may_speak_twice_whatever_repeat_says() -> None:
    """Else nobody could go on."""
    assert spoken(played(world({"order": "random", "speakers": "P2"}))) == ["P2"] * 8


def test_single_is_the_first_alone() -> None:
    """Whoever else is named only listens."""
    assert spoken(played(world({"order": "single", "speakers": ["P4", "P1"]}))) == ["P4"] * 8


def test_named_is_the_one_whom_an_expression_gives() -> None:
    """It is asked for each turn, so it may change from turn to turn."""
    speaker = "state_turns < 2 ? 'P3' : 'P1'"
    log = played(world({"order": "named", "speaker": speaker, "go": [{"to": "over", "after": {"turns": 4}}]}))
    assert spoken(log) == ["P3", "P3", "P1", "P1"]


@pytest.mark.parametrize("speaker", ["chosen", "'host'"])
def test_a_state_is_passed_on_at_once_where_its_expression_names_nobody(speaker: str) -> None:
    """Null is nobody, and so is one who does not speak there; the round counts as over."""
    named = {"speakers": "P", "order": "named", "speaker": speaker, "go": [{"to": "over", "after": {"rounds": 1}}]}
    made = world({"go": ["last"]}, states={"last": named}, facts={"chosen": {"choice": "P"}})
    log = played(made)
    assert (spoken(log), ending(log)) == (["P1"], ("over", None))
    assert [t.to for t in of(log, "transition")] == ["last", "over"]


def test_a_named_state_without_a_way_on_for_nobody_is_a_breach() -> None:
    """Where its arrows wait for turns that never come, the run ends and says where."""
    named = {"speakers": "P", "order": "named", "speaker": "chosen", "go": [{"to": "over", "after": {"turns": 1}}]}
    made = world({"go": ["last"]}, states={"last": named}, facts={"chosen": {"choice": "P"}})
    assert ending(played(made)) == ("invariant_broken", "nobody can speak in 'last' after P1")


def test_all_at_once_take_their_turns_in_the_order_of_the_list() -> None:
    """A round is one turn of each, and arrows are looked at when it is over."""
    go = [{"to": "over", "when": "turns >= 5"}]
    log = played(world({"order": "simultaneous", "speakers": ["P3", "P1", "P2"], "go": go}))
    assert spoken(log) == ["P3", "P1", "P2"] * 2
    assert [t.asked for t in of(log, "turn")] == [0, 0, 0, 3, 3, 3]


def test_in_the_order_manual_the_user_picks_among_those_who_may() -> None:
    """The picker is asked with the state and the candidates, and its choice is in the log."""
    asked: list[tuple[str, tuple[str, ...]]] = []

    def pick(state: str, candidates: tuple[str, ...]) -> str:
        asked.append((state, candidates))
        return candidates[-1]

    log = played(world({"order": "manual", "go": [{"to": "over", "after": {"turns": 3}}]}), outside=Live(pick))
    assert spoken(log) == ["P4", "P3", "P4"]
    assert asked[1] == ("talk", ("P1", "P2", "P3"))
    first = of(log, "selection")[0]
    assert (first.order, first.by, first.chosen, first.candidates) == ("manual", "user", "P4", sorted(FOUR))


def test_manual_without_a_user_is_an_error_with_what_to_do() -> None:
    """It is told before the first turn."""
    with pytest.raises(DefinitionError, match="in 'talk' the user picks who speaks; run it in a terminal"):
        played(world({"order": "manual"}))


def test_in_the_order_auto_a_model_chooses() -> None:
    """Who is the only one that may speak is not asked for."""
    log = played(world({"order": "auto", "go": [{"to": "over", "after": {"turns": 4}}]}))
    assert spoken(log) == ["P1", "P2", "P1", "P2"]
    assert [c.role for c in of(log, "call")] == [
        "selector",
        "P1",
        "selector",
        "P2",
        "selector",
        "P1",
        "selector",
        "P2",
    ]
    alone = played(world({"order": "auto", "speakers": "P3"}))
    assert (spoken(alone), of(alone, "selection")) == (["P3"] * 8, [])


RULES = """
def youngest(situation, candidates):
    assert situation["state"] == "talk" and situation["me"] == ""
    return candidates[-1] if situation["speaker"] != candidates[-1] else candidates[0]
"""


def test_in_the_order_rule_a_function_of_the_world_chooses() -> None:
    """It is told the situation and the candidates; the log has what it chose, so verifying needs no code."""
    log = played(world({"order": "rule", "rule": "youngest"}, RULES))
    assert spoken(log) == ["P4", "P3"] * 4
    assert {s.by for s in of(log, "selection")} == {"rule"}


def test_a_function_that_chooses_somebody_else_is_an_error_that_names_both() -> None:
    """A slip in its spelling is suggested."""
    made = world({"order": "rule", "rule": "who"}, "def who(situation, candidates):\n    return 'P11'\n")
    with pytest.raises(DefinitionError, match=r"rules.py: who chose 'P11'; did you mean 'P1'\?.*it may choose: P1"):
        played(made)


@pytest.mark.parametrize(
    "state", [{"order": "named"}, {"order": "rule"}, {"speaker": "'P1'"}, {"order": "random", "rule": "who"}]
)
def test_an_order_and_what_it_needs_belong_together(state: dict[str, Any]) -> None:
    """Named needs a speaker and rule a function; no other order has either."""
    with pytest.raises(DefinitionError, match="the order named needs a speaker, the order rule a rule"):
        world(state, "def who(situation, candidates):\n    return 'P1'\n")


RING = {"P1": "P2", "P2": "P3", "P3": "P4", "P4": "P1"}


def test_only_those_on_the_list_may_speak_after_one() -> None:
    """In a ring, each order that chooses goes round it."""
    made = world({"order": "random"}, speaker_transitions={"allowed": RING})
    said = spoken(played(made, seed=4))
    assert all(RING[a] == b for a, b in itertools.pairwise(said))


def test_those_on_a_list_of_the_disallowed_may_not_speak_after_one() -> None:
    """All others may."""
    lists = {"disallowed": {"P1": ["P2", "P3"], "P2": "P"}}
    made = world({"order": "random", "speakers": ["P", "host"], "go": [{"to": "over", "after": {"turns": 28}}]},
                 speaker_transitions=lists)  # fmt: skip
    pairs = {p for seed in range(20) for p in itertools.pairwise(spoken(played(made, seed=seed)))}
    assert {b for a, b in pairs if a == "P1"} == {"P4", "host"}
    assert {b for a, b in pairs if a == "P2"} == {"host"}
    assert {b for a, b in pairs if a == "P3"} == {"P1", "P2", "P4", "host"}


def test_in_turn_who_may_not_speak_now_is_passed_over_in_the_round() -> None:
    """The next who may is asked first; the round is over when all have spoken."""
    lists = {"allowed": {"P1": "P3", "P3": "P2", "P2": "P4", "P4": "P1"}}
    made = world({"go": [{"over": "rounds >= 2"}]}, speaker_transitions=lists)
    assert spoken(played(made)) == ["P1", "P3", "P2", "P4"] * 2


def test_the_lists_hold_across_states_too() -> None:
    """Who speaks first in a state is asked after whom it may."""
    second = {"speakers": "P", "go": [{"to": "over", "after": {"turns": 1}}]}
    lists = {"allowed": {"P1": "P4", "P2": "P", "P3": "P", "P4": "P"}}
    made = world(
        {"go": [{"to": "then", "after": {"turns": 1}}]}, states={"then": second}, speaker_transitions=lists
    )
    assert spoken(played(made)) == ["P1", "P4"]


def test_where_the_lists_let_nobody_speak_the_breach_names_the_state() -> None:
    """Inside a state and across states alike."""
    lists = {"allowed": {"P1": "host"}}
    inside = played(world({}, speaker_transitions=lists))
    assert ending(inside) == ("invariant_broken", "nobody can speak in 'talk' after P1")
    second = {"speakers": "P", "go": [{"to": "over", "after": {"turns": 1}}]}
    across = world(
        {"go": [{"to": "then", "after": {"turns": 1}}]}, states={"then": second}, speaker_transitions=lists
    )
    assert ending(played(across)) == ("invariant_broken", "nobody can speak in 'then' after P1")


@pytest.mark.parametrize("order", ["random", "manual", "auto", "rule", "single", "alternate"])
def test_where_the_lists_let_nobody_speak_every_order_ends_so(order: str) -> None:
    """None of them hangs or asks for one who may not."""
    state = {"order": order} | ({"rule": "who"} if order == "rule" else {})
    made = world(
        state, "def who(situation, candidates):\n    return candidates[0]\n", speaker_transitions={"allowed": {}}
    )
    log = played(made, outside=Live(lambda state, candidates: candidates[0]))
    outcome, breach = ending(log)
    assert (outcome, len(spoken(log))) == ("invariant_broken", 1)
    assert breach == f"nobody can speak in 'talk' after {spoken(log)[0]}"


def test_a_list_of_who_may_follow_cannot_name_a_group_that_changes() -> None:
    """It holds for the whole run."""
    with pytest.raises(DefinitionError, match="'living' changes during a run; name a role or a fixed group"):
        world({}, **LEAVE, speaker_transitions={"allowed": {"P": "living"}})


def test_states_without_speakers_pass_on_at_once() -> None:
    """Several in a row are passed in one go, each with its own transition and narration."""
    made = world(
        {"speakers": [], "narrate": "One.", "go": ["two"]},
        states={
            "two": {"narrate": "Two.", "go": [{"never_there": "turns > 0"}, "three"]},
            "never_there": {"go": ["over"]},
            "three": {"speakers": "P1", "go": [{"to": "over", "after": {"turns": 1}}]},
        },
    )
    log = played(made)
    assert [t.to for t in of(log, "transition")] == ["two", "three", "over"]
    assert [n.text for n in of(log, "narration")] == ["One.", "Two."]
    assert spoken(log) == ["P1"]


def test_a_world_in_which_nobody_ever_speaks_comes_to_its_end() -> None:
    """A run of no turns is a run."""
    log = played(world({"speakers": [], "narrate": "Nothing.", "go": ["over"]}))
    assert (spoken(log), ending(log)) == ([], ("over", None))


def test_a_state_without_speakers_and_without_a_true_arrow_is_a_breach() -> None:
    """Nobody is there to change anything."""
    log = played(world({"speakers": [], "go": [{"over": "turns > 0"}]}))
    assert ending(log) == ("invariant_broken", "nobody can speak in 'talk'")


def test_arrows_that_go_round_without_a_turn_are_a_breach() -> None:
    """Also where they begin after a turn."""
    ring = {"b": {"go": ["c"]}, "c": {"go": ["b"]}}
    assert ending(played(world({"go": ["b"]}, states=ring, ends=["over"]))) == (
        "invariant_broken",
        "the arrows go round without anyone speaking",
    )
    at_first = world({"speakers": [], "go": ["b"]}, states={"b": {"go": ["talk"]}})
    assert ending(played(at_first))[1] == "the arrows go round without anyone speaking"
