"""Who is meant by names of agents, roles and groups: for speakers, audiences and knowledge alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Circle:
    """Some agents: those fixed when the world is loaded, and the members of groups that change.

    ``own`` adds, for a fact that each agent has, the agent whose own it is. ``order`` has agents and groups as they
    were named, where that matters.
    """

    agents: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    own: bool = False
    order: tuple[str, ...] = field(default=(), compare=False)

    def covers(self, other: Circle, universe: Mapping[str, frozenset[str]]) -> bool:
        """Whether everyone in another circle is surely in this one; ``universe`` has all who may enter a group."""
        return other.agents <= self.agents and all(
            g in self.groups or universe[g] <= self.agents for g in other.groups
        )

    def meet(self, other: Circle, universe: Mapping[str, frozenset[str]]) -> Circle:
        """Those who are surely in both."""
        groups = {g for g in self.groups | other.groups if _has(self, g, universe) and _has(other, g, universe)}
        return Circle(self.agents & other.agents, frozenset(groups))


def _has(circle: Circle, group: str, universe: Mapping[str, frozenset[str]]) -> bool:
    return group in circle.groups or universe[group] <= circle.agents


def union(circles: Iterable[Circle]) -> Circle:
    """Those who are in any of several circles."""
    found = list(circles)
    agents = frozenset(a for c in found for a in c.agents)
    groups = frozenset(g for c in found for g in c.groups)
    return Circle(agents, groups, any(c.own for c in found))
