"""Validating a file against its model, with every problem in words and at its place."""

from __future__ import annotations

from collections.abc import Iterable
from types import UnionType
from typing import Any, TypeVar, Union, get_origin

from pydantic import BaseModel, ValidationError

from sim.errors import did_you_mean
from sim.world.fields import CURRENCY, IDENTIFIER, URL
from sim.world.format import WorldFile
from sim.world.source import KeyPath, Source

_Model = TypeVar("_Model", bound=BaseModel)


def _stand_in(section: str, value: dict[str, Any]) -> dict[str, Any]:
    """What takes the place of the only state or end when it is broken, so that the rest can be checked."""
    roles = value.get("roles")
    speakers = list(roles)[:1] if isinstance(roles, dict) else []
    if section == "states":
        return {"_": {"speakers": speakers}}
    return {"_": "neutral"} if section == "ends" else {}


def validate_world(source: Source) -> tuple[WorldFile | None, dict[str, frozenset[str]]]:
    """Validate; take away what is wrong and try again, so that the rest is checked as well."""
    value = source.value
    broken: dict[str, set[str]] = {}
    for _ in range(200):
        try:
            return WorldFile.model_validate(value), {k: frozenset(v) for k, v in broken.items()}
        except ValidationError as error:
            places = _note(error, source, WorldFile)
        for place in places:
            section, *rest = place
            inside = value.get(section) if isinstance(value, dict) else None
            if rest and isinstance(inside, dict) and section != "arrivals":  # which is one thing, not several
                left = {k: v for k, v in inside.items() if k != rest[0]}
                value = {**value, section: left or _stand_in(str(section), value)}
                broken.setdefault(str(section), set()).add(str(rest[0]))
            elif isinstance(value, dict) and section in value:
                value = {k: v for k, v in value.items() if k != section}
        if any(len(place) == 1 and place[0] in {"world", "roles", "states", "start", "ends"} for place in places):
            return None, {}
    return None, {}


def validate(source: Source, model: type[_Model]) -> _Model | None:
    """The model of a file, or None where it is wrong, with every problem noted."""
    if source.problems:
        return None
    try:
        return model.model_validate(source.value)
    except ValidationError as error:
        _note(error, source, model)
        return None


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


def _note(error: ValidationError, source: Source, model: type[BaseModel]) -> list[KeyPath]:
    places: list[KeyPath] = []
    for item in error.errors(include_url=False, include_context=True):
        path = tuple(p.removesuffix("_") if p in {"list_", "from_", "is_"} else p for p in item["loc"])
        path = tuple(p for p in path if p != "[key]")
        places.append(path or ("",))
        kind = item["type"]
        message = _WORDS.get(kind, item["msg"].removeprefix("Value error, "))
        if kind in _BOUNDS:
            message = _BOUNDS[kind].format(**item.get("ctx", {}))
        if kind == "too_long" and isinstance(item["input"], str):
            message = f"is too long: at most {item['ctx']['max_length']} characters"
        if kind == "extra_forbidden":
            message = f"unknown key '{path[-1]}'{did_you_mean(str(path[-1]), _keys(model, path[:-1]))}"
        elif kind == "string_type" and item["input"] is None and " " in str(path[-1]):
            message = (
                f"'{path[-1]}' stands alone: inside {{ }} a comma ends a text, so put the whole text in quotes"
            )
        elif kind == "missing":
            message, path = f"lacks the key '{path[-1]}'", path[:-1]
        elif kind == "string_pattern_mismatch":
            rule = _PATTERNS.get(item.get("ctx", {}).get("pattern", ""), "time of day such as 08:00")
            message = f"'{item['input']}' is no {rule}"
        elif kind == "literal_error":
            given, expected = item["input"], str(item.get("ctx", {}).get("expected", ""))
            choices = [c.strip(" '") for c in expected.replace(" or ", ",").split(",")]
            message = f"'{given}' is not one of the choices{did_you_mean(str(given), choices)}"
        problem = source.problem(path, _CODES.get(kind, "range" if kind in _BOUNDS else "type"), message)
        if problem not in source.problems:
            source.problems.append(problem)
    return places


def _keys(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys that a model has at a path, for suggestions."""
    current: Any = model
    for step in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = next((f for n, f in current.model_fields.items() if step in (n, f.alias)), None)
            current = _bare(field.annotation) if field is not None else None
        else:
            arguments = getattr(current, "__args__", ())
            current = _bare(arguments[-1]) if arguments else None
    if not (isinstance(current, type) and issubclass(current, BaseModel)):
        return []
    return [f.alias or n for n, f in current.model_fields.items()]


def _bare(annotation: Any) -> Any:
    """A type without ``Annotated`` and ``None`` around it."""
    while getattr(annotation, "__metadata__", None) is not None:
        annotation = annotation.__args__[0]
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        return _bare(next(a for a in annotation.__args__ if a is not type(None)))
    return annotation
