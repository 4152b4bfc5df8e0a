"""The short forms of the files as JSON Schema: what a validator takes before the long form is checked.

Each function that writes a short form out (``go: [till]``) is named here with the schema of all that it takes; one
that is not named is an error, so that a new short form cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from sim.sweep.arms import BY_NAME
from sim.sweep.format import KEYS
from sim.world.format import WorldFile

Schema = dict[str, Any]

_Resolver = Callable[[Schema], Schema]

_STRING: Schema = {"type": "string"}
_NAMES: Schema = {"type": "array", "items": _STRING}
_TEXT: Schema = {"type": ["string", "object"], "additionalProperties": _STRING}
_EXPRESSION: Schema = {"type": ["string", "boolean", "number"], "maxLength": 500}
_ACT: Schema = {"type": ["object", "string"]}


def _any(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _or_enum_of(key: str) -> Callable[[Schema, _Resolver], Schema]:
    """A word alone is this key of the long form."""

    def made(inner: Schema, resolve: _Resolver) -> Schema:
        words = resolve(inner)["properties"][key]
        return _any({"enum": words["enum"]}, inner)

    return made


def _transition(inner: Schema, resolve: _Resolver) -> Schema:
    keys = list(resolve(inner)["properties"])
    pair = {
        "type": "object",
        "description": "STATE: CONDITION, as in `- till: heading == till`.",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"not": {"enum": keys}},
        "additionalProperties": _EXPRESSION,
    }
    return _any(_STRING, inner, pair)


def _names(inner: Schema, resolve: _Resolver) -> Schema:
    return {**inner, "type": ["array", "string"]}


def _holds(inner: Schema, resolve: _Resolver) -> Schema:
    one = _any(_STRING, inner["items"])
    return _any(_STRING, inner["items"], {"type": "array", "items": one})


def _options(inner: Schema, resolve: _Resolver) -> Schema:
    return {"type": ["array", "string", "object"], "items": _STRING, "additionalProperties": _TEXT}


def _needs(inner: Schema, resolve: _Resolver) -> Schema:
    condition = {"type": ["string", "boolean"]}
    return _any(condition, {"type": "array", "items": _any(condition, inner["items"])})


def _fallback(inner: Schema, resolve: _Resolver) -> Schema:
    fields = next(each for each in inner["anyOf"] if each.get("type") == "object")
    return _any({"enum": ["skip", None]}, fields)


def _wanted(inner: Schema, resolve: _Resolver) -> Schema:
    return {"type": ["object", "string", "array"], "items": _ACT}


def _models(inner: Schema, resolve: _Resolver) -> Schema:
    return {"type": ["object", "string", "null"], "additionalProperties": _STRING}


def _measures(inner: Schema, resolve: _Resolver) -> Schema:
    pair = {"type": "object", "additionalProperties": _EXPRESSION}
    return {"type": ["object", "array"], "items": _any(_STRING, pair), "additionalProperties": _EXPRESSION}


def _axes() -> Schema:
    """A key of a setting; of some also what is named in it, as in ``set.fee``."""
    return {"propertyNames": {"pattern": f"^({'|'.join(KEYS)}|({'|'.join(BY_NAME)})\\.[^.]+)$"}}


SHORT: dict[str, Callable[[Schema, _Resolver], Schema]] = {
    "_as_text": lambda inner, resolve: _TEXT,
    "as_list": _names,
    "_as_expression": lambda inner, resolve: {**_EXPRESSION, **{k: v for k, v in inner.items() if k != "type"}},
    "_as_effect": lambda inner, resolve: {**inner, "type": [*inner["type"], "null"]},
    "as_minutes": lambda inner, resolve: _any({"type": "number", "minimum": 0}, inner),
    "as_context": _or_enum_of("of"),
    "_carried": lambda inner, resolve: {"type": ["boolean", "integer"], "minimum": 0},
    "_as_summary": _or_enum_of("how"),
    "_as_transition": _transition,
    "as_holds": _holds,
    "_as_speaker": lambda inner, resolve: inner,
    "_as_group": lambda inner, resolve: _any(_NAMES, {"type": ["string", "boolean"]}, inner),
    "_as_derived": lambda inner, resolve: _any(_EXPRESSION, inner),
    "_as_needs": _needs,
    "_as_fallback": _fallback,
    "_as_role": lambda inner, resolve: _any(_STRING, inner),
    "_as_end": _or_enum_of("kind"),
    "_as_ends": lambda inner, resolve: _any({**_NAMES, "minItems": 1}, inner),
    "as_resource": lambda inner, resolve: _any({"type": "integer", "minimum": 1}, inner),
    "_as_hours": lambda inner, resolve: _any({"type": "string", "pattern": r"^\d\d:\d\d\s*-\s*\d\d:\d\d$"}, inner),
    "_as_hours_list": lambda inner, resolve: _any(inner["items"], inner),
    "_as_say": lambda inner, resolve: _any({"type": ["string", "array"], "items": _STRING}, inner),
    "_as_money": lambda inner, resolve: {"type": ["string", "number", "null"]},
    "_as_options": _options,
    "_as_item": _options,
    "_spread_tell": lambda inner, resolve: inner,
    "_as_seeds": lambda inner, resolve: {"type": ["array", "integer"], "items": {"type": "integer"}},
    "_as_conditions": lambda inner, resolve: _any(_EXPRESSION, inner),
    "_as_wanted": _wanted,
    "_as_models": _models,
    "_as_measures": _measures,
    "as_acts": lambda inner, resolve: {"type": ["object", "string", "array"], "items": _ACT},
}
"""By the name of the validating function: the schema of what it takes, made of that of the long form."""


def _patch() -> Schema:
    """A variant: any keys of a world, each with a part of what stands there, or null to take it away."""
    keys = [field.alias or name for name, field in WorldFile.model_fields.items() if name != "variants"]
    extends = {
        "description": "The variants that this one builds upon: their patches are applied first, in that order.",
        "type": ["string", "array"],
        "items": _STRING,
    }
    return {
        "type": "object",
        "properties": {"extends": extends, **{key: {} for key in keys}},
        "additionalProperties": False,
    }


SPREAD: dict[tuple[str, str], Schema] = {
    ("State", "tell"): {"type": ["string", "object"], "additionalProperties": _TEXT},
    ("ExperimentFile", "axes"): _axes(),
    ("WorldFile", "variants"): {"type": "object", "additionalProperties": _patch()},
}
"""Model and key: forms that the model of the whole file writes out, or that are known only to what reads it."""


class ShortForms(GenerateJsonSchema):
    """Pydantic's schemas, with the short forms."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        """The schema of a value that a function may write out first."""
        inner = super().function_before_schema(schema)
        name = getattr(schema["function"]["function"], "__name__", "")
        return SHORT[name](inner, self._resolved)

    def _resolved(self, schema: Schema) -> Schema:
        return self.get_schema_from_definitions(schema["$ref"]) or {} if "$ref" in schema else schema
