"""Models by name: those of models.yaml, lists of them, and one of several for each agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import DefinitionError, ModelError
from sim.models import catalog
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.record.records import Call
from sim.stage.providers import Providers
from sim.world.world import World
from tests.faults import Fault
from tests.timers import SimulatedTimer

MODELS = """\
models:
  first: {{url: "{first}", key: env:OPENAI_API_KEY, price: {{input: 1, output: 2, currency: CNY}}}}
  second: {{url: "{second}", key: env:OPENAI_API_KEY, model: big, price: {{input: 3, output: 4}}}}
  both: {{first_of: [first, second]}}
  either: {{random: [first, second]}}
"""


@pytest.fixture
def providers(serve: Any, tmp_path: Path) -> Providers:
    """Two providers, of which the first fails for good at its sixth request."""
    first = serve(faults=lambda number, _: Fault.unauthorised() if number >= 5 else None)
    path = tmp_path / "models.yaml"
    path.write_text(MODELS.format(first=first.url, second=serve().url), encoding="utf-8")
    return Providers(catalog.load(path), timer=SimulatedTimer(), state=tmp_path)


def models_of(log: RunLog) -> list[str]:
    return [c.model for c in log.records if isinstance(c, Call)]


@pytest.mark.parametrize("name", ["both", "first,second", "first, second"])
def test_the_next_is_asked_where_one_fails_for_good(
    name: str, world: World, providers: Providers, tmp_path: Path
) -> None:
    """Who answered is in each call, with its own price, and the log verifies."""
    log = sim.run(world, seed=1, language="zh", models=providers.model(name), out=tmp_path / "run.jsonl")
    names = models_of(log)
    assert names == ["first"] * 5 + ["second"] * (len(names) - 5)
    assert len(names) > 10
    calls = [c for c in log.records if isinstance(c, Call)]
    assert {(c.model, c.currency) for c in calls} == {("first", "CNY"), ("second", "USD")}
    assert [m["name"] for m in log.header.models["doctor"]["first_of"]] == ["first", "second"]
    assert "HTTP 401" in calls[5].measured["handed_over"][0]
    assert verify(log).reason == ""


def test_a_run_whose_models_all_fail_stops(world: World, serve: Any, providers: Providers, tmp_path: Path) -> None:
    """The error names them all."""
    down = serve(faults=lambda number, _: Fault.unauthorised())
    path = tmp_path / "down.yaml"
    path.write_text(MODELS.format(first=down.url, second=down.url), encoding="utf-8")
    failing = Providers(catalog.load(path), timer=SimulatedTimer(), state=tmp_path).model("both")
    with pytest.raises(ModelError, match=r"first at .*; second at "):
        sim.run(world, models=failing, out=tmp_path / "run.jsonl")


def test_each_agent_has_one_of_several_by_the_seed(world: World, providers: Providers, tmp_path: Path) -> None:
    """The same seed gives the same; over some seeds every agent has had each."""
    from sim.stage.casting import models_for  # noqa: PLC0415 - beside what it is for

    given = {"*": providers.model("either")}
    drawn = [{a: m.name for a, m in models_for(world, given, seed=seed).items()} for seed in range(20)]
    assert drawn == [{a: m.name for a, m in models_for(world, given, seed=seed).items()} for seed in range(20)]
    assert all({d[agent] for d in drawn} == {"first", "second"} for agent in world.agents)


def test_a_name_can_be_given_in_place_of_a_model(
    world: World, providers: Providers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Python as on the command line, from the models.yaml of the working folder."""
    monkeypatch.chdir(tmp_path)
    log = sim.run(world, seed=1, models={"doctor": "second"}, out=tmp_path / "run.jsonl")
    assert {c.role for c in log.records if isinstance(c, Call) and c.model == "second"} == {"doctor"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("secnd", r"no model 'secnd' in .*models\.yaml; did you mean 'second'\?"),
        ("first,,second", "'first,,second' is no list of models"),
        ("random:", "is no list of models"),
    ],
)
def test_a_name_that_is_none_is_refused(name: str, reason: str, providers: Providers) -> None:
    """In words."""
    with pytest.raises(DefinitionError, match=reason):
        providers.model(name)


def test_a_key_that_is_not_set_is_named_with_its_place(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, line, variable and model."""
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(DefinitionError, match=r"models\.yaml:2: set OPENAI_API_KEY to the key of 'first'"):
        providers.model("first")
