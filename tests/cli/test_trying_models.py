"""``sim models`` and what the command line does with the models of ``models.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.models import catalog
from sim.record.log import RunLog
from tests.cli.running import Sim, assert_refused
from tests.faults import Fault
from tests.provider import Provider

Serve = Callable[..., Provider]


def named(folder: Path, **models: dict[str, Any]) -> None:
    """Write a ``models.yaml``; JSON is YAML."""
    lines = [f"  {name}: {entry}" for name, entry in models.items()]
    (folder / "models.yaml").write_text("models:\n" + "\n".join(lines).replace("'", '"') + "\n", encoding="utf-8")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user who runs the tests is read or written."""
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))


def test_the_example_that_is_written_is_a_file_that_can_be_read(folder: Path, sim: Sim) -> None:
    """Each of its models is listed; it is not written over."""
    assert sim("models", "--init").code == 0
    assert (folder / "models.yaml").read_text(encoding="utf-8") == catalog.EXAMPLE
    listed = sim("models", "--json").json
    assert [row["model"] for row in listed][:2] == ["gpt-4o-mini", "deepseek-chat"]
    assert_refused(sim("models", "--init"), "models.yaml is there already")


def test_a_list_of_models_is_tried_to_its_end(folder: Path, sim: Sim, serve: Serve) -> None:
    """Though the first fails; the answer is no then."""
    down = serve(faults=lambda n, r: Fault.unauthorised())
    named(folder, down={"url": down.url, "key": "env:OPENAI_API_KEY"}, up={"url": serve().url})
    done = sim("models", "test", "down,up", "--json")
    first, second = done.json
    assert (done.code, first["model"], second["model"], second["valid"]) == (3, "down", "up", "yes")
    assert "HTTP 401" in first["failed"]
    assert "[key]" in first["failed"]


def test_what_a_url_says_of_a_user_stands_nowhere(folder: Path, tmp_path: Path, sim: Sim, serve: Serve) -> None:
    """Neither on the screen, nor in the log, nor in the file of the limits."""
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
