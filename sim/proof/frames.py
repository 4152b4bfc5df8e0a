"""The facts of a world at one moment as terms of the solver, and what can be read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

import z3

from sim.proof.conditions import Condition
from sim.proof.terms import (
    Codes,
    Items,
    Truth,
    Unknown,
    both,
    either,
    if_,
    is_same,
    is_term,
    many,
    no,
    number,
    total,
)
from sim.proof.translation import Translation, truth_of
from sim.world.circles import Circle
from sim.world.kinds import MAX_ITEMS, Kind, Value
from sim.world.world import FactDef, World

COUNTERS = ("turns", "state_turns", "rounds", "minutes", "state_minutes")


class Makings:
    """Makes variables of the solver, each with a name of its own and what is known of its values."""

    def __init__(self, most_parts: int = 100_000) -> None:
        self.codes = Codes(most_parts)
        self._number = count(1)

    def name(self, what: str) -> str:
        """A name that no other variable has."""
        return f"{what}#{next(self._number)}"

    def any(self, what: str, kind: Kind, *, or_none: bool = True) -> tuple[Any, Truth]:
        """Any value of a kind, and what is known of it.

        Raises:
            Unknown: for a list of things that cannot be counted by what they are.
        """
        name = self.name(what)
        match kind.name:
            case "flag":
                return z3.Bool(name), True
            case "number" | "money":
                made = z3.Int(name) if kind.is_whole else z3.Real(name)
                low = True if kind.low is None else made >= number(kind.low)
                high = True if kind.high is None else made <= number(kind.high)
                return made, both(low, high)
            case "text":
                made = z3.Int(name)
                return made, True if or_none else made != 0
            case "choice":
                made = z3.Int(name)
                options = [*kind.options, *([None] if or_none else [])]
                return made, either(*(made == self.codes.of(o) for o in options))
        return self._list(name, kind)

    def _list(self, name: str, kind: Kind) -> tuple[Items, Truth]:
        item = kind.item
        if item is None or not item.options:
            raise Unknown
        counts = [z3.Int(f"{name}/{option}") for option in item.options]
        whole = total(counts) if counts else Decimal(0)
        known = [c >= 0 for c in counts]
        sizes = [number(whole) >= int(kind.low or 0), number(whole) <= int(kind.high or MAX_ITEMS)]
        return Items(tuple(zip(counts, item.options, strict=True)), is_ordered=False), both(*known, *sizes)


@dataclass(frozen=True)
class Frame:
    """Facts and counters at one moment. ``values`` has them by key; what is not in it, nothing is known of.

    ``extra`` are further names: ``me``, ``act``, ``result``.
    """

    world: World
    makings: Makings
    state: str
    values: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def with_values(self, changes: Mapping[str, Any], state: str | None = None) -> Frame:
        """The same moment with some values changed, by key."""
        return replace(self, state=state or self.state, values={**self.values, **changes}, _kept={})

    def with_names(self, **extra: Any) -> Frame:
        """The same moment with further names."""
        return replace(
            self, extra={**self.extra, **extra}
        )  # which shares what was computed: nothing of it reads them

    def __call__(self, name: str) -> Any:
        """The value of a name.

        Raises:
            Unknown: if nothing is known of it.
        """
        if name in self.extra:
            return self.extra[name]
        if name not in self._kept:
            try:
                self._kept[name] = self._found(name)
            except Unknown as unknown:
                self._kept[name] = unknown
        found = self._kept[name]
        if isinstance(found, Unknown):
            raise Unknown
        return found

    def _found(self, name: str) -> Any:
        if name == "state":
            return self.state
        if name == "done":
            return {action: self._value(f"done.{action}") for action in self.world.actions}
        if name in COUNTERS or name == "speaker":
            return self._value(name)
        fact, group = self.world.facts.get(name), self.world.groups.get(name)
        if fact is not None and fact.compute is not None:
            return self._computed(fact)
        if fact is not None and fact.of is not None:
            return {agent: self._value(fact.key(agent)) for agent in fact.of}
        if fact is not None:
            return self._value(name)
        if group is not None:
            return Items(tuple((self.with_names(me=a).holds(group.where), a) for a in group.of))
        constant = self.world.constants[name]
        return Items(tuple((True, item) for item in constant)) if isinstance(constant, tuple) else constant

    def _value(self, key: str) -> Any:
        found = self.values.get(key, Unknown())
        if isinstance(found, Unknown):
            raise Unknown
        return found

    def _computed(self, fact: FactDef) -> Any:
        assert fact.compute is not None  # noqa: S101 - only derived values are computed
        made = self.exactly(fact.compute)
        if made.failed is False:
            return made.value
        empty = Items(()) if fact.kind.name == "list" else fact.kind.empty
        return if_(made.failed, empty, made.value, self.makings.codes)

    def translated(self, expression: Condition) -> Translation:
        """An expression at this moment; raises ``Unknown`` where it is not translated."""
        return Translation(expression, self, self.makings.codes)

    def exactly(self, expression: Condition) -> Translation:
        """The same, of what must not be rounded."""
        made = self.translated(expression)
        if made.is_rough:
            raise Unknown
        return made

    def holds(self, expression: Condition) -> Truth:
        """Whether a condition holds; one that cannot be computed does not.

        Raises:
            Unknown: if it is not translated.
        """
        made = self.exactly(expression)
        return both(no(made.failed), truth_of(made.value))

    def may_hold(self, expression: Condition) -> Truth:
        """Whether a condition holds; where it is not translated it may or may not."""
        try:
            return self.holds(expression)
        except Unknown:
            return z3.Bool(self.makings.name("maybe"))

    def is_in(self, agent: Any, circle: Circle) -> Truth:
        """Whether an agent is in a circle; where that is not translated it may or may not be."""
        codes = self.makings.codes
        found: list[Truth] = [is_same(agent, each, codes) for each in sorted(circle.agents)]
        for name in sorted(circle.groups):
            try:
                members = self(name)
            except Unknown:
                return z3.Bool(self.makings.name("maybe"))
            found += [both(there, is_same(agent, each, codes)) for there, each in members.present()]
        return either(*found)

    def fits(self, kind: Kind, value: Any, *, is_exact: bool) -> tuple[Any, Truth]:
        """A value as a fact of a kind takes it, and whether it does.

        Raises:
            Unknown: if it is not one that is kept.
        """
        makings = self.makings
        if kind.name == "flag":
            return truth_of(value), True
        if kind.name in {"number", "money"}:
            return self._number(kind, value, is_exact=is_exact)
        if kind.name == "text":
            return (value if is_term(value) else makings.codes.of(value)), True
        if kind.name == "choice":
            known = either(*(is_same(value, o, makings.codes) for o in (*kind.options, None)))
            return (value if is_term(value) else makings.codes.of(value)), known
        if not isinstance(value, Items) or kind.item is None or not kind.item.options:
            raise Unknown
        counts, options = [], kind.item.options
        for option in options:
            mine = ((is_same(i, option, makings.codes), times) for times, i in value.items)
            counts.append(total(if_(same, many(times), Decimal(0)) for same, times in mine))
        strange = either(
            *(both(t, *(no(is_same(i, o, makings.codes)) for o in options)) for t, i in value.present())
        )
        size = number(total(many(times) for times, _ in value.items))
        fits = both(no(strange), size >= int(kind.low or 0), size <= int(kind.high or MAX_ITEMS))
        found = tuple((number(c), o) for c, o in zip(counts, options, strict=True))
        return Items(found, is_ordered=False), fits

    def _number(self, kind: Kind, value: Any, *, is_exact: bool) -> tuple[Any, Truth]:
        if not isinstance(value, Decimal | z3.ArithRef):
            raise Unknown
        known: list[Truth] = []
        term = number(kind.rounded(value) if isinstance(value, Decimal) else value)
        if not is_exact and not isinstance(value, Decimal) and not term.is_int():
            near = z3.RealVal("0.00501" if kind.name == "money" else "0.000000002")
            rounded = z3.Real(self.makings.name("rounded"))
            known += [rounded - term <= near, term - rounded <= near]
            term = rounded
        if kind.is_whole and not term.is_int():
            known.append(z3.IsInt(term))
            term = z3.ToInt(term)
        elif not kind.is_whole and term.is_int():
            term = z3.ToReal(term)
        known += [] if kind.low is None else [term >= number(kind.low)]
        known += [] if kind.high is None else [term <= number(kind.high)]
        return term, both(*known)


def known(value: Value, kind: Kind, makings: Makings) -> Any:
    """A value that is known, as a variable of its kind would have it."""
    if kind.name == "list":
        given = value if isinstance(value, tuple) else ()
        options = kind.item.options if kind.item is not None else {}
        if not options:
            return Unknown()
        return Items(tuple((z3.IntVal(given.count(o)), o) for o in options), is_ordered=False)
    if isinstance(value, Decimal):
        term = number(value)
        return term if kind.is_whole or not term.is_int() else z3.ToReal(term)
    return value if isinstance(value, bool) else makings.codes.of(value)
