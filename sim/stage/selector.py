"""Choosing the next speaker where the world leaves it open: by a model, the user, or a Python function.

A model is shown only what all who might speak have heard, and no facts; its calls are in the ledger as selection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sim.engine import prompt
from sim.engine.memory import Utterance, remembered
from sim.engine.messages import Heard, Prompt
from sim.engine.phrases import filled, phrase
from sim.engine.reading import without_thoughts
from sim.engine.selection import candidates
from sim.engine.situation import Situation, members, scope
from sim.models.model import Request
from sim.stage.exchange import Note, Stage, ask
from sim.world.kinds import label_of
from sim.world.world import World

SELECTOR = "selector"
"""What the one who selects is called among the models and in the log."""


class Selector:
    """Chooses in one episode. After :meth:`choose` gave None, :meth:`ask` is called until it gives an agent."""

    def __init__(self, stage: Stage, history: list[Utterance], note: Note) -> None:
        self._stage = stage
        self._history = history
        self._note = note
        self._situation: Situation | None = None
        self._asked: Prompt | None = None
        self._attempt = 0
        self.candidates: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether a model is to choose now."""
        return self._situation is not None

    def choose(self, situation: Situation) -> str | None:
        """The next speaker as the user or a function chooses; None where a model is to be asked."""
        world = self._stage.world
        order = world.states[situation.state].order
        among = candidates(world, situation)
        if order == "auto":
            self._situation, self.candidates, self._attempt = situation, among, 0
            self._asked = selection_prompt(world, situation, self._history, among, self._stage.language)
            return None
        chosen = self._stage.outside.choose(world, situation, among)
        self._chosen(situation, order, among, chosen, "user" if order == "manual" else "rule")
        return chosen

    def ask(self) -> tuple[str | None, str]:
        """Ask the model once: the agent who was chosen, if it is clear or the tries are used up, and its answer."""
        situation, asked = self._situation, self._asked
        if situation is None or asked is None:
            return None, ""
        stage, world = self._stage, self._stage.world
        request = Request(
            asked,
            world,
            situation,
            SELECTOR,
            self._attempt,
            stage.language,
            situation.streams,
            turn=situation.turn + 1,
            purpose="selection",
            candidates=self.candidates,
        )
        answer = ask(stage, request, self._note)
        named = mentioned(world, without_thoughts(answer), self.candidates, stage.language)
        self._attempt += 1
        if len(named) == 1:
            return self._done(situation, named[0], SELECTOR), answer
        if self._attempt > world.spec.selection.tries:
            message = f"no clear choice in {self._attempt} tries; the next in the list speaks"
            self._note("warning", turn=situation.turn + 1, code="selection", message=message)
            return self._done(situation, _next_after(world, situation.speaker, self.candidates), "order"), answer
        self._asked = asked.also(answer, self._again(named))
        return None, answer

    def run(self) -> str | None:
        """Ask until somebody is chosen."""
        chosen: str | None = None
        while self.is_open:
            chosen, _ = self.ask()
        return chosen

    def _again(self, named: Sequence[str]) -> str:
        words, language = self._stage.world.spec.selection, self._stage.language
        given = label_of(words.multiple if named else words.none, language)
        template = given or phrase(language, "select_multiple" if named else "select_none")
        return template.replace("{agentlist}", _listed(self.candidates))

    def _done(self, situation: Situation, chosen: str, by: str) -> str:
        among = self.candidates
        self._situation, self._asked, self.candidates = None, None, ()
        self._chosen(situation, "auto", among, chosen, by)
        return chosen

    def _chosen(self, situation: Situation, order: str, among: Sequence[str], chosen: str, by: str) -> None:
        self._note("selection", turn=situation.turn + 1, order=order, candidates=list(among), chosen=chosen, by=by)


def _listed(agents: Sequence[str]) -> str:
    return "[" + ", ".join(agents) + "]"


def _next_after(world: World, last: str, among: Sequence[str]) -> str:
    """The next in the order of the cast, as AutoGen has it when its selector names nobody."""
    order = [*world.agents, *world.agents]
    start = order.index(last) + 1 if last in order else 0
    return next(a for a in order[start:] if a in among)


def selection_prompt(
    world: World, situation: Situation, history: Sequence[Utterance], among: Sequence[str], language: str
) -> Prompt:
    """What a selector is shown: who there is, what all who may speak here have heard, and among whom to choose."""
    words = world.spec.selection
    state = world.states[situation.state]
    present = members(world, scope(world, situation), state.speakers)
    roles = "; ".join(f"{a} ({world.agent_name(a, language)})" for a in present)
    first = label_of(words.message, language) or phrase(language, "select")
    last = label_of(words.prompt, language) or phrase(language, "select_prompt")
    kept = remembered(history, present, state.context, situation)
    lines = tuple(prompt.line(world, u, language) for u in kept)
    first, last = (filled(text, {"roles": roles, "agentlist": _listed(among)}) for text in (first, last))
    heard = Heard(((phrase(language, "said"), lines),), last)
    return Prompt(({"role": "system", "content": first}, {"role": "user", "content": heard.text()}), heard=heard)


def mentioned(world: World, answer: str, among: Sequence[str], language: str) -> tuple[str, ...]:
    """The candidates that an answer names, by id (a whole word) or by name (which may stand in Chinese prose)."""
    found = []
    for agent in among:
        is_id = re.search(rf"(?<![A-Za-z0-9_]){re.escape(agent)}(?![A-Za-z0-9_])", answer) is not None
        if is_id or world.agent_name(agent, language) in answer:
            found.append(agent)
    return tuple(found)
