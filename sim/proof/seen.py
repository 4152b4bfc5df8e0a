"""Guesses that something contradicts that was seen in a run: they need no solver to be dropped.

A guess that does not hold at one moment of one run does not hold in every run. Most guesses go this way, and what
is left is proved by induction as before; nothing is believed because it was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sim.engine.situation import Scope, Situation, scope
from sim.proof.conditions import Condition, Part
from sim.world.evaluation import NotHandled, Translator
from sim.world.expressions import Compiled
from sim.world.vocabulary import unspell
from sim.world.world import World

if TYPE_CHECKING:
    from sim.proof.claims import Claim

MOST_SEEN = 400
"""Moments that are looked at; more would drop little more."""


class Seen:
    """Moments of runs at which somebody was asked to speak, and what held there."""

    def __init__(self, world: World, moments: Sequence[Situation]) -> None:
        self._world = world
        self._moments = list(_spread(moments))
        self._functions: dict[int, Any] = {}

    def left(self, claims: Sequence[Claim]) -> list[Claim]:
        """The claims that nothing seen contradicts; rules are left in any case."""
        kept = list(claims)
        for moment in self._moments:
            known: dict[int, bool | None] = {}
            values = scope(self._world, moment)
            kept = [c for c in kept if c.rule is not None or self._may_hold(c, moment, values, known)]
        return kept

    def _may_hold(self, claim: Claim, moment: Situation, values: Scope, known: dict[int, bool | None]) -> bool:
        if claim.state is not None and claim.state != moment.state:
            return True
        if not self._is_then(claim.when, moment, values):
            return True
        if claim.same is not None:
            one, other = claim.same
            return bool(values[one] == values[other])
        if claim.undone is not None:
            return moment.done[claim.undone] == 0
        if claim.fact is not None and self._is_as_it_began(claim.fact, moment):
            return True
        if claim.condition is None:
            return False
        told = self._told(claim.condition, values, known)
        return told is None or told is not claim.is_not

    def _is_then(self, when: str, moment: Situation, values: Scope) -> bool:
        if when == "always":
            return True
        if when == "as it is entered":
            return moment.state_turns == 0
        arrows = self._world.states[moment.state].go
        at_once = [a for a in arrows if not (a.after_turns or a.after_rounds or a.after_minutes)]
        is_open = any(arrow.when.holds(values) for arrow in at_once)
        return is_open == (when == "while an arrow is open")

    def _is_as_it_began(self, name: str, moment: Situation) -> bool:
        fact = self._world.facts[name]
        if fact.deal:
            return True
        keys = [name] if fact.of is None else [fact.key(a) for a in fact.of]
        return all(moment.facts[key] == fact.start for key in keys)

    def _told(self, condition: Condition, values: Scope, known: dict[int, bool | None]) -> bool | None:
        """Whether a condition holds; None where that is not told."""
        if id(condition) not in known:
            known[id(condition)] = self._evaluated(condition, values)
        return known[id(condition)]

    def _evaluated(self, condition: Condition, values: Scope) -> bool | None:
        if isinstance(condition, Compiled):
            return condition.holds(values)
        function = self._functions.get(id(condition), self)
        if function is self:
            function = self._functions[id(condition)] = _function(condition)
        if function is None:
            return None
        try:
            return bool(function(values))
        except (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RecursionError):
            return False


def _function(part: Part) -> Any:
    try:
        return Translator({**part.words, **part.functions}, unspell).translate(part.tree)
    except NotHandled:
        return None


def _spread(moments: Sequence[Situation]) -> Iterator[Situation]:
    """At most so many moments, from all over."""
    step = max(1, len(moments) / MOST_SEEN)
    at = 0.0
    while at < len(moments):
        yield moments[int(at)]
        at += step
