"""``sim fork`` and ``sim runs --tree``; and that a log which is being written has no second writer."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.record.log import RunLog
from tests.cli.running import ROOT, Sim, assert_refused
from tests.forks import own_calls
from tests.provider import Provider

Serve = Callable[..., Provider]


@pytest.fixture
def parent(sim: Sim, log_path: Path, folder: Path) -> RunLog:
    """A finished run in ``runs/``."""
    path = folder / "runs" / "visit.jsonl"
    path.parent.mkdir()
    path.write_bytes(log_path.read_bytes())
    return RunLog.open(path)


def test_a_fork_is_reported_as_a_run_with_its_parent(sim: Sim, parent: RunLog) -> None:
    """And every command that reads a run reads it, from its own log alone."""
    told = sim("fork", "visit", "--at", 2, "--set", "fee=20", "--json").json
    assert (told["run"], told["parent"], told["episode"], told["at"]) == ("hospital_visit-s7-1", "visit", 1, 2)
    assert (told["world"], told["outcome"], told["inherited"]) == ("hospital_visit", "discharged", {"calls": 1})
    parent.path.unlink()
    run = told["run"]
    for words in (("verify",), ("audit",), ("replay",), ("show",), ("export",), ("export", "--to", "csv")):
        done = sim(words[0], run, *words[1:])
        assert (done.code, done.err) == (0, ""), done
    assert sim("export", run, "-o", "page.html").code == 0
    shown = sim("show", run, "--json").json
    assert (shown["parent"], shown["at"]) == ("visit", 2)
    turn = sim("show", run, "--turn", 2, "--json").json
    assert turn["interventions"] == [{"changed": {"fee": 20}}]
    assert turn["facts"]["fee"] == 20
    first = sim("show", run, "--turn", 1, "--json").json
    assert [(c["paid"], c["inherited"]) for c in first["calls"]] == [(False, True)]
    assert "inherited: paid by the run before" in sim("show", run, "--turn", 1).out


def test_what_was_inherited_is_told_in_its_own_words(sim: Sim, parent: RunLog) -> None:
    """It cost this run nothing, and it is no cache."""
    done = sim("fork", "visit", "--at", 5, "--out", "f.jsonl")
    assert "4 answers inherited" in done.out.splitlines()[-1]
    book = sim("cost", "f.jsonl").out
    assert "inherited: 4 answers from the run that was forked, at no cost here; there they took" in book
    assert "cache" not in book
    told, whole = sim("cost", "f.jsonl", "--json").json, sim("cost", "visit", "--json").json
    assert told["inherited"]["calls"] == 4
    assert told["total_tokens"] + told["inherited"]["tokens"] == whole["total_tokens"]
    assert (told["hits"], told["saved"]["tokens"]) == (0, 0)


def test_a_fork_that_changes_nothing_does_not_differ(sim: Sim, parent: RunLog) -> None:
    """For `sim diff`; one that does differs first by what was changed."""
    assert sim("fork", "visit", "--at", 7, "--out", "same.jsonl", "--json").json["course"] == parent.course
    assert sim("diff", "visit", "same.jsonl").code == 0
    assert sim("fork", "visit", "--at", 2, "--set", "fee=20", "--out", "other.jsonl").code == 0
    first = sim("diff", "visit", "other.jsonl", "--json").json["first_difference"]
    assert first == {"episode": 1, "turn": 2, "what": "intervention", "a": None, "b": {"changed": {"fee": 20}}}


def test_words_and_a_persona_are_shown_where_they_come_in(sim: Sim, parent: RunLog) -> None:
    """In the transcript, as what they are."""
    done = sim("fork", "visit", "--at", 3, "--say", "我再想想。", "--persona", "doctor=midwife_sun", "--seed", 9)
    assert done.code == 0
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[0] == "forked from visit at turn 3: 5 of its records are inherited"
    assert lines[1] == "⑂ 场外改动：seed=9，doctor=midwife_sun"
    assert lines[2] == "⑂ 橙子的下一句由场外给出"
    assert "我再想想。" in lines[3]
    assert sim("runs", "--json").json[-1]["seed"] == 9


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--at", 99], "visit has no turn 99; it can be forked at 1 to 15"),
        (["--at", 3, "--set", "fe=1"], "unknown fact 'fe'; did you mean 'fee'"),
        (["--at", 3, "--persona", "doctor"], "'--persona doctor' needs the form role=persona"),
        (["--at", 3, "--model", "docter=scripted"], "no agent or role 'docter'"),
        (["--at", 3, "--world", "werewolf"], "werewolf has another cast than visit"),
        (["--at", 3, "--out", "runs/visit.jsonl"], "is there already; a log is never overwritten"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    words: list[Any], why: str, sim: Sim, parent: RunLog, folder: Path
) -> None:
    """And nothing is written."""
    assert_refused(sim("fork", "visit", *words), why)
    assert [p.name for p in (folder / "runs").iterdir()] == ["visit.jsonl"]


def test_an_edited_world_folder(sim: Sim, parent: RunLog, folder: Path) -> None:
    """It is used from the turn on where it fits, and says where it does not."""
    text = (ROOT / "worlds" / "hospital_visit" / "world.yaml").read_text(encoding="utf-8")
    mine = folder / "mine"
    mine.mkdir()
    lines = (ROOT / "worlds" / "hospital_visit" / "lines.yaml").read_text(encoding="utf-8")
    (mine / "lines.yaml").write_text(lines, encoding="utf-8")
    (mine / "world.yaml").write_text(text.replace("limits:", "# mine\nlimits:"), encoding="utf-8")
    assert sim("fork", "visit", "--at", 9, "--world", "mine", "--out", "a.jsonl").code == 0
    (mine / "world.yaml").write_text(text.replace("早上八点半", "下午两点"), encoding="utf-8")
    assert_refused(
        sim("fork", "visit", "--at", 9, "--world", "mine"),
        "the recorded turns do not fit that version of hospital_visit: record 2: turn 1: the prompt of patient",
    )


def test_families_are_shown_as_trees(sim: Sim, parent: RunLog, folder: Path) -> None:
    """Forks below their parents, nested; a fork whose parent is not here stands by itself and names it."""
    sim("fork", "visit", "--at", 9, "--out", "runs/b.jsonl")
    sim("fork", "b", "--at", 12, "--out", "runs/c.jsonl")
    sim("fork", "visit", "--at", 4, "--out", "runs/d.jsonl")
    rows = sim("runs", "--tree", "--json").json
    assert [(r["run"], r["parent"], r["at"], r["depth"]) for r in rows] == [
        ("visit", None, None, 0),
        ("b", "visit", 9, 1),
        ("c", "b", 12, 2),
        ("d", "visit", 4, 1),
    ]
    shown = [line.partition("hospital")[0].rstrip() for line in sim("runs", "--tree").out.splitlines()[1:]]
    assert shown == ["visit", "└─ b (turn 9)", "   └─ c (turn 12)", "└─ d (turn 4)"]
    (folder / "runs" / "visit.jsonl").unlink()
    assert [r["depth"] for r in sim("runs", "--tree", "--json").json] == [0, 1, 0]
    assert "b (of visit, turn 9)" in sim("runs", "--tree").out
    assert [r["run"] for r in sim("runs", "--json").json] == ["b", "c", "d"]


def test_a_fork_goes_on_with_another_model_at_a_server(sim: Sim, parent: RunLog, serve: Serve) -> None:
    """Which is asked for nothing that was before."""
    provider = serve()
    done = sim(
        "fork", "visit", "--at", 9, "--model", "m", "--base-url", provider.url, "--out", "f.jsonl",
        "--max-tokens", 1_000_000,
    )  # fmt: skip
    log = RunLog.open("f.jsonl")
    assert (done.code, len(provider.requests)) == (0, len(own_calls(log)))
    assert {c.model for c in own_calls(log)} == {"m"}
    assert sim("cost", "f.jsonl", "--json").json["total_tokens"] == sum(map(sum, provider.billed))
    assert sim("verify", "f.jsonl").code == 0


def test_a_fork_that_ran_out_of_budget_is_resumed(sim: Sim, parent: RunLog, serve: Serve) -> None:
    """What it inherited counts for nothing."""
    provider = serve()
    words = ("fork", "visit", "--at", 9, "--model", "m", "--base-url", provider.url, "--out", "f.jsonl")
    stopped = sim(*words, "--max-tokens", 2500)
    assert stopped.code == 3
    asked = len(provider.requests)
    assert asked > 0
    done = sim("resume", "f.jsonl", "--max-tokens", 1_000_000)
    assert done.code == 0
    log = RunLog.open("f.jsonl")
    assert len(own_calls(log)) == len(provider.requests) > asked
    assert sim("verify", "f.jsonl").code == 0


def _start(folder: Path, *words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from sim.cli import main; main()", *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for(path: Path, lines: int) -> None:
    for _ in range(3000):  # a busy machine takes its time to start a process
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never had {lines} lines")


def test_a_log_that_is_being_written_is_not_resumed(sim: Sim, folder: Path, serve: Serve) -> None:
    """Neither by a first nor by a second `sim resume`; once its writer was killed, it is."""
    provider = serve(delay_s=0.1)
    path = folder / "run.jsonl"
    run = ("run", "hospital_visit", "--model", "m", "--base-url", provider.url, "--out", "run.jsonl")
    with _start(folder, *run) as writer:
        _wait_for(path, 4)
        assert_refused(sim("resume", "run.jsonl"), "run.jsonl is being written by another process; one at a time")
        writer.kill()
    with _start(folder, "resume", "run.jsonl") as writer:
        count = path.read_bytes().count(b"\n")
        _wait_for(path, count + 1)
        assert_refused(sim("resume", "run.jsonl"), "is being written by another process")
        writer.send_signal(signal.SIGKILL)
    assert sim("resume", "run.jsonl").code == 0
    assert sim("verify", "run.jsonl").code == 0


@pytest.mark.campaign
def test_a_fork_that_is_killed_is_resumed_to_what_it_would_have_been(
    sim: Sim, parent: RunLog, folder: Path, serve: Serve
) -> None:
    """At whichever instant; nobody else may write it meanwhile."""
    provider = serve(delay_s=0.1)
    words = ("fork", "visit", "--at", 6, "--set", "sent_back=true", "--model", "m", "--base-url", provider.url)
    whole = sim(*words, "--out", "whole.jsonl", "--json").json
    inherited = RunLog.open("whole.jsonl").header.inherited
    for more in (0, 3):
        path = folder / f"{more}.jsonl"
        with _start(folder, *words, "--out", path.name) as writer:
            _wait_for(path, inherited + more)
            if more:
                assert_refused(sim("resume", path.name), "is being written by another process")
            writer.kill()
        assert sim("resume", path.name).code == 0
        assert RunLog.open(path).trace == whole["trace"]
