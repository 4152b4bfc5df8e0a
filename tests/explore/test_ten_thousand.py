"""What is proved of a world is never broken by players who do anything that the engine allows."""

from __future__ import annotations

import pytest

from sim.engine.machine import Step, begin
from sim.engine.streams import Streams
from sim.explore.fields import Fields
from sim.explore.sameness import conditions_of
from sim.explore.turns import Manners, Place, Turn, Turns
from sim.proof.examining import Examined, examine
from sim.world.world import World
from tests.worlds.players import CASES, world_of

EACH = pytest.mark.parametrize(("name", "variant"), CASES)
ALL = (Manners(0.5), Manners(0.9, of_one_mind=True), Manners(0.1), Manners(0.5, 0.1), Manners(1.0))


def game(world: World, seed: int, found: Examined) -> str:
    """Play a game of random turns, and check every step of it against what is told of all runs."""
    turns = Turns(world, Fields(world, conditions_of(world)))
    never = {(a.state, a.number) for a in found.never_taken}
    numbers = {id(arrow): (name, n) for name, s in world.states.items() for n, arrow in enumerate(s.go)}
    proved = {(v.rule, v.outcome) for v in found.verdicts if v.verdict == "proved"}
    rules = {name for name, _ in proved}
    streams, manners = Streams(seed, 0), ALL[seed % len(ALL)]
    place, step = turns.begin(begin(world, 1, {}, seed))
    while place.situation.outcome is None and step.breach is None:
        assert not {numbers.get(id(hop.transition)) for hop in place.hops} & never
        speakers = turns.speakers(place.situation)
        speaker = streams.at("speaker", place.situation.turn).pick(speakers)
        taken: tuple[Place, Step] | None = None
        for attempt in range(6):
            taken = turns.take(place, turns.drawn(place, speaker, streams, manners, attempt))
            if taken is not None:
                break
        nothing = Turn(speaker, is_lost=True)
        taken = taken or turns.take(place, turns.lost(place, speaker)) or turns.take(place, nothing)
        assert taken is not None
        place, step = taken
    assert step.breach not in rules
    return step.breach or place.situation.outcome or "stuck"


@EACH
def test_what_is_proved_is_not_broken_in_random_runs(name: str, variant: str | None) -> None:
    """A few, of each world."""
    world = world_of(name, variant)
    found = examine(world)
    assert {game(world, seed, found) for seed in range(5)} <= {*world.spec.ends, "out_of_limits"}


@pytest.mark.campaign
@EACH
def test_what_is_proved_is_not_broken_in_ten_thousand_random_runs(name: str, variant: str | None) -> None:
    """At full size, by hand: the cards are dealt otherwise in each."""
    world = world_of(name, variant)
    found = examine(world, is_deep=True)
    assert {game(world, seed, found) for seed in range(10_000)} <= {*world.spec.ends, "out_of_limits"}
