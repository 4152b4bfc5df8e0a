"""``sim models``: the list, the file to begin with, and one small call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.models.catalog import EXAMPLE
from sim.record.log import RunLog
from tests.cli.running import Sim, assert_refused
from tests.faults import Fault
from tests.provider import KEY, Provider

Serve = Callable[..., Provider]


def write(folder: Path, text: str) -> None:
    (folder / "models.yaml").write_text(text, encoding="utf-8")


def test_without_a_file_there_are_no_models(sim: Sim) -> None:
    """It says how to begin; as JSON it is an empty list."""
    done = sim("models")
    assert (done.code, done.err) == (0, "")
    assert done.out == "no models.yaml here or in the configuration folder; 'sim models --init' writes one\n"
    assert sim("models", "--json").json == []


def test_init_writes_the_example_and_never_over_a_file(sim: Sim, folder: Path) -> None:
    """It can be listed as it is."""
    done = sim("models", "--init")
    assert (done.code, (folder / "models.yaml").read_text(encoding="utf-8")) == (0, EXAMPLE)
    write(folder, "models: {mine: {window: 8000}}\n")
    assert_refused(sim("models", "--init"), "models.yaml is there already")
    assert (folder / "models.yaml").read_text() == "models: {mine: {window: 8000}}\n"
    write(folder, EXAMPLE)
    listed = sim("models")
    assert (listed.code, listed.err) == (0, "")
    assert "deepseek-chat" in listed.out
    assert "first_of" in listed.out


def test_the_list_tells_all_but_keys(sim: Sim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are set, where they are; a URL without what may be one."""
    monkeypatch.setenv("KEY_A", KEY)
    monkeypatch.delenv("KEY_B", raising=False)
    write(
        folder,
        "models:\n"
        "  a: {url: 'https://user:hidden@a.example/v1?key=hidden', key: env:KEY_A, limits: {requests: 500}}\n"
        "  b: {url: 'https://b.example/v1', key: env:KEY_B, price: {input: 0.1, output: 2, currency: CNY}}\n"
        f"  c: {{url: 'https://c.example/v1', key: {KEY}, window: 8000}}\n"
        "  gpt-4o-mini: {}\n"
        "  all: {random: [a, b]}\n",
    )
    rows = {row["model"]: row for row in sim("models", "--json").json}
    assert [rows[name].get("key") for name in "abc"] == ["KEY_A (set)", "KEY_B (not set)", "in the file"]
    assert rows["a"]["url"] == "https://a.example/v1"
    assert rows["a"]["limits"] == {"requests": 500}
    assert rows["b"]["price"] == {"input": "0.1", "output": "2.0", "currency": "CNY"}
    assert (rows["c"]["window"], rows["c"]["price"]) == (8000, None)
    assert (rows["gpt-4o-mini"]["window"], rows["gpt-4o-mini"]["price"]["currency"]) == (128_000, "USD")
    assert rows["all"] == {"model": "all", "kind": "random", "of": ["a", "b"]}
    shown = sim("models")
    assert (shown.code, shown.err) == (0, "")
    for text in (shown.out, json.dumps(list(rows.values()))):
        assert KEY not in text
        assert "hidden" not in text


def test_a_file_with_mistakes_is_told_line_by_line(sim: Sim, folder: Path) -> None:
    """All of them, with exit code 2."""
    write(folder, "models:\n  a: {windw: 8000}\n  b: {url: nowhere}\n")
    done = sim("models")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert "models.yaml:2:" in first
    assert "did you mean 'window'?" in first
    assert "models.yaml:3:" in second
    assert "'nowhere' is no URL" in second


def test_a_test_of_a_model_says_what_works(sim: Sim, folder: Path, serve: Serve) -> None:
    """By one call to the provider."""
    provider = serve(faults=lambda n, body: Fault.refuses("seed") if "seed" in body else None)
    write(folder, f"models:\n  m: {{url: '{provider.url}', model: id, price: {{input: 1, output: 2}}}}\n")
    told = sim("models", "test", "m", "--json").json
    assert (told["model"], told["served as"], told["valid"]) == ("m", "local", "yes")
    assert told["takes"] == "json_schema, json_mode, tools, max_tokens"
    assert told["cost"].endswith(" USD")
    assert (provider.requests[-1][1]["model"], len(provider.requests)) == ("id", 2)
    shown = sim("models", "test", "m")
    assert (shown.code, "served as local" in shown.out) == (0, True)


def test_each_model_of_a_list_is_tested(sim: Sim, folder: Path, serve: Serve) -> None:
    """One after another."""
    url = serve().url
    write(folder, f"models:\n  a: {{url: '{url}'}}\n  b: {{url: '{url}'}}\n  all: {{first_of: [a, b]}}\n")
    assert [told["model"] for told in sim("models", "test", "all", "--json").json] == ["a", "b"]


def test_a_model_at_a_url_can_be_tested_without_a_file(sim: Sim, serve: Serve) -> None:
    """As ``run`` would ask it."""
    assert sim("models", "test", "llama", "--base-url", serve().url, "--json").json["valid"] == "yes"


def test_a_model_that_fails_the_test_ends_it_with_3(sim: Sim, serve: Serve) -> None:
    """And one line, without the key."""
    provider = serve(faults=[Fault.unauthorised()])
    done = sim("models", "test", "m", "--base-url", provider.url)
    assert (done.code, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"sim: m at {provider.url}: HTTP 401: ")
    assert ("Incorrect API key provided: [key]." in line, KEY in line) == (True, False)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", ["models.yaml:2: set NO_SUCH_KEY to the key of 'a'"]),
        ("all", ["models.yaml:2: set NO_SUCH_KEY to the key of 'a'"]),
        ("deepsek-chat", ["no model 'deepsek-chat' in models.yaml; did you mean 'deepseek-chat'?"]),
        ("a,", ["'a,' is no list of models"]),
        ("", ["the name of a model is missing"]),
    ],
)
def test_a_model_that_cannot_be_made_is_told(
    sim: Sim, folder: Path, name: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with exit code 2; so does a run."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write(
        folder,
        "models:\n  a: {url: 'http://127.0.0.1:9/v1', key: env:NO_SUCH_KEY}\n  all: {first_of: [a, scripted]}\n"
        "  deepseek-chat: {window: 8000}\n",
    )
    assert_refused(sim("models", "test", name), *words)
    assert_refused(sim("run", "hospital_visit", "--model", name), *words)
    assert not (folder / "runs").exists()


def test_a_key_in_the_file_warns_and_is_in_no_log(sim: Sim, folder: Path, serve: Serve) -> None:
    """Neither in the header nor on the screen."""
    write(folder, f"models:\n  m: {{url: '{serve().url}', key: {KEY}}}\n")
    done = sim("run", "hospital_visit", "--model", "m", "--out", "run.jsonl")
    assert done.code == 0
    assert "models.yaml:2: the key of 'm' stands in the file" in done.err
    assert KEY not in done.out + done.err + (folder / "run.jsonl").read_text(encoding="utf-8")


def named(folder: Path, **models: dict[str, Any]) -> None:
    """Write a ``models.yaml``; JSON is YAML."""
    lines = [f"  {name}: {entry}" for name, entry in models.items()]
    (folder / "models.yaml").write_text("models:\n" + "\n".join(lines).replace("'", '"') + "\n", encoding="utf-8")


def test_a_list_of_models_is_tried_to_its_end(folder: Path, sim: Sim, serve: Serve) -> None:
    """Though the first fails; the answer is no then."""
    down = serve(faults=lambda n, r: Fault.unauthorised())
    named(folder, down={"url": down.url, "key": "env:OPENAI_API_KEY"}, up={"url": serve().url})
    done = sim("models", "test", "down,up", "--json")
    first, second = done.json
    assert (done.code, first["model"], second["model"], second["valid"]) == (3, "down", "up", "yes")
    assert "HTTP 401" in first["failed"]
    assert "[key]" in first["failed"]


def test_what_a_url_says_of_a_user_stands_nowhere(
    folder: Path, tmp_path: Path, sim: Sim, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the screen, nor in the log, nor in the file of the limits."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    url = serve().url.replace("http://", "http://user:hunter2@")
    named(folder, shy={"url": url, "limits": {"requests": 90}})
    done = [
        sim("models"),
        sim("models", "--json"),
        sim("run", "hospital_visit", "--model", "shy", "--max-tokens", 999),
    ]
    assert [d.code for d in done] == [0, 0, 3]
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "models.yaml"]
    assert len(left) >= 2
    assert [1 for each in (*left, *(d.out.encode() + d.err.encode() for d in done)) if b"hunter2" in each] == []


def test_a_run_goes_on_at_the_temperature_that_it_had(folder: Path, sim: Sim, serve: Serve) -> None:
    """The header says it, and all answers are to be drawn so."""
    provider = serve()
    named(folder, one={"url": provider.url})
    words = ("run", "hospital_visit", "--model", "one", "--temperature", 0.2, "--out", "log.jsonl")
    assert sim(*words, "--max-tokens", 2000).code == 3
    asked = len(provider.requests)
    assert sim("resume", "log.jsonl", "--max-tokens", 100_000).code == 0
    assert RunLog.open("log.jsonl").is_complete
    assert 0 < asked < len(provider.requests)
    assert {body["temperature"] for _, body in provider.requests} == {0.2}
