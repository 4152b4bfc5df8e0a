"""The personas that a world names: read from their files, populations among them, and drawn for an episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, Problem, did_you_mean
from sim.world.folders import list_personas
from sim.world.format import Persona, Population
from sim.world.kinds import Value, label_of
from sim.world.sheet import sheet_problems
from sim.world.source import KeyPath, Source, read_yaml
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


def persona_problems(persona: Persona, name: str, of: Source) -> list[Problem]:
    """What is wrong with a persona whose file is called ``name``, beside its form."""
    problems = [of.problem(("prompt",), "template", problem) for problem in sheet_problems(persona)]
    if persona.persona != name:
        problems.append(of.problem(("persona",), "name", f"'{persona.persona}' is not the file's name"))
    return problems


def find_persona(name: str) -> tuple[Persona, Path, str | None]:
    """A persona by its id or file, the file it stands in, and the population that it is of, if any.

    Raises:
        DefinitionError: if there is none, or with every problem of its file.
    """
    known = list_personas()
    given = Path(name)
    path = given if given.suffix in {".yaml", ".yml"} else known.get(name)
    if path is None:
        path = next((p for n, p in known.items() if name.startswith(f"{n}_") and name in _ids(p)), None)
    if path is None:
        raise DefinitionError(f"no persona '{name}'{did_you_mean(name, known)}")
    read = read_yaml(path)
    whole = Source({}, problems=list(read.problems))
    found = _written_out(whole, {path.stem: read})
    wanted = path.stem if given == path else name
    if wanted not in found and not whole.problems:
        raise DefinitionError(f"'{wanted}' is a population{did_you_mean(name, found)}")
    if wanted not in found:
        raise DefinitionError.of(whole.problems)
    persona = validate(found[wanted], Persona)
    problems = [*whole.problems, *found[wanted].problems]
    problems += persona_problems(persona, wanted, found[wanted]) if persona is not None else []
    if problems or persona is None:
        raise DefinitionError.of(problems)
    return persona, path, None if wanted == path.stem else path.stem


def _ids(path: Path) -> set[str]:
    """The ids of those in a population."""
    value = read_yaml(path).value
    people = value.get("people") if isinstance(value, dict) and "population" in value else None
    return {f"{path.stem}_{each}" for each in people} if isinstance(people, dict) else set()


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
        ids[name] = [f"{name}_{each}" for each in people] or [name]
        for each, person in people.items():
            within: KeyPath = ("people", each)
            marks = {key[2:]: at for key, at in read.marks.items() if key[:2] == within}
            if "persona" in person:
                message = f"a person of a population has no id but its key, '{each}'"
                source.problems.append(read.problem((*within, "persona"), "name", message))
            sheet = {**person, "persona": f"{name}_{each}"}
            result[f"{name}_{each}"] = Source(sheet, marks, name=read.name, within=within)
    roles = source.value.get("roles")
    for role, spec in (roles if isinstance(roles, dict) else {}).items():
        named = _personas_of(spec)
        if not all(n in ids for n in named):
            continue
        if isinstance(spec, dict) and spec.get("population") is not None:
            spec["population"] = [each for n in named for each in ids[n]]
        elif any(ids[n] != [n] for n in named):
            message = f"'{next(n for n in named if ids[n] != [n])}' is a population; write {{population: NAME}}"
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


def name_problems(world: World, sources: Mapping[str, Source]) -> list[Problem]:
    """Where one who may be drawn would be called like another agent: an answer would not say whom it means."""
    problems: list[Problem] = []
    for agent, pool in world.pools.items():
        others = {
            (language, label_of(persona.name, language)): other
            for other in world.agents
            if other != agent
            for persona in world.pools.get(other, (world.personas[other],))
            for language in world.spec.languages
        }
        for persona in pool:
            called = [(language, label_of(persona.name, language)) for language in world.spec.languages]
            found = next((key for key in called if key in others), None)
            if found is not None:
                message = f"'{found[1]}' may play '{agent}', but is also what '{others[found]}' is called"
                problems.append(sources[persona.persona].problem(("name",), "name", message))
    return problems


def fact_problems(world: World, sources: Mapping[str, Source]) -> list[Problem]:
    """What is wrong with the facts that those who may be drawn bring."""
    pools = {persona.persona: persona for pool in world.pools.values() for persona in pool}
    return [
        sources[name].problem(("facts", fact), "facts", message)
        for name, persona in pools.items()
        for fact, message in _fact_problems(persona, world)
    ]


def _fact_problems(persona: Persona, world: World) -> list[tuple[str, str]]:
    problems = []
    for name, given in persona.facts.items():
        fact = world.facts.get(name)
        if fact is None or fact.compute is not None or fact.of is not None or fact.is_shared:
            usual = [f for f in world.facts.values() if f.compute is None and f.of is None]
            plain = [f.name for f in usual if not f.is_shared]
            problems.append((name, f"'{name}' is no fact of an episode{did_you_mean(name, plain)}"))
            continue
        try:
            fact.kind.read(given)
        except ValueError as error:
            problems.append((name, str(error)))
    return problems
