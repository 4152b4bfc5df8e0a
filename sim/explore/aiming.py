"""How near a situation is to breaking a rule: how many of the conditions hold that must hold together for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from rule_engine import ast

from sim.engine.situation import scope
from sim.explore.turns import Place
from sim.world.evaluation import Evaluator, NotHandled, Translator
from sim.world.expressions import Compiled
from sim.world.vocabulary import unspell
from sim.world.world import World

FIRST = 30
"""Places at each nearness from which a rule is aimed at, of those that were come to before."""


class Aim:
    """A condition that is to be made true."""

    def __init__(self, world: World, condition: Compiled) -> None:
        self._world = world
        self._parts = tuple(_evaluators(condition))

    def nearness(self, place: Place) -> int:
        """How many of its parts hold in a place."""
        values = scope(self._world, place.situation)
        return sum(_holds(part, values) for part in self._parts)

    def nearest(self, places: list[Place]) -> list[Place]:
        """Some of the places at each nearness, the nearest first: the very nearest may be past what matters."""
        levels: dict[int, list[Place]] = {}
        for place in places:
            levels.setdefault(self.nearness(place), []).append(place)
        found: list[Place] = []
        for level in sorted(levels, reverse=True):
            found += levels[level][:: max(1, len(levels[level]) // FIRST)][:FIRST]
        return found


class Ahead:
    """Places that wait to be looked at: the nearest first, and of these the first that was found."""

    def __init__(self, aim: Aim) -> None:
        self._aim = aim
        self._heap: list[tuple[int, int, Place]] = []
        self._numbers = count()

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._heap)

    def add(self, place: Place) -> None:
        """Put a place where it belongs."""
        heapq.heappush(self._heap, (-self._aim.nearness(place), next(self._numbers), place))

    def take(self) -> Place:
        """The nearest place."""
        return heapq.heappop(self._heap)[2]


def _evaluators(condition: Compiled) -> Iterator[Evaluator]:
    for part in _parts(condition.tree):
        try:
            yield Translator({**condition.words, **condition.functions}, unspell).translate(part)
        except NotHandled:
            continue


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.LogicExpression) and node.type == "and":
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def _holds(part: Evaluator, values: Mapping[str, Any]) -> bool:
    try:
        return bool(part(values))
    except (TypeError, AttributeError, ValueError, LookupError, ArithmeticError, RecursionError):
        return False
