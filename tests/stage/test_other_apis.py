"""Models that AutoGen's other clients reach, against a server that speaks as theirs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from server import ChatServer

from sim.errors import DefinitionError, ModelError
from sim.models.catalog import Entry
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.probe import probe
from tests.provider import KEY
from tests.timers import SimulatedTimer

Serve = Callable[[Any], ChatServer]


@pytest.fixture
def server_of() -> Iterator[Serve]:
    """Start servers whose answers are made by a function of the request."""
    servers: list[ChatServer] = []

    def start(answer: Any) -> ChatServer:
        servers.append(ChatServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def claude(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A message that calls the function it was given, or says something."""
    tools = request.get("tools", [])
    said: dict[str, Any] = {"type": "text", "text": "Hello."}
    if tools:
        given = {"say": "Hello there", "greet": {}}
        said = {"type": "tool_use", "id": "t1", "name": tools[-1]["name"], "input": given}
    return 200, {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "content": [said],
        "model": "claude-sonnet-4-5",
        "stop_reason": "tool_use" if tools else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 50, "output_tokens": 9},
    }


def endpoint(server: ChatServer, timer: SimulatedTimer | None = None) -> Endpoint:
    entry = Entry(api="anthropic", url=server.url, timeout=10.0)
    return Endpoint("claude-sonnet-4-5", entry=entry, key=KEY, timer=timer or SimulatedTimer())


def test_acts_are_asked_of_anthropic_as_a_function(server_of: Serve) -> None:
    """Its answer is read, counted and priced, and the key goes where it belongs."""
    server = server_of(claude)
    done = probe(endpoint(server))
    assert done.problems == ()
    assert done.reply.text == '{"say": "Hello there", "greet": {}}'
    assert (done.reply.usage.prompt, done.reply.usage.completion, done.reply.usage.is_estimated) == (50, 9, False)
    assert done.reply.cost is not None
    assert done.reply.cost > 0
    headers, request = server.requests[0]
    assert headers["X-Api-Key"] == KEY
    assert "response_format" not in request
    assert [tool["name"] for tool in request["tools"]] == ["answer"]


def test_what_anthropic_asks_to_wait_is_waited(server_of: Serve) -> None:
    """Its own client does not try behind our back."""
    answers: list[Any] = [(429, {"type": "error", "error": {"type": "rate_limit_error"}}, {"retry-after": "7"})] * 2
    server = server_of(lambda request: answers.pop() if answers else claude(request))
    timer = SimulatedTimer()
    done = probe(endpoint(server, timer))
    assert done.problems == ()
    assert len(server.requests) == 3
    assert [int(seconds) for seconds in timer.slept] == [7, 7]


def test_an_error_of_anthropic_does_not_repeat_the_key(server_of: Serve) -> None:
    """As with any endpoint."""
    body = {"type": "error", "error": {"type": "authentication_error", "message": f"invalid key {KEY}"}}
    server = server_of(lambda request: (401, body))
    with pytest.raises(ModelError, match=r"HTTP 401.*\[key\]") as caught:
        probe(endpoint(server))
    assert KEY not in str(caught.value)


def test_gemini_is_asked_by_a_schema(server_of: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its client is installed; it takes its URL from the environment alone."""
    pytest.importorskip("google.genai")
    body = {
        "candidates": [
            {
                "content": {"parts": [{"text": '{"say":"Hello","greet":{}}'}], "role": "model"},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 40, "candidatesTokenCount": 7, "totalTokenCount": 47},
    }
    busy = {"error": {"code": 429, "message": "Quota. Please retry in 21.108s.", "status": "RESOURCE_EXHAUSTED"}}
    answers: list[Any] = [(429, busy)]
    server = server_of(lambda request: answers.pop() if answers else (200, body))
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
    timer = SimulatedTimer()
    done = probe(Endpoint("gemini-2.5-flash", entry=Entry(api="gemini"), key=KEY, timer=timer))
    assert done.problems == ()
    assert (done.reply.usage.prompt, done.reply.usage.completion) == (40, 7)
    assert [int(seconds) for seconds in timer.slept] == [21]
    assert "responseJsonSchema" in server.requests[-1][1]["generationConfig"]


def test_a_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""

    def missing(*arguments: Any, **options: Any) -> None:
        raise ImportError("no such package")

    monkeypatch.setattr("autogen.OpenAIWrapper", missing)
    with pytest.raises(
        DefinitionError, match=r"needs the extra 'anthropic': pip install 'roleplay-sim\[anthropic\]'"
    ):
        Endpoint("claude", entry=Entry(api="anthropic"), key=KEY)


def test_azure_is_asked_at_its_deployment(server_of: Serve) -> None:
    """With the version in the URL, and the key in its own header."""
    from tests.role_play import answer  # noqa: PLC0415 - beside what it is for

    server = server_of(lambda request: (200, answer(request)))
    entry = Entry(api="azure", url=server.url.removesuffix("/v1"), model="stage", version="2024-10-21")
    done = probe(Endpoint("azure-gpt", entry=entry, key=KEY))
    assert done.problems == ()
    headers, _ = server.requests[0]
    assert headers["api-key"] == KEY
