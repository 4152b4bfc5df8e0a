"""The world and persona files as pydantic models: what may stand in them, and the short forms.

Wherever a model has a short form (``go: [till]`` for ``go: [{to: till}]``) it is written out before
validation, so that the rest of the package knows the long form alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sim.errors import did_you_mean

IDENTIFIER = r"^[^\W\d]\w{0,63}$"

Name = Annotated[str, Field(pattern=IDENTIFIER)]


def _as_text(value: Any) -> Any:
    return {"*": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_expression(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[dict[str, str], BeforeValidator(_as_text)]
"""Words for people: one text, or one for each language (``{zh: …, en: …}``)."""

Names = Annotated[list[str], BeforeValidator(_as_list)]
"""One name, or a list of names."""

Expression = Annotated[str, BeforeValidator(_as_expression), Field(max_length=500)]
"""A condition or a value in the expression language (docs/world-format.md)."""


class Part(BaseModel):
    """What all parts of a file share: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class Options(Part):
    """What can be chosen: the rows of a table, or ids with their labels."""

    table: str | None = None
    ids: dict[Name, Text] = {}


def _as_options(value: Any) -> Any:
    if isinstance(value, str):
        return {"table": value}
    if isinstance(value, list):
        return {"ids": {item: {} for item in value}} if all(isinstance(i, str) for i in value) else value
    return {"ids": value} if isinstance(value, dict) else value


def _as_item(value: Any) -> Any:
    return {"word": value} if isinstance(value, str) and value in {"text", "number"} else _as_options(value)


class ItemOptions(Options):
    """What the items of a list are: ``text``, ``number``, the rows of a table, or ids."""

    word: Literal["text", "number"] | None = None


class TypedField(Part):
    """A typed value: exactly one of the kinds, and its bounds."""

    flag: bool | None = Field(None, description="true or false; the value given is the one at the start")
    number: str | None = Field(None, description="a number; the text is its unit")
    money: str | None = Field(None, description="an amount with two decimals; the text is its currency")
    text: int | None = Field(None, description="words; the number is how many characters at most", gt=0, le=2000)
    choice: Annotated[Options, BeforeValidator(_as_options)] | None = Field(
        None, description="one of a table's rows, or of a list of ids"
    )
    list_: Annotated[ItemOptions, BeforeValidator(_as_item)] | None = Field(
        None, alias="list", description="several of a table's rows or ids, or text or number"
    )
    from_: float | None = Field(None, alias="from", description="the least number")
    to: float | None = Field(None, description="the greatest number")
    whole: bool = Field(default=False, description="whole numbers only")
    at_least: int | None = Field(None, description="the fewest items of a list", ge=0)
    at_most: int | None = Field(None, description="the most items of a list", ge=1, le=100)
    label: Text = Field({}, description="what people and models are shown instead of the name")

    @model_validator(mode="after")
    def _one_kind(self) -> TypedField:
        if self.of_another():
            return self
        kinds = [k for k in ("flag", "number", "money", "text", "choice", "list_") if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise ValueError("needs exactly one of flag, number, money, text, choice, list")
        return self

    def of_another(self) -> bool:
        """Whether the kind is taken from elsewhere."""
        return False


class Fact(TypedField):
    """A typed part of the world's state."""

    start: Any = Field(None, description="its value at the start")
    known_to: Names = Field(["all"], description="the roles whose prompts show it, or all, or nobody")


class ActionField(TypedField):
    """A typed part of an act."""

    of: str | None = Field(None, description="the fact whose kind it has")

    def of_another(self) -> bool:
        """Whether the kind is a fact's."""
        return self.of is not None


def _as_derived(value: Any) -> Any:
    return {"is": value} if isinstance(value, str | bool | int | float) else value


class Derived(Part):
    """A value computed from the facts; known to those who know all the facts that it reads."""

    is_: Expression = Field(alias="is")
    label: Text = {}


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


class Action(Part):
    """A structured act: who may do it, when, with what, and what it changes."""

    by: Names = Field(min_length=1, description="the roles that may")
    label: Text = Field({}, description="what it is called")
    about: Text = Field({}, description="what the actor is told about it; a template over what it knows")
    when: Expression = Field("true", description="it is open only while this holds")
    due: Expression = Field("false", description="while this holds, a turn without it is sent back")
    fields: dict[Name, ActionField] = {}
    needs: Annotated[list[Need], BeforeValidator(_as_needs)] = Field(
        [], description="conditions on the act's fields (act.NAME)"
    )
    sets: dict[Name, Expression] = Field({}, description="fact: its new value")
    fallback: Annotated[dict[Name, Expression] | None, BeforeValidator(_as_fallback)] = Field(
        None,
        description="what is done when the act is due and no valid one came: its fields, or skip for nothing",
    )


class Minutes(Part):
    """How long a turn takes, in simulated minutes: exactly one of these."""

    fixed: float | None = Field(None, ge=0, le=100_000)
    uniform: list[float] | None = Field(None, min_length=2, max_length=2)
    lognormal: dict[Literal["mean", "sd"], float] | None = None

    @model_validator(mode="after")
    def _one(self) -> Minutes:
        if [self.fixed, self.uniform, self.lognormal].count(None) != 2:
            raise ValueError("needs exactly one of fixed, uniform, lognormal")
        if self.uniform and not 0 <= self.uniform[0] <= self.uniform[1]:
            raise ValueError("uniform needs two numbers, the smaller first")
        if self.lognormal and (set(self.lognormal) != {"mean", "sd"} or min(self.lognormal.values()) <= 0):
            raise ValueError("lognormal needs a mean and an sd above zero")
        return self


def _as_minutes(value: Any) -> Any:
    return {"fixed": value} if isinstance(value, int | float) else value


def _as_context(value: Any) -> Any:
    return {"of": value} if isinstance(value, str) else value


class Context(Part):
    """What of the heard history a speaker is given; the last of it where it is cut."""

    of: Literal["all", "state", "none"] = Field("all", description="all that was heard, or in this state only")
    turns: int | None = Field(None, description="at most so many turns", ge=1)
    tokens: int | None = Field(None, description="at most so many tokens of history", ge=1)


def _as_transition(value: Any) -> Any:
    if isinstance(value, str):
        return {"to": value}
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) not in Transition.model_fields:
        (to, when), *_ = value.items()
        return {"to": to, "when": when}
    return value


class After(Part):
    """A limit within a state: turns, simulated minutes, or both."""

    turns: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _some(self) -> After:
        if self.turns is None and self.minutes is None:
            raise ValueError("needs turns or minutes")
        return self


class Transition(Part):
    """Where to go next, and when."""

    to: str
    when: Expression = "true"
    after: After | None = Field(None, description="only after so many turns or minutes in this state")
    sets: dict[Name, Expression] = {}


class State(Part):
    """A phase: who speaks, in what order, told what, able to do what, heard by whom, and where it leads."""

    label: Text = {}
    speakers: Names = Field(min_length=1)
    order: Literal["alternate", "random", "single"] = Field(
        "alternate", description="in turn (two or more), by the seed, or only the first"
    )
    tell: dict[str, Text] = Field({}, description="what each role is told here; * for all")
    actions: Names = []
    heard_by: Names = Field(["speakers"], description="speakers, all, self, or roles")
    context: Annotated[Context, BeforeValidator(_as_context)] | None = None
    turn: Annotated[Minutes, BeforeValidator(_as_minutes)] | None = Field(
        None, description="how long a turn takes, in simulated minutes"
    )
    go: list[Annotated[Transition, BeforeValidator(_as_transition)]] = []


def _as_role(value: Any) -> Any:
    return {"persona": value} if isinstance(value, str) else value


class Role(Part):
    """A part in the cast."""

    persona: str
    label: Text = {}


class End(Part):
    """A named outcome."""

    kind: Literal["success", "failure", "neutral"] = "neutral"
    label: Text = {}


def _as_end(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _as_ends(value: Any) -> Any:
    is_names = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return dict.fromkeys(value, "neutral") if is_names else value


class Limits(Part):
    """What every episode must stay within; whichever is reached first ends it as ``ends``."""

    turns: int = Field(100, ge=1, le=1_000_000)
    minutes: float | None = Field(None, gt=0)
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
    chance: float = Field(1.0, gt=0, le=1, description="how often it is taken when it could be, by the seed")
    say: Annotated[dict[str, Annotated[list[str], BeforeValidator(_as_list)]], BeforeValidator(_as_say)] = {}
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
    roles: dict[Name, Annotated[Role, BeforeValidator(_as_role)]] = Field(min_length=1)
    facts: dict[Name, Fact] = {}
    derived: dict[Name, Annotated[Derived, BeforeValidator(_as_derived)]] = Field(
        {}, description="values computed from the facts"
    )
    actions: dict[Name, Action] = {}
    context: Annotated[Context, BeforeValidator(_as_context)] = Context(of="all", turns=8)
    turn: Annotated[Minutes, BeforeValidator(_as_minutes)] = Minutes(fixed=1)
    states: dict[Name, State] = Field(min_length=1)
    start: str
    ends: Annotated[dict[Name, Annotated[End, BeforeValidator(_as_end)]], BeforeValidator(_as_ends)] = Field(
        min_length=1
    )
    limits: Limits = Limits()
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
