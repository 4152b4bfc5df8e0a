"""The folder of results: in order, resumed after any stop, and refused where it is of another experiment."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from sim.errors import DefinitionError, RunLogError
from sim.sweep.engines import InProcess, Pool
from sim.sweep.plan import read_plan
from sim.sweep.results import Results
from sim.sweep.rows import Done
from tests.sweep.building import columns, rows, swept, write

SALE = """\
experiment: sale
world: shop
seeds: 6
arms: {plain: {}, dear: {variant: dear}, strict: {variant: strict}}
measure: [paid]
"""


def stamps(out: Path) -> dict[str, int]:
    """When each log was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "runs").glob("*.zst")}


@pytest.mark.parametrize(
    ("kept", "engine"),
    [
        *(pytest.param(kept, InProcess, id=f"{kept}-here") for kept in (0, 1, 7, 17, 18)),
        pytest.param(7, lambda: Pool(2), id="7-two"),
        *(
            pytest.param(kept, lambda: Pool(2), id=f"{kept}-two", marks=pytest.mark.campaign)
            for kept in (0, 1, 17, 18)
        ),
    ],
)
def test_results_that_were_cut_anywhere_go_on_to_the_same_rows(
    kept: int, engine: type[InProcess], tmp_path: Path
) -> None:
    """A torn row is dropped, and a log that is whole is not played again."""
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, out)
    whole, before = columns(out), stamps(out)
    lines = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
    torn = lines[kept][: len(lines[kept]) // 2] if kept < len(lines) else b""
    (out / "results.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
    done = swept(file, out, engine(), resume=True)
    assert columns(out) == whole
    assert stamps(out) == before
    assert (done.played, done.totals.by_status) == (18 - kept, {"done": 12, "failed": 6})


def test_a_run_whose_log_is_not_whole_is_played_again(tmp_path: Path) -> None:
    """Cut, empty, or not there."""
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, out)
    whole = columns(out)
    (out / "results.jsonl").write_bytes(b"")
    logs = sorted((out / "runs").glob("*.zst"))
    logs[3].write_bytes(logs[3].read_bytes()[:200])
    logs[4].write_bytes(b"")
    logs[5].unlink()
    (out / "runs" / ".part" / "000005.1").mkdir(parents=True)
    (out / "runs" / ".part" / "000005.1" / "000005.jsonl").write_text("{", encoding="utf-8")
    swept(file, out, resume=True)
    assert columns(out) == whole
    assert not (out / "runs" / ".part").exists()


def test_results_are_neither_written_over_nor_mixed(tmp_path: Path) -> None:
    """Without --resume they are refused; those of another experiment too, with what differs."""
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, out)
    before = (out / "results.jsonl").read_bytes()
    with pytest.raises(DefinitionError) as caught:
        swept(file, out)
    assert str(caught.value) == f"{out} has results already; --resume goes on with them, --out writes elsewhere"
    file.write_text(
        SALE.replace("seeds: 6", "seeds: 7").replace("plain: {}", "plain: {lang: zh}"), encoding="utf-8"
    )
    with pytest.raises(DefinitionError) as caught:
        swept(file, out, resume=True)
    assert str(caught.value) == (
        f'{out} has the results of another experiment: arms.plain.lang was null and is "zh"; '
        "seeds was 6 and is 7; --out writes elsewhere"
    )
    assert (out / "results.jsonl").read_bytes() == before


def test_a_world_that_was_edited_makes_another_experiment(tmp_path: Path) -> None:
    """By its digest."""
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, out)
    world = tmp_path / "shop" / "world.yaml"
    world.write_text(world.read_text(encoding="utf-8").replace("say: Five.", "say: 5."), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        swept(file, out, resume=True)
    assert "has the results of another experiment: arms.dear.world was " in str(caught.value)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """It is not emptied, and nothing is written into it."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        swept(write(tmp_path, SALE), out)
    assert str(caught.value) == f"{out} is not empty; --out writes elsewhere"
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_one_sweep_at_a_time_writes_a_folder(tmp_path: Path) -> None:
    """The second is told so."""
    plan = read_plan(write(tmp_path, SALE))
    results = Results.open(tmp_path / "out", plan, resume=False)
    with pytest.raises(RunLogError) as caught:
        Results.open(tmp_path / "out", plan, resume=True)
    assert "is being written by another process" in str(caught.value)
    results.close()


def test_rows_are_written_in_the_order_of_the_cells_as_soon_as_their_turn_has_come(tmp_path: Path) -> None:
    """Whatever the order in which they are done."""
    results = Results.open(tmp_path / "out", read_plan(write(tmp_path, SALE)), resume=False)
    sizes = []
    for cell in (2, 0, 1, 3):
        results.put(Done(cell, f'{{"cell":{cell}}}\n'.encode(), "done"))
        sizes.append((tmp_path / "out" / "results.jsonl").read_bytes().count(b"\n"))
    results.close()
    assert sizes == [0, 1, 3, 4]
    assert [row["cell"] for row in rows(tmp_path / "out")] == [0, 1, 2, 3]


def test_the_experiment_is_described_beside_its_results(tmp_path: Path) -> None:
    """With its digest, those of its worlds, and how many runs it has."""
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, out)
    told = json.loads((out / "experiment.json").read_text(encoding="utf-8"))
    plan = read_plan(file)
    assert (told["experiment"], told["cells"], told["digest"]) == ("sale", 18, plan.digest)
    assert told["worlds"] == {arm.name: plan.stages[arm.stage].digest for arm in plan.arms}


@pytest.mark.campaign
def test_nothing_is_left_running_when_a_sweep_is_interrupted(tmp_path: Path) -> None:
    """Workers are ended, and what is there goes on later."""
    file, out = write(tmp_path, SALE), tmp_path / "out"

    def stop(done: Done | None, _: Results) -> None:
        if done is not None:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        swept(file, out, Pool(2), watch=stop)
    assert threading.active_count() == before
    swept(file, out, resume=True)
    assert [row["cell"] for row in rows(out)] == list(range(18))
    assert not (out / "runs" / ".part").exists()
