"""What pydantic finds wrong with a file, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from sim.errors import brief, did_you_mean, half_width
from sim.world.durations import Minutes
from sim.world.fields import CURRENCY, IDENTIFIER, URL
from sim.world.format import WorldFile
from sim.world.source import KeyPath
from sim.world.stations import Hours

_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "too_short": "must not be empty",
    "too_long": "is too long",
    "string_too_long": "is too long",
    "tuple_type": "must be a list",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a number",
}
_CODES = {
    "extra_forbidden": "unknown-key",
    "missing": "missing-key",
    "too_short": "empty",
    "too_long": "too-long",
    "string_too_long": "too-long",
    "literal_error": "choice",
    "string_pattern_mismatch": "format",
    "value_error": "value",
}
"""The codes of problems; of what is not here, ``range`` where a bound is broken, else ``type``."""
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
_PATTERNS = {
    IDENTIFIER: "name: letters, digits and _, not starting with a digit",
    URL: "URL; it begins with http:// or https://",
    CURRENCY: "currency such as USD or CNY",
}


_UNITS = {"money": "its currency, such as CNY", "number": "its unit, such as km, or '' for none"}


def explained(item: Mapping[str, Any], path: KeyPath, model: type[BaseModel]) -> tuple[KeyPath, str, str]:
    """Where a problem that pydantic found is shown, its code, and what is wrong, in words."""
    kind, given, context = item["type"], item["input"], item.get("ctx", {})
    code = _CODES.get(kind, "range" if kind in _BOUNDS else "type")
    message = _WORDS.get(kind, item["msg"].removeprefix("Value error, "))
    if kind == "missing":
        return path[:-1], code, f"lacks the key '{path[-1]}'"
    if kind in _BOUNDS:
        message = _BOUNDS[kind].format(**{name: _number(bound) for name, bound in context.items()})
    elif kind == "too_long" and isinstance(given, str):
        message = f"is too long: at most {context['max_length']} characters"
    elif kind == "extra_forbidden":
        message = f"unknown key '{path[-1]}'" + (
            _misplaced(path) or did_you_mean(str(path[-1]), _keys(model, path[:-1]))
        )
    elif kind == "string_pattern_mismatch":
        rule = _PATTERNS.get(context.get("pattern", ""), "time of day such as 08:00")
        message = f"'{brief(given)}' is no {rule}"
    elif kind == "literal_error":
        choices = [c.strip(" '") for c in str(context.get("expected", "")).replace(" or ", ",").split(",")]
        message = f"'{brief(given)}' is not one of the choices{did_you_mean(str(given), choices)}"
    elif code == "type":
        message = _type(kind, message, given, path, model)
    return path, code, message


def _number(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _misplaced(path: KeyPath) -> str:
    """A hint where a key of the top level stands further in."""
    is_top = (
        len(path) == 2 and path[0] in {"states", "actions", "facts", "roles"} and path[-1] in WorldFile.model_fields
    )
    return f"; '{path[-1]}' is a key of the world itself: move the line to the left" if is_top else ""


def _type(kind: str, message: str, given: Any, path: KeyPath, model: type[BaseModel]) -> str:
    """What a value must be, and what makes it something else."""
    wanted = _at(model, path)
    if given is None and " " in str(path[-1] if path else ""):
        return f"'{path[-1]}' stands alone: inside {{ }} a comma ends a text, so put the whole text in quotes"
    if kind == "string_type":
        return f"{message}: {_UNITS[str(path[-1])]}" if path and path[-1] in _UNITS else message
    if wanted is Minutes and not isinstance(given, dict):
        return "must be a number of simulated minutes, as 2 or 0.5, or how it is drawn, as {uniform: [1, 3]}"
    if wanted is Hours:
        return "must be hours such as 08:30-12:00"
    if kind == "dict_type" and get_args(wanted) == (str, str):
        return "must be text, or one text for each language"
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        keys = sorted(_keys(model, path))
        shown = ", ".join(keys[:12]) + (", …" if len(keys) > 12 else "")
        return message + (_misplaced(path) or (f"; known: {shown}" if keys and given is not None else ""))
    return _list_or_scalar(kind, message, given, wanted)


def _list_or_scalar(kind: str, message: str, given: Any, wanted: Any) -> str:
    if kind == "list_type" and get_args(wanted) == (str,):
        return "must be a name, or a list of names, as [a, b]"
    if kind == "list_type" and isinstance(given, dict | str):
        return "must be a list; each of its items begins with '- ' on a line of its own, or write [a, b]"
    if kind == "bool_type" and isinstance(given, str) and given in {"yes", "no", "on", "off", "True", "False"}:
        return f"{message}; '{given}' is a word"
    if isinstance(given, str) and not given.isascii() and half_width(given).replace(".", "", 1).isdecimal():
        return f"{message}; write {half_width(given)} for the full-width '{given}'"
    if isinstance(given, str) and given.replace(".", "", 1).isdigit():
        return f"{message}; take away the quotes"
    return message


def _keys(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys that a model has at a path, for suggestions."""
    current = _at(model, path)
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [f.alias or n for n, f in current.model_fields.items()]


def _at(model: type[BaseModel], path: KeyPath) -> Any:
    """The type that a model has at a path; None where it is not known."""
    current: Any = model
    for step in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = next((f for n, f in current.model_fields.items() if step in (n, f.alias)), None)
            current = _bare(field.annotation) if field is not None else None
        else:
            arguments = getattr(current, "__args__", ())
            current = _bare(arguments[-1]) if arguments else None
    return current


def _bare(annotation: Any) -> Any:
    """A type without ``Annotated`` and ``None`` around it."""
    while getattr(annotation, "__metadata__", None) is not None:
        annotation = annotation.__args__[0]
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        return _bare(next(a for a in annotation.__args__ if a is not type(None)))
    return annotation
