"""The command ``sweep``: what it prints, how it ends, and that it goes on after it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import Sim, assert_refused, is_alive, process
from tests.sweep.building import columns, rows, swept, write

SALE = "experiment: sale\nworld: shop\nseeds: 5\narms: {plain: {}, dear: {variant: dear}}\n"


def test_a_sweep_tells_what_came_of_it(sim: Sim, folder: Path) -> None:
    """In a line, and nothing of a bar where nobody sees it."""
    write(folder, SALE)
    done = sim("sweep", "sale.yaml", "-j", 0)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("10 done · 10 runs in ")
    assert done.out.rstrip().endswith(" tokens · 0.0000 USD · results/sale")
    assert len(rows(folder / "results" / "sale")) == 10


def test_the_document_of_a_sweep_has_its_sums(sim: Sim, folder: Path) -> None:
    """With --json; resumed, all rows are counted and none is played."""
    write(folder, SALE)
    first = sim("sweep", "sale.yaml", "-j", 0, "--out", "there", "--json").json
    assert list(first) == [
        "experiment", "results", "cells", "done", "failed", "over_budget", "unmarked", "seconds",
        "runs_per_second", "tokens", "cost",
    ]  # fmt: skip
    assert (first["experiment"], first["results"], first["cells"], first["done"]) == ("sale", "there", 10, 10)
    assert first["tokens"] == sum(row["tokens"]["total"] for row in rows(folder / "there"))
    assert first["cost"] == {"amount": 0.0, "currency": "USD"}
    again = sim("sweep", "sale.yaml", "-j", 0, "--out", "there", "--json", "--resume").json
    assert {**again, "seconds": 0} == {**first, "seconds": 0, "runs_per_second": 0.0}


def test_a_dry_sweep_shows_the_arms_and_runs_nothing(sim: Sim, folder: Path) -> None:
    """Cells, turns and tokens of each arm."""
    write(folder, SALE)
    done = sim("sweep", "sale.yaml", "--dry")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[1][:4] == ["plain", "shop", "5", "4"]
    assert lines[2][:5] == ["dear", "shop", "(dear)", "5", "4"]
    assert done.out.splitlines()[3].startswith("10 runs: 2 arms, 5 runs each; ")
    told = sim("sweep", "sale.yaml", "--dry", "--json").json
    assert (told["cells"], [arm["cells"] for arm in told["arms"]]) == (10, [5, 5])
    assert [(arm["turns"], arm["paid_tokens"], arm["cost"]) for arm in told["arms"]] == [(4, 0, 0.0)] * 2
    assert not (folder / "results").exists()


def test_a_dry_sweep_counts_the_marks_of_a_judge(sim: Sim, folder: Path) -> None:
    """With what they would cost; nobody is asked, for nothing listens there."""
    (folder / "models.yaml").write_text(
        "models: {small: {url: 'http://127.0.0.1:9/v1', price: {input: 1000, output: 1000}}}\n", encoding="utf-8"
    )
    write(folder, SALE + "judge: {model: small, rubric: Polite?, times: 3}\n")
    told = sim("sweep", "sale.yaml", "--dry", "--json").json
    assert [arm["marks"] for arm in told["arms"]] == [15, 15]
    assert all(arm["cost"] == pytest.approx(arm["paid_tokens"] / 1000) for arm in told["arms"])
    assert all(arm["paid_tokens"] > 15 * 300 for arm in told["arms"])
    done = sim("sweep", "sale.yaml", "--dry")
    assert done.out.splitlines()[0].split()[-4:] == ["marks", "paid", "for", "cost"]
    assert done.out.splitlines()[-1].endswith("; marks are calls of the judge, and are in what is paid for")


def test_mistakes_are_told_in_a_line_and_end_with_two(sim: Sim, folder: Path) -> None:
    """A file that is not there, one of something else, results that are there already."""
    assert_refused(sim("sweep", "nothing.yaml"), "nothing.yaml:1:1: cannot read the file")
    write(folder, SALE + "lang: zn\n")
    assert_refused(sim("sweep", "sale.yaml"), "sale.yaml:5:1: lang: 'shop' does not speak 'zn'")
    write(folder, SALE)
    sim("sweep", "sale.yaml", "-j", 0)
    assert_refused(sim("sweep", "sale.yaml", "-j", 0), "results/sale has results already; --resume goes on")


def test_an_engine_takes_only_what_is_its_own(sim: Sim, folder: Path) -> None:
    """The address of a cluster is not for processes of this machine, and no cluster plays in this process."""
    write(folder, SALE)
    local = sim("sweep", "sale.yaml", "--address", "auto")
    assert_refused(local, "--address is that of a Ray cluster, and goes with --engine ray")
    assert_refused(sim("sweep", "sale.yaml", "--engine", "ray", "-j", 0), "-j 0 plays in this process")
    assert not (folder / "results").exists()


def test_without_ray_it_is_told_what_to_install(sim: Sim, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra; nothing is begun."""
    write(folder, SALE)
    monkeypatch.setitem(sys.modules, "ray", None)
    done = sim("sweep", "sale.yaml", "--engine", "ray")
    assert_refused(done, "--engine ray needs the extra 'ray': pip install 'roleplay-sim[ray]'")
    assert not (folder / "results").exists()


def _begun(folder: Path) -> subprocess.Popen[bytes]:
    """A sweep of many runs in a process of its own, of which some rows are written."""
    command = [
        sys.executable,
        "-c",
        "from sim.cli import main; main()",
        "sweep",
        "sale.yaml",
        "-j",
        "2",
        "--resume",
    ]
    begun = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    file, ends = folder / "results" / "sale" / "results.jsonl", time.monotonic() + 60
    before = file.stat().st_size if file.exists() else 0
    while begun.poll() is None and time.monotonic() < ends and not (file.exists() and file.stat().st_size > before):
        time.sleep(0.005)
    return begun


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.campaign)])
def test_a_sweep_that_is_killed_goes_on_to_the_same_results(times: int, folder: Path) -> None:
    """With SIGKILL, in the middle: nothing is lost, nothing doubled, and no worker stays."""
    write(folder, SALE.replace("seeds: 5", "seeds: 60"))
    out = folder / "results" / "sale"
    for _ in range(times):
        begun = _begun(folder)
        workers = [int(path.name.partition(".")[2]) for path in (out / "runs" / ".part").glob("*")]
        begun.kill()
        begun.communicate()
        assert begun.returncode == -signal.SIGKILL
        ends = time.monotonic() + 30
        while any(is_alive(worker) for worker in workers) and time.monotonic() < ends:
            time.sleep(0.02)
        assert [worker for worker in workers if is_alive(worker)] == []
    kept = len(list((out / "runs").glob("*.zst")))
    assert 0 < kept < 120
    before = {path.name: path.stat().st_mtime_ns for path in (out / "runs").glob("*.zst")}
    done = process("sweep", "sale.yaml", "-j", 0, "--resume", "--json", cwd=folder)
    assert done.json["done"] == 120
    after = {path.name: path.stat().st_mtime_ns for path in (out / "runs").glob("*.zst")}
    assert before.items() <= after.items()
    swept(folder / "sale.yaml", folder / "whole")
    assert columns(out) == columns(folder / "whole")


def test_an_interrupted_sweep_ends_with_130_and_says_how_it_goes_on(folder: Path) -> None:
    """As if ctrl-C was pressed."""
    write(folder, SALE.replace("seeds: 5", "seeds: 500"))
    begun = _begun(folder)
    begun.send_signal(signal.SIGINT)
    _, err = begun.communicate(timeout=60)
    assert begun.returncode == 130
    assert err.decode().splitlines() == ["stopped; 'sim sweep sale.yaml --resume' goes on with results/sale"]
    assert 0 < len(rows(folder / "results" / "sale")) < 1000
