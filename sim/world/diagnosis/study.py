"""What the diagnoses look at, and what they find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sim.errors import Problem
from sim.world.circles import Circle
from sim.world.source import KeyPath, Source
from sim.world.world import World


@dataclass(frozen=True)
class Finding:
    """A problem; ``unused`` is the section and name of what a variant may still use, in which case it is none."""

    problem: Problem
    unused: tuple[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Study:
    """A world or one of its variants, sound in itself, with the files from which it was read."""

    world: World
    source: Source
    personas: Mapping[str, Source]

    def finding(
        self,
        path: KeyPath,
        code: str,
        message: str,
        unused: tuple[str, str] | None = None,
        *,
        persona: Source | None = None,
    ) -> Finding:
        """A finding at a place of the world's file, or of a persona's: a warning, for the world can be played."""
        problem = (persona or self.source).problem(path, code, message)
        return Finding(replace(problem, severity="warning"), unused)

    def line(self, path: KeyPath) -> int:
        """The line at which something stands."""
        return self.source.problem(path, "", "").line

    def everyone(self, circle: Circle) -> frozenset[str]:
        """All agents who may ever be in a circle."""
        return circle.agents.union(*(self.world.groups[g].of for g in circle.groups))

    def roles(self, circle: Circle) -> dict[str, None]:
        """The roles of all who may ever be in a circle, in the order of the file."""
        who = self.everyone(circle)
        return dict.fromkeys(role for agent, role in self.world.cast.items() if agent in who)


Findings = Iterator[Finding]
