"""The reference of the world format, made from the models that read it.

What a key is comes from its field's description; ``words.yaml`` has the Chinese, and the English of keys that
describe themselves nowhere. Types, defaults and bounds are the fields' own, and an example is one that the field
gives, or else the shortest of the bundled worlds.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic.fields import FieldInfo

from docs.tool.pages import ROOT
from sim.world.fields import Effects, Expression, Name, Names, Part, Text
from sim.world.format import Persona, Population, WorldFile

LONGEST = 44
"""Characters of an example."""

NAMED = {"text": Text, "names": Names, "expression": Expression, "effects": Effects, "name": Name}
PLAIN = {bool: "flag", int: "whole", float: "number", str: "string", type(None): "nothing"}


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "tool" / "words.yaml").read_text(encoding="utf-8"))
    return found


def pages() -> dict[Path, str]:
    """The reference in each language: its place and its language."""
    return {ROOT / "docs" / "reference.md": "en", ROOT / "docs" / "reference.zh.md": "zh"}


def text(language: str) -> str:
    """The whole page in a language."""
    say = _words()["page"][language]
    parts = [say["head"]]
    for root in (WorldFile, Persona, Population):
        parts += [_section(model, language) for model in models(root) if model in ours(root)]
    return "\n".join(parts)


def ours(root: type[Part]) -> list[type[Part]]:
    """The models that are told of with a file: those that no file before it has."""
    before = [] if root is WorldFile else list(models(WorldFile))
    return [model for model in models(root) if model not in before]


def models(root: type[Part]) -> Iterator[type[Part]]:
    """A model and all within it, each once, in the order of the keys."""
    waiting, seen = [root], {root}
    while waiting:
        model = waiting.pop(0)
        yield model
        within = [p for hint in _hints(model).values() for p in _parts(hint) if p not in seen]
        fresh = list(dict.fromkeys(within))
        seen.update(fresh)
        waiting = [*fresh, *waiting]


def keys(model: type[Part]) -> dict[str, FieldInfo]:
    """The keys of a part of a file, as they are written there."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _hints(model: type[Part]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {field.alias or name: hints[name] for name, field in model.model_fields.items()}


def _parts(hint: Any) -> Iterator[type[Part]]:
    if isinstance(hint, type) and issubclass(hint, Part):
        yield hint
    for inner in get_args(hint):
        yield from _parts(inner)


def _section(model: type[Part], language: str) -> str:
    say = _words()["page"][language]
    rows = [_row(model, key, field, language) for key, field in keys(model).items()]
    about = _words()["models"].get(model.__name__, {}).get(language, model.__doc__)
    head = f"## {_title(model, language)}\n\n{about}\n\n| {' | '.join(say['columns'])} |\n|---|---|---|---|---|"
    return "\n".join([head, *rows, ""])


def _title(model: type[Part], language: str) -> str:
    said = _words()["models"].get(model.__name__)
    return str(said["title"][language]) if said else model.__name__


def _row(model: type[Part], key: str, field: FieldInfo, language: str) -> str:
    about = _said(model, key, field, language) or field.description or ""
    cells = [
        f"`{key}`",
        about,
        _type(_hints(model)[key], language),
        _default(field, language),
        _example(model, key),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _said(model: type[Part], key: str, field: FieldInfo, language: str) -> str | None:
    """What is said of a key in a language; the English of the field itself comes first."""
    own = _words()["keys"].get(model.__name__, {}).get(key) or {}
    shared = _words()["shared"].get(key) or {}
    said: str | None = own.get(language) or shared.get(language)
    return field.description or said if language == "en" else said


def missing(language: str) -> list[str]:
    """The keys, and the parts, that have no words in a language."""
    every = dict.fromkeys(model for root in (WorldFile, Persona, Population) for model in models(root))
    parts = [m.__name__ for m in every if language not in _words()["models"].get(m.__name__, {})]
    return parts + [f"{m.__name__}.{k}" for m in every for k, f in keys(m).items() if not _said(m, k, f, language)]


def _type(hint: Any, language: str) -> str:
    say = _words()["types"]
    for name, known in NAMED.items():
        if hint == known:
            return str(say[name][language])
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(inner[0], language)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in {Union, types.UnionType}:
        return str(say["or"][language]).join(_type(each, language) for each in inner if each is not type(None))
    if origin is list:
        return str(say["list"][language]).format(_type(inner[0], language))
    if origin is dict:
        return str(say["mapping"][language]).format(*(_type(each, language) for each in inner))
    if isinstance(hint, type) and issubclass(hint, Part):
        title = _title(hint, language)
        return f"[{title}](#{title.lower().replace(' ', '-')})"
    return str(say[PLAIN.get(hint, "any")][language])


def _default(field: FieldInfo, language: str) -> str:
    if field.is_required():
        return str(_words()["page"][language]["required"])
    value = field.default
    if isinstance(value, Part):
        value = value.model_dump(exclude_defaults=True, by_alias=True)
    return "" if value in (None, [], {}) else f"`{_flow(value)}`"


def _flow(value: Any) -> str:
    """A value as it would stand in a file, on one line."""
    written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return written.removesuffix("\n").removesuffix("\n...")


def _example(model: type[Part], key: str) -> str:
    field = keys(model)[key]
    given = [_flow(value) for value in field.examples or ()]
    found = sorted(given or _examples().get((model.__name__, key), set()), key=lambda e: (len(e), e))
    default = _flow(field.default) if isinstance(field.default, str | bool | int | float) else None
    usable = [e for e in found if e != default and len(e) <= LONGEST and "`" not in e]
    return f"`{key}: {usable[0]}`" if usable else ""


@cache
def _examples() -> dict[tuple[str, str], set[str]]:
    """What the bundled worlds have for each key."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in sorted(ROOT.glob("worlds/*/world.yaml")):
        world = yaml.safe_load(path.read_text(encoding="utf-8"))
        _collect(world, WorldFile, found)
        for variant in world.get("variants", {}).values():
            _collect(variant, WorldFile, found)
    for path in sorted(ROOT.glob("personas/*.yaml")):
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        _collect(given, Population if "population" in given else Persona, found)
    return found


def _collect(value: Any, hint: Any, found: dict[tuple[str, str], set[str]]) -> None:
    if isinstance(hint, type) and issubclass(hint, Part) and isinstance(value, Mapping):
        hints = _hints(hint)
        for key in value.keys() & hints.keys():
            if value[key] is not None:
                found.setdefault((hint.__name__, key), set()).add(_flow(value[key]))
                _collect(value[key], hints[key], found)
        return
    inner = get_args(hint)
    if get_origin(hint) is dict and isinstance(value, Mapping):
        for each in value.values():
            _collect(each, inner[1], found)
    elif get_origin(hint) is list and isinstance(value, list):
        for each in value:
            _collect(each, inner[0], found)
    else:
        for each in inner:
            _collect(value, each, found)
