"""Resources that nobody needs, and episodes that may wait for each other for ever."""

from __future__ import annotations

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
    told: set[frozenset[str]] = set()
    for wait in waits:
        ring = _ring(waits, wait)
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
    for state in world.states.values():
        before = [s for s in world.states.values() if any(t.to == state.name for t in s.go)]
        for index, hold in enumerate(state.holds):
            if hold.patience is not None or not _is_server(study, hold.resource):
                continue
            held = {h.resource for h in state.holds[:index]}
            held |= {name for other in before for name in _kept(other, state) if hold.resource not in _names(other)}
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


def _ring(waits: list[_Wait], first: _Wait) -> list[str]:
    """The resources on a way from what is wanted back to what is held; empty where there is none."""
    ways: list[list[str]] = [[first.wanted]]
    seen = {first.wanted}
    while ways:
        way = ways.pop(0)
        if way[-1] == first.held:
            return way
        for wait in waits:
            if wait.held == way[-1] and wait.wanted not in seen:
                seen.add(wait.wanted)
                ways.append([*way, wait.wanted])
    return []
