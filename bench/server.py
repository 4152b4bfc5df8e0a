"""A local OpenAI-compatible server that counts the tokens of every call and answers with replies of one length."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
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
    usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return {
        "id": "c1", "object": "chat.completion", "created": 0, "model": "local", "choices": [choice], "usage": usage
    }  # fmt: skip


class ChatServer:
    """Serves ``/v1/chat/completions`` on a free loopback port with whatever ``answer`` gives: a status and a body.

    ``requests`` keeps each request's headers and body.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]) -> None:
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                outer.requests.append((dict(self.headers), request))
                status, body = answer(request)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


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
        return json.dumps(_fill(schema, messages[-1]["content"]), ensure_ascii=False) if schema else REPLY


def _fill(schema: dict[str, Any], prompt: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"say": REPLY}
    for name, act in schema["properties"].items():
        if name != "say":
            answer[name] = None if "anyOf" in act else {f: _value(s, prompt) for f, s in act["properties"].items()}
    return answer


def _value(schema: dict[str, Any], prompt: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "array":
        return [_value(schema["items"], prompt)]
    if schema["type"] == "number":
        prices = re.findall(r"(?:挂号费|药费)=([0-9.]+)", prompt)
        return float(prices[-1]) if prices else 0
    return {"boolean": True, "string": "好"}.get(schema["type"], 0)
