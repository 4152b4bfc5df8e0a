"""Runs within what their provider allows: tokens a minute, the context window, and what may be spent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import BudgetError, DefinitionError
from sim.models.cache import Cache
from sim.models.catalog import Entry, PriceEntry
from sim.models.limits import Limiter
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.record.records import Call, EpisodeEnded, SummaryMade, Turn
from sim.stage.adapter.endpoint import Endpoint
from sim.world.library import revive
from sim.world.world import World
from tests.provider import KEY, Provider
from tests.timers import SimulatedTimer

PRICE = PriceEntry(input=2.5, output=10, cached=1.25, currency="CNY")


def endpoint(
    provider: Provider, timer: SimulatedTimer | None = None, limiter: Any = None, **entry: Any
) -> Endpoint:
    made = Entry(url=provider.url, timeout=20.0, **entry)
    return Endpoint("m", entry=made, key=KEY, timer=timer or SimulatedTimer(), limiter=limiter)


def of(log: RunLog, kind: type) -> list[Any]:
    return [r for r in log.records if isinstance(r, kind)]


def visits(world: World, count: int, model: Endpoint, folder: Path) -> list[RunLog]:
    """So many visits at once, with one model."""

    def visit(seed: int) -> RunLog:
        return sim.run(world, seed=seed, language="zh", models=model, out=folder / f"{seed}.jsonl")

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(visit, range(count)))


@pytest.mark.parametrize("count", [14, pytest.param(50, marks=pytest.mark.campaign)])
def test_parallel_visits_under_a_limit_provoke_no_429(count: int, world: World, serve: Any, tmp_path: Path) -> None:
    """10,000 tokens a minute, counted by the provider over every 60 seconds; all visits end."""
    timer = SimulatedTimer()
    provider = serve(limit=(10_000, 1_000_000), clock=timer.now)
    limiter = Limiter(tmp_path / "limits.sqlite", "m", tokens=10_000, timer=timer)
    logs = visits(world, count, endpoint(provider, timer, limiter), tmp_path)
    assert provider.refused == []
    assert [e.outcome for log in logs for e in of(log, EpisodeEnded)] == ["discharged"] * count
    total = sum(prompt + completion for prompt, completion in provider.billed)
    assert ledger(logs).total.total == total
    assert timer.now() - 1_000 >= (total - 10_000) / 10_000 * 60


def test_without_the_limiter_the_same_provider_is_asked_too_much(world: World, serve: Any, tmp_path: Path) -> None:
    """So the limit is there; what it refuses is asked again, and the visits end all the same."""
    timer = SimulatedTimer()
    provider = serve(limit=(10_000, 1_000_000), clock=timer.now)
    logs = visits(world, 4, endpoint(provider, timer), tmp_path)
    assert 429 in provider.refused
    assert [e.outcome for log in logs for e in of(log, EpisodeEnded)] == ["discharged"] * 4


def talk(cut: str, turns: int = 40, **context: Any) -> World:
    """A world of so many turns in which everything that was said is given again, as far as it may be."""
    return revive(
        {
            "world": {
                "world": "talk",
                "roles": {"ann": "ann", "bob": "bob"},
                "states": {
                    "room": {
                        "speakers": ["ann", "bob"],
                        "tell": "Talk about the weather, and remember all of it.",
                        "go": [{"to": "over", "after": {"turns": turns}}],
                    }
                },
                "start": "room",
                "ends": {"over": "success"},
                "context": {"of": "all", "cut": cut, **context},
                "limits": {"utterance": 600, "turns": turns + 10},
            },
            "personas": {
                name: {"persona": name, "name": name.title(), "background": "Long years at sea. " * 30}
                for name in ("ann", "bob")
            },
        }
    )


@pytest.mark.parametrize("cut", ["drop", "summarise"])
def test_forty_turns_in_a_short_window_never_get_a_400(cut: str, serve: Any, tmp_path: Path) -> None:
    """A window of 4,096 tokens that the provider enforces; prompts come near it and never beyond."""
    provider = serve(window=4096)
    world = talk(cut)
    log = sim.run(world, models=endpoint(provider, window=4096), out=tmp_path / "run.jsonl")
    assert provider.refused == []
    assert len(of(log, Turn)) == 40
    prompts = [c.usage.prompt for c in of(log, Call) if c.purpose == "turn"]
    assert max(prompts) > 2_000
    digests = [s for s in of(log, SummaryMade) if s.how == "digest"]
    assert bool(digests) == (cut == "summarise")
    assert len(digests) == sum(c.purpose == "digest" for c in of(log, Call))
    assert verify(log).reason == ""


def test_without_a_window_the_same_world_gets_one(serve: Any, tmp_path: Path) -> None:
    """So the server does enforce it, and the message says what would help."""
    provider = serve(window=4096)
    with pytest.raises(sim.errors.ModelError, match=r"models\.yaml can say how long its window is"):
        sim.run(talk("drop"), models=endpoint(provider), out=tmp_path / "run.jsonl")
    assert provider.refused == [400]


def test_what_does_not_fit_at_all_is_told_before_the_run(serve: Any, tmp_path: Path) -> None:
    """No request is made, and the message names the role, the state and the model."""
    provider = serve(window=1024)
    with pytest.raises(DefinitionError, match="what ann is told in 'room' is too long for 'm'"):
        sim.run(talk("drop"), models=endpoint(provider, window=1024), out=tmp_path / "run.jsonl")
    assert provider.requests == []


def test_a_world_may_say_how_long_a_prompt_may_be(serve: Any, tmp_path: Path) -> None:
    """Tighter than the window, and counted with the whole prompt."""
    provider = serve()
    log = sim.run(talk("drop", prompt=700), models=endpoint(provider), out=tmp_path / "run.jsonl")
    assert 500 < max(c.usage.prompt for c in of(log, Call)) <= 700
    assert verify(log).reason == ""


def test_a_budget_stops_before_the_call_that_could_exceed_it(world: World, serve: Any, tmp_path: Path) -> None:
    """What was billed is within it to the last digit, and with an answer of full length more it would not be."""
    provider = serve()
    model = endpoint(provider, price=PRICE)
    with pytest.raises(BudgetError, match=r"could exceed the budget of 0\.03 CNY: 0\.\d+ is spent"):
        sim.run(world, seed=1, language="zh", models=model, max_cost="0.03CNY", out=tmp_path / "run.jsonl")
    spent = ledger([RunLog.open(tmp_path / "run.jsonl")]).total.cost["CNY"]
    assert spent == sum(Decimal("2.5") * p + 10 * c for p, c in provider.billed) / 1_000_000
    assert Decimal("0.03") - Decimal("0.015") < spent <= Decimal("0.03")


def test_a_budget_in_another_currency_or_without_a_price_is_refused(
    world: World, serve: Any, tmp_path: Path
) -> None:
    """Before anything is asked."""
    provider = serve()
    for model, reason in (
        (endpoint(provider, price=PRICE), "the budget is in USD, but 'm' is paid in CNY"),
        (endpoint(provider), "needs prices, and that of 'm' is not known"),
    ):
        with pytest.raises(DefinitionError, match=reason):
            sim.run(world, models=model, max_cost="0.02USD", out=tmp_path / "run.jsonl")
    assert provider.requests == []


def test_a_repeat_with_the_cache_makes_no_request(world: World, serve: Any, tmp_path: Path) -> None:
    """Its log is the same but for what was measured; its calls are marked, cost nothing and say what they saved."""
    provider = serve()
    cache = Cache(tmp_path / "answers.sqlite", "write")
    model = endpoint(provider, price=PRICE)
    first = sim.run(world, seed=1, language="zh", models=model, cache=cache, out=tmp_path / "1.jsonl")
    made = len(provider.requests)
    again = sim.run(
        world, seed=1, language="zh", models=endpoint(provider, price=PRICE), cache=cache, out=tmp_path / "2.jsonl"
    )
    assert len(provider.requests) == made
    assert again.trace == first.trace
    paid, saved = ledger([first]).total, ledger([again]).total
    assert (saved.hits, saved.total, saved.cost) == (len(of(again, Call)), 0, {})
    assert saved.saved_tokens == paid.total + paid.saved_tokens
    assert saved.saved_cost["CNY"] == paid.cost["CNY"] + paid.saved_cost.get("CNY", 0)
    fresh = Cache(cache.path, "refresh")
    third = sim.run(world, seed=1, language="zh", models=model, cache=fresh, out=tmp_path / "3.jsonl")
    assert len(provider.requests) == made + len(of(third, Call))
