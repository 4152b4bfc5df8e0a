"""A world as the engine knows it: every name resolved, every expression compiled, every value typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sim.world.circles import Circle
from sim.world.durations import Minutes
from sim.world.expressions import Compiled
from sim.world.format import Move, Persona, WorldFile
from sim.world.kinds import Kind, Value, label_of
from sim.world.phases import Context, Summary
from sim.world.vocabulary import Vocabulary

OUT_OF_LIMITS = "out_of_limits"
BROKEN = "invariant_broken"


@dataclass(frozen=True)
class FactDef:
    """A fact or a derived value: its kind, where it starts, and who knows it.

    With ``of``, each of these agents has its own, kept as ``NAME.AGENT``; ``deal`` are the values that the seed
    deals over them. A shared one is the run's: all episodes see and change the same.
    """

    name: str
    kind: Kind
    start: Value
    known_to: Circle
    label: Mapping[str, str]
    compute: Compiled | None = None
    of: tuple[str, ...] | None = None
    deal: tuple[Value, ...] = ()
    is_shown: bool = True
    is_shared: bool = False

    def key(self, agent: str) -> str:
        """Where an agent's own value is kept."""
        return f"{self.name}.{agent}"


@dataclass(frozen=True)
class GroupDef:
    """A group whose members change: those of ``of`` for whom ``where`` holds."""

    name: str
    where: Compiled
    of: tuple[str, ...]
    known_to: Circle
    label: Mapping[str, str]
    is_shown: bool


@dataclass(frozen=True)
class NeedDef:
    """A condition on an act, and what its actor is told when it does not hold."""

    that: Compiled
    why: Mapping[str, str]


@dataclass(frozen=True)
class EffectDef:
    """A new value of a fact; of the agent that ``index`` names, or of each agent."""

    fact: str
    value: Compiled
    index: Compiled | None = None
    is_for_each: bool = False


Effects = tuple[EffectDef, ...]


@dataclass(frozen=True)
class FieldDef:
    """A field of an act or of a tool; ``one_of`` gives its options as they stand, where they change."""

    name: str
    kind: Kind
    label: Mapping[str, str]
    table: str | None = None
    one_of: Compiled | None = None


@dataclass(frozen=True)
class ActionDef:
    """A structured act, compiled; ``ballot`` where it is a vote."""

    name: str
    by: Circle
    label: Mapping[str, str]
    about: Mapping[str, str]
    when: Compiled
    due: Compiled
    fields: Mapping[str, FieldDef]
    needs: tuple[NeedDef, ...] = ()
    sets: Effects = ()
    fallback: Mapping[str, Compiled] | None = None
    ballot: BallotDef | None = None


@dataclass(frozen=True)
class BallotDef:
    """How votes are counted, and what follows."""

    name: str
    voters: Circle
    on: Compiled
    is_secret: bool
    is_absolute: bool
    quorum: float
    tie: tuple[str, ...]
    abstain: bool
    sets: Effects


@dataclass(frozen=True)
class ToolDef:
    """A look-up: an expression, or a function of the world's rules."""

    name: str
    by: Circle
    about: Mapping[str, str]
    when: Compiled
    fields: Mapping[str, FieldDef]
    gives: Compiled | None
    rule: str | None


@dataclass(frozen=True)
class TransitionDef:
    """An arrow of the state machine."""

    to: str
    when: Compiled
    after_turns: int | None
    after_rounds: int | None
    after_minutes: float | None
    sets: Effects

    @property
    def guard(self) -> str:
        """The whole condition as text, for pictures and logs; empty where it always holds."""
        parts = [] if self.when.text == "true" else [self.when.text]
        if self.after_turns:
            parts.append(f"after {self.after_turns} turn{'s' if self.after_turns > 1 else ''}")
        if self.after_rounds:
            parts.append(f"after {self.after_rounds} round{'s' if self.after_rounds > 1 else ''}")
        if self.after_minutes:
            parts.append(f"after {self.after_minutes:g} min")
        return " and ".join(parts)


@dataclass(frozen=True)
class Pick:
    """Values to choose from by the seed, each with its weight."""

    options: tuple[tuple[Value, float], ...]


@dataclass(frozen=True)
class PickFrom:
    """A list to choose from by the seed, as it stands; ``weight`` is an expression over ``it``."""

    options: Compiled
    weight: Compiled | None


Policy = Compiled | Pick | PickFrom | Value
"""How the scripted model comes to a value: an expression, a pick, or a fixed value."""


@dataclass(frozen=True)
class MoveDef:
    """A move of the scripted model: what it may say and do, and when."""

    when: Compiled
    move: Move
    let: Mapping[str, Policy]
    acts: Mapping[str, Mapping[str, Policy]]


@dataclass(frozen=True)
class HoldDef:
    """A resource that a state needs: its queue is left for ``otherwise`` when patience ends, or it is too long.

    It is needed only where ``when`` holds as the state is entered.
    """

    resource: str
    when: Compiled
    amount: float
    priority: Compiled | None
    patience: Minutes | None
    queue_at_most: int | None
    otherwise: str | None


@dataclass(frozen=True)
class StateDef:
    """A phase of the world, compiled.

    ``heard_by`` are those who hear it beside the speaker; with ``is_team`` the speaker's own role as well.
    ``repeat`` are those who may speak twice running.
    """

    name: str
    label: Mapping[str, str]
    speakers: Circle
    order: str
    named: Compiled | None
    rule: str | None
    repeat: Circle
    is_silent: bool
    is_verbatim: bool
    narrate: Mapping[str, str]
    tell: tuple[tuple[Circle, Mapping[str, str]], ...]
    actions: tuple[str, ...]
    heard_by: Circle
    is_team: bool
    context: Context
    forget: bool
    summary: Summary | None
    carried_to: Circle | None
    turn: Minutes
    go: tuple[TransitionDef, ...]
    holds: tuple[HoldDef, ...] = ()

    @property
    def is_at_once(self) -> bool:
        """Whether all speak at once, none hearing the others."""
        return self.order == "simultaneous"


Rule = Callable[..., Any]


PROMPTS = 2
"""The wording of prompts: 2 tells bounds, units and labels, 1 is that of logs that do not say which they have."""


@dataclass(frozen=True, repr=False)
class World:
    """A checked world, ready to be run; the same for the same files, and never changed.

    ``resolved`` holds everything it was made of as plain values (the world with its variant applied, its lines
    and its personas); :func:`sim.world.library.revive` makes the world again from that alone, and ``digest`` is
    the SHA-256 of it. ``next_speakers`` has, for each agent, who may speak after it, where the world says so;
    ``rules`` are the functions of its ``rules.py``, empty where it is not there or not allowed. ``pools`` are the
    personas of which each episode draws one for an agent. ``vocabulary`` has the names that expressions may use,
    ``won_by`` the condition on the winners (``me``) of each end that has some.
    """

    spec: WorldFile
    cast: Mapping[str, str]
    personas: Mapping[str, Persona]
    facts: Mapping[str, FactDef]
    groups: Mapping[str, GroupDef]
    actions: Mapping[str, ActionDef]
    tools: Mapping[str, ToolDef]
    states: Mapping[str, StateDef]
    lines: Mapping[str, tuple[tuple[str, Circle, tuple[MoveDef, ...]], ...]]
    never: Mapping[str, Compiled]
    at_end: Mapping[str, Mapping[str, Compiled]]
    constants: Mapping[str, Any]
    row_labels: Mapping[str, Mapping[str, str]]
    labels: Mapping[str, Mapping[str, str]]
    next_speakers: Mapping[str, frozenset[str]] | None
    resolved: Mapping[str, Any]
    digest: str
    variant: str | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    pools: Mapping[str, tuple[Persona, ...]] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=lambda: Vocabulary({}))
    won_by: Mapping[str, Compiled] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<World {self.name}{f' ({self.variant})' if self.variant else ''} {self.digest[:12]}>"

    @property
    def prompts(self) -> int:
        """The wording of its prompts, by which a run that is played again is asked what it was asked."""
        return int(self.resolved.get("prompts", 1))

    @property
    def name(self) -> str:
        """The world's id."""
        return self.spec.world

    @cached_property
    def shared(self) -> frozenset[str]:
        """The keys of the facts that all episodes of a run share."""
        facts = (f for f in self.facts.values() if f.is_shared)
        return frozenset(k for f in facts for k in ([f.name] if f.of is None else map(f.key, f.of)))

    @property
    def agents(self) -> tuple[str, ...]:
        """The ids of the agents, in the order of the file; ``cast`` has the role of each."""
        return tuple(self.cast)

    def agent_name(self, agent: str, language: str) -> str:
        """What an agent is called: its persona's name."""
        return label_of(self.personas[agent].name, language) or agent

    def part_name(self, agent: str, language: str) -> str:
        """What an agent is called whatever the episode: its name, or its role where each draws another."""
        if agent not in self.pools:
            return self.agent_name(agent, language)
        return label_of(self.spec.roles[self.cast[agent]].label, language) or agent

    def word(self, word: str, language: str) -> str:
        """What people read for an agent, a choice or a row of a table; other words as they are."""
        return label_of(self.labels.get(word, {}), language) or word

    def start(self, seed_order: Callable[[str, int], list[int]]) -> dict[str, Value]:
        """The facts at the start; ``seed_order(fact, n)`` shuffles what is dealt."""
        values: dict[str, Value] = {}
        for fact in self.facts.values():
            if fact.compute is not None:
                continue
            if fact.of is None:
                values[fact.name] = fact.start
            elif fact.deal:
                order = seed_order(fact.name, len(fact.of))
                values |= {fact.key(a): fact.deal[i] for a, i in zip(fact.of, order, strict=True)}
            else:
                values |= {fact.key(a): fact.start for a in fact.of}
        return values

    def fact_at(self, key: str) -> FactDef | None:
        """The fact that is kept under a key, ``NAME`` or ``NAME.AGENT``; None where there is none."""
        name, dot, agent = key.partition(".")
        fact = self.facts.get(name)
        if fact is None or fact.compute is not None or (fact.of is None) != (not dot):
            return None
        return fact if fact.of is None or agent in fact.of else None

    def fact_keys(self) -> tuple[str, ...]:
        """The keys of all facts that can be set."""
        plain = [f for f in self.facts.values() if f.compute is None]
        return tuple(k for f in plain for k in ([f.name] if f.of is None else map(f.key, f.of)))

    def show_option(self, kind: Kind, option: str, table: str | None, language: str) -> str:
        """An option with the columns of its table: ``ibuprofen (28.5)``."""
        label = kind.show(option, language)
        row = self.row_labels.get(table or "", {}).get(f"{option}\0{language}") if table else None
        return f"{label}({row})" if row else label

    def is_language(self, language: str) -> bool:
        """Whether the world speaks a language."""
        return language in self.spec.languages
