"""The typed values of a world file: kinds, bounds, facts and the fields of acts.

The models that the whole format shares stand here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

IDENTIFIER = r"^[^\W\d]\w{0,63}$"

URL = "^https?://"
CURRENCY = "^[A-Z]{3}$"
"""Of an ISO code."""

Name = Annotated[str, Field(pattern=IDENTIFIER)]


def _as_text(value: Any) -> Any:
    return {"*": value} if isinstance(value, str) else value


def as_list(value: Any) -> Any:
    """A single name as a list of one."""
    return [value] if isinstance(value, str) else value


def _as_expression(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[dict[str, str], BeforeValidator(_as_text)]
"""Words for people: one text, or one for each language (``{zh: …, en: …}``)."""

Names = Annotated[list[str], BeforeValidator(as_list)]
"""One name, or a list of names."""

Expression = Annotated[str, BeforeValidator(_as_expression), Field(max_length=500)]
"""A condition or a value in the expression language (docs/world-format.md)."""


def _as_effect(value: Any) -> Any:
    return "null" if value is None else value


Effect = Annotated[Expression, BeforeValidator(_as_effect)]
"""A new value of a fact: an expression, or null where it is emptied."""


Effects = Annotated[dict[str, Effect], Field(max_length=100)]
"""New values of facts: ``FACT``, ``FACT[EXPRESSION]`` (of that agent) or ``FACT[*]`` (of each)."""


_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*([A-Za-z]{3})?")


@dataclass(frozen=True)
class Money:
    """An exact amount; ``currency`` is an ISO code."""

    amount: Decimal
    currency: str = "USD"

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


def money(text: str) -> Money:
    """Read an amount such as ``0.50USD``; US dollars where no currency is named.

    Raises:
        ValueError: if it is none.
    """
    found = _AMOUNT.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"'{text}' is no amount of money; it looks like 0.50USD or 3CNY")
    return Money(Decimal(found.group(1)), (found.group(2) or "USD").upper())


def _as_money(value: Any) -> Any:
    return value if value is None else str(money(str(value)))


class Part(BaseModel):
    """What all parts of a file share: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


class Budget(Part):
    """What a run may spend: it stops before the call that could exceed it, and can be resumed with more."""

    tokens: int | None = Field(None, ge=1)
    cost: Annotated[str | None, BeforeValidator(_as_money)] = Field(None, description="an amount such as 0.50USD")

    def limits(self) -> tuple[int | None, Money | None]:
        """The tokens and the amount."""
        return self.tokens, money(self.cost) if self.cost is not None else None


class Options(Part):
    """What can be chosen: the rows of a table, the agents of a role or fixed group, or ids with their labels."""

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
        None, description="one of a table's rows, of a role's agents, or of a list of ids"
    )
    list_: Annotated[ItemOptions, BeforeValidator(_as_item)] | None = Field(
        None, alias="list", description="several of a table's rows, agents or ids, or text or number"
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
    """A typed part of the world's state; with ``of``, each agent of a role or of a fixed group has its own."""

    of: str | None = Field(None, description="the role or fixed group of which each agent has its own value")
    start: Any = Field(None, description="its value at the start")
    deal: dict[str, int] | None = Field(
        None, description="values dealt over the agents by the seed: value, how many of them"
    )
    known_to: Names = Field(
        ["all"], description="who is shown it: all, nobody, self (its own agent), or roles, agents and groups"
    )
    shown: bool = Field(default=True, description="whether prompts list it for those who know it")
    shared: bool = Field(default=False, description="whether all episodes of a run see and change the same one")

    @model_validator(mode="after")
    def _dealt(self) -> Fact:
        if self.deal is not None and (self.of is None or self.choice is None):
            raise ValueError("only a choice that each agent has (of: ROLE) can be dealt")
        if self.deal is not None and self.shared:
            raise ValueError("what is dealt in each episode cannot be shared")
        if self.of is None and "self" in self.known_to:
            raise ValueError("'self' needs 'of': whose own it is")
        return self


class ActionField(TypedField):
    """A typed part of an act."""

    of: str | None = Field(None, description="the fact whose kind it has")
    one_of: Expression | None = Field(
        None, description="an expression that gives the list to choose from, as it stands when the act is offered"
    )

    def of_another(self) -> bool:
        """Whether the kind is taken from elsewhere."""
        return self.of is not None or self.one_of is not None
