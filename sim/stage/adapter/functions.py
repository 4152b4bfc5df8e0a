"""Functions as providers take them: their names, and those of their fields, in the letters that are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.models.provider_names import provider_name

Names = dict[str, str]
"""The name in the world by the provider's name."""


def for_provider(options: Mapping[str, Any]) -> tuple[dict[str, Any], Names]:
    """The options of a request with names that providers take in its functions, and what these stand for."""
    names: Names = {}
    if "tools" not in options:
        return dict(options), names
    tools = []
    for tool in options["tools"]:
        told = tool["function"]
        named = {"name": _noted(told["name"], names), "parameters": _keys(told["parameters"], names)}
        tools.append({**tool, "function": {**told, **named}})
    return {**options, "tools": tools}, names


def from_provider(value: Any, names: Names) -> Any:
    """What a function was given, with the names of the world as its keys."""
    if isinstance(value, dict):
        return {names.get(key, key): from_provider(each, names) for key, each in value.items()}
    return [from_provider(each, names) for each in value] if isinstance(value, list) else value


def _noted(name: str, names: Names) -> str:
    coded = provider_name(name)
    if coded != name:
        names[coded] = name
    return coded


def _keys(schema: Any, names: Names) -> Any:
    """A JSON Schema whose properties have names that providers take; one that is written otherwise says its own."""
    if isinstance(schema, list):
        return [_keys(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _keys(value, names) for key, value in schema.items() if key not in {"properties", "required"}}
    if "properties" in schema:
        made["properties"] = {
            _noted(key, names): _keys(value if key.isascii() else {"title": key, **value}, names)
            for key, value in schema["properties"].items()
        }
    if "required" in schema:
        made["required"] = [_noted(key, names) for key in schema["required"]]
    return made
