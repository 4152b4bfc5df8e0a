"""Why the machine went where it went after a turn: each arrow that was open, and what its guard came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.engine.situation import Situation, scope
from sim.read.fold import Fold, Moment, before_turn
from sim.record.log import RunLog
from sim.record.records import (
    BallotCounted,
    Call,
    Narration,
    ResourceNote,
    SummaryMade,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.expressions import Compiled
from sim.world.kinds import to_json
from sim.world.vocabulary import ExpressionError
from sim.world.world import TransitionDef, World


@dataclass(frozen=True)
class Condition:
    """A part of a guard: whether it held (None where it cannot be computed), and the values that it read."""

    text: str
    value: bool | None
    reads: Mapping[str, Any]


@dataclass(frozen=True)
class Arrow:
    """An arrow out of a state; of those that hold, the first is taken."""

    to: str
    guard: str
    holds: bool
    fired: bool
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Crossing:
    """The arrows of a state as they stood after a turn, or after the arrow before.

    ``idle`` says why they were not asked, where they were not.
    """

    state: str
    arrows: tuple[Arrow, ...]
    idle: str = ""


def crossings(
    log: RunLog, turn: int, world: World, episode: int | None = None, moment: Moment | None = None
) -> list[Crossing]:
    """What was decided after a turn: one crossing, and one more for each state that was passed.

    The ``moment`` of the turn, where it is known, was made with the same world.

    Raises:
        RunLogError: if the log cannot be followed so far.
    """
    moment = moment or before_turn(log, turn, world, episode)
    number = moment.record.episode
    index, _ = log.turn(turn, number)
    idle = _waits(world, moment.counted, moment.record)
    fold = Fold(log.header, world, {number: moment.counted})
    situation = fold.take(moment.record)
    found: list[Crossing] = []
    for record in log.records.after(index + 1):
        if getattr(record, "episode", None) != number:
            fold.take_other(record)
            continue
        if isinstance(record, BallotCounted):
            idle = "the vote is taken again" if record.by == "revote" else idle
        elif isinstance(record, Transition) and situation is not None:
            found.append(_crossing(world, situation, record))
        elif not isinstance(record, Narration | WarningNote | SummaryMade | ResourceNote) and not _sums_up(record):
            break
        situation = fold.take(record)
    if not found and situation is not None and situation.state in world.states:
        found = [_crossing(world, situation, None, idle)]
    return found


def _sums_up(record: object) -> bool:
    return isinstance(record, Call) and record.purpose == "summary"


def _waits(world: World, before: Situation, record: Turn) -> str:
    """Why the arrows are not asked after a turn: where all speak at once, others are to be heard first."""
    is_at_once = world.states[record.state].is_at_once
    left = [a for a in before.waiting if a != record.speaker]
    return f"not asked before {', '.join(left)} have spoken" if is_at_once and left else ""


def _crossing(world: World, situation: Situation, taken: Transition | None, idle: str = "") -> Crossing:
    arrows: list[Arrow] = []
    is_open = taken is not None
    for arrow in world.states[situation.state].go:
        parts = _parts(arrow, situation, scope(world, situation))
        holds = all(part.value is True for part in parts)
        fired = taken is not None and is_open and holds and (arrow.to, arrow.guard) == (taken.to, taken.guard)
        is_open = is_open and not fired
        arrows.append(Arrow(arrow.to, arrow.guard, holds, fired, parts))
    return Crossing(situation.state, tuple(arrows), idle)


def _parts(arrow: TransitionDef, situation: Situation, values: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The parts of a guard, all of which must hold."""
    parts: list[Condition] = []
    limits = (
        ("turn", arrow.after_turns, "state_turns", situation.state_turns),
        ("round", arrow.after_rounds, "rounds", situation.rounds),
        ("minute", arrow.after_minutes, "state_minutes", situation.state_minutes),
    )
    for what, least, name, count in limits:
        if least is not None:
            text = f"after {least:g} {what}" + ("" if least == 1 else "s")
            parts.append(Condition(text, count >= least, {name: count}))
    if arrow.when.text != "true" or not parts:
        parts.insert(0, _condition(arrow.when, values))
    return tuple(parts)


def _condition(condition: Compiled, values: Mapping[str, Any]) -> Condition:
    reads: dict[str, Any] = {}
    for name in sorted(condition.reads):
        try:
            reads[name] = _plain(values[name])
        except (KeyError, ExpressionError):
            reads[name] = None
    try:
        return Condition(condition.text, bool(condition(values)), reads)
    except ExpressionError:
        return Condition(condition.text, None, reads)


def _plain(value: Any) -> Any:
    """A value as a log would have it: of a fact that each agent has, by agent."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    cells = getattr(value, "cells", None)
    return _plain(cells) if isinstance(cells, Mapping) else to_json(value)
