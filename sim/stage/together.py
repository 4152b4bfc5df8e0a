"""What the episodes of a run have in common: one clock, one log, its resources and its shared facts."""

from __future__ import annotations

from dataclasses import replace

from sim.engine.clock import Clock, Stations
from sim.engine.situation import Situation
from sim.record.log import Sink
from sim.stage.desk import Desk
from sim.world.kinds import Value, label_of
from sim.world.templates import render
from sim.world.world import World


def opening_words(world: World, language: str) -> str:
    """The world's own opening, with the names of its cast."""
    names = {a: world.agent_name(a, language) for a in world.agents}
    return render(label_of(world.spec.opening, language), names)


class Together:
    """One for a run. ``facts`` are those that the user set."""

    def __init__(self, world: World, facts: dict[str, Value], log: Sink, clock: Clock, desk: Desk) -> None:
        self.clock = clock
        self.log = log
        self.desk = desk
        self.stations = Stations(clock, world.spec.resources, world.spec.clock.start)
        start = {**world.start(lambda _, n: list(range(n))), **facts} if world.shared else {}
        self._shared = {key: start[key] for key in sorted(world.shared)}

    def shared_with(self, situation: Situation) -> Situation:
        """A situation with the shared facts as they stand; itself where they are the same."""
        if all(situation.facts[key] == value for key, value in self._shared.items()):
            return situation
        return replace(situation, facts={**situation.facts, **self._shared})

    def share(self, situation: Situation) -> None:
        """Take the shared facts from a situation that an episode came to."""
        for key in self._shared:
            self._shared[key] = situation.facts[key]
