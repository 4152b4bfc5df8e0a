"""What is remembered, and what is more than can be given whole: nothing is lost, and nothing counts twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sim.engine import tokens
from sim.engine.machine import begin
from sim.engine.memory import Digest, Utterance, carried_over, remembered, surplus
from sim.engine.situation import Situation
from sim.world.phases import Context
from tests.models.asking import WORLD

AGENTS = ("ann", "bob", "cai")


def now(visit: int = 0, forgotten: int = 0) -> Situation:
    """A situation in a visit, in which all before another was forgotten."""
    return replace(begin(WORLD, 1, {}, 0), visit=visit, forgotten=forgotten)


@st.composite
def histories(draw: st.DrawFn) -> list[Utterance]:
    """What was said in some visits, each heard by some; summaries among it."""
    history, visit = [], 0
    for turn in range(draw(st.integers(0, 25))):
        visit += draw(st.sampled_from([0, 0, 0, 1]))
        heard_by = tuple(sorted(draw(st.sets(st.sampled_from(AGENTS), min_size=1))))
        text = " ".join([f"w{turn}"] * draw(st.integers(1, 12)))
        is_summary = draw(st.sampled_from([False, False, False, False, True]))
        history.append(Utterance(turn, visit, heard_by[0], text, heard_by, is_summary))
    return history


CONTEXTS = st.builds(
    Context,
    of=st.sampled_from(["all", "state"]),
    turns=st.none() | st.integers(1, 8),
    tokens=st.none() | st.integers(1, 60),
)


def size(utterance: Utterance) -> int:
    return tokens.count(utterance.text) + 3


def all_heard(history: list[Utterance], role: str, context: Context, situation: Situation) -> list[Utterance]:
    """What an agent would be given if there were room for everything."""
    return [
        u
        for u in history
        if role in u.heard_by
        and not u.is_summary
        and u.visit >= situation.forgotten
        and (context.of == "all" or u.visit == situation.visit)
    ]


@given(histories(), CONTEXTS, st.sampled_from(AGENTS), st.integers(0, 3), st.none() | st.integers(0, 80))
def test_what_is_summed_up_and_what_is_kept_is_all_that_was_heard(
    history: list[Utterance], context: Context, role: str, forgotten: int, room: int | None
) -> None:
    """In this order, nothing twice; what is kept is within the limits and can be given whole."""
    situation = now(history[-1].visit if history else 0, forgotten)
    everything = all_heard(history, role, context, situation)
    found = surplus(history, role, context, situation, None, room, size)
    if found is None:
        kept = remembered(history, (role,), context, situation)
        assert kept == everything
    else:
        older, until = found
        digest = Digest(until, situation.visit, "…", context.of)
        kept = remembered(history, (role,), context, situation, digest)
        assert older
        assert older + kept == everything
    assert context.turns is None or len(kept) <= context.turns
    assert context.tokens is None or sum(tokens.count(u.text) for u in kept) <= context.tokens
    assert room is None or sum(map(size, kept)) <= room


@given(histories(), CONTEXTS, st.sampled_from(AGENTS))
def test_digest_after_digest_sums_up_all_once(history: list[Utterance], context: Context, role: str) -> None:
    """As the history grows; right after one there is nothing to be summed up."""
    digest: Digest | None = None
    summed: list[Utterance] = []
    for end in range(len(history) + 1):
        said = history[:end]
        situation = now(said[-1].visit if said else 0)
        held = digest if digest is not None and digest.holds(context, situation) else None
        if held is None:
            summed = []
        found = surplus(said, role, context, situation, held, None, size)
        if found is not None:
            older, until = found
            summed += older
            digest = held = Digest(until, situation.visit, "…", context.of)
            assert surplus(said, role, context, situation, held, None, size) is None
        given_now = remembered(said, (role,), context, situation, held)
        assert summed + given_now == all_heard(said, role, context, situation)


def said(*texts: str, visit: int = 0, **more: Any) -> list[Utterance]:
    return [Utterance(n, visit, "bob", text, AGENTS, **more) for n, text in enumerate(texts)]


def test_half_of_what_may_be_given_is_kept() -> None:
    """So that not every turn needs another digest; with one turn that one is kept."""
    history = said(*"abcdefg")
    for turns, kept in ((6, 3), (4, 2), (3, 1), (1, 1)):
        found = surplus(history, "ann", Context(turns=turns), now(), None, None, size)
        assert found == (history[: 7 - kept], 7 - kept)
    assert surplus(history, "ann", Context(turns=7), now(), None, None, size) is None


def test_an_utterance_longer_than_all_room_is_summed_up() -> None:
    """Even if it is the last."""
    history = said("a", "word " * 50)
    assert surplus(history, "ann", Context(tokens=20), now(), None, None, size) == (history, 2)
    assert surplus(history, "ann", Context(), now(), None, 0, size) == (history, 2)


def test_who_heard_nothing_needs_no_digest() -> None:
    """However much was said."""
    history = [Utterance(n, 0, "bob", "x", ("bob",)) for n in range(9)]
    assert surplus(history, "ann", Context(turns=1), now(), None, 0, size) is None
    assert surplus([], "ann", Context(turns=1), now(), None, 0, size) is None


def test_a_digest_stands_for_what_it_sums_up() -> None:
    """Only what comes after it is given, within the same limits."""
    history = said(*"abcdef")
    digest = Digest(3, 0, "abc")
    assert remembered(history, ("ann",), Context(), now(), digest) == history[3:]
    assert remembered(history, ("ann",), Context(turns=2), now(), digest) == history[4:]
    assert remembered(history, ("ann",), Context(of="none"), now(), digest) == []


def test_a_digest_holds_as_long_as_what_it_sums_up_is_remembered() -> None:
    """One of a state for as long as it lasts, one of all until all is forgotten; where nothing is, none."""
    of_all, of_state = Digest(3, 2, "…"), Digest(3, 2, "…", "state")
    cases = [
        (Context(of="all"), now(2), True, False),
        (Context(of="all"), now(5), True, False),
        (Context(of="all"), now(5, forgotten=2), True, False),
        (Context(of="all"), now(5, forgotten=3), False, False),
        (Context(of="state"), now(2), True, True),
        (Context(of="state"), now(3), False, False),
        (Context(of="none"), now(2), False, False),
    ]
    for context, situation, all_holds, state_holds in cases:
        assert of_all.holds(context, situation) == all_holds
        assert of_state.holds(context, situation) == state_holds


def test_what_only_some_heard_is_remembered_for_none_of_several() -> None:
    """As for a selector, who is shown what all have heard."""
    history = [Utterance(0, 0, "ann", "x", AGENTS), Utterance(1, 0, "ann", "y", ("ann", "bob"))]
    assert remembered(history, AGENTS, Context(), now()) == history[:1]
    assert remembered(history, ("ann", "bob"), Context(), now()) == history


def test_summaries_are_carried_over_as_the_policy_says() -> None:
    """They outlast what is forgotten, and are not among what was said."""
    history = said("a", "b", "c", is_summary=True)
    assert carried_over(history, "ann", Context()) == []
    assert carried_over(history, "ann", Context(carryover=True)) == history
    assert carried_over(history, "ann", Context(carryover=2)) == history[1:]
    assert carried_over(history, "dan", Context(carryover=True)) == []
    assert remembered(history, ("ann",), Context(), now()) == []
