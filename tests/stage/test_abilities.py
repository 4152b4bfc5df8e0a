"""What an endpoint takes of a request, by the real client: what is refused is given up, and not sent again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from server import completion

from sim.errors import ModelError
from sim.models.catalog import Entry, Supports
from sim.stage.adapter.endpoint import Endpoint
from tests.faults import Fault
from tests.models.asking import request
from tests.provider import Provider

Serve = Callable[..., Provider]

OPTIONS = ("tools", "response_format", "max_tokens", "seed")


def endpoint(provider: Provider, **entry: Any) -> Endpoint:
    return Endpoint("m", entry=Entry(url=provider.url, **entry), key="")


def sent(provider: Provider) -> list[dict[str, Any]]:
    """The requests, without what is always in them."""
    return [
        {k: v for k, v in body.items() if k not in {"model", "messages", "stream"}} for _, body in provider.requests
    ]


def refusing(*parameters: str, by: Callable[[str], Fault] = Fault.refuses) -> Callable[[int, dict[str, Any]], Any]:
    """Refuses each request with one of these, naming the first that it meets."""

    def faults(number: int, body: dict[str, Any]) -> Fault | None:
        found = next((p for p in parameters if p in body), None)
        return by(found) if found is not None else None

    return faults


def test_all_is_sent_at_first(serve: Serve) -> None:
    """A schema for the acts, functions for the look-ups, a limit, a seed."""
    provider = serve()
    assert endpoint(provider).answer(request(has_tools=True)).text
    (body,) = sent(provider)
    assert set(body) == {"tools", "response_format", "max_tokens", "seed"}
    assert (body["max_tokens"], body["seed"]) == (300, 7)
    assert body["response_format"]["type"] == "json_schema"
    assert [t["function"]["name"] for t in body["tools"]] == ["prices"]
    assert body["tools"][0]["function"]["parameters"]["properties"]["room"]["enum"] == ["hall", "yard"]


@pytest.mark.parametrize("parameter", OPTIONS)
def test_what_is_refused_by_name_is_given_up_alone(serve: Serve, parameter: str) -> None:
    """And not sent again; all else still is."""
    provider = serve(faults=refusing(parameter))
    model = endpoint(provider)
    for _ in range(2):
        model.answer(request(has_tools=True))
    bodies = sent(provider)
    assert parameter in bodies[0]
    refused = [body for body in bodies if parameter in body]
    assert len(refused) == (2 if parameter == "response_format" else 1)  # the schema, and the mode JSON
    assert all(other in body for body in bodies for other in OPTIONS if other != parameter)
    assert bodies[-1] == bodies[-2]


@pytest.mark.parametrize("parameter", OPTIONS)
def test_what_is_refused_without_a_name_is_found_out(serve: Serve, parameter: str) -> None:
    """One after another is given up, until it is taken; the second call is taken at once."""
    provider = serve(faults=refusing(parameter, by=lambda _: Fault.error(400, "Bad request.")))
    model = endpoint(provider)
    model.answer(request(has_tools=True))
    number = len(provider.requests)
    assert 2 <= number <= 6
    model.answer(request(has_tools=True))
    assert len(provider.requests) == number + 1
    assert parameter not in sent(provider)[-1]


@pytest.mark.parametrize("order", [OPTIONS, tuple(reversed(OPTIONS))])
def test_all_of_them_may_be_refused(serve: Serve, order: tuple[str, ...]) -> None:
    """Then the prompt alone says how an answer looks, and it is read as text."""
    provider = serve(faults=refusing(*order))
    model = endpoint(provider)
    reply = model.answer(request(has_tools=True))
    assert sent(provider)[-1] == {}
    assert json.loads(reply.text)["greet"] == {}
    assert not any(model.takes.values())


def test_a_schema_is_given_up_for_the_mode_json_and_that_for_a_function(serve: Serve) -> None:
    """Whose arguments are the answer."""

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        found = completion("", 5, 5)
        call = {
            "id": "1",
            "type": "function",
            "function": {"name": "answer", "arguments": '{"say": "Hi", "greet": {}}'},
        }
        found["choices"][0]["message"] |= {"content": None, "tool_calls": [call]}
        return 200, found

    provider = serve(answer, refusing("response_format"))
    reply = endpoint(provider).answer(request())
    first, second, third = sent(provider)
    assert first["response_format"]["type"] == "json_schema"
    assert second["response_format"] == {"type": "json_object"}
    assert [t["function"]["name"] for t in third["tools"]] == ["answer"]
    assert json.loads(reply.text) == {"say": "Hi", "greet": {}}


def test_a_limit_of_the_other_name_is_sent_by_that(serve: Serve) -> None:
    """As newer models of OpenAI want it; should that be refused too, there is no limit."""
    text = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    provider = serve(faults=refusing("max_tokens", by=lambda _: Fault.error(400, text)))
    model = endpoint(provider)
    for _ in range(2):
        model.answer(request())
    assert [body.get("max_completion_tokens") for body in sent(provider)] == [None, 300, 300]
    assert [body.get("max_tokens") for body in sent(provider)] == [300, None, None]
    strict = serve(faults=[Fault.error(400, text), Fault.refuses("max_completion_tokens")])
    endpoint(strict).answer(request())
    assert not {"max_tokens", "max_completion_tokens"} & set(sent(strict)[-1])
    assert "response_format" in sent(strict)[-1]


def test_a_name_that_stands_far_behind_in_a_message_is_found(serve: Serve) -> None:
    """Some endpoints repeat half the request before they say what is wrong."""
    provider = serve(faults=refusing("seed", by=lambda _: Fault.error(422, f"{'x ' * 400} unknown: seed")))
    endpoint(provider).answer(request(has_tools=True))
    assert [set(OPTIONS) - set(body) for body in sent(provider)] == [set(), {"seed"}]


def test_a_prompt_that_is_too_long_is_not_taken_for_a_parameter(serve: Serve) -> None:
    """Nothing is given up, and the error says how to tell the window."""
    provider = serve(window=50)
    model = endpoint(provider)
    with pytest.raises(ModelError, match=r"maximum context length is 50 tokens.*window: TOKENS"):
        model.answer(request())
    assert (len(provider.requests), all(model.takes.values())) == (1, True)


def test_what_is_refused_whatever_is_left_out_teaches_nothing(serve: Serve) -> None:
    """It was the content; the next request is sent whole."""
    no = Fault.error(400, "The content violates our policy.")
    provider = serve(faults=lambda number, body: no if number < 6 else None)
    model = endpoint(provider)
    with pytest.raises(ModelError, match="violates our policy"):
        model.answer(request())
    assert sent(provider)[5] == {}
    model.answer(request())
    assert set(sent(provider)[6]) == {"response_format", "max_tokens", "seed"}


def test_calls_side_by_side_do_not_unteach_each_other(serve: Serve) -> None:
    """One whose content is refused, while another learns that no seed is taken."""
    learned = threading.Event()

    def faults(number: int, body: dict[str, Any]) -> Fault | None:
        if body["messages"][-1]["content"] == "bad":
            learned.wait(5)
            return Fault.error(400, "The content violates our policy.")
        return Fault.refuses("seed") if "seed" in body else None

    model = endpoint(serve(faults=faults))
    errors: list[str] = []

    def ask_badly() -> None:
        try:
            model.answer(request(words="bad"))
        except ModelError as error:
            errors.append(str(error))

    other = threading.Thread(target=ask_badly)
    other.start()
    model.answer(request())
    learned.set()
    other.join()
    assert len(errors) == 1
    assert {name: value for name, value in model.takes.items() if not value} == {"seed": False}


def test_what_the_entry_says_is_not_tried(serve: Serve) -> None:
    """Neither a schema nor a seed is sent where models.yaml says that they are not taken."""
    provider = serve()
    endpoint(provider, supports=Supports(json_schema=False, seed=False, max_tokens=False)).answer(request())
    assert sent(provider) == [{"response_format": {"type": "json_object"}}]


def test_sampling_is_sent_as_given(serve: Serve) -> None:
    """With what else the endpoint takes in the body."""
    provider = serve()
    sampling = {"temperature": 0.25, "top_p": 0.5, "max_tokens": 40, "extra": {"top_k": 3, "flags": {"a": [1]}}}
    endpoint(provider, sampling=sampling).answer(request())
    (body,) = sent(provider)
    assert {k: body[k] for k in ("temperature", "top_p", "max_tokens", "top_k", "flags")} == {
        "temperature": 0.25, "top_p": 0.5, "max_tokens": 40, "top_k": 3, "flags": {"a": [1]},
    }  # fmt: skip


def test_plain_words_need_no_schema(serve: Serve) -> None:
    """Nor functions, where nothing can be looked up."""
    provider = serve()
    endpoint(provider).answer(request("bob", has_tools=True))
    assert set(sent(provider)[0]) == {"max_tokens", "seed"}
