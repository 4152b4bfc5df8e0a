"""A model at an endpoint: cache, limits, budget and tries around one request, and what a log says of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server import completion

from sim.errors import BudgetError, DefinitionError, ModelError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.catalog import Entry
from sim.models.limits import Limiter
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.adapter.wire import FEW
from sim.stage.probe import probe
from sim.world.fields import money
from tests.faults import Fault
from tests.models.asking import request
from tests.provider import KEY, Provider
from tests.timers import SimulatedTimer

Serve = Callable[..., Provider]
PRICE = {"input": 2.0, "output": 8.0, "cached": 0.5, "currency": "CNY"}


def endpoint(provider: Provider, timer: SimulatedTimer | None = None, **entry: Any) -> Endpoint:
    limiter = entry.pop("limiter", None)
    given = Entry(url=provider.url, price=entry.pop("price", PRICE), **entry)
    return Endpoint("m", entry=given, key=KEY, timer=timer or SimulatedTimer(), limiter=limiter)


def hello(asked: int = 100, answered: int = 10) -> Callable[[dict[str, Any]], Any]:
    return lambda body: (200, completion("Hello.", asked, answered))


def test_an_answer_has_its_tokens_its_price_and_who_gave_it(serve: Serve) -> None:
    """As the provider counts them, at the price of models.yaml."""
    reply = endpoint(serve(hello())).answer(request())
    assert (reply.text, reply.usage.prompt, reply.usage.completion, reply.usage.is_estimated) == (
        "Hello.", 100, 10, False,
    )  # fmt: skip
    assert (reply.cost, reply.currency) == (Decimal("0.00028"), "CNY")
    assert reply.price == {"input": "2.0", "output": "8.0", "cached": "0.5"}
    assert (reply.measured["served_as"], reply.measured["id"], reply.model) == ("local", "c1", "m")


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -1, "completion_tokens": 5}, {"prompt_tokens": "9"}])
def test_tokens_that_are_not_told_are_estimated(serve: Serve, usage: Any) -> None:
    """And marked so."""
    provider = serve(lambda body: (200, {**completion("Hello.", 1, 1), "usage": usage}))
    reply = endpoint(provider).answer(request("bob"))
    assert reply.usage.is_estimated
    assert reply.usage.prompt > 50
    assert reply.usage.completion == 2


def test_passing_failures_are_waited_out_and_told(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """By the log and at once."""
    timer = SimulatedTimer()
    provider = serve(hello(), [Fault.busy("7"), Fault.broken(503)])
    reply = endpoint(provider, timer).answer(request())
    assert 7 <= timer.slept[0] <= 7.5
    assert [line.split("; ")[-1][:12] for line in reply.measured["failures"]] == ["asking again"] * 2
    assert caplog.messages == reply.measured["failures"]


def test_a_failure_that_stays_ends_the_run(serve: Serve) -> None:
    """As often as the entry says; the message names model, place and reason, and no key."""
    provider = serve(faults=lambda number, body: Fault.broken())
    with pytest.raises(ModelError) as caught:
        endpoint(provider, tries=4).answer(request())
    assert str(caught.value).startswith(f"m at {provider.url}: HTTP 500: ")
    assert str(caught.value).endswith(" (tried 4 times)")
    unknown = serve(faults=[Fault.unauthorised()])
    with pytest.raises(ModelError) as caught:
        endpoint(unknown).answer(request())
    assert (len(unknown.requests), KEY in str(caught.value), "[key]" in str(caught.value)) == (1, False, True)


def test_answers_in_vain_are_paid_for(serve: Serve) -> None:
    """They come with the answer, or with the error, and count in the budget."""
    budget = Budget(100_000)
    provider = serve(hello(), [Fault.no_choices((90, 10)), Fault.no_choices((90, 10))])
    reply = endpoint(provider).answer(request(budget=budget))
    assert [(r.usage.prompt, r.model, r.cost) for r in reply.spent] == [(90, "m", Decimal("0.00026"))] * 2
    assert budget.spent_tokens == 310
    again = serve(faults=lambda number, body: Fault.no_choices((90, 10)))
    with pytest.raises(ModelError, match="the answer has no words in it") as caught:
        endpoint(again).answer(request(budget=budget))
    assert (len(caught.value.spent), budget.spent_tokens) == (FEW, 310 + 300)


def test_the_cache_is_asked_first(serve: Serve, tmp_path: Path) -> None:
    """What it has costs nothing, and says what it would have cost."""
    provider, cache = serve(hello()), Cache(tmp_path / "c")
    first = endpoint(provider).answer(request(cache=cache))
    budget = Budget(1)
    second = endpoint(provider).answer(request(cache=cache, budget=budget))
    assert (second.text, second.usage, second.cost) == (first.text, first.usage, first.cost)
    assert (second.measured["hit"], second.measured["served_as"]) == (True, "local")
    assert (len(provider.requests), budget.spent_tokens) == (1, 0)


@pytest.mark.parametrize(
    "changed", [{"sampling": {"temperature": 0.5}}, {"model": "other"}, {"supports": {"seed": False}}]
)
def test_the_cache_knows_one_model_from_another(serve: Serve, tmp_path: Path, changed: dict[str, Any]) -> None:
    """And one setting from another."""
    provider, cache = serve(hello()), Cache(tmp_path / "c")
    for entry in ({}, changed):
        endpoint(provider, **entry).answer(request(cache=cache))
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"text": "x"},
        {"text": None, "usage": {"prompt": 1, "completion": 1, "is_estimated": False}},
        {"text": "x", "usage": {"prompt": -1, "completion": 1, "is_estimated": False}},
        {"text": "x", "usage": {"prompt": 1, "completion": 1, "cached": 5, "is_estimated": False}},
        {"text": "x", "usage": "many"},
    ],
)
def test_what_the_cache_has_and_makes_no_sense_is_asked_anew(
    serve: Serve, tmp_path: Path, kept: dict[str, Any]
) -> None:
    """Someone else may have written it."""
    provider, cache = serve(hello()), Cache(tmp_path / "c")
    model = endpoint(provider)
    cache.keep(model._identity(request(), 300), kept)
    assert model.answer(request(cache=cache)).text == "Hello."
    assert len(provider.requests) == 1


def test_half_a_surrogate_pair_is_no_end_of_a_run(serve: Serve, tmp_path: Path) -> None:
    """An answer that was cut within a sign is kept and given."""
    provider, cache = serve(lambda body: (200, completion("half \ud83d", 5, 2))), Cache(tmp_path / "c")
    model = endpoint(provider)
    assert [model.answer(request(cache=cache)).text for _ in range(2)] == ["half \ud83d"] * 2


def test_the_budget_is_kept_before_each_try(serve: Serve) -> None:
    """A call that could exceed it is not made; what was spent before comes with the error."""
    provider = serve(hello())
    with pytest.raises(BudgetError):
        endpoint(provider).answer(request(budget=Budget(300)))
    assert provider.requests == []
    vain = serve(hello(), [Fault.no_choices((400, 100))])
    with pytest.raises(BudgetError) as caught:
        endpoint(vain).answer(request(budget=Budget(900)))
    assert (len(vain.requests), len(caught.value.spent)) == (1, 1)
    with pytest.raises(BudgetError, match=r"could exceed the budget of 0\.001 CNY"):
        endpoint(vain).answer(request(budget=Budget(cost=money("0.001CNY"))))


def test_what_may_be_taken_is_no_less_than_what_is(serve: Serve) -> None:
    """The prompt with its schema and look-ups, and an answer of full length."""
    model = endpoint(serve())
    plain, acts, tools = (model._counted(r, 300) for r in (request("bob"), request(), request(has_tools=True)))
    assert plain.prompt < acts.prompt < tools.prompt
    assert {plain.completion, acts.completion, tools.completion} == {300}
    reply = endpoint(serve()).answer(request("bob"))
    assert reply.usage.prompt <= plain.prompt


def test_the_limits_count_what_was_taken(serve: Serve, tmp_path: Path) -> None:
    """A retry waits for its place as any other call does."""
    timer = SimulatedTimer()
    limiter = Limiter(tmp_path / "l", "m", requests=2, timer=timer)
    provider = serve(hello(), [Fault.broken(), Fault.broken()])
    endpoint(provider, timer, limiter=limiter).answer(request())
    assert (len(provider.requests), timer.now() - 1000 >= 61) == (3, True)
    small = Limiter(tmp_path / "l", "n", tokens=100, timer=timer)
    with pytest.raises(ModelError, match="is more than its limit of 100 a minute"):
        endpoint(provider, timer, limiter=small).answer(request())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base_url": "ftp://x"}, "'ftp://x' is no URL; it begins with http:// or https://"),
        ({"key": "schlüssel"}, "the key of 'm' has characters that no key has; is it the real one?"),
        ({"key": ""}, "set OPENAI_API_KEY to the key of 'm', or give --base-url of a local server"),
    ],
)
def test_what_cannot_be_an_endpoint_is_told(given: dict[str, Any], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(DefinitionError) as caught:
        Endpoint("m", **given)
    assert str(caught.value) == message


def test_a_probe_says_what_works(serve: Serve) -> None:
    """By one small call, as a run makes it."""
    found = probe(endpoint(serve(faults=lambda n, body: Fault.refuses("seed") if "seed" in body else None)))
    assert (found.model, found.problems, found.takes["seed"], found.takes["json_schema"]) == ("m", (), False, True)
    assert found.seconds > 0
    wrong = probe(endpoint(serve(hello())))
    assert wrong.problems != ()
