"""A world as the engine knows it: every name resolved, every expression compiled, every value typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.world.expressions import Compiled, Row
from sim.world.format import Context, Minutes, Move, Persona, WorldFile
from sim.world.kinds import Kind, Value, label_of

OUT_OF_LIMITS = "out_of_limits"
BROKEN = "invariant_broken"


@dataclass(frozen=True)
class FactDef:
    """A fact or a derived value: its kind, where it starts, and who knows it."""

    name: str
    kind: Kind
    start: Value
    known_to: frozenset[str]
    label: Mapping[str, str]
    compute: Compiled | None = None


@dataclass(frozen=True)
class NeedDef:
    """A condition on an act, and what its actor is told when it does not hold."""

    that: Compiled
    why: Mapping[str, str]


@dataclass(frozen=True)
class ActionDef:
    """A structured act, compiled."""

    name: str
    by: frozenset[str]
    label: Mapping[str, str]
    about: Mapping[str, str]
    when: Compiled
    due: Compiled
    fields: Mapping[str, Kind]
    field_labels: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, str]
    needs: tuple[NeedDef, ...]
    sets: Mapping[str, Compiled]
    fallback: Mapping[str, Compiled] | None


@dataclass(frozen=True)
class TransitionDef:
    """An arrow of the state machine."""

    to: str
    when: Compiled
    after_turns: int | None
    after_minutes: float | None
    sets: Mapping[str, Compiled]

    @property
    def guard(self) -> str:
        """The whole condition as text, for pictures and logs; empty where it always holds."""
        parts = [] if self.when.text == "true" else [self.when.text]
        if self.after_turns:
            parts.append(f"after {self.after_turns} turns")
        if self.after_minutes:
            parts.append(f"after {self.after_minutes:g} min")
        return " and ".join(parts)


@dataclass(frozen=True)
class Pick:
    """Values to choose from by the seed, each with its weight."""

    options: tuple[tuple[Value, float], ...]


Policy = Compiled | Pick | Value
"""How the scripted model comes to a field of an act: an expression, a pick, or a fixed value."""


@dataclass(frozen=True)
class MoveDef:
    """A move of the scripted model: what it may say and do, and when."""

    when: Compiled
    move: Move
    acts: Mapping[str, Mapping[str, Policy]]


@dataclass(frozen=True)
class StateDef:
    """A phase of the world, compiled."""

    name: str
    label: Mapping[str, str]
    speakers: tuple[str, ...]
    order: str
    tell: Mapping[str, Mapping[str, str]]
    actions: tuple[str, ...]
    heard_by: frozenset[str] | None
    context: Context
    turn: Minutes
    go: tuple[TransitionDef, ...]

    def audience(self, speaker: str) -> tuple[str, ...]:
        """The roles that hear a turn of ``speaker`` in this state, in alphabetical order."""
        heard = {speaker} if self.heard_by is None else self.heard_by | {speaker}
        return tuple(sorted(heard))


@dataclass(frozen=True, repr=False)
class World:
    """A checked world, ready to be run; the same for the same files, and never changed.

    ``resolved`` holds everything it was made of as plain values (the world with its variant applied, its lines
    and its personas); :func:`sim.world.library.revive` makes the world again from that alone, and ``digest`` is
    the SHA-256 of it.
    """

    spec: WorldFile
    personas: Mapping[str, Persona]
    facts: Mapping[str, FactDef]
    actions: Mapping[str, ActionDef]
    states: Mapping[str, StateDef]
    lines: Mapping[str, Mapping[str, tuple[MoveDef, ...]]]
    never: Mapping[str, Compiled]
    at_end: Mapping[str, Mapping[str, Compiled]]
    constants: Mapping[str, Mapping[str, Row]]
    row_labels: Mapping[str, Mapping[str, str]]
    resolved: Mapping[str, Any]
    digest: str
    variant: str | None = None

    def __repr__(self) -> str:
        return f"<World {self.name}{f' ({self.variant})' if self.variant else ''} {self.digest[:12]}>"

    @property
    def name(self) -> str:
        """The world's id."""
        return self.spec.world

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles, in the order of the file."""
        return tuple(self.spec.roles)

    def role_name(self, role: str, language: str) -> str:
        """What a role's agent is called: its persona's name."""
        return label_of(self.personas[role].name, language) or role

    def known(self, role: str) -> tuple[FactDef, ...]:
        """The facts and derived values that a role knows, in the order of the file."""
        return tuple(f for f in self.facts.values() if role in f.known_to)

    def show_option(self, kind: Kind, option: str, table: str | None, language: str) -> str:
        """An option with the columns of its table: ``ibuprofen (28.5)``."""
        label = kind.show(option, language)
        row = self.row_labels.get(table or "", {}).get(f"{option}\0{language}") if table else None
        return f"{label}({row})" if row else label

    def is_language(self, language: str) -> bool:
        """Whether the world speaks a language."""
        return language in self.spec.languages
