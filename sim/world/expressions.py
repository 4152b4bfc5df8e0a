"""Guards and effects: expressions in rule-engine's language, compiled and type-checked when a world is loaded.

The language is typed, has no loops and no definitions, and computes with exact decimals. What could make a run
depend on anything but the world is left out: the clock, random numbers, regular expressions, powers. The ids
of choices and states are words of the language, so that ``department == orthopaedics`` needs no quotes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import rule_engine
from rule_engine import DataType, ast, errors

from sim.errors import SimError, did_you_mean
from sim.world.evaluation import COUNTERS, Evaluator, NotHandled, Translator
from sim.world.kinds import Kind, Value
from sim.world.rows import Row

_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_WORD = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\W\d]\w*")
_REFUSED = {
    "FunctionExpression": "functions cannot be defined",
    "MappingExpression": "mappings in braces are not part of the language",
    "SetExpression": "sets in braces are not part of the language; write a list in brackets",
}
_CACHE_SIZE = 256
MAX_LOOPS = 3
"""Loops within each other; each multiplies the time that an expression takes by the length of its list."""


def _number_function(name: str) -> Any:
    return DataType.FUNCTION(name, return_type=DataType.FLOAT, argument_types=(DataType.ARRAY(DataType.FLOAT),))


def _truth_function(name: str) -> Any:
    return DataType.FUNCTION(name, return_type=DataType.BOOLEAN, argument_types=(DataType.ARRAY(DataType.BOOLEAN),))


def _sum(items: tuple[Decimal, ...]) -> Decimal:
    return sum(items, Decimal(0))


def _least(items: tuple[Decimal, ...]) -> Decimal:
    return min(items, default=Decimal(0))


def _greatest(items: tuple[Decimal, ...]) -> Decimal:
    return max(items, default=Decimal(0))


FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "sum": (_number_function("sum"), _sum),
    "min": (_number_function("min"), _least),
    "max": (_number_function("max"), _greatest),
    "any": (_truth_function("any"), any),
    "all": (_truth_function("all"), all),
}


RESERVED = {
    *COUNTERS,
    *("state", "speaker", "done", "act", "me", "it", "result", "all", "self", "team", "speakers", "nobody"),
    *("true", "false", "null", "and", "or", "not", "in", "for", "if", "elif", "else", "while", "nan", "inf"),
}
"""Names that the language or the format gives a meaning of its own."""


class ExpressionError(SimError):
    """An expression that cannot be compiled, or that failed for the values at hand."""


_TYPES = {
    "flag": DataType.BOOLEAN,
    "number": DataType.FLOAT,
    "money": DataType.FLOAT,
    "text": DataType.STRING,
    "choice": DataType.STRING,
}
_TYPE_NAMES = {
    DataType.BOOLEAN: "true or false",
    DataType.FLOAT: "a number",
    DataType.STRING: "a word",
    DataType.NULL: "nothing",
}


def type_of(kind: Kind) -> Any:
    """The type of a kind's values in the language."""
    if kind.name == "list":
        return DataType.ARRAY(type_of(kind.item) if kind.item else DataType.STRING)
    return _TYPES[kind.name]


def _type_name(kind: Any) -> str:
    return _TYPE_NAMES.get(kind, "a list" if DataType.is_type(kind, DataType.ARRAY) else "an object")


def _ascii(text: str) -> str:
    """Spell names outside ASCII as the library's lexer accepts them; strings stay."""

    def spell(match: re.Match[str]) -> str:
        word = match.group()
        if word.isascii() or word[0] in "'\"":
            return word
        return "".join(c if c.isascii() else f"_u{ord(c):x}_" for c in word)

    return _WORD.sub(spell, text)


_UNSPELL = re.compile(r"_u([0-9a-f]+)_")


def _unspell(text: str) -> str:
    return _UNSPELL.sub(lambda m: chr(int(m.group(1), 16)), text)


@dataclass(frozen=True)
class Vocabulary:
    """The names that an expression may use, with their types.

    ``kinds`` are facts, derived values and counters; ``words`` are the ids of choices and states, which stand for
    themselves; ``records`` are objects and tables with the types of their attributes.
    """

    kinds: Mapping[str, Any]
    words: frozenset[str] = frozenset()
    records: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    @functools.cached_property
    def context(self) -> Any:
        """What the library compiles in; made once for all expressions of a vocabulary."""
        return rule_engine.Context(type_resolver=self.type, resolver=_resolve)

    def extended(
        self,
        kinds: Mapping[str, Any] | None = None,
        records: Mapping[str, Any] | None = None,
        options: Mapping[str, frozenset[str]] | None = None,
    ) -> Vocabulary:
        """Add names, such as ``act`` for the conditions of an action."""
        return Vocabulary(
            {**self.kinds, **(kinds or {})},
            self.words,
            {**self.records, **(records or {})},
            {**self.options, **(options or {})},
            self.unknown,
        )

    def type(self, name: str) -> Any:
        """The type of a name, for the library's type checker."""
        plain = _unspell(name)
        if plain in self.kinds:
            return self.kinds[plain]
        if plain in self.records:
            return self.records[plain]
        if plain in FUNCTIONS:
            return FUNCTIONS[plain][0]
        if plain in self.words:
            return DataType.STRING
        if plain in self.unknown:
            return DataType.UNDEFINED
        raise errors.SymbolResolutionError(name)

    def names(self) -> list[str]:
        """All names, for suggestions."""
        return [*self.kinds, *self.records, *FUNCTIONS, *self.words]


def record_type(name: str, attributes: Mapping[str, Any]) -> Any:
    """The type of an object with named attributes."""
    return DataType.OBJECT(name, attributes={_ascii(k): v for k, v in attributes.items()}, accessor=_attribute)


def _attribute(row: Row, name: str) -> Value:
    return row.cells[_unspell(name)]


def each_type(kind: Kind) -> Any:
    """The type of a fact that each agent has: its values by agent."""
    return DataType.MAPPING(DataType.STRING, type_of(kind))


AGENTS = DataType.ARRAY(DataType.STRING)
"""The type of a group, and of a role that several agents play."""


def table_type(name: str, attributes: Mapping[str, Any]) -> Any:
    """The type of a table: rows by their id."""
    return DataType.MAPPING(DataType.STRING, record_type(name, attributes))


class Compiled:
    """An expression ready to be evaluated; pure, and remembered for values it has seen."""

    def __init__(self, text: str, vocabulary: Vocabulary, wanted: Any = None) -> None:
        self.text = text
        _check_text(text)
        try:
            self._rule = rule_engine.Rule(_ascii(text), context=vocabulary.context)
        except errors.EngineError as error:
            raise ExpressionError(_explain(error, text, vocabulary)) from None
        except RecursionError:
            raise ExpressionError("nested too deeply") from None
        tree = self._rule.statement.expression
        _check(tree, vocabulary)
        self.type = tree.result_type
        for found in (self.type, *_leaves(tree)) if wanted is not None else ():
            if not DataType.is_compatible(found, wanted) and found != DataType.NULL:
                raise ExpressionError(f"'{text}' is {_type_name(found)}, but {_type_name(wanted)} is needed")
            if found == DataType.NULL and DataType.is_type(wanted, DataType.ARRAY):
                raise ExpressionError(f"'{text}' may be null, but a list is needed; the empty list is []")
        names = {_unspell(n.name) for n in _walk(tree) if isinstance(n, ast.SymbolExpression)}
        self.reads: frozenset[str] = frozenset(n for n in names if n in vocabulary.kinds or n in vocabulary.records)
        self.reads_of_others = self.reads - _own(tree)
        self._words = {n: n for n in names if n in vocabulary.words and n not in self.reads}
        self._functions = {n: FUNCTIONS[n][1] for n in names if n in FUNCTIONS and n not in self.reads}
        self._varying = tuple(
            sorted(n for n in self.reads if not DataType.is_type(_table(vocabulary, n), DataType.MAPPING))
        )
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._evaluate = self._translated(tree)

    def _translated(self, tree: Any) -> Evaluator | None:
        """The expression as a Python function; None where some of it is left to the library."""
        try:
            return Translator({**self._words, **self._functions}, _unspell).translate(tree)
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
            raise ExpressionError(f"'{self.text}' cannot be computed: {error.message}") from None
        except ArithmeticError as error:
            why = ": division by zero" if isinstance(error, ZeroDivisionError | InvalidOperation) else ""
            raise ExpressionError(f"'{self.text}' cannot be computed: arithmetic error{why}") from None
        except (TypeError, AttributeError, ValueError, LookupError, RecursionError) as error:
            raise ExpressionError(f"'{self.text}' cannot be computed: {error}") from None

    def by_library(self, scope: Mapping[str, Any]) -> Any:
        """The value as the library computes it; remembered for values that it has seen."""
        key = tuple(scope[name] for name in self._varying)
        try:
            return self._seen[key]
        except KeyError:
            pass
        values = {name: scope[name] for name in self.reads} | self._words | self._functions
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


def _own(tree: Any) -> frozenset[str]:
    """The facts that are read of ``me`` alone, as in ``card[me]``."""
    own: list[str] = []
    read = [_unspell(n.name) for n in _walk(tree) if isinstance(n, ast.SymbolExpression)]
    for node in _walk(tree):
        is_own = isinstance(node, ast.GetItemExpression) and _dotted(node.item) == "me"
        if is_own and isinstance(node.container, ast.SymbolExpression):
            own.append(_unspell(node.container.name))
    return frozenset(n for n in own if own.count(n) == read.count(n))


def _table(vocabulary: Vocabulary, name: str) -> Any:
    return vocabulary.records.get(name, DataType.NULL)


def _resolve(scope: Mapping[str, Any], name: str) -> Any:
    try:
        return scope[_unspell(name)]
    except KeyError:
        raise errors.SymbolResolutionError(name) from None


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _walk(child)


def _children(node: Any) -> Iterator[Any]:
    for name in _attributes(node.__class__) + tuple(getattr(node, "__dict__", ())):
        value = getattr(node, name, None)
        for child in value if isinstance(value, tuple | list) else (value,):
            if isinstance(child, ast.ASTNodeBase):
                yield child


@functools.cache
def _attributes(kind: type) -> tuple[str, ...]:
    slots = (k.__dict__.get("__slots__", ()) for k in kind.__mro__)
    return tuple(s for group in slots for s in ((group,) if isinstance(group, str) else group))


def _check_text(text: str) -> None:
    """Refuse what the library would compute while it compiles, before its tree can be looked at."""
    plain = _STRING.sub('""', text)
    if "$" in plain:
        raise ExpressionError(f"names with $ are not part of the language, as in '{text}'")
    if re.search(r"=~|!~", plain):
        raise ExpressionError("regular expressions are not part of the language")
    if "**" in plain:
        raise ExpressionError("powers are not part of the language")
    if re.search(r"(?<![\w.])(?:nan|inf)(?!\w)", plain):
        raise ExpressionError("'nan' and 'inf' are no numbers of the language")
    if re.search(r"<<|>>|\^|(?<![&])&(?!&)|(?<!\|)\|(?!\|)", plain):
        raise ExpressionError("bit operations are not part of the language")
    if re.search(r"(?<!\w)[bdt]\"\"", plain):
        raise ExpressionError("dates and bytes are not part of the language")


def is_plain(kind: Any) -> bool:
    """Whether values of a type are flags, numbers, words, or lists of these, as facts are."""
    item = kind.value_type if DataType.is_type(kind, DataType.ARRAY) else kind
    return item in (DataType.BOOLEAN, DataType.FLOAT, DataType.STRING, DataType.NULL, DataType.UNDEFINED)


def _leaves(node: Any) -> Iterator[Any]:
    """The types that an expression may have, by the branches that are taken in it."""
    if isinstance(node, ast.TernaryExpression):
        yield from _leaves(node.case_true)
        yield from _leaves(node.case_false)
    else:
        yield node.result_type


def _depth(node: Any) -> int:
    """How many loops stand within each other."""
    inner = max((_depth(child) for child in _children(node)), default=0)
    return inner + isinstance(node, ast.ComprehensionExpression)


def _check_alike(kinds: list[Any], what: str) -> None:
    kinds = [k for k in kinds if k not in (DataType.NULL, DataType.UNDEFINED)]
    for kind in kinds[1:]:
        if not DataType.is_compatible(kinds[0], kind):
            raise ExpressionError(f"{what} {_type_name(kinds[0])} and {_type_name(kind)}")


def _check(tree: Any, vocabulary: Vocabulary) -> None:
    if _depth(tree) > MAX_LOOPS:
        raise ExpressionError(f"more than {MAX_LOOPS} loops within each other")
    for node in _walk(tree):
        if isinstance(node, ast.TernaryExpression):
            _check_alike(list(_leaves(node)), "the two sides of '?' are")
        if isinstance(node, ast.ArrayExpression):
            items = node.value if isinstance(node.value, tuple | list) else ()
            _check_alike([item.result_type for item in items if isinstance(item, ast.ASTNodeBase)], "a list holds")
        kind = type(node).__name__
        if kind in _REFUSED:
            raise ExpressionError(_REFUSED[kind])
        if isinstance(node, ast.ComparisonExpression) and not isinstance(node, ast.ArithmeticComparisonExpression):
            _check_equality(node, vocabulary)
        if isinstance(node, ast.ContainsExpression):
            _check_contains(node, vocabulary)
        if isinstance(node, ast.ComprehensionExpression):
            name = _unspell(node.variable)
            if name in {*vocabulary.kinds, *vocabulary.records, *FUNCTIONS, *RESERVED}:
                raise ExpressionError(f"the name '{name}' after 'for' is already taken")


def _check_equality(node: Any, vocabulary: Vocabulary) -> None:
    left, right = node.left.result_type, node.right.result_type
    if DataType.NULL not in (left, right) and not DataType.is_compatible(left, right):
        raise ExpressionError(f"{_type_name(left)} is compared with {_type_name(right)}, which can never be equal")
    for one, other in ((node.left, node.right), (node.right, node.left)):
        _check_option(one, _literal(other, vocabulary), vocabulary)


def _check_contains(node: Any, vocabulary: Vocabulary) -> None:
    container = node.container
    if isinstance(container, ast.ArrayExpression):
        for item in getattr(container, "value", ()):
            _check_option(node.member, _literal(item, vocabulary), vocabulary)
    else:
        _check_option(container, _literal(node.member, vocabulary), vocabulary)


def _check_option(symbol: Any, literal: str | None, vocabulary: Vocabulary) -> None:
    if literal is None:
        return
    name = _dotted(symbol)
    options = vocabulary.options.get(name or "")
    if options is not None and literal not in options:
        raise ExpressionError(f"'{name}' is never '{literal}'{did_you_mean(literal, options)}")


def _dotted(node: Any) -> str | None:
    if isinstance(node, ast.SymbolExpression):
        return _unspell(node.name)
    if isinstance(node, ast.GetItemExpression) and isinstance(node.container, ast.SymbolExpression):
        return _unspell(node.container.name)
    if isinstance(node, ast.GetAttributeExpression) and isinstance(node.object, ast.SymbolExpression):
        return f"{_unspell(node.object.name)}.{_unspell(node.name)}"
    return None


def _literal(node: Any, vocabulary: Vocabulary) -> str | None:
    if isinstance(node, ast.StringExpression):
        return str(node.value)
    if isinstance(node, ast.SymbolExpression):
        name = _unspell(node.name)
        return name if name in vocabulary.words and name not in vocabulary.kinds else None
    return None


def _explain(error: errors.EngineError, text: str, vocabulary: Vocabulary) -> str:
    if isinstance(error, errors.SymbolResolutionError):
        name = _unspell(str(error.symbol_name))
        return f"unknown name '{name}' in '{text}'{did_you_mean(name, vocabulary.names())}"
    if isinstance(error, errors.ObjectAttributeError | errors.AttributeResolutionError):
        name = _unspell(str(error.attribute_name))
        known = getattr(error.object, "attributes", None) or getattr(
            getattr(error.object, "value_type", None), "attributes", {}
        )
        return f"unknown name '.{name}' in '{text}'{did_you_mean(name, map(_unspell, known))}"
    if isinstance(error, errors.RuleSyntaxError):
        return f"'{text}' is not an expression{_foreign(text)}"
    return f"the types in '{text}' do not fit: {_unspell(error.message)}"


def _foreign(text: str) -> str:
    for theirs, ours in (("&&", "and"), ("||", "or"), ("!", "not")):
        if theirs in text.replace("!=", ""):
            return f"; write '{ours}' for '{theirs}'"
    return "; write '==' to compare" if re.search(r"[^=!<>]=[^=]", text) else ""
