"""A local OpenAI-compatible provider that misbehaves on purpose, and counts what it bills."""

from __future__ import annotations

import json
import math
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from server import Answer, ChatServer, send, send_head

from sim.engine import tokens
from tests import role_play
from tests.faults import KEY_MARK, Fault

KEY = "sk-test-5ecret-5ecret-5ecret"
"""What the fixture ``serve`` puts into the environment as the key."""

MINUTE_S = 60.0

Faults = Sequence[Fault | None] | Callable[[int, dict[str, Any]], Fault | None]


class RateLimit:
    """So many tokens and requests in any 60 seconds, the moment just 60 seconds ago left out."""

    def __init__(self, a_minute: tuple[float, float], clock: Callable[[], float]) -> None:
        self.tokens, self.requests = a_minute
        self._clock = clock
        self._taken: deque[tuple[float, int, int]] = deque()

    def used(self, now: float) -> tuple[int, int]:
        """The tokens and the requests that count at a time."""
        counting = [(n, r) for end, n, r in self._taken if end > now]
        return sum(n for n, _ in counting), sum(r for _, r in counting)

    def enter(self, asked: int) -> float:
        """Take a request in and return 0, or the seconds after which it would fit; it may be that it never does."""
        now = self._clock()
        while self._taken and self._taken[0][0] <= now:
            self._taken.popleft()
        for moment in (now, *(end for end, _, _ in self._taken)):
            used, requests = self.used(moment)
            if used + asked <= self.tokens and requests + 1 <= self.requests:
                break
        else:
            return math.inf
        if moment == now:
            self._taken.append((now + MINUTE_S, asked, 1))
        return moment - now

    def add(self, answered: int) -> None:
        """Count the tokens of an answer, which cannot be refused any more."""
        self._taken.append((self._clock() + MINUTE_S, answered, 0))


class Provider(ChatServer):
    """Answers as a role-player would, or as ``answer`` says, but for the ``faults``.

    A fault that refuses a request comes first, then the ``window`` and the ``limit`` are looked at; all other
    faults happen to requests that got that far.

    Args:
        answer: makes the answer to a request: a status, a body and perhaps headers, or a fault.
        faults: what goes wrong with the first requests, in order; or a function of a request's number, which counts
            from 0, and the request.
        window: the tokens that a prompt and the answer it asks for may have together.
        limit: tokens and requests a minute, on ``clock``; a prompt counts when it arrives, an answer when it is
            made. What is refused does not count.
        clock: gives seconds.
        delay_s: real seconds that every answer takes.

    ``billed`` has the prompt and completion tokens of each answer with status 200 that was sent whole, ``refused``
    every other status that was sent. Both are written just before an answer leaves: who has read it finds it there.
    """

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], Answer | Fault] | None = None,
        faults: Faults = (),
        window: int | None = None,
        limit: tuple[float, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        delay_s: float = 0,
    ) -> None:
        self.billed: list[tuple[int, int]] = []
        self.refused: list[int] = []
        self._faults = faults if callable(faults) else _one_by_one(faults)
        self._window = math.inf if window is None else window
        self._limit = RateLimit(limit or (math.inf, math.inf), clock)
        self._delay_s = delay_s
        self._counting = threading.Lock()
        self._closing = threading.Event()
        super().__init__(lambda request: (200, role_play.answer(request)))
        self._given: Callable[[dict[str, Any]], Answer | Fault] = answer or self._answer

    def close(self) -> None:
        """Stop serving; who still waits for an answer gets none."""
        self._closing.set()
        super().close()

    def respond(self, handler: BaseHTTPRequestHandler, number: int, request: dict[str, Any]) -> None:
        """Answer a request, or do to it what is due."""
        fault = self._faults(number, request) or Fault()
        if fault.status == 200:
            fault = self._refusal(request) or fault
        fault, spent = self._made(fault, request)
        late_s = fault.late_s if fault.sent == "whole" else 0
        if self._closing.wait(self._delay_s + late_s) or _has_left(handler):
            handler.close_connection = True
            return
        if spent is not None:
            with self._counting:
                self._limit.add(spent[1])
        self._send(handler, fault, spent)

    def _refusal(self, request: dict[str, Any]) -> Fault | None:
        """Why a request is too long, or too much for this minute."""
        asked, room = role_play.asked(request), role_play.limit(request) or 0
        if asked + room > self._window:
            return Fault.error(
                400,
                f"This model's maximum context length is {self._window} tokens. However, you requested "
                f"{asked + room} tokens ({asked} in the messages, {room} in the completion). "
                "Please reduce the length of the messages or completion.",
                code="context_length_exceeded",
                parameter="messages",
            )
        with self._counting:
            wait_s = self._limit.enter(asked)
        if wait_s == 0:
            return None
        allowed = (
            f"Limit {self._limit.tokens} tokens and {self._limit.requests} requests per min, Requested {asked}."
        )
        if wait_s == math.inf:
            return Fault.busy(message=f"Request too large for {request.get('model')}: {allowed}")
        again_s = math.ceil(wait_s * 1000) / 1000
        message = f"Rate limit reached for {request.get('model')}: {allowed} Please try again in {again_s:.3f}s."
        return Fault.busy(str(math.ceil(wait_s)), message)

    def _made(self, fault: Fault, request: dict[str, Any]) -> tuple[Fault, tuple[int, int] | None]:
        """A fault with the bytes to be sent, and the tokens to be billed."""
        given = self._given(request) if fault.data is None else fault
        if isinstance(given, Fault):
            fault = given
            if fault.data is not None:
                return fault, _told(fault.data) if fault.status == 200 else None
            given = self._answer(request)
        status, body, *headers = given
        data = json.dumps(fault.edit(body)).encode()
        spent = (
            (_told(data) or _told(json.dumps(body).encode()) or _counted(request, body)) if status == 200 else None
        )
        own = dict(headers[0]) if headers else {}
        return replace(fault, status=status, data=data, headers=(*own.items(), *fault.headers)), spent

    def _send(self, handler: BaseHTTPRequestHandler, fault: Fault, spent: tuple[int, int] | None) -> None:
        key = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        data = (fault.data or b"").replace(KEY_MARK.encode(), key.encode())
        if fault.sent == "whole":
            with self._counting:
                if fault.status != 200:
                    self.refused.append(fault.status)
                elif spent is not None:
                    self.billed.append(spent)
            send(handler, fault.status, data, dict(fault.headers))
            return
        handler.close_connection = True
        send_head(handler, fault.status, len(data), dict(fault.headers))
        if fault.sent == "cut":
            handler.wfile.write(data[: len(data) // 2])
            return
        for i in range(len(data) - 1):
            handler.wfile.write(data[i : i + 1])
            if self._closing.wait(fault.late_s):
                return
        self._closing.wait()


def _one_by_one(faults: Sequence[Fault | None]) -> Callable[[int, dict[str, Any]], Fault | None]:
    return lambda number, request: faults[number] if number < len(faults) else None


def _told(data: bytes) -> tuple[int, int] | None:
    """The tokens that a body says it cost, if it says so in two counts."""
    try:
        usage = json.loads(data)["usage"]
        asked, answered = usage["prompt_tokens"], usage["completion_tokens"]
    except (ValueError, LookupError, TypeError):
        return None
    return (asked, answered) if isinstance(asked, int) and isinstance(answered, int) else None


def _counted(request: dict[str, Any], body: Any) -> tuple[int, int] | None:
    """The tokens of an answer that does not say what it cost; of what is no answer, nothing."""
    try:
        said = body["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        return None
    return role_play.asked(request), tokens.count(str(said or ""))


def _has_left(handler: BaseHTTPRequestHandler) -> bool:
    """Whether the client has closed the connection: nobody is billed for an answer that cannot be sent."""
    readable, _, _ = select.select([handler.connection], [], [], 0)
    return bool(readable) and not handler.connection.recv(1, socket.MSG_PEEK)
