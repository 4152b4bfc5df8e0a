"""The fold over a log: the situation before any turn, and what was said until then."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sim.engine.intervention import arrived, changed, intervene
from sim.engine.machine import Refused, spoken
from sim.engine.memory import Digest, Utterance
from sim.engine.rounds import enter, entered, waiting
from sim.engine.situation import Situation
from sim.errors import RunLogError
from sim.record.log import RunLog
from sim.record.records import (
    AnyRecord,
    BallotCounted,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    Intervention,
    Narration,
    ResourceNote,
    SummaryMade,
    Transition,
    Turn,
)
from sim.world.kinds import Value, from_json
from sim.world.people import cast_as
from sim.world.world import World


def values(given: Mapping[str, Any]) -> dict[str, Value]:
    """Facts as they were before they were written."""
    return {name: from_json(value) for name, value in given.items()}


def step(
    situation: Situation | None, record: AnyRecord, header: Header, world: World | None = None
) -> Situation | None:
    """The situation after a record.

    Facts, states, turns and times follow from the log alone; with the compiled ``world`` also who is waiting to
    speak and which votes are cast.
    """
    spec = header.resolved.get("world", {})
    if isinstance(record, EpisodeStarted):
        done = dict.fromkeys([*spec.get("actions", {}), *spec.get("ballots", {})], 0)
        started = Situation(record.episode, record.state, values(record.facts), done, seed=header.seed)
        return entered(world, started) if world is not None else started
    if situation is None:
        return None
    if isinstance(record, Turn):
        there = arrived(situation, record.turn) if situation.ahead else situation
        return _turned(there, record, world, spec)
    if isinstance(record, Intervention):
        return _intervened(situation, record, world)
    if isinstance(record, BallotCounted):
        return _counted(situation, record, world)
    if isinstance(record, Transition):
        facts = {**situation.facts, **values(record.changed)}
        if record.to not in spec.get("states", {}):
            return replace(situation, facts=facts, waiting=())
        there = enter(situation, record.to, facts)
        return entered(world, there) if world is not None else there
    if isinstance(record, EpisodeEnded):
        return replace(situation, outcome=record.outcome)
    if isinstance(record, ResourceNote) and record.waited:
        return replace(situation, minutes=round(situation.minutes + record.waited, 2))
    return situation


def _intervened(situation: Situation, record: Intervention, world: World | None) -> Situation:
    """The situation after something was changed; a change for a later turn waits for it."""
    facts = values(record.changed)
    if record.turn > situation.turn + 1:
        return replace(situation, ahead=(*situation.ahead, (record.turn, facts, record.seed)))
    if world is not None:
        with contextlib.suppress(Refused):
            return intervene(world, situation, facts, record.seed)
    return changed(situation, facts, record.seed)


def _turned(situation: Situation, record: Turn, world: World | None, spec: Mapping[str, Any]) -> Situation:
    acted: dict[str, Any] = {}
    if record.changed:
        acted["facts"] = {**situation.facts, **values(record.changed)}
    if record.acts:
        done, votes = dict(situation.done), {n: dict(v) for n, v in situation.votes.items()}
        for act in record.acts:
            done[act.action] = done.get(act.action, 0) + 1
            if act.action in spec.get("ballots", {}):
                votes.setdefault(act.action, {})[record.speaker] = act.fields.get("choice")
        acted |= {"done": done, "votes": votes}
    if world is not None:
        return waiting(world, spoken(world, situation.having(**acted), record.speaker, record.minutes))
    return situation.having(
        **acted,
        turn=record.turn,
        state_turns=situation.state_turns + 1,
        minutes=round(situation.minutes + record.minutes, 2),
        state_minutes=round(situation.state_minutes + record.minutes, 2),
        speaker=record.speaker,
    )


def _counted(situation: Situation, record: BallotCounted, world: World | None) -> Situation:
    facts = {**situation.facts, **values(record.changed)}
    votes = {n: v for n, v in situation.votes.items() if n != record.ballot}
    runoffs = {n: c for n, c in situation.runoffs.items() if n != record.ballot}
    rounds = situation.rounds
    if record.by == "revote":
        runoffs[record.ballot] = tuple(record.tied)
        rounds = max(0, rounds - 1)
    after = replace(situation, facts=facts, votes=votes, runoffs=runoffs, rounds=rounds, waiting=())
    return waiting(world, after) if world is not None else after


class Fold:
    """The situations of all episodes of a run, followed record by record.

    With the compiled ``world`` also who is waiting to speak and which votes are cast.
    """

    def __init__(
        self, header: Header, world: World | None = None, there: Mapping[int, Situation] | None = None
    ) -> None:
        self._header = header
        self._world = world
        self._there = {episode: (situation, world) for episode, situation in (there or {}).items()}
        self._shared: dict[str, Value] = {}
        facts = dict(header.resolved.get("world") or {}).get("facts")
        specs = facts.items() if isinstance(facts, dict) else ()
        self._is_shared = frozenset(n for n, f in specs if isinstance(f, dict) and f.get("shared") is True)

    def take(self, record: AnyRecord) -> Situation | None:
        """The situation of the record's episode after it; None where it is of none that has begun."""
        episode = getattr(record, "episode", None)
        if episode is None:
            return None
        before, world = self._there.get(episode) or (None, self._world)
        if isinstance(record, EpisodeStarted) and world is not None and record.cast:
            world = cast_as(world, record.cast)
        if before is not None and self._shared:
            before = replace(before, facts={**before.facts, **self._shared})
        after = step(before, record, self._header, world)
        if after is not before and after is not None:
            self._there[episode] = after, world
            if self._is_shared:
                self._shared = {k: v for k, v in after.facts.items() if k.partition(".")[0] in self._is_shared}
        if isinstance(record, EpisodeEnded):
            del self._there[episode]
        return after

    def take_other(self, record: AnyRecord) -> None:
        """Take a record of an episode that nobody asks for: what it shares with the others alone."""
        if self._is_shared:
            changed = values(getattr(record, "changed", None) or {})
            self._shared |= {k: v for k, v in changed.items() if k.partition(".")[0] in self._is_shared}

    def now(self, episode: int) -> Situation | None:
        """Where an episode stands, with the shared facts as others have left them since it did something last."""
        there = self.of(episode)
        return (
            replace(there, facts={**there.facts, **self._shared}) if there is not None and self._shared else there
        )

    def of(self, episode: int) -> Situation | None:
        """Where an episode stands; None where it has not begun, or has ended."""
        found = self._there.get(episode)
        return found[0] if found is not None else None

    def world_of(self, episode: int) -> World | None:
        """The world with the personas of an episode."""
        return self._there.get(episode, (None, self._world))[1]


@dataclass(frozen=True)
class Moment:
    """What a speaker saw before a turn: the situation, what had been said, and the record of the turn.

    A ``digest`` sums up for the speaker what it can no longer be given whole. Where all speak at once, others may
    have been counted since the speaker was asked; ``counted`` is the situation that the turn itself changed.
    ``world`` has the personas of the episode.
    """

    situation: Situation
    said: list[Utterance]
    record: Turn
    counted: Situation
    digest: Digest | None = None
    world: World | None = None


_FOLDED: tuple[type[Any], ...] = (
    EpisodeStarted,
    Turn,
    Narration,
    SummaryMade,
    BallotCounted,
    Transition,
    Intervention,
    ResourceNote,
    EpisodeEnded,
)
"""What changes the situation, or adds to what was said."""


def before_turn(log: RunLog, turn: int, world: World | None = None, episode: int | None = None) -> Moment:
    """The situation in which a turn was asked for, and all that had been said, by anyone to anyone.

    Where all speak at once, that is the situation before the first of them spoke.

    Raises:
        RunLogError: if the log has no such turn, or cannot be followed to it.
    """
    _, found = log.turn(turn, episode)
    asked = turn - 1 if found.asked is None else found.asked
    fold = Fold(log.header, world)
    moment: Moment | None = None
    said: list[Utterance] = []
    digests: dict[str, Digest] = {}
    everyone = tuple(sorted(a for a in log.header.models if a != "selector"))
    situation: Situation | None = None
    for record in log.records.of(*_FOLDED):
        if record.episode != found.episode:
            fold.take_other(record)
            continue
        if isinstance(record, Turn):
            if moment is None and record.turn == asked + 1 and situation is not None:
                there = arrived(situation, turn)
                digest, whose = digests.get(found.speaker), fold.world_of(found.episode)
                moment = Moment(there, list(said), found, situation, digest, whose)
            if moment is not None and record.turn == turn:
                return replace(moment, counted=fold.now(found.episode) or moment.counted)
        elif isinstance(record, EpisodeStarted):
            words = log.header.opening if record.opening is None else record.opening
            said += [Utterance(0, 0, "", words, everyone)] if words else []
        elif isinstance(record, SummaryMade) and record.until is not None:
            digests.update(dict.fromkeys(record.heard_by, _digest(record, record.until, situation, world)))
        said += _said(record, situation)
        situation = fold.take(record)
    raise RunLogError(f"{log.name} cannot be followed to turn {turn}; 'sim verify' says more")


def _digest(record: SummaryMade, until: int, situation: Situation | None, world: World | None) -> Digest:
    """A digest as it was made; what it is of says the world, without which no prompt is built of it."""
    state = world.states.get(record.state) if world is not None else None
    visit = situation.visit if situation is not None else 0
    return Digest(until, visit, record.text, state.context.of if state is not None else "all")


def _said(record: AnyRecord, situation: Situation | None) -> list[Utterance]:
    """What a record adds to what was said."""
    visit = situation.visit if situation is not None else 0
    if isinstance(record, Turn) and record.text:
        return [Utterance(record.turn, visit, record.speaker, record.text, tuple(record.heard_by))]
    if isinstance(record, Narration):
        return [Utterance(record.turn, visit, "", record.text, tuple(record.heard_by))]
    if isinstance(record, SummaryMade) and record.until is None:
        heard_by = tuple(record.heard_by)
        return [Utterance(record.turn, visit, record.speaker, record.text, heard_by, is_summary=True)]
    return []
