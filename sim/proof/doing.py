"""What an agent may do at a moment, and what that changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

from sim.proof.frames import Frame
from sim.proof.terms import Truth, Unknown, both, either, if_, is_same, no
from sim.world.world import ActionDef, Effects, FactDef, FieldDef, StateDef, World


class Doing:
    """Who may speak and act, with which fields, and with what effects."""

    def __init__(self, world: World, start: Frame, *, is_forced: bool) -> None:
        self._is_forced = is_forced
        self._world = world
        self._start = start
        self._makings = start.makings
        self._plain = {n: f for n, f in world.facts.items() if f.compute is None}

    def _any(self, key: str, fact: FactDef) -> tuple[Any, Truth]:
        try:
            return self._makings.any(key, fact.kind)
        except Unknown as unknown:
            return unknown, True

    def _must(self, here: Frame, action: ActionDef, agent: Any, offered: Truth) -> Truth:
        """Whether an action is surely done: it is due, and its fallback can be done if an answer is of no use."""
        if action.fallback is None:
            return False
        inner = here.with_names(me=agent)
        conditions = [offered]
        fields: dict[str, Any] = {}
        try:
            conditions.append(inner.holds(action.due))
            for name, given in action.fallback.items():
                made = inner.translated(given)
                options = self._options(inner, action.fields[name])
                if action.fields[name].one_of is not None:
                    fields[name], fits = made.value, True
                else:
                    fields[name], fits = inner.fits(action.fields[name].kind, made.value, is_exact=made.is_exact)
                conditions += [no(made.failed), fits, options(fields[name])]
            there = inner.with_names(act=Fields(fields))
            conditions += [there.holds(action.when), *(there.holds(need.that) for need in action.needs)]
            _, fits = self._effects(there, action.sets)
        except Unknown:
            return False
        return both(*conditions, fits)

    def _options(self, inner: Frame, given: FieldDef) -> Callable[[Any], Truth]:
        """Whether a value is among the options that there are now."""
        if given.one_of is None:
            return lambda value: no(is_same(value, None, self._makings.codes)) if given.kind.options else True
        made = inner.translated(given.one_of)
        found = tuple(made.value.present())
        codes = self._makings.codes
        return lambda value: both(no(made.failed), either(*(both(t, is_same(o, value, codes)) for t, o in found)))

    def _fields(self, asked: Frame, action: ActionDef) -> tuple[dict[str, Any], Truth]:
        fields: dict[str, Any] = {}
        conditions: list[Truth] = []
        for name, given in action.fields.items():
            if given.one_of is not None:  # its options are all that its kind says
                fields[name] = z3.Int(self._makings.name(name))
                conditions.append(fields[name] != 0)
            else:
                try:
                    fields[name], domain = self._makings.any(name, given.kind, or_none=False)
                except Unknown as unknown:
                    fields[name], domain = unknown, True
                conditions.append(domain)
                continue
            try:
                conditions.append(self._options(asked, given)(fields[name]))
            except Unknown:
                continue
        return Fields(fields), both(*conditions)

    def _effects(self, inner: Frame, sets: Effects) -> tuple[dict[str, Any], Truth]:
        """The values that effects give, and whether all can be taken; what is not translated may be anything."""
        changes: dict[str, Any] = {}
        conditions: list[Truth] = []
        for effect in sets:
            fact = self._world.facts[effect.fact]
            try:
                made = inner.translated(effect.value)
                value, fits = inner.fits(fact.kind, made.value, is_exact=made.is_exact)
                conditions += [no(made.failed), fits]
            except Unknown:
                value, domain = self._any(effect.fact, fact)
                conditions.append(domain)
            if fact.of is None:
                changes[effect.fact] = value
            elif effect.is_for_each:
                changes |= {fact.key(a): value for a in fact.of}
            else:
                assert effect.index is not None  # noqa: S101 - the compiler has made sure
                changes |= self._one(inner, fact, effect.index, value, conditions)
        return changes, both(*conditions)

    def _one(self, inner: Frame, fact: FactDef, index: Any, value: Any, conditions: list[Truth]) -> dict[str, Any]:
        """A value for the one agent that an index names, which may be nobody."""
        codes, agents = self._makings.codes, fact.of or ()
        try:
            made = inner.translated(index)
            whose = {a: is_same(made.value, a, codes) for a in agents}
            conditions.append(no(made.failed))
            conditions.append(either(is_same(made.value, None, codes), *whose.values()))
        except Unknown:
            whose = {a: z3.Bool(self._makings.name("whose")) for a in agents}
        changes: dict[str, Any] = {}
        for agent, is_its in whose.items():
            key = fact.key(agent)
            try:
                changes[key] = if_(is_its, value, inner.values[key], codes)
            except Unknown:
                changes[key], domain = self._any(key, fact)
                conditions.append(domain)
        return changes

    def _may_speak(self, here: Frame, state: StateDef, agent: Any) -> Truth:
        """Whether an agent may speak next in a state."""
        member, after = self._member(here, state, agent), self._world.next_speakers
        if state.is_at_once or after is None or member is False:
            return member
        codes, last = self._makings.codes, here.values["speaker"]
        follows = (both(is_same(last, one, codes), self._among(agent, after[one])) for one in self._world.cast)
        return both(member, either(is_same(last, "", codes), *follows))

    def _among(self, agent: Any, agents: frozenset[str]) -> Truth:
        return either(*(is_same(agent, a, self._makings.codes) for a in sorted(agents)))

    def _member(self, here: Frame, state: StateDef, agent: Any) -> Truth:
        if state.named is not None:
            try:
                made = here.translated(state.named)
                named = both(no(made.failed), is_same(made.value, agent, self._makings.codes))
            except Unknown:
                named = True
            return both(here.is_in(agent, state.speakers), named)
        return here.is_in(agent, state.speakers)

    def _sets_of(self, action: str) -> Effects:
        given = self._world.actions[action]
        return (*given.sets, *(given.ballot.sets if given.ballot is not None else ()))

    @staticmethod
    def _keys(fact: FactDef) -> list[str]:
        return [fact.name] if fact.of is None else [fact.key(a) for a in fact.of]


class Fields(dict[str, Any]):
    """The fields of an act, or what came of a vote; of some nothing is known."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, Unknown):
            raise Unknown
        return found
