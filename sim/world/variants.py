"""The variants of a world: patches of its file, some of which build upon others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, did_you_mean
from sim.world.source import KeyPath, Source, merge, read_yaml


def take_variants(source: Source) -> dict[str, Any]:
    """The variants of a world that was read, which are taken out of its value.

    Raises:
        DefinitionError: with every variant that is no patch, or builds upon one that there is not.
    """
    variants: Any = source.value.pop("variants", {})
    shape = "must be a mapping of keys to values"
    if not isinstance(variants, dict):
        raise DefinitionError.of([source.problem(("variants",), "type", shape)])
    wrong = [n for n, patch in variants.items() if not isinstance(patch, dict)]
    if wrong:
        raise DefinitionError.of([source.problem(("variants", n), "type", shape) for n in wrong])
    nested: list[KeyPath] = [("variants", n, "variants") for n, patch in variants.items() if "variants" in patch]
    if nested:
        raise DefinitionError.of([source.problem(p, "variants", "a variant has no variants") for p in nested])
    problems = [problem for name in variants for problem in _base_problems(name, variants, source)]
    if problems:
        raise DefinitionError.of(problems)
    return variants


def _bases(patch: dict[str, Any]) -> list[Any]:
    """The variants that a patch builds upon, as they are written."""
    given = patch.get("extends")
    return given if isinstance(given, list) else [given] if given is not None else []


def _base_problems(name: str, variants: dict[str, Any], source: Source) -> list[Any]:
    path: KeyPath = ("variants", name, "extends")
    for base in _bases(variants[name]):
        if not isinstance(base, str):
            return [source.problem(path, "extends", "must be the name of a variant, or a list of names")]
        if base not in variants:
            return [source.problem(path, "extends", f"no variant '{base}'{did_you_mean(base, variants)}")]
    seen: list[str] = []
    ahead = list(_bases(variants[name]))
    while ahead:
        base = ahead.pop()
        if base == name:
            return [source.problem(path, "extends", "builds upon itself")]
        if base not in seen and base in variants:
            seen.append(base)
            ahead += [b for b in _bases(variants[base]) if isinstance(b, str)]
    return []


def patches(name: str, variants: dict[str, Any]) -> list[str]:
    """The variants whose patches make up a variant, in the order in which they are applied; itself the last."""
    order: list[str] = []
    for base in _bases(variants[name]):
        order += [n for n in patches(base, variants) if n not in order]
    return [*order, name]


def apply_variant(source: Source, variants: dict[str, Any], name: str, folder: Path) -> Source:
    """A world with a variant's patches applied; its lines may stand beside the world, in ``lines-NAME.yaml``."""
    for each in patches(name, variants):
        patch = {key: value for key, value in variants[each].items() if key != "extends"}
        path = folder / f"lines-{each}.yaml"
        if path.is_file():
            lines = read_yaml(path)
            source.problems += lines.problems
            if "lines" in patch:
                message = f"the lines stand both here and in {path.name}"
                source.problems.append(source.problem(("variants", each, "lines"), "lines", message))
            elif lines.value is not None:
                patch["lines"] = lines.value
                source.marks |= {("variants", each, "lines", *key): place for key, place in lines.marks.items()}
        source = merge(source, patch, ("variants", each))
    return source


def stray_lines(folder: Path, variants: dict[str, Any]) -> list[str]:
    """What is wrong with the files of variants' lines: those whose variant there is not."""
    names = {path.name: path.stem.removeprefix("lines-") for path in sorted(folder.glob("lines-*.yaml"))}
    return [
        f"{file}: no variant '{name}'{did_you_mean(name, variants) or ': it has none'}"
        for file, name in names.items()
        if name not in variants
    ]
