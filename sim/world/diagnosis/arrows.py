"""Arrows that no run takes, as far as their order and limits tell, and states that lead to no end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sim.errors import listed
from sim.world.diagnosis.study import Findings, Study
from sim.world.source import KeyPath
from sim.world.ways import reachable, states_without_arrows, without_end
from sim.world.world import StateDef, TransitionDef

_MOST = 12
"""Names in a message."""


def find(study: Study) -> Findings:
    """States and ends that no arrow leads to, states that lead nowhere, and arrows that can never be taken."""
    yield from _unreachable(study)
    yield from _without_end(study)
    for name, state in study.world.states.items():
        for index, why in _Arrows(study, state).hindered():
            path: KeyPath = ("states", name, "go", index)
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
    endless = without_end(spec) if spec.limits.ends is None else []
    if endless:
        more = f" and {len(endless) - _MOST} more" if len(endless) > _MOST else ""
        rest = f"{listed(endless[:_MOST])}{more} lead only to each other" if endless[1:] else "leads only to itself"
        message = f"no end can be reached from here: {rest}; add an arrow to an end, or limits with ends"
        yield study.finding(("states", endless[0]), "no-way-out", message)


class _Arrows:
    """The arrows of a state, in their order."""

    def __init__(self, study: Study, state: StateDef) -> None:
        self._study = study
        self._state = state
        self._parts = [_parts(arrow.when.text) for arrow in state.go]
        self._before: dict[str, list[int]] = {}
        # Turns are counted one by one only where not all speak at once, and no vote may have to be taken again.
        is_counted = not state.is_at_once and not any(a in study.world.spec.ballots for a in state.actions)
        timers = [
            i for i, arrow in enumerate(state.go) if arrow.when.text == "true" and arrow.after_minutes is None
        ]
        by_turns = [i for i in timers if is_counted and self._turns(i) and not self._rounds(i)]
        by_rounds = [i for i in timers if self._rounds(i) and not self._turns(i)]
        self._by_turns = min(by_turns, key=self._turns, default=None)
        self._by_rounds = min(by_rounds, key=self._rounds, default=None)

    def _turns(self, index: int) -> int:
        return self._state.go[index].after_turns or 0

    def _rounds(self, index: int) -> int:
        return self._state.go[index].after_rounds or 0

    def hindered(self) -> Iterator[tuple[int, str]]:
        """The index of each arrow that is never taken, and why."""
        for index, arrow in enumerate(self._state.go):
            why = self._by_itself(arrow) or self._by_earlier(index) or self._by_timer(index)
            if why:
                yield index, why
            self._before.setdefault(min(self._parts[index], default=""), []).append(index)

    def _by_itself(self, arrow: TransitionDef) -> str:
        limits = self._study.world.spec.limits
        if arrow.when.text == "false":
            return "its condition is false"
        if not self._study.everyone(self._state.speakers) and (arrow.after_turns or arrow.after_rounds):
            return "nobody speaks here, so no turn passes"
        if arrow.after_turns is not None and arrow.after_turns > limits.turns:
            return f"it waits for {arrow.after_turns} turns, but an episode ends after {limits.turns} (limits)"
        if arrow.after_minutes and limits.minutes and arrow.after_minutes > limits.minutes:
            longest = f"{limits.minutes:g} (limits)"
            return f"it waits for {arrow.after_minutes:g} minutes, but an episode ends after {longest}"
        return ""

    def _by_earlier(self, index: int) -> str:
        """Where an earlier arrow holds whenever this one does."""
        arrow, parts = self._state.go[index], self._parts[index]
        earlier = sorted(i for part in ("", *parts) for i in self._before.get(part, ()))
        for other in earlier:
            before = self._state.go[other]
            waits = (
                (before.after_turns, arrow.after_turns),
                (before.after_rounds, arrow.after_rounds),
                (before.after_minutes, arrow.after_minutes),
            )
            if self._parts[other] <= parts and all((first or 0) <= (then or 0) for first, then in waits):
                why = "holds whenever this one does" if before.guard else "has no condition"
                return f"{self._named(other)} stands before it and {why}; put this one first"
        return ""

    def _by_timer(self, index: int) -> str:
        """Where the state has always been left by another arrow before this one could be taken."""
        for timer, waits in ((self._by_turns, self._turns), (self._by_rounds, self._rounds)):
            if timer is not None and waits(index) > waits(timer):
                return f"{self._named(timer)} is always taken sooner; let it wait longer"
        return ""

    def _named(self, index: int) -> str:
        line = self._study.line(("states", self._state.name, "go", index))
        return f"the arrow to '{self._state.go[index].to}' (line {line})"


def _parts(text: str) -> frozenset[str]:
    """The conditions that a condition joins by 'and', each of which follows from it; itself where it does more."""
    if text == "true":
        return frozenset()
    if re.search(r"\b(?:or|not)\b|[(\[?'\"]", text):
        return frozenset({text})
    return frozenset(re.split(r"\s+and\s+", text.strip()))
