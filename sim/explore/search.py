"""Looking for what a run can come to: every end, every arrow, and a rule that is broken.

Two ways are taken. Situations are looked at one after another, those that take the fewest turns first, so that what
is found is reached in the fewest turns; situations that differ in nothing that any condition reads are one. Where
there are too many, games are played to their ends by players who do anything that is allowed. Both are bounded by
the number of turns tried, never by the clock, so the same world gives the same result everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from sim.engine.arrivals import comer
from sim.engine.machine import Step, begin
from sim.engine.situation import Situation, scope
from sim.engine.streams import Streams
from sim.explore.aiming import Ahead, Aim
from sim.explore.fields import Fields
from sim.explore.sameness import Sameness, conditions_of
from sim.explore.shortening import shortened
from sim.explore.turns import Manners, Place, Turns
from sim.world.expressions import Compiled
from sim.world.kinds import Value
from sim.world.people import in_episode
from sim.world.vocabulary import ExpressionError
from sim.world.world import World

MOST_AHEAD = 250
"""Situations that wait to be looked at, beyond which it is no use to look at one after another."""

MOST_WORK = 240_000
"""Conditions and facts that are looked at in situations one after another.

A turn counts as many as its world has, so the same takes about the same time in small worlds and in large ones.
"""

MOST_PLAYED = 120_000
"""The same, for games."""

MOST_GAMES = 200
"""Games that are played for the ends and arrows that were not reached."""

SEED = 1
"""The seed of the runs that are looked at: what is dealt and drawn follows from it."""

_MANNERS = (
    *(Manners(0.5), Manners(0.0, of_one_mind=True), Manners(0.0, 1.0), Manners(0.5, of_one_mind=True)),
    *(Manners(0.9), Manners(0.0, of_one_mind=True), Manners(0.3, 0.1), Manners(1.0, of_one_mind=True)),
)
"""How the players are, from game to game."""


@dataclass
class Found:
    """What runs of a world can come to, each with a way there: ends, rules broken, and runs that break off.

    ``shortest`` has the ends and the rules to which no way is shorter. ``arrows`` are those taken, by state and
    number. ``is_whole`` says that everything was looked at that can be done in runs of this seed, and then
    ``endless`` leads to where no end can be reached but by a limit, if there is such a place.
    """

    ends: dict[str, Place] = field(default_factory=dict)
    shortest: set[str | tuple[str, str | None]] = field(default_factory=set)
    broken: dict[tuple[str, str | None], Place] = field(default_factory=dict)
    stuck: dict[str, Place] = field(default_factory=dict)
    arrows: set[tuple[str, int]] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    is_whole: bool = False
    endless: Place | None = None
    turns: int = 0


class Search:
    """One search of a world, from the facts as they begin or with some set otherwise.

    ``times`` is how many times as much as usual is tried at the most. With ``others``, other episodes may use up
    what all share.
    """

    def __init__(
        self, world: World, *, facts: Mapping[str, Value] | None = None, times: float = 1, others: bool = False
    ) -> None:
        self.world, _, brought = in_episode(world, lambda who, n: comer(SEED, 1, who, n))
        self.found = Found()
        self._others = others
        expressions = list(conditions_of(world))
        self._turns = Turns(world, Fields(world, expressions))
        self._same = Sameness(world)
        self._start = begin(self.world, 1, {**brought, **(facts or {})}, SEED)
        size = len(expressions) + len(self._start.facts)
        self._most, self._most_played = MOST_WORK * times / size, MOST_PLAYED * times / size
        self._most_ahead = MOST_AHEAD * max(1, times)
        self._after: dict[object, list[object]] = {}
        self._numbers = {id(arrow): n for state in world.states.values() for n, arrow in enumerate(state.go)}

    def run(self) -> Found:
        """Look at everything within the bound, then play games for what is left."""
        place, step = self._turns.begin(self._start)
        self._note(place, step, is_first=True)
        if step.breach is None and place.situation.outcome is None:
            self._broad(place)
            if not self.found.is_whole:
                self._games(place, frozenset(), 0)
        self.found.turns = self._turns.work
        return self.found

    def run_against(self, rules: Set[tuple[str, str | None]], places: list[Place]) -> Found:
        """Try to break rules: from the ``places`` that are nearest to it, then in other games."""
        never = [name for name, outcome in sorted(rules, key=str) if outcome is None]
        for name in never:
            most = self._turns.work + self._most_played / (2 * len(never))
            self._aim(name, places, most)
        start, _ = self._turns.begin(self._start)
        if not rules <= self.found.broken.keys():
            self._games(start, rules, MOST_GAMES)
        self.found.turns = self._turns.work
        return self.found

    def _aim(self, rule: str, places: list[Place], most: float) -> None:
        aim = Aim(self.world, self.world.never[rule])
        ahead, seen = Ahead(aim), set[object]()
        for place in aim.nearest(places):
            if (key := self._same(place)) not in seen:
                seen.add(key)
                ahead.add(place)
        while ahead and self._turns.work < most and (rule, None) not in self.found.broken:
            for there, step in self._next(ahead.take()):
                self._note(there, step, is_first=False)
                key = self._same(there)
                if step.breach is None and there.situation.outcome is None and key not in seen:
                    seen.add(key)
                    ahead.add(there)

    def _broad(self, start: Place) -> None:
        seen: dict[object, Place] = {self._same(start): start}
        ahead = deque([start])
        is_limited = False
        while ahead and self._turns.work < self._most and len(ahead) < self._most_ahead:
            place = ahead.popleft()
            self.found.places.append(place)
            here = self._same(place)
            for there, step in self._next(place):
                self._note(there, step, is_first=True)
                if step.breach is not None:
                    continue
                if there.situation.outcome is not None:
                    is_limited |= not there.hops
                    self._after.setdefault(there.situation.outcome, []).append(here)
                    continue
                key = self._same(there)
                self._after.setdefault(key, []).append(here)
                if key not in seen:
                    seen[key] = there
                    ahead.append(there)
        trimmed = self._turns.is_trimmed or self._turns.fields.is_trimmed
        self.found.is_whole = not ahead and not trimmed and not is_limited
        if self.found.is_whole:
            self._look_for_the_endless(seen)

    def _next(self, place: Place) -> Iterator[tuple[Place, Step]]:
        for speaker in self._turns.speakers(place.situation):
            for turn in self._turns.of(place, speaker):
                taken = self._turns.take(place, turn)
                if taken is not None:
                    yield taken
        yield from self._turns.left(place)
        if self._others:
            yield from ((there, Step(there.situation)) for there in self._turns.used_up(place))

    def _look_for_the_endless(self, seen: Mapping[object, Place]) -> None:
        """A place from which no run comes to an end but by a limit: the first that was found."""
        ahead: list[object] = [name for name in self.world.spec.ends if name in self._after]
        fine: set[object] = set()
        while ahead:
            for before in self._after.get(ahead.pop(), ()):
                if before not in fine:
                    fine.add(before)
                    ahead.append(before)
        self.found.endless = next((place for key, place in seen.items() if key not in fine), None)

    def _games(self, start: Place, rules: Set[tuple[str, str | None]], first: int) -> None:
        """Games of players who do anything, until nothing new has come of some."""
        most = self._turns.work + (self._most_played / 2 if rules else self._most_played)
        known, idle = 0, 0
        for number in range(first, first + MOST_GAMES):
            has_all = set(self.world.spec.ends) <= set(self.found.ends) and idle >= len(_MANNERS)
            if self._turns.work >= most or (rules <= self.found.broken.keys() if rules else has_all):
                return
            known, idle = len(self.found.arrows), 0 if len(self.found.arrows) > known else idle + 1
            manners = _MANNERS[number % len(_MANNERS)]
            if manners.loses < 1 or number < len(_MANNERS):  # once is enough: it goes on to the limit
                self._game(start, Streams(number, 0), manners, most)

    def _game(self, start: Place, streams: Streams, manners: Manners, most: float) -> None:
        place = start
        while place.situation.outcome is None and self._turns.work < most:
            speakers = self._turns.speakers(place.situation)
            if not speakers:
                return
            speaker = streams.at("speaker", place.situation.turn).pick(speakers)
            for attempt in range(4):
                taken = self._turns.take(place, self._turns.drawn(place, speaker, streams, manners, attempt))
                if taken is not None:
                    self._note(*taken, is_first=False)
                    if taken[1].breach is None:
                        break
            else:
                fitting = (self._turns.take(place, turn) for turn in self._turns.of(place, speaker))
                taken = next((t for t in fitting if t is not None and t[1].breach is None), None)
                if taken is None:
                    return
                self._note(*taken, is_first=False)
            place = taken[0]
            if taken[1].breach is None and place.situation.outcome is None:
                self.found.places.append(place)

    def _note(self, place: Place, step: Step, *, is_first: bool) -> None:
        """Keep what was reached, unless a shorter way there is known."""
        state = place.before.situation.state if place.before is not None else self._start.state
        for hop in step.hops:
            number = self._numbers.get(id(hop.transition))
            if number is not None:
                self.found.arrows.add((state, number))
            state = hop.transition.to
        if step.breach is not None:
            self._note_breach(place, step.breach, is_first=is_first)
            return
        outcome = place.situation.outcome
        if outcome is not None:
            known = self.found.ends.get(outcome)
            if known is None or len(place.turns) < len(known.turns):
                self.found.ends[outcome] = place
                if is_first:
                    self.found.shortest.add(outcome)

    def shorten(self, place: Place, rule: tuple[str, str | None]) -> Place:
        """Where a shorter way breaks a rule too, or the place itself."""

        def is_broken(there: Place, _: Step) -> bool:
            return not dict(self._rules(there.situation)).get(rule, True)

        return shortened(self._turns, place, is_broken)

    def _note_breach(self, place: Place, breach: str, *, is_first: bool) -> None:
        rules = [key for key, holds in self._rules(place.situation) if not holds]
        for key in rules:
            if is_first and key not in self.found.broken:
                self.found.shortest.add(key)
            self.found.broken.setdefault(key, place)
        if not rules:
            self.found.stuck.setdefault(breach, place)

    def _rules(self, situation: Situation) -> Iterator[tuple[tuple[str, str | None], bool]]:
        values = scope(self.world, situation)
        for name, rule in self.world.never.items():
            yield (name, None), not _may_be(rule, values)
        for outcome, rules in self.world.at_end.items():
            if situation.outcome is not None and outcome in {situation.outcome, "any"}:
                for name, rule in rules.items():
                    yield (name, outcome), rule.holds(values)


def _may_be(rule: Compiled, values: Mapping[str, object]) -> bool:
    """Whether a rule of what must never be counts as broken: so does one that cannot be computed."""
    try:
        return bool(rule(values))
    except ExpressionError:
        return True
