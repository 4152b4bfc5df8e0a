"""The worlds of an experiment: read once, changed as an arm says, and made again in a worker from its values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, did_you_mean
from sim.sweep.format import Setting
from sim.world.folders import find_world
from sim.world.library import build, load
from sim.world.recast import find_sheets, recast
from sim.world.rules import Functions, load_rules
from sim.world.source import Source
from sim.world.world import World


@dataclass(frozen=True)
class Code:
    """A file of functions with the text that it had when it was read; a worker needs no file."""

    path: Path
    text: bytes

    @classmethod
    def read(cls, path: Path) -> Code:
        """The code of a file; raises ``DefinitionError`` if it cannot be read."""
        try:
            return cls(path.resolve(), path.read_bytes())
        except OSError as error:
            raise DefinitionError(f"cannot read {path}: {error.strerror}") from None

    @property
    def digest(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text).hexdigest()

    def load(self) -> Functions:
        """The functions; raises ``DefinitionError`` if they cannot be loaded."""
        return load_rules(self.path, self.text)


@dataclass(frozen=True)
class Stage:
    """A world as it is sent to a worker: its resolved values, and the code of its functions, if it has any."""

    resolved: Mapping[str, Any]
    variant: str | None
    digest: str
    rules: Code | None

    @classmethod
    def of(cls, world: World, path: Path) -> Stage:
        """The stage of a world that was read from a file.

        Raises:
            DefinitionError: if its functions were changed since it was read.
        """
        rules = Code.read(path.parent / "rules.py") if world.rules else None
        if rules is not None and rules.digest != world.resolved.get("rules"):
            raise DefinitionError(f"{rules.path} was changed while the experiment was read; try again")
        return cls(world.resolved, world.variant, world.digest, rules)

    def world(self) -> World:
        """The world, compiled."""
        source = Source(json.loads(json.dumps(self.resolved["world"])), name="world.yaml")
        personas = {n: Source(json.loads(json.dumps(p)), name=n) for n, p in self.resolved["personas"].items()}
        given = self.resolved.get("rules")
        return build(source, personas, self.variant, self.rules.load() if self.rules else None, given)


def path_of(world: str, folder: Path) -> Path:
    """The ``world.yaml`` of a world: in a folder relative to the experiment's, else by name.

    Raises:
        DefinitionError: if there is none.
    """
    beside = folder / world
    return find_world(beside if (beside / "world.yaml").is_file() or beside.is_file() else world)


def read_world(path: Path, setting: Setting, *, code: bool) -> World:
    """The world with the variant of a setting.

    Raises:
        DefinitionError: with every problem of the world, or if it has no such variant.
    """
    return load(path, variant=setting.variant, code=code)


def with_personas(world: World, given: Mapping[str, str], path: Path) -> World:
    """The world with other personas; raises ``DefinitionError`` if a role or a persona is not there."""
    return recast(world, find_sheets(world, given, path.parent))


def with_phases(world: World, setting: Setting) -> World:
    """The world with another context in all of its states, and other orders in some.

    Raises:
        DefinitionError: if it has no such state, or cannot be played so.
    """
    if setting.context is None and not setting.order:
        return world
    for state in setting.order or {}:
        if state not in world.states:
            raise DefinitionError(f"unknown state '{state}'{did_you_mean(state, world.states)}")
    resolved = json.loads(json.dumps(world.resolved))
    spec = resolved["world"]
    for state, order in (setting.order or {}).items():
        spec["states"][state]["order"] = order
    if setting.context is not None:
        given = setting.context.model_dump(exclude_unset=True)
        spec["context"] = _laid_over(spec.get("context"), given)
        for value in spec["states"].values():
            if value.get("context") is not None:
                value["context"] = _laid_over(value["context"], given)
    personas = {n: Source(p, name=n) for n, p in resolved["personas"].items()}
    source = Source(spec, name=f"{world.name} with this order" if setting.order else world.name)
    return build(source, personas, world.variant, world.rules or None, resolved.get("rules"))


def _laid_over(context: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """A context with what is given in place of its own."""
    own = {"of": context} if isinstance(context, str) else dict(context or {"of": "all", "turns": 8})
    return {**own, **given}
