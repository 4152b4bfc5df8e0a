"""Another persona in a part of a world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, did_you_mean
from sim.world.cast import agents_of, persona_names
from sim.world.folders import find_world, list_personas
from sim.world.library import build
from sim.world.lines import FROM_LOG
from sim.world.source import Source, read_yaml
from sim.world.world import World

Sheets = Mapping[str, tuple[str, Mapping[str, Any]]]
"""The name and the sheet of a persona, by agent."""


def recast(world: World, sheets: Sheets) -> World:
    """The world with other personas for some of its agents; a persona of a name that it has takes its place.

    Raises:
        DefinitionError: if an agent is not in the cast, or the world is not sound with them.
    """
    if not sheets:
        return world
    resolved = json.loads(json.dumps(world.resolved))
    for agent, (name, sheet) in sheets.items():
        if agent not in world.cast:
            raise DefinitionError(f"no agent '{agent}' in {world.name}{did_you_mean(agent, world.cast)}")
        role = world.cast[agent]
        spec = world.spec.roles[role]
        played = {**persona_names(role, spec), agent: name}
        given = resolved["world"]["roles"][role]
        parts = dict(given) if isinstance(given, dict) else {}
        parts.pop("persona", None)
        parts.pop("personas", None)
        parts.pop("population", None)
        names = [played[a] for a in agents_of(role, spec)]
        resolved["world"]["roles"][role] = parts | ({"personas": names} if spec.count else {"persona": names[0]})
        resolved["personas"][name] = dict(sheet)
    source = Source(resolved["world"], name=FROM_LOG)
    personas = {n: Source(p, name=n) for n, p in resolved["personas"].items()}
    rules, digest = world.rules or None, resolved.get("rules")
    return build(source, personas, world.variant, rules, digest, prompts=world.prompts)


def find_sheets(world: World, given: Mapping[str, str], folder: str | Path | None = None) -> Sheets:
    """The sheets of personas named for agents or roles; a world in ``folder`` may have some of its own.

    Raises:
        DefinitionError: if a role or a persona is not there, or cannot be read.
    """
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    known = {**list_personas(), **_own(world, folder)}
    for name, persona in given.items():
        agents = (name,) if name in world.cast else tuple(a for a, role in world.cast.items() if role == name)
        if not agents:
            parts = {*world.cast, *world.spec.roles}
            raise DefinitionError(f"no role '{name}' in {world.name}{did_you_mean(name, parts)}")
        if persona not in known:
            raise DefinitionError(f"unknown persona '{persona}'{did_you_mean(persona, known)}")
        source = read_yaml(known[persona])
        if source.problems:
            raise DefinitionError.of(source.problems)
        if not isinstance(source.value, dict):
            raise DefinitionError(f"{known[persona]}: a persona is a mapping of keys to values; this file is not")
        found |= dict.fromkeys(agents, (persona, source.value))
    return found


def _own(world: World, folder: str | Path | None) -> dict[str, Path]:
    """The personas in the folder of a world, as far as it is still there."""
    try:
        path = find_world(folder if folder is not None else world.name)
    except DefinitionError:
        return {}
    return {p.stem: p for p in sorted((path.parent / "personas").glob("*.yaml"))}
