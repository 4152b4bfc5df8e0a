"""The recorded model: answers from a log, matched by position and by the hash of the prompt. Fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.errors import MismatchError
from sim.models.model import Reply, Request
from sim.record.records import AnyRecord, Call

Key = tuple[int, int, int, str]


class Recorded:
    """Answers as a log has them; never asks anyone else."""

    keeps_budget = True  # an answer that is recorded was paid for before

    def __init__(self, records: Iterable[AnyRecord], name: str, description: Mapping[str, Any]) -> None:
        self.name = name
        self.description = description
        others = description.get("first_of")
        self._names = {name, *(str(m.get("name")) for m in (others if isinstance(others, list) else ()))}
        self._calls: dict[Key, Call] = {}
        self._spent: dict[tuple[int, int, int, str, str], list[Call]] = {}
        for call in records:
            if isinstance(call, Call) and call.purpose == "retry":
                self._spent.setdefault(_place(call), []).append(call)
            elif isinstance(call, Call):
                self._calls[_key(call.episode, call.turn, call.attempt, call.purpose)] = call

    def answer(self, request: Request) -> Reply:
        """The recorded answer.

        Raises:
            MismatchError: if there is none here, or its prompt was another one.
        """
        found = self.find(request)
        if found is None:
            raise MismatchError(f"{_where(request)}: the log has no answer here", self.spent(request))
        return found

    def find(self, request: Request) -> Reply | None:
        """The recorded answer; None where there is none.

        Raises:
            MismatchError: if its prompt was another one.
        """
        episode = request.situation.episode
        call = self._calls.get(_key(episode, request.turn, request.attempt, request.purpose))
        if call is None:
            return None
        if call.prompt != request.prompt.digest:
            raise MismatchError(f"{_where(request)}: the prompt of {request.role} is not the recorded one")
        return replace(self._reply(call), spent=self.spent(request))

    def spent(self, request: Request) -> tuple[Reply, ...]:
        """The answers before it that were paid for in vain."""
        place = (
            request.situation.episode,
            request.turn,
            request.attempt,
            request.role,
            request.prompt.digest,
        )
        return tuple(map(self._reply, self._spent.get(place, [])))

    def _reply(self, call: Call) -> Reply:
        """An answer as it was; a model that the header does not name answered nothing."""
        cost = None if call.cost is None else Decimal(call.cost)
        price = {str(k): v for k, v in call.price.items()} if call.price is not None else None
        model = call.model if call.model in self._names else self.name
        return Reply(call.answer, call.usage, cost, call.currency, call.measured, model, price)


def recorded(records: Iterable[AnyRecord], models: Mapping[str, Mapping[str, Any]]) -> dict[str, Recorded]:
    """The recorded answers of each agent, by the models that a header describes."""
    answers = list(records)
    return {a: Recorded(answers, str(told.get("name", "")), told) for a, told in models.items()}


def _where(request: Request) -> str:
    return f"turn {request.turn}" + (f", repair {request.attempt}" if request.attempt else "")


def _place(call: Call) -> tuple[int, int, int, str, str]:
    return call.episode, call.turn, call.attempt, call.role, call.prompt


def _key(episode: int, turn: int, attempt: int, purpose: str) -> Key:
    return episode, turn, attempt, purpose if purpose in {"selection", "summary", "digest"} else "turn"
