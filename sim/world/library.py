"""Loading worlds and personas into a checked :class:`~sim.world.world.World`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_origin

from pydantic import BaseModel, ValidationError

from sim.errors import DefinitionError, Problem, did_you_mean
from sim.world.compiler import Compiler
from sim.world.folders import find_world, list_personas, variants_of
from sim.world.format import IDENTIFIER, Persona, WorldFile
from sim.world.kinds import label_of, show_number
from sim.world.sheet import sheet_problems
from sim.world.source import KeyPath, Source, merge, read_yaml
from sim.world.world import World

_Model = TypeVar("_Model", bound=BaseModel)


def load(world: str | Path, *, variant: str | None = None) -> World:
    """Load a world by name, folder or file, with a variant of it if one is named, and check all of it.

    Raises:
        DefinitionError: with every problem found, each with file, line and key path.
    """
    path = find_world(world)
    source = read_yaml(path)
    lines = path.parent / "lines.yaml"
    if source.problems:
        raise DefinitionError.of(source.problems)
    if not isinstance(source.value, dict):
        message = "a world is a mapping of keys to values; this file is not"
        raise DefinitionError.of([Problem(str(path), 1, 1, "world", message)])
    if lines.is_file():
        _add_lines(source, read_yaml(lines))
    variants = source.value.pop("variants", {})
    _check_variants(variants, source)
    if variant is not None:
        if variant not in variants:
            raise DefinitionError(
                f"{path}: no variant '{variant}'{did_you_mean(variant, variants) or ': it has none'}"
            )
        source = merge(source, variants[variant], ("variants", variant))
    personas = _read_personas(source, path.parent)
    return build(source, personas, variant)


def check(world: str | Path) -> tuple[list[Problem], World | None]:
    """Check a world and each of its variants: all problems, and the world itself if it is sound."""
    path = find_world(world)
    problems: list[Problem] = []
    plain: World | None = None
    for variant in (None, *variants_of(path)):
        try:
            found = load(path, variant=variant)
            plain = found if variant is None else plain
            problems += [p for p in _dead_ends(found, path) if p not in problems]
        except DefinitionError as error:
            new = error.problems or (Problem(str(path), 1, 1, "world", str(error)),)
            problems += [p for p in new if p not in problems]
    return problems, None if problems else plain


def reachable(world: World) -> set[str]:
    """The states and ends that arrows lead to from the start, whatever their guards."""
    found: set[str] = set()
    ahead = [world.spec.start]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [t.to for t in world.states[name].go] if name in world.states else []
    return found


def _dead_ends(world: World, path: Path) -> list[Problem]:
    """States without a way out, and states and ends without a way in."""
    source = read_yaml(path)
    known = reachable(world) | ({world.spec.limits.ends} if world.spec.limits.ends else set())
    at = {**dict.fromkeys(world.states, "states"), **dict.fromkeys(world.spec.ends, "ends")}
    problems = [source.problem((at[n], n), "unreachable", "no arrow leads here") for n in at if n not in known]
    stuck = [n for n, state in world.states.items() if not state.go]
    return problems + [
        source.problem(("states", n), "no-way-out", "has no arrow, so it is never left") for n in stuck
    ]


def _check_variants(variants: Any, source: Source) -> None:
    shape = "must be a mapping of keys to values"
    if not isinstance(variants, dict):
        raise DefinitionError.of([source.problem(("variants",), "dict-type", shape)])
    wrong = [n for n, patch in variants.items() if not isinstance(patch, dict)]
    if wrong:
        raise DefinitionError.of([source.problem(("variants", n), "dict-type", shape) for n in wrong])


def _add_lines(source: Source, lines: Source) -> None:
    source.problems += lines.problems
    if "lines" in source.value:
        message = "the lines stand both in world.yaml and in lines.yaml"
        source.problems.append(source.problem(("lines",), "lines", message))
    elif lines.value is not None:
        source.value["lines"] = lines.value
        source.marks |= {("lines", *key): place for key, place in lines.marks.items()}


def _read_personas(source: Source, folder: Path) -> dict[str, Source]:
    roles = source.value.get("roles")
    found: dict[str, Source] = {}
    known = {**list_personas(), **{p.stem: p for p in sorted((folder / "personas").glob("*.yaml"))}}
    for role, spec in (roles if isinstance(roles, dict) else {}).items():
        name = spec.get("persona") if isinstance(spec, dict) else spec
        if not isinstance(name, str) or name in found:
            continue
        if name not in known:
            message = f"unknown persona '{name}'{did_you_mean(name, known)}"
            source.problems.append(source.problem(("roles", role), "unknown-persona", message))
            continue
        found[name] = read_yaml(known[name])
        source.problems += found[name].problems
    return found


def revive(resolved: Mapping[str, Any], variant: str | None = None) -> World:
    """Make a world again from its ``resolved`` values, as a run log holds them.

    Raises:
        DefinitionError: if they are not those of a sound world.
    """
    if not isinstance(resolved.get("world"), dict) or not isinstance(resolved.get("personas"), dict):
        raise DefinitionError("the log holds no world")
    source = Source(json.loads(json.dumps(resolved["world"])), name="log")
    personas = {n: Source(json.loads(json.dumps(p)), name="log") for n, p in resolved["personas"].items()}
    return build(source, personas, variant)


def build(source: Source, personas: Mapping[str, Source], variant: str | None) -> World:
    """Validate and compile a world that was read; raises ``DefinitionError`` with all problems."""
    resolved = {
        "world": json.loads(json.dumps(source.value)),
        "personas": {name: p.value for name, p in sorted(personas.items())},
    }
    cast = {name: _validate(p, Persona) for name, p in personas.items()}
    for p in personas.values():
        source.problems += [problem for problem in p.problems if problem not in source.problems]
    spec, broken = _validate_world(source)
    if spec is None:
        raise DefinitionError.of(source.problems)
    absent = {role.persona for role in spec.roles.values()} - set(cast)
    if absent and not source.problems:
        raise DefinitionError(f"the persona '{min(absent)}' is missing")
    compiled = Compiler(spec, source, broken)
    for name, persona in cast.items():
        if persona is not None:
            _check_persona(persona, name, personas[name], source)
    if source.problems:
        raise DefinitionError.of(source.problems)
    text = json.dumps([variant, resolved], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return World(
        spec=spec,
        personas={role: cast[r.persona] for role, r in spec.roles.items()},  # type: ignore[misc]
        facts=compiled.facts,
        actions=compiled.actions,
        states=compiled.states,
        lines=compiled.lines,
        never=compiled.never,
        at_end=compiled.at_end,
        constants=compiled.constants,
        row_labels=_row_labels(spec),
        resolved=resolved,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        variant=variant,
    )


def _check_persona(persona: Persona, name: str, of: Source, source: Source) -> None:
    if persona.persona != name:
        source.problems.append(of.problem(("persona",), "name", f"'{persona.persona}' is not the file's name"))
    for problem in sheet_problems(persona):
        source.problems.append(of.problem(("prompt",), "template", problem))


def _row_labels(spec: WorldFile) -> dict[str, dict[str, str]]:
    names = {row: cells.get("label", {}) for rows in spec.tables.values() for row, cells in rows.items()}
    for fact in spec.facts.values():
        names |= fact.choice.ids if fact.choice else {}

    def word(value: Any, language: str) -> str:
        if isinstance(value, str):
            label = names.get(value, {})
            return label if isinstance(label, str) else label_of(label, language) or value
        return str(value)

    def cell(column: str, value: Any, language: str) -> str:
        if isinstance(value, str | bool):
            return word(value, language)
        fact = spec.facts.get(column)
        title = label_of(fact.label, language) if fact else ""
        return f"{title} {show_number(Decimal(str(value)))}".strip()

    labels: dict[str, dict[str, str]] = {}
    for table, rows in spec.tables.items():
        labels[table] = {}
        for row, cells in rows.items():
            for language in spec.languages:
                shown = ", ".join(cell(c, v, language) for c, v in cells.items() if c != "label")
                labels[table][f"{row}\0{language}"] = shown
    return labels


def _stand_in(section: str, value: dict[str, Any]) -> dict[str, Any]:
    """What takes the place of the only state or end when it is broken, so that the rest can be checked."""
    roles = value.get("roles")
    speakers = list(roles)[:1] if isinstance(roles, dict) else []
    if section == "states":
        return {"_": {"speakers": speakers}}
    return {"_": "neutral"} if section == "ends" else {}


def _validate_world(source: Source) -> tuple[WorldFile | None, dict[str, frozenset[str]]]:
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
            if rest and isinstance(inside, dict):
                left = {k: v for k, v in inside.items() if k != rest[0]}
                value = {**value, section: left or _stand_in(str(section), value)}
                broken.setdefault(str(section), set()).add(str(rest[0]))
            elif isinstance(value, dict) and section in value:
                value = {k: v for k, v in value.items() if k != section}
        if any(len(place) == 1 and place[0] in {"world", "roles", "states", "start", "ends"} for place in places):
            return None, {}
    return None, {}


def _validate(source: Source, model: type[_Model]) -> _Model | None:
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
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
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
            is_name = item.get("ctx", {}).get("pattern") == IDENTIFIER
            rule = (
                "name: letters, digits and _, not starting with a digit" if is_name else "time of day such as 08:00"
            )
            message = f"'{item['input']}' is no {rule}"
        elif kind == "literal_error":
            given, expected = item["input"], str(item.get("ctx", {}).get("expected", ""))
            choices = [c.strip(" '") for c in expected.replace(" or ", ",").split(",")]
            message = f"'{given}' is not one of the choices{did_you_mean(str(given), choices)}"
        problem = source.problem(path, kind.replace("_", "-"), message)
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
