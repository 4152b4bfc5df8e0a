"""Asking one agent until its answer is valid: calls, look-ups, repairs, and the declared fallback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sim.engine import answers, prompt
from sim.engine.answers import Answer
from sim.engine.messages import Prompt, TooLong
from sim.engine.phrases import phrase
from sim.engine.room import Room, room_of
from sim.engine.situation import Act, Situation, open_actions, open_tools, scope
from sim.errors import MismatchError, ModelError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model, Place, Purpose, Reply, Request, answered
from sim.models.outside import Outside
from sim.world.kinds import Kind, Value, one_line, to_json
from sim.world.phases import Context
from sim.world.rows import Row
from sim.world.vocabulary import ExpressionError
from sim.world.world import ToolDef, World

MAX_ANSWER = 100_000
"""Characters of an answer that are read and kept; no turn needs more."""

MAX_LOOK_UPS = 2
"""How often a speaker may look something up in one turn; then it must speak."""


class Note(Protocol):
    """Writes a record, or keeps it until its place in the log has come."""

    def __call__(self, kind: str, measured: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Take one record."""


@dataclass(frozen=True)
class Pending:
    """A turn that was spoken and is not settled yet, and the situation in which its speaker was asked."""

    role: str
    answer: Answer
    minutes: float
    asked: Situation


@dataclass(frozen=True)
class Stage:
    """What all exchanges of an episode share."""

    world: World
    language: str
    models: Mapping[str, Model]
    outside: Outside
    cache: Cache | None = None
    budget: Budget | None = None
    descriptions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def room(self, role: str, place: Place, context: Context | None = None) -> Room | None:
        """How long a prompt of an agent may be, in a state of this policy; None where nothing limits it."""
        described_at = getattr(self.models.get(role), "described_at", None)
        description = described_at(place) if described_at is not None else self.descriptions.get(role, {})
        return room_of(self.world, description, context)


def _fitted(stage: Stage, request: Request, context: Context | None) -> Request:
    """A request with its prompt as far as there is room for it.

    Raises:
        ModelError: if not even its fixed part fits.
    """
    try:
        return replace(request, prompt=request.prompt.within(stage.room(request.role, request.place, context)))
    except TooLong as error:
        name = stage.models[request.role].name
        raise ModelError(f"{request.role}, asked of {name}: {error}") from None


def ask(stage: Stage, request: Request, note: Note, context: Context | None = None) -> str:
    """Ask the model of an agent, note the call and what was paid for in vain, and give the words of the answer.

    The prompt is cut to the room that the model has, and that the policy of a state leaves it.

    Raises:
        ModelError: if there is no answer.
    """
    request = _fitted(stage, request, context)
    try:
        asked = replace(request, cache=stage.cache, budget=stage.budget)
        reply = answered(stage.models[request.role], asked)
    except (ModelError, MismatchError) as error:
        for spent in error.spent:
            _call(stage, request, spent, "retry", note)
        raise
    for spent in reply.spent:
        _call(stage, request, spent, "retry", note)
    return _call(stage, request, reply, request.purpose, note)


def _call(stage: Stage, request: Request, reply: Reply, purpose: str, note: Note) -> str:
    model = stage.models[request.role]
    name = reply.model or model.name
    if not isinstance(reply.text, str):
        raise ModelError(f"{name} gave no text")
    text = reply.text[:MAX_ANSWER].encode("utf-8", "replace").decode()
    is_remote = getattr(model, "is_remote", False)  # what is computed here can be computed again
    note(
        "call",
        {**reply.measured, "parts": request.prompt.fingerprints} if is_remote else reply.measured,
        turn=request.turn,
        attempt=request.attempt,
        role=request.role,
        state=request.situation.state,
        purpose=purpose,
        model=name,
        prompt=request.prompt.digest,
        answer=text,
        usage=reply.usage.model_dump(),
        cost=None if reply.cost is None else format(reply.cost, "f"),
        currency=reply.currency,
        **({"price": dict(reply.price)} if reply.price else {}),
    )
    return text


class Exchange:
    """One turn of one agent, asked for in a situation that does not change meanwhile."""

    def __init__(
        self,
        stage: Stage,
        situation: Situation,
        role: str,
        turn: int,
        minutes: float,
        heard: str,
        note: Note,
        given: str | None = None,
    ) -> None:
        self._stage = stage
        self._situation = situation
        self._role = role
        self._turn = turn
        self._minutes = minutes
        self._heard = heard
        self._note = note
        self._given = given

    def answer(self, shown: Prompt) -> Answer:
        """Ask until an answer is valid, and as often again as the world says; else the declared fallback.

        Raises:
            ModelError: if the model cannot answer; nothing of the turn counts then.
        """
        world, language = self._stage.world, self._stage.language
        asked, best, attempt, look_ups = shown, "", 0, 0
        purpose: Purpose = "turn"
        tries = world.spec.limits.repairs + 1
        failures = 0
        while failures < tries:
            has_tools = look_ups < MAX_LOOK_UPS and bool(open_tools(world, self._situation, self._role))
            is_given = attempt == 0 and self._given is not None
            raw = self._said() if is_given else self._ask(asked, attempt, purpose, has_tools)
            attempt += 1
            found = answers.read(
                world, self._situation, self._role, raw, self._minutes, language, has_tools=has_tools
            )
            if found.look_ups and not found.problems:
                look_ups += 1
                asked, purpose = self._looked_up(asked, raw, found.look_ups, look_ups < MAX_LOOK_UPS), "look_up"
                continue
            if not found.problems:
                return self._kept(found)
            failures += 1
            best = found.text or best
            self._note(
                "refusal", turn=self._turn, attempt=attempt - 1, role=self._role, reasons=list(found.problems)
            )
            asked, purpose = asked.then(raw, found.problems, language), "repair"
        return self._kept(self._fall_back(best, tries))

    def _said(self) -> str:
        """The answer that was given from outside in place of the model's."""
        said = self._given or ""
        self._note("intervention", turn=self._turn, role=self._role, say=said)
        return said

    def _kept(self, answer: Answer) -> Answer:
        if answer.is_cut:
            most = self._stage.world.spec.limits.utterance
            self._warn("cut", f"the words of {self._role} were cut to {most} characters")
        return answer

    def _fall_back(self, best: str, tries: int) -> Answer:
        stage = self._stage
        if stage.world.states[self._situation.state].is_silent:
            best = ""
        answer = answers.fall_back(stage.world, self._situation, self._role, best, self._minutes, stage.language)
        done = ", ".join(a.action for a in answer.acts)
        then = f"its fallback was done: {done}" if done else "nothing was done"
        times = f"{tries} tries" if tries > 1 else "1 try"
        self._warn("fallback", f"no valid answer of {self._role} in {times}; {then}")
        return answer

    def _warn(self, code: str, message: str) -> None:
        self._note("warning", turn=self._turn, code=code, message=message)

    def _ask(self, asked: Prompt, attempt: int, purpose: Purpose, has_tools: bool) -> str:
        stage = self._stage
        request = Request(
            asked,
            stage.world,
            self._situation,
            self._role,
            attempt,
            stage.language,
            self._situation.streams,
            turn=self._turn,
            purpose=purpose,
            has_tools=has_tools,
            heard=self._heard,
        )
        return ask(stage, request, self._note, stage.world.states[self._situation.state].context)

    def _looked_up(self, asked: Prompt, raw: str, acts: tuple[Act, ...], is_open: bool) -> Prompt:
        """The prompt with what was found; tools stay open as often as they may be used."""
        stage = self._stage
        results = []
        for act in acts:
            result = self._look_up(stage.world.tools[act.action], act)
            self._note(
                "look_up",
                turn=self._turn,
                role=self._role,
                tool=act.action,
                fields={n: to_json(v) for n, v in act.fields.items()},
                result=result,
            )
            results.append(f"{act.action}: {result}")
        offers = open_actions(stage.world, self._situation, self._role)
        tools = open_tools(stage.world, self._situation, self._role) if is_open else []
        is_silent = stage.world.states[self._situation.state].is_silent
        schema = prompt.schema(offers, tools, stage.language, is_silent=is_silent)
        return asked.found(raw, results, stage.language, schema)

    def _look_up(self, tool: ToolDef, act: Act) -> str:
        stage = self._stage
        if tool.gives is None:
            found = stage.outside.look_up(
                stage.world, self._situation, self._role, tool.name, act.fields, self._turn
            )
            return one_line(found)[:2000]
        values = scope(stage.world, self._situation).about(self._role, act=Row(act.fields))
        try:
            return _shown(stage.world, tool.gives(values), stage.language)
        except ExpressionError:
            return phrase(stage.language, "no_more")


def _shown(world: World, value: Value, language: str) -> str:
    """What was found, as people read it: rows of tables with their columns, agents by name."""
    if isinstance(value, tuple):
        words = [_shown(world, v, language) for v in value]
        return ("；" if language.startswith("zh") else "; ").join(words) or phrase(language, "no_more")
    if isinstance(value, str):
        table = next((name for name, rows in world.spec.tables.items() if value in rows), None)
        return world.show_option(Kind("text", options=world.labels), value, table, language)
    return str(to_json(value))
