"""Whole visits against a provider that misbehaves: they end, or stop and can go on, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import ModelError
from sim.models.catalog import Entry
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call, EpisodeEnded, Turn
from sim.stage.adapter.chat import play
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.resume import resumed
from sim.world.world import World
from tests.faults import Fault
from tests.provider import KEY, Provider
from tests.timers import SimulatedTimer

BUSY = Fault.busy(message="Rate limit reached. Please try again in 21.108s.")

PASSING: dict[str, list[Fault | None]] = {
    "a burst of 429 with Retry-After": [Fault.busy(retry_after="7")] * 4,
    "a burst of 429 without": [Fault.busy()] * 4,
    "a burst of 429 that says how long": [None, BUSY, BUSY, BUSY],
    "a few 500": [Fault.broken(500), Fault.broken(502), Fault.broken(503), None, Fault.broken(529)],
    "a connection cut in mid-answer": [None, Fault.cut(), None, Fault.cut(), Fault.cut()],
    "a hung request": [None, None, Fault.hung(60)],
    "an answer that never ends": [Fault.drip(0.1)],
    "a wrong-shaped body": [
        Fault.body(b"<html>busy</html>", "text/html"),
        Fault.body(b"[]"),
        None,
        Fault.body(b"{}"),
    ],
    "no usage": [Fault.without_usage()] * 5,
    "an empty list of choices": [None, Fault.no_choices(usage=(120, 0)), None, Fault.no_choices()],
    "all of it": [
        BUSY,
        Fault.cut(),
        Fault.broken(500),
        None,
        Fault.no_choices(usage=(99, 1)),
        Fault.without_usage(),
    ],
}
LASTING: dict[str, Callable[[int, Any], Fault | None]] = {
    "429 from the fifth call on": lambda number, _: Fault.busy() if number >= 5 else None,
    "an hour to wait": lambda number, _: Fault.busy(retry_after="3600") if number >= 5 else None,
    "500 from the fifth call on": lambda number, _: Fault.broken(500) if number >= 5 else None,
    "every connection cut": lambda number, _: Fault.cut() if number >= 5 else None,
    "every request hung": lambda number, _: Fault.hung(60) if number >= 5 else None,
    "a key that is refused": lambda number, _: Fault.unauthorised() if number >= 5 else None,
    "no choices, and billed": lambda number, _: Fault.no_choices(usage=(70, 3)) if number >= 5 else None,
    "no money left": lambda number, _: (
        Fault.error(429, "You exceeded your current quota", kind="insufficient_quota", code="insufficient_quota")
        if number >= 5
        else None
    ),
}


def endpoint(provider: Provider, timer: SimulatedTimer | None = None, **more: Any) -> Endpoint:
    """A model at the provider, whose answers must be whole within a second."""
    entry = Entry(url=provider.url, timeout=1.0, **more)
    return Endpoint("m", entry=entry, key=KEY, timer=timer or SimulatedTimer())


def calls(log: RunLog) -> list[Call]:
    return [c for c in log.records if isinstance(c, Call)]


def words(log: RunLog) -> list[str]:
    return [t.text for t in log.records if isinstance(t, Turn)]


def go_on(log: RunLog, world: World, model: Endpoint) -> RunLog:
    """Go on with a run to its end, with one model for all."""
    with LogWriter.after(log) as writer:
        play(resumed(log, world, dict.fromkeys(world.agents, model), writer))
    return RunLog.open(log.path)


@pytest.fixture(scope="module")
def straight(world: World, tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    """The visit with a provider that behaves."""
    provider = Provider()
    log = sim.run(
        world, seed=1, language="zh", models=endpoint(provider), out=tmp_path_factory.mktemp("straight") / "s.jsonl"
    )
    provider.close()
    return log


def assert_billed_once(log: RunLog, provider: Provider) -> None:
    """What the provider billed and told is what the log has, call for call."""
    told = sorted((c.usage.prompt, c.usage.completion) for c in calls(log) if not c.usage.is_estimated)
    untold = sum(c.usage.is_estimated for c in calls(log))
    left = sorted(provider.billed)
    for pair in told:
        left.remove(pair)
    assert len(left) == untold
    assert ledger([log]).total.calls == len(provider.billed)


@pytest.mark.parametrize("what", PASSING)
def test_a_visit_goes_through_what_passes(
    what: str, world: World, serve: Any, tmp_path: Path, straight: RunLog
) -> None:
    """The same words as without it, each answer billed and logged once, and the log verifies."""
    provider = serve(faults=PASSING[what])
    timer = SimulatedTimer()
    log = sim.run(world, seed=1, language="zh", models=endpoint(provider, timer), out=tmp_path / "run.jsonl")
    assert words(log) == words(straight)
    assert [e.outcome for e in log.records if isinstance(e, EpisodeEnded)] == ["discharged"]
    assert_billed_once(log, provider)
    assert verify(log).reason == ""


@pytest.mark.parametrize("what", LASTING)
def test_a_visit_stops_for_what_lasts_and_goes_on_from_there(
    what: str, world: World, serve: Any, tmp_path: Path, straight: RunLog
) -> None:
    """Nothing that was logged or paid for is asked again, and in the end all is as if it had not happened."""
    provider = serve(faults=LASTING[what])
    path = tmp_path / "run.jsonl"
    with pytest.raises(ModelError):
        sim.run(world, seed=1, language="zh", models=endpoint(provider), out=path)
    stopped = RunLog.open(path)
    assert len(words(stopped)) == 5
    assert_billed_once(stopped, provider)
    assert verify(stopped).reason.endswith("what is there verifies")
    healthy = serve()
    ended = go_on(stopped, world, endpoint(healthy))
    assert words(ended) == words(straight)
    assert len(calls(ended)) == len(provider.billed) + len(healthy.billed)
    assert verify(ended).reason == ""
    assert KEY not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("seconds", [0.3, pytest.param(60.0, marks=pytest.mark.campaign)])
def test_a_slow_answer_is_waited_for(seconds: float, world: World, serve: Any, tmp_path: Path) -> None:
    """Within the time limit, however long it is."""
    provider = serve(faults=[Fault.hung(seconds)])
    model = Endpoint("m", base_url=provider.url, timeout_s=max(5.0, seconds * 1.5))
    log = sim.run(world, seed=1, language="zh", models=model, out=tmp_path / "run.jsonl")
    assert calls(log)[0].measured["latency_s"] >= seconds
    assert_billed_once(log, provider)
