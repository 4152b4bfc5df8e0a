"""The provider that misbehaves on purpose: each misbehaviour, as it is seen on the wire."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server import completion

import sim
from sim.stage.adapter.endpoint import Endpoint
from tests import role_play
from tests.building import ending, of
from tests.faults import Fault
from tests.provider import KEY, Provider, RateLimit

Serve = Callable[..., Provider]

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello there."}]}
PROMPT = role_play.asked(ASKED)


@dataclass
class Got:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def body(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.data)

    @property
    def error(self) -> Any:
        """The error in the body."""
        return self.body["error"]


def connected(provider: Provider, timeout_s: float = 5) -> http.client.HTTPConnection:
    """A connection to a provider."""
    return http.client.HTTPConnection(urlsplit(provider.url).netloc, timeout=timeout_s)


def post(provider: Provider, *, timeout_s: float = 5, **more: Any) -> Got:
    """Ask once, on a connection of its own."""
    connection = connected(provider, timeout_s)
    try:
        return ask(connection, **more)
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, **more: Any) -> Got:
    """Ask on an open connection."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps({**ASKED, **more}), headers)
    answer = connection.getresponse()
    return Got(answer.status, dict(answer.getheaders()), answer.read())


def test_without_faults_it_answers_and_bills(serve: Serve) -> None:
    """Several requests can follow each other on one connection."""
    provider = serve()
    connection = connected(provider)
    answers = [ask(connection) for _ in range(2)]
    connection.close()
    usage = answers[0].body["usage"]
    assert [a.status for a in answers] == [200, 200]
    assert usage["prompt_tokens"] == PROMPT
    assert provider.billed == [(PROMPT, usage["completion_tokens"])] * 2
    assert (provider.refused, [body for _, body in provider.requests]) == ([], [ASKED, ASKED])


def test_an_answer_has_a_status_a_body_and_perhaps_headers(serve: Serve) -> None:
    """Or it is a fault."""
    answers = iter([(200, completion("Hi.", 7, 2)), (418, {}, {"X-Pot": "tea"}), Fault.busy("3"), Fault.cut()])
    provider = serve(lambda request: next(answers))
    first, second, third = (post(provider) for _ in range(3))
    assert (first.body["usage"]["total_tokens"], second.status, second.headers["X-Pot"]) == (9, 418, "tea")
    assert (third.status, third.headers["Retry-After"]) == (429, "3")
    with pytest.raises(http.client.IncompleteRead):
        post(provider)
    assert (provider.billed, provider.refused) == ([(7, 2)], [418, 429])


def test_faults_come_in_order_and_then_no_more(serve: Serve) -> None:
    """None among them is a request that goes well."""
    provider = serve(faults=[Fault.broken(), None, Fault.broken(503)])
    assert [post(provider).status for _ in range(4)] == [500, 200, 503, 200]
    assert (len(provider.billed), provider.refused) == (2, [500, 503])


def test_faults_can_depend_on_the_request(serve: Serve) -> None:
    """A function is told its number, which counts from 0, and its body."""
    told: list[tuple[int, Any]] = []

    def faults(number: int, request: dict[str, Any]) -> Fault | None:
        told.append((number, request))
        return Fault.refuses("tools") if "tools" in request else None

    provider = serve(faults=faults)
    refused, answered = post(provider, tools=[]), post(provider)
    assert (refused.status, answered.status) == (400, 200)
    assert (refused.error["param"], refused.error["code"]) == ("tools", "unsupported_parameter")
    assert "'tools' is not supported" in refused.error["message"]
    assert told == [(0, {**ASKED, "tools": []}), (1, ASKED)]


@pytest.mark.parametrize("retry_after", [None, "2", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_busy_says_when_to_come_back_or_does_not(serve: Serve, retry_after: str | None) -> None:
    """In the header, as seconds or a date; what the message says is another matter."""
    message = "Rate limit reached. Please try again in 21.108s."
    got = post(serve(faults=[Fault.busy(retry_after, message)]))
    assert (got.status, got.headers.get("Retry-After")) == (429, retry_after)
    assert (got.error["message"], got.error["code"]) == (message, "rate_limit_exceeded")


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_broken_is_the_status_it_was_given(serve: Serve, status: int) -> None:
    """With an error in the body, and nothing billed."""
    provider = serve(faults=[Fault.broken(status)])
    got = post(provider)
    assert (got.status, got.error["type"]) == (status, "server_error")
    assert (provider.billed, provider.refused) == ([], [status])


def test_cut_closes_the_connection_after_half_of_the_body(serve: Serve) -> None:
    """The headers promised all of it; nothing is billed."""
    provider = serve(faults=[Fault.cut()])
    with pytest.raises(http.client.IncompleteRead) as cut:
        post(provider)
    whole = len(cut.value.partial) + (cut.value.expected or 0)
    assert len(cut.value.partial) == whole // 2 > 0
    assert cut.value.partial.startswith(b'{"id"')
    assert (provider.billed, provider.refused) == ([], [])


def test_hung_answers_late(serve: Serve) -> None:
    """A patient client gets the ordinary answer, an impatient one nothing, and only the first is billed."""
    provider = serve(faults=[Fault.hung(0.15), Fault.hung(0.15)])
    with pytest.raises(TimeoutError):
        post(provider, timeout_s=0.05)
    started = time.monotonic()
    assert post(provider).status == 200
    assert time.monotonic() - started >= 0.15
    assert (len(provider.requests), len(provider.billed)) == (2, 1)


@pytest.mark.parametrize("fault", [Fault.hung(3600), Fault.drip(3600)])
def test_closing_ends_what_hangs(serve: Serve, fault: Fault) -> None:
    """At once, for the server and for the client that waits."""
    provider = serve(faults=[fault])
    ended: list[Exception] = []

    def wait() -> None:
        try:
            post(provider, timeout_s=60)
        except (http.client.HTTPException, OSError) as error:
            ended.append(error)

    client = threading.Thread(target=wait)
    client.start()
    while not provider.requests:
        time.sleep(0.001)
    started = time.monotonic()
    provider.close()
    client.join(10)
    assert len(ended) == 1
    assert time.monotonic() - started < 5
    assert provider.billed == []


def test_closing_ends_connections_that_are_kept_alive(serve: Serve) -> None:
    """A server that is gone answers nobody, and can be closed again."""
    provider = serve()
    connection = connected(provider)
    assert ask(connection).status == 200
    provider.close()
    provider.close()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(connection)
    connection.close()


def test_drip_never_finishes(serve: Serve) -> None:
    """A byte comes now and then, so that no single read of the client takes long."""
    provider = serve(faults=[Fault.drip(0.02), Fault.drip(0)])
    connection = connected(provider)
    connection.request("POST", "/v1/chat/completions", json.dumps(ASKED))
    answer = connection.getresponse()
    started = time.monotonic()
    assert answer.read(5) == b'{"id"'
    assert time.monotonic() - started >= 3 * 0.02
    connection.close()
    with pytest.raises(TimeoutError):
        post(provider, timeout_s=0.1)
    assert provider.billed == []


def test_without_usage_bills_what_it_does_not_tell(serve: Serve) -> None:
    """The rest of the answer is as ever."""
    provider = serve(faults=[Fault.without_usage(), None])
    silent, told = post(provider).body, post(provider).body
    assert silent == {k: v for k, v in told.items() if k != "usage"}
    assert provider.billed == [(PROMPT, told["usage"]["completion_tokens"])] * 2


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"<html>Bad gateway</html>", "text/html"),
        (b"[1, 2]", "application/json"),
        (b"{}", "application/json"),
        (b'{"choices": null}', "application/json"),
        (b'{"choices": [{"message": null}]}', "application/json"),
        (b"", "application/json"),
        (b"\xff{", "application/json"),
    ],
)
def test_a_body_of_any_shape_is_sent_as_it_is(serve: Serve, raw: bytes, content_type: str) -> None:
    """With status 200, and billed only if it says so."""
    provider = serve(faults=[Fault.body(raw, content_type)])
    got = post(provider)
    assert (got.status, got.headers["Content-Type"], got.data) == (200, content_type, raw)
    assert provider.billed == []


def test_a_body_that_tells_its_usage_is_billed(serve: Serve) -> None:
    """However wrong the rest of it is."""
    provider = serve(faults=[Fault.body(b'{"usage": {"prompt_tokens": 4, "completion_tokens": 2}}')])
    post(provider)
    assert provider.billed == [(4, 2)]


def test_no_choices_is_billed(serve: Serve) -> None:
    """As the fault says, or as the answer would have been."""
    provider = serve(
        lambda request: (200, completion("Hi.", 7, 2)), [Fault.no_choices((90, 10)), Fault.no_choices()]
    )
    first, second = post(provider).body, post(provider).body
    assert (first["choices"], second["choices"]) == ([], [])
    assert (first["usage"]["total_tokens"], second["usage"]["total_tokens"]) == (100, 9)
    assert provider.billed == [(90, 10), (7, 2)]


@pytest.mark.parametrize("echo_key", [True, False])
def test_unauthorised_may_repeat_the_key(serve: Serve, echo_key: bool) -> None:
    """The one that came with the request."""
    got = post(serve(faults=[Fault.unauthorised(echo_key=echo_key)]))
    assert (got.status, got.error["code"], KEY in got.error["message"]) == (401, "invalid_api_key", echo_key)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_what_does_not_fit_into_the_window_is_refused(serve: Serve, name: str) -> None:
    """Prompt and room for the answer count together, to the token."""
    provider = serve(window=PROMPT + 50)
    fits, over, alone = post(provider, **{name: 50}), post(provider, **{name: 51}), post(provider)
    assert [fits.status, over.status, alone.status] == [200, 400, 200]
    assert over.error["code"] == "context_length_exceeded"
    assert over.error["message"].startswith(
        f"This model's maximum context length is {PROMPT + 50} tokens. However, you requested {PROMPT + 51} tokens"
    )


def test_an_answer_ends_where_its_limit_of_tokens_is(serve: Serve) -> None:
    """And says so; it is billed as long as it is."""
    provider = serve()
    body = post(provider, max_tokens=5).body
    assert body["choices"][0]["finish_reason"] == "length"
    assert provider.billed == [(PROMPT, body["usage"]["completion_tokens"])]
    assert 0 < provider.billed[0][1] <= 5


def test_over_the_limit_of_tokens_it_says_when_to_come_back(serve: Serve) -> None:
    """The answer counts, refused requests do not, and just then the next one fits."""
    now = [0.0]
    provider = serve(
        lambda request: (200, completion("Hi.", PROMPT, 30)), limit=(2 * PROMPT + 29, 100), clock=lambda: now[0]
    )
    assert post(provider).status == 200
    now[0] = 58.75
    early = [post(provider) for _ in range(3)]
    assert {got.status for got in early} == {429}
    assert early[0].headers["Retry-After"] == "2"
    assert early[0].error["message"].startswith("Rate limit reached for m: ")
    assert early[0].error["message"].endswith(" Please try again in 1.250s.")
    now[0] += 1.25
    assert post(provider).status == 200
    assert provider.refused == [429] * 3


def test_a_fault_that_answers_counts_for_the_limit_and_one_that_refuses_does_not(serve: Serve) -> None:
    """What is cut off was read and made by the provider all the same."""
    provider = serve(faults=[Fault.broken(), Fault.cut()], limit=(math.inf, 1), clock=lambda: 0.0)
    assert post(provider).status == 500
    with pytest.raises(http.client.IncompleteRead):
        post(provider)
    assert post(provider).status == 429


def test_a_request_that_never_fits_is_told_so(serve: Serve) -> None:
    """There is no time to come back at."""
    got = post(serve(limit=(PROMPT - 1, 10)))
    assert (got.status, got.headers.get("Retry-After")) == (429, None)
    assert got.error["message"].startswith("Request too large for m: ")


EIGHTHS = st.integers(0, 300).map(lambda n: n / 8)
"""Steps of time that add up exactly."""


@given(
    steps=st.lists(st.tuples(EIGHTHS, st.integers(0, 60), st.integers(0, 60)), max_size=30),
    tokens=st.integers(0, 150),
    requests=st.integers(1, 5),
)
def test_the_sliding_window_is_exact(steps: list[tuple[float, int, int]], tokens: int, requests: int) -> None:
    """What is let in, and how long the others are told to wait, is what counting everything anew gives."""
    now = 0.0
    limit = RateLimit((tokens, requests), lambda: now)
    seen: list[tuple[float, int, int]] = []

    def fits(moment: float, asked: int) -> bool:
        counting = [(n, r) for at, n, r in seen if moment - at < 60]
        return sum(n for n, _ in counting) + asked <= tokens and sum(r for _, r in counting) < requests

    for step, asked, answered in steps:
        now += step
        wait_s = limit.enter(asked)
        assert (wait_s == 0) == fits(now, asked)
        if wait_s == 0:
            seen += [(now, asked, 1), (now, answered, 0)]
            limit.add(answered)
        elif wait_s == math.inf:
            assert asked > tokens
        else:
            assert fits(now + wait_s, asked)
            assert not fits(now + wait_s - 1 / 16, asked)


def test_many_at_once_are_all_counted(serve: Serve) -> None:
    """Of twenty requests in one moment the limit lets ten in."""
    provider = serve(limit=(math.inf, 10), clock=lambda: 0.0, delay_s=0.02)
    threads = [threading.Thread(target=post, args=[provider]) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(provider.requests), len(provider.billed), provider.refused) == (20, 10, [429] * 10)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("takes_schema", [True, False])
def test_a_hospital_visit_ends_well(serve: Serve, tmp_path: Path, language: str, takes_schema: bool) -> None:
    """Through the real client, with a schema and without; the log has what was billed."""

    def faults(number: int, request: dict[str, Any]) -> Fault | None:
        return None if takes_schema or "response_format" not in request else Fault.refuses("response_format")

    provider = serve(faults=faults)
    model = Endpoint("m", base_url=provider.url)
    log = sim.run("hospital_visit", models=model, language=language, out=tmp_path / "log.jsonl")
    assert ending(log)[0] == "discharged"
    assert [(c.usage.prompt, c.usage.completion) for c in of(log, "call")] == provider.billed
    assert set(provider.refused) == (set() if takes_schema else {400})
