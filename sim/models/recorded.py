"""The recorded model: answers from a log, matched by position and by the hash of the prompt. Fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.errors import MismatchError
from sim.models.model import Place, Reply, Request, place_of
from sim.record.records import AnyRecord, Call, Header, ResumedWith


class PromptMismatch(MismatchError):
    """The prompt of a ``request`` is not that of the recorded ``call`` in its place."""

    def __init__(self, request: Request, call: Call) -> None:
        self.request = request
        self.call = call
        self.parts = _differing(request, call)
        where = "" if self.parts is None else f"; it differs in: {', '.join(self.parts)}"
        super().__init__(f"{_where(request)}: the prompt of {request.role} is not the recorded one{where}")


class Recorded:
    """Answers as a log has them; never asks anyone else.

    The ``description`` is what the header says of the model of a ``role``; where the run went on with another one,
    the log says so, and each answer is taken for one of a model that the role had had by then.
    """

    keeps_budget = True  # an answer that is recorded was paid for before

    def __init__(self, records: Iterable[AnyRecord], role: str, description: Mapping[str, Any]) -> None:
        self.name = str(description.get("name", ""))
        self.description = description
        self._described: list[Mapping[str, Any]] = [description]
        self._names = [_names(description)]
        self._calls: dict[Place, tuple[Call, int]] = {}
        self._since: dict[Place, int] = {}
        self._first: dict[tuple[int, int], int] = {}
        self._spent: dict[tuple[int, int, int, str, str], list[tuple[Call, int]]] = {}
        for record in records:
            if isinstance(record, ResumedWith):
                self._resumed(record, role)
            elif isinstance(record, Call):
                self._take(record, role)

    def _resumed(self, record: ResumedWith, role: str) -> None:
        now = len(self._described) - 1
        for kept in record.kept:
            self._since.setdefault(place_of(kept.episode, kept.turn, kept.attempt, kept.purpose), now)
            if kept.role == role:
                self._first.setdefault((kept.episode, kept.turn), now)
        description = record.models.get(role, self._described[-1])
        self._described.append(description)
        self._names.append(self._names[-1] | _names(description))

    def _take(self, call: Call, role: str) -> None:
        now = len(self._described) - 1
        place = place_of(call.episode, call.turn, call.attempt, call.purpose)
        if call.purpose == "retry":
            key = (call.episode, call.turn, call.attempt, call.role, call.prompt)
            self._spent.setdefault(key, []).append((call, now))
            return
        self._calls[place] = (call, now)
        self._since.setdefault(place, now)
        if call.role == role:
            self._first.setdefault((call.episode, call.turn), now)

    def described_at(self, place: Place) -> Mapping[str, Any]:
        """The model that was asked in a place, or would be now: its window says how long a prompt may be.

        Whether a digest is needed was decided for the model that was asked first for that turn.
        """
        episode, turn, _, purpose = place
        known = self._first.get((episode, turn)) if purpose == "digest" else self._since.get(place)
        return self._described[-1 if known is None else known]

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
            PromptMismatch: if its prompt was another one.
        """
        call = self.call(request)
        if call is None:
            return None
        if call.prompt != request.prompt.digest:
            raise PromptMismatch(request, call)
        return replace(self.reply(request), spent=self.spent(request))

    def call(self, request: Request) -> Call | None:
        """The record in the place of a request, whatever its prompt; None where there is none."""
        call, _ = self._calls.get(request.place, (None, 0))
        return call

    def reply(self, request: Request) -> Reply:
        """The answer that is recorded in the place of a request, whatever its prompt."""
        return self._reply(*self._calls[request.place])

    def spent(self, request: Request) -> tuple[Reply, ...]:
        """The answers before it that were paid for in vain."""
        episode = request.situation.episode
        key = (episode, request.turn, request.attempt, request.role, request.prompt.digest)
        return tuple(self._reply(call, since) for call, since in self._spent.get(key, []))

    def _reply(self, call: Call, since: int) -> Reply:
        """An answer as it was; a model that the log does not name by then answered nothing."""
        cost = None if call.cost is None else Decimal(call.cost)
        price = {str(k): v for k, v in call.price.items()} if call.price is not None else None
        model = call.model if call.model in self._names[since] else self.name
        return Reply(call.answer, call.usage, cost, call.currency, call.measured, model, price)


def recorded(
    records: Iterable[AnyRecord], models: Mapping[str, Mapping[str, Any]], since: int = 0
) -> dict[str, Recorded]:
    """The recorded answers of each agent, by the models that are described, as they were after so many records."""
    answers = [r for r in records if r.seq >= since or not isinstance(r, ResumedWith)]
    return {agent: Recorded(answers, agent, told) for agent, told in models.items()}


def models_at_end(header: Header, records: Iterable[AnyRecord]) -> dict[str, dict[str, Any]]:
    """The models that the agents had after some records of a log, from the first on.

    Those of its header, those that a fork gave them, or those that the run went on with since.
    """
    models = {role: dict(description) for role, description in header.models.items()}
    forks = list(header.forks)
    for number, record in enumerate(records):
        while forks and forks[0].inherited <= number:
            models |= forks.pop(0).models
        if isinstance(record, ResumedWith):
            models |= {role: dict(description) for role, description in record.models.items()}
    for fork in forks:
        models |= fork.models
    return models


def _names(description: Mapping[str, Any]) -> frozenset[str]:
    others = description.get("first_of")
    told = [description, *(others if isinstance(others, list) else ())]
    return frozenset(str(each.get("name", "")) for each in told if isinstance(each, Mapping))


def _differing(request: Request, call: Call) -> tuple[str, ...] | None:
    """Which parts of a prompt are not the recorded ones; None where the log does not say."""
    told = call.measured.get("parts")
    if not isinstance(told, dict):
        return None
    now = request.prompt.fingerprints
    return (
        tuple(name for name in (*now, *(n for n in told if n not in now)) if told.get(name) != now.get(name))
        or None
    )


def _where(request: Request) -> str:
    number = request.situation.episode
    episode = f"episode {number}, " if number > 1 else ""
    return f"{episode}turn {request.turn}" + (f", repair {request.attempt}" if request.attempt else "")
