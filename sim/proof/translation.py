"""Expressions as terms: what an expression of a world is worth where its facts are not known yet.

The tree of each expression is gone through as :mod:`sim.world.evaluation` does. When it could not be computed is a
term too (``failed``): what then follows depends on where the expression stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import z3
from rule_engine import ast

from sim.proof.conditions import Condition
from sim.proof.terms import (
    Cases,
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
    product,
    there,
    times_if,
    total,
)
from sim.world.rows import Row
from sim.world.vocabulary import unspell

Names = Callable[[str], Any]

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}


class Translation:
    """One expression for the names at hand: its ``value``, when it ``failed``, and whether it is not ``exact``.

    A division or product may be rounded when it becomes a fact's value, so it is told apart (not ``is_exact``); one
    that does not come to an end in decimals is only near its value (``is_rough``).
    """

    def __init__(self, expression: Condition, names: Names, codes: Codes) -> None:
        self._words = expression.words
        self._functions = expression.functions
        self._names = names
        self._codes = codes
        self._bound: list[tuple[str, Any]] = []
        self._path: list[Truth] = []
        self._errors: list[Truth] = []
        self.is_exact = True
        self.is_rough = False
        self.value = self._of(expression.tree)
        self.failed = either(*self._errors)

    def _of(self, node: Any) -> Any:
        method = getattr(self, f"_{type(node).__name__.removesuffix('Expression').lower()}", None)
        if method is None:
            raise Unknown
        self._codes.spend()
        return method(node)

    def _fails(self, when: Truth) -> None:
        found = both(*self._path, when)
        if found is not False:
            self._errors.append(found)

    def _under(self, condition: Truth, node: Any) -> Any:
        """The value of a part that is computed only under a condition."""
        if condition is False:
            return False
        self._path.append(condition)
        value = self._of(node)
        self._path.pop()
        return value

    def _boolean(self, node: Any) -> Any:
        return node.value

    _string = _boolean

    def _float(self, node: Any) -> Any:
        return Decimal(node.value)

    def _null(self, node: Any) -> Any:
        return None

    def _array(self, node: Any) -> Any:
        if not isinstance(node.value, tuple | list):
            raise Unknown
        items = [self._of(i) if isinstance(i, ast.ASTNodeBase) else i for i in node.value]
        return Items(tuple((True, item) for item in items))

    def _symbol(self, node: Any) -> Any:
        name = unspell(node.name)
        for bound, value in reversed(self._bound):
            if bound == name:
                return value
        if name in self._words:
            return name
        return self._names(name)

    def _logic(self, node: Any) -> Any:
        left = truth_of(self._of(node.left))
        if node.type == "and":
            return both(left, truth_of(self._under(left, node.right)))
        if left is True:
            return True
        return either(left, truth_of(self._under(no(left), node.right)))

    def _comparison(self, node: Any) -> Any:
        same = is_same(self._of(node.left), self._of(node.right), self._codes)
        return same if node.type == "eq" else no(same)

    def _arithmeticcomparison(self, node: Any) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            return bool(_COMPARED[node.type](left, right))
        return _COMPARED[node.type](number(left), number(right))

    def _number(self, node: Any) -> Any:
        value = self._of(node)
        if not isinstance(value, Decimal | z3.ArithRef):
            raise Unknown
        return value

    def _add(self, node: Any) -> Any:
        return total((self._number(node.left), self._number(node.right)))

    def _subtract(self, node: Any) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(left, Decimal) and isinstance(right, Decimal):
            return left - right
        return number(left) - number(right)

    def _arithmetic(self, node: Any) -> Any:
        left, right = self._number(node.left), self._number(node.right)
        self.is_exact = False
        if node.type == "mul":
            return product(left, right)
        if node.type != "tdiv" or not isinstance(right, Decimal) or not right:
            raise Unknown
        self.is_rough = self.is_rough or not _is_finite(right)
        return left / right if isinstance(left, Decimal) else product(left, 1 / right)

    def _unary(self, node: Any) -> Any:
        if node.type.lower() == "not":
            return no(truth_of(self._of(node.right)))
        value = self._number(node.right)
        return -value if isinstance(value, Decimal) else -number(value)

    def _ternary(self, node: Any) -> Any:
        condition = truth_of(self._of(node.condition))
        if isinstance(condition, bool):
            return self._of(node.case_true if condition else node.case_false)
        yes, other = self._under(condition, node.case_true), self._under(no(condition), node.case_false)
        return if_(condition, yes, other, self._codes)

    def _contains(self, node: Any) -> Any:
        container, member = self._of(node.container), self._of(node.member)
        if isinstance(container, Items):
            return either(*(both(t, is_same(i, member, self._codes)) for t, i in container.present()))
        if isinstance(container, Mapping):
            return either(*(is_same(key, member, self._codes) for key in container))
        raise Unknown

    def _getitem(self, node: Any) -> Any:
        container, item = self._of(node.container), self._of(node.item)
        if node.safe:
            raise Unknown
        if isinstance(container, Mapping):
            return self._looked_up(container, item)
        if not isinstance(container, Items) or not container.is_ordered or item != 0:
            raise Unknown
        found = tuple(container.present())
        self._fails(no(either(*(t for t, _ in found))))
        value = found[-1][1] if found else None
        for present, each in reversed(found[:-1]):
            value = if_(present, each, value, self._codes)
        return value

    def _looked_up(self, table: Mapping[str, Any], key: Any) -> Any:
        if not is_term(key):
            if key not in table:
                self._fails(True)
                raise Unknown
            return table[key]
        cases = tuple((is_same(name, key, self._codes), value) for name, value in table.items())
        self._fails(no(either(*(when for when, _ in cases))))
        if any(isinstance(value, Row) for _, value in cases):
            return Cases(cases)
        return _chosen(cases, self._codes)

    def _getattribute(self, node: Any) -> Any:
        name, whole = unspell(node.name), self._of(node.object)
        if node.safe:
            raise Unknown
        if isinstance(whole, Cases):
            return _chosen(tuple((when, row.cells[name]) for when, row in whole.cases), self._codes)
        if isinstance(whole, Row):
            return whole.cells[name]
        if isinstance(whole, Mapping) and name in whole:
            return whole[name]
        if isinstance(whole, Items) and name == "length":
            return total(many(times) for times, _ in whole.items)
        if isinstance(whole, Items) and name == "is_empty":
            return no(either(*(t for t, _ in whole.present())))
        raise Unknown

    def _functioncall(self, node: Any) -> Any:
        name = unspell(node.function.name)
        if name not in self._functions or len(node.arguments) != 1:
            raise Unknown
        given = self._of(node.arguments[0])
        if not isinstance(given, Items):
            raise Unknown
        if name == "any":
            return either(*(both(t, truth_of(i)) for t, i in given.present()))
        if name == "all":
            return both(*(either(no(t), truth_of(i)) for t, i in given.present()))
        if name == "sum":
            return total(_so_often(times, item) for times, item in given.items)
        return self._extreme(name, given)

    def _extreme(self, name: str, given: Items) -> Any:
        """The least or greatest of a list; zero of an empty one."""
        value: Any = Decimal(0)
        anything: Truth = False
        for present, item in given.present():
            better = number(item) < number(value) if name == "min" else number(item) > number(value)
            value = if_(both(present, either(no(anything), better)), item, value)
            anything = either(anything, present)
        return value

    def _comprehension(self, node: Any) -> Any:
        given = self._of(node.iterable)
        if isinstance(given, Mapping):
            given = Items(tuple((True, key) for key in given))
        if not isinstance(given, Items):
            raise Unknown
        found = []
        outside = len(self._path)
        for times, item in given.items:
            self._bound.append((unspell(node.variable), item))
            self._path.append(there(times))
            kept = times
            if node.condition is not None:
                condition = truth_of(self._of(node.condition))
                kept = times_if(condition, times)
                self._path.append(condition)
            if there(kept) is not False:
                found.append((kept, self._of(node.result)))
            self._bound.pop()
            del self._path[outside:]
        return Items(tuple(found), is_ordered=given.is_ordered)


def _so_often(times: Any, item: Any) -> Any:
    """An item as often as it is there."""
    if isinstance(times, z3.ArithRef):
        return product(times, item)
    return if_(times, item, Decimal(0))


def _is_finite(divisor: Decimal) -> bool:
    """Whether a division by it comes to an end in decimals."""
    rest = abs(int(divisor.scaleb(max(0, -int(divisor.as_tuple().exponent)))))
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return rest == 1


def _chosen(cases: tuple[tuple[Truth, Any], ...], codes: Codes) -> Any:
    if not cases:
        raise Unknown
    value = cases[-1][1]
    for when, each in reversed(cases[:-1]):
        value = if_(when, each, value, codes)
    return value


def truth_of(value: Any) -> Truth:
    """Whether a value counts as true, as the language has it."""
    if isinstance(value, bool | z3.BoolRef):
        return value
    if isinstance(value, Items):
        return either(*(t for t, _ in value.present()))
    if value is None or isinstance(value, Decimal | str):
        return bool(value)
    raise Unknown
