"""Why some agents do not know what a fact, a derived value or a group is, and where that is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sim.world.circles import Circle
from sim.world.world import FactDef, GroupDef


@dataclass(frozen=True)
class Known:
    """What there is to know: facts and groups, the derived values that say who knows them, and who there is."""

    facts: Mapping[str, FactDef]
    groups: Mapping[str, GroupDef]
    told: Collection[str]
    cast: Collection[str]
    universe: Mapping[str, frozenset[str]]

    def why_not(self, name: str, who: Collection[str] = ()) -> str:
        """Why some agents and groups (``who``) do not know a name, and what would mend it: the end of a message."""
        fact = self.facts.get(name)
        if name in self.groups:
            return f"; groups.{name}.known_to says who knows it"
        if fact is None:
            return ""
        if fact.compute is None and fact.known_to.own:
            return "; each agent knows only its own (known_to: self)"
        if fact.compute is None or name in self.told:
            return f"; {'facts' if fact.compute is None else 'derived'}.{name}.known_to says who knows it"
        hidden = [n for n in sorted(fact.compute.reads) if self._is_hidden(n)]
        if not hidden:
            return ""
        own = ", of which each knows only its own" if (f := self.facts.get(hidden[0])) and f.known_to.own else ""
        wanted = f"[{', '.join(sorted(who))}]" if len(who) > 1 else next(iter(who), "…")
        return f": it reads '{hidden[0]}'{own}; if it is no secret, write 'known_to: {wanted}' under derived.{name}"

    def _is_hidden(self, name: str) -> bool:
        found = self.facts.get(name) or self.groups.get(name)
        return found is not None and not found.known_to.covers(Circle(frozenset(self.cast)), self.universe)
