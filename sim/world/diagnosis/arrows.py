"""Arrows that no run takes, as far as their order and limits tell, and states that lead to no end."""

from __future__ import annotations

import re

from sim.errors import listed
from sim.world.diagnosis.study import Findings, Study
from sim.world.source import KeyPath
from sim.world.ways import circles_without_end, reachable, states_without_arrows
from sim.world.world import StateDef, TransitionDef


def find(study: Study) -> Findings:
    """States and ends that no arrow leads to, states that lead nowhere, and arrows that can never be taken."""
    yield from _unreachable(study)
    yield from _without_end(study)
    for name, state in study.world.states.items():
        for index in range(len(state.go)):
            path: KeyPath = ("states", name, "go", index)
            why = _hindered(study, state, index)
            if why:
                yield study.finding(path, "never-taken", f"this arrow is never taken: {why}")


def _unreachable(study: Study) -> Findings:
    spec = study.world.spec
    known = reachable(spec) | ({spec.limits.ends} if spec.limits.ends else set())
    at = {**dict.fromkeys(study.world.states, "states"), **dict.fromkeys(spec.ends, "ends")}
    for name, section in at.items():
        if name not in known:
            yield study.finding((section, name), "unreachable", "no arrow leads here")


def _without_end(study: Study) -> Findings:
    spec = study.world.spec
    for name in states_without_arrows(spec):
        yield study.finding(("states", name), "no-way-out", "has no arrow, so it is never left")
    for group in circles_without_end(spec) if spec.limits.ends is None else ():
        rest = f"{listed(group)} lead only to each other" if len(group) > 1 else "leads only to itself"
        message = f"no end can be reached from here: {rest}; add an arrow to an end, or limits with ends"
        yield study.finding(("states", group[0]), "no-way-out", message)


def _hindered(study: Study, state: StateDef, index: int) -> str:
    """Why an arrow is never taken; empty where it may be."""
    arrow = state.go[index]
    limits = study.world.spec.limits
    if arrow.when.text == "false":
        return "its condition is false"
    if not study.everyone(state.speakers) and (arrow.after_turns or arrow.after_rounds):
        return "nobody speaks here, so no turn passes"
    if arrow.after_turns is not None and arrow.after_turns > limits.turns:
        return f"it waits for {arrow.after_turns} turns, but an episode ends after {limits.turns} (limits)"
    if arrow.after_minutes and limits.minutes and arrow.after_minutes > limits.minutes:
        return (
            f"it waits for {arrow.after_minutes:g} minutes, but an episode ends after {limits.minutes:g} (limits)"
        )
    for other, before in enumerate(state.go):
        is_first = other < index
        if other != index and (_is_sooner(before, arrow) if is_first else _is_left(study, state, before, arrow)):
            where = f"the arrow to '{before.to}' (line {study.line(('states', state.name, 'go', other))})"
            if is_first:
                return f"{where} stands before it and {_why(before)}; put this one first"
            return f"{where} is always taken sooner; let it wait longer"
    return ""


def _why(before: TransitionDef) -> str:
    if before.when.text == "true":
        return "has no condition" if before.guard == "" else "holds whenever this one does"
    return "holds whenever this one does"


def _is_sooner(before: TransitionDef, arrow: TransitionDef) -> bool:
    """Whether an arrow that stands before another holds whenever that one does."""
    implied = _parts(before.when.text) <= _parts(arrow.when.text)
    waits = (
        (before.after_turns, arrow.after_turns),
        (before.after_rounds, arrow.after_rounds),
        (before.after_minutes, arrow.after_minutes),
    )
    return implied and all((first or 0) <= (then or 0) for first, then in waits)


def _parts(text: str) -> frozenset[str]:
    """The conditions that a condition joins by 'and', each of which follows from it; itself where it does more."""
    if text == "true":
        return frozenset()
    if re.search(r"\b(?:or|not)\b|[(\[?'\"]", text):
        return frozenset({text})
    return frozenset(re.split(r"\s+and\s+", text.strip()))


def _is_left(study: Study, state: StateDef, after: TransitionDef, arrow: TransitionDef) -> bool:
    """Whether a state has always been left by a later arrow before an arrow could be taken.

    Turns are counted one by one only where not all speak at once, and no vote may have to be taken again.
    """
    if after.when.text != "true" or after.after_minutes is not None:
        return False
    if after.after_turns is None:
        return bool(after.after_rounds and (arrow.after_rounds or 0) > after.after_rounds)
    is_counted = not state.is_at_once and not any(a in study.world.spec.ballots for a in state.actions)
    return is_counted and after.after_rounds is None and (arrow.after_turns or 0) > after.after_turns
