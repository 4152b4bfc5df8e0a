"""Where worlds and personas are, by name; nothing is checked here."""

from __future__ import annotations

from pathlib import Path

from sim.errors import DefinitionError, did_you_mean
from sim.world.source import read_yaml

_PACKAGE = Path(__file__).resolve().parent.parent


def search_path(kind: str) -> list[Path]:
    """Where worlds or personas are looked for: the working folder first, then what the package carries."""
    bundled = _PACKAGE / "bundled" / kind
    return [Path(kind), bundled if bundled.is_dir() else _PACKAGE.parent / kind]


def list_worlds() -> dict[str, Path]:
    """All worlds by name, in alphabetical order; the user's own hide those of the package."""
    found: dict[str, Path] = {}
    for folder in reversed(search_path("worlds")):
        found |= {path.parent.name: path for path in sorted(folder.glob("*/world.yaml"))}
    return dict(sorted(found.items()))


def list_personas() -> dict[str, Path]:
    """All personas by name, in alphabetical order."""
    found: dict[str, Path] = {}
    for folder in reversed(search_path("personas")):
        found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return dict(sorted(found.items()))


def find_world(world: str | Path) -> Path:
    """The ``world.yaml`` of a world given by name, folder or file.

    Raises:
        DefinitionError: if there is none.
    """
    path = Path(world)
    if path.is_file() and path.suffix in {".yaml", ".yml"}:
        return path
    if (path / "world.yaml").is_file():
        return path / "world.yaml"
    worlds = list_worlds()
    if str(world) in worlds:
        return worlds[str(world)]
    raise DefinitionError(f"no world '{world}'{did_you_mean(str(world), worlds)}")


def variants_of(world: str | Path) -> tuple[str, ...]:
    """The names of a world's variants, in the order of the file."""
    value = read_yaml(find_world(world)).value
    variants = value.get("variants") if isinstance(value, dict) else None
    return tuple(variants) if isinstance(variants, dict) else ()
