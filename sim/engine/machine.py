"""The state machine of a world: pure functions from a situation and a turn to the next situation.

Nothing here waits, draws, prints or remembers; the same arguments give the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from sim.engine.streams import Streams
from sim.world.expressions import ExpressionError, Row
from sim.world.kinds import Value, label_of
from sim.world.templates import render
from sim.world.world import BROKEN, OUT_OF_LIMITS, ActionDef, FactDef, TransitionDef, World


@dataclass(frozen=True)
class Act:
    """A structured act whose fields have been read, such as ``pay_fee`` with ``amount`` 15."""

    action: str
    fields: Mapping[str, Value]


@dataclass(frozen=True)
class Situation:
    """Where an episode stands between two turns.

    ``turn`` counts the turns taken; ``minutes`` is simulated time since the episode began; ``visit`` counts the
    states entered after the first; ``done`` how often each action was taken.
    """

    episode: int
    state: str
    facts: Mapping[str, Value]
    done: Mapping[str, int]
    turn: int = 0
    state_turns: int = 0
    minutes: float = 0.0
    state_minutes: float = 0.0
    visit: int = 0
    speaker: str = ""
    outcome: str | None = None


@dataclass(frozen=True)
class Step:
    """What a turn led to: the next situation, the facts that changed, the transition taken, what was broken."""

    situation: Situation
    changed: Mapping[str, Value]
    transition: TransitionDef | None = None
    moved: Mapping[str, Value] | None = None
    breach: str | None = None


class Refused(Exception):
    """An act that may not be done; the message is for the one who tried."""


def begin(world: World, episode: int, facts: Mapping[str, Value] | None = None) -> Situation:
    """The situation before the first turn, with some facts set otherwise than the world says."""
    start = {f.name: f.start for f in world.facts.values() if f.compute is None}
    return Situation(episode, world.spec.start, start | dict(facts or {}), dict.fromkeys(world.actions, 0))


def scope(world: World, situation: Situation) -> dict[str, Any]:
    """The values of all names that an expression may read; computed once for a situation."""
    kept = situation.__dict__.get("_scope")
    if kept is not None and kept[0] is world:
        return kept[1]  # type: ignore[no-any-return]
    values: dict[str, Any] = {
        **world.constants,
        **situation.facts,
        "state": situation.state,
        "speaker": situation.speaker,
        "turns": situation.turn,
        "state_turns": situation.state_turns,
        "minutes": situation.minutes,
        "state_minutes": situation.state_minutes,
        "done": Row({name: Decimal(count) for name, count in situation.done.items()}),
    }
    for fact in world.facts.values():
        if fact.compute is not None:
            values[fact.name] = _computed(fact, values)
    object.__setattr__(situation, "_scope", (world, values))
    return values


def _computed(fact: FactDef, values: Mapping[str, Any]) -> Value:
    if fact.compute is None:
        return None
    try:
        return fact.compute(values)  # type: ignore[no-any-return]
    except ExpressionError:
        return fact.kind.empty


def shown(world: World, role: str, values: Mapping[str, Any], language: str) -> dict[str, object]:
    """What a template for a role may use: the facts it knows, as people read them, and the names of the cast."""
    names: dict[str, object] = {r: world.role_name(r, language) for r in world.roles}
    names["me"] = names[role]
    return names | {f.name: f.kind.show(values[f.name], language) for f in world.known(role)}


def next_speaker(world: World, situation: Situation, streams: Streams) -> str:
    """Who speaks next, by the order of the state."""
    state = world.states[situation.state]
    if state.order == "single" or len(state.speakers) == 1:
        return state.speakers[0]
    if state.order == "random":
        others = [r for r in state.speakers if r != situation.speaker] or list(state.speakers)
        return streams.at("speaker", situation.turn).pick(others)
    return state.speakers[situation.state_turns % len(state.speakers)]


def open_actions(world: World, situation: Situation, role: str) -> list[tuple[ActionDef, bool]]:
    """The actions open to a role now, in the order of the state, each with whether it is due."""
    values = scope(world, situation)
    found = []
    for name in world.states[situation.state].actions:
        action = world.actions[name]
        if role in action.by and action.when.holds(values):
            found.append((action, action.due.holds(values)))
    return found


def apply(world: World, situation: Situation, role: str, acts: tuple[Act, ...], language: str) -> dict[str, Value]:
    """The facts after some acts of a role, done in the order given.

    Raises:
        Refused: if one is not open, its conditions do not hold, or a fact cannot take its value.
    """
    current = situation
    for act in acts:
        values = scope(world, current)
        action = world.actions[act.action]
        if not action.when.holds(values):
            raise Refused(f"{act.action}: not open now")
        inner = values | {"act": Row(act.fields)}
        for need in action.needs:
            if not need.that.holds(inner):
                raise Refused(_why(world, act, need.why, need.that.text, role, values, language))
        changes = effects(world, action.sets, inner)
        done = {**current.done, act.action: current.done[act.action] + 1}
        current = replace(current, facts={**current.facts, **changes}, done=done)
    return {k: v for k, v in current.facts.items() if v != situation.facts[k]}


def _why(
    world: World, act: Act, why: Mapping[str, str], text: str, role: str, values: Mapping[str, Any], language: str
) -> str:
    words = label_of(why, language)
    if not words:
        return f"{act.action}: needs {text}"
    fields = world.actions[act.action].fields
    mine = SimpleNamespace(**{n: fields[n].show(v, language) for n, v in act.fields.items()})
    return f"{act.action}: {render(words, {**shown(world, role, values, language), 'act': mine})}"


def effects(world: World, sets: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Value]:
    """The new values of facts; all are computed from the values before.

    Raises:
        Refused: if a fact cannot take its value.
    """
    changes: dict[str, Value] = {}
    for name, compiled in sets.items():
        try:
            kind = world.facts[name].kind
            changes[name] = kind.read(kind.rounded(_plain(compiled(values))))
        except (ExpressionError, ValueError) as error:
            raise Refused(f"{name}: {error}") from None
    return changes


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def settle(
    world: World, situation: Situation, role: str, acts: tuple[Act, ...], minutes: float, language: str
) -> Step:
    """Take one turn: the acts change the facts, time passes, and the first true transition fires.

    Where an invariant would not hold afterwards, ``breach`` names it; the caller decides what follows.

    Raises:
        Refused: as :func:`apply`.
    """
    changed = apply(world, situation, role, acts, language)
    done = dict(situation.done)
    for act in acts:
        done[act.action] += 1
    after = replace(
        situation,
        facts={**situation.facts, **changed},
        done=done,
        turn=situation.turn + 1,
        state_turns=situation.state_turns + 1,
        minutes=round(situation.minutes + minutes, 2),
        state_minutes=round(situation.state_minutes + minutes, 2),
        speaker=role,
    )
    values = scope(world, after)
    breach = broken(world, values)
    for transition in world.states[after.state].go:
        if breach is None and _fires(transition, after, values):
            try:
                moved = effects(world, transition.sets, values)
            except Refused as refusal:
                return Step(after, changed, breach=f"{transition.to}: {refusal}")
            return _go(world, after, changed, transition, moved)
    there = _limited(world, after)
    return Step(there, changed, breach=breach or broken(world, values, there.outcome))


def _fires(transition: TransitionDef, situation: Situation, values: Mapping[str, Any]) -> bool:
    if transition.after_turns is not None and situation.state_turns < transition.after_turns:
        return False
    if transition.after_minutes is not None and situation.state_minutes < transition.after_minutes:
        return False
    return transition.when.holds(values)


def _go(
    world: World,
    situation: Situation,
    changed: Mapping[str, Value],
    transition: TransitionDef,
    moved: dict[str, Value],
) -> Step:
    facts = {**situation.facts, **moved}
    if transition.to in world.states:
        there = replace(
            situation, facts=facts, state=transition.to, state_turns=0, state_minutes=0.0, visit=situation.visit + 1
        )
        there = _limited(world, there)
    else:
        there = replace(situation, facts=facts, outcome=transition.to)
    return Step(there, changed, transition, moved, broken(world, scope(world, there), there.outcome))


def _limited(world: World, situation: Situation) -> Situation:
    limits = world.spec.limits
    is_over = situation.turn >= limits.turns or (limits.minutes is not None and situation.minutes >= limits.minutes)
    return replace(situation, outcome=limits.ends or OUT_OF_LIMITS) if is_over else situation


def broken(world: World, values: Mapping[str, Any], outcome: str | None = None) -> str | None:
    """The name of the first invariant that does not hold, or None.

    A condition that cannot be computed counts as broken: silence is not a proof.
    """
    for name, condition in world.never.items():
        try:
            if condition(values):
                return name
        except ExpressionError:
            return name
    if outcome is not None:
        for which in (outcome, "any"):
            for name, condition in world.at_end.get(which, {}).items():
                if not condition.holds(values):
                    return name
    return None


def break_off(situation: Situation) -> Situation:
    """The end of an episode whose world broke its own rule."""
    return replace(situation, outcome=BROKEN)
