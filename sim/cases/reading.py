"""Finding and reading the cases of worlds; nothing is played here, and no world is compiled."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.cases.format import Case, CasesFile
from sim.errors import DefinitionError, Problem
from sim.world.folders import find_world, list_worlds
from sim.world.source import Key, Source, read_yaml
from sim.world.validation import validate

FOLDER = "tests"


@dataclass(frozen=True)
class Trial:
    """One run of a case: in one language (the world's first where None), with one seed (the acts' where None)."""

    world: Path
    file: Path
    name: str
    case: Case
    source: Source
    language: str | None = None
    seed: int | None = None

    @property
    def title(self) -> str:
        """The case's name, and what tells this run of it from its others."""
        told = [self.language or "", "" if self.seed is None else str(self.seed)]
        return " ".join([self.name, *(["(" + ", ".join(t for t in told if t) + ")"] if any(told) else [])])

    def place(self, *path: Key) -> str:
        """The file and line of a part of the case."""
        problem = self.source.problem(("cases", self.name, *path), "", "")
        return f"{problem.file}:{problem.line}"

    @property
    def golden(self) -> Path | None:
        """Where the transcript is to be found."""
        name = self.case.golden
        if name is None:
            return None
        known = {"lang": self.language or "", "seed": "" if self.seed is None else str(self.seed)}
        for key, value in known.items():
            name = name.replace(f"{{{key}}}", value)
        return self.file.parent / name


def shown(path: Path) -> str:
    """A path as it is told: from the working folder on, if it is in it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def files_of(world: Path) -> list[Path]:
    """The files of cases of the world whose ``world.yaml`` this is, by name."""
    folder = world.parent / FOLDER
    return sorted(p for ending in ("*.yaml", "*.yml") for p in folder.glob(ending))


def read_cases(file: Path, world: Path) -> list[Trial]:
    """The runs of the cases of a file.

    Raises:
        DefinitionError: with every problem of the file, each with line and key path.
    """
    source = read_yaml(file, shown(file))
    if not source.problems and not isinstance(source.value, dict):
        source.problems.append(Problem(source.name, 1, 1, "cases", "cases stand under the key 'cases'"))
    spec = validate(source, CasesFile)
    if spec is None:
        raise DefinitionError.of(source.problems)
    found: list[Trial] = []
    for name, case in spec.cases.items():
        languages: list[str | None] = [*case.lang] or [None]
        seeds: list[int | None] = [*case.seed] or [None]
        found += [Trial(world, file, name, case, source, *each) for each in itertools.product(languages, seeds)]
    return found


def worlds_with_cases(world: str | None) -> list[Path]:
    """The ``world.yaml`` of a world, or of all worlds that have cases.

    Raises:
        DefinitionError: if the one world has none.
    """
    if world is None:
        return [path for path in list_worlds().values() if files_of(path)]
    path = find_world(world)
    if not files_of(path):
        raise DefinitionError(
            f"{shown(path.parent / FOLDER)}: no cases there; docs/testing.md says how to write some"
        )
    return [path]


def trials_of(worlds: list[Path], part: str = "") -> Iterator[Trial]:
    """The runs of all cases of some worlds, or of those with a part in their world's or their own name.

    Raises:
        DefinitionError: with every problem of all files.
    """
    problems: list[Problem] = []
    found: list[Trial] = []
    for world in worlds:
        for file in files_of(world):
            try:
                found += read_cases(file, world)
            except DefinitionError as error:
                problems += error.problems
    if problems:
        raise DefinitionError.of(problems)
    return (t for t in found if part.lower() in f"{t.world.parent.name} {t.title}".lower())
