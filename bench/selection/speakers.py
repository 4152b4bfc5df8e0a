"""Scripted speakers: what each says and does, read from the request alone, and who would be right to speak next.

They stand for a model that is right with a given chance at each call. One that errs does what a weak model does: as
a selector it names somebody else; as a member of staff it does what it is there for though what must come before
has not happened; as the patient it goes to fetch the medicine without having paid. All arms draw the same errors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.selection.scene import CASHIER, DOCTOR, PATIENT, PHARMACIST, REGISTRAR, Mark, Scene, marks_of
from bench.server import fill

LINES = Path(__file__).with_name("lines.yaml")

BEFORE = {
    DOCTOR: ("pay_fee", "prescribe"),
    CASHIER: ("pay_bill", "give_receipt"),
    PHARMACIST: ("give_receipt", "dispense"),
}
"""What must have been done before a member of staff does its own act, and that act."""

GOING = ("leave_for", "send_to_cashier")
"""What makes the patient go elsewhere after the consultation."""


@dataclass(frozen=True)
class Talk:
    """A chat as far as it has come: the acts that were done, each with the place of its message."""

    length: int
    marks: tuple[tuple[int, Mark], ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Talk:
        """Read the messages of a chat, the opening first."""
        return cls(len(texts), tuple((at, mark) for at, text in enumerate(texts) for mark in marks_of(text)))

    def at(self, *actions: str) -> int | None:
        """Where one of some acts was done last."""
        return next((at for at, mark in reversed(self.marks) if mark.action in actions), None)

    def has(self, action: str) -> bool:
        """Whether an act was done."""
        return self.at(action) is not None

    def since(self, *actions: str) -> int:
        """The messages after one of some acts was done last, or else after the opening."""
        return self.length - 1 - (self.at(*actions) or 0)

    @property
    def counterpart(self) -> str:
        """The member of staff that the patient has to do with now."""
        if not self.has("pay_fee"):
            return REGISTRAR
        if not self.has("leave_for"):
            return DOCTOR
        if self.has("give_receipt"):
            return PHARMACIST
        last = next(mark for _, mark in reversed(self.marks) if mark.action in GOING)
        return PHARMACIST if last.place == "pharmacy" else CASHIER


def right_next(talk: Talk, last: str) -> str:
    """Who is right to speak after the last speaker: the patient and its counterpart take turns."""
    return talk.counterpart if last == PATIENT else PATIENT


class Cast:
    """The speakers of one run: ``reliability`` is the chance of each call to be answered right."""

    def __init__(self, scene: Scene, seed: int, reliability: float) -> None:
        self._scene = scene
        self._seed = seed
        self._reliability = reliability
        self._lines = yaml.safe_load(LINES.read_text(encoding="utf-8"))[scene.language]

    def choose(self, talk: Talk, last: str, number: int) -> str:
        """The answer to the question who speaks next, the ``number``-th of its run: always one name."""
        right = right_next(talk, last)
        if not self._errs("choosing", number):
            return right
        others = [agent for agent in self._scene.world.agents if agent != right]
        return self._draw("other", number).choice(others)

    def say(self, agent: str, talk: Talk, number: int) -> str:
        """What an agent says in a plain chat, with the mark of what it does."""
        act = self._act(agent, talk, errs=self._errs("speaking", number))
        return f"{self._line(agent, number)} {act}" if act else self._line(agent, number)

    def answer(self, agent: str, schema: Mapping[str, Any], prompt: str, number: int, attempt: int) -> str:
        """What an agent answers to our stage: words, or words and acts where acts are open.

        Acts are done when they are due, not before: as in a plain chat, everybody takes its time.
        """
        said = self._line(agent, number)
        if not schema:
            return self._early(agent, {"say": said}) if self._may_err(agent, number, attempt) else said
        answer = {**fill(dict(schema), prompt), "say": said}
        if self._errs("speaking", number, attempt):
            if "leave_for" in answer:
                answer["leave_for"] = {
                    "place": schema["properties"]["leave_for"]["properties"]["place"]["enum"][-1]
                }
            own = BEFORE.get(agent, ("", ""))[1]
            if own and own not in answer:
                return self._early(agent, {"say": said})
        return json.dumps(answer, ensure_ascii=False)

    def _may_err(self, agent: str, number: int, attempt: int) -> bool:
        return agent in (CASHIER, PHARMACIST) and self._errs("speaking", number, attempt)

    def _early(self, agent: str, answer: dict[str, Any]) -> str:
        return json.dumps({**answer, BEFORE[agent][1]: {}}, ensure_ascii=False)

    def _act(self, agent: str, talk: Talk, *, errs: bool) -> str:
        pace = self._scene.pace
        if agent == PATIENT:
            return self._patient(talk, errs=errs)
        if agent == REGISTRAR:
            return "[register]" if not talk.has("register") and talk.since() >= pace.reception - 2 else ""
        before, own = BEFORE[agent]
        if talk.has(own):
            return ""
        if not talk.has(before):
            if errs:
                return f"[{own}]"
            is_waited_for = agent == PHARMACIST and talk.counterpart == PHARMACIST
            return "[send_to_cashier]" if is_waited_for else ""
        wait = {DOCTOR: pace.consulting - 2, CASHIER: 0, PHARMACIST: pace.pharmacy - 2}[agent]
        return f"[{own}]" if talk.since(before) >= wait else ""

    def _patient(self, talk: Talk, *, errs: bool) -> str:
        pace = self._scene.pace
        if not talk.has("pay_fee"):
            is_time = talk.has("register") and talk.since() >= pace.reception - 1
            return "[pay_fee]" if is_time else ""
        if not talk.has("leave_for"):
            if not talk.has("prescribe"):
                return ""
            return "[leave_for pharmacy]" if errs else "[leave_for till]"
        is_at_till = talk.counterpart == CASHIER and not talk.has("pay_bill")
        return "[pay_bill]" if is_at_till and talk.since(*GOING) >= pace.till - 2 else ""

    def _line(self, agent: str, number: int) -> str:
        return str(self._draw("line", number).choice(self._lines[agent]))

    def _errs(self, what: str, number: int, attempt: int = 0) -> bool:
        return self._draw(what, number, attempt).random() >= self._reliability

    def _draw(self, *key: object) -> random.Random:
        return random.Random(" ".join(map(str, (self._seed, *key))))
