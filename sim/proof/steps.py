"""Everything that may happen in a world between two moments in which its rules are looked at.

Each step says more than a run can do, never less: who speaks when is left open, time passes as it likes, and of a
vote it is only known that somebody was voted for who could be, or nobody. What holds after all of them from where
it held before, holds in every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import z3

from sim.proof.conditions import Condition
from sim.proof.doing import Doing, Fields
from sim.proof.frames import COUNTERS, Frame
from sim.proof.moments import keys_of, waits
from sim.proof.terms import Items, Truth, Unknown, both, either, is_same, is_term, no
from sim.world.world import ActionDef, BallotDef, StateDef

MOST_ACTS = 6
"""Actions of a state that may be done in one turn; all their combinations are steps of their own."""


@dataclass(frozen=True)
class Step:
    """Something that may happen: from one moment, under a condition, to the next.

    ``outcome`` is the end that is come to, ``arrow`` the number of the arrow of the state that is taken.
    ``assumed`` are other moments at which all rules held as well. A step that is ``midway`` follows another before
    the rules are looked at. ``what`` says it in words, with the names of the world.
    """

    before: Frame
    when: Truth
    after: Frame
    changed: frozenset[str]
    outcome: str | None = None
    arrow: int | None = None
    assumed: tuple[Frame, ...] = ()
    is_midway: bool = False
    what: str = ""


class Steps(Doing):
    """The steps of a world from a state."""

    def of(self, name: str) -> Iterator[Step]:
        """All that may happen in a state."""
        state, here = self._world.states[name], self._start.with_values({}, name)
        for agent, is_one in self._speakers(here, state):
            yield from self._turns(here, state, agent, is_one)
        counted = list(self._counted(here, state))
        yield from counted
        yield from self._arrows(here, state, counted)
        if state.holds:
            yield self._waited(here)
        for hold in state.holds:
            if hold.otherwise is not None:  # queues are left before anybody speaks
                yield self._moved(here, hold.otherwise, here, here.values["state_turns"] == 0, frozenset(), None)
        if self._world.shared:
            yield self._shared(here)

    def _speakers(self, here: Frame, state: StateDef) -> Iterator[tuple[Any, Truth]]:
        """Who may speak: one by one where they are fixed, or one of several who is not known."""
        circle = state.speakers
        if not circle.agents and not circle.groups:
            return
        if len(circle.agents) <= 1 and not circle.groups:
            yield from ((agent, True) for agent in circle.agents)
            return
        if not circle.groups and len({self._world.cast[a] for a in circle.agents}) == len(circle.agents):
            yield from ((agent, True) for agent in sorted(circle.agents))  # each has a role of its own
            return
        someone = z3.Int(self._makings.name("me"))
        yield someone, either(*(is_same(someone, a, self._makings.codes) for a in self._world.cast))

    def _passed(self, here: Frame, agent: Any) -> tuple[dict[str, Any], Truth]:
        """Who spoke last, and counters that are any later ones."""
        values: dict[str, Any] = {n: here.values[n] + 1 for n in ("turns", "state_turns")}
        spent, rounds = z3.Real(self._makings.name("minutes")), z3.Int(self._makings.name("rounds"))
        values |= {n: here.values[n] + spent for n in ("minutes", "state_minutes")}
        values["rounds"] = rounds  # a vote that is taken again is no round of its own
        conditions: list[Truth] = [spent >= 0, rounds >= 0]
        values["speaker"] = agent if is_term(agent) else self._makings.codes.of(agent)
        return values, both(*conditions)

    def _turns(self, here: Frame, state: StateDef, agent: Any, is_one: Truth) -> Iterator[Step]:
        """The turns of an agent, by what it does in them."""
        actions = [self._world.actions[a] for a in state.actions if a in self._world.actions]
        acts = [a for a in actions if a.ballot is None]
        if len(acts) > MOST_ACTS:
            raise Unknown
        asked, assumed = self._asked(here, state, agent)
        speaks = both(is_one, self._may_speak(asked, state, agent), assumed, self.is_still(asked, state))
        values, passed = self._passed(here, agent)
        for ballot in (a.name for a in actions if a.ballot is not None):
            voted = z3.Int(self._makings.name(ballot))
            values[f"done.{ballot}"] = here.values[f"done.{ballot}"] + voted
            passed = both(passed, voted >= 0, voted <= 1)
        moments = () if asked is here else (asked,)
        ways = {a.name: self._offered(asked, a, agent) for a in acts}
        for done in _subsets(acts):
            current, when = here, both(speaks, passed)
            for action in done:
                fields, offered = ways[action.name]
                current, may = self._acted(current, action, agent, fields)
                when = both(when, offered, may)
            if self._is_forced and not state.is_at_once:
                when = both(when, *(no(self._must(here, a, agent, ways[a.name][1])) for a in acts if a not in done))
            if when is not False:
                after = current.with_values(values)
                changed = frozenset(k for k, v in after.values.items() if v is not here.values.get(k))
                what = f"{' and '.join(a.name for a in done) or 'a turn'} in {state.name}"
                yield Step(here, when, after, changed, assumed=moments, what=what)

    def is_still(self, here: Frame, state: StateDef) -> Truth:
        """Whether no arrow would have been taken before: after a turn in the state the first that is open is."""
        if state.is_at_once or any(
            self._world.actions[a].ballot for a in state.actions if a in self._world.actions
        ):
            return True
        conditions: list[Truth] = []
        for arrow in state.go:
            if not waits(arrow) and not self._may_turn(arrow.when):
                try:
                    conditions.append(no(here.holds(arrow.when)))
                except Unknown:
                    continue
        return either(here.values["state_turns"] == 0, both(*conditions))

    def _may_turn(self, condition: Condition) -> bool:
        """Whether a condition may come true between two turns: by what others share, or as time passes."""
        return bool(keys_of(self._world, condition) & {*self._world.shared, "minutes", "state_minutes"})

    def _offered(self, asked: Frame, action: ActionDef, agent: Any) -> tuple[Any, Truth]:
        """The fields with which an agent may do an action, and whether it was open to it."""
        inner = asked.with_names(me=agent)
        fields, allowed = self._fields(inner, action)
        return fields, both(asked.is_in(agent, action.by), allowed, inner.may_hold(action.when))

    def _acted(self, here: Frame, action: ActionDef, agent: Any, fields: Any) -> tuple[Frame, Truth]:
        """The moment after an act, and whether it may be done."""
        inner = here.with_names(me=agent, act=fields)
        conditions = [inner.may_hold(action.when), *(inner.may_hold(need.that) for need in action.needs)]
        if any(c is False for c in conditions):
            return here, False
        changes, fits = self._effects(inner, action.sets)
        done = f"done.{action.name}"
        changes[done] = here.values[done] + 1
        return here.with_values(changes), both(*conditions, fits)

    def _asked(self, here: Frame, state: StateDef, agent: Any) -> tuple[Frame, Truth]:
        """The moment at which an agent was asked: where all are asked at once, others have done something since.

        What was open to it, and with which options, was settled then.
        """
        changes: dict[str, Any] = {}
        conditions: list[Truth] = []
        for name, fact in self._plain.items():
            keys = [name] if fact.of is None else [fact.key(a) for a in fact.of]
            by_others = [a for a in state.actions if state.is_at_once and self._sets(a, name)]
            if not (by_others or fact.is_shared):
                continue
            for key in keys:
                changes[key], domain = self._any(key, fact)
                conditions.append(domain)
                if fact.is_shared:
                    continue
                others = either(*(self._another(here, self._world.actions[a], agent) for a in by_others))
                try:
                    conditions.append(either(others, _equal(changes[key], here.values[key], here)))
                except Unknown:
                    continue
        if not changes and not state.is_at_once:
            return here, True
        counters, known_of = self._sometime() if state.is_at_once else ({}, True)
        return here.with_values({**changes, **counters}), both(*conditions, known_of)

    def _sometime(self) -> tuple[dict[str, Any], Truth]:
        """Counters, and who spoke last, at some moment before."""
        values: dict[str, Any] = {"speaker": z3.Int(self._makings.name("speaker"))}
        for name in COUNTERS:
            values[name] = (
                z3.Real(self._makings.name(name)) if "minutes" in name else z3.Int(self._makings.name(name))
            )
        values |= {f"done.{a}": z3.Int(self._makings.name(a)) for a in self._world.actions}
        speakers = either(*(values["speaker"] == self._makings.codes.of(a) for a in ("", *self._world.cast)))
        return values, both(speakers, *(v >= 0 for v in values.values()))

    def _another(self, here: Frame, action: ActionDef, agent: Any) -> Truth:
        """Whether somebody else than an agent may do an action."""
        codes = self._makings.codes
        return either(*(both(no(is_same(a, agent, codes)), here.is_in(a, action.by)) for a in self._world.cast))

    def _sets(self, action: str, fact: str) -> bool:
        given = self._world.actions.get(action)
        return given is not None and any(effect.fact == fact for effect in given.sets)

    def _counted(self, here: Frame, state: StateDef) -> Iterator[Step]:
        """The end of a round, when the votes of the state are counted."""
        ballots = [b for a in state.actions if a in self._world.actions and (b := self._world.actions[a].ballot)]
        if not ballots:
            return
        current, changed, conditions = here, set[str](), list[Truth]()
        voted, before = self._voted(here, state)
        for ballot in ballots:
            result, possible = self._result(voted, ballot)
            changes, fits = self._effects(current.with_names(result=result), ballot.sets)
            current = current.with_values(changes)
            changed |= set(changes)
            conditions += [possible, fits]
        moments = () if voted is here else (voted,)
        what = f"the count of {' and '.join(b.name for b in ballots)} in {state.name}"
        yield Step(here, both(*conditions, before), current, frozenset(changed), None, None, moments, True, what)

    def _voted(self, here: Frame, state: StateDef) -> tuple[Frame, Truth]:
        """The moment at which votes were cast, before some of what was done in the same round."""
        changes: dict[str, Any] = {}
        conditions: list[Truth] = []
        for name, fact in self._plain.items():
            if fact.is_shared or any(self._sets(a, name) for a in state.actions):
                for key in [name] if fact.of is None else [fact.key(a) for a in fact.of]:
                    changes[key], domain = self._any(key, fact)
                    conditions.append(domain)
        counters, known_of = self._sometime()
        return here.with_values({**changes, **counters}), both(*conditions, known_of)

    def _result(self, voted: Frame, ballot: BallotDef) -> tuple[dict[str, Any], Truth]:
        codes = self._makings.codes
        winner = z3.Int(self._makings.name("winner"))
        chosen: list[Truth] = [winner == 0]
        for voter in self._world.cast:
            may = voted.is_in(voter, ballot.voters)
            if may is False:
                continue
            try:
                made = voted.with_names(me=voter).translated(ballot.on)
                options = either(*(both(t, is_same(o, winner, codes)) for t, o in made.value.present()))
            except Unknown:
                options = either(*(is_same(a, winner, codes) for a in self._world.cast))
            chosen.append(both(may, options))
        numbers = {name: z3.Int(self._makings.name(name)) for name in ("count", "cast", "missing")}
        known_of = both(*(n >= 0 for n in numbers.values()), numbers["cast"] >= numbers["count"])
        return Fields({"winner": winner, **numbers, "tied": Unknown()}), both(either(*chosen), known_of)

    def _arrows(self, here: Frame, state: StateDef, counted: Sequence[Step]) -> Iterator[Step]:
        """The arrows of a state; where all speak at once, or a round must be over, right after the votes."""
        for number, arrow in enumerate(state.go):
            after_votes = bool(counted) and (state.is_at_once or bool(arrow.after_rounds))
            for step in counted if after_votes else ():
                assumed = (*step.assumed, step.after)
                made = self._arrow(here, state, number, step.after, step.when, step.changed, assumed)
                yield replace(made, is_midway=True)
            nobody = no(either(*(self._may_speak(here, state, a) for a in self._world.cast)))
            spoken = both(here.values["state_turns"] >= 1, self._last(here, state))
            when = nobody if after_votes else either(nobody, spoken)
            if when is not False:
                yield self._arrow(here, state, number, here, when, frozenset(), ())

    def _last(self, here: Frame, state: StateDef) -> Truth:
        """Who spoke last in a state, as far as what is done there has no say in who may."""
        found = {effect.fact for a in state.actions if a in self._world.actions for effect in self._sets_of(a)}
        touched = frozenset(k for name in found for k in self._keys(self._world.facts[name])) | self._world.shared
        conditions = [self._world.groups[g].where for g in state.speakers.groups]
        conditions += [state.named] if state.named is not None else []
        if any(keys_of(self._world, c) & {*touched, "speaker", *COUNTERS} for c in conditions):
            return True
        return self._member(here, state, here.values["speaker"])

    def _arrow(
        self,
        here: Frame,
        state: StateDef,
        number: int,
        there: Frame,
        when: Truth,
        changed: frozenset[str],
        assumed: tuple[Frame, ...],
    ) -> Step:
        arrow = state.go[number]
        passed_over = [t for t in state.go[:number] if not waits(t)]
        conditions = [when, there.may_hold(arrow.when)]
        for earlier in passed_over:
            try:
                conditions.append(no(there.holds(earlier.when)))
            except Unknown:
                continue
        changes, fits = self._effects(there, arrow.sets)
        after = there.with_values(changes)
        whole = both(*conditions, fits)
        return self._moved(here, arrow.to, after, whole, changed | set(changes), number, assumed)

    def _moved(
        self,
        here: Frame,
        to: str,
        there: Frame,
        when: Truth,
        changed: frozenset[str],
        arrow: int | None,
        assumed: tuple[Frame, ...] = (),
    ) -> Step:
        """Another state or an end is come to."""
        what = f"{here.state} → {to}"
        if to not in self._world.states:
            return Step(here, when, there, changed, to, arrow, assumed, what=what)
        zero = {"state_turns": z3.IntVal(0), "state_minutes": z3.RealVal(0)}
        rounds = z3.Int(self._makings.name("rounds"))
        entered = there.with_values({**zero, "rounds": rounds}, to)
        changed |= {*zero, "rounds", "state"}
        return Step(here, both(when, rounds >= 0), entered, changed, None, arrow, assumed, what=what)

    def _waited(self, here: Frame) -> Step:
        """Time passes in a queue, or while what is held is taken away."""
        spent = z3.Real(self._makings.name("minutes"))
        there = here.with_values({"minutes": here.values["minutes"] + spent})
        return Step(here, spent >= 0, there, frozenset({"minutes"}), what=f"waiting in {here.state}")

    def _shared(self, here: Frame) -> Step:
        """Other episodes change what is shared."""
        changes: dict[str, Any] = {}
        conditions: list[Truth] = []
        for key in sorted(self._world.shared):
            fact = self._world.fact_at(key)
            assert fact is not None  # noqa: S101 - it is one of the world's
            changes[key], domain = self._any(key, fact)
            conditions.append(domain)
        what = "what other episodes do"
        return Step(here, both(*conditions), here.with_values(changes), frozenset(changes), what=what)


def _subsets(actions: Sequence[ActionDef]) -> Iterator[tuple[ActionDef, ...]]:
    """What may be done together, in the order in which it is done; nothing at all comes first."""
    for count in range(len(actions) + 1):
        yield from combinations(actions, count)


def _equal(one: Any, other: Any, here: Frame) -> Truth:
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        raise Unknown
    if isinstance(one, Items) and isinstance(other, Items):
        return both(*(a == b for (a, _), (b, _) in zip(one.items, other.items, strict=True)))
    return is_same(one, other, here.makings.codes)
