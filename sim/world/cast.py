"""The agents of a world: its roles written out, its fixed groups, and what a list of names stands for."""

from __future__ import annotations

from collections.abc import Mapping

from sim.errors import did_you_mean
from sim.world.circles import Circle
from sim.world.format import Persona, Role, WorldFile
from sim.world.source import KeyPath, Source


def agents_of(name: str, role: Role) -> tuple[str, ...]:
    """The ids of a role's agents: its own name, or ``P1``, ``P2``, … for a count."""
    if role.count is None:
        return (name,)
    return tuple(f"{role.called or name}{i}" for i in range(role.from_, role.from_ + role.count))


def persona_names(name: str, role: Role) -> dict[str, str]:
    """The persona of each agent of a role; of one drawn from a population, the first."""
    agents = agents_of(name, role)
    given = role.personas or role.population[:1] or [role.persona or ""] * len(agents)
    return dict(zip(agents, given, strict=False))


class Cast:
    """The agents of a world file; ``problems`` of the source grows as it is read."""

    def __init__(
        self,
        spec: WorldFile,
        source: Source,
        broken: Mapping[str, frozenset[str]],
        personas: Mapping[str, Persona | None],
    ) -> None:
        self.spec = spec
        self.source = source
        self.broken = broken
        self._known: dict[str, frozenset[str]] = {}
        self.roles = {name: agents_of(name, role) for name, role in spec.roles.items()}
        self.cast = {a: name for name, agents in self.roles.items() for a in agents}
        played = {a: p for name, role in spec.roles.items() for a, p in persona_names(name, role).items()}
        found = {a: personas.get(p) for a, p in played.items()}
        self.agent_labels = {a: dict(p.name) if p is not None else {"*": a} for a, p in found.items()}
        self.fixed = self._fixed()
        self.universe = self._universe()

    def problem(self, path: KeyPath, code: str, message: str) -> None:
        """Note a problem at a place of the file."""
        self.source.problems.append(self.source.problem(path, code, message))

    def known(self, section: str) -> frozenset[str]:
        """The names of a section, those left out included."""
        if section not in self._known:
            self._known[section] = frozenset(getattr(self.spec, section)) | self.broken.get(section, frozenset())
        return self._known[section]

    def check_name(self, name: str, section: str, path: KeyPath, extra: tuple[str, ...] = ()) -> bool:
        """Note a name that a section does not have."""
        if name in self.known(section) or name in extra:
            return name in getattr(self.spec, section) or name in extra
        known = self.known(section) | set(extra)
        what = section.removesuffix("s")
        self.problem(path, f"unknown-{what}", f"unknown {what} '{name}'{did_you_mean(name, known)}")
        return False

    def circle(self, names: list[str], path: KeyPath, words: tuple[str, ...] = ()) -> Circle:
        """Who is meant by some names; ``words`` are those of the place, such as ``self``."""
        order: list[str] = []
        for name in names:
            if name == "all" and "all" in words:
                order += self.cast
            elif name in self.cast or name in self.universe:
                order.append(name)
            elif name in self.roles or name in self.fixed:
                order += self.fixed_agents(name) or ()
            elif name not in words and self._is_unknown(name):
                known = {*self.known("roles"), *self.cast, *self.known("groups"), *words}
                what = "unknown role" if not self.spec.groups else "unknown role, agent or group"
                self.problem(path, "unknown-role", f"{what} '{name}'{did_you_mean(name, known)}")
        agents, groups = frozenset(order) & set(self.cast), frozenset(order) & set(self.universe)
        is_own = "self" in names and "self" in words
        return Circle(agents, groups, is_own, tuple(dict.fromkeys(order)))

    def _is_unknown(self, name: str) -> bool:
        return name not in self.broken.get("roles", ()) and name not in self.broken.get("groups", ())

    def everyone(self, circle: Circle) -> frozenset[str]:
        """All agents who may ever be in a circle."""
        return circle.agents.union(*(self.universe[g] for g in circle.groups))

    def fixed_agents(self, name: str) -> tuple[str, ...] | None:
        """The agents of a role or of a fixed group, in the order of the cast; None where it is neither."""
        return self.roles.get(name) or self.fixed.get(name)

    def _fixed(self) -> dict[str, tuple[str, ...]]:
        fixed: dict[str, tuple[str, ...]] = {}
        for name, group in self.spec.groups.items():
            if group.agents is None:
                continue
            chosen: set[str] = set()
            for member in group.agents:
                found = self.roles.get(member) or fixed.get(member) or ((member,) if member in self.cast else ())
                if not found and self._is_unknown(member):
                    known = {*self.roles, *self.cast, *fixed}
                    self.problem(
                        ("groups", name), "unknown-role", f"unknown role '{member}'{did_you_mean(member, known)}"
                    )
                chosen |= set(found)
            fixed[name] = tuple(a for a in self.cast if a in chosen)
        return fixed

    def _universe(self) -> dict[str, frozenset[str]]:
        universe: dict[str, frozenset[str]] = {}
        for name, group in self.spec.groups.items():
            if group.where is None:
                continue
            among: set[str] = set()
            for member in group.of or ():
                found = self.fixed_agents(member) or ((member,) if member in self.cast else ())
                if not found and self._is_unknown(member):
                    known = {*self.roles, *self.cast, *self.fixed}
                    hint = did_you_mean(member, known)
                    self.problem(("groups", name, "of"), "unknown-role", f"unknown role '{member}'{hint}")
                among |= set(found)
            universe[name] = frozenset(among) if group.of else frozenset(self.cast)
        return universe
