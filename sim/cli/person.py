"""A person at the terminal: plays a role, and picks who speaks where the world leaves it to the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from sim.engine import tokens
from sim.engine.phrases import phrase
from sim.engine.situation import Offer, open_actions
from sim.errors import DefinitionError
from sim.models.model import Reply, Request
from sim.record.records import Usage
from sim.world.kinds import Kind, label_of, one_line
from sim.world.templates import TemplateError, render


class Person:
    """Shows what the role knows and heard, and asks for words and acts; costs nothing."""

    name = "human"
    keeps_budget = True
    description: Mapping[str, Any] = {"name": "human"}

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    def answer(self, request: Request) -> Reply:
        """Ask the person.

        Raises:
            DefinitionError: if there is nobody to ask.
            KeyboardInterrupt: if the input ends; the log keeps all turns before.
        """
        self._check()
        try:
            return self._answer(request)
        except EOFError:
            raise KeyboardInterrupt from None

    def _answer(self, request: Request) -> Reply:
        shown = request.prompt.messages[-1 if request.attempt else 1]["content"]
        shown = shown.rpartition(phrase(request.language, "json"))[0] or shown  # each act is asked for by itself
        name = request.world.agent_name(request.role, request.language)
        self._console.rule(Text(name, style="bold"))
        for line in shown.splitlines():
            self._console.print(Text(one_line(line), style="dim"))
        answer: dict[str, Any] = {}
        if not request.world.states[request.situation.state].is_silent:
            answer["say"] = Prompt.ask(Text("say"), console=self._console)
        for offer in open_actions(request.world, request.situation, request.role):
            fields = self._fields(offer, request)
            if fields is not None:
                answer[offer.name] = fields
        text = json.dumps(answer, ensure_ascii=False)
        usage = Usage(
            prompt=tokens.count_messages(request.prompt.messages), completion=tokens.count(text), is_estimated=True
        )
        return Reply(text, usage, Decimal(0), "USD")

    def pick(self, state: str, candidates: tuple[str, ...]) -> str:
        """Ask who speaks next."""
        self._check()
        try:
            return Prompt.ask(Text(f"{state}: who speaks next?"), choices=list(candidates), console=self._console)
        except EOFError:
            raise KeyboardInterrupt from None

    def _check(self) -> None:
        if sys.stdin is None or sys.stdin.closed:
            raise DefinitionError("there is no terminal to ask a person at")

    def _fields(self, offer: Offer, request: Request) -> dict[str, Any] | None:
        """The fields of an act, or None where it is not done."""
        about = label_of(offer.action.about, request.language) or label_of(
            getattr(offer.action, "label", {}), request.language
        )
        try:
            words = render(about, {}) if "{" not in about else ""
        except TemplateError:
            words = ""
        title = Text(one_line(f"{offer.name} {words}".strip()))
        if not offer.is_due and not Confirm.ask(title, default=False, console=self._console):
            return None
        return {
            name: self._field(f"{offer.name}.{name}", kind, request.language) for name, kind in offer.kinds.items()
        }

    def _field(self, title: str, kind: Kind, language: str) -> Any:
        options = {one_line(kind.show(o, language)): o for o in (kind.item or kind).options}
        words = f"{title} ({' | '.join(options)})" if options else title
        given = Prompt.ask(Text(words), console=self._console)
        if kind.name == "list":
            return [part.strip() for part in given.replace("，", ",").split(",") if part.strip()]
        if kind.name == "flag":
            return given.strip().lower() in {"y", "yes", "true", "是"}
        return given
