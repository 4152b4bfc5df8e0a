"""The protocol between the engine and whoever answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from sim.engine.machine import Situation
from sim.engine.prompt import Prompt
from sim.engine.streams import Streams
from sim.record.records import Usage
from sim.world.world import World


@dataclass(frozen=True)
class Request:
    """A question to a model: the prompt, and, for models in this process, where it came from."""

    prompt: Prompt
    world: World
    situation: Situation
    role: str
    attempt: int
    language: str
    streams: Streams


@dataclass(frozen=True)
class Reply:
    """An answer: the words as they came, what they took, and what was only measured.

    ``cost`` is None where the price is not known; ``currency`` is an ISO code.
    """

    text: str
    usage: Usage
    cost: Decimal | None
    currency: str | None
    measured: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """Anything that answers."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the log's header says of it; no secrets."""

    def answer(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            ModelError: if it cannot.
        """
