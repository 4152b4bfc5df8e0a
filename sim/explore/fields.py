"""The values worth trying in the fields of an act: all options of a choice, and the numbers that conditions name.

What a condition compares a field with decides more than any other number can: for ``act.amount == bill`` there are
two kinds of amounts, the bill and all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice, product
from typing import Any

from rule_engine import ast

from sim.engine.situation import Act, Offer
from sim.world.evaluation import Evaluator, NotHandled, Translator
from sim.world.expression_checks import dotted, walk
from sim.world.expressions import Compiled
from sim.world.kinds import Kind, Value
from sim.world.vocabulary import unspell
from sim.world.world import ActionDef, World

MOST_VALUES = 24
"""Values that are tried in a field, and acts that are tried of one action."""

_LOCAL = {"act", "it", "result"}
_NEAR = (Decimal(0), Decimal(1), Decimal(-1))


class Fields:
    """What to try in the fields of each act of a world."""

    def __init__(self, world: World, conditions: Iterable[Compiled]) -> None:
        self.is_trimmed = False
        everywhere = tuple(conditions)
        self._compared: dict[tuple[str, str], tuple[Evaluator, ...]] = {}
        for action in world.actions.values():
            own = (*(n.that for n in action.needs), *(e.value for e in action.sets))
            for name in action.fields:
                found = [e for c in own for e in _others(c, f"act.{name}")]
                for fact in sorted(_further(world, _kept_as(action, name))):
                    found += [e for c in everywhere for e in _others(c, fact)]
                self._compared[action.name, name] = tuple(found)

    def acts(self, offer: Offer, values: Mapping[str, Any]) -> list[Act]:
        """The acts worth trying of an offer; ``values`` are those of all names for the one who acts."""
        options = [self._values(offer.name, name, kind, values) for name, kind in offer.kinds.items()]
        made = list(islice(product(*options), MOST_VALUES + 1))
        self.is_trimmed |= len(made) > MOST_VALUES
        return [Act(offer.name, dict(zip(offer.kinds, given, strict=True))) for given in made[:MOST_VALUES]]

    def _values(self, action: str, name: str, kind: Kind, values: Mapping[str, Any]) -> list[Value]:
        found: dict[Value, None] = {}
        for given in self._given(action, name, kind, values):
            try:
                found.setdefault(kind.read(list(given) if isinstance(given, tuple) else given))
            except (ValueError, ArithmeticError):
                continue
        self.is_trimmed |= len(found) > MOST_VALUES
        return list(found)[:MOST_VALUES]

    def _given(self, action: str, name: str, kind: Kind, values: Mapping[str, Any]) -> Iterator[Any]:
        compared = [value for e in self._compared.get((action, name), ()) for value in _worth(e, values)]
        match kind.name:
            case "flag":
                yield from (True, False)
            case "choice":
                yield from kind.options
            case "number" | "money":
                numbers = [v for v in compared if isinstance(v, Decimal)]
                yield from (kind.rounded(n + near) for near in _NEAR for n in numbers)
                yield from (n for n in (kind.low, kind.high) if n is not None)
                yield from (Decimal(1), Decimal(0))
            case "text":
                yield from ("words", *(v for v in compared if isinstance(v, str)))
            case "list":
                items = tuple(kind.item.options) if kind.item is not None and kind.item.options else ("words",)
                yield from ((item,) for item in items)
                yield from (items[: int(kind.low or 1)], items, ())


def _worth(evaluator: Evaluator, values: Mapping[str, Any]) -> Iterator[Value]:
    try:
        yield evaluator(values)
    except (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RecursionError):
        return


def _kept_as(action: ActionDef, field: str) -> Iterator[str]:
    """The facts that an act sets to just what a field says."""
    for effect in action.sets:
        if dotted(effect.value.tree) == f"act.{field}" and effect.index is None:
            yield effect.fact


def _further(world: World, facts: Iterable[str]) -> set[str]:
    """The facts that are set to just what one of some facts is, and these facts themselves."""
    effects = [e for action in world.actions.values() for e in action.sets]
    effects += [e for state in world.states.values() for arrow in state.go for e in arrow.sets]
    copies = [(dotted(e.value.tree), e.fact) for e in effects]
    found, ahead = set[str](), set(facts)
    while ahead:
        found |= ahead
        ahead = {to for what, to in copies if what in ahead} - found
    return found


def _others(condition: Compiled, name: str) -> Iterator[Evaluator]:
    """What a condition compares something with, by name."""
    for node in walk(condition.tree):
        if not isinstance(node, ast.ComparisonExpression):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            names = {unspell(n.name) for n in walk(other) if isinstance(n, ast.SymbolExpression)}
            if dotted(side) != name or names & _LOCAL:
                continue
            try:
                yield Translator({**condition.words, **condition.functions}, unspell).translate(other)
            except NotHandled:
                continue
