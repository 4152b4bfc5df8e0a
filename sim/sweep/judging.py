"""A judge at work: asked for marks of each episode of a run, as often as it says, within what the run may take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sim.engine.machine import begin
from sim.engine.messages import Prompt, TooLong
from sim.engine.room import room_of
from sim.engine.streams import Streams
from sim.errors import BudgetError, DefinitionError, ModelError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model, Reply, Request, answered
from sim.stage.exchange import MAX_ANSWER
from sim.sweep.asking import Mark, desk, overflow, read
from sim.sweep.calls import Calls
from sim.sweep.format import Judge
from sim.sweep.measuring import Spent, is_paid
from sim.sweep.scores import MOST_WHY, Marked, summed
from sim.world.kinds import one_line

TRIES = 3
"""How often a judge is asked for one mark, until its answer is one."""


@dataclass(frozen=True)
class Verdict:
    """What marking a run comes to: the ``judged`` of its row, the calls as lines, and what they took.

    ``paid`` leaves out answers from a cache, of which there were so many ``hits``.
    """

    row: Mapping[str, Any]
    lines: bytes
    spent: Spent
    paid: Spent
    hits: int


@dataclass
class Judging:
    """The marking of one run; what the judges draw follows from its ``seed``.

    ``calls`` has those that were made for it before a stop. A budget counts what the run itself has taken.
    """

    judge: Judge
    models: Mapping[str, Model]
    cell: int
    seed: int
    language: str
    calls: Calls
    cache: Cache | None = None
    budget: Budget | None = None
    _down: str | None = None

    def verdict(self, prompts: Mapping[int, Prompt]) -> Verdict:
        """Ask for the marks of each episode. Whatever fails, there is a verdict, which says so.

        Raises:
            RunLogError: if a call cannot be kept.
        """
        episodes: list[Marked] = []
        status = "done"
        try:
            episodes = [self._episode(episode, prompt) for episode, prompt in prompts.items()]
        except BudgetError as error:
            status, episodes = "over_budget", [Marked(fault=str(error)) for _ in prompts]
        if status == "done" and any(each.fault is not None for each in episodes):
            status = "failed"
        spent, paid = Spent(), Spent()
        for call in self.calls.made:
            spent.add(call)
            if is_paid(call):
                paid.add(call)
        currency = spent.currency()
        row = {
            "status": status,
            **summed(self.judge, episodes),
            "calls": len(self.calls.made),
            "tokens": spent.tokens.total(),
            "cost": float(spent.total.get(currency, Decimal(0))),
            "currency": currency,
        }
        hits = sum(call["measured"].get("hit") is True for call in self.calls.made)
        return Verdict(row, self.calls.lines(), spent, paid, hits)

    def _episode(self, episode: int, prompt: Prompt) -> Marked:
        """The marks of an episode; those who come after a judge that gives none are not asked.

        Raises:
            BudgetError: if a call could exceed the budget; those before it are kept.
        """
        found = Marked(fault=self._down)
        for name, model in self.models.items():
            if found.fault is None:
                self._marks(found, episode, name, model, prompt)
        return found

    def _marks(self, found: Marked, episode: int, name: str, model: Model, prompt: Prompt) -> None:
        over = overflow(self.judge, prompt, model)
        if over is not None:
            # It is never cut: what is cut off would not be marked, and nobody would see that.
            needs, room = over
            found.fault = (
                f"the transcript with the rubric has {needs:,} tokens, and the window of {model.name} leaves "
                f"{room:,} for them"
            )
            return
        marks, faults = [], []
        for time in range(1, self.judge.times + 1):
            try:
                mark, fault = self._mark((episode, name, time), model, prompt)
            except BudgetError:
                raise
            except (ModelError, DefinitionError) as error:
                # It was tried as often as its entry says, so it is not asked for the other episodes either.
                self._down = found.fault = one_line(error)[:MOST_WHY]
                return
            marks += [mark] if mark is not None else []
            faults.append(fault)
        found.marks[name] = marks
        found.fault = faults[0] if not marks else None

    def _mark(
        self, place: tuple[int, str, int], model: Model, prompt: Prompt
    ) -> tuple[dict[str, Mark] | None, str | None]:
        """One mark, or what was wrong with the last answer."""
        asked, problems = prompt, tuple[str, ...]()
        for attempt in range(TRIES):
            answer = self.calls.take((*place, attempt, asked.digest))
            if answer is None:
                answer = self._ask((*place, attempt), model, asked)
            marks, problems = read(self.judge, answer, self.language)
            if marks is not None:
                return marks, None
            asked = asked.then(answer, problems, self.language)
            try:
                asked = asked.within(room_of(desk(self.judge), model.description))
            except TooLong:
                break
        return None, f"no valid answer of {model.name} in {attempt + 1} tries: {'; '.join(problems)}"[:MOST_WHY]

    def _ask(self, place: tuple[int, str, int, int], model: Model, prompt: Prompt) -> str:
        """Ask, and keep the call, with what was paid for in vain.

        Raises:
            ModelError: if there is no answer.
        """
        episode, _, time, attempt = place
        world = desk(self.judge)
        seed = int(Streams(self.seed, episode).at("judge", time).uniform() * 2**31)
        there = begin(world, episode, seed=seed)
        request = Request(
            prompt, world, there, "judge", attempt, self.language, there.streams,
            turn=time, cache=self.cache, budget=self.budget,
        )  # fmt: skip
        try:
            reply = answered(model, request)
        except ModelError as error:
            self._keep(place, model, prompt, error.spent)
            raise
        self._keep(place, model, prompt, reply.spent)
        return self._kept(place, model, prompt, reply, "repair" if attempt else "mark")

    def _keep(
        self, place: tuple[int, str, int, int], model: Model, prompt: Prompt, replies: Sequence[Reply]
    ) -> None:
        for reply in replies:
            self._kept(place, model, prompt, reply, "retry")

    def _kept(
        self, place: tuple[int, str, int, int], model: Model, prompt: Prompt, reply: Reply, purpose: str
    ) -> str:
        """The words of an answer, after the call was written."""
        answer = reply.text[:MAX_ANSWER].encode("utf-8", "replace").decode()
        marks, problems = read(self.judge, answer, self.language) if purpose != "retry" else (None, ())
        self.calls.add(
            {
                "cell": self.cell,
                **dict(zip(("episode", "judge", "time", "attempt"), place, strict=True)),
                "purpose": purpose,
                "model": reply.model or model.name,
                "prompt": prompt.digest,
                "answer": answer,
                "scores": {name: mark.score for name, mark in marks.items()} if marks is not None else None,
                "refused": list(problems) or None,
                "usage": reply.usage.model_dump(),
                "cost": None if reply.cost is None else format(reply.cost, "f"),
                "currency": reply.currency,
                "measured": dict(reply.measured),
            }
        )
        return answer
