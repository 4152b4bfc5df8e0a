"""What is checked of an expression when it is compiled, and what is wrong with it in words."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from rule_engine import DataType, ast, errors

from sim.errors import CHINESE_SIGNS, brief, did_you_mean, half_width
from sim.world.vocabulary import FUNCTIONS, RESERVED, ExpressionError, Vocabulary, type_name, unspell

_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_REFUSED = {
    "FunctionExpression": "functions cannot be defined",
    "MappingExpression": "mappings in braces are not part of the language",
    "SetExpression": "sets in braces are not part of the language; write a list in brackets",
}
_SIGNS = {"≥": ">=", "≤": "<=", "≠": "!=", "×": "*", "÷": "/"}
_WORDS = {
    **dict.fromkeys(("且", "并且", "而且", "和"), "and"),
    **dict.fromkeys(("或", "或者"), "or"),
    **dict.fromkeys(("不是", "非", "不"), "not"),
}
"""How conditions are written in Chinese."""
_NAMES = re.compile(r"\s*\w+\s*(?:[，、]\s*\w+\s*)+")
_BUILT_IN = {*FUNCTIONS, *RESERVED}
MAX_LOOPS = 3
"""Loops within each other; each multiplies the time that an expression takes by the length of its list."""


def walk(node: Any) -> Iterator[Any]:
    """A node and all below it."""
    yield node
    for child in _children(node):
        yield from walk(child)


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


def check_text(text: str) -> None:
    """Refuse what the library would compute while it compiles, before its tree can be looked at."""
    plain = _STRING.sub('""', text)
    if "$" in plain:
        raise ExpressionError(f"names with $ are not part of the language, as in '{brief(text)}'")
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


def leaves(node: Any) -> Iterator[Any]:
    """The types that an expression may have, by the branches that are taken in it."""
    if isinstance(node, ast.TernaryExpression):
        yield from leaves(node.case_true)
        yield from leaves(node.case_false)
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
            raise ExpressionError(f"{what} {type_name(kinds[0])} and {type_name(kind)}")


def check(tree: Any, vocabulary: Vocabulary) -> None:
    """Check the tree of an expression; raises ``ExpressionError``."""
    if _depth(tree) > MAX_LOOPS:
        raise ExpressionError(f"more than {MAX_LOOPS} loops within each other")
    for node in walk(tree):
        if isinstance(node, ast.TernaryExpression):
            _check_alike(list(leaves(node)), "the two sides of '?' are")
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
            name = unspell(node.variable)
            if name in {*vocabulary.kinds, *vocabulary.records, *FUNCTIONS, *RESERVED}:
                raise ExpressionError(f"the name '{name}' after 'for' is already taken")


def _check_equality(node: Any, vocabulary: Vocabulary) -> None:
    left, right = node.left.result_type, node.right.result_type
    if DataType.NULL not in (left, right) and not DataType.is_compatible(left, right):
        raise ExpressionError(f"{type_name(left)} is compared with {type_name(right)}, which can never be equal")
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
    name = dotted(symbol)
    options = vocabulary.options.get(name or "")
    if options is not None and literal not in options:
        raise ExpressionError(f"'{name}' is never '{literal}'{did_you_mean(literal, options)}")


def dotted(node: Any) -> str | None:
    """The name of what a node reads, as ``act.amount``."""
    if isinstance(node, ast.SymbolExpression):
        return unspell(node.name)
    if isinstance(node, ast.GetItemExpression) and isinstance(node.container, ast.SymbolExpression):
        return unspell(node.container.name)
    if isinstance(node, ast.GetAttributeExpression) and isinstance(node.object, ast.SymbolExpression):
        return f"{unspell(node.object.name)}.{unspell(node.name)}"
    return None


def _literal(node: Any, vocabulary: Vocabulary) -> str | None:
    if isinstance(node, ast.StringExpression):
        return str(node.value)
    if isinstance(node, ast.SymbolExpression):
        name = unspell(node.name)
        return name if name in vocabulary.words and name not in vocabulary.kinds else None
    return None


def explain(error: errors.EngineError, text: str, vocabulary: Vocabulary) -> str:
    """What the library says is wrong, in words."""
    if isinstance(error, errors.SymbolResolutionError):
        name = unspell(str(error.symbol_name))
        hint = _joined(name, vocabulary) or did_you_mean(name, vocabulary.names(), last=_BUILT_IN)
        return f"unknown name '{name}' in '{brief(text)}'{hint}"
    if isinstance(error, errors.ObjectAttributeError | errors.AttributeResolutionError):
        name = unspell(str(error.attribute_name))
        known = getattr(error.object, "attributes", None) or getattr(
            getattr(error.object, "value_type", None), "attributes", {}
        )
        return f"unknown name '.{name}' in '{brief(text)}'{did_you_mean(name, map(unspell, known))}"
    if isinstance(error, errors.RuleSyntaxError):
        return f"'{brief(text)}' is not an expression{_foreign(text)}"
    lists = "; lists are not added with '+'" if "+" in text and "[" in text else ""
    rule = f"a number goes with a number (3, not '3'), a word with a word{lists}"
    return f"the types in '{brief(text)}' do not fit; {rule}"


def _joined(name: str, vocabulary: Vocabulary) -> str:
    """How names with a Chinese 'and' or 'or' between them are written; empty where it is something else."""
    for theirs in ("并且", "而且", "或者", "且", "和", "或"):
        parts = name.split(theirs)
        if len(parts) > 1 and set(parts) <= set(vocabulary.names()):
            return f"; write '{f' {_WORDS[theirs]} '.join(parts)}'"
    return ""


def _foreign(text: str) -> str:
    """What is of another language in an expression, and how it is written in ours."""
    plain = _STRING.sub("", text)
    if _NAMES.fullmatch(plain):
        names = ", ".join(part.strip() for part in re.split("[，、]", plain))
        return f"; write '[{names}]' for a list, 'and' between conditions"
    sign = next((c for c in plain if c in CHINESE_SIGNS and c.strip()), None)
    if sign is not None:
        ours = "and" if sign in "，、" else CHINESE_SIGNS[sign]
        return f"; write '{ours}' for the Chinese '{sign}'" if ours != "'" else "; write quotes as ' and '"
    for theirs in (*_SIGNS, *_WORDS):
        if theirs in plain if theirs in _SIGNS else re.search(rf"(?<!\w){theirs}(?!\w)", plain):
            return f"; write '{(_SIGNS | _WORDS)[theirs]}' for '{theirs}'"
    if half_width(plain) != plain:
        wide = next(c for c in plain if half_width(c) != c)
        what = (
            f"'{half_width(wide)}' for the full-width '{wide}'"
            if wide.strip()
            else "a blank for the full-width one"
        )
        return f"; write {what}"
    for theirs, ours in (("&&", "and"), ("||", "or"), ("!", "not")):
        if theirs in text.replace("!=", ""):
            return f"; write '{ours}' for '{theirs}'"
    return "; write '==' to compare" if re.search(r"[^=!<>]=[^=]", text) else ""
