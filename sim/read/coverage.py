"""Which states of a world were entered, which arrows taken and which ends reached, over a set of runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.record.log import RunLog
from sim.record.records import EpisodeEnded, EpisodeStarted, Transition
from sim.world.library import revive
from sim.world.world import World

Arrow = tuple[str, str, str]
"""From a state, to a state or end, under a condition; empty where it always holds."""


def arrows_of(world: World) -> list[Arrow]:
    """The arrows of a world in the order of its file; those out of queues stand after those of their state."""
    found: dict[Arrow, None] = {}
    for name, state in world.states.items():
        found.update(dict.fromkeys((name, arrow.to, arrow.guard) for arrow in state.go))
        holds = [hold for hold in state.holds if hold.otherwise is not None]
        found.update(dict.fromkeys((name, str(hold.otherwise), f"no {hold.resource}") for hold in holds))
    return list(found)


def told(arrow: Arrow) -> str:
    """An arrow in a line."""
    start, to, guard = arrow
    return f"{start} → {to}" + (f" ({guard})" if guard else "")


_MOVES: tuple[type[Any], ...] = (EpisodeStarted, Transition, EpisodeEnded)


@dataclass
class Covered:
    """What runs of one world, in one variant, have entered and taken; states and ends are named alike."""

    world: str
    variant: str | None
    states: dict[str, int]
    ends: dict[str, int]
    arrows: dict[Arrow, int]
    runs: int = 0

    @property
    def missed(self) -> list[str]:
        """States, ends and arrows that no run has entered, reached or taken."""
        parts: tuple[tuple[str, dict[Any, int]], ...] = (("state", self.states), ("end", self.ends))
        names = [f"{what} {name}" for what, counts in parts for name, count in counts.items() if not count]
        return names + [f"arrow {told(arrow)}" for arrow, count in self.arrows.items() if not count]

    @property
    def percent(self) -> float:
        """The share of states, ends and arrows together that were seen, in percent, rounded down to a tenth."""
        counts = [*self.states.values(), *self.ends.values(), *self.arrows.values()]
        return int(1000 * sum(1 for count in counts if count) / len(counts)) / 10 if counts else 100.0

    def described(self) -> dict[str, Any]:
        """What a program is told of it."""
        return {
            "world": self.world,
            "variant": self.variant,
            "runs": self.runs,
            "percent": self.percent,
            "states": self.states,
            "ends": self.ends,
            "arrows": [{"from": a, "to": b, "guard": g, "taken": n} for (a, b, g), n in self.arrows.items()],
            "missed": self.missed,
        }


@dataclass
class Coverage:
    """The coverage of several worlds, each with each variant that was run."""

    covered: dict[tuple[str, str | None], Covered] = field(default_factory=dict)
    _worlds: dict[str, World] = field(default_factory=dict)

    @classmethod
    def of(cls, logs: Iterable[RunLog]) -> Coverage:
        """The coverage of some runs.

        Raises:
            DefinitionError: if a log's world cannot be used.
        """
        made = cls()
        for log in logs:
            made.add(log)
        return made

    def add(self, log: RunLog, world: World | None = None) -> None:
        """Count what a run has entered and taken; ``world`` is its world, where that is at hand."""
        header = log.header
        key = header.world, header.variant
        if key not in self.covered:
            world = world or self._world(log)
            states, ends = dict.fromkeys(world.states, 0), dict.fromkeys(world.spec.ends, 0)
            self.covered[key] = Covered(*key, states, ends, dict.fromkeys(arrows_of(world), 0))
        found = self.covered[key]
        found.runs += 1
        for record in log.records.of(*_MOVES):
            if isinstance(record, EpisodeStarted):
                _count(found.states, record.state)
            elif isinstance(record, EpisodeEnded):
                _count(found.ends, record.outcome)
            elif isinstance(record, Transition):
                _count(found.states, record.to)
                _count(found.arrows, (record.from_, record.to, record.guard))

    def _world(self, log: RunLog) -> World:
        header = log.header
        if header.digest not in self._worlds:
            self._worlds[header.digest] = revive(header.resolved, header.variant)
        return self._worlds[header.digest]

    @property
    def percent(self) -> float:
        """The least of all; 0 where nothing was run."""
        return min((found.percent for found in self.covered.values()), default=0.0)


def _count(counts: dict[Any, int], key: Any) -> None:
    """Count what is there; a run of an older version of the world may have more."""
    if key in counts:
        counts[key] += 1
