"""The personas that a world names: read from their files, populations among them, and drawn for an episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import did_you_mean
from sim.world.folders import list_personas
from sim.world.format import Persona, Population
from sim.world.kinds import Value
from sim.world.source import Source, read_yaml
from sim.world.validation import validate
from sim.world.world import World


def read_personas(source: Source, folder: Path) -> dict[str, Source]:
    """The personas that the roles of a world name, by id; populations are written out in the world's own value."""
    roles = source.value.get("roles")
    found: dict[str, Source] = {}
    known = {**list_personas(), **{p.stem: p for p in sorted((folder / "personas").glob("*.yaml"))}}
    for role, spec in (roles if isinstance(roles, dict) else {}).items():
        for name in _personas_of(spec):
            if name in found:
                continue
            if name not in known:
                message = f"unknown persona '{name}'{did_you_mean(name, known)}"
                source.problems.append(source.problem(("roles", role), "unknown-persona", message))
                continue
            found[name] = read_yaml(known[name])
            source.problems += found[name].problems
    return _written_out(source, found)


def _personas_of(role: Any) -> list[str]:
    """The personas that a role names, before it is validated; of a list, as many as there are agents."""
    if not isinstance(role, dict):
        return [role] if isinstance(role, str) else []
    drawn = role.get("population")
    if drawn is not None:
        return [n for n in (drawn if isinstance(drawn, list) else [drawn]) if isinstance(n, str)]
    several, count = role.get("personas"), role.get("count")
    given = several[: count if type(count) is int else 1] if isinstance(several, list) else [role.get("persona")]
    return [name for name in given if isinstance(name, str)]


def _written_out(source: Source, found: Mapping[str, Source]) -> dict[str, Source]:
    """The personas with those of populations in place of these, and the roles with the ids that they then have."""
    result: dict[str, Source] = {}
    ids: dict[str, list[str]] = {}
    for name, read in found.items():
        if not (isinstance(read.value, dict) and "population" in read.value):
            result[name], ids[name] = read, [name]
            continue
        population = validate(read, Population)
        source.problems += [p for p in read.problems if p not in source.problems]
        if population is not None and population.population != name:
            message = f"'{population.population}' is not the file's name"
            source.problems.append(read.problem(("population",), "name", message))
        people = population.people if population is not None else {}
        ids[name] = [f"{name}_{each}" for each in people]
        for each, person in people.items():
            within = ("people", each)
            marks = {key[2:]: at for key, at in read.marks.items() if key[:2] == within}
            result[f"{name}_{each}"] = Source({"persona": f"{name}_{each}", **person}, marks, name=read.name)
    roles = source.value.get("roles")
    for role, spec in (roles if isinstance(roles, dict) else {}).items():
        named = _personas_of(spec)
        if not isinstance(spec, dict) or not all(n in ids for n in named):
            continue
        if spec.get("population") is not None:
            spec["population"] = [each for n in named for each in ids[n]]
        elif any(ids[n] != [n] for n in named):
            message = f"'{next(n for n in named if ids[n] != [n])}' is a population; name it as population"
            source.problems.append(source.problem(("roles", role), "population", message))
    return result


def in_episode(world: World, pick: Callable[[str, int], int]) -> tuple[World, dict[str, str], dict[str, Value]]:
    """The world with the personas of one episode: those drawn by ``pick(agent, how many there are)``.

    Also which personas those are, by agent, and the facts that they bring.
    """
    if not world.pools:
        return world, {}, {}
    drawn = {agent: pool[pick(agent, len(pool))] for agent, pool in world.pools.items()}
    facts: dict[str, Value] = {}
    for persona in drawn.values():
        for name, given in persona.facts.items():
            facts[name] = world.facts[name].kind.read(given)
    names = {agent: persona.persona for agent, persona in drawn.items()}
    return cast_as(world, names), names, facts


def cast_as(world: World, drawn: Mapping[str, str]) -> World:
    """The world with personas that were drawn before, by agent; those that it does not have are left out."""
    found = {a: p for a, name in drawn.items() for p in world.pools.get(a, ()) if p.persona == name}
    labels = {**world.labels, **{agent: persona.name for agent, persona in found.items()}}
    return replace(world, personas={**world.personas, **found}, labels=labels) if found else world


def fact_problems(persona: Persona, world: World) -> list[str]:
    """What is wrong with the facts that a persona brings."""
    problems = []
    for name, given in persona.facts.items():
        fact = world.facts.get(name)
        if fact is None or fact.compute is not None or fact.of is not None or fact.is_shared:
            plain = [f.name for f in world.facts.values() if f.compute is None and f.of is None]
            problems.append(f"'{name}' is no fact of an episode{did_you_mean(name, plain)}")
            continue
        try:
            fact.kind.read(given)
        except ValueError as error:
            problems.append(f"the fact '{name}' {error}")
    return problems
