"""Validating a file against its model, with every problem in words and at its place."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sim.errors import closest
from sim.world.explaining import explained
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
                meant = closest(str(section), WorldFile.model_fields)
                if isinstance(value[section], dict) and meant not in {None, section} and meant not in value:
                    broken.setdefault(str(meant), set()).update(value[section])
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


def _note(error: ValidationError, source: Source, model: type[BaseModel]) -> list[KeyPath]:
    places: list[KeyPath] = []
    for item in error.errors(include_url=False, include_context=True):
        path = tuple(p.removesuffix("_") if p in {"list_", "from_", "is_"} else p for p in item["loc"])
        path = tuple(p for p in path if p != "[key]")
        places.append(path or ("",))
        at, code, message = explained(item, path, model)
        problem = source.problem(at, code, message)
        if problem not in source.problems:
            source.problems.append(problem)
    return places
