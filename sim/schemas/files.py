"""The schemas of the files that people write, made from the models that read them."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, RootModel

from sim.cases.format import CasesFile
from sim.errors import DefinitionError, did_you_mean
from sim.models.acts import ActsFile
from sim.models.catalog import ModelsFile
from sim.record import schema as records
from sim.schemas.forms import SPREAD, Schema, ShortForms
from sim.schemas.help import TITLES, help_for
from sim.schemas.rules import RULES
from sim.sweep.format import ExperimentFile
from sim.world.fields import IDENTIFIER
from sim.world.format import Move, Persona, Population, WorldFile

_PUNCTUATION = r"\s!-/:-@\[-^`{-~"
_NAME = rf"^[^\d{_PUNCTUATION}][^{_PUNCTUATION}]{{0,63}}$"
"""What :data:`sim.world.fields.IDENTIFIER` allows, as far as it can be said of any script in every engine."""

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What the YAML language servers of editors read."""


class LinesFile(RootModel[dict[str, dict[str, list[Move]]]]):
    """``lines.yaml``: state, role, moves of the scripted model."""


class PersonaFile(RootModel[Persona | Population]):
    """``personas/NAME.yaml``: a character, or a population of several."""


MODELS: dict[str, type[BaseModel]] = {
    "world": WorldFile,
    "persona": PersonaFile,
    "models": ModelsFile,
    "lines": LinesFile,
    "acts": ActsFile,
    "cases": CasesFile,
    "experiment": ExperimentFile,
}
"""The files by what they are called in ``sim schema``."""

NAMES = (*MODELS, "log")


def schema_of(name: str) -> Schema:
    """The schema of one of the files in ``MODELS``, or of a ``log``'s records.

    Raises:
        DefinitionError: if there is none of that name.
    """
    if name == "log":
        return records.schema()
    if name not in MODELS:
        raise DefinitionError(f"no schema of '{name}'{did_you_mean(name, NAMES)}")
    made = MODELS[name].model_json_schema(
        by_alias=True, ref_template="#/definitions/{model}", schema_generator=ShortForms
    )
    parts: dict[str, Schema] = made.pop("$defs", {})
    root = made.pop("$ref", None)
    for model, part in parts.items():
        _explain(model, part)
    if root is None:
        _explain(MODELS[name].__name__, made)
    parts = {model: part for model, part in parts.items() if _is_used(model, made, parts)}
    told = {"$schema": DIALECT, "title": TITLES[name][0], "description": TITLES[name][1]}
    made = {key: value for key, value in made.items() if key not in {"title", "description"}}
    return {**told, **made, **({"definitions": parts} if parts else {})}


def _is_used(model: str, made: Schema, parts: dict[str, Schema]) -> bool:
    """Whether any other part refers to one: long forms that a file cannot have are left out."""
    text = json.dumps([made, {name: part for name, part in parts.items() if name != model}])
    return f'"#/definitions/{model}"' in text


def _explain(model: str, part: Schema) -> None:
    """Put the help of each key in place of the names that were made of it, and add what only code checks."""
    _tidy(part)
    if "description" in part:
        part["description"] = " ".join(part["description"].replace("``", "`").split())
    for key, field in part.get("properties", {}).items():
        field |= SPREAD.get((model, key), {})  # noqa: PLW2901 - it is changed where it stands
        if field.get("default") in ({}, [], None):
            field.pop("default", None)  # editors would write it in
        field["description"], examples = help_for(model, key)
        if examples:
            field["examples"] = examples
    part |= RULES.get(model, {})


def _tidy(schema: Any) -> None:
    """Take away made titles, and write the pattern of names so that it means the same in editors.

    There the sign for a letter is ASCII alone, so that keys in Chinese would be neither checked nor completed.
    """
    if isinstance(schema, list):
        for value in schema:
            _tidy(value)
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if schema.get("pattern") == IDENTIFIER:
        schema["pattern"] = _NAME
    named = schema.get("patternProperties", {})
    if [*named] == [IDENTIFIER]:
        del schema["patternProperties"]
        schema |= {"propertyNames": {"pattern": _NAME}, "additionalProperties": named[IDENTIFIER] or True}
    for value in schema.values():
        _tidy(value)
    _fold(schema)


def _fold(schema: Schema) -> None:
    """Write what may be null as one schema, not as two: of one, editors can say what is wrong."""
    either = schema.get("anyOf", [])
    other = next((each for each in either if each != {"type": "null"} and isinstance(each.get("type"), str)), None)
    if len(either) != 2 or {"type": "null"} not in either or other is None or "const" in other:
        return
    del schema["anyOf"]
    schema |= {**other, "type": [other["type"], "null"]}
    if "enum" in other:
        schema["enum"] = [*other["enum"], None]


@functools.cache
def schema_texts() -> dict[str, str]:
    """The schemas of all files that people write, by the names of files to keep them in."""
    return {f"{name}.json": text_of(name) for name in MODELS}


def text_of(name: str) -> str:
    """A schema as the text of a file."""
    return json.dumps(schema_of(name), ensure_ascii=False, indent=2) + "\n"


def kind_of(path: Path) -> str | None:
    """Which schema a file has, by its path in its world's folder, or in ``experiments/``; None for one without."""
    if path.suffix not in {".yaml", ".yml"}:
        return None
    places: list[tuple[Callable[[Path], bool], str]] = [
        (lambda p: p.parent.name == "acts", "acts"),
        (lambda p: p.parent.name == "tests", "cases"),
        (lambda p: p.parent.name == "personas", "persona"),
        (lambda p: p.parent.name == "experiments", "experiment"),
        (lambda p: p.stem == "models", "models"),
        (lambda p: p.stem.startswith("lines"), "lines"),
        (lambda p: p.stem == "world", "world"),
    ]
    return next((name for is_place, name in places if is_place(path)), None)


def reference(path: Path, schemas: Path, within: Path) -> str:
    """The comments at the top of a file by which editors find its schema; empty for a file that has none.

    Args:
        path: where the file is.
        schemas: the folder with the schemas.
        within: its path in the folder of its world, by which its kind is known.
    """
    kind = kind_of(within)
    if kind is None:
        return ""
    place = Path(os.path.relpath(schemas / f"{kind}.json", path.parent)).as_posix()
    return f"# yaml-language-server: $schema={place}\n# $schema: {place}\n"
