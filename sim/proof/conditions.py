"""The conditions that the author of a world wrote, and their parts: from these it is guessed what always holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rule_engine import ast

from sim.world.expression_checks import walk
from sim.world.expressions import Compiled
from sim.world.vocabulary import unspell
from sim.world.world import Effects, World

_LOCAL = {"me", "act", "it", "result"}
"""Names that mean something only where a condition stands."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of an expression that is true or false by itself."""

    key: str
    tree: Any
    words: Mapping[str, str]
    functions: Mapping[str, Any]
    reads: frozenset[str]


Condition = Compiled | Part


def parts(expression: Compiled) -> Iterator[Part]:
    """The conditions of which an expression is made by and, or and not."""
    for node in _leaves(expression.tree):
        names = {unspell(n.name) for n in walk(node) if isinstance(n, ast.SymbolExpression)}
        if not names & _LOCAL and names & expression.reads:
            reads = expression.reads & names
            yield Part(_key(node), node, expression.words, expression.functions, reads)


def _leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.LogicExpression):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, ast.UnaryExpression) and node.type.lower() == "not":
        yield from _leaves(node.right)
    else:
        yield node


def _key(node: Any) -> str:
    """A text that two parts have in common if they are the same."""
    if not isinstance(node, ast.ASTNodeBase):
        if isinstance(node, tuple | list):
            return f"[{','.join(map(_key, node))}]"
        return repr(node)
    told = [type(node).__name__]
    told += [_key(getattr(node, n)) for n in ("type", "name", "value", "variable") if hasattr(node, n)]
    told += [
        _key(part) for n in _PARTS if isinstance(part := getattr(node, n, None), ast.ASTNodeBase | tuple | list)
    ]
    return f"{told[0]}({' '.join(told[1:])})"


_PARTS = (
    *("left", "right", "condition", "case_true", "case_false", "container", "member", "item", "object"),
    *("iterable", "result", "function", "arguments"),
)


def conditions(world: World) -> dict[str, Part]:
    """All conditions of a world that are about facts alone, each once."""
    found: dict[str, Part] = {}
    for expression in every(world):
        for part in parts(expression):
            found.setdefault(part.key, part)
    return found


def every(world: World) -> Iterator[Compiled]:
    """All conditions of a world."""
    for state in world.states.values():
        yield from (arrow.when for arrow in state.go)
        yield from (hold.when for hold in state.holds)
    for action in world.actions.values():
        yield action.when
        yield from (need.that for need in action.needs)
    yield from world.never.values()
    for given in world.at_end.values():
        yield from given.values()
    yield from (f.compute for f in world.facts.values() if f.compute is not None and f.kind.name == "flag")


def behind(world: World, fact: str) -> dict[str, Part]:
    """The conditions under which a fact is set, and those of the rules that speak of it."""
    found: dict[str, Part] = {}

    def take(expressions: Iterable[Compiled]) -> None:
        for expression in expressions:
            for part in parts(expression):
                found.setdefault(part.key, part)

    def sets(effects: Effects) -> bool:
        return any(effect.fact == fact for effect in effects)

    for action in world.actions.values():
        if sets(action.sets) or (action.ballot is not None and sets(action.ballot.sets)):
            take((action.when, *(need.that for need in action.needs)))
    for state in world.states.values():
        take(arrow.when for arrow in state.go if sets(arrow.sets))
    take(c for c in world.never.values() if fact in c.reads)
    for given in world.at_end.values():
        take(c for c in given.values() if fact in c.reads)
    return found
