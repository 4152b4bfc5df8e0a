"""A shorter way to the same breach: turns and acts are left out one after another, as long as it still comes to it.

The way that is left is the shortest of those tried; that there is none shorter is not said (delta debugging: Zeller
and Hildebrandt, 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.engine.machine import Step
from sim.explore.turns import Place, Turn, Turns

MOST_TURNS = 1_500
"""Turns that are tried to shorten one way."""

LARGEST = 12
"""Turns that are left out together at the most, such as a round of all who are there."""

Wanted = Callable[[Place, Step], bool]


def shortened(turns: Turns, place: Place, is_wanted: Wanted) -> Place:
    """Where a shorter way comes to that is wanted as well; the place itself where none was found."""
    most = turns.work + MOST_TURNS
    is_less = True
    while is_less and turns.work < most:
        is_less = False
        for before, rest in _shorter(place):
            there = _played(turns, before, rest, is_wanted)
            if there is not None:
                place, is_less = there, True
                break
            if turns.work >= most:
                break
    return place


def _shorter(place: Place) -> Iterator[tuple[Place, tuple[Turn, ...]]]:
    """Ways with something left out: a place on the way, and the turns from there on."""
    way, turns = place.way, place.turns
    places = [p.before for p in way if p.before is not None]
    for size in range(min(LARGEST, len(turns) - 1), 0, -1):
        yield from ((places[at], turns[at + size :]) for at in range(len(turns) - size, -1, -1))
    for at, turn in enumerate(turns[:-1]):
        if turn.acts and not turn.is_lost:
            yield places[at], (Turn(turn.speaker), *turns[at + 1 :])


def _played(turns: Turns, place: Place, way: tuple[Turn, ...], is_wanted: Wanted) -> Place | None:
    for turn in way:
        if turn.speaker not in turns.speakers(place.situation):
            return None
        taken = turns.take(place, turn)
        if taken is None:
            return None
        place, step = taken
        if step.breach is not None:
            return place if is_wanted(place, step) else None
        if place.situation.outcome is not None:
            return None
    return None
