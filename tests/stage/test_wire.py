"""One request over the wire: what is read of an answer, what an error means, and that no key is repeated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server import completion

from sim.models.catalog import Entry
from sim.models.retries import Failure
from sim.stage.adapter.wire import FEW, SOME, Answered, NotTaken, Wire, is_too_long, within, words
from tests.faults import Fault
from tests.provider import KEY, Provider

Serve = Callable[..., Provider]

ASKED = {"messages": [{"role": "user", "content": "Hello."}]}


def wire(provider: Provider, key: str = KEY, timeout: float = 5.0) -> Wire:
    return Wire("m", Entry(url=provider.url, timeout=timeout), provider.url, key)


def failure(provider: Provider, **options: Any) -> Failure:
    """How one request fails."""
    with pytest.raises(Failure) as caught:
        wire(provider, **options).send(ASKED)
    return caught.value


def answering(**message: Any) -> Callable[[dict[str, Any]], Any]:
    """Answers with a message of this shape."""

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        found = completion("", 5, 2)
        found["choices"][0]["message"] |= message
        return 200, found

    return answer


def called(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_an_answer_is_read(serve: Serve) -> None:
    """Its words, its tokens, and who gave it."""
    provider = serve(lambda body: (200, {**completion("Hi.", 7, 2), "system_fingerprint": "fp"}))
    assert wire(provider).send(ASKED) == Answered(
        "Hi.", 7, 2, 0, {"id": "c1", "served_as": "local", "fingerprint": "fp"}
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None}, ""),
        ({"content": ""}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": [{"type": "image"}, "x", {"text": 5}]}, ""),
        ({"content": 5}, None),
        ({"content": {"a": 1}}, None),
        ({"tool_calls": [called("answer", '{"say": "Hi"}')], "content": "thinking"}, '{"say": "Hi"}'),
        ({"tool_calls": [called("answer", {"say": "Hi"})]}, '{"say": "Hi"}'),
        ({"tool_calls": [called("prices", '{"room": "hall"}')], "content": None}, '{"prices": {"room": "hall"}}'),
        ({"tool_calls": [called("a", "{}"), called("b", '{"x": 1}')]}, '{"a": {}, "b": {"x": 1}}'),
        ({"tool_calls": [called("prices", "no JSON")], "content": "Hm."}, "Hm."),
        ({"tool_calls": [called("prices", None)]}, '{"prices": {}}'),
        ({"tool_calls": [], "content": "Hm."}, "Hm."),
    ],
)
def test_the_words_of_an_answer(serve: Serve, message: dict[str, Any], text: str | None) -> None:
    """Text, parts of text, or functions as the JSON object that asks for the same; None where there is nothing."""
    assert wire(serve(answering(**message))).send(ASKED).text == text


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_whatever_the_content_is_it_is_words_or_nothing(content: Any) -> None:
    """No shape of it is an error."""
    assert isinstance(words(content), str | None)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 2}, (7, 2, 0)),
        ({"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}, (7, 2, 4)),
        ({"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}, (7, 2, 0)),
        ({"prompt_tokens": -7, "completion_tokens": 2}, (None, 2, 0)),
        ({"prompt_tokens": "7", "completion_tokens": 2}, (None, 2, 0)),
        ({"prompt_tokens": True, "completion_tokens": 2.5}, (None, None, 0)),
        ({"prompt_tokens": 10**12, "completion_tokens": 2}, (None, 2, 0)),
        ({"prompt_tokens": 7}, (7, None, 0)),
        ({}, (None, None, 0)),
        (None, (None, None, 0)),
        ("many", (None, None, 0)),
    ],
)
def test_tokens_that_make_no_sense_are_not_counted(serve: Serve, usage: Any, counts: tuple[Any, ...]) -> None:
    """Negative ones, words, and more cached than there are."""
    found = wire(serve(lambda body: (200, {**completion("Hi.", 1, 1), "usage": usage}))).send(ASKED)
    assert (found.prompt, found.completion, found.cached) == counts


@pytest.mark.parametrize("status", [400, 404, 415, 422])
def test_what_may_be_an_option_is_not_a_failure_yet(serve: Serve, status: int) -> None:
    """Something of the request may be left out; all that was said of it is told."""
    with pytest.raises(NotTaken) as caught:
        wire(serve(faults=[Fault.error(status, "No. " * 200 + "seed")])).send(ASKED)
    assert str(caught.value).startswith("m at http://127.0.0.1:")
    assert f"HTTP {status}" in str(caught.value)
    assert (len(str(caught.value)) < 400, "seed" in caught.value.reason) == (True, True)


@pytest.mark.parametrize(
    ("fault", "is_passing", "wait_s"),
    [
        (Fault.busy("7"), True, 7),
        (Fault.busy(message="Please try again in 21.108s."), True, 21.108),
        (Fault.busy(message="Lots of words. " * 40 + "Please try again in 3s."), True, 3),
        (Fault.busy(), True, None),
        (Fault.error(429, "x " * 200, code="insufficient_quota"), False, None),
        (Fault.broken(), True, None),
        (Fault.broken(529), True, None),
        (Fault.unauthorised(), False, None),
        (Fault.error(403, "No."), False, None),
    ],
)
def test_what_an_error_means(serve: Serve, fault: Fault, is_passing: bool, wait_s: float | None) -> None:
    """Whether it passes and when, even where that stands behind many words."""
    found = failure(serve(faults=[fault]))
    assert (found.is_passing, found.wait_s, found.tries) == (is_passing, wait_s, None)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.cut(),
        Fault.body(b"<html>", "text/html"),
        Fault.body(b"[1, 2]"),
        Fault.body(b'"text"'),
        Fault.body(b"\xff{"),
        Fault.body(b""),
    ],
)
def test_what_is_no_answer_is_tried_a_few_times(serve: Serve, fault: Fault) -> None:
    """Or it has no words; neither is an error of another kind."""
    try:
        found = wire(serve(faults=[fault])).send(ASKED)
    except Failure as error:
        found = error
    assert found.text is None if isinstance(found, Answered) else found.is_passing
    assert isinstance(found, Answered) or found.tries in {FEW, SOME}


def test_an_endpoint_that_is_not_there_is_tried_a_few_times(serve: Serve) -> None:
    """It may be starting."""
    provider = serve()
    provider.close()
    found = failure(provider)
    assert (found.is_passing, found.tries) == (True, SOME)


@pytest.mark.parametrize("fault", [Fault.drip(0.02), Fault.hung(60)])
def test_an_answer_that_does_not_end_is_given_up(serve: Serve, fault: Fault) -> None:
    """Though a byte of it comes now and then."""
    started = time.monotonic()
    found = failure(serve(faults=[fault]), timeout=0.3)
    assert time.monotonic() - started < 3
    assert (found.is_passing, found.tries) == (True, FEW)


def test_within_gives_what_a_call_gives() -> None:
    """Or raises what it raises, or that it took too long."""
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
    with pytest.raises(Failure, match=r"no whole answer within 0\.05 s"):
        within(0.05, lambda: time.sleep(1))


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Fault.unauthorised(), None),
        (Fault.error(400, f"Your key {KEY} is odd."), None),
        (Fault.busy(message=f"{KEY} is busy"), None),
        (Fault.body(json.dumps({"error": KEY}).replace("s", "\\u0073").encode()), None),
        (None, completion(f"My key is {KEY}.", 1, 1)),
        (None, {**completion("Hi", 1, 1), "id": KEY, "model": f"m-{KEY}", "system_fingerprint": KEY}),
    ],
)
def test_no_key_is_repeated(serve: Serve, fault: Fault | None, answer: Any) -> None:
    """Neither by an error, nor by those that it follows from, nor by an answer."""
    said = ""
    try:
        said = str(wire(serve(lambda body: (200, answer), [fault])).send(ASKED))
    except (Failure, NotTaken) as error:
        chain: BaseException | None = error
        while chain is not None:
            said += f"{chain!r} {vars(chain)}"
            chain = chain.__cause__ or chain.__context__
    assert said
    assert KEY not in said


def test_a_key_that_is_no_secret_stays_a_word(serve: Serve) -> None:
    """Local servers are given one such as "none", which an answer may have."""
    provider = serve(lambda body: (200, completion("I have none.", 1, 1)))
    assert wire(provider, key="none").send(ASKED).text == "I have none."


@pytest.mark.parametrize("spelt", [KEY, KEY.replace("s", "\\u0073"), f"a{KEY}b{KEY}"])
def test_a_key_is_taken_out_however_it_is_spelt(serve: Serve, spelt: str) -> None:
    """With JSON escapes as well; other escapes stay where there is no key."""
    made = wire(serve())
    assert KEY not in made.redacted(spelt)
    assert "[key]" in made.redacted(spelt)
    assert made.redacted("\\u0041 stays") == "\\u0041 stays"
    assert wire(serve(), key="").redacted("nothing") == "nothing"


@pytest.mark.parametrize(
    ("message", "is_so"),
    [
        ("This model's maximum context length is 4096 tokens.", True),
        ("prompt is too long: 210000 tokens > 200000 maximum", True),
        ("Input exceeds the context window of this model", True),
        ("the request exceeds the available context size", True),
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", False),
        ("max_tokens is too large: 9000. This model supports at most 4096 completion tokens", False),
        ("Unknown parameter: 'seed'.", False),
    ],
)
def test_what_says_that_a_prompt_is_too_long(message: str, is_so: bool) -> None:
    """As several providers write it; a limit that is too large is something else."""
    assert is_too_long(message) == is_so


def test_an_odd_response_has_no_words(serve: Serve) -> None:
    """No choices, or a choice without a message."""
    made = wire(serve())
    for response in (SimpleNamespace(), SimpleNamespace(choices=[]), SimpleNamespace(choices=[SimpleNamespace()])):
        assert made._answered(response) == Answered(None, None, None, 0, {})
