"""Resources that nobody needs, and episodes that may wait for each other for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from sim.errors import listed
from sim.world.diagnosis.study import Finding, Findings, Study
from sim.world.source import KeyPath
from sim.world.world import StateDef


class _Wait(NamedTuple):
    """In a state one resource is waited for while another is held."""

    held: str
    wanted: str
    state: str
    place: int


def find(study: Study) -> Findings:
    """Resources that no state holds, and those that are asked for in a circle."""
    states = study.world.states.values()
    needed = {hold.resource for state in states for hold in state.holds}
    for name in study.world.spec.resources:
        if name not in needed:
            message = f"no state holds it; name '{name}' under holds of a state, or take it away"
            yield study.finding(("resources", name), "never-held", message, ("resources", name))
    waits = list(dict.fromkeys(_waits(study)))
    after: dict[str, dict[str, None]] = {}
    for wait in waits:
        after.setdefault(wait.held, {})[wait.wanted] = None
    told: set[frozenset[str]] = set()
    tried: set[tuple[str, str]] = set()
    for wait in waits:
        if (wait.held, wait.wanted) in tried:
            continue
        tried.add((wait.held, wait.wanted))
        ring = _ring(after, wait)
        if ring and frozenset(ring) not in told:
            told.add(frozenset(ring))
            yield _stuck(study, waits, wait, ring)


def _stuck(study: Study, waits: list[_Wait], wait: _Wait, ring: list[str]) -> Finding:
    back = next(w for w in waits if w.held == wait.wanted and w.wanted in ring)
    path: KeyPath = ("states", wait.state, "holds", wait.place)
    message = (
        f"episodes may wait for each other for ever: here '{wait.wanted}' is waited for with '{wait.held}' held, "
        f"and in '{back.state}' '{back.wanted}' with '{back.held}' held; "
        f"ask for {listed(sorted(ring))} in the same order everywhere, or give a queue patience"
    )
    return study.finding(path, "deadlock", message)


def _waits(study: Study) -> Iterator[_Wait]:
    """Every wait without patience in which something is held: kept from the state before, or taken just now."""
    world = study.world
    before: dict[str, list[StateDef]] = {}
    for state in world.states.values():
        for to in dict.fromkeys(arrow.to for arrow in state.go) if state.holds else ():
            before.setdefault(to, []).append(state)
    for state in world.states.values():
        for index, hold in enumerate(state.holds):
            if hold.patience is not None or not _is_server(study, hold.resource):
                continue
            held = {h.resource for h in state.holds[:index]}
            others = [other for other in before.get(state.name, ()) if hold.resource not in _names(other)]
            held |= {name for other in others for name in _kept(other, state)}
            for name in sorted(held - {hold.resource}):
                if _is_server(study, name):
                    yield _Wait(name, hold.resource, state.name, index)


def _names(state: StateDef) -> set[str]:
    return {hold.resource for hold in state.holds}


def _kept(before: StateDef, state: StateDef) -> set[str]:
    """What is not given back between two states."""
    return _names(before) & _names(state)


def _is_server(study: Study, resource: str) -> bool:
    return study.world.spec.resources[resource].stock is None


def _ring(after: dict[str, dict[str, None]], first: _Wait) -> list[str]:
    """The resources on a way from what is wanted back to what is held; empty where there is none."""
    came_from: dict[str, str | None] = {first.wanted: None}
    ahead = deque([first.wanted])
    while ahead and first.held not in came_from:
        name = ahead.popleft()
        for wanted in after.get(name, ()):
            if wanted not in came_from:
                came_from[wanted] = name
                ahead.append(wanted)
    way: list[str] = []
    at: str | None = first.held if first.held in came_from else None
    while at is not None:
        way.append(at)
        at = came_from[at]
    return way[::-1]
