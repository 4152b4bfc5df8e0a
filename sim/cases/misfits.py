"""What a case names and its world does not have, and its conditions compiled."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from rule_engine import DataType

from sim.cases.format import Expect, Heard
from sim.cases.reading import Trial
from sim.errors import did_you_mean
from sim.world.expressions import Compiled
from sim.world.source import Key
from sim.world.vocabulary import ExpressionError
from sim.world.world import BROKEN, OUT_OF_LIMITS, World


@dataclass
class Conditions:
    """The compiled conditions of a case by where they stand, and what is wrong, each with its place."""

    compiled: dict[tuple[str, int], Compiled] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


def conditions_of(trial: Trial, world: World) -> Conditions:
    """Check what a case expects against its world, and compile its conditions."""
    made = Conditions()
    for what, name, path, known in _named(trial.case.expect, world):
        if name not in known:
            made.problems.append(
                (trial.place("expect", *path), f"unknown {what} '{name}'{did_you_mean(name, known)}")
            )
    expect = trial.case.expect
    for key, texts in (("always", expect.always), ("never", expect.never), ("at_end", expect.at_end)):
        for i, text in enumerate(texts):
            try:
                made.compiled[key, i] = Compiled(text, world.vocabulary, DataType.BOOLEAN)
            except ExpressionError as error:
                made.problems.append((trial.place("expect", key, i), str(error)))
    return made


Named = tuple[str, str, tuple[Key, ...], Collection[str]]
"""What a name is of, the name, where it stands, and which there are."""


def _named(expect: Expect, world: World) -> Iterator[Named]:
    """All names of a world among what is expected."""
    ends = [*world.spec.ends, OUT_OF_LIMITS, BROKEN]
    for i, name in enumerate(expect.outcome):
        yield "end", name, ("outcome", i), ends
    for key, names in (("path", expect.path or []), ("passes", expect.passes)):
        for i, name in enumerate(names):
            yield "state or end", name, (key, i), [*world.states, *ends]
    facts = [*world.fact_keys(), *(n for n, f in world.facts.items() if f.compute is not None)]
    for name in expect.facts:
        yield "fact", name, ("facts", name), facts
    for key, acts in (("does", expect.does), ("never_does", expect.never_does)):
        for i, act in enumerate(acts):
            for name in act:
                yield "action", name, (key, i), world.actions
    if expect.breach is not None:
        rules = [*world.never, *(name for rules in world.at_end.values() for name in rules)]
        yield "rule", expect.breach, ("breach",), rules
    for i, heard in enumerate(expect.heard):
        yield from _hearers(heard, i, world)


def _hearers(heard: Heard, index: int, world: World) -> Iterator[Named]:
    hearers = [*world.agents, *world.spec.roles, *world.spec.groups, "all"]
    for key, names in (("by", heard.by or []), ("never_by", heard.never_by or [])):
        for name in names:
            yield "agent, role or group", name, ("heard", index, key), hearers
    if heard.state is not None:
        yield "state", heard.state, ("heard", index, "state"), world.states
    if heard.speaker is not None:
        yield "agent", heard.speaker, ("heard", index, "speaker"), world.agents
