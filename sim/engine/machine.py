"""The state machine of a world: pure functions from a situation and a turn to the next situation.

Nothing here waits, prints or remembers, and all draws are keyed; the same arguments give the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from sim.engine.ballots import Count, count
from sim.engine.phrases import misfit, phrase
from sim.engine.rounds import allowed, enter, entered, waiting
from sim.engine.situation import Act, Inner, Situation, is_in, members, scope, shown
from sim.engine.streams import Streams
from sim.world.circles import Circle
from sim.world.kinds import Misfit, Value, label_of
from sim.world.rows import Row
from sim.world.templates import TemplateError, render
from sim.world.vocabulary import ExpressionError
from sim.world.world import BROKEN, OUT_OF_LIMITS, ActionDef, Effects, StateDef, TransitionDef, World

MAX_HOPS = 50
"""States that are passed without a turn before it counts as going round in circles."""


@dataclass(frozen=True)
class Leaving:
    """A way out that no guard opened: a queue was left; ``guard`` says why."""

    to: str
    guard: str


@dataclass(frozen=True)
class Hop:
    """A transition that was taken, and the situation after it."""

    transition: TransitionDef | Leaving
    moved: Mapping[str, Value]
    situation: Situation


@dataclass(frozen=True)
class Step:
    """What a turn led to: the next situation, facts that changed, votes counted, transitions, what was broken."""

    situation: Situation
    changed: Mapping[str, Value] = field(default_factory=dict)
    counts: tuple[Count, ...] = ()
    hops: tuple[Hop, ...] = ()
    breach: str | None = None


class Refused(Exception):
    """An act that may not be done; the message is for the one who tried.

    ``fact`` is the fact that could not take its value, where that was the reason: those who know it may be told.
    """

    def __init__(self, message: str, fact: str | None = None) -> None:
        super().__init__(message)
        self.fact = fact


def begin(world: World, episode: int, facts: Mapping[str, Value] | None = None, seed: int = 0) -> Situation:
    """The situation before the first turn, with some facts set otherwise than the world says."""
    streams = Streams(seed, episode)
    start = world.start(lambda fact, n: streams.at("deal", fact).order(n))
    done = dict.fromkeys(world.actions, 0)
    situation = Situation(episode, world.spec.start, start | dict(facts or {}), done, seed=seed)
    return entered(world, situation)


def opening(world: World, situation: Situation) -> Step:
    """What follows before the first turn: where nobody speaks in the first state, it is passed."""
    breach = broken(world, scope(world, situation))
    if situation.waiting or breach is not None:
        return Step(situation, breach=breach)
    return _walk(world, situation, {}, ())


def apply(world: World, situation: Situation, agent: str, acts: tuple[Act, ...], language: str) -> Situation:
    """The situation after some acts of an agent, done in the order given; no turn has passed.

    Why an act may not be done is told as things stood before all of them: an answer that is refused has told its
    agent nothing that an act in it would have.

    Raises:
        Refused: if one is not open, its conditions do not hold, or a fact cannot take its value.
    """
    current = situation
    for act in acts:
        action = world.actions[act.action]
        values = scope(world, current)
        inner = values.about(agent, act=Row(act.fields))
        if not action.when.holds(inner):
            raise Refused(_told(world, language, "closed", act.action))
        for need in action.needs:
            if not need.that.holds(inner):
                known = scope(world, situation)
                raise Refused(_why(world, act, need.why, need.that.text, agent, known, language))
        done = {**current.done, act.action: current.done[act.action] + 1}
        if action.ballot is not None:
            cast = {**current.votes.get(act.action, {}), agent: act.fields["choice"]}
            current = replace(current, done=done, votes={**current.votes, act.action: cast})  # type: ignore[dict-item]
            continue
        changes = _done(world, action, inner, agent, values, language)
        current = replace(current, facts={**current.facts, **changes}, done=done)
    return current


def _done(
    world: World, action: ActionDef, inner: Mapping[str, Any], agent: str, values: Mapping[str, Any], language: str
) -> dict[str, Value]:
    try:
        return effects(world, action.sets, inner)
    except Refused as refusal:
        known = world.facts[refusal.fact].known_to if refusal.fact is not None else Circle()
        if not (known.own or is_in(values, agent, known)):
            raise Refused(_told(world, language, "cannot", action.name)) from None
        error = refusal.__cause__
        if refusal.fact is None or not isinstance(error, Misfit) or world.prompts < 2:
            raise
        why = misfit(language, error, world.facts[refusal.fact].kind)
        raise Refused(f"{refusal.fact}: {why}", refusal.fact) from None


def _told(world: World, language: str, key: str, name: str, text: str = "") -> str:
    """Why an act is refused; the first wording of prompts told it in English."""
    return phrase(language if world.prompts > 1 else "en", key, name=name, text=text)


def _why(
    world: World, act: Act, why: Mapping[str, str], text: str, agent: str, values: Mapping[str, Any], language: str
) -> str:
    words = label_of(why, language)
    if not words:
        return _told(world, language, "needs", act.action, text)
    fields = world.actions[act.action].fields
    mine = SimpleNamespace(**{n: fields[n].kind.show(v, language) for n, v in act.fields.items()})
    names = shown(world, agent, values, language)
    names["act"] = mine
    try:
        return f"{act.action}: {render(words, names)}"
    except TemplateError:  # a name that the agent knows no longer
        return _told(world, language, "needs", act.action, text)


def effects(world: World, sets: Effects, values: Mapping[str, Any]) -> dict[str, Value]:
    """The new values of facts, by key; all are computed from the values before.

    An effect on the fact of an agent that there is not (``alive[prey]`` where nobody is prey) does nothing.

    Raises:
        Refused: if a fact cannot take its value.
    """
    changes: dict[str, Value] = {}
    for effect in sets:
        fact = world.facts[effect.fact]
        try:
            keys = [effect.fact]
            if effect.is_for_each:
                keys = [fact.key(a) for a in fact.of or ()]
            elif effect.index is not None:
                agent = effect.index(values)
                if agent is None:
                    continue
                if agent not in (fact.of or ()):
                    raise Refused(f"{effect.fact}: not everybody has one")
                keys = [fact.key(agent)]
            given = effect.value(values)
            value = fact.kind.empty
            if given is not None or fact.kind.name not in {"text", "choice"}:
                value = fact.kind.read(fact.kind.rounded(list(given) if isinstance(given, tuple) else given))
        except ExpressionError as error:
            raise Refused(f"{effect.fact}: {error}") from None
        except ValueError as error:
            raise Refused(f"{effect.fact}: {error}", effect.fact) from error
        changes |= dict.fromkeys(keys, value)
    return changes


def settle(
    world: World, situation: Situation, agent: str, acts: tuple[Act, ...], minutes: float, language: str
) -> Step:
    """Take one turn: the acts change the facts, time passes, votes are counted, and the first true arrows fire.

    Where an invariant would not hold afterwards, ``breach`` names it; the caller decides what follows.

    Raises:
        Refused: as :func:`apply`.
    """
    key = (agent, acts, minutes, language)
    kept = situation.__dict__.get("_step")
    if kept is not None and kept[0] is world and kept[1] == key:
        return kept[2]  # type: ignore[no-any-return]
    step = _settle(world, situation, agent, acts, minutes, language)
    object.__setattr__(situation, "_step", (world, key, step))
    return step


def _settle(
    world: World, situation: Situation, agent: str, acts: tuple[Act, ...], minutes: float, language: str
) -> Step:
    acted = apply(world, situation, agent, acts, language)
    changed = {k: v for k, v in acted.facts.items() if v != situation.facts[k]}
    state = world.states[situation.state]
    after = spoken(world, acted, agent, minutes)
    is_round_over = not after.waiting
    counts: tuple[Count, ...] = ()
    if is_round_over:
        try:
            after, counts = _counted(world, after, state)
        except Refused as refusal:
            return Step(after, changed, breach=str(refusal))
    breach = broken(world, scope(world, after))
    if breach is not None:
        return Step(after, changed, counts, breach=breach)
    is_open = is_round_over or not state.is_at_once
    if is_open and not any(c.is_again for c in counts):
        step = _walk(world, after, changed, counts)
        if step.hops or step.breach or step.situation.outcome:
            return step
    if is_round_over:
        after = waiting(world, after)
    if not after.waiting or not _may_go_on(world, after, state):
        return Step(after, changed, counts, breach=_silence(state, after))
    there = _limited(world, after) if is_open else after
    return Step(there, changed, counts, breach=broken(world, scope(world, after), there.outcome))


def _may_go_on(world: World, situation: Situation, state: StateDef) -> bool:
    """Whether somebody in a state may speak after the last speaker, or there is nobody who could."""
    if state.is_at_once or world.next_speakers is None:
        return True
    found = members(world, scope(world, situation), state.speakers)
    return not found or bool(allowed(world, situation, found))


def spoken(world: World, situation: Situation, agent: str, minutes: float) -> Situation:
    """The situation after a turn, before votes are counted: time has passed, and one less is waiting to speak."""
    state = world.states[situation.state]
    left = tuple(a for a in situation.waiting if a != agent)
    after = situation.having(
        turn=situation.turn + 1,
        state_turns=situation.state_turns + 1,
        minutes=round(situation.minutes + minutes, 2),
        state_minutes=round(situation.state_minutes + minutes, 2),
        speaker=agent,
        waiting=left,
    )
    if left and not state.is_at_once and state.speakers.groups:
        values = scope(world, after)
        still = tuple(a for a in left if is_in(values, a, state.speakers))
        after = after if still == left else replace(after, waiting=still)
    return after if after.waiting else after.having(rounds=situation.rounds + 1)


def _counted(world: World, situation: Situation, state: StateDef) -> tuple[Situation, tuple[Count, ...]]:
    """The situation after the votes of a round were counted; a vote and its revotes are one round."""
    counts: list[Count] = []
    current = situation
    for name in state.actions:
        ballot = world.actions[name].ballot if name in world.actions else None
        if ballot is None:
            continue
        found = count(world, situation, ballot)
        votes = {n: v for n, v in current.votes.items() if n != name}
        runoffs = {n: c for n, c in current.runoffs.items() if n != name}
        if found.is_again:
            current = replace(
                current,
                votes=votes,
                runoffs={**runoffs, name: found.tied},
                ties=found.rules_used,
                rounds=max(0, current.rounds - 1),
            )
        else:
            values = scope(world, current)
            changes = effects(world, ballot.sets, Inner(values, result=found.row()))
            found = replace(found, changed={k: v for k, v in changes.items() if v != current.facts[k]})
            current = replace(current, facts={**current.facts, **changes}, votes=votes, runoffs=runoffs, ties=0)
        counts.append(found)
    return current, tuple(counts)


def _walk(world: World, situation: Situation, changed: Mapping[str, Value], counts: tuple[Count, ...]) -> Step:
    """Take the arrows that fire now: the first that is true, and on from states in which nobody speaks."""
    current = situation
    hops: list[Hop] = []
    for _ in range(MAX_HOPS):
        values = scope(world, current)
        arrow = next((t for t in world.states[current.state].go if _fires(t, current, values)), None)
        if arrow is None:
            break
        try:
            moved = effects(world, arrow.sets, values)
        except Refused as refusal:
            return Step(current, changed, counts, tuple(hops), f"{arrow.to}: {refusal}")
        current = _through(world, current, arrow, moved)
        hops.append(Hop(arrow, moved, current))
        breach = broken(world, scope(world, current), current.outcome)
        if breach is not None or current.outcome is not None:
            return Step(current, changed, counts, tuple(hops), breach)
        if current.waiting:
            there = _limited(world, current)
            return Step(there, changed, counts, tuple(hops), broken(world, scope(world, there), there.outcome))
        if not _may_go_on(world, current, world.states[current.state]):
            return Step(current, changed, counts, tuple(hops), _silence(world.states[current.state], current))
    if len(hops) >= MAX_HOPS:
        return Step(current, changed, counts, tuple(hops), "the arrows go round without anyone speaking")
    is_stuck = not current.waiting and (hops or not situation.state_turns)
    stuck = _silence(world.states[current.state], current) if is_stuck else None
    return Step(current, changed, counts, tuple(hops), stuck)


def leave(world: World, situation: Situation, to: str, why: str) -> Step:
    """Go to another state or end without a turn, and on from there as far as the arrows lead."""
    arrow = Leaving(to, why)
    current = _through(world, situation, arrow, {})
    hop = Hop(arrow, {}, current)
    breach = broken(world, scope(world, current), current.outcome)
    if breach is not None or current.outcome is not None:
        return Step(current, hops=(hop,), breach=breach)
    if current.waiting:
        there = _limited(world, current)
        return Step(there, hops=(hop,), breach=broken(world, scope(world, there), there.outcome))
    rest = _walk(world, current, {}, ())
    return replace(rest, hops=(hop, *rest.hops))


def _silence(state: StateDef, situation: Situation) -> str:
    after = f" after {situation.speaker}" if situation.speaker else ""
    return f"nobody can speak in '{state.name}'{after}"


def _through(
    world: World, situation: Situation, arrow: TransitionDef | Leaving, moved: Mapping[str, Value]
) -> Situation:
    facts = {**situation.facts, **moved}
    if arrow.to not in world.states:
        return replace(situation, facts=facts, outcome=arrow.to, waiting=())
    return entered(world, enter(situation, arrow.to, facts))


def _fires(transition: TransitionDef, situation: Situation, values: Mapping[str, Any]) -> bool:
    if transition.after_turns is not None and situation.state_turns < transition.after_turns:
        return False
    if transition.after_rounds is not None and situation.rounds < transition.after_rounds:
        return False
    if transition.after_minutes is not None and situation.state_minutes < transition.after_minutes:
        return False
    return transition.when.holds(values)


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
