"""Who speaks next: the order of the state, the lists of who may speak after whom, and who may speak twice."""

from __future__ import annotations

from sim.engine.rounds import allowed
from sim.engine.situation import Situation, is_in, members, scope
from sim.world.world import World

OUTSIDE = ("manual", "auto", "rule")
"""The orders in which someone outside the machine chooses: the user, a model, or a Python function."""


def candidates(world: World, situation: Situation) -> tuple[str, ...]:
    """Those who may speak next in the orders random, manual, auto and rule, in the order of the cast.

    Nobody speaks twice running where the state does not allow it, unless nobody else may speak.
    """
    state = world.states[situation.state]
    values = scope(world, situation)
    found = allowed(world, situation, members(world, values, state.speakers))
    last = situation.speaker
    if last in found and len(found) > 1 and not is_in(values, last, state.repeat):
        found = tuple(a for a in found if a != last)
    return found


def next_speaker(world: World, situation: Situation) -> str | None:
    """Who speaks next by the world alone; None where someone outside must choose among the candidates."""
    state = world.states[situation.state]
    if state.is_at_once:
        return situation.waiting[0]
    if state.order == "random":
        return situation.streams.at("speaker", situation.turn).pick(candidates(world, situation))
    if state.order in OUTSIDE:
        among = candidates(world, situation)
        return among[0] if len(among) == 1 else None
    waiting = allowed(world, situation, situation.waiting)
    if waiting:
        return waiting[0]
    values = scope(world, situation)
    return allowed(world, situation, members(world, values, state.speakers))[0]
