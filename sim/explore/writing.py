"""Examples as they are read: as lines of a terminal, and as a file of acts that ``sim run --acts`` plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.engine.situation import Act
from sim.explore.examples import Example
from sim.explore.search import SEED
from sim.explore.turns import Turn
from sim.world.kinds import to_json
from sim.world.world import World


def as_acts(world: World, example: Example) -> dict[str, Any]:
    """The values of a file of acts (:class:`sim.models.acts.ActsFile`); what others do is no part of it.

    An act in the last turn that breaks a rule stands there like any other: a run of the file fails there.
    """
    given = {
        "world": world.name,
        "variant": world.variant,
        "lang": world.spec.languages[0],
        "seed": SEED,
        "episodes": 1 if world.spec.arrivals is not None else None,
        "facts": {key: to_json(value) for key, value in example.facts.items()} or None,
    }
    turns = [_entry(turn) for turn in example.turns if turn.speaker]
    return {**{key: value for key, value in given.items() if value is not None}, "turns": turns}


def _entry(turn: Turn) -> dict[str, Any]:
    if turn.is_lost:
        return {"speaker": turn.speaker, "answer": "", "refused": True}
    does = {act.action: _fields(act) for act in turn.acts}
    return {"speaker": turn.speaker, **({"does": does} if does else {})}


def _fields(act: Act) -> dict[str, Any]:
    return {name: to_json(value) for name, value in act.fields.items()}


def as_lines(example: Example) -> Iterator[str]:
    """The turns of an example, a line each: who does what; turns in which only words are said are put together."""
    for key, value in example.facts.items():
        yield f"--set {key}={_shown(to_json(value))}"
    number, talkers, first = 0, list[str](), 0
    for turn in (*example.turns, None):
        if turn is not None and turn.speaker and not turn.acts and not turn.is_lost:
            number += 1
            first = first if talkers else number
            talkers.append(turn.speaker)
            continue
        if talkers:
            last = first + len(talkers) - 1
            where = f"{first}" if first == last else f"{first}-{last}"
            yield f"{where:>5}  {_some(talkers)}"
            talkers = []
        if turn is None:
            return
        if turn.speaker:
            number += 1
            lost = " gives no valid answer" if turn.is_lost else ""
            acts = "; ".join(_act(act) for act in turn.acts)
            yield f"{number:>5}  {turn.speaker}{lost}{': ' if acts else ''}{acts}"
        else:
            what = f"leaves the queue for {turn.missed}" if turn.missed else f"used up: {', '.join(turn.used_up)}"
            yield f"{'':>5}  ({'others have ' if turn.used_up else ''}{what})"


def _some(talkers: list[str]) -> str:
    """Who spoke: all of a few, the first and the last of many."""
    shown = talkers if len(talkers) <= 4 else [talkers[0], talkers[1], "…", talkers[-1]]
    return ", ".join(shown)


def _act(act: Act) -> str:
    fields = " ".join(f"{name}={_shown(value)}" for name, value in _fields(act).items())
    return f"{act.action} {fields}".rstrip()


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_shown, value)) + "]"
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
