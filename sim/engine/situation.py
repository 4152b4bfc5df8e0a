"""Where an episode stands, and everything that can be read from it: names, groups, audiences, knowledge.

Pure values and pure functions; what follows from a situation is computed once and kept with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sim.engine.streams import Streams
from sim.world.circles import Circle
from sim.world.kinds import Kind, Value
from sim.world.rows import Each, Row
from sim.world.vocabulary import ExpressionError
from sim.world.world import ActionDef, FactDef, FieldDef, GroupDef, StateDef, ToolDef, World

Votes = Mapping[str, Mapping[str, str | None]]


@dataclass(frozen=True)
class Act:
    """A structured act whose fields have been read, such as ``pay_fee`` with ``amount`` 15."""

    action: str
    fields: Mapping[str, Value]


@dataclass(frozen=True)
class Situation:
    """Where an episode stands between two turns.

    ``turn`` counts the turns taken; ``minutes`` is simulated time since the episode began; ``visit`` counts the
    states entered after the first; ``done`` how often each action was taken. ``rounds`` are the whole rounds in
    this state, ``waiting`` those who are yet to speak in the present one. ``votes`` are those cast and not counted
    yet, ``runoffs`` the candidates of votes that are taken again. What was said before the visit
    ``forgotten`` is forgotten. ``ahead`` has, where all speak at once, what is changed from outside before a later
    turn of the round: the turn, facts and a seed.
    """

    episode: int
    state: str
    facts: Mapping[str, Value]
    done: Mapping[str, int]
    turn: int = 0
    state_turns: int = 0
    minutes: float = 0.0
    state_minutes: float = 0.0
    visit: int = 0
    speaker: str = ""
    outcome: str | None = None
    seed: int = 0
    rounds: int = 0
    waiting: tuple[str, ...] = ()
    votes: Votes = field(default_factory=dict)
    runoffs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ties: int = 0
    forgotten: int = 0
    ahead: tuple[tuple[int, Mapping[str, Value], int | None], ...] = ()

    def having(self, **changes: Any) -> Situation:
        """This situation with some fields changed: ``dataclasses.replace``, without its tenfold cost.

        A fold over a long log makes a situation for every turn.
        """
        made = object.__new__(Situation)
        vars(made).update(vars(self), **changes)
        for kept in ("_scope", "_step"):  # what follows from it is its own
            vars(made).pop(kept, None)
        return made

    @property
    def streams(self) -> Streams:
        """The seeded draws of this episode."""
        return Streams(self.seed, self.episode)


class Scope(dict[str, Any]):
    """The values of all names that an expression may read; what must be computed is, when it is first asked for."""

    def __init__(self, world: World, situation: Situation) -> None:
        super().__init__(world.constants)
        self.update(situation.facts)
        self["state"] = situation.state
        self["speaker"] = situation.speaker
        self["turns"] = situation.turn
        self["state_turns"] = situation.state_turns
        self["rounds"] = situation.rounds
        self["minutes"] = situation.minutes
        self["state_minutes"] = situation.state_minutes
        self._world = world
        self._done = situation.done

    def __missing__(self, name: str) -> Any:
        """Compute a fact that each agent has, a group, a derived value, or the counts of acts."""
        value: Any
        fact = self._world.facts.get(name)
        group = self._world.groups.get(name)
        if fact is not None and fact.of is not None:
            value = Each((agent, self[fact.key(agent)]) for agent in fact.of)
        elif fact is not None and fact.compute is not None:
            value = self._computed(fact)
        elif group is not None:
            value = tuple(agent for agent in group.of if group.where.holds(self.about(agent)))
        elif name == "done":
            value = Row({n: Decimal(count) for n, count in self._done.items()})
        else:
            raise KeyError(name)
        self[name] = value
        return value

    def _computed(self, fact: FactDef) -> Value:
        try:
            return fact.compute(self) if fact.compute else None
        except ExpressionError:
            return fact.kind.empty

    def about(self, agent: str, **more: Any) -> Inner:
        """These values and ``me``, and others by name."""
        return Inner(self, me=agent, **more)


class Inner(dict[str, Any]):
    """A few more names on top of a scope."""

    def __init__(self, outer: Mapping[str, Any], **names: Any) -> None:
        super().__init__(names)
        self._outer = outer

    def __missing__(self, name: str) -> Any:
        """The value of a name of the outer scope."""
        value = self[name] = self._outer[name]
        return value

    def extended(self, **names: Any) -> Inner:
        """These values and a few more names."""
        return Inner(self, **names)


def scope(world: World, situation: Situation) -> Scope:
    """The values of all names that an expression may read; made once for a situation."""
    kept = situation.__dict__.get("_scope")
    if kept is not None and kept[0] is world:
        return kept[1]  # type: ignore[no-any-return]
    values = Scope(world, situation)
    object.__setattr__(situation, "_scope", (world, values))
    return values


def is_in(values: Mapping[str, Any], agent: str, circle: Circle) -> bool:
    """Whether an agent is in a circle now."""
    return agent in circle.agents or any(agent in values[group] for group in circle.groups)


def members(world: World, values: Mapping[str, Any], circle: Circle) -> tuple[str, ...]:
    """Who is in a circle now, in the order in which they are named, or in the order of the cast."""
    if not circle.order:
        return tuple(a for a in world.cast if is_in(values, a, circle))
    if not circle.groups:
        return circle.order
    found = (a for name in circle.order for a in (values[name] if name in circle.groups else (name,)))
    return tuple(dict.fromkeys(found))


def audience(world: World, values: Mapping[str, Any], state: StateDef, speaker: str) -> tuple[str, ...]:
    """The agents that hear a turn of a speaker in a state, in alphabetical order."""
    heard = {speaker} if speaker else set()
    if state.is_team and speaker:
        heard |= {a for a, role in world.cast.items() if role == world.cast[speaker]}
    return tuple(sorted(heard.union(members(world, values, state.heard_by))))


def narrated_to(world: World, values: Mapping[str, Any], state: StateDef) -> tuple[str, ...]:
    """Those who hear the narrator in a state: its audience, or its speakers where each hears only itself."""
    heard = members(world, values, state.heard_by)
    if state.is_team or not (state.heard_by.agents or state.heard_by.groups):
        heard = members(world, values, state.speakers)
    return tuple(sorted(heard))


def knows(values: Mapping[str, Any], agent: str, known: FactDef | GroupDef) -> bool:
    """Whether an agent knows a fact (of all agents, where each has its own) or who is in a group."""
    return is_in(values, agent, known.known_to)


def shown_value(world: World, fact: FactDef, agent: str, values: Mapping[str, Any], language: str) -> str | None:
    """A fact as one agent sees it: as people read it; None where the agent does not know it."""
    if fact.of is None:
        return fact.kind.show(values[fact.name], language) if knows(values, agent, fact) else None
    if agent in fact.of and (fact.known_to.own or knows(values, agent, fact)):
        return fact.kind.show(values[fact.key(agent)], language)
    return None


def names_of(world: World, agents: tuple[str, ...], language: str) -> str:
    """The names of some agents, as people read them."""
    return ("、" if language.startswith("zh") else ", ").join(world.agent_name(a, language) for a in agents)


class Listed(tuple[str, ...]):
    """The words for a list in a template: what counts, picks or joins sees each, and as text they are one."""

    comma: str

    def __new__(cls, words: Iterable[str], language: str) -> Listed:
        """Take the words, and the comma of the language."""
        made = super().__new__(cls, words)
        made.comma = "、" if language.startswith("zh") else ", "
        return made

    def __str__(self) -> str:
        return self.comma.join(self)


class Shown(dict[str, object]):
    """What a template may use, as people read it: the cast, and what its reader knows; made as it is asked for."""

    def __init__(self, world: World, agent: str | None, values: Mapping[str, Any], language: str) -> None:
        super().__init__()
        self._world = world
        self._agent = agent
        self._values = values
        self._language = language

    def __missing__(self, name: str) -> object:
        """The words for a name; raises ``KeyError`` where there is none, or the reader does not know it."""
        found = self._found(name)
        if found is None:
            raise KeyError(name)
        self[name] = found
        return found

    def _found(self, name: str) -> object:
        world, values, language = self._world, self._values, self._language
        if name in world.cast or (name == "me" and self._agent is not None):
            return world.agent_name(name if name in world.cast else self._agent or "", language)
        fact, group = world.facts.get(name), world.groups.get(name)
        if fact is not None:
            value = self._fact(fact)
            if value is None or fact.kind.name != "list":
                return "" if value == "—" else value
            item = fact.kind.item or fact.kind
            given = self._value(fact)
            words = given if isinstance(given, tuple) else ()
            return Listed((item.show(v, language) for v in words), language)
        if group is not None:
            may = self._agent is None or knows(values, self._agent, group)
            return self._names(values[name]) if may else None
        fixed = world.constants.get(name)
        return self._names(fixed) if isinstance(fixed, tuple) else None

    def _names(self, agents: tuple[str, ...]) -> Listed:
        return Listed((self._world.agent_name(a, self._language) for a in agents), self._language)

    def _value(self, fact: FactDef) -> Value:
        """The value of a fact, or of the reader's own."""
        found: Value = self._values[fact.name if fact.of is None else fact.key(self._agent or "")]
        return found

    def _fact(self, fact: FactDef) -> str | None:
        if self._agent is not None:
            return shown_value(self._world, fact, self._agent, self._values, self._language)
        return fact.kind.show(self._values[fact.name], self._language) if fact.of is None else None


def shown(world: World, agent: str, values: Mapping[str, Any], language: str) -> Shown:
    """What a template for an agent may use: what it knows, as people read it, and the names of the cast."""
    return Shown(world, agent, values, language)


def told(world: World, values: Mapping[str, Any], language: str) -> Shown:
    """What the narrator's templates may use; that all who hear it know it is checked when a world is loaded."""
    return Shown(world, None, values, language)


@dataclass(frozen=True)
class Offer:
    """An act or a look-up that is open to an agent now, with the kinds of its fields as they stand."""

    action: ActionDef | ToolDef
    kinds: Mapping[str, Kind]
    is_due: bool = False

    @property
    def name(self) -> str:
        """The name of the action or tool."""
        return self.action.name


def kind_now(world: World, situation: Situation, action: str, given: FieldDef, inner: Mapping[str, Any]) -> Kind:
    """The kind of a field now: where its options change, those that there are."""
    if given.one_of is None:
        return given.kind
    try:
        options = given.one_of(inner)
    except ExpressionError:
        options = ()
    options = options or ()
    again = situation.runoffs.get(action)
    if again is not None:
        options = tuple(o for o in options if o in again)
    return Kind("choice", options={o: world.labels.get(o, {}) for o in options if o})


def _offer(
    world: World, situation: Situation, action: ActionDef | ToolDef, inner: Mapping[str, Any]
) -> Offer | None:
    kinds = {n: kind_now(world, situation, action.name, f, inner) for n, f in action.fields.items()}
    if any(f.one_of is not None and not kinds[n].options for n, f in action.fields.items()):
        return None
    return Offer(action, kinds, isinstance(action, ActionDef) and action.due.holds(inner))


def open_actions(world: World, situation: Situation, agent: str) -> list[Offer]:
    """The actions and ballots open to an agent now, in the order of the state."""
    values = scope(world, situation)
    inner = values.about(agent)
    found = []
    for name in world.states[situation.state].actions:
        action = world.actions.get(name)
        if action is None or not is_in(values, agent, action.by) or not action.when.holds(inner):
            continue
        if action.ballot is not None and agent in situation.votes.get(name, {}):
            continue
        if situation.runoffs and name not in situation.runoffs:
            continue  # where a vote is taken again, the rest of its round is over
        offer = _offer(world, situation, action, inner)
        if offer is not None:
            found.append(offer)
    return found


def open_tools(world: World, situation: Situation, agent: str) -> list[Offer]:
    """The look-ups open to an agent now, in the order of the state."""
    values = scope(world, situation)
    inner = values.about(agent)
    found = []
    for name in world.states[situation.state].actions:
        tool = world.tools.get(name)
        if tool is not None and is_in(values, agent, tool.by) and tool.when.holds(inner):
            offer = _offer(world, situation, tool, inner)
            found += [offer] if offer is not None else []
    return found
