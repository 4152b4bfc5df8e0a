"""``sim resume``: a run that stopped goes on, and says what it costs and why it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Sim, assert_refused
from tests.faults import Fault
from tests.provider import Provider

Serve = Callable[..., Provider]


def cut(path: Path, records: int) -> None:
    """Keep so many records, and half of the next."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:records]) + lines[records][:20])


def bare(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(x).items() if k != "measured"} for x in path.read_bytes().splitlines()]


@pytest.fixture
def visit(sim: Sim, folder: Path) -> Path:
    """A finished scripted run."""
    assert sim("run", "hospital_visit", "--seed", 7).code == 0
    return folder / "runs" / "hospital_visit-s7-1.jsonl"


def test_a_run_goes_on_where_it_stopped(sim: Sim, visit: Path) -> None:
    """What was shown before is not shown again; the log is whole, and verifies."""
    whole = bare(visit)
    turns = [r for r in whole if r["type"] == "turn"]
    cut(visit, turns[8]["seq"])
    done = sim("resume")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"going on after record {turns[8]['seq'] - 1} of runs/hospital_visit-s7-1.jsonl\n")
    assert turns[0]["text"][:30] not in done.out
    assert turns[8]["text"][:30] in done.out
    assert bare(visit) == whole
    assert sim("verify").code == 0


def test_as_json_one_document_is_printed(sim: Sim, visit: Path) -> None:
    """As a run prints it."""
    cut(visit, 20)
    told = sim("resume", "hospital_visit-s7", "--json").json
    assert (told["run"], told["outcome"]) == ("hospital_visit-s7-1", "discharged")


def test_a_run_that_has_ended_is_refused(sim: Sim, visit: Path) -> None:
    """And left as it is."""
    before = visit.read_bytes()
    assert_refused(sim("resume"), "has come to its end; there is nothing to go on with")
    assert visit.read_bytes() == before


@pytest.mark.parametrize("run", ["no_such_run", "empty.jsonl", "world.yaml", "."])
def test_what_is_no_run_is_refused(sim: Sim, folder: Path, run: str) -> None:
    """In one line."""
    (folder / "empty.jsonl").touch()
    (folder / "world.yaml").write_text("world: x\n")
    assert_refused(sim("resume", run))


def test_a_changed_log_is_refused(sim: Sim, visit: Path) -> None:
    """It names the record."""
    cut(visit, 20)
    data = visit.read_bytes()
    visit.write_bytes(data.replace(b'"purpose":"turn"', b'"purpose":"repair"', 1))
    assert_refused(sim("resume"), "record ", "was changed (call); its hash does not fit")


@pytest.mark.parametrize("option", [["--max-cost", "much"], ["--max-tokens", "0"], ["--cache", "maybe"], ["--no"]])
def test_bad_options_are_refused(sim: Sim, visit: Path, option: list[str]) -> None:
    """Before anything is written."""
    cut(visit, 20)
    before = visit.read_bytes()
    done = sim("resume", *option)
    assert (done.code, done.out, visit.read_bytes()) == (2, "", before)


def test_a_budget_stops_a_run_and_more_lets_it_go_on(sim: Sim, folder: Path, serve: Serve) -> None:
    """Exit code 3 and how to go on; with none given, the budget of the run holds."""
    provider = serve()
    run = ("run", "hospital_visit", "--model", "m", "--base-url", provider.url, "--out", "run.jsonl")
    stopped = sim(*run, "--max-tokens", 6000)
    asked = len(provider.requests)
    assert stopped.code == 3
    assert asked > 2
    lines = stopped.err.splitlines()
    assert lines[-2:] == [
        "stopped; the log keeps everything before, and 'sim resume run.jsonl' goes on from there",
        next(line for line in lines if line.startswith("sim: stopped before a call of m that could exceed")),
    ]
    again = sim("resume", "run.jsonl")
    assert (again.code, "could exceed the budget of 6,000 tokens" in again.err) == (3, True)
    assert len(provider.requests) == asked
    done = sim("resume", "run.jsonl", "--max-tokens", 1_000_000)
    assert done.code == 0
    assert sum(map(sum, provider.billed)) == sim("cost", "run.jsonl", "--json").json["total_tokens"]
    assert sim("verify", "run.jsonl").code == 0


def test_a_model_that_fails_stops_a_run_which_goes_on_at_the_same_place(
    sim: Sim, folder: Path, serve: Serve
) -> None:
    """With the URL and the temperature that it had; no call is made twice."""
    provider = serve(faults=[None, None, Fault.unauthorised(), Fault.unauthorised()])
    options = ("--model", "m,n", "--base-url", provider.url, "--temperature", 0.5, "--out", "run.jsonl")
    stopped = sim("run", "hospital_visit", *options)
    assert (stopped.code, len(provider.requests)) == (3, 4)
    assert "the next model is asked from now on" in stopped.err
    done = sim("resume", "run.jsonl")
    assert (done.code, done.err) == (0, "")
    assert {body["temperature"] for _, body in provider.requests} == {0.5}
    assert {body["model"] for _, body in provider.requests[4:]} == {"m"}
    assert sim("verify", "run.jsonl").code == 0


def test_another_url_may_be_given(sim: Sim, folder: Path, serve: Serve) -> None:
    """If the server has moved."""
    first, second = serve(faults=[None, Fault.unauthorised()]), serve()
    assert sim("run", "hospital_visit", "--model", "m", "--base-url", first.url, "--out", "run.jsonl").code == 3
    first.close()
    assert sim("resume", "run.jsonl", "--base-url", second.url).code == 0
    assert len(second.requests) > 5


def test_the_cache_answers_a_second_run(sim: Sim, folder: Path, serve: Serve) -> None:
    """Which is paid for once; what it saved is told."""
    provider = serve()
    run = ("run", "hospital_visit", "--model", "m", "--base-url", provider.url, "--cache", "write")
    assert sim(*run, "--out", "first.jsonl").code == 0
    asked = len(provider.requests)
    second = sim(*run, "--out", "second.jsonl", "--max-tokens", 1)
    assert (second.code, len(provider.requests)) == (0, asked)
    assert "from the cache" in second.out


def test_a_broken_cache_is_told_before_the_run(
    sim: Sim, folder: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with what does without."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    (folder / "roleplay-sim").mkdir()
    (folder / "roleplay-sim" / "answers.sqlite").write_text("no database " * 100)
    done = sim("run", "hospital_visit", "--model", "m", "--base-url", serve().url, "--cache", "write")
    assert_refused(done, "cannot use the cache", "--cache off does without")
    assert not (folder / "runs").exists()


def test_a_run_goes_on_with_another_model(sim: Sim, folder: Path, serve: Serve) -> None:
    """For all or for a role; the log says so, and all that reads it agrees."""
    provider = serve(faults=[None] * 4 + [Fault.unauthorised()])
    assert (
        sim("run", "hospital_visit", "--model", "one", "--base-url", provider.url, "--out", "run.jsonl").code == 3
    )
    done = sim("resume", "run.jsonl", "--model", "two", "--model", "cashier=scripted", "--base-url", provider.url)
    assert (done.code, done.err) == (0, "")
    names = [body["model"] for _, body in provider.requests]
    assert (set(names[:5]), set(names[5:])) == ({"one"}, {"two"})
    rows = {row["key"]: row["calls"] for row in sim("cost", "run.jsonl", "--by", "model", "--json").json["rows"]}
    assert set(rows) == {"one", "two", "scripted"}
    assert (rows["one"], rows["two"]) == (4, names.count("two"))
    [resumed] = sim("show", "run.jsonl", "--json").json["resumed"]
    assert resumed["models"] == {
        "patient": "two",
        "registrar": "two",
        "doctor": "two",
        "cashier": "scripted",
        "pharmacist": "two",
    }
    for command in ("verify", "audit", "replay"):
        assert sim(command, "run.jsonl").code == 0


@pytest.mark.parametrize(
    ("named", "why"),
    [("nobody=scripted", "no agent or role 'nobody'"), ("doctor=", "is no ROLE=NAME"), ("glm", "OPENAI_API_KEY")],
)
def test_a_model_that_cannot_be_is_refused(
    named: str, why: str, sim: Sim, visit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log stays as it was."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    cut(visit, 20)
    before = visit.read_bytes()
    assert_refused(sim("resume", "--model", named), why)
    assert visit.read_bytes() == before


def test_a_budget_given_when_a_run_goes_on_is_remembered(sim: Sim, folder: Path, serve: Serve) -> None:
    """It holds from then on; the log is that of a run which never stopped, but for what is only told."""
    provider = serve()
    run = ("run", "hospital_visit", "--model", "m", "--base-url", provider.url)
    assert sim(*run, "--max-tokens", 3000, "--out", "run.jsonl").code == 3
    assert "the budget of 5,000 tokens" in sim("resume", "run.jsonl", "--max-tokens", 5000).err
    asked = len(provider.requests)
    assert "the budget of 5,000 tokens" in sim("resume", "run.jsonl").err
    assert len(provider.requests) == asked
    assert sim("resume", "run.jsonl", "--max-tokens", 100_000).code == 0
    assert sim(*run, "--out", "straight.jsonl").code == 0
    assert bare(folder / "run.jsonl") == bare(folder / "straight.jsonl")


def test_a_model_of_the_file_goes_on_at_the_url_that_was_given(sim: Sim, folder: Path, serve: Serve) -> None:
    """The log has it; another one that is given now goes before it."""
    first, second = serve(faults=[None, Fault.unauthorised()]), serve()
    (folder / "models.yaml").write_text("models:\n  m: {url: 'http://127.0.0.1:1/v1'}\n", encoding="utf-8")
    for name in ("a", "b"):
        done = sim("run", "hospital_visit", "--model", "m", "--base-url", first.url, "--out", f"{name}.jsonl")
        if done.code == 0:  # the fault is used up: stop it by hand
            cut(folder / f"{name}.jsonl", 12)
    asked = len(first.requests)
    done = sim("resume", "a.jsonl")
    assert (done.code, len(first.requests) > asked, second.requests) == (0, True, [])
    assert done.err == (f"sim: 'm' is asked at {first.url}, as before; models.yaml:2 has http://127.0.0.1:1/v1\n")
    asked = len(first.requests)
    done = sim("resume", "b.jsonl", "--base-url", second.url)
    assert (done.code, done.err, len(first.requests)) == (0, "", asked)
    assert second.requests
