"""A local OpenAI-compatible server that counts the tokens of every call and answers with replies of one length."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sim.engine import tokens

REPLY = (
    "好的，我明白了。昨天打球的时候落地没站稳，右边的脚踝一下子就崴了，当时就肿起来了，"
    "晚上用冰袋敷过半个小时，今天早上起来还是疼，走路一瘸一拐的，所以想请您帮我看看，"
    "接下来应该怎么处理，需要注意些什么，谢谢您。"
)
_CHOOSE = re.compile(r"select the next role from \[(.*?)\]", re.DOTALL)


@dataclass
class Count:
    """What was counted since the last reset."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion


def completion(text: str, asked: int, answered: int) -> dict[str, Any]:
    """The body of a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "c1", "object": "chat.completion", "created": 0, "model": "local", "choices": [choice],
        "usage": usage_of(asked, answered),
    }  # fmt: skip


def usage_of(asked: int, answered: int) -> dict[str, int]:
    """How a chat completion tells its tokens."""
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
"""A status, a body that JSON can hold, and headers, if there are any."""


def send(handler: BaseHTTPRequestHandler, status: int, data: bytes, headers: Mapping[str, str]) -> None:
    """Send an answer; it is JSON where the headers do not say otherwise."""
    send_head(handler, status, len(data), headers)
    handler.wfile.write(data)


def send_head(handler: BaseHTTPRequestHandler, status: int, length: int, headers: Mapping[str, str]) -> None:
    """Send the status and the headers of an answer that has so many bytes."""
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


class _Listener(ThreadingHTTPServer):
    """A thread for each connection; closing ends them all, and a client that leaves is no error."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", 0), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, unless it is that the client has left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening, and end the connections that clients keep alive."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class ChatServer:
    """Serves ``/v1/chat/completions`` on a free loopback port with whatever ``answer`` gives.

    ``requests`` keeps each request's headers and body.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], Answer]) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self._answer = answer
        arriving = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                with arriving:
                    number = len(outer.requests)
                    outer.requests.append((dict(self.headers), request))
                outer.respond(self, number, request)

            def log_message(self, *args: object) -> None:
                pass

        self._listener = _Listener(Handler)
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()

    def respond(self, handler: BaseHTTPRequestHandler, number: int, request: dict[str, Any]) -> None:
        """Answer a request, the first of which has the number 0."""
        status, body, *headers = self._answer(request)
        send(handler, status, json.dumps(body).encode(), *headers or [{}])

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}/v1"

    def close(self) -> None:
        """Stop serving, now; a second time does nothing."""
        self._listener.close()


class CountingServer(ChatServer):
    """Answers selection questions with the next name in turn, and everything else with ``REPLY``.

    Where the request asks for JSON, the acts that the schema does not let be null are filled in.
    """

    def __init__(self) -> None:
        self.count = Count()
        self._lock = threading.Lock()
        self._turn = 0
        super().__init__(lambda request: (200, self.answer(request)))

    def reset(self) -> None:
        """Count from nothing."""
        self.count = Count()
        self._turn = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Make the body of an answer, and count."""
        messages = [{"role": m["role"], "content": str(m.get("content") or "")} for m in request["messages"]]
        text = self._text(request, messages)
        asked, answered = tokens.count_messages(messages), tokens.count(text)
        with self._lock:
            self.count.calls += 1
            self.count.prompt += asked
            self.count.completion += answered
        return completion(text, asked, answered)

    def _text(self, request: dict[str, Any], messages: list[dict[str, str]]) -> str:
        names = next((m for m in map(_CHOOSE.search, (m["content"] for m in messages)) if m), None)
        if names is not None:
            candidates = [n.strip(" '\"") for n in names.group(1).split(",")]
            self._turn += 1
            return candidates[self._turn % len(candidates)]
        schema = request.get("response_format", {}).get("json_schema", {}).get("schema")
        return json.dumps(fill(schema, messages[-1]["content"]), ensure_ascii=False) if schema else REPLY


def fill(schema: dict[str, Any], prompt: str) -> dict[str, Any]:
    """An answer by a JSON Schema: words, the acts that may not be null, and the prices that the prompt names."""
    answer: dict[str, Any] = {}
    for name, act in schema["properties"].items():
        if name == "say":
            answer[name] = REPLY
        else:
            answer[name] = None if "anyOf" in act else {f: _value(s, prompt) for f, s in act["properties"].items()}
    return answer


_PRICE = re.compile(r"(?:挂号费|药费|registration fee|price of the medicine)=([0-9.]+)")


def _value(schema: dict[str, Any], prompt: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "array":
        return [_value(schema["items"], prompt)]
    if schema["type"] == "number":
        prices = _PRICE.findall(prompt)
        return float(prices[-1]) if prices else 0
    return {"boolean": True, "string": "好"}.get(schema["type"], 0)
