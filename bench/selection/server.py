"""The local server that all arms ask: it answers by the script, or passes each request on, and counts all alike.

Counted are the texts of a request, what the chat format adds to each message, the names that stand beside messages,
and the schema of an answer, which providers count too; and the text of the answer. Where a real model answers, its
own counts are taken.
"""

from __future__ import annotations

import json
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.selection.scene import Scene
from bench.selection.speakers import Cast, Talk
from bench.server import ChatServer, completion
from sim.engine import tokens

NAME = 1
"""What a name beside a message adds to its own tokens, after OpenAI's counting recipe."""

SELECTING = re.compile(r"select the next role from \[|choose who is next from \[|选出下一个发言的人")
"""How AutoGen's selection asks, and how ours would in the order `auto`."""

TIMEOUT_S = 300

CLOSE = {"Connection": "close"}
"""AutoGen makes a client for each question who speaks next, and would keep a connection open for each."""


@dataclass
class Spent:
    """Calls and their tokens."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0

    def add(self, asked: int, answered: int) -> None:
        """Count a call."""
        self.calls += 1
        self.prompt += asked
        self.completion += answered

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion


@dataclass
class Count:
    """What a run took: for choosing who speaks, and for speaking."""

    selecting: Spent = field(default_factory=Spent)
    speaking: Spent = field(default_factory=Spent)

    @property
    def total(self) -> int:
        """All tokens."""
        return self.selecting.total + self.speaking.total

    def as_json(self) -> dict[str, Any]:
        """The counts by what they were for."""
        return asdict(self)


def is_selecting(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a request asks who speaks next: by its last message, or its first where AutoGen asks again."""
    ends = (messages[0], messages[-1])
    return any(SELECTING.search(str(m.get("content") or "")) is not None for m in ends)


def count_request(request: Mapping[str, Any]) -> int:
    """The tokens of a request."""
    messages = [{"content": str(m.get("content") or "")} for m in request["messages"]]
    names = [str(m["name"]) for m in request["messages"] if m.get("name")]
    asked = tokens.count_messages(messages) + sum(NAME + tokens.count(name) for name in names)
    form = request.get("response_format")
    return asked + (tokens.count(json.dumps(form, ensure_ascii=False)) if form else 0)


class SelectionServer(ChatServer):
    """Serves one run after another; :meth:`begin` says whose.

    With a ``url``, requests are passed on to the model there, all with the same seed and limit of an answer.
    """

    def __init__(self, url: str | None = None, model: str = "scripted", most: int = 160) -> None:
        self.count = Count()
        self.failures = 0
        self._lock = threading.Lock()
        self._url, self._model, self._most = url, model, most
        self._key = os.environ.get("OPENAI_API_KEY", "none")
        super().__init__(lambda request: (*self._answered(request), CLOSE))

    def begin(self, scene: Scene, cast: Cast, seed: int) -> None:
        """Count from nothing, for a run of a scene."""
        self.count, self.failures = Count(), 0
        self.requests.clear()
        self._scene, self._cast, self._seed = scene, cast, seed
        self._spoken = self._asked = 0

    def _answered(self, request: dict[str, Any]) -> tuple[int, Any]:
        return self._passed_on(request) if self._url else (200, self._scripted(request))

    def _scripted(self, request: dict[str, Any]) -> dict[str, Any]:
        messages = request["messages"]
        asked = count_request(request)
        with self._lock:
            if is_selecting(messages):
                self._asked += 1
                chat = messages[1:-1]
                last = self._agent_of(str(chat[-1].get("name") or ""))
                text = self._scene.names[self._cast.choose(_talk(chat), last, self._asked)]
                spent = self.count.selecting
            else:
                text, spent = self._said(request), self.count.speaking
            answered = tokens.count(text)
            spent.add(asked, answered)
        return completion(text, asked, answered)

    def _said(self, request: dict[str, Any]) -> str:
        """The answer of the agent whose system prompt it is."""
        messages = request["messages"]
        system = str(messages[0]["content"])
        agent = next(a for a in self._scene.world.agents if system.startswith(self._scene.system(a)))
        is_plain = system == self._scene.plain(agent)
        attempt = 0 if is_plain else (len(messages) - 2) // 2
        self._spoken += attempt == 0
        if is_plain:
            return self._cast.say(agent, _talk(messages[1:]), self._spoken)
        schema = request.get("response_format", {}).get("json_schema", {}).get("schema") or {}
        return self._cast.answer(agent, schema, str(messages[1]["content"]), self._spoken, attempt)

    def _agent_of(self, name: str) -> str:
        return next((agent for agent, given in self._scene.names.items() if given == name), "")

    def _passed_on(self, request: dict[str, Any]) -> tuple[int, Any]:
        """What the model says to a request, counted as it says."""
        body = {**request, "model": self._model, "seed": self._seed, "max_tokens": self._most, "temperature": 0.7}
        call = urllib.request.Request(
            f"{str(self._url).rstrip('/')}/chat/completions", json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(call, timeout=TIMEOUT_S) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            self.failures += 1
            return error.code, json.loads(error.read() or b"{}")
        usage = answer["usage"]
        with self._lock:
            spent = self.count.selecting if is_selecting(request["messages"]) else self.count.speaking
            spent.add(usage["prompt_tokens"], usage["completion_tokens"])
        return 200, answer


def _talk(messages: Sequence[Mapping[str, Any]]) -> Talk:
    return Talk.of([str(m.get("content") or "") for m in messages])
