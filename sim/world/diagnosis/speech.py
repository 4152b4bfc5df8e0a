"""Roles that say nothing, and lines and texts that are lacking or that nobody will ever hear."""

from __future__ import annotations

from collections.abc import Mapping

from sim.errors import listed
from sim.world.circles import Circle
from sim.world.diagnosis.study import Findings, Study
from sim.world.diagnosis.uses import uses_of
from sim.world.format import Persona
from sim.world.source import KeyPath
from sim.world.world import StateDef


def find(study: Study) -> Findings:
    """Roles without a part, speakers without lines, lines without a speaker, and personas lacking a language."""
    yield from _silent_roles(study)
    if study.world.lines:
        for state in study.world.states.values():
            yield from _lacking(study, state)
            yield from _idle(study, state)
            yield from _never_said(study, state)
    yield from _unworded(study)
    yield from _languages(study)


def _silent_roles(study: Study) -> Findings:
    world, spec = study.world, study.world.spec
    speaking = {world.cast[a] for state in world.states.values() for a in study.everyone(state.speakers)}
    heard = {name for state in spec.states.values() for name in state.heard_by}
    uses = uses_of(study)
    named = uses.words | uses.read | heard
    named |= {fact.of for fact in spec.facts.values() if fact.of}
    named |= {name for group in spec.groups.values() for name in (group.agents or [])}
    for role, part in spec.roles.items():
        agents = {agent for agent, played in world.cast.items() if played == role}
        if role not in speaking and part.kind != "human" and not named & {role, *agents}:
            message = "never speaks, and no state names it; name it under speakers, or take it away"
            yield study.finding(("roles", role), "silent-role", message, ("roles", role))


def _speaking(study: Study, state: StateDef) -> frozenset[str]:
    """Those who may speak in a state; in the order single, only the first of those who are named."""
    speakers = state.speakers
    if state.order == "single" and speakers.order and speakers.order[0] in study.world.cast:
        return frozenset(speakers.order[:1])
    return study.everyone(speakers)


def _lacking(study: Study, state: StateDef) -> Findings:
    """Speakers for whom the scripted model has nothing to say."""
    covered = frozenset(a for _, circle, _ in study.world.lines.get(state.name, ()) for a in study.everyone(circle))
    spec = study.world.spec
    speaking = _speaking(study, state)
    if state.order in {"named", "rule"} and covered & speaking:
        return  # who is picked is not known here
    groups = [frozenset(study.world.groups[name].of) for name in state.speakers.groups]
    maybe = frozenset(
        a for group in groups if group & covered for a in group
    )  # who will be in it is not known here
    mute = [a for a in study.world.cast if a in speaking - covered - (maybe - state.speakers.agents)]
    for role in dict.fromkeys(study.world.cast[a] for a in mute):
        if spec.roles[role].kind in {"llm", "human"}:
            message = f"'{role}' speaks here and has no lines; write some under lines.{state.name}.{role}"
            yield study.finding(("states", state.name), "no-lines", message)


def _idle(study: Study, state: StateDef) -> Findings:
    """Lines of those who do not speak in a state."""
    speaking = _speaking(study, state)
    for key, circle, _ in study.world.lines.get(state.name, ()):
        if speaking.isdisjoint(study.everyone(circle)):
            roles = listed(dict.fromkeys(study.world.cast[a] for a in study.world.cast if a in speaking))
            there = f"those who speak there: {roles}" if roles else "nobody speaks there"
            message = f"'{key}' does not speak in '{state.name}', so these lines are never said; {there}"
            yield study.finding(("lines", state.name, key), "never-said", message)


def _never_said(study: Study, state: StateDef) -> Findings:
    """Moves before which another is always taken."""
    sure: dict[str, list[tuple[Circle, int]]] = {}
    for key, circle, moves in study.world.lines.get(state.name, ()):
        for index, move in enumerate(moves):
            path = ("lines", state.name, key, index)
            earlier = [*sure.get("true", ()), *sure.get(move.when.text, ())]
            before = next((line for other, line in earlier if _covers(study, other, circle)), None)
            if before is not None:
                message = f"never comes up: the move on line {before} is always taken first; put this one before it"
                yield study.finding(path, "never-said", message)
            elif not move.acts and not move.let and move.move.chance >= 1:
                sure.setdefault(move.when.text, []).append((circle, study.line(path)))


def _covers(study: Study, circle: Circle, later: Circle) -> bool:
    return circle == later or study.everyone(later) <= circle.agents


def _unworded(study: Study) -> Findings:
    """Words for people, beside those that are looked at when a world is loaded, that lack a language."""
    spec = study.world.spec
    texts: dict[KeyPath, Mapping[str, str]] = {("roles", n, "label"): role.label for n, role in spec.roles.items()}
    texts |= {("resources", n, "label"): resource.label for n, resource in spec.resources.items()}
    texts |= {("ends", n, "label"): end.label for n, end in spec.ends.items()}
    texts |= {
        ("selection", part): getattr(spec.selection, part) for part in ("message", "prompt", "multiple", "none")
    }
    for path, text in texts.items():
        lacking = [name for name in spec.languages if name not in text and "*" not in text]
        if text and lacking:
            yield study.finding(path, "missing-language", f"has no text for {listed(lacking)}; write it")


def _languages(study: Study) -> Findings:
    """Words of personas that a language of the world lacks."""
    world = study.world
    people = {p.persona: p for p in (*world.personas.values(), *(p for pool in world.pools.values() for p in pool))}
    for persona in people.values():
        source = study.personas.get(persona.persona)
        for part, text in _texts_of(persona).items():
            lacking = [n for n in world.spec.languages if n not in text and "*" not in text]
            if text and lacking and source is not None:
                message = f"has no text for {listed(lacking)}, which '{world.name}' is in; write it"
                yield study.finding((part,), "missing-language", message, persona=source)


def _texts_of(persona: Persona) -> dict[str, dict[str, str]]:
    given = {name: getattr(persona, name) for name in type(persona).model_fields if name != "facts"}
    return {name: text for name, text in given.items() if isinstance(text, dict)}
