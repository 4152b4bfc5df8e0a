"""Files and variants of a world that make no difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import Problem, did_you_mean
from sim.world.source import Key, KeyPath, Source


def unused_personas(folder: Path, named: Iterable[str]) -> Iterator[Problem]:
    """The files of a world's own ``personas/`` that are not among those that its roles and variants name."""
    used = set(named)
    for path in sorted((folder / "personas").glob("*.yaml")):
        if str(path) not in used:
            message = "no role of the world is played by it; name it under roles, or take the file away"
            yield Problem(str(path), 1, 1, "unused", message, "warning")


def variant_problems(
    source: Source, plain: Any, variants: Mapping[str, Any], made: Mapping[str, Any]
) -> list[Problem]:
    """Variants that are the plain world, and keys that a variant takes away although they are not there.

    ``source`` has the places, ``made`` the value of each variant.
    """
    problems = []
    for name, patch in variants.items():
        here: KeyPath = ("variants", name)
        if name in made and made[name] == plain:
            problems.append(
                source.problem(here, "no-change", "changes nothing; say what is different, or take it away")
            )
        elif not patch.get("extends"):
            for path, message in _taken_away(patch, plain, ()):
                problems.append(source.problem((*here, *path), "no-change", message))
    return [replace(problem, severity="warning") for problem in problems]


def _taken_away(patch: dict[str, Any], base: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    known: dict[Key, Any] = base if isinstance(base, dict) else {}
    for key, change in patch.items():
        is_gone = key == "lines" or (*path, key) == (
            "arrivals",
            "file",
        )  # what is read from files is not in the value
        if change is None and key not in known and not is_gone:
            hint = did_you_mean(key, map(str, known)) or "; take this line away"
            yield (*path, key), f"takes away '{key}', which is not there{hint}"
        elif isinstance(change, dict):
            yield from _taken_away(change, known.get(key), (*path, key))
