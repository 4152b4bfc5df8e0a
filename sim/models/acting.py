"""The model that a file of acts is: each agent's answers as the file has them, and what they were to come to.

The model itself repairs nothing: that an answer was refused, or was not and should have been, is seen in the
records of the run, which :meth:`Script.watch` stands before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.engine import tokens
from sim.engine.situation import Situation, members, open_actions, open_tools, scope
from sim.errors import DefinitionError, MismatchError, ModelError
from sim.models.acts import Acts, Entry, Said, misfits
from sim.models.model import Model, Reply, Request, answered
from sim.models.outside import Live, Picker
from sim.models.scripted import NOTHING, Scripted
from sim.record.records import Usage
from sim.world.world import World

ACTS = "acts"
"""What the model is called in the log."""

ACTS_DESCRIPTION: Mapping[str, Any] = {"name": ACTS}

Listener = Callable[[dict[str, Any]], None]


class ActsMismatch(MismatchError):
    """A file of acts does not fit the run: another speaker, a refusal, or none where there should be one."""

    def __init__(self, place: str, turn: int, told: str) -> None:
        super().__init__(f"{place}: turn {turn}: {told}")
        self.place = place
        self.turn = turn
        self.told = told


class ActsEnded(ModelError):
    """The file has no more turns, and nobody was named to go on."""


class Script:
    """The acts of one run of a world: who answers, who is chosen, and whether all came as the file says.

    Raises:
        DefinitionError: if they name agents or acts that the world does not have.
    """

    def __init__(self, acts: Acts, world: World) -> None:
        problems = misfits(acts, world)
        if acts.spec.world is not None and acts.spec.world != world.name:
            problems.insert(0, f"the acts are for the world '{acts.spec.world}', not '{world.name}'")
        if problems:
            raise DefinitionError("\n".join(problems))
        self.acts = acts
        self.world = world
        self._refused: set[tuple[int, int, int]] = set()
        self._taken: dict[int, int] = {}
        self._ended: dict[int, str] = {}

    def at(self, episode: int, turn: int) -> Entry | None:
        """The entry for a turn; None after the last."""
        entries = self.acts.episodes.get(episode, [])
        return entries[turn - 1] if 0 < turn <= len(entries) else None

    def cast(self, then: Mapping[str, Model] | None, agents: tuple[str, ...]) -> dict[str, Model]:
        """The models of some agents; ``then`` has who goes on for each after the file's end."""
        scripted = Scripted() if self.acts.has_scripted else None
        return {agent: Actor(self, then[agent] if then is not None else None, scripted) for agent in agents}

    def chosen(self, situation: Situation, among: tuple[str, ...]) -> str | None:
        """Who the file says is to speak next, of those who may; by the seed where it does not say.

        None after its end.

        Raises:
            ActsMismatch: if it names one who may not.
        """
        turn = situation.turn + 1
        entry = self.at(situation.episode, turn)
        if entry is None:
            return None
        speaker = entry.turn.speaker
        if speaker is None:
            return situation.streams.at("selection", situation.turn).pick(among)
        if speaker not in among:
            told = f"'{speaker}' is expected to speak, but may not be chosen; who may: {', '.join(among)}"
            raise ActsMismatch(entry.place, turn, told)
        return speaker

    def watch(self, listener: Listener | None = None) -> Listener:
        """A listener that checks refusals against the file, before it hands each record on.

        It raises ``ActsMismatch`` when an answer was refused that should not have been, or the other way round.
        """

        def watching(record: dict[str, Any]) -> None:
            if listener is not None:
                listener(record)
            match record["type"]:
                case "refusal":
                    self._refusal(record)
                case "turn":
                    self._turn(record)
                case "episode_ended":
                    self._ended[record["episode"]] = record["outcome"]

        return watching

    def _refusal(self, record: Mapping[str, Any]) -> None:
        entry = self.at(record["episode"], record["turn"])
        if entry is None or entry.turn.scripted:
            return
        answers, attempt = entry.answers, record["attempt"]
        said, _ = answers[min(attempt, len(answers) - 1)]
        if not said.refused:
            why = "; ".join(record["reasons"])
            why = why if why.isascii() else f"“{why}”"  # in the language of the run, as the model was told
            told = f"the answer of {record['role']} was refused: {why}; 'refused: true' says that it must be"
            raise ActsMismatch(entry.place, record["turn"], told)
        self._refused.add((record["episode"], record["turn"], attempt))

    def _turn(self, record: Mapping[str, Any]) -> None:
        episode, turn = record["episode"], record["turn"]
        self._taken[episode] = turn
        entry = self.at(episode, turn)
        if entry is None:
            return
        for attempt, (said, is_look_up) in enumerate(entry.answers):
            if said.refused and not is_look_up and (episode, turn, attempt) not in self._refused:
                told = f"the answer of {record['speaker']} was to be refused, and was not"
                raise ActsMismatch(entry.place, turn, told)

    def check_played(self) -> None:
        """Check that no turn of the file is left over.

        Raises:
            ActsMismatch: naming the first that was not played.
        """
        for episode, entries in self.acts.episodes.items():
            taken = self._taken.get(episode, 0)
            if taken < len(entries):
                outcome = self._ended.get(episode)
                ended = f"the run ended after turn {taken}" + (f" ({outcome})" if outcome else "")
                raise ActsMismatch(entries[taken].place, taken + 1, f"it was not played: {ended}")


class Actor:
    """One agent's answers from a script; after its end those of the model ``then``, if there is one."""

    keeps_budget = True

    def __init__(self, script: Script, then: Model | None, scripted: Scripted | None = None) -> None:
        self._script = script
        self.then = then
        self._scripted = scripted
        others = [each for each in (scripted, then) if each is not None]
        self.models = tuple(others)
        self.is_remote = getattr(then, "is_remote", False)
        described = [d for each in others for d in each.description.get("first_of") or [dict(each.description)]]
        different = [d for i, d in enumerate(described) if d not in described[:i]]
        self.name = ",".join([ACTS, *(str(d["name"]) for d in different)])
        self.description: Mapping[str, Any] = ACTS_DESCRIPTION
        if different:
            self.description = {"name": self.name, "first_of": [dict(ACTS_DESCRIPTION), *different]}

    def answer(self, request: Request) -> Reply:
        """What the file says for the turn.

        Raises:
            ActsEnded: after the file's end, where nobody goes on.
            ActsMismatch: if the turn is not the one's whom the file names.
        """
        entry = self._script.at(request.situation.episode, request.turn)
        if entry is None and self.then is not None:
            reply = answered(self.then, request)
            return replace(reply, model=reply.model or self.then.name)
        if request.purpose in {"summary", "digest"}:
            return _reply(request, request.draft)
        if entry is None:
            last = request.turn - 1
            raise ActsEnded(f"the acts end after turn {last}, and the turn of {request.role} is next")
        if entry.turn.scripted and self._scripted is not None:
            return replace(self._scripted.answer(request), model=Scripted.name)
        if request.purpose == "selection":
            return _reply(request, self._script.chosen(request.situation, request.candidates) or "")
        _check_speaker(entry, request)
        answers = entry.answers
        said, is_look_up = answers[min(request.attempt, len(answers) - 1)]
        return _reply(request, _text(said, is_look_up, request))


def _check_speaker(entry: Entry, request: Request) -> None:
    speaker = entry.turn.speaker
    if speaker is None or speaker == request.role:
        return
    world, situation = request.world, request.situation
    state = world.states[situation.state]
    may = members(world, scope(world, situation), state.speakers)
    told = f"'{speaker}' is expected to speak, but the turn is that of '{request.role}'"
    who = f"in '{state.name}' ({state.order}) speak: {', '.join(may)}"
    raise ActsMismatch(entry.place, request.turn, f"{told}; {who}")


def _text(said: Said, is_look_up: bool, request: Request) -> str:
    """An answer as a model would write it."""
    if is_look_up:
        return json.dumps(said.looks_up, ensure_ascii=False)
    if said.answer is not None:
        return said.answer
    world, situation = request.world, request.situation
    words = NOTHING if said.says is None else said.says
    tools = open_tools(world, situation, request.role) if request.has_tools else []
    is_code = world.states[situation.state].is_verbatim and not tools
    if is_code and not said.does and not open_actions(world, situation, request.role):
        return words  # where code is written, an object would be a part of it
    if world.states[situation.state].is_silent and said.says is None:
        return json.dumps(said.does, ensure_ascii=False)
    return json.dumps({"say": words, **said.does}, ensure_ascii=False)


def _reply(request: Request, text: str) -> Reply:
    prompt = tokens.count_messages(request.prompt.messages)
    usage = Usage(prompt=prompt, completion=tokens.count(text), is_estimated=True)
    return Reply(text, usage, Decimal(0), "USD", model=ACTS)


class ActedOutside(Live):
    """The choices of a script where the user would choose, then the user's; functions are called as always."""

    def __init__(self, script: Script, picker: Picker | None = None) -> None:
        super().__init__(picker)
        self._script = script

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """Whom the file names, where the user is to choose; after its end the user is asked."""
        if world.states[situation.state].order == "manual":
            chosen = self._script.chosen(situation, candidates)
            if chosen is not None:
                return chosen
            if self._picker is None:
                raise ActsEnded(f"the acts end after turn {situation.turn}, and who speaks next is to be chosen")
        return super().choose(world, situation, candidates)
