"""Experiments with models at a local server: budgets, failures, limits and the cache hold across processes.

A worker that asks a model imports its client, which takes seconds; so one test here has workers, and the
rest of what they must hold is for the campaign.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from backports import zstd

from sim.errors import DefinitionError
from sim.models.catalog import APP
from sim.record.lock import lock
from sim.record.log import RunLog
from sim.record.records import Call
from sim.sweep.engines import InProcess, Pool
from sim.sweep.estimating import estimates
from sim.sweep.plan import read_plan
from tests import role_play
from tests.cases.shop import SHOP
from tests.faults import Fault
from tests.provider import KEY, Provider
from tests.sweep.building import columns, rows, swept, write

HEAD = "experiment: sale\nworld: shop\nlang: en\n"

Serve = Callable[..., Provider]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def models(folder: Path, server: Provider, more: str = "") -> None:
    """A ``models.yaml`` with one model, which costs a dollar a thousand tokens."""
    (folder / "models.yaml").write_text(
        f"models:\n  small:\n    url: {server.url}\n    key: env:OPENAI_API_KEY\n"
        f"    price: {{input: 1000, output: 1000}}\n{more}",
        encoding="utf-8",
    )


ENGINES = [
    pytest.param(InProcess, id="here"),
    pytest.param(lambda: Pool(2), id="two", marks=pytest.mark.campaign),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_is_asked_and_what_it_took_is_in_the_rows(
    engine: type[InProcess], folder: Path, serve: Serve
) -> None:
    """The same the second time; the key is in no file."""
    server = serve()
    models(folder, server)
    file = write(folder, HEAD + "seeds: 3\narms: {script: {}, real: {model: {seller: small}}}\n")
    swept(file, folder / "here")
    asked = len(server.billed)
    swept(file, folder / "again", engine())
    assert columns(folder / "again") == columns(folder / "here")
    assert len(server.billed) == 2 * asked > 0
    found = [row for row in rows(folder / "again") if row["arm"] == "real"]
    billed = sum(map(sum, server.billed[asked:]))
    assert sum(row["by_model"]["small"]["tokens"] for row in found) == billed
    assert sum(row["cost"] for row in found) == pytest.approx(billed / 1000)
    assert [row["models"] for row in found] == [{"buyer": "scripted", "seller": "small"}] * 3
    assert sum(row["measured"]["paid"]["tokens"] for row in found) == billed
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def broken_off(out: Path, cell: int, keep: int) -> Path:
    """Make of some results those of a sweep that ended while a cell was under way, with so many of its records."""
    packed = out / "runs" / f"{cell:06}.jsonl.zst"
    lines = zstd.decompress(packed.read_bytes()).splitlines(keepends=True)
    part = out / "runs" / ".part" / f"{cell:06}.999" / f"{cell:06}.jsonl"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"".join(lines[:keep]) + lines[keep][:20])
    packed.unlink()
    kept = (out / "results.jsonl").read_bytes().splitlines(keepends=True)[:cell]
    (out / "results.jsonl").write_bytes(b"".join(kept))
    return part


def test_a_run_that_was_broken_off_goes_on_and_pays_for_nothing_twice(folder: Path, serve: Serve) -> None:
    """The rows and the log are those of a sweep that was not stopped."""
    server = serve()
    models(folder, server)
    world = SHOP.replace("  asked:", "  price: {money: CNY, known_to: nobody}\n  asked:")
    text = HEAD + "seeds: 2\nmodel: {seller: small}\nset: {price: 2.50}\n"
    file, out = write(folder, text, world=world), folder / "out"
    swept(file, out)
    whole, log, asked = columns(out), RunLog.open(out / "runs" / "000001.jsonl.zst"), len(server.billed)
    calls = [n for n, record in enumerate(log.records) if isinstance(record, Call) and record.model == "small"]
    broken_off(out, 1, calls[0] + 1)
    swept(file, out, resume=True)
    assert columns(out) == whole
    assert len(server.billed) - asked == len(calls) - 1 > 0
    assert RunLog.open(out / "runs" / "000001.jsonl.zst").trace == log.trace
    assert rows(out)[1]["measured"]["paid"]["tokens"] == rows(out)[1]["tokens"]["total"] - sum(
        record.usage.prompt + record.usage.completion
        for record in log.records.of(Call)
        if record.model == "scripted"
    )
    assert not (out / "runs" / ".part").exists()


@pytest.mark.parametrize("why", ["written", "other"])
def test_a_log_that_cannot_be_gone_on_with_is_played_anew(why: str, folder: Path, serve: Serve) -> None:
    """One that another process still writes, whose run then leaves nothing behind, or that of another run."""
    server = serve()
    models(folder, server)
    file, out = write(folder, HEAD + "seeds: 2\nmodel: {seller: small}\n"), folder / "out"
    swept(file, out)
    whole, each = columns(out), len(server.billed) // 2
    part = broken_off(out, 1, 6)
    if why == "other":
        part.write_bytes(zstd.decompress((out / "runs" / "000000.jsonl.zst").read_bytes()).rpartition(b"{")[0])
    with part.open("r+b") as file_of_another:
        if why == "written":
            lock(file_of_another, part)
        asked = len(server.billed)
        swept(file, out, resume=True)
    assert columns(out) == whole
    assert len(server.billed) - asked == each
    assert not part.exists()


def test_a_model_that_fails_for_good_fails_its_runs_and_not_the_sweep(folder: Path, serve: Serve) -> None:
    """Those that the server refuses are rows with an error line; the others are played."""

    def faults(_: int, request: dict[str, Any]) -> Fault | None:
        return Fault.error(404, "no such model") if "Here." in json.dumps(request) else None

    server = serve(faults=faults)
    models(folder, server)
    file = write(folder, HEAD + "seeds: 2\narms: {script: {}, real: {model: {seller: small}}}\n")
    swept(file, folder / "out")
    told = [(row["arm"], row["status"]) for row in rows(folder / "out")]
    assert told == [("script", "done"), ("real", "failed")] * 2
    failed = rows(folder / "out")[1]
    assert "no such model" in failed["error"]
    assert "\n" not in failed["error"]
    assert (failed["outcome"], failed["trace"], failed["turns"]) == (None, None, 3)
    assert failed["by_model"]["small"]["tokens"] > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_budget_ends_before_it_is_broken_and_goes_on_with_more(
    engine: type[InProcess], folder: Path, serve: Serve
) -> None:
    """In the same cell whatever plays; runs that cost nothing are played all the same."""
    server = serve()
    models(folder, server)
    arms = "seeds: 12\narms: {script: {}, real: {model: {seller: small}}}\n"
    plan = read_plan(write(folder, HEAD + arms))
    one = estimates(plan)["real"]
    budget = 4 * one.paid + one.room
    file = write(folder, HEAD + arms + f"budget: {{tokens: {budget}}}\n")
    swept(file, folder / "out", engine())
    found = rows(folder / "out")
    statuses = [row["status"] for row in found if row["arm"] == "real"]
    assert [row["status"] for row in found if row["arm"] == "script"] == ["done"] * 12
    assert statuses.count("done") >= 2
    assert statuses[-1] == "over_budget"
    assert 0 < sum(map(sum, server.billed)) <= budget
    last = found[-1]
    assert (last["error"], last["turns"], last["tokens"], last["log"]) == (
        "not begun: it might take more than is left", None, None, None
    )  # fmt: skip
    swept(write(folder, HEAD + arms), folder / "out", engine(), resume=True)
    assert [row["status"] for row in rows(folder / "out")] == ["done"] * 24
    swept(write(folder, HEAD + arms), folder / "whole", InProcess())
    assert columns(folder / "out") == columns(folder / "whole")


@pytest.mark.campaign
def test_rows_under_a_budget_are_the_same_in_one_process_and_in_two(folder: Path, serve: Serve) -> None:
    """What is begun does not depend on how many are played at once."""
    server = serve()
    models(folder, server)
    file = write(folder, HEAD + "seeds: 10\nmodel: {seller: small}\nbudget: {cost: 3.00USD, tokens: 9000}\n")
    swept(file, folder / "here")
    swept(file, folder / "two", Pool(2))
    assert columns(folder / "two") == columns(folder / "here")
    statuses = [row["status"] for row in rows(folder / "here")]
    assert {"done", "over_budget"} <= set(statuses)


def test_a_budget_that_cannot_hold_one_run_is_refused_before_anything_runs(folder: Path, serve: Serve) -> None:
    """With its place and what a run takes; the script costs nothing."""
    server = serve()
    models(folder, server)
    arms = "arms: {script: {}, real: {model: {seller: small}}}\n"
    takes = estimates(read_plan(write(folder, HEAD + arms)))["real"]
    tokens = f"takes about {takes.paid:,}, and a call up to {takes.room:,} more"
    cost = f"costs about {takes.cost:.4f} USD, and a call up to {takes.room_cost:.4f} more"
    for budget, told in (
        ("{tokens: 20}", f"tokens: 20 tokens cannot hold one run of 'real': it {tokens}"),
        ("{cost: 0.01USD}", f"cost: 0.01 USD cannot hold one run of 'real': it {cost}"),
    ):
        file = write(folder, HEAD + arms + f"budget: {budget}\n")
        with pytest.raises(DefinitionError) as caught:
            swept(file, folder / "out")
        assert str(caught.value) == f"{file}:5:10: budget.{told}"
    with pytest.raises(DefinitionError) as caught:
        read_plan(write(folder, HEAD + arms + "budget: {cost: 5CNY}\n"))
    assert "budget.cost: the budget is in CNY, but 'small' is paid in USD" in str(caught.value)
    swept(write(folder, HEAD + "budget: {tokens: 20}\n"), folder / "out")
    assert [row["status"] for row in rows(folder / "out")] == ["done"]
    assert server.billed == []


def test_the_estimate_is_what_a_run_of_the_same_words_takes(folder: Path, serve: Serve) -> None:
    """Turns and prompts of a scripted run, priced as the models that would answer."""
    server = serve()
    models(folder, server)
    plan = read_plan(write(folder, HEAD + "arms: {script: {}, real: {model: small}}\n"))
    found = estimates(plan)
    swept(plan.file, folder / "out")
    script, _ = rows(folder / "out")
    assert (found["script"].turns, found["script"].tokens) == (script["turns"], script["tokens"]["total"])
    assert (found["script"].paid, found["script"].cost) == (0, 0)
    assert found["real"].paid == script["tokens"]["total"]
    assert found["real"].cost == Decimal(found["real"].paid) / 1000


def test_limits_and_the_cache_are_shared_by_all_workers(folder: Path, serve: Serve) -> None:
    """Answers that were paid for once, wherever, are taken from it, but for repeats, which have their own."""
    server = serve(answer=lambda request: (200, role_play.answer(request)))
    models(folder, server, "    limits: {requests: 1000}\n")
    file = write(folder, HEAD + "seeds: 3\nrepeats: 2\nmodel: {seller: small}\n")
    swept(file, folder / "first", Pool(2), cache="write")
    asked = len(server.billed)
    swept(file, folder / "second", cache="write")
    assert len(server.billed) == asked
    assert columns(folder / "second") == columns(folder / "first")
    assert sum(row["measured"]["hits"] for row in rows(folder / "second")) == asked + sum(
        row["measured"]["hits"] for row in rows(folder / "first")
    )
    assert all(row["measured"]["paid"]["tokens"] == 0 for row in rows(folder / "second"))
    folder_of_cache = platformdirs.user_cache_path(APP)
    assert {path.name for path in folder_of_cache.glob("*.sqlite")} == {"answers.sqlite", "answers-repeat-1.sqlite"}
    with sqlite3.connect(platformdirs.user_state_path(APP) / "limits.sqlite") as file_of_limits:
        [(calls,)] = file_of_limits.execute("SELECT count(*) FROM calls").fetchall()
    assert calls == asked
