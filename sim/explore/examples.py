"""What runs of a world can come to, with an example of each: the turns that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from sim.engine.situation import Situation
from sim.explore.sameness import settable
from sim.explore.search import Found, Search
from sim.explore.turns import Place, Turn
from sim.world.kinds import Kind, Value
from sim.world.world import World

DEEPER = 20
"""How many times as much is tried where that is asked for."""

MOST_STARTS = 24
"""Options of the user that are tried otherwise for what was not reached."""


@dataclass(frozen=True)
class Example:
    """A run that comes to something: the turns from the beginning, and the facts that are set otherwise for it.

    No run of the seed comes there in fewer turns if it ``is_shortest``. ``place`` is where it ends.
    """

    place: Place
    facts: Mapping[str, Value]
    is_shortest: bool = False

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns; one without a speaker is a queue that was left."""
        return self.place.turns

    @property
    def length(self) -> int:
        """How many turns it takes."""
        return sum(bool(turn.speaker) for turn in self.turns)

    @property
    def hangs_on_others(self) -> bool:
        """Whether it takes what other episodes do: a queue is left, or what all share is used up."""
        return not all(turn.speaker for turn in self.turns)


@dataclass
class Explored:
    """What was found of a world.

    ``ends`` has an example of each end that was reached; ``broken`` one of each rule that a run breaks, by its
    name and the end at which it must hold (None where it must always); ``stuck`` one of each way in which a run
    breaks off because nobody can speak, or a fact cannot take its value. ``endless`` leads to where no run comes
    to an end but by a limit. ``arrows`` are those that were taken, by state and number. ``is_whole`` says that
    everything was looked at that can be done with the facts as they begin, and what the seed deals and draws.
    ``places`` are those that were come to, ``tried`` is how many turns were tried.
    """

    ends: dict[str, Example] = field(default_factory=dict)
    broken: dict[tuple[str, str | None], Example] = field(default_factory=dict)
    stuck: dict[str, Example] = field(default_factory=dict)
    endless: Example | None = None
    arrows: set[tuple[str, int]] = field(default_factory=set)
    is_whole: bool = False
    places: list[Place] = field(default_factory=list)
    tried: int = 0

    def take(self, found: Found, facts: dict[str, Value], *, is_first: bool) -> None:
        """Add what a search found."""
        for name, place in found.ends.items():
            self.ends.setdefault(name, Example(place, facts, is_first and name in found.shortest))
        for key, place in found.broken.items():
            example = Example(place, facts, is_first and key in found.shortest)
            if not example.hangs_on_others:
                self.broken.setdefault(key, example)
        for text, place in found.stuck.items():
            self.stuck.setdefault(text, Example(place, facts))
        if found.endless is not None and self.endless is None:
            self.endless = Example(found.endless, facts)
        self.arrows |= found.arrows
        self.tried += found.turns
        if is_first:
            self.is_whole = found.is_whole
            self.places = found.places

    @property
    def moments(self) -> list[Situation]:
        """Situations of runs in which somebody is asked to speak, and those passed through on the way there."""
        return [
            situation
            for place in self.places
            if place.asked is place.situation
            for situation in (*(hop.situation for hop in place.hops[:-1]), place.situation)
        ]


def explore(world: World, *, is_deep: bool = False) -> Explored:
    """Look for what runs of a world can come to, from its facts as they begin.

    A run is one episode, of seed 1; what others hold is not looked at, but that a queue is left is. ``is_deep``
    tries twenty times as much.
    """
    explored = Explored()
    explored.take(Search(world, times=DEEPER if is_deep else 1).run(), {}, is_first=True)
    return explored


def explore_further(
    world: World,
    explored: Explored,
    arrows: Set[tuple[str, int]],
    rules: Set[tuple[str, str | None]] = frozenset(),
    *,
    is_deep: bool = False,
) -> None:
    """Look further for what was not found: for ends with options of the user set otherwise, or used up by others.

    Rules that are not decided are to be broken in more games. Where it ``is_deep``, ``arrows`` are looked for too.
    """
    wanted: Set[tuple[str, int]] = arrows if is_deep else frozenset()
    times = DEEPER if is_deep else 1
    left = rules - explored.broken.keys()
    if left and not explored.is_whole:
        search = Search(world, times=times)
        explored.take(search.run_against(left, explored.places), {}, is_first=False)
    for rule in rules & explored.broken.keys():
        example = explored.broken[rule]
        if not example.is_shortest:
            place = Search(world, facts=example.facts).shorten(example.place, rule)
            explored.broken[rule] = Example(place, example.facts)
    if world.shared and not _has_all(world, explored, wanted):
        explored.take(Search(world, times=times, others=True).run(), {}, is_first=False)
    starts = list(_starts(world))
    for facts in starts:
        if _has_all(world, explored, wanted):
            return
        explored.take(Search(world, facts=facts, times=times / (2 * len(starts))).run(), facts, is_first=False)


def _has_all(world: World, explored: Explored, arrows: Set[tuple[str, int]]) -> bool:
    return set(world.spec.ends) <= set(explored.ends) and arrows <= explored.arrows


def _starts(world: World) -> Iterator[dict[str, Value]]:
    touched, found = settable(world), 0
    for fact in world.facts.values():
        if fact.compute is not None or fact.name in touched or fact.of is not None or fact.is_shared:
            continue
        for value in _others(fact.kind, fact.start):
            found += 1
            if found > MOST_STARTS:
                return
            yield {fact.name: value}


def _others(kind: Kind, start: Value) -> Iterator[Value]:
    match kind.name:
        case "flag":
            yield not start
        case "choice":
            yield from (option for option in kind.options if option != start)
        case "number" | "money":
            yield from (n for n in dict.fromkeys((kind.low, kind.high)) if n is not None and n != start)
