"""The recorded model: answers from a log, matched by position and by the hash of the prompt. Fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sim.errors import MismatchError
from sim.models.model import Reply, Request
from sim.record.records import AnyRecord, Call

Key = tuple[int, int, int, str]


class Recorded:
    """Answers as a log has them; never asks anyone else."""

    def __init__(self, records: Iterable[AnyRecord], name: str, description: Mapping[str, Any]) -> None:
        self.name = name
        self.description = description
        self._calls = {_key(c.episode, c.turn, c.attempt, c.purpose): c for c in records if isinstance(c, Call)}

    def answer(self, request: Request) -> Reply:
        """The recorded answer.

        Raises:
            MismatchError: if there is none here, or its prompt was another one.
        """
        episode = request.situation.episode
        call = self._calls.get(_key(episode, request.turn, request.attempt, request.purpose))
        where = f"turn {request.turn}" + (f", repair {request.attempt}" if request.attempt else "")
        if call is None:
            raise MismatchError(f"{where}: the log has no answer here")
        if call.prompt != request.prompt.digest:
            raise MismatchError(f"{where}: the prompt of {request.role} is not the recorded one")
        cost = None if call.cost is None else Decimal(call.cost)
        return Reply(call.answer, call.usage, cost, call.currency)


def _key(episode: int, turn: int, attempt: int, purpose: str) -> Key:
    return episode, turn, attempt, purpose if purpose in {"selection", "summary"} else "turn"
