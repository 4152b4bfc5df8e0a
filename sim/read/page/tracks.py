"""What the slider moves beside the conversation: facts, the path through the states, and sums, step by step."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.engine.situation import Situation, is_in, scope
from sim.read.fold import Fold
from sim.read.ledger import Row, cost_of, is_inherited, told
from sim.record.log import RunLog
from sim.record.records import Call, EpisodeStarted, ResourceNote, Transition, Turn
from sim.world.kinds import Value, label_of, one_line, show_number, to_json
from sim.world.world import FactDef, World

LONGEST = 400
"""Characters of a fact's value that are shown."""

MOST = 400
"""Facts that are shown."""

MOST_KEPT = 10_000
"""Facts that are followed: each step takes a copy of all, and a log may come from a hostile hand."""


@dataclass
class Track:
    """One fact: its values and those who know it, each from the step on at which it changed; None is all."""

    label: str
    owner: int
    is_labelled: bool
    changes: list[tuple[int, str | None]] = field(default_factory=list)
    known: list[tuple[int, list[int] | None]] = field(default_factory=list)

    def note(self, step: int, text: str | None, known: list[int] | None) -> None:
        """Take what holds after a step."""
        if not self.changes or self.changes[-1][1] != text:
            self.changes.append((step, text))
        if not self.known or self.known[-1][1] != known:
            self.known.append((step, known))


class Facts:
    """The facts of a run; with ``role`` only those that this agent knows, and only while it does."""

    def __init__(self, world: World | None, agents: Sequence[str], language: str, role: str | None) -> None:
        self._world = world
        self._agents = agents
        self._language = language
        self._role = role
        self.tracks: dict[str, Track] = {}

    def note(self, step: int, situation: Situation) -> None:
        """Take the facts as they stand after a step."""
        values: Mapping[str, Any] = situation.facts
        if len(values) > MOST_KEPT:
            raise ValueError("no world has so many facts")
        derived: list[str] = []
        if self._world is not None:
            values = scope(self._world, situation)
            derived = [n for n, f in self._world.facts.items() if f.compute is not None]
        for key in [*situation.facts, *derived][:MOST]:
            self._note(step, key, values[key], values)

    def _note(self, step: int, key: str, value: Value, values: Mapping[str, Any]) -> None:
        name, _, owner = key.partition(".")
        fact = self._world.facts.get(name) if self._world is not None else None
        known = self._known(fact, owner, values)
        if self._role is not None:
            is_known = known is None or self._agents.index(self._role) in known
            if not is_known and key not in self.tracks:
                return
            text, known = (self._shown(fact, value) if is_known else None), None
        else:
            text = self._shown(fact, value)
        if key not in self.tracks:
            label = label_of(fact.label, self._language) if fact is not None else ""
            number = self._agents.index(owner) if owner in self._agents else -1
            self.tracks[key] = Track(one_line(label or name.replace("_", " "))[:200], number, bool(label))
        self.tracks[key].note(step, text, known)

    def _known(self, fact: FactDef | None, owner: str, values: Mapping[str, Any]) -> list[int] | None:
        """The numbers of those who know a fact; nobody where the log's world cannot say."""
        if fact is None:
            return []
        knowing = [
            i
            for i, agent in enumerate(self._agents)
            if is_in(values, agent, fact.known_to) or (fact.known_to.own and agent == owner)
        ]
        return None if len(knowing) == len(self._agents) else knowing

    def _shown(self, fact: FactDef | None, value: Value) -> str:
        text = None
        if fact is not None:
            try:
                unit = f" {fact.kind.unit}" if fact.kind.name == "money" and value is not None else ""
                text = fact.kind.show(value, self._language) + unit
            except (TypeError, ValueError, AttributeError):
                text = None
        if text is None:
            text = value if isinstance(value, str) else json.dumps(to_json(value), ensure_ascii=False)
        return one_line(text)[:LONGEST] or "—"


def facts(
    log: RunLog, at: Sequence[int], world: World | None, agents: Sequence[str], role: str | None
) -> list[Track]:
    """How the facts went: as they stood when each step was over."""
    found = Facts(world, agents, log.header.language, role)
    fold = Fold(log.header)
    situation: Situation | None = None
    for index, record in enumerate(log.records):
        situation = fold.take(record) or situation
        is_last = index + 1 == len(at) or at[index + 1] > at[index]
        if is_last and situation is not None:
            found.note(at[index], situation)
    return sorted(found.tracks.values(), key=lambda t: not t.is_labelled)


def moves(log: RunLog, at: Sequence[int]) -> list[tuple[int, str, str, int]]:
    """The arrows that were taken, each with its step and episode; the beginning of one comes from nowhere."""
    found = []
    for record, step in zip(log.records, at, strict=True):
        if isinstance(record, EpisodeStarted):
            found.append((step, "", record.state, record.episode))
        elif isinstance(record, Transition):
            found.append((step, record.from_, record.to, record.episode))
    return found


def queues(log: RunLog, labels: Mapping[str, str]) -> dict[str, Any]:
    """How many waited for each resource, from the simulated minute on at which that changed."""
    names: list[str] = []
    rows: list[tuple[float, int, int]] = []
    for record in log.records:
        if isinstance(record, ResourceNote):
            if record.resource not in names:
                names.append(record.resource)
            rows.append((record.time, names.index(record.resource), record.waiting))
    shown = [one_line(labels.get(name) or name.replace("_", " "))[:80] for name in names]
    return {"names": shown, "rows": rows}


def calls(log: RunLog, at: Sequence[int], unknown: str) -> dict[str, Any]:
    """What each call took and what its role and all had cost by then, as exact texts; a call counts at its turn."""
    rows: dict[str, Row] = {}
    total = Row("total")
    keys: dict[str, int] = {}
    listed: list[tuple[int, int, int, float, str, str]] = []
    steps = _steps_of_calls(log, at)
    for record in log.records:
        if not isinstance(record, Call):
            continue
        keys.setdefault(record.role, len(keys))
        cost = cost_of(record)
        is_old = is_inherited(log, record)
        row = rows.get(record.role, Row(record.role)).plus(record, cost, is_inherited=is_old)
        rows[record.role] = row
        total = total.plus(record, cost, is_inherited=is_old)
        is_paid = not (record.is_hit or is_old)
        paid = float(sum((cost or {}).values())) if is_paid else 0.0
        tokens = record.usage.prompt + record.usage.completion if is_paid else 0
        listed.append(
            (steps[record.seq], keys[record.role], tokens, paid, money(row, unknown), money(total, unknown))
        )
    return {
        "keys": list(keys),
        "rows": listed,
        "estimated": bool(total.estimated),
        "currency": next(iter(told(total.cost)), "") if len(told(total.cost)) == 1 else "",
        "total": total,
    }


def _steps_of_calls(log: RunLog, at: Sequence[int]) -> dict[int, int]:
    """The step at which each call counts, by its number: that of its turn, which may stand some records later."""
    found: dict[int, int] = {}
    waiting: dict[int, list[tuple[int, int]]] = {}
    turns: dict[int, int] = {}
    step = 0
    for record, place in zip(log.records, at, strict=True):
        step = place
        if isinstance(record, Turn):
            turns[record.episode] = record.turn
            left = waiting.get(record.episode, [])
            while left and left[0][0] <= record.turn:
                found[heapq.heappop(left)[1]] = place
        elif isinstance(record, Call) and record.turn <= turns.get(record.episode, 0):
            found[record.seq] = place
        elif isinstance(record, Call):
            heapq.heappush(waiting.setdefault(record.episode, []), (record.turn, record.seq))
    found.update((seq, step) for left in waiting.values() for _, seq in left)
    return found


def money(row: Row, unknown: str) -> str:
    """The exact sums of a row, and whether some of it is not known."""
    known = [f"{show_number(amount)} {currency}" for currency, amount in told(row.cost).items()]
    return " + ".join([*known, unknown] if row.unpriced else known) or "0"
