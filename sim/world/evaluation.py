"""Evaluating a checked expression: its tree as one Python function, many times as fast as the library.

The library parses and types an expression; what it does again at every evaluation (converting and checking values
that are already of the right types) is left out here. The function is made of the tree alone, after it was checked:
names and constants are values of it, never parts of its source. What is not handled is left to the library: the
result is the same, which a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rule_engine import DataType, ast

from sim.world.rows import Row

Evaluator = Callable[[Mapping[str, Any]], Any]

COUNTERS = ("turns", "state_turns", "minutes", "state_minutes", "rounds")
"""The numbers of a situation that are not exact decimals already."""

_COMPARED = {"eq": "==", "ne": "!="}
_COMPUTED = {"fdiv": "//", "tdiv": "/", "mod": "%", "mul": "*"}
_PLAIN = (DataType.FLOAT, DataType.STRING)


class NotHandled(Exception):
    """A part of the language that is left to the library."""


def _counter(value: float) -> Decimal:
    return Decimal(repr(value))


def _cell(row: Any, name: str) -> Any:
    if not isinstance(row, Row):
        raise ValueError(f"nothing has '{name}'")
    return row.cells[name]


def _item(items: Any, index: Decimal) -> Any:
    if index != index.to_integral_value():
        raise ValueError("an index must be a whole number")
    return items[int(index)]


def _length(items: Any) -> Decimal:
    return Decimal(len(items))


def _ge(left: Any, right: Any) -> bool:
    return bool(left >= right) if left is not None or right is not None else True


def _gt(left: Any, right: Any) -> bool:
    return bool(left > right) if left is not None or right is not None else False


def _le(left: Any, right: Any) -> bool:
    return _ge(right, left)


def _lt(left: Any, right: Any) -> bool:
    return _gt(right, left)


_HELPERS = {f.__name__: f for f in (_counter, _cell, _item, _length, _ge, _gt, _le, _lt)}


class Translator:
    """Translates the tree of one expression; ``spell`` gives the name of a symbol as the world has it."""

    def __init__(self, known: Mapping[str, Any], spell: Callable[[str], str]) -> None:
        self._known = known
        self._spell = spell
        self._bound: list[str] = []
        self._values: dict[str, Any] = {"__builtins__": {}, "bool": bool, "tuple": tuple, "len": len, **_HELPERS}

    def translate(self, tree: Any) -> Evaluator:
        """The function of an expression.

        Raises:
            NotHandled: if a part of it is left to the library.
        """
        source = f"lambda scope: {self._source(tree)}"
        try:
            code = compile(source, "<expression>", "eval")
            return eval(code, self._values)  # type: ignore[no-any-return] # noqa: S307 - made of a checked tree
        except (SyntaxError, MemoryError, RecursionError):  # nested deeper than Python compiles
            raise NotHandled("nesting") from None

    def _source(self, node: Any) -> str:
        method = getattr(self, f"_{type(node).__name__.removesuffix('Expression').lower()}", None)
        if method is None:
            raise NotHandled(type(node).__name__)
        return f"({method(node)})"

    def _constant(self, value: Any) -> str:
        name = f"_{len(self._values)}"
        self._values[name] = value
        return name

    def _boolean(self, node: Any) -> str:
        return self._constant(node.value)

    _float = _string = _boolean

    def _null(self, node: Any) -> str:
        return "None"

    def _array(self, node: Any) -> str:
        if not isinstance(node.value, tuple | list):
            raise NotHandled("array")
        items = [self._source(i) if isinstance(i, ast.ASTNodeBase) else self._constant(i) for i in node.value]
        return "".join(f"{item}, " for item in items) or "()"

    def _symbol(self, node: Any) -> str:
        name = self._spell(node.name)
        if name in self._bound:
            return f"each{len(self._bound) - 1 - self._bound[::-1].index(name)}"
        if name in self._known:
            return self._constant(self._known[name])
        value = f"scope[{self._constant(name)}]"
        return f"_counter({value})" if name in COUNTERS else value

    def _both(self, node: Any, types: tuple[Any, ...]) -> tuple[str, str]:
        for side in (node.left, node.right):
            if types and not any(side.result_type == t for t in types):
                raise NotHandled(type(node).__name__)
        return self._source(node.left), self._source(node.right)

    def _logic(self, node: Any) -> str:
        left, right = self._both(node, ())
        return f"bool({left} {'and' if node.type == 'and' else 'or'} {right})"

    def _comparison(self, node: Any) -> str:
        left, right = self._both(node, ())
        return f"{left} {_COMPARED[node.type]} {right}"

    def _arithmeticcomparison(self, node: Any) -> str:
        left, right = self._both(node, _PLAIN)
        return f"_{node.type}({left}, {right})"

    def _add(self, node: Any) -> str:
        left, right = self._both(node, _PLAIN)
        return f"{left} + {right}"

    def _subtract(self, node: Any) -> str:
        left, right = self._both(node, (DataType.FLOAT,))
        return f"{left} - {right}"

    def _arithmetic(self, node: Any) -> str:
        compute = _COMPUTED.get(node.type)
        if compute is None:
            raise NotHandled(node.type)
        left, right = self._both(node, (DataType.FLOAT,))
        return f"{left} {compute} {right}"

    def _unary(self, node: Any) -> str:
        right = self._source(node.right)
        if node.type.lower() == "not":
            return f"not {right}"
        if node.right.result_type != DataType.FLOAT:
            raise NotHandled(node.type)
        return f"-{right}"

    def _ternary(self, node: Any) -> str:
        condition, yes, no = (self._source(n) for n in (node.condition, node.case_true, node.case_false))
        return f"{yes} if {condition} else {no}"

    def _contains(self, node: Any) -> str:
        container, member = self._source(node.container), self._source(node.member)
        return f"{member} in {container}"

    def _getitem(self, node: Any) -> str:
        container, item = self._source(node.container), self._source(node.item)
        if node.safe or node.container.result_type == DataType.STRING:
            raise NotHandled("item")
        if DataType.is_type(node.container.result_type, DataType.MAPPING):
            return f"{container}[{item}]"
        return f"_item({container}, {item})"

    def _getattribute(self, node: Any) -> str:
        name = self._spell(node.name)
        whole = self._source(node.object)
        if node.safe:
            raise NotHandled("attribute")
        if DataType.is_type(node.object.result_type, DataType.OBJECT):
            return f"_cell({whole}, {self._constant(name)})"
        if not DataType.is_type(node.object.result_type, DataType.ARRAY):
            raise NotHandled("attribute")
        if name == "length":
            return f"_length({whole})"
        if name == "is_empty":
            return f"len({whole}) == 0"
        raise NotHandled(name)

    def _functioncall(self, node: Any) -> str:
        arguments = ", ".join(self._source(argument) for argument in node.arguments)
        return f"{self._source(node.function)}({arguments})"

    def _comprehension(self, node: Any) -> str:
        items = self._source(node.iterable)
        each = f"each{len(self._bound)}"
        self._bound.append(self._spell(node.variable))
        try:
            result = self._source(node.result)
            condition = f" if {self._source(node.condition)}" if node.condition is not None else ""
        finally:
            self._bound.pop()
        return f"tuple([{result} for {each} in {items}{condition}])"
