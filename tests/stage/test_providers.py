"""From names to models: endpoints, lists, keys, limits, and those of a run that goes on."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import DefinitionError
from sim.models import catalog
from sim.models.budget import Budget
from sim.models.scripted import Scripted
from sim.models.several import FirstOf
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.casting import models_for
from sim.stage.providers import OneOf, Providers, budget_for, cache_for, check_budget
from sim.world.fields import money
from sim.world.world import World
from tests.building import world_of
from tests.models.asking import WORLD, request


def _has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


_MISSING = [
    api for api, package in {"anthropic": "anthropic", "gemini": "google.genai"}.items() if not _has(package)
]
KEY = "sk-secret-secret-secret"

MODELS = """
models:
  a: {url: "https://a.example/v1", key: env:KEY_A, window: 8000, price: {input: 1, output: 2, currency: CNY}}
  b: {url: "https://user:pw@b.example/v1?k=q", window: 4000, limits: {requests: 5}, sampling: {top_p: 0.5}}
  free: {url: "https://c.example/v1", price: {input: 0, output: 0}}
  named: {url: "https://c.example/v1", model: real-id, tokenizer: o200k_base}
  staff: {first_of: [a, b, scripted]}
  anyone: {random: [a, b, free]}
budget: {tokens: 1000, cost: 2USD}
"""


def providers(folder: Path, text: str = MODELS, **options: Any) -> Providers:
    """The models of a file of this text."""
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    return Providers(catalog.load(folder / "models.yaml"), state=folder / "state", **options)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_A", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def test_every_name_of_the_example_is_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its key is set; those of other clients say what to install."""
    made = providers(tmp_path, catalog.EXAMPLE)
    for entry in made.catalog.spec.models.values():
        if entry.key is not None:
            monkeypatch.setenv(entry.key.removeprefix("env:"), KEY)
    for name, entry in made.catalog.spec.models.items():
        if entry.api in _MISSING:
            with pytest.raises(DefinitionError, match=rf"'{name}' needs the extra '{entry.api}': pip install"):
                made.model(name)
            continue
        description = made.model(name).description
        windows = [d.get("window") for d in description.get("first_of", [description])]
        assert all(windows) or entry.random
        assert KEY not in json.dumps(description)


def test_the_extras_that_are_named_exist() -> None:
    """An error that says what to install must be right."""
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{extra} = [" in project for extra in ("anthropic", "gemini"))


def test_a_model_is_described_without_its_secrets(tmp_path: Path) -> None:
    """Where it is, what it is called there, how it draws, how long its window is."""
    made = providers(tmp_path)
    assert made.model("b").description == {
        "name": "b",
        "base_url": "https://b.example/v1",
        "sampling": {"top_p": 0.5},
        "window": 4000,
    }
    assert made.model("named").description == {
        "name": "named",
        "base_url": "https://c.example/v1",
        "model": "real-id",
        "vocabulary": "o200k_base",
    }


def test_a_model_is_made_once(tmp_path: Path) -> None:
    """Alone and in lists, so that what is learned of it is learned once."""
    made = providers(tmp_path)
    staff = made.model("staff")
    assert isinstance(staff, FirstOf)
    assert staff.models[0] is made.model("a") is made.model("a")
    assert isinstance(staff.models[2], Scripted)


@pytest.mark.parametrize("text", ["a,b", "a, b", "staff"])
def test_names_with_commas_are_tried_in_turn(tmp_path: Path, text: str) -> None:
    """As a list of the file is."""
    model = providers(tmp_path).model(text)
    assert isinstance(model, FirstOf)
    assert [m.name for m in model.models][:2] == ["a", "b"]


def test_one_of_several_follows_from_the_seed(tmp_path: Path) -> None:
    """Each agent has one, the same in every run with this seed; all of them are used."""
    made, world = providers(tmp_path), big_world()
    for text in ("anyone", "random:a,b,free"):
        model = made.model(text)
        assert isinstance(model, OneOf)
        casts = [models_for(world, {"*": model}, seed=seed) for seed in (1, 1, 2)]
        assert casts[0] == casts[1] != casts[2]
        assert {m.name for cast in casts for m in cast.values()} == {"a", "b", "free"}


def big_world() -> World:
    return world_of(
        {
            "world": "big",
            "roles": {"P": {"count": 8, "personas": ["ann", "bob", "cai", "dan", "eve", "fay", "gus", "hal"]}},
            "states": {"all": {"speakers": "P", "go": [{"to": "over", "after": {"turns": 1}}]}},
            "start": "all",
            "ends": ["over"],
        }
    )


@pytest.mark.parametrize("text", ["a,", ",", "a,,b", "random:", "random:a,"])
def test_a_list_with_a_gap_is_refused(tmp_path: Path, text: str) -> None:
    """It says what one looks like."""
    with pytest.raises(DefinitionError, match="is no list of models; it looks like glm-4,deepseek-chat"):
        providers(tmp_path).model(text)


@pytest.mark.parametrize("text", ["staff,b", "b,anyone", "random:a,anyone", "random:staff,a"])
def test_lists_in_lists_are_refused(tmp_path: Path, text: str) -> None:
    """As in the file."""
    with pytest.raises(DefinitionError, match="is a list of models itself, and cannot stand in another"):
        providers(tmp_path).model(text)


@pytest.mark.parametrize("text", ["", " "])
def test_a_model_without_a_name_is_refused(tmp_path: Path, text: str) -> None:
    """Rather than asked for."""
    with pytest.raises(DefinitionError, match="the name of a model is missing"):
        providers(tmp_path).model(text)


def test_a_name_that_is_not_in_the_file_is_one_at_the_base_url(tmp_path: Path) -> None:
    """With the key of --key-env; without a URL it is OpenAI's."""
    made = providers(tmp_path, base_url="http://127.0.0.1:9/v1", temperature=0.5)
    assert made.model("llama").description == {
        "name": "llama",
        "base_url": "http://127.0.0.1:9/v1",
        "sampling": {"temperature": 0.5},
    }
    assert providers(tmp_path).model("gpt-4o").description["base_url"] is None


def test_a_base_url_and_a_temperature_hold_for_models_of_the_file_too(tmp_path: Path) -> None:
    """What the user says now counts more than what the file says."""
    made = providers(tmp_path, base_url="http://127.0.0.1:9/v1", temperature=0.5)
    told = made.model("b").description
    assert (told["base_url"], told["sampling"]) == ("http://127.0.0.1:9/v1", {"temperature": 0.5, "top_p": 0.5})


def test_a_key_that_is_not_set_is_told_with_file_line_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any run."""
    monkeypatch.delenv("KEY_A")
    with pytest.raises(DefinitionError) as caught:
        providers(tmp_path).model("staff")
    assert str(caught.value) == f"{tmp_path}/models.yaml:3: set KEY_A to the key of 'a'"


def test_a_key_in_the_file_warns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And appears nowhere."""
    made = providers(tmp_path, f"models:\n  m: {{url: 'http://127.0.0.1:9/v1', key: {KEY}}}\n")
    description = made.model("m").description
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/models.yaml:2: the key of 'm' stands in the file")
    assert KEY not in message + json.dumps(description)


def test_limits_are_kept_by_url_and_model_without_credentials(tmp_path: Path) -> None:
    """In one file for all processes; a model without limits needs none."""
    made = providers(tmp_path)
    assert made._limiter("a", made.catalog.spec.models["a"]) is None
    limiter = made._limiter("b", made.catalog.spec.models["b"])
    assert limiter is not None
    with limiter.slot(1):
        pass
    with closing(sqlite3.connect(tmp_path / "state" / "limits.sqlite")) as file:
        assert file.execute("SELECT model FROM calls").fetchall() == [("https://b.example/v1 b",)]


@pytest.mark.parametrize("name", ["a", "b", "staff", "named", "scripted"])
def test_a_described_model_is_the_one_that_was(tmp_path: Path, name: str) -> None:
    """A run that goes on has the models that its log describes."""
    made = providers(tmp_path, temperature=0.3)
    description: Mapping[str, Any] = made.model(name).description
    again = providers(tmp_path)
    model = again.described(json.loads(json.dumps(description)))
    assert model.description == description
    assert again.described(description) is model


def test_described_models_that_no_file_names_are_where_they_were(tmp_path: Path) -> None:
    """Alone and in a list; another URL may be given."""
    made = providers(tmp_path, base_url="http://127.0.0.1:9/v1", temperature=0.4)
    description = made.model("llama,mistral").description
    assert providers(tmp_path).described(description).description == description
    moved = providers(tmp_path, base_url="http://127.0.0.1:8/v1").described(description)
    assert [d["base_url"] for d in moved.description["first_of"]] == ["http://127.0.0.1:8/v1"] * 2


def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """A log may come from a stranger."""
    with pytest.raises(DefinitionError, match="how 'x' draws its words is not known here"):
        providers(tmp_path).described({"name": "x", "base_url": None, "sampling": {"temperature": "hot"}})


def test_the_budget_is_what_the_user_says_or_the_tightest(tmp_path: Path) -> None:
    """Of the world and the file; none where nobody says anything."""
    listed = providers(tmp_path).catalog
    world = world_of({**WORLD.resolved["world"], "budget": {"tokens": 800, "cost": "3USD"}})

    def limits(budget: Budget | None) -> Any:
        return None if budget is None else (budget.tokens, budget.cost)

    assert limits(budget_for(world, listed)) == (800, money("2USD"))
    assert limits(budget_for(world, listed, 5000)) == (5000, money("2USD"))
    assert limits(budget_for(world, listed, None, "9CNY")) == (800, money("9CNY"))
    nothing = catalog.load(_empty(tmp_path))
    assert budget_for(WORLD, nothing) is None
    spent = budget_for(WORLD, nothing, 10, spent_tokens=7, spent=Decimal(1))
    assert spent is not None
    assert (spent.spent_tokens, spent.spent) == (7, 1)
    with pytest.raises(DefinitionError, match="the most that a run may cost: 'much' is no amount of money"):
        budget_for(WORLD, nothing, None, "much")


def _empty(folder: Path) -> Path:
    (folder / "empty.yaml").write_text("", encoding="utf-8")
    return folder / "empty.yaml"


def test_each_model_that_is_paid_for_is_held_to_the_budget(tmp_path: Path) -> None:
    """Also within lists; what takes no money is not looked at."""
    made = providers(tmp_path)
    check_budget(None, {"x": made.model("a")})
    check_budget(Budget(cost=money("1CNY")), {"x": made.model("a"), "y": made.model("free"), "z": Scripted()})
    with pytest.raises(DefinitionError, match="the budget is in USD, but 'a' is paid in CNY"):
        check_budget(Budget(cost=money("1USD")), {"x": Scripted(), "y": made.model("staff")})
    with pytest.raises(DefinitionError, match="that of 'named' is not known"):
        check_budget(Budget(cost=money("1USD")), {"x": made.model("named")})


def test_the_cache_is_where_the_user_s_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or in the file that is named; none where it is off."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_for("off") is None
    found, named = cache_for("read"), cache_for("write", tmp_path / "mine")
    assert found is not None
    assert named is not None
    assert (found.path, found.use) == (tmp_path / "roleplay-sim" / "answers.sqlite", "read")
    assert (named.path, named.use) == (tmp_path / "mine", "write")


def test_a_spoken_call_counts_once_in_the_budget(serve: Any) -> None:
    """However many models stand around the one that answers."""
    endpoint = Endpoint("m", base_url=serve().url)
    budget = Budget(100_000)
    reply = FirstOf([FirstOf([endpoint])]).answer(request(budget=budget))
    assert budget.spent_tokens == reply.usage.prompt + reply.usage.completion


def test_a_header_names_no_key(tmp_path: Path, serve: Any) -> None:
    """Neither one of the environment nor one in the file."""
    text = f"models:\n  m: {{url: '{serve().url}', key: {KEY}}}\n"
    sim.run("hospital_visit", models=providers(tmp_path, text).model("m"), out=tmp_path / "log.jsonl")
    assert KEY.encode() not in (tmp_path / "log.jsonl").read_bytes()
