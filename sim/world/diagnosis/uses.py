"""What a world reads and sets: the names in its expressions, templates and effects."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from sim.world.diagnosis.study import Study
from sim.world.expressions import Compiled
from sim.world.world import EffectDef, MoveDef

_FILLED = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_NAME = re.compile(r"\w+")
_EMPTY = re.compile(r"(\w+)(?:\[[^\]]*\])?\s*(?:[!=]=\s*(?:null|''|\"\")|\.is_empty|\.length)")


@dataclass(frozen=True)
class Uses:
    """The names that are read (facts, derived values, groups, tables), all words, and the facts that are set.

    ``asked`` are the facts of which a condition asks whether they are empty; a fact that only its own effect reads,
    as a number that is counted up, is not among ``read``.
    """

    read: frozenset[str]
    words: frozenset[str]
    set_: frozenset[str]
    asked: frozenset[str]


@functools.lru_cache(maxsize=16)
def uses_of(study: Study) -> Uses:
    """What a world uses, all of its files taken together."""
    world, spec = study.world, study.world.spec
    read: set[str] = set()
    words: set[str] = set()
    set_: set[str] = set()
    asked: set[str] = set()
    parts = (world.facts, world.groups, world.actions, world.tools, world.states, world.lines)
    for found in _expressions((*parts, world.never, world.at_end, world.won_by)):
        effect, compiled = found if isinstance(found, tuple) else (None, found)
        names = compiled.reads - ({effect.fact} if effect is not None else set())
        read |= names
        words |= set(compiled.words) | _calls(compiled)
        asked |= set(_EMPTY.findall(compiled.text)) & names
        set_ |= {effect.fact} if effect is not None else set()
    filled = {name for text in _texts(study) for part in _FILLED.findall(text) for name in _NAME.findall(part)}
    read |= filled | {name for ballot in spec.ballots.values() for name in ballot.tie}
    read |= set(spec.executor.files.values())
    people = (persona for pool in world.pools.values() for persona in pool)
    set_ |= {fact for persona in people for fact in persona.facts}
    set_ |= {name for name, fact in spec.facts.items() if fact.deal}
    return Uses(frozenset(read), frozenset(words | filled), frozenset(set_), frozenset(asked | filled))


def _calls(compiled: Compiled) -> set[str]:
    """All names in the text of an expression, agents and roles among them."""
    return set(_NAME.findall(compiled.text))


def _expressions(value: Any) -> Iterator[Compiled | tuple[EffectDef, Compiled]]:
    if isinstance(value, Compiled):
        yield value
    elif isinstance(value, EffectDef):
        yield (value, value.value)
        yield from _expressions(value.index)
    else:
        for inner in _parts(value):
            yield from _expressions(inner)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, MoveDef):
        return (value.when, value.let, value.acts)
    if is_dataclass(value) and not isinstance(value, type):
        return (getattr(value, part.name) for part in fields(value))
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _texts(study: Study) -> Iterator[str]:
    """All words for people of a world, templates among them."""
    spec = study.world.spec
    yield from spec.opening.values()
    for part in (*spec.actions.values(), *spec.ballots.values(), *spec.tools.values(), *spec.states.values()):
        yield from _words(part)
    for roles in spec.lines.values():
        for moves in roles.values():
            for move in moves:
                for texts in move.say.values():
                    yield from texts


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{" in value:
            yield value
        return
    parts = (getattr(value, n) for n in type(value).model_fields) if isinstance(value, BaseModel) else _parts(value)
    for inner in parts:
        yield from _words(inner)
