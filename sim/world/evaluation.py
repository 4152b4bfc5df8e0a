"""Evaluating a checked expression: its tree as nested Python functions, ten times as fast as the library.

The library parses and types an expression; what it does again at every evaluation (converting and checking values
that are already of the right types) is left out here. What is not handled is left to the library: the result is the
same, which a test compares.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rule_engine import DataType, ast

from sim.world.rows import Row

Evaluator = Callable[[Mapping[str, Any]], Any]

COUNTERS = ("turns", "state_turns", "minutes", "state_minutes", "rounds")
"""The numbers of a situation that are not exact decimals already."""

_COMPARED = {"eq": operator.eq, "ne": operator.ne}
_ORDERED = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
_COMPUTED = {"fdiv": operator.floordiv, "tdiv": operator.truediv, "mod": operator.mod, "mul": operator.mul}
_PLAIN = (DataType.FLOAT, DataType.STRING)


class NotHandled(Exception):
    """A part of the language that is left to the library."""


class Translator:
    """Translates the tree of one expression; ``spell`` gives the name of a symbol as the world has it."""

    def __init__(self, known: Mapping[str, Any], spell: Callable[[str], str]) -> None:
        self._known = known
        self._spell = spell
        self._bound: list[str] = []

    def translate(self, node: Any) -> Evaluator:
        """The function of a node.

        Raises:
            NotHandled: if the node or a part of it is left to the library.
        """
        method = getattr(self, f"_{type(node).__name__.removesuffix('Expression').lower()}", None)
        if method is None:
            raise NotHandled(type(node).__name__)
        return method(node)  # type: ignore[no-any-return]

    def _constant(self, value: Any) -> Evaluator:
        return lambda scope: value

    def _boolean(self, node: Any) -> Evaluator:
        return self._constant(node.value)

    _float = _string = _boolean

    def _null(self, node: Any) -> Evaluator:
        return self._constant(None)

    def _array(self, node: Any) -> Evaluator:
        if not isinstance(node.value, tuple | list):
            raise NotHandled("array")
        items = [self.translate(i) if isinstance(i, ast.ASTNodeBase) else self._constant(i) for i in node.value]
        return lambda scope: tuple(item(scope) for item in items)

    def _symbol(self, node: Any) -> Evaluator:
        name = self._spell(node.name)
        if name in self._bound:
            key = f"${name}"
            return lambda scope: scope[key]
        if name in self._known:
            return self._constant(self._known[name])

        if name not in COUNTERS:
            return operator.itemgetter(name)
        return lambda scope: Decimal(repr(scope[name]))

    def _both(self, node: Any, types: tuple[Any, ...]) -> tuple[Evaluator, Evaluator]:
        for side in (node.left, node.right):
            if types and not any(side.result_type == t for t in types):
                raise NotHandled(type(node).__name__)
        return self.translate(node.left), self.translate(node.right)

    def _logic(self, node: Any) -> Evaluator:
        left, right = self._both(node, ())
        if node.type == "and":
            return lambda scope: bool(left(scope) and right(scope))
        return lambda scope: bool(left(scope) or right(scope))

    def _comparison(self, node: Any) -> Evaluator:
        compare = _COMPARED[node.type]
        left, right = self._both(node, ())
        return lambda scope: compare(left(scope), right(scope))

    def _arithmeticcomparison(self, node: Any) -> Evaluator:
        compare = _ORDERED[node.type]
        left, right = self._both(node, _PLAIN)
        is_or_equal = node.type in {"ge", "le"}

        def ordered(scope: Mapping[str, Any]) -> bool:
            first, last = left(scope), right(scope)
            if first is None and last is None:
                return is_or_equal
            return bool(compare(first, last))

        return ordered

    def _add(self, node: Any) -> Evaluator:
        left, right = self._both(node, _PLAIN)
        return lambda scope: left(scope) + right(scope)

    def _subtract(self, node: Any) -> Evaluator:
        left, right = self._both(node, (DataType.FLOAT,))
        return lambda scope: left(scope) - right(scope)

    def _arithmetic(self, node: Any) -> Evaluator:
        compute = _COMPUTED.get(node.type)
        if compute is None:
            raise NotHandled(node.type)
        left, right = self._both(node, (DataType.FLOAT,))
        return lambda scope: compute(left(scope), right(scope))

    def _unary(self, node: Any) -> Evaluator:
        right = self.translate(node.right)
        if node.type.lower() == "not":
            return lambda scope: not right(scope)
        if node.right.result_type != DataType.FLOAT:
            raise NotHandled(node.type)
        return lambda scope: -right(scope)

    def _ternary(self, node: Any) -> Evaluator:
        condition, yes, no = (self.translate(n) for n in (node.condition, node.case_true, node.case_false))
        return lambda scope: yes(scope) if condition(scope) else no(scope)

    def _contains(self, node: Any) -> Evaluator:
        container, member = self.translate(node.container), self.translate(node.member)
        return lambda scope: member(scope) in container(scope)

    def _getitem(self, node: Any) -> Evaluator:
        container, item = self.translate(node.container), self.translate(node.item)
        if node.safe or node.container.result_type == DataType.STRING:
            raise NotHandled("item")
        if DataType.is_type(node.container.result_type, DataType.MAPPING):
            return lambda scope: container(scope)[item(scope)]

        def indexed(scope: Mapping[str, Any]) -> Any:
            index = item(scope)
            if index != index.to_integral_value():
                raise ValueError("an index must be a whole number")
            return container(scope)[int(index)]

        return indexed

    def _getattribute(self, node: Any) -> Evaluator:
        name = self._spell(node.name)
        whole = self.translate(node.object)
        if node.safe:
            raise NotHandled("attribute")
        if DataType.is_type(node.object.result_type, DataType.OBJECT):

            def cell(scope: Mapping[str, Any]) -> Any:
                row = whole(scope)
                if not isinstance(row, Row):
                    raise ValueError(f"nothing has '{name}'")
                return row.cells[name]

            return cell
        if not DataType.is_type(node.object.result_type, DataType.ARRAY):
            raise NotHandled("attribute")
        if name == "length":
            return lambda scope: Decimal(len(whole(scope)))
        if name == "is_empty":
            return lambda scope: len(whole(scope)) == 0
        raise NotHandled(name)

    def _functioncall(self, node: Any) -> Evaluator:
        function = self.translate(node.function)
        arguments = [self.translate(argument) for argument in node.arguments]
        return lambda scope: function(scope)(*(argument(scope) for argument in arguments))

    def _comprehension(self, node: Any) -> Evaluator:
        items = self.translate(node.iterable)
        name = self._spell(node.variable)
        self._bound.append(name)
        try:
            result = self.translate(node.result)
            condition = self.translate(node.condition) if node.condition is not None else None
        finally:
            self._bound.pop()
        key = f"${name}"

        def comprehend(scope: Mapping[str, Any]) -> tuple[Any, ...]:
            inner = _Bound(scope)
            found = []
            for value in items(scope):
                inner[key] = value
                if condition is None or condition(inner):
                    found.append(result(inner))
            return tuple(found)

        return comprehend


class _Bound(dict[str, Any]):
    """A scope with the variable of a comprehension."""

    def __init__(self, outer: Mapping[str, Any]) -> None:
        super().__init__()
        self._outer = outer

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._outer[name]
        return value
