"""What may hold in the runs of a world: its rules, and guesses that may help to prove them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations

import z3

from sim.explore.sameness import settable
from sim.proof.conditions import Condition, Part, behind, conditions, every
from sim.proof.frames import Frame
from sim.proof.moments import dealt_out, keys_of, waits
from sim.proof.terms import Truth, Unknown, both, either, is_same, no
from sim.proof.translation import truth_of
from sim.world.expressions import Compiled
from sim.world.world import World

ALWAYS, ENTERED, RESTING, OPEN = "always", "as it is entered", "while no arrow is open", "while an arrow is open"
"""When in a state something may hold."""


@dataclass(frozen=True, eq=False)
class Claim:
    """Something that may hold at every moment, in a state or in all; ``reads`` are the keys that it depends on."""

    text: str
    state: str | None
    condition: Condition | None
    is_not: bool
    reads: frozenset[str]
    fact: str | None = None
    rule: str | None = None
    when: str = ALWAYS
    same: tuple[str, str] | None = None
    undone: str | None = None

    @cached_property
    def order(self) -> tuple[str, ...]:
        """What it reads, always in the same order."""
        return tuple(sorted(self.reads))

    def at(self, frame: Frame) -> Truth:
        """The claim at a moment; raises ``Unknown`` where it is not translated."""
        if self.state is not None and self.state != frame.state:
            return True
        if self.when == ENTERED:
            turns = frame.values["state_turns"]
            is_first = turns.as_long() == 0 if z3.is_int_value(turns) else turns == 0
            return True if is_first is False else either(no(is_first), self._now(frame))
        if self.when in {RESTING, OPEN}:
            is_open = either(*(frame.holds(guard) for guard in _guards(frame.world, frame.state)))
            return either(self._now(frame), is_open if self.when == RESTING else no(is_open))
        return self._now(frame)

    def _now(self, frame: Frame) -> Truth:
        if self.same is not None:
            one, other = (frame(name) for name in self.same)
            return is_same(one, other, frame.makings.codes)
        if self.undone is not None:
            return is_same(frame.values[f"done.{self.undone}"], Decimal(0), frame.makings.codes)
        if self.rule is not None:
            assert self.condition is not None  # noqa: S101 - a rule has one
            made = frame.exactly(self.condition)
            return both(no(made.failed), no(truth_of(made.value)))
        if self.fact is not None:
            whole = _as_it_began(frame, self.fact)
            if self.condition is None:
                return whole
            return either(whole, self._plain(frame))
        return self._plain(frame)

    def _plain(self, frame: Frame) -> Truth:
        assert self.condition is not None  # noqa: S101 - only facts have claims without
        found = frame.holds(self.condition)
        return no(found) if self.is_not else found


def _as_it_began(frame: Frame, name: str) -> Truth:
    """Whether a fact, or that of every agent, has the value that it began with."""
    fact = frame.world.facts[name]
    codes = frame.makings.codes
    if fact.deal:
        return dealt_out(fact, [frame.values[fact.key(a)] for a in fact.of or ()], codes)
    found = []
    for key in [name] if fact.of is None else [fact.key(a) for a in fact.of]:
        value = frame.values[key]
        if isinstance(value, Unknown):
            raise Unknown
        if fact.kind.name == "list":
            found.append(both(*(count == list(fact.start or ()).count(o) for count, o in value.items)))  # type: ignore[arg-type]
        else:
            found.append(is_same(value, fact.start, codes))
    return both(*found)


def guesses(world: World, *, is_fine: bool) -> list[Claim]:
    """What may help to prove the rules of a world; ``is_fine`` tells moments within a state apart."""
    found: list[Claim] = []
    touched = settable(world)
    facts = [n for n, f in world.facts.items() if f.compute is None and (n in touched or f.is_shared or f.deal)]
    told = [(key, part, keys_of(world, part)) for key, part in conditions(world).items()]
    options = {key for name in world.facts.keys() - set(facts) for key in _of(world, name)}
    for place in (None, *world.states):
        # What a user chose before the run is news only where the way there hangs on it.
        ways = {k for s in world.states.values() for a in s.go if a.to == place for k in keys_of(world, a.when)}
        here = [(key, part, reads) for key, part, reads in told if reads & ways or not reads <= options]
        for when in _moments(world, place) if is_fine else (ALWAYS,):
            found += _there(world, place, facts, when, here)
    for name in facts:
        for key, part in behind(world, name).items():
            for is_not in (False, True):
                text = f"{name} as it began, or {'not ' * is_not}{key}"
                reads = _of(world, name) | keys_of(world, part)
                found.append(Claim(text, None, part, is_not, reads, fact=name))
    return found


def _moments(world: World, place: str | None) -> tuple[str, ...]:
    if place is None:
        return (ALWAYS,)
    return (ALWAYS, ENTERED, RESTING, OPEN) if _guards(world, place) else (ALWAYS, ENTERED)


def _guards(world: World, state: str) -> list[Compiled]:
    """The guards of the arrows that are taken as soon as they are open."""
    return [arrow.when for arrow in world.states[state].go if not waits(arrow)]


def _there(
    world: World, place: str | None, facts: list[str], when: str, told: list[tuple[str, Part, frozenset[str]]]
) -> Iterator[Claim]:
    """What may hold in a state, or in all."""
    where = f"{place}, {when}"
    further = {"state_turns"} if when == ENTERED else set()
    if when in {RESTING, OPEN} and place is not None:
        further = {key for guard in _guards(world, place) for key in keys_of(world, guard)}
    for name in facts:
        reads = _of(world, name) | further
        yield Claim(f"{where}: {name} as it began", place, None, False, reads, fact=name, when=when)
    for key, part, reads in told:
        for is_not in (False, True):
            yield Claim(f"{where}: {'not ' * is_not}{key}", place, part, is_not, reads | further, when=when)
    for one, other in combinations([n for n in facts if _is_amount(world, n)], 2):
        if world.facts[one].kind.unit == world.facts[other].kind.unit:
            reads = frozenset({one, other}) | further
            yield Claim(f"{where}: {one} = {other}", place, None, False, reads, when=when, same=(one, other))
    for action in sorted({n for c in every(world) if "done" in c.reads for n in world.actions}):
        reads = frozenset({f"done.{action}"}) | further
        yield Claim(f"{where}: {action} not done", place, None, False, reads, when=when, undone=action)


def _is_amount(world: World, name: str) -> bool:
    fact = world.facts[name]
    return fact.of is None and fact.kind.name in {"number", "money"}


def _of(world: World, name: str) -> frozenset[str]:
    fact = world.facts[name]
    return frozenset([name] if fact.of is None else map(fact.key, fact.of))
