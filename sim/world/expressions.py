"""Guards and effects: expressions in rule-engine's language, compiled and type-checked when a world is loaded.

The language is typed, has no loops and no definitions, and computes with exact decimals. What could make a run
depend on anything but the world is left out: the clock, random numbers, regular expressions, powers. The ids
of choices and states are words of the language, so that ``department == orthopaedics`` needs no quotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import InvalidOperation
from typing import Any

import rule_engine
from rule_engine import DataType, ast, errors

from sim.errors import brief
from sim.world.evaluation import Evaluator, NotHandled, Translator
from sim.world.expression_checks import check, check_text, dotted, explain, leaves, walk
from sim.world.vocabulary import FUNCTIONS, ExpressionError, Vocabulary, spelt, type_name, unspell

_CACHE_SIZE = 256
_MOST_KEPT = 4096


class Compiled:
    """An expression ready to be evaluated; pure, and remembered for values it has seen."""

    def __init__(self, text: str, vocabulary: Vocabulary, wanted: Any = None) -> None:
        self.text = text
        check_text(text)
        try:
            self._rule = rule_engine.Rule(spelt(text), context=vocabulary.context)
        except errors.EngineError as error:
            raise ExpressionError(explain(error, text, vocabulary)) from None
        except RecursionError:
            raise ExpressionError("nested too deeply") from None
        tree = self._rule.statement.expression
        check(tree, vocabulary)
        self.type = tree.result_type
        for found in (self.type, *leaves(tree)) if wanted is not None else ():
            if not DataType.is_compatible(found, wanted) and found != DataType.NULL:
                raise ExpressionError(f"'{brief(text)}' is {type_name(found)}, but {type_name(wanted)} is needed")
            if found == DataType.NULL and DataType.is_type(wanted, DataType.ARRAY):
                raise ExpressionError(f"'{brief(text)}' may be null, but a list is needed; the empty list is []")
        names = {unspell(n.name) for n in walk(tree) if isinstance(n, ast.SymbolExpression)}
        self.reads: frozenset[str] = frozenset(n for n in names if n in vocabulary.kinds or n in vocabulary.records)
        self.reads_of_others = self.reads - _own(tree)
        self.tree = tree
        self.words = {n: n for n in names if n in vocabulary.words and n not in self.reads}
        self.functions = {n: FUNCTIONS[n][1] for n in names if n in FUNCTIONS and n not in self.reads}
        self._varying = tuple(
            sorted(n for n in self.reads if not DataType.is_type(_table(vocabulary, n), DataType.MAPPING))
        )
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._evaluate = self._translated(tree)

    def _translated(self, tree: Any) -> Evaluator | None:
        """The expression as a Python function; None where some of it is left to the library."""
        try:
            return Translator({**self.words, **self.functions}, unspell).translate(tree)
        except NotHandled:
            return None

    def __call__(self, scope: Mapping[str, Any]) -> Any:
        """The value for the names in ``scope``.

        Raises:
            ExpressionError: if it cannot be computed, as for a table's row that does not exist.
        """
        try:
            return self.by_library(scope) if self._evaluate is None else self._evaluate(scope)
        except errors.EngineError as error:
            raise ExpressionError(f"'{brief(self.text)}' cannot be computed: {error.message}") from None
        except ArithmeticError as error:
            why = ": division by zero" if isinstance(error, ZeroDivisionError | InvalidOperation) else ""
            raise ExpressionError(f"'{brief(self.text)}' cannot be computed: arithmetic error{why}") from None
        except (TypeError, AttributeError, ValueError, LookupError, RecursionError) as error:
            raise ExpressionError(f"'{brief(self.text)}' cannot be computed: {error}") from None

    def by_library(self, scope: Mapping[str, Any]) -> Any:
        """The value as the library computes it; remembered for values that it has seen."""
        key = tuple(scope[name] for name in self._varying)
        try:
            return self._seen[key]
        except KeyError:
            pass
        values = {name: scope[name] for name in self.reads} | self.words | self.functions
        value = self._rule.evaluate(values)
        if len(self._seen) >= _CACHE_SIZE:
            self._seen.clear()
        self._seen[key] = value
        return value

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Whether a condition is true; one that cannot be computed is not."""
        try:
            return bool(self(scope))
        except ExpressionError:
            return False


_made: dict[tuple[Any, ...], Compiled] = {}


def compiled(text: str, vocabulary: Vocabulary, wanted: Any = None) -> Compiled:
    """An expression, compiled once for all worlds in which its names mean the same, such as a world's variants.

    Raises:
        ExpressionError: as :class:`Compiled` does.
    """
    key = (text, wanted, vocabulary.of(text).key)
    if key not in _made:
        _made[key] = Compiled(text, vocabulary, wanted)
        if len(_made) > _MOST_KEPT:
            del _made[next(iter(_made))]
    return _made[key]


def _own(tree: Any) -> frozenset[str]:
    """The facts that are read of ``me`` alone, as in ``card[me]``."""
    own: list[str] = []
    read = [unspell(n.name) for n in walk(tree) if isinstance(n, ast.SymbolExpression)]
    for node in walk(tree):
        is_own = isinstance(node, ast.GetItemExpression) and dotted(node.item) == "me"
        if is_own and isinstance(node.container, ast.SymbolExpression):
            own.append(unspell(node.container.name))
    return frozenset(n for n in own if own.count(n) == read.count(n))


def _table(vocabulary: Vocabulary, name: str) -> Any:
    return vocabulary.records.get(name, DataType.NULL)
