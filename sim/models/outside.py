"""What comes from outside the world and is no model's answer: the user's choice, and the functions of a world.

All of it is in the log, so a log is replayed and verified without the user and without the code.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from sim.engine.situation import Situation, scope
from sim.errors import DefinitionError, MismatchError, did_you_mean
from sim.record.records import AnyRecord, LookUp, Selection
from sim.world.kinds import Value, to_json
from sim.world.world import World

Picker = Callable[[str, tuple[str, ...]], str]
"""Asks the user for one of several agents; the first argument says for what."""


class Outside(Protocol):
    """Who chooses the next speaker and answers look-ups where the world does not."""

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The agent who speaks next, by the user or a function."""

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """The answer of a tool's function; ``at`` is the turn that it is for."""


class Live:
    """The user at hand, if there is one, and the functions of the world's rules."""

    def __init__(self, picker: Picker | None = None) -> None:
        self._picker = picker

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """Ask the user or the function.

        Raises:
            DefinitionError: if there is nobody to ask, or the function chose somebody else.
        """
        state = world.states[situation.state]
        if state.order == "manual":
            if self._picker is None:
                raise DefinitionError(f"in '{state.name}' the user picks who speaks; run it in a terminal")
            return self._picker(state.name, candidates)
        chosen = call(world, state.rule or "", situation, "", candidates=list(candidates))
        if chosen not in candidates:
            raise DefinitionError(
                f"rules.py: {state.rule} chose '{chosen}'{did_you_mean(str(chosen), candidates)}; "
                f"it may choose: {', '.join(candidates)}"
            )
        return str(chosen)

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """Call the function of a tool."""
        given = {name: to_json(value) for name, value in fields.items()}
        return str(call(world, world.tools[tool].rule or "", situation, role, _listed, **given))


def call(
    world: World, function: str, situation: Situation, me: str, read: Callable[[Any], Any] = str, **given: Any
) -> Any:
    """Call a function of a world's rules with what it is told of the situation, and ``read`` what it gives.

    What it prints goes to standard error, for the output may be a document.

    Raises:
        DefinitionError: if the world has no such function, or it fails.
    """
    if function not in world.rules:
        raise DefinitionError(f"{world.name}: the function '{function}' of its rules.py is not loaded")
    values = scope(world, situation)
    told = {
        "state": situation.state,
        "turn": situation.turn + 1,
        "facts": {name: to_json(value) for name, value in situation.facts.items()},
        "derived": {n: to_json(values[n]) for n, f in world.facts.items() if f.compute is not None},
        "speaker": situation.speaker,
        "me": me,
        "seed": situation.seed,
        "episode": situation.episode,
    }
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return read(world.rules[function](told, **given))
    except (KeyboardInterrupt, DefinitionError):
        raise
    except BaseException as error:
        raise DefinitionError(f"rules.py: {function} failed: {type(error).__name__}: {error}") from error


def _listed(found: Any) -> str:
    return ", ".join(map(str, found)) if isinstance(found, list | tuple) else str(found)


class FromLog:
    """The choices and look-ups as a log has them."""

    def __init__(self, records: Iterable[AnyRecord]) -> None:
        self._chosen: dict[tuple[int, int], str] = {}
        self._found: dict[tuple[int, int, str], list[LookUp]] = {}
        for record in records:
            if isinstance(record, Selection):
                self._chosen[record.episode, record.turn] = record.chosen
            elif isinstance(record, LookUp):
                self._found.setdefault((record.episode, record.turn, record.role), []).append(record)

    def has_choice(self, situation: Situation) -> bool:
        """Whether the log says who speaks next."""
        return (situation.episode, situation.turn + 1) in self._chosen

    def has_look_up(self, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int) -> bool:
        """Whether the log has the answer of a tool."""
        return self._look_up(situation, role, tool, fields, at) is not None

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The recorded choice; raises ``MismatchError`` where there is none."""
        chosen = self._chosen.get((situation.episode, situation.turn + 1))
        if chosen not in candidates:
            raise MismatchError(f"turn {situation.turn + 1}: the log does not say who speaks")
        return chosen

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """The recorded answer of a tool; raises ``MismatchError`` where there is none."""
        found = self._look_up(situation, role, tool, fields, at)
        if found is not None:
            return found
        raise MismatchError(f"turn {at}: the log has no answer of '{tool}' for {role}")

    def _look_up(
        self, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str | None:
        given = {name: to_json(value) for name, value in fields.items()}
        for found in self._found.get((situation.episode, at, role), []):
            if found.tool == tool and found.fields == given:
                return found.result
        return None
