"""The command line as a process of its own: exit codes, hash seeds, pipes and odd terminals."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.running import process


@pytest.mark.parametrize(
    ("words", "code"),
    [(["worlds"], 0), (["check", "world.yaml"], 1), (["check", "nosuch"], 2), (["verify", "world.yaml"], 2)],
)
def test_a_process_ends_with_the_right_code(words: list[str], code: int, folder: Path) -> None:
    """As a process: 0 for done, 1 for no, 2 for bad input, and never a traceback."""
    (folder / "world.yaml").write_text("world: x\n", encoding="utf-8")
    done = process(*words, cwd=folder)
    assert code == done.code
    assert "Traceback" not in done.err
    assert (code == 2) == bool(done.err)


def test_a_seed_gives_one_trace_whatever_the_order_of_sets(folder: Path) -> None:
    """Two runs with one seed in two processes with other hash seeds have the same trace."""
    words = ("run", "hospital_visit", "--seed", 11, "--lang", "zh", "--variant", "triage", "--json")
    with ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(process, *words, "--out", f"{n}.jsonl", cwd=folder, PYTHONHASHSEED=n) for n in ("1", "4242")
        ]
        told = [done.result().json for done in waiting]
    assert told[0]["trace"] == told[1]["trace"]
    assert [t["run"] for t in told] == ["1", "4242"]


def test_a_terminal_without_utf8_gets_the_transcript_all_the_same(folder: Path, log_path: Path) -> None:
    """Chinese words do not stop a replay where the terminal says that it knows ASCII alone."""
    done = process("replay", log_path, cwd=folder, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.code, done.err) == (0, "")
    assert "橙子" in done.out


def test_a_reader_that_stops_early_gets_no_traceback(folder: Path, log_path: Path) -> None:
    """``sim replay | head -1`` ends quietly."""
    code = "from sim.cli import main; main()"
    first = subprocess.Popen(
        [sys.executable, "-c", code, "export", str(log_path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert first.stdout is not None
    assert first.stderr is not None
    first.stdout.close()
    err = first.stderr.read().decode()
    first.stderr.close()
    first.wait(timeout=30)
    assert err == ""
