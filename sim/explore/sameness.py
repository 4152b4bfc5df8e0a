"""Which situations are one for a search: those that differ in nothing that decides what may follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.engine.situation import Situation
from sim.explore.turns import Place
from sim.world.expressions import Compiled
from sim.world.world import Effects, World


def conditions_of(world: World) -> Iterator[Compiled]:
    """All expressions that decide what may be done, what follows from it and what is broken; not the effects."""
    for state in world.states.values():
        yield from (arrow.when for arrow in state.go)
        yield from (hold.when for hold in state.holds)
        yield from (state.named,) if state.named is not None else ()
    for action in world.actions.values():
        yield from (action.when, action.due, *(need.that for need in action.needs))
        yield from (f.one_of for f in action.fields.values() if f.one_of is not None)
    yield from world.never.values()
    for given in world.at_end.values():
        yield from given.values()
    yield from (group.where for group in world.groups.values())
    yield from (fact.compute for fact in world.facts.values() if fact.compute is not None)


def settable(world: World) -> frozenset[str]:
    """The facts that something in a world may set."""
    return frozenset(effect.fact for sets in _effects(world) for effect in sets)


def _effects(world: World) -> Iterator[Effects]:
    for state in world.states.values():
        yield from (arrow.sets for arrow in state.go)
    for action in world.actions.values():
        yield action.sets
        if action.ballot is not None:
            yield action.ballot.sets


def _deciding(world: World) -> set[str]:
    """The names that conditions read, and those that effects on these read in turn."""
    found: set[str] = set()
    ahead = {name for condition in conditions_of(world) for name in condition.reads}
    ahead |= {rule for a in world.actions.values() if a.ballot is not None for rule in a.ballot.tie}
    while ahead:
        found |= ahead
        after = {
            name
            for sets in _effects(world)
            for effect in sets
            if effect.fact in found
            for name in effect.value.reads | (effect.index.reads if effect.index is not None else frozenset())
        }
        ahead = after - found
    return found


class Sameness:
    """Gives situations that are one the same key."""

    def __init__(self, world: World) -> None:
        names = _deciding(world)
        self._keys = tuple(k for f, k in _facts(world) if f in names)
        states = world.states.values()
        arrows = [arrow for state in states for arrow in state.go]
        is_timed = any(a.after_minutes is not None for a in arrows)
        is_timed |= bool(names & {"minutes", "state_minutes"})
        is_drawn = any(s.order == "random" for s in states)
        is_drawn |= any("lot" in a.ballot.tie for a in world.actions.values() if a.ballot is not None)
        is_drawn |= any(
            (f := world.facts.get(rule)) is not None and "lot" in f.kind.options
            for a in world.actions.values()
            if a.ballot is not None
            for rule in a.ballot.tie
        )
        orders = any(s.order in {"manual", "auto", "rule", "random"} for s in states)
        self._parts = tuple(
            name
            for name, is_kept in (
                ("turn", is_timed or is_drawn or "turns" in names),
                ("minutes", is_timed),
                ("state_minutes", is_timed),
                ("speaker", orders or world.next_speakers is not None or "speaker" in names),
            )
            if is_kept
        )
        self._has_done = "done" in names
        self._most_turns = _most(world, "after_turns", is_exact="state_turns" in names)
        self._most_rounds = _most(world, "after_rounds", is_exact="rounds" in names)

    def __call__(self, place: Place) -> object:
        """The key of a place; where all speak at once, what they were asked with belongs to it."""
        situation = place.situation
        key = self._of(situation)
        return key if place.asked is situation else (key, self._of(place.asked))

    def _of(self, situation: Situation) -> object:
        facts, state = situation.facts, situation.state
        return (
            state,
            tuple(facts[k] for k in self._keys),
            tuple(getattr(situation, name) for name in self._parts),
            situation.waiting,
            min(situation.state_turns, self._most_turns[state]),
            min(situation.rounds, self._most_rounds[state]),
            tuple(situation.done.values()) if self._has_done else (),
            tuple((n, tuple(sorted(v.items(), key=_by_voter))) for n, v in sorted(situation.votes.items())),
            tuple(sorted(situation.runoffs.items())),
            situation.ties,
        )


def _by_voter(cast: tuple[str, Any]) -> str:
    return cast[0]


def _facts(world: World) -> Iterator[tuple[str, str]]:
    """The keys of the facts that are not derived, each with its fact's name."""
    for fact in world.facts.values():
        if fact.compute is None:
            yield from ((fact.name, k) for k in ([fact.name] if fact.of is None else map(fact.key, fact.of)))


def _most(world: World, limit: str, *, is_exact: bool) -> dict[str, float]:
    """Up to what number the turns or rounds in each state make a difference."""
    if is_exact:
        return dict.fromkeys(world.states, float("inf"))
    return {
        name: max(1, *(getattr(arrow, limit) or 0 for arrow in state.go), 1) for name, state in world.states.items()
    }
