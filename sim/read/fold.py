"""The fold over a log: the situation before any turn, and what was said until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sim.engine.machine import Situation
from sim.engine.prompt import Utterance
from sim.errors import RunLogError
from sim.record.log import RunLog
from sim.record.records import AnyRecord, EpisodeEnded, EpisodeStarted, Transition, Turn
from sim.world.kinds import Value, from_json


def values(given: Mapping[str, Any]) -> dict[str, Value]:
    """Facts as they were before they were written."""
    return {name: from_json(value) for name, value in given.items()}


def step(situation: Situation | None, record: AnyRecord, world: Mapping[str, Any]) -> Situation | None:
    """The situation after a record; ``world`` is the world file as the header holds it."""
    if isinstance(record, EpisodeStarted):
        done = dict.fromkeys(world.get("actions", {}), 0)
        return Situation(record.episode, record.state, values(record.facts), done)
    if situation is None:
        return None
    if isinstance(record, Turn):
        done = dict(situation.done)
        for act in record.acts:
            done[act.action] = done.get(act.action, 0) + 1
        return replace(
            situation,
            facts={**situation.facts, **values(record.changed)},
            done=done,
            turn=record.turn,
            state_turns=situation.state_turns + 1,
            minutes=round(situation.minutes + record.minutes, 2),
            state_minutes=round(situation.state_minutes + record.minutes, 2),
            speaker=record.speaker,
        )
    if isinstance(record, Transition):
        moved = replace(situation, facts={**situation.facts, **values(record.changed)})
        if record.to not in world.get("states", {}):
            return moved
        return replace(moved, state=record.to, state_turns=0, state_minutes=0.0, visit=situation.visit + 1)
    if isinstance(record, EpisodeEnded):
        return replace(situation, outcome=record.outcome)
    return situation


def before_turn(log: RunLog, turn: int) -> tuple[Situation, list[Utterance]]:
    """The situation in which a turn was taken, and all that had been said, by anyone to anyone.

    Raises:
        RunLogError: if the log has no such turn.
    """
    world = log.header.resolved.get("world", {})
    situation: Situation | None = None
    said: list[Utterance] = []
    roles = tuple(sorted(log.header.models))
    if log.header.opening:
        said.append(Utterance(0, 0, "", log.header.opening, roles))
    for record in log.records:
        if isinstance(record, Turn):
            if situation is not None and record.turn == turn:
                return situation, said
            visit = situation.visit if situation is not None else 0
            said.append(Utterance(record.turn, visit, record.speaker, record.text, tuple(record.heard_by)))
        situation = step(situation, record, world)
    turns = [r.turn for r in log.records if isinstance(r, Turn)]
    raise RunLogError(f"{log.name} has no turn {turn}; it has " + (f"1 to {turns[-1]}" if turns else "none"))
