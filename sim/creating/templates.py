"""The templates of worlds: which there are, and who and what is in each unless the user says otherwise."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, did_you_mean
from sim.world.source import read_yaml

FOLDER = Path(__file__).resolve().parent / "templates"

Words = Mapping[str, str]
"""A text in ``en`` and ``zh``."""


@dataclass(frozen=True)
class Part:
    """A role or a phase: its id, what it is called, and what else is told of it.

    ``part`` and ``background`` are a role's; ``by`` is the role that a phase belongs to, if it belongs to one.
    ``is_default`` tells those of the template from those that the user named.
    """

    id: str
    name: Words
    part: Words | None = None
    background: Words | None = None
    by: str = ""
    is_default: bool = False

    @property
    def is_role(self) -> bool:
        """Whether it is a role, of which more is told than of a phase."""
        return self.background is not None


@dataclass(frozen=True)
class Range:
    """How many there may be, and what they are, in a line."""

    least: int
    most: int
    what: Words


@dataclass(frozen=True)
class Template:
    """A shape of world, with what it is filled with where the user names nothing."""

    name: str
    about: Words
    title: Words
    scene: Words
    plain_scene: Words
    roles: tuple[Part, ...]
    phases: tuple[Part, ...]
    role_range: Range
    phase_range: Range
    ends: tuple[str, ...]
    """The ends that scripted runs come to."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return FOLDER / self.name


def list_templates() -> tuple[str, ...]:
    """The names of all templates, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/template.yaml")))


@functools.cache
def find_template(name: str) -> Template:
    """A template by its name.

    Raises:
        DefinitionError: if there is none.
    """
    if name not in list_templates():
        raise DefinitionError(f"no template '{name}'{did_you_mean(name, list_templates())}")
    told = read_yaml(FOLDER / name / "template.yaml").value
    return Template(
        name,
        told["about"],
        told["title"],
        told["scene"],
        told["plain_scene"],
        _parts(told["roles"]["default"]),
        _parts(told["phases"]["default"]),
        _range(told["roles"]),
        _range(told["phases"]),
        tuple(told["ends"]),
    )


def _parts(told: Mapping[str, Mapping[str, Any]]) -> tuple[Part, ...]:
    return tuple(Part(id=name, **each, is_default=True) for name, each in told.items())


def _range(told: Mapping[str, Any]) -> Range:
    return Range(told["least"], told["most"], told["what"])
