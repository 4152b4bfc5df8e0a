"""What each agent was given and what it answered, call by call, as chat messages.

Nothing of it is put together here: the run is played again on its recorded answers, as ``sim verify`` does, and
what each agent is asked is taken down. So a prompt that is not the recorded one stops the export.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.model import Model, Reply, Request
from sim.models.provider_names import provider_name
from sim.read.export import json_line
from sim.read.transcript import no_agent
from sim.read.verify import again
from sim.record.comparison import Comparison, Difference
from sim.record.log import RunLog, check_length
from sim.record.records import OLDEST, Refusal

Message = Mapping[str, str]

Place = tuple[int, int, str, str]
"""Episode, turn, agent and hash of the prompt of a call."""

Hear = Callable[[int, Mapping[str, Any], tuple[Message, ...]], None]
"""Is told the number of a call's record, the record, and the messages that were sent."""


def play_again(log: RunLog, hear: Hear) -> None:
    """Play a run once more on its recorded answers, and tell each call with the messages that it was asked with.

    Raises:
        RunLogError: if the log cannot be played again; what was told before belongs to it.
    """
    if log.header.format < OLDEST:
        raise RunLogError(f"{log.name} has format {log.header.format}; its prompts cannot be made again")
    check_length(log)
    log.check_chain()
    witness = _Witness(log, hear)
    try:
        again(log, witness, witness.watched).play()
    except (Difference, MismatchError, DefinitionError) as error:
        if isinstance(error, DefinitionError) or witness.comparison.next < len(log.records):
            raise RunLogError(f"the prompts of {log.name} cannot be made again: {error}") from None


class _Witness:
    """Stands in for the log while a run is played again."""

    def __init__(self, log: RunLog, hear: Hear) -> None:
        self.path: Path | None = None
        self.comparison = Comparison(log)
        self._hear = hear
        self._asked: dict[Place, tuple[Message, ...]] = {}

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Compare a record, and tell it if it is a call."""
        index = self.comparison.next
        record = self.comparison.append(kind, fields, measured)
        if kind == "call":
            place = fields["episode"], fields["turn"], fields["role"], fields["prompt"]
            self._hear(index, record, self._asked.get(place, ()))
        elif kind == "turn":
            self._asked = {p: m for p, m in self._asked.items() if p[:2] != (fields["episode"], fields["turn"])}
        return record

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Nothing is kept: nobody is asked."""

    def watched(self, model: Model) -> Model:
        """The model, and a note of what it is asked."""
        return _Watched(model, self._asked_of)

    def _asked_of(self, request: Request) -> None:
        place = request.situation.episode, request.turn, request.role, request.prompt.digest
        self._asked[place] = tuple(request.prompt.messages)


class _Watched:
    """A model whose requests are noted."""

    def __init__(self, model: Model, note: Callable[[Request], None]) -> None:
        self.name = model.name
        self.description = model.description
        self._model = model
        self._note = note

    def answer(self, request: Request) -> Reply:
        """What the model answers."""
        self._note(request)
        return self._model.answer(request)


def to_openai(log: RunLog, write: Callable[[str], object], role: str | None = None) -> None:
    """Write the calls of all agents, or of one, as chat completions: a JSON line each, ``{"messages": […]}``.

    The last message is the answer, with the agent's name. Answers that were sent back stand in the messages of the
    one that counted, with the weight 0; the format has no place for more. What a model that picks speakers was
    asked is left out: it is nobody's part.

    Raises:
        DefinitionError: if there is no such agent.
        RunLogError: if the log cannot be played again.
    """
    agents = [agent for agent in log.header.models if agent != "selector"]
    if role is not None and role not in agents:
        raise DefinitionError(no_agent(log.header, role, agents))
    refused = {(r.episode, r.turn, r.attempt, r.role) for r in log.records.of(Refusal)}

    def hear(_: int, call: Mapping[str, Any], messages: tuple[Message, ...]) -> None:
        agent, place = call["role"], (call["episode"], call["turn"], call["attempt"], call["role"])
        if (role or agent) != agent or agent not in agents or place in refused or call["purpose"] == "retry":
            return
        given = [{**m, "weight": 0} if m["role"] == "assistant" else dict(m) for m in messages]
        answer = {"role": "assistant", "name": provider_name(agent), "content": call["answer"]}
        write(json_line({"messages": [*given, answer]}))

    play_again(log, hear)
