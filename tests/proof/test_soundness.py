"""What is proved of a world is never found otherwise in a run: games by players who answer anything."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import z3
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sim.engine.situation import Situation, scope
from sim.proof.conditions import every
from sim.proof.frames import Frame, Makings, known
from sim.proof.induction import Induction
from sim.proof.terms import Items, Unknown, is_term, many, truth
from sim.world.vocabulary import ExpressionError
from sim.world.world import World
from tests.worlds.players import CASES, LANGUAGES, MIXED, POLITE, Game, play, world_of

EACH = pytest.mark.parametrize(("name", "variant"), CASES)
WHOLE = (Phase.explicit, Phase.reuse, Phase.generate)


@cache
def induction(name: str, variant: str | None, *, is_fine: bool) -> Induction:
    """What holds in a world."""
    made = Induction(world_of(name, variant), is_deep=True)
    made.run(is_fine=is_fine)
    return made


def frame_of(world: World, situation: Situation, makings: Makings) -> Frame:
    """A moment of which everything is known."""
    values: dict[str, Any] = {
        "turns": z3.IntVal(situation.turn),
        "state_turns": z3.IntVal(situation.state_turns),
        "rounds": z3.IntVal(situation.rounds),
        "minutes": z3.RealVal(situation.minutes),
        "state_minutes": z3.RealVal(situation.state_minutes),
        "speaker": makings.codes.of(situation.speaker),
        **{f"done.{a}": z3.IntVal(n) for a, n in situation.done.items()},
    }
    for key, value in situation.facts.items():
        fact = world.fact_at(key)
        assert fact is not None
        values[key] = known(value, fact.kind, makings)
    return Frame(world, makings, situation.state, values)


def is_true(term: Any) -> bool:
    """Whether a term of which everything is known is true."""
    return z3.is_true(z3.simplify(truth(term)))


def asked(game: Game) -> list[Situation]:
    """The moments at which somebody was asked for a turn."""
    return [a.situation for a in game.table.asked if a.purpose == "turn" and a.attempt == 0]


@cache
def may_be_taken(name: str, variant: str | None, state: str, arrow: int) -> bool:
    """Whether an arrow is not known never to be taken."""
    return induction(name, variant, is_fine=False).may_be_taken(state, arrow)


def check(game: Game, *, is_fine: bool, name: str, variant: str | None) -> None:
    """Every claim that is left holds at every moment, and every arrow that was taken may be."""
    found, makings = induction(name, variant, is_fine=is_fine), Makings(10**9)
    for situation in asked(game):
        frame = frame_of(found.world, situation, makings)
        assert [c.text for c in found.claims if not is_true(c.at(frame))] == [], situation
    for record in game.records:
        if record["type"] == "transition":
            go = found.world.states[record["from"]].go
            ways = [n for n, t in enumerate(go) if t.to == record["to"] and t.guard == record["guard"]]
            assert not ways or any(may_be_taken(name, variant, record["from"], n) for n in ways), record


@pytest.mark.parametrize(("name", "variant"), [case for case in CASES if case != ("werewolf", "twelve")])
def test_what_holds_by_induction_holds_in_wild_games(name: str, variant: str | None) -> None:
    """All that is left of the guesses, not only the rules; twelve at the table are left to the campaign."""
    for manners in (POLITE, MIXED):
        game = play(world_of(name, variant), seed=1, language="en", manners=manners)
        check(game, is_fine=False, name=name, variant=variant)


@pytest.mark.parametrize("name", ["hospital_visit", "number_chain"])
def test_what_holds_within_a_state_holds_in_wild_games(name: str) -> None:
    """As it is entered, while an arrow is open, and while none is."""
    for manners in (POLITE, MIXED):
        game = play(world_of(name), seed=2, language="en", manners=manners)
        check(game, is_fine=True, name=name, variant=None)


@pytest.mark.campaign
@EACH
@settings(max_examples=2000, phases=WHOLE, deadline=None)
@given(seed=st.integers(0, 10**9), language=st.sampled_from(LANGUAGES), manners=st.sampled_from([POLITE, MIXED]))
def test_what_holds_by_induction_holds_in_thousands_of_games(
    name: str, variant: str | None, seed: int, language: str, manners: Any
) -> None:
    """The same at full size, by hand."""
    game = play(world_of(name, variant), seed=seed, language=language, manners=manners)
    check(game, is_fine=False, name=name, variant=variant)


def plain(value: Any, codes: Any) -> Any:
    """A term of which everything is known, to be compared."""
    if isinstance(value, Items):
        return sorted((plain(i, codes), str(z3.simplify(z3.IntVal(0) + many(t)))) for t, i in value.items)
    if is_term(value):
        return str(z3.simplify(value))
    return value


@EACH
def test_a_condition_is_worth_the_same_for_the_solver_and_the_engine(name: str, variant: str | None) -> None:
    """At every moment of a game, wherever it is translated at all."""
    world = world_of(name, variant)
    makings, compared = Makings(10**9), 0
    for situation in asked(play(world, seed=3, language="en", manners=MIXED))[:30]:
        frame = frame_of(world, situation, makings)
        for condition in every(world):
            if condition.reads & {"me", "act", "it", "result"}:
                continue
            try:
                term = frame.holds(condition)
            except Unknown:
                continue
            try:
                wanted = bool(condition(scope(world, situation)))
            except ExpressionError:
                wanted = False
            assert is_true(term) == wanted, (condition.text, situation)
            compared += 1
    assert compared > 10
