"""The protocol between the engine and whoever answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from sim.engine import tokens
from sim.engine.messages import Prompt
from sim.engine.room import answer_tokens
from sim.engine.situation import Situation
from sim.engine.streams import Streams
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.record.records import Usage
from sim.world.world import World

Purpose = Literal["turn", "repair", "look_up", "selection", "summary", "digest"]
"""Why a model is asked: for a turn, a better answer, after a look-up, for the next speaker, for a summary."""

Place = tuple[int, int, int, str]
"""Where an answer belongs: episode, turn, attempt, and whether it is for a turn or for something else."""


def place_of(episode: int, turn: int, attempt: int, purpose: str) -> Place:
    """The place of an answer; better answers and those after a look-up are for the turn."""
    return episode, turn, attempt, purpose if purpose in {"selection", "summary", "digest"} else "turn"


@dataclass(frozen=True)
class Request:
    """A question to a model: the prompt, and, for models in this process, where it came from.

    ``turn`` is the turn that is asked for, ``candidates`` are those from whom a selection is made, ``draft`` is
    what a summary is made of, ``heard`` the last that the speaker heard; with ``has_tools`` it may make look-ups. A
    model that is paid for looks into the ``cache`` and keeps to the ``budget`` of the run, where there are any.
    """

    prompt: Prompt
    world: World
    situation: Situation
    role: str
    attempt: int
    language: str
    streams: Streams
    turn: int = 1
    purpose: Purpose = "turn"
    has_tools: bool = False
    candidates: tuple[str, ...] = ()
    draft: str = ""
    heard: str = ""
    cache: Cache | None = None
    budget: Budget | None = None

    @property
    def place(self) -> Place:
        """Where the answer belongs."""
        return place_of(self.situation.episode, self.turn, self.attempt, self.purpose)


@dataclass(frozen=True)
class Reply:
    """An answer: the words as they came, what they took, and what was only measured.

    ``cost`` is None where the price is not known; ``currency`` is an ISO code. ``model`` is who answered, where a
    model has others to hand over to. ``spent`` are answers before this one that were paid for and of no use.
    """

    text: str
    usage: Usage
    cost: Decimal | None
    currency: str | None
    measured: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    price: Mapping[str, str] | None = None
    spent: tuple[Reply, ...] = ()


class Model(Protocol):
    """Anything that answers."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the log's header says of it; no secrets.

        One that stands for several in turn also has ``described_at(place)``.
        """

    def answer(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            ModelError: if it cannot.
        """


def answered(model: Model, request: Request) -> Reply:
    """The answer of a model within the budget of the request.

    A model that ``keeps_budget`` does so itself: an endpoint, each of whose tries may have to be paid for, and one
    that takes no tokens.

    Raises:
        BudgetError: if it could exceed the budget.
        ModelError: if it cannot answer.
    """
    budget = request.budget
    if budget is None or getattr(model, "keeps_budget", False):
        return model.answer(request)
    prompt = tokens.count_messages(request.prompt.messages)
    most = Usage(prompt=prompt, completion=answer_tokens(request.world, model.description), is_estimated=True)
    held = budget.reserve(model.name, most, None)
    reply: Reply | None = None
    try:
        reply = model.answer(request)
    finally:
        budget.settle(most, held, reply.usage if reply else None, reply.cost if reply else None)
    return reply
