"""The same rows whatever plays the cells, and what is left of a worker that dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sim.record.log import RunLog
from sim.sweep.engines import InProcess, Pool
from sim.sweep.plan import read_plan
from sim.sweep.running import sweep
from tests.sweep.building import columns, rows, swept, write

SALE = """\
experiment: sale
world: shop
seeds: 12
arms: {plain: {}, dear: {variant: dear}, strict: {variant: strict, lang: zh}}
measure: [paid, {late: turns > 3}]
"""


def test_rows_and_traces_are_the_same_in_one_process_and_in_two(tmp_path: Path) -> None:
    """Byte for byte, but for what is only measured."""
    file = write(tmp_path, SALE)
    for name, engine in (("here", InProcess()), ("two", Pool(2))):
        swept(file, tmp_path / name, engine)
    assert len(columns(tmp_path / "here")) == 36
    assert columns(tmp_path / "here") == columns(tmp_path / "two")
    assert {row["measured"]["worker"] for row in rows(tmp_path / "two")} == {1, 2}
    for row in rows(tmp_path / "two"):
        log = RunLog.open(tmp_path / "two" / row["log"])
        log.check_chain()
        assert (log.trace, log.header.seed) == (row["trace"], row["seed"])


DAY = """\
experiment: day
world: hospital_visit
seeds: 1
lang: en
episodes: 2
axes: {variant: [day, two_doctors]}
measure: [stock_gel, fee]
"""
GAME = "experiment: game\nworld: werewolf\nseeds: 1\nrotate: {role: player, models: [red, blue]}\n"


@pytest.mark.parametrize(
    "text", [pytest.param(DAY, id="day", marks=pytest.mark.campaign), pytest.param(GAME, id="game")]
)
def test_hospital_days_and_rotated_games_are_the_same_in_another_process(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundled worlds, with queues and with seats."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.yaml").write_text(
        "models: {red: {first_of: [scripted]}, blue: {first_of: [scripted]}}\n", encoding="utf-8"
    )
    file = tmp_path / "experiment.yaml"
    file.write_text(text, encoding="utf-8")
    swept(file, tmp_path / "here")
    swept(file, tmp_path / "there", Pool(1))
    assert len(columns(tmp_path / "here")) == 2
    assert columns(tmp_path / "here") == columns(tmp_path / "there")


class Killer:
    """Ends workers by a signal as soon as a run of theirs is under way."""

    def __init__(self, out: Path, times: int) -> None:
        self.ended: set[str] = set()
        self._parts, self._times, self._is_over = out / "runs" / ".part", times, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while len(self.ended) < self._times and not self._is_over.is_set():
            for path in self._parts.glob("*/*.jsonl"):
                name = path.parent.name.partition(".")[2].partition("-")[0]
                if name not in self.ended and len(self.ended) < self._times:
                    self.ended.add(name)
                    os.kill(int(name), signal.SIGKILL)
            time.sleep(0.001)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.campaign)])
def test_a_worker_that_is_killed_costs_only_its_run_which_is_played_again(times: int, tmp_path: Path) -> None:
    """The rows are those of a sweep in which nobody dies."""
    file = write(tmp_path, SALE)
    swept(file, tmp_path / "here")
    with Killer(tmp_path / "two", times) as killer:
        swept(file, tmp_path / "two", Pool(2))
    assert len(killer.ended) == times
    assert columns(tmp_path / "two") == columns(tmp_path / "here")


def test_a_run_whose_workers_die_again_and_again_is_a_failed_row(tmp_path: Path) -> None:
    """It is begun three times; the others are played."""
    file = write(tmp_path, "experiment: sale\nworld: shop\nseeds: 3\nfunctions: {end: ends.py:end}\n")
    (tmp_path / "ends.py").write_text(
        "import os, signal\n\n\ndef end(log):\n    if log.header.seed == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n    return True\n",
        encoding="utf-8",
    )
    swept(file, tmp_path / "out", Pool(1))
    first, second, third = rows(tmp_path / "out")
    assert (first["status"], third["status"]) == ("done", "done")
    assert (second["status"], second["error"]) == (
        "failed",
        "the process of its worker was ended by SIGKILL, 3 times",
    )
    assert second["turns"] is None
    assert list(second) == list(first)


def test_worlds_are_sent_to_workers_and_not_read_again(tmp_path: Path) -> None:
    """Files that change while a sweep runs change nothing in it."""
    plan = read_plan(write(tmp_path, SALE))
    (tmp_path / "shop" / "world.yaml").unlink()
    sweep(plan, tmp_path / "out", Pool(1))
    assert len(columns(tmp_path / "out")) == 36


def test_code_is_sent_to_workers_with_its_text(tmp_path: Path) -> None:
    """Rules and functions that measure are what they were when the experiment was read."""
    file = write(tmp_path, SALE + "functions: {end: ends.py:end}\n")
    rules, ends = tmp_path / "shop" / "rules.py", tmp_path / "ends.py"
    rules.write_text("def nothing(told):\n    return 1\n", encoding="utf-8")
    ends.write_text("def end(log):\n    return log.header.seed\n", encoding="utf-8")
    plan = read_plan(file)
    rules.unlink()
    ends.write_text("def end(log):\n    return None\n", encoding="utf-8")
    sweep(plan, tmp_path / "out", Pool(1))
    found = rows(tmp_path / "out")
    assert [row["measures"] for row in found] == [{"end": row["seed"]} for row in found]
    assert {row["status"] for row in found if row["arm"] == "plain"} == {"done"}
