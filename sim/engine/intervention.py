"""Facts and draws changed from outside, between two turns: what follows for who is to speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.engine.machine import Refused, broken
from sim.engine.rounds import waiting
from sim.engine.situation import Situation, is_in, scope
from sim.world.kinds import Value
from sim.world.world import World


def intervene(world: World, situation: Situation, facts: Mapping[str, Value], seed: int | None = None) -> Situation:
    """The situation before the same turn, with some facts set and, from now on, another seed.

    The state stays: its arrows are asked after the turn, as ever. Who speaks is seen anew: all of a round that has
    not begun, and of one that has, those who are still to speak and still may.

    Raises:
        Refused: if a rule of the world does not hold then, or nobody could speak.
    """
    after = changed(situation, facts, seed)
    if not facts:
        return after
    state = world.states[situation.state]
    values = scope(world, after)
    breach = broken(world, values)
    if breach is not None:
        raise Refused(f"the rule '{breach}' of {world.name} would not hold any more")
    if situation.waiting == waiting(world, replace(situation, waiting=())).waiting:
        left = waiting(world, replace(after, waiting=())).waiting
    else:
        left = tuple(a for a in situation.waiting if is_in(values, a, state.speakers))
    if not left:
        raise Refused(f"nobody could speak in '{situation.state}' any more")
    return replace(after, waiting=left)


def arrived(situation: Situation, turn: int) -> Situation:
    """The situation at a turn of a round in which all speak at once, with what was changed ``ahead`` of it."""
    for at, facts, seed in situation.ahead:
        if at <= turn:
            situation = changed(situation, facts, seed)
    return (
        replace(situation, ahead=tuple(a for a in situation.ahead if a[0] > turn)) if situation.ahead else situation
    )


def changed(situation: Situation, facts: Mapping[str, Value], seed: int | None = None) -> Situation:
    """The same situation with other facts and another seed; nothing else is looked at."""
    return replace(
        situation,
        facts={**situation.facts, **facts},
        seed=situation.seed if seed is None else seed,
    )
