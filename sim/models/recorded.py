"""The recorded model: answers from a log, matched by position and by the hash of the prompt. Fails closed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.errors import MismatchError
from sim.models.model import Place, Reply, Request, place_of
from sim.record.lines import Records
from sim.record.records import AnyRecord, Call, Header, Record, ResumedWith

Spent = tuple[int, int, int, str, str]
"""Whom answers in vain were for: episode, turn, attempt, role, and the hash of the prompt."""


class PromptMismatch(MismatchError):
    """The prompt of a ``request`` is not that of the recorded ``call`` in its place."""

    def __init__(self, request: Request, call: Call) -> None:
        self.request = request
        self.call = call
        self.parts = _differing(request, call)
        where = "" if self.parts is None else f"; it differs in: {', '.join(self.parts)}"
        super().__init__(f"{_where(request)}: the prompt of {request.role} is not the recorded one{where}")


class Answers:
    """Where the answers of a log stand. Each is read when it is wanted, so a long log need not be held.

    A log may be continued by further ``records``. Of those of type ``resumed`` only the ones from the number
    ``since`` on are taken.
    """

    def __init__(self, *records: Sequence[AnyRecord], since: int = 0) -> None:
        self._logs = records
        self.resumed: list[ResumedWith] = []
        self._resumed_at: list[int] = []
        self._calls: dict[Place, int] = {}
        self._spent: dict[Spent, list[int]] = {}
        for number, record in self._placed():
            if isinstance(record, ResumedWith):
                if record.seq >= since:
                    self.resumed.append(record)
                    self._resumed_at.append(number)
            elif isinstance(record, Call):
                self._take(number, record)

    def _placed(self) -> Iterator[tuple[int, Record]]:
        first = 0
        for log in self._logs:
            placed: Iterable[tuple[int, Record]] = enumerate(log)
            if isinstance(log, Records):  # which need not read the others
                placed = log.placed(Call, ResumedWith)
            for number, record in placed:
                yield first + number, record
            first += len(log)

    def _take(self, number: int, call: Call) -> None:
        if call.purpose == "retry":
            key = (call.episode, call.turn, call.attempt, call.role, call.prompt)
            self._spent.setdefault(key, []).append(number)
        else:
            self._calls[place_of(call.episode, call.turn, call.attempt, call.purpose)] = number

    def numbered(self) -> Iterator[tuple[int, Call]]:
        """All calls, with their numbers."""
        return ((number, record) for number, record in self._placed() if isinstance(record, Call))

    def number(self, place: Place) -> int | None:
        """The number of the answer in a place; None where there is none."""
        return self._calls.get(place)

    def spent(self, key: Spent) -> Sequence[int]:
        """The numbers of those that were paid for in vain, for a prompt in its place."""
        return self._spent.get(key, ())

    def since(self, number: int) -> int:
        """How many times the run had gone on with other models before a record."""
        return bisect_left(self._resumed_at, number)

    def __getitem__(self, number: int) -> Call:
        for log in self._logs:
            if number < len(log):
                call = log[number]
                assert isinstance(call, Call)  # noqa: S101 - only calls are numbered
                return call
            number -= len(log)
        raise IndexError(number)


class Recorded:
    """Answers as a log has them; never asks anyone else.

    The ``description`` is what the header says of the model of a ``role``; where the run went on with another one,
    the log says so, and each answer is taken for one of a model that the role had had by then.
    """

    keeps_budget = True  # an answer that is recorded was paid for before

    def __init__(self, answers: Answers, role: str, description: Mapping[str, Any]) -> None:
        self.name = str(description.get("name", ""))
        self.description = description
        self._answers = answers
        self._described: list[Mapping[str, Any]] = [description]
        self._names = [_names(description)]
        self._since: dict[Place, int] = {}
        self._first: dict[tuple[int, int], int] = {}
        for record in answers.resumed:
            described = record.models.get(role, self._described[-1])
            self._described.append(described)
            self._names.append(self._names[-1] | _names(described))
        if answers.resumed:
            self._date(role)

    def _date(self, role: str) -> None:
        """Note which of the models each place had, and which the role had when it was first asked for a turn.

        An answer that was kept when the run went on is one of the models before it, wherever it stands.
        """
        for now, record in enumerate(self._answers.resumed):
            for kept in record.kept:
                self._since.setdefault(place_of(kept.episode, kept.turn, kept.attempt, kept.purpose), now)
                if kept.role == role:
                    self._first.setdefault((kept.episode, kept.turn), now)
        for number, call in self._answers.numbered():
            if call.purpose == "retry":
                continue
            now = self._answers.since(number)
            place, turn = place_of(call.episode, call.turn, call.attempt, call.purpose), (call.episode, call.turn)
            self._since[place] = min(now, self._since.get(place, now))
            if call.role == role:
                self._first[turn] = min(now, self._first.get(turn, now))

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
        number = self._answers.number(request.place)
        return None if number is None else self._answers[number]

    def reply(self, request: Request) -> Reply:
        """The answer that is recorded in the place of a request, whatever its prompt."""
        number = self._answers.number(request.place)
        if number is None:
            raise KeyError(request.place)
        return self._reply(number)

    def spent(self, request: Request) -> tuple[Reply, ...]:
        """The answers before it that were paid for in vain."""
        episode = request.situation.episode
        key = (episode, request.turn, request.attempt, request.role, request.prompt.digest)
        return tuple(map(self._reply, self._answers.spent(key)))

    def _reply(self, number: int) -> Reply:
        """An answer as it was; a model that the log does not name by then answered nothing."""
        call, names = self._answers[number], self._names[self._answers.since(number)]
        cost = None if call.cost is None else Decimal(call.cost)
        price = {str(k): v for k, v in call.price.items()} if call.price is not None else None
        model = call.model if call.model in names else self.name
        return Reply(call.answer, call.usage, cost, call.currency, call.measured, model, price)


def recorded(answers: Answers, models: Mapping[str, Mapping[str, Any]]) -> dict[str, Recorded]:
    """The recorded answers of each agent, by the models that are described."""
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
