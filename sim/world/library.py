"""Loading worlds and personas into a checked :class:`~sim.world.world.World`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, Problem, did_you_mean, in_order
from sim.world.cast import persona_names
from sim.world.compiler import Compiler
from sim.world.diagnosis.findings import diagnose
from sim.world.diagnosis.spare import unused_personas, variant_problems
from sim.world.diagnosis.study import Study
from sim.world.folders import find_world, variants_of
from sim.world.format import Persona, WorldFile
from sim.world.kinds import label_of, show_number
from sim.world.people import fact_problems, name_problems, persona_problems, read_personas
from sim.world.rules import Functions, digest_of, load_rules
from sim.world.source import KeyPath, Source, read_yaml
from sim.world.stations import arrival_times
from sim.world.validation import validate, validate_world
from sim.world.variants import apply_variant, stray_lines, take_variants
from sim.world.world import PROMPTS, World


def load(world: str | Path, *, variant: str | None = None, code: bool = True) -> World:
    """Load a world by name, folder or file, with a variant of it if one is named, and check all of it.

    A ``rules.py`` beside it is code of the world's author, which is loaded and so run; without ``code`` it is
    refused.

    Raises:
        DefinitionError: with every problem found, each with file, line and key path.
    """
    return _build(_read(find_world(world), variant, code=code))


@dataclass(frozen=True)
class _Files:
    """The files of a world with one of its variants applied, read and not yet checked."""

    source: Source
    personas: Mapping[str, Source]
    variants: Mapping[str, Any]
    variant: str | None
    rules: Path | None


def _read(path: Path, variant: str | None, *, code: bool) -> _Files:
    source = read_yaml(path)
    lines = path.parent / "lines.yaml"
    if source.problems:
        raise DefinitionError.of(source.problems)
    if not isinstance(source.value, dict):
        given = "is empty" if source.value is None else "is not"
        message = f"a world is a mapping of keys to values; this file {given}"
        raise DefinitionError.of([Problem(str(path), 1, 1, "world", message)])
    if lines.is_file():
        _add_lines(source, read_yaml(lines))
    variants = take_variants(source)
    source.problems += [source.problem(("variants",), "lines", m) for m in stray_lines(path.parent, variants)]
    if variant is not None:
        if variant not in variants:
            raise DefinitionError(
                f"{path}: no variant '{variant}'{did_you_mean(variant, variants) or ': it has none'}"
            )
        source = apply_variant(source, variants, variant, path.parent)
    personas = read_personas(source, path.parent)
    _add_times(source, path.parent)
    rules = path.parent / "rules.py"
    if rules.is_file() and not code:
        raise DefinitionError(f"{rules}: this world brings code of its own, which --no-code refuses to load")
    return _Files(source, personas, variants, variant, rules if rules.is_file() else None)


def _build(files: _Files) -> World:
    if files.rules is None:
        return build(files.source, files.personas, files.variant)
    functions = load_rules(files.rules)
    return build(files.source, files.personas, files.variant, functions, digest_of(files.rules))


def check(world: str | Path, *, code: bool = True) -> tuple[list[Problem], World | None]:
    """Check a world and each of its variants: all problems, and the world itself if no error is among them.

    Beside what keeps a world from being loaded, which are errors, these are the warnings of
    :mod:`sim.world.diagnosis`. They come in the order of the files.
    """
    path = find_world(world)
    problems: list[Problem] = []
    studies: list[Study] = []
    read: list[_Files] = []
    names = (None, *variants_of(path))
    for variant in names:
        try:
            files = _read(path, variant, code=code)
            studies.append(Study(_build(files), files.source, files.personas))
            read.append(files)
        except DefinitionError as error:
            problems += error.problems or (Problem(str(path), 1, 1, "world", str(error)),)
    is_whole = len(studies) == len(names)
    problems += diagnose(studies, is_whole=is_whole)
    if is_whole:
        plain = read[0].source
        made = {str(f.variant): f.source.value for f in read[1:]}
        problems += variant_problems(plain, plain.value, read[0].variants, made)
    if is_whole and path.name == "world.yaml":  # worlds of other names may share a folder
        problems += unused_personas(path.parent, {p.name for f in read for p in f.personas.values()})
    return list(in_order(problems)), studies[0].world if is_whole else None


def _add_lines(source: Source, lines: Source) -> None:
    source.problems += lines.problems
    if "lines" in source.value:
        message = "the lines stand both in world.yaml and in lines.yaml"
        source.problems.append(source.problem(("lines",), "lines", message))
    elif isinstance(lines.value, dict) and list(lines.value) == ["lines"]:
        message = "this file begins with the states; take away the key 'lines' and move all else to the left"
        source.problems.append(lines.problem(("lines",), "lines", message))
    elif lines.value is not None:
        source.value["lines"] = lines.value
        source.marks |= {("lines", *key): place for key, place in lines.marks.items()}


def _add_times(source: Source, folder: Path) -> None:
    """Write out the times of a file of arrivals, so that the world is whole without it."""
    arrivals = source.value.get("arrivals")
    name = arrivals.get("file") if isinstance(arrivals, dict) else None
    if not isinstance(name, str):
        return
    path: KeyPath = ("arrivals", "file")
    try:
        if Path(name).name != name:
            raise ValueError("must be the name of a file beside the world")
        times = arrival_times((folder / name).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        why = (
            "there is no such file beside the world"
            if is_missing
            else getattr(error, "strerror", None) or str(error)
        )
        source.problems.append(source.problem(path, "arrivals", f"'{name}': {why}"))
        return
    del arrivals["file"]
    arrivals["at"] = times


def digest_of_world(resolved: Mapping[str, Any], variant: str | None) -> str:
    """The SHA-256 by which a log names what it was played with."""
    text = json.dumps([variant, resolved], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def in_language(world: World, language: str) -> tuple[dict[str, Any], str]:
    """What a log keeps of a world, and its digest: its values with the lines of one language alone.

    Most of a world is its lines. Made once for a world and a language; not to be changed.
    """
    kept: dict[str, tuple[dict[str, Any], str]] = world.__dict__.setdefault("_in_language", {})
    if language not in kept:
        spec = dict(world.resolved["world"])
        if isinstance(spec.get("lines"), dict):
            spec["lines"] = _only(spec["lines"], language)
        resolved = {**world.resolved, "world": spec}
        kept[language] = (resolved, digest_of_world(resolved, world.variant))
    return kept[language]


def _only(value: Any, language: str) -> Any:
    if isinstance(value, list):
        return [_only(item, language) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {k: _only(v, language) for k, v in value.items() if k != "say"}
    said = value.get("say")
    if isinstance(said, dict):
        kept["say"] = {k: v for k, v in said.items() if k in {language, "*"}}
    elif said is not None:
        kept["say"] = said
    return kept


def revive(resolved: Mapping[str, Any], variant: str | None = None) -> World:
    """Make a world again from its ``resolved`` values, as a run log holds them.

    Raises:
        DefinitionError: if they are not those of a sound world.
    """
    if not isinstance(resolved.get("world"), dict) or not isinstance(resolved.get("personas"), dict):
        raise DefinitionError("the log holds no world")
    source = Source(json.loads(json.dumps(resolved["world"])), name="log")
    personas = {n: Source(json.loads(json.dumps(p)), name="log") for n, p in resolved["personas"].items()}
    prompts = resolved.get("prompts")
    return build(
        source, personas, variant, None, resolved.get("rules"), prompts=prompts if isinstance(prompts, int) else 1
    )


def build(
    source: Source,
    personas: Mapping[str, Source],
    variant: str | None,
    rules: Functions | None = None,
    rules_digest: str | None = None,
    *,
    prompts: int = PROMPTS,
) -> World:
    """Validate and compile a world that was read; raises ``DefinitionError`` with all problems.

    The functions that it names must be among ``rules``; with none given they are not looked for, as when a world
    is made again from a log, which holds what they gave.
    """
    resolved = {
        "world": json.loads(json.dumps(source.value)),
        "personas": {name: p.value for name, p in sorted(personas.items())},
    }
    resolved |= {"prompts": prompts} if prompts > 1 else {}
    if rules_digest is not None:
        resolved["rules"] = rules_digest
    cast = {name: validate(p, Persona) for name, p in personas.items()}
    for p in personas.values():
        source.problems += [problem for problem in p.problems if problem not in source.problems]
    spec, broken = validate_world(source)
    if spec is None:
        raise DefinitionError.of(source.problems)
    played = {a: p for name, role in spec.roles.items() for a, p in persona_names(name, role).items()}
    absent = (set(played.values()) | {p for role in spec.roles.values() for p in role.population}) - set(cast)
    if absent and not source.problems:
        raise DefinitionError(f"the persona '{min(absent)}' is missing")
    compiled = Compiler(spec, source, broken, cast)
    if rules_digest is None or rules is not None:
        _check_functions(spec, rules or {}, source)
    for name, persona in cast.items():
        if persona is not None:
            source.problems += persona_problems(persona, name, personas[name])
    if source.problems:
        raise DefinitionError.of(source.problems)
    made = World(
        spec=spec,
        cast=compiled.cast,
        personas={agent: cast[persona] for agent, persona in played.items()},  # type: ignore[misc]
        facts=compiled.facts,
        groups=compiled.groups,
        actions=compiled.actions,
        tools=compiled.tools,
        states=compiled.states,
        lines=compiled.lines,
        never=compiled.never,
        at_end=compiled.at_end,
        constants={**compiled.constants, **compiled.several},
        row_labels=_row_labels(spec),
        labels=compiled.labels,
        next_speakers=compiled.next_speakers,
        resolved=resolved,
        digest=digest_of_world(resolved, variant),
        variant=variant,
        rules=rules or {},
        pools={
            agent: tuple(p for p in map(cast.get, spec.roles[role].population) if p is not None)
            for agent, role in compiled.cast.items()
            if spec.roles[role].population
        },
        vocabulary=compiled.vocabulary,
        won_by=compiled.won_by,
    )
    drawn = fact_problems(made, personas) + name_problems(made, personas)
    if drawn:
        raise DefinitionError.of(drawn)
    return made


def _check_functions(spec: WorldFile, rules: Functions, source: Source) -> None:
    """Note functions that a world names and its rules do not have."""
    named: list[tuple[KeyPath, str | None]] = [
        *((("states", n, "rule"), s.rule) for n, s in spec.states.items()),
        *((("tools", n, "rule"), t.rule) for n, t in spec.tools.items()),
        *((("roles", n, "function"), r.function) for n, r in spec.roles.items()),
    ]
    for path, function in named:
        if function is not None and function not in rules:
            hint = did_you_mean(function, rules) if rules else "; it is not there"
            source.problems.append(source.problem(path, "rules", f"no function '{function}' in rules.py{hint}"))


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
