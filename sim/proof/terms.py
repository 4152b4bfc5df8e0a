"""Values that are not known yet: truths, numbers, words and lists as terms of the solver.

What is known is an ordinary Python value and is computed at once, so terms stay small. A word is a whole number by
which the solver knows it, ``None`` is zero. A list is the items that may be in it, each with how often it is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import z3

Truth = Any
"""``True``, ``False``, or a term that is one of them."""

Number = Any
"""A decimal, or a term that is a number."""

Word = Any
"""A text, ``None``, or a term that stands for one."""


class Unknown(Exception):
    """A value of which nothing is said: what it comes from is not translated."""


class Exhausted(Exception):
    """More work than is done for a world."""


@dataclass(frozen=True)
class Items:
    """A list: what may be in it, in order, each with how often it is there: a truth, or a count."""

    items: tuple[tuple[Truth | z3.ArithRef, Any], ...]
    is_ordered: bool = True

    def present(self) -> Iterable[tuple[Truth, Any]]:
        """The items, each with whether it is there at all."""
        return ((there(times), item) for times, item in self.items)


@dataclass(frozen=True)
class Cases:
    """One of several things that are known, such as the rows of a table, each with when it is that one."""

    cases: tuple[tuple[Truth, Any], ...]


class Codes:
    """The numbers by which the solver knows words; and how many parts of expressions are translated at most."""

    def __init__(self, most_parts: int) -> None:
        self._codes: dict[Word, z3.ArithRef] = {None: z3.IntVal(0)}
        self._left = most_parts

    def spend(self) -> None:
        """Count a part of an expression that is translated.

        Raises:
            Exhausted: where there are too many.
        """
        self._left -= 1
        if self._left < 0:
            raise Exhausted

    def of(self, word: Word) -> z3.ArithRef:
        """The number of a word; zero is none."""
        if isinstance(word, z3.ExprRef):
            return word
        if word not in self._codes:
            self._codes[word] = z3.IntVal(len(self._codes))
        return self._codes[word]


def is_term(value: object) -> bool:
    """Whether a value is a term of the solver, and so not known."""
    return isinstance(value, z3.ExprRef)


_CONTEXT = z3.main_ctx()
_REF = _CONTEXT.ref()
_NONE = z3.IntVal(0)


def there(times: Any) -> Truth:
    """Whether something that is there so many times is there at all."""
    if not isinstance(times, z3.ArithRef):
        return times
    return z3.BoolRef(z3.Z3_mk_gt(_REF, times.ast, _NONE.ast), _CONTEXT)


def times_if(condition: Truth, times: Any) -> Any:
    """How often something is there under a condition."""
    if isinstance(times, z3.ArithRef):
        return if_(condition, times, _NONE)
    return both(condition, times)


def many(times: Any) -> Any:
    """How often something is there, as a number."""
    return times if isinstance(times, z3.ArithRef) else if_(times, Decimal(1), Decimal(0))


def _joined(make: Any, terms: list[z3.BoolRef]) -> z3.BoolRef:
    """Truths joined: what the library's own functions do, without its checks of what is known to be right here.

    They would take most of the time of a proof.
    """
    return z3.BoolRef(make(_REF, len(terms), (z3.Ast * len(terms))(*(t.ast for t in terms))), _CONTEXT)


def tell(solver: z3.Solver, terms: Iterable[z3.BoolRef]) -> None:
    """Add what is known to a solver."""
    for term in terms:
        z3.Z3_solver_assert(_REF, solver.solver, term.ast)


def both(*truths: Truth) -> Truth:
    """Whether all of some truths hold."""
    left = [t for t in truths if t is not True]
    if any(t is False for t in left):
        return False
    return _joined(z3.Z3_mk_and, left) if len(left) > 1 else (left[0] if left else True)


def either(*truths: Truth) -> Truth:
    """Whether any of some truths holds."""
    left = [t for t in truths if t is not False]
    if any(t is True for t in left):
        return True
    return _joined(z3.Z3_mk_or, left) if len(left) > 1 else (left[0] if left else False)


def no(truth: Truth) -> Truth:
    """Whether a truth does not hold."""
    return (not truth) if isinstance(truth, bool) else z3.BoolRef(z3.Z3_mk_not(_REF, truth.ast), _CONTEXT)


def number(value: Number) -> z3.ArithRef:
    """A number as a term."""
    if isinstance(value, z3.ArithRef):
        return value
    return z3.IntVal(int(value)) if value == value.to_integral_value() else z3.RealVal(str(value))


def truth(value: Truth) -> z3.BoolRef:
    """A truth as a term."""
    return z3.BoolVal(value) if isinstance(value, bool) else value


def if_(condition: Truth, yes: Any, other: Any, codes: Codes | None = None) -> Any:
    """One of two values.

    Raises:
        Unknown: if they are of kinds that have no common term.
    """
    if isinstance(condition, bool):
        return yes if condition else other
    if yes is other:
        return yes
    if isinstance(yes, Items) and isinstance(other, Items):
        mine = [(times_if(condition, times), item) for times, item in yes.items]
        theirs = [(times_if(no(condition), times), item) for times, item in other.items]
        return Items((*mine, *theirs), is_ordered=yes.is_ordered and other.is_ordered)
    if _is_truth(yes) and _is_truth(other):
        if isinstance(yes, bool) and isinstance(other, bool):
            return yes if yes == other else (condition if yes else no(condition))
        return _chosen(condition, truth(yes), truth(other))
    if isinstance(yes, Decimal) or isinstance(other, Decimal):
        return yes if _same(yes, other) else _chosen(condition, *_alike(number(yes), number(other)))
    if is_term(yes) and is_term(other):
        return _chosen(condition, *_alike(yes, other))
    if codes is not None and _is_word(yes) and _is_word(other):
        return yes if _same(yes, other) else _chosen(condition, codes.of(yes), codes.of(other))
    raise Unknown


def _chosen(condition: z3.BoolRef, yes: z3.ExprRef, other: z3.ExprRef) -> z3.ExprRef:
    made = z3.Z3_mk_ite(_REF, condition.ast, yes.ast, other.ast)
    return z3.BoolRef(made, _CONTEXT) if isinstance(yes, z3.BoolRef) else z3.ArithRef(made, _CONTEXT)


def _same(left: Any, right: Any) -> bool:
    return not is_term(left) and not is_term(right) and bool(left == right)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool | z3.BoolRef)


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, str | z3.ArithRef)


def _alike(left: z3.ArithRef, right: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
    if left.is_int() == right.is_int():
        return left, right
    return (z3.ToReal(left) if left.is_int() else left), (z3.ToReal(right) if right.is_int() else right)


def is_same(left: Any, right: Any, codes: Codes) -> Truth:
    """Whether two values are equal.

    Raises:
        Unknown: if that depends on the order of lists.
    """
    if isinstance(left, Cases):
        return either(*(both(when, is_same(value, right, codes)) for when, value in left.cases))
    if isinstance(right, Cases):
        return is_same(right, left, codes)
    if isinstance(left, Items) or isinstance(right, Items):
        raise Unknown
    if not is_term(left) and not is_term(right):
        return bool(left == right)
    if _is_truth(left) and _is_truth(right):
        return _equal(truth(left), truth(right))
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return number(left) == number(right)
    if _is_word(left) and _is_word(right):
        return _equal(codes.of(left), codes.of(right))
    raise Unknown


def _equal(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    return z3.BoolRef(z3.Z3_mk_eq(_REF, left.ast, right.ast), _CONTEXT)


def total(values: Iterable[Any]) -> Any:
    """The sum of some numbers."""
    known, terms = Decimal(0), []
    for value in values:
        if isinstance(value, Decimal):
            known += value
        else:
            terms.append(value)
    return functools.reduce(lambda a, b: a + b, terms, number(known)) if terms else known


def _is_simple(cases: z3.ExprRef, factor: Number) -> bool:
    """Whether the product of two numbers is a sum still: all that one of them may be is known."""
    parts = (z3.simplify(part) for part in (cases.arg(1), cases.arg(2)))
    known = (z3.is_int_value(part) or z3.is_rational_value(part) for part in parts)
    return isinstance(factor, Decimal) or all(known)


def product(left: Any, right: Any) -> Any:
    """Two numbers multiplied.

    Raises:
        Unknown: if neither is known: of such products solvers cannot be relied upon to say anything in time.
    """
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left * right
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Decimal) and one in (0, 1):
            return other if one else Decimal(0)
        if is_term(one) and z3.is_app_of(one, z3.Z3_OP_ITE) and _is_simple(one, other):
            return z3.If(one.arg(0), *_alike(one.arg(1) * number(other), one.arg(2) * number(other)))
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        raise Unknown
    return number(left) * number(right)
