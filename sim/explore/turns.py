"""The turns that may be taken in a situation: who may speak, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations, islice, product

from sim.engine.answers import fall_back
from sim.engine.machine import Hop, Refused, Step, leave, opening, settle
from sim.engine.selection import OUTSIDE, candidates, next_speaker
from sim.engine.situation import Act, Offer, Situation, open_actions, scope
from sim.engine.streams import Streams
from sim.engine.tokens import words_in
from sim.explore.fields import Fields
from sim.world.world import World

WORDS = "…"
"""What is said where the words do not matter."""

MOST_ANSWERS = 200
"""Answers that are tried in a turn of one speaker."""


@dataclass(frozen=True)
class Turn:
    """A turn of an agent; without a speaker, what other episodes do.

    A queue for what they hold is left (``missed``), or they use up what all share (``used_up``).

    Where it is ``lost``, no valid answer came in it, and the acts are those that the world falls back on.
    """

    speaker: str
    acts: tuple[Act, ...] = ()
    is_lost: bool = False
    missed: str = ""
    used_up: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manners:
    """How likely a player does what need not be done, and gives no valid answer at all.

    Those who are ``of_one_mind`` choose alike in the same state, as far as they may.
    """

    acts: float
    loses: float = 0.0
    of_one_mind: bool = False


@dataclass(frozen=True, eq=False)
class Place:
    """A situation that can be come to, and how; ``asked`` is the one in which its round was asked, all at once."""

    situation: Situation
    asked: Situation
    before: Place | None = None
    turn: Turn | None = None
    hops: tuple[Hop, ...] = ()

    @property
    def way(self) -> tuple[Place, ...]:
        """The places on the way here, the first one left out."""
        found: list[Place] = []
        place: Place | None = self
        while place is not None and place.turn is not None:
            found.append(place)
            place = place.before
        return tuple(reversed(found))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that lead here from the beginning."""
        return tuple(place.turn for place in self.way if place.turn is not None)


class Turns:
    """What may be done in the situations of a world, as its engine allows it."""

    def __init__(self, world: World, fields: Fields) -> None:
        self.world = world
        self.fields = fields
        self.is_trimmed = False
        self.work = 0
        self._liked: tuple[object, dict[str, list[float]]] = (None, {})
        self._language = world.spec.languages[0]
        self._least = {
            key: fact.kind.low or Decimal(0)
            for fact in world.facts.values()
            if fact.is_shared and fact.kind.name in {"number", "money"}
            for key in ([fact.name] if fact.of is None else map(fact.key, fact.of))
        }

    def begin(self, situation: Situation) -> tuple[Place, Step]:
        """Where a run begins, and what follows before the first turn."""
        step = opening(self.world, situation)
        return Place(step.situation, step.situation, hops=step.hops), step

    def speakers(self, situation: Situation) -> tuple[str, ...]:
        """Who may speak next, whoever chooses."""
        state = self.world.states[situation.state]
        if state.order in OUTSIDE and not state.is_at_once:
            return candidates(self.world, situation)
        found = next_speaker(self.world, situation)
        return () if found is None else (found,)

    def of(self, place: Place, speaker: str) -> Iterator[Turn]:
        """What somebody may do in a turn, the least first: what is due, and at most two acts more; or nothing."""
        dues, others = self._offered(place, speaker)
        found = self._answers(dues, others)
        yield from (Turn(speaker, acts) for acts in islice(found, MOST_ANSWERS))
        self.is_trimmed |= next(found, None) is not None or len(others) > 2
        if dues:
            yield self.lost(place, speaker)

    def lost(self, place: Place, speaker: str) -> Turn:
        """A turn in which no valid answer comes."""
        asked, minutes = self._asked(place), self._minutes(place.situation)
        answer = fall_back(self.world, asked, speaker, WORDS, minutes, self._language)
        return Turn(speaker, answer.acts, is_lost=True)

    def _answers(self, dues: Sequence[Sequence[Act]], others: Sequence[Sequence[Act]]) -> Iterator[tuple[Act, ...]]:
        for base in product(*dues):
            yield base
        for base in product(*dues):
            for group in others:
                yield from (self._ordered((*base, act)) for act in group)
        for base in product(*dues):
            for one, two in combinations(others, 2):
                yield from (self._ordered((*base, *pair)) for pair in product(one, two))

    def drawn(self, place: Place, speaker: str, streams: Streams, manners: Manners, attempt: int) -> Turn:
        """A turn at random; another at each attempt."""
        draw = streams.at("player", place.situation.turn, attempt)
        if draw.uniform() < manners.loses:
            return self.lost(place, speaker)
        dues, others = self._offered(place, speaker)
        groups = [g for g in dues if g] + [g for g in others if g and draw.uniform() < manners.acts]
        if manners.of_one_mind and not attempt:
            liked = self._likes(place.situation, streams)
            acts = [min(g, key=lambda act: [liked.get(str(v), []) for v in act.fields.values()]) for g in groups]
        else:
            acts = [draw.pick(group) for group in groups]
        return Turn(speaker, self._ordered(acts))

    def _likes(self, situation: Situation, streams: Streams) -> dict[str, list[float]]:
        """In what order agents are chosen by all who are of one mind: by what was dealt to them, then by lot."""
        dealt = [fact for fact in self.world.facts.values() if fact.deal]
        cards = {agent: tuple(situation.facts.get(f.key(agent)) for f in dealt) for agent in self.world.cast}
        key = (streams, situation.state, tuple(cards.items()))
        if key != self._liked[0]:
            drawn = {
                agent: [streams.at("likes", situation.state, of).uniform() for of in (*held, agent)]
                for agent, held in cards.items()
            }
            self._liked = (key, drawn)
        return self._liked[1]

    def _asked(self, place: Place) -> Situation:
        return place.asked if self.world.states[place.situation.state].is_at_once else place.situation

    def _offered(self, place: Place, speaker: str) -> tuple[list[list[Act]], list[list[Act]]]:
        situation = self._asked(place)
        values = scope(self.world, situation).about(speaker)
        offers = open_actions(self.world, situation, speaker)
        dues = [self._acts(o, values) for o in offers if o.is_due]
        return dues, [self._acts(o, values) for o in offers if not o.is_due]

    def _acts(self, offer: Offer, values: object) -> list[Act]:
        return self.fields.acts(offer, values)  # type: ignore[arg-type]

    def _ordered(self, acts: Sequence[Act]) -> tuple[Act, ...]:
        order = list(self.world.actions)
        return tuple(sorted(acts, key=lambda act: order.index(act.action)))

    def take(self, place: Place, turn: Turn) -> tuple[Place, Step] | None:
        """Where a turn leads, and all that follows from it; None where the engine would refuse it."""
        self.work += 1
        situation, asked = place.situation, place.asked
        is_at_once = self.world.states[situation.state].is_at_once
        minutes = self._minutes(situation)
        try:
            if is_at_once and asked is not situation:
                settle(self.world, asked, turn.speaker, turn.acts, minutes, self._language)
            step = settle(self.world, situation, turn.speaker, turn.acts, minutes, self._language)
        except Refused:
            return None
        there = step.situation
        left = tuple(a for a in situation.waiting if a != turn.speaker)
        is_same_round = is_at_once and not step.hops and bool(left) and there.waiting == left
        return Place(there, asked if is_same_round else there, place, turn, step.hops), step

    def left(self, place: Place) -> Iterator[tuple[Place, Step]]:
        """Where it leads that a queue is left, which depends on what others hold."""
        situation = place.situation
        if situation.state_turns or situation.outcome is not None:
            return
        values = scope(self.world, situation)
        for hold in self.world.states[situation.state].holds:
            if hold.otherwise is not None and hold.when.holds(values):
                self.work += 1
                step = leave(self.world, situation, hold.otherwise, f"no {hold.resource}")
                turn = Turn("", missed=hold.resource)
                yield Place(step.situation, step.situation, place, turn, step.hops), step

    def used_up(self, place: Place) -> Iterator[Place]:
        """Where it leads that other episodes have used up what all share."""
        facts = place.situation.facts
        least = {key: low for key, low in self._least.items() if facts[key] != low}
        if least and place.asked is place.situation:
            there = replace(place.situation, facts={**facts, **least})
            yield Place(there, there, place, Turn("", used_up=tuple(least)))

    def _minutes(self, situation: Situation) -> float:
        duration = self.world.states[situation.state].turn
        if duration.words is not None:
            return round(words_in(WORDS) / duration.words, 2)
        return situation.streams.at("duration", situation.turn).minutes(duration)
