"""Who is waiting to speak: when a state is entered, and in each round after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.engine.situation import Situation, is_in, members, scope
from sim.world.kinds import Value
from sim.world.vocabulary import ExpressionError
from sim.world.world import StateDef, World


def enter(situation: Situation, state: str, facts: Mapping[str, Value]) -> Situation:
    """The situation at the start of another state, before it is asked who speaks there."""
    return replace(
        situation,
        facts=facts,
        state=state,
        state_turns=0,
        state_minutes=0.0,
        visit=situation.visit + 1,
        rounds=0,
        waiting=(),
        votes={},
        runoffs={},
        ties=0,
    )


def entered(world: World, situation: Situation) -> Situation:
    """Who is waiting to speak when a state is entered; where that is nobody, its round counts as over."""
    state = world.states[situation.state]
    there = replace(situation, forgotten=situation.visit) if state.forget else situation
    found = _round(world, there, state)
    return replace(there, waiting=found, rounds=0 if found else 1)


def waiting(world: World, situation: Situation) -> Situation:
    """The situation with those who are to speak in the next round, where the last one is over."""
    if situation.waiting:
        return situation
    return situation.having(waiting=_round(world, situation, world.states[situation.state]))


def _round(world: World, situation: Situation, state: StateDef) -> tuple[str, ...]:
    """Those who are to speak in the next round; nobody if none of them is allowed to after the last speaker."""
    values = scope(world, situation)
    found = members(world, values, state.speakers)
    if state.named is not None:
        try:
            name = state.named(values)
        except ExpressionError:
            name = None
        found = (name,) if name in found else ()
    elif state.order == "single":
        found = found[:1]
    for name in situation.runoffs:
        ballot = world.actions[name].ballot
        found = tuple(a for a in found if ballot is None or is_in(values, a, ballot.voters))
    return found if state.is_at_once or allowed(world, situation, found) else ()


def allowed(world: World, situation: Situation, agents: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some agents who may speak after the last speaker, by the world's list."""
    if world.next_speakers is None or not situation.speaker:
        return agents
    after = world.next_speakers[situation.speaker]
    return tuple(a for a in agents if a in after)
