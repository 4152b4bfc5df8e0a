"""The words of the expression language: names with their types, functions, and how the library spells them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import rule_engine
from rule_engine import DataType, errors

from sim.errors import SimError
from sim.world.evaluation import COUNTERS
from sim.world.kinds import Kind, Value
from sim.world.rows import Row

_WORD = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\W\d]\w*")


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


def type_name(kind: Any) -> str:
    """A type in words."""
    return _TYPE_NAMES.get(kind, "a list" if DataType.is_type(kind, DataType.ARRAY) else "an object")


def spelt(text: str) -> str:
    """Spell names outside ASCII as the library's lexer accepts them; strings stay."""

    def spell(match: re.Match[str]) -> str:
        word = match.group()
        if word.isascii() or word[0] in "'\"":
            return word
        return "".join(c if c.isascii() else f"_u{ord(c):x}_" for c in word)

    return _WORD.sub(spell, text)


_UNSPELL = re.compile(r"_u([0-9a-f]+)_")


def unspell(text: str) -> str:
    """A name as it is written in a world."""
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
        plain = unspell(name)
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

    def of(self, text: str) -> Vocabulary:
        """What of it an expression can use: the names in its text."""
        used = {word for word in _WORD.findall(text) if word[0] not in "'\""}
        return Vocabulary(
            {n: kind for n, kind in self.kinds.items() if n in used},
            self.words & used,
            {n: record for n, record in self.records.items() if n in used},
            {n: options for n, options in self.options.items() if n.partition(".")[0] in used},
            self.unknown & used,
        )

    @functools.cached_property
    def key(self) -> tuple[Any, ...]:
        """What tells vocabularies apart."""
        named = (tuple(sorted(part.items())) for part in (self.kinds, self.records, self.options))
        return (*named, self.words, self.unknown)

    def names(self) -> list[str]:
        """All names, for suggestions."""
        return [*self.kinds, *self.records, *FUNCTIONS, *self.words]


def record_type(name: str, attributes: Mapping[str, Any]) -> Any:
    """The type of an object with named attributes."""
    return DataType.OBJECT(name, attributes={spelt(k): v for k, v in attributes.items()}, accessor=_attribute)


def _attribute(row: Row, name: str) -> Value:
    return row.cells[unspell(name)]


def each_type(kind: Kind) -> Any:
    """The type of a fact that each agent has: its values by agent."""
    return DataType.MAPPING(DataType.STRING, type_of(kind))


AGENTS = DataType.ARRAY(DataType.STRING)
"""The type of a group, and of a role that several agents play."""


def table_type(name: str, attributes: Mapping[str, Any]) -> Any:
    """The type of a table: rows by their id."""
    return DataType.MAPPING(DataType.STRING, record_type(name, attributes))


def _resolve(scope: Mapping[str, Any], name: str) -> Any:
    try:
        return scope[unspell(name)]
    except KeyError:
        raise errors.SymbolResolutionError(name) from None
