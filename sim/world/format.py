"""The world and persona files as pydantic models: what may stand in them, and the short forms.

Wherever a model has a short form (``go: [till]`` for ``go: [{to: till}]``) it is written out before
validation, so that the rest of the package knows the long form alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.errors import did_you_mean
from sim.world.durations import Minutes, as_minutes
from sim.world.fields import (
    IDENTIFIER,
    ActionField,
    Budget,
    Effects,
    Expression,
    Fact,
    Name,
    Names,
    Part,
    Text,
    as_list,
)
from sim.world.phases import Context, State, as_context
from sim.world.stations import Arrivals, Resource, as_resource


def _as_derived(value: Any) -> Any:
    return {"is": value} if isinstance(value, str | bool | int | float) else value


class Derived(Part):
    """A value computed from the facts; known to those who know all the facts that it reads, or whom it names."""

    is_: Expression = Field(alias="is")
    label: Text = {}
    known_to: Names | None = Field(None, description="who is shown it, whatever it reads")
    shown: bool = Field(default=True, description="whether prompts list it for those who know it")


def _as_group(value: Any) -> Any:
    if isinstance(value, list):
        return {"agents": value}
    return {"where": value} if isinstance(value, str | bool) else value


class Group(Part):
    """A named set of agents: a fixed list, or those for whom (``me``) a condition holds."""

    agents: Names | None = Field(None, description="agents, roles and fixed groups")
    where: Expression | None = Field(None, description="a condition, tried for each agent as 'me'")
    of: Names | None = Field(None, description="the agents among whom the condition is tried; all if left out")
    label: Text = {}
    known_to: Names | None = Field(None, description="who may know its members; else those who know what it reads")
    shown: bool = Field(default=True, description="whether prompts list it for those who know it")

    @model_validator(mode="after")
    def _one(self) -> Group:
        if (self.agents is None) == (self.where is None):
            raise ValueError("needs either agents or a condition (where)")
        return self


def _as_needs(value: Any) -> Any:
    if isinstance(value, str | bool):
        value = [value]
    if isinstance(value, list):
        return [{"that": v} if isinstance(v, str | bool) else v for v in value]
    return value


def _as_fallback(value: Any) -> Any:
    if isinstance(value, str) and value != "skip":
        raise ValueError(f"'{value}' is not one of the choices{did_you_mean(value, ['skip'])}")
    return None if value == "skip" else value


class Need(Part):
    """A condition on an act, and what its actor is told when it does not hold."""

    that: Expression
    why: Text = {}


_LABEL = "what it is called: models read it beside the name, people where a language is asked for (--lang)"


class Action(Part):
    """A structured act: who may do it, when, with what, and what it changes."""

    by: Names = Field(min_length=1, description="the roles that may")
    label: Text = Field({}, description=_LABEL)
    about: Text = Field({}, description="what the actor is told about it; a template over what it knows")
    when: Expression = Field("true", description="it is open only while this holds")
    due: Expression = Field("false", description="while this holds, a turn without it is sent back")
    fields: dict[Name, ActionField] = {}
    needs: Annotated[list[Need], BeforeValidator(_as_needs)] = Field(
        [], description="conditions on the act's fields (act.NAME)"
    )
    sets: Effects = Field({}, description="fact, FACT[AGENT] or FACT[*]: its new value")
    fallback: Annotated[dict[Name, Expression] | None, BeforeValidator(_as_fallback)] = Field(
        None,
        description="what is done when the act is due and no valid one came: its fields, or skip for nothing",
    )


class Ballot(Part):
    """A vote: who votes, on what, and what follows from the count."""

    voters: Names = Field(min_length=1, description="roles, agents and groups")
    on: Expression = Field(description="the list voted on: agents or texts; 'me' is the voter")
    label: Text = Field({}, description=_LABEL)
    about: Text = Field({}, description="what a voter is told about it; a template over what it knows")
    secret: bool = Field(default=False, description="whether nobody is told who voted for what")
    majority: Literal["plurality", "absolute"] = Field(
        "plurality", description="the most votes, or more than half of those cast"
    )
    quorum: float = Field(0, ge=0, le=1, description="the least share of the voters that must have voted")
    tie: Names = Field(
        ["nobody"],
        min_length=1,
        description="what decides a tie, one after another: revote, lot, nobody, an agent, or a choice fact",
    )
    abstain: bool = Field(default=False, description="whether a voter may vote for nobody")
    sets: Effects = Field({}, description="fact: its new value; may read result.winner, count, cast, missing, tied")


class Tool(Part):
    """A look-up that a speaker may make before it speaks."""

    by: Names = Field(min_length=1, description="the roles, agents and groups that may")
    about: Text = Field({}, description="what the speaker is told about it")
    when: Expression = Field("true", description="it is open only while this holds")
    fields: dict[Name, ActionField] = {}
    gives: Expression | None = Field(None, description="the answer, an expression that may read act.FIELD")
    rule: str | None = Field(None, description="the function in rules.py that gives the answer")

    @model_validator(mode="after")
    def _one(self) -> Tool:
        if (self.gives is None) == (self.rule is None):
            raise ValueError("needs either gives (an expression) or rule (a function in rules.py)")
        return self


def _as_role(value: Any) -> Any:
    return {"persona": value} if isinstance(value, str) else value


class Role(Part):
    """A part in the cast, played by one agent, or by ``count`` of them."""

    persona: str | None = None
    personas: Names = Field([], description="for a count: the persona of each agent, in order")
    population: Names = Field(
        [], description="personas, or files of several, of which each episode draws one by the seed"
    )
    count: int | None = Field(None, ge=1, le=99, description="how many agents play it: P1, P2, …")
    called: str | None = Field(None, pattern=IDENTIFIER, description="what their ids begin with; the role's name")
    from_: int = Field(1, alias="from", ge=0, le=1, description="the number of the first")
    kind: Literal["llm", "human", "rule", "executor"] = Field(
        "llm", description="who answers: a model, a person, a Python function, or an executor that runs code"
    )
    function: str | None = Field(None, description="for the kind rule: the function in rules.py")
    reports: str | None = Field(None, description="for the kind executor: the action that tells what came of it")
    label: Text = {}

    @model_validator(mode="after")
    def _cast(self) -> Role:
        if [self.persona is None, not self.personas, not self.population].count(False) != 1:
            raise ValueError("needs a persona, the personas of its agents, or a population")
        if self.population and self.count is not None:
            raise ValueError("one agent is drawn from a population; a count has personas")
        if self.personas and len(self.personas) < (self.count or 1):
            raise ValueError(f"has {len(self.personas)} personas for {self.count or 1} agents")
        if (self.kind == "rule") != (self.function is not None):
            raise ValueError("a function in rules.py is what the kind rule needs, and no other")
        return self


class Executor(Part):
    """What code that an agent wrote may take: time, memory, and how much of its output is kept."""

    seconds: int = Field(60, ge=1, le=3600)
    memory_mb: int = Field(2048, ge=64)
    output: int = Field(2000, ge=100, le=20_000, description="characters of output that are kept")
    image: str | None = Field(
        None, description="runs in this image, where Docker has it; else in a limited local process"
    )
    files: dict[str, str] = Field({}, description="file in the work folder: the fact that names the file to copy")


class Transitions(Part):
    """Who may speak after whom, in all states: what is allowed, or what is not."""

    allowed: dict[str, Names] | None = None
    disallowed: dict[str, Names] | None = None

    @model_validator(mode="after")
    def _one(self) -> Transitions:
        if (self.allowed is None) == (self.disallowed is None):
            raise ValueError("needs either allowed or disallowed")
        return self


class Selection(Part):
    """The words with which a model is asked for the next speaker, in the order auto."""

    message: Text = Field({}, description="what the selector is told first; {roles} and {agentlist} are filled in")
    prompt: Text = Field({}, description="what it is asked last")
    multiple: Text = Field({}, description="what it is told when it names several")
    none: Text = Field({}, description="what it is told when it names nobody")
    tries: int = Field(2, ge=0, le=10, description="how often it is asked again")


class End(Part):
    """A named outcome."""

    kind: Literal["success", "failure", "neutral"] = "neutral"
    label: Text = {}
    won_by: Expression | None = Field(
        None, description="a condition on an agent, me: whether it is among the winners"
    )


def _as_end(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _as_ends(value: Any) -> Any:
    is_names = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return dict.fromkeys(value, "neutral") if is_names else value


class Limits(Part):
    """What every episode must stay within; whichever is reached first ends it as ``ends``."""

    turns: int = Field(100, ge=1, le=1_000_000)
    minutes: float | None = Field(None, gt=0)
    repairs: int = Field(2, description="how often an answer that cannot be used is sent back", ge=0, le=5)
    utterance: int = Field(1000, description="characters of an utterance; what is longer is cut", ge=1, le=20_000)
    ends: str | None = Field(None, description="the outcome; the world's own end out_of_limits where not given")


class Clock(Part):
    """How simulated minutes are shown."""

    start: str = Field("08:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="the time of day at minute 0")


def _as_say(value: Any) -> Any:
    return {"*": value} if isinstance(value, str | list) else value


class Move(Part):
    """What the scripted model may do in a state: said and done when ``when`` holds."""

    when: Expression = "true"
    let: dict[Name, Any] = Field({}, description="names for this move: expressions or {pick: …}")
    chance: float = Field(1.0, gt=0, le=1, description="how often it is taken when it could be, by the seed")
    say: Annotated[dict[str, Annotated[list[str], BeforeValidator(as_list)]], BeforeValidator(_as_say)] = {}
    do: dict[Name, dict[Name, Any]] = Field({}, description="action: its fields, expressions or {pick: …}")


def _spread(state: Any, languages: Any) -> Any:
    tell = state.get("tell") if isinstance(state, dict) else None
    is_words = isinstance(tell, dict) and tell and isinstance(languages, list) and all(k in languages for k in tell)
    return {**state, "tell": {"*": tell}} if isinstance(tell, str) or is_words else state


class WorldFile(Part):
    """``world.yaml``: a whole world."""

    world: Name
    title: Text = {}
    about: Text = {}
    languages: list[str] = Field(["en"], min_length=1)
    opening: Text = Field({}, description="the scene, heard by all before the first turn")
    clock: Clock = Clock()
    tables: dict[Name, dict[Name, dict[str, Any]]] = Field({}, description="constants: table, row, column")
    introductions: bool = Field(default=False, description="whether the narrator first introduces everybody")
    roles: dict[Name, Annotated[Role, BeforeValidator(_as_role)]] = Field(min_length=1)
    groups: dict[Name, Annotated[Group, BeforeValidator(_as_group)]] = {}
    facts: dict[Name, Fact] = {}
    derived: dict[Name, Annotated[Derived, BeforeValidator(_as_derived)]] = Field(
        {}, description="values computed from the facts"
    )
    actions: dict[Name, Action] = {}
    ballots: dict[Name, Ballot] = {}
    tools: dict[Name, Tool] = {}
    speaker_transitions: Transitions | None = None
    selection: Selection = Selection()
    executor: Executor = Executor()
    context: Annotated[Context, BeforeValidator(as_context)] = Context(of="all", turns=8)
    turn: Annotated[Minutes, BeforeValidator(as_minutes)] = Minutes(fixed=1)
    resources: dict[Name, Annotated[Resource, BeforeValidator(as_resource)]] = Field(
        {}, description="what episodes share and wait for: a number of servers, or a stock"
    )
    arrivals: Arrivals | None = Field(None, description="when episodes begin; one at minute 0 where not given")
    states: dict[Name, State] = Field(min_length=1)
    start: str
    ends: Annotated[dict[Name, Annotated[End, BeforeValidator(_as_end)]], BeforeValidator(_as_ends)] = Field(
        min_length=1
    )
    limits: Limits = Limits()
    budget: Budget = Field(Budget(), description="what a run may spend, unless the user says otherwise")
    never: dict[str, Expression] = Field({}, description="name: what must at no turn hold")
    at_end: dict[str, dict[str, Expression]] = Field({}, description="outcome (or any): name: what must then hold")
    lines: dict[str, dict[str, list[Move]]] = Field({}, description="state: role: moves of the scripted model")
    variants: dict[Name, dict[str, Any]] = Field({}, description="name: a patch of this file")

    @model_validator(mode="before")
    @classmethod
    def _spread_tell(cls, value: Any) -> Any:
        """Write out ``tell: Go on.`` and ``tell: {en: Go on.}``, which are for all who speak."""
        if not isinstance(value, dict) or not isinstance(value.get("states"), dict):
            return value
        languages = value.get("languages", ["en"])
        states = {name: _spread(state, languages) for name, state in value["states"].items()}
        return {**value, "states": states}


class Persona(Part):
    """``personas/NAME.yaml``: a character."""

    persona: Name
    name: Text
    age: int | None = Field(None, ge=0, le=150)
    sex: str | None = None
    background: Text = {}
    traits: Text = {}
    goals: Text = {}
    style: Text = Field({}, description="how they speak")
    knowledge: Text = {}
    private: Text = Field({}, description="what they know and do not tell of themselves")
    prompt: Text = Field({}, description="a template used in place of the usual character sheet")
    facts: dict[Name, bool | float | str | list[str]] = Field(
        {}, description="facts with which an episode begins where this persona was drawn from a population"
    )


class Population(Part):
    """``personas/NAME.yaml`` with several characters, of whom each episode draws one."""

    population: Name
    about: Text = {}
    people: dict[Name, dict[str, Any]] = Field(min_length=1, description="id: a persona, without its own id")
