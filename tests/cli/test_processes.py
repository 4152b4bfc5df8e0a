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


def shell(words: str, *, cwd: Path) -> tuple[int, str]:
    """``sim`` with some of its streams closed by the shell: the exit code, and what it said."""
    command = f"""exec "$0" -c 'from sim.cli import main; main()' {words}"""
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["replay", "cost", "worlds", "runs", "verify", "show", "export --to md"])
def test_where_nobody_can_read_nothing_breaks(command: str, folder: Path, log_path: Path) -> None:
    """With standard output closed, and standard error too."""
    run = "" if command in {"worlds", "runs"} else str(log_path)
    assert shell(f"{command} {run} >&-", cwd=folder) == (0, "")
    assert shell(f"{command} {run} >&- 2>&-", cwd=folder) == (0, "")


def test_a_run_is_logged_whole_though_nobody_reads_it(folder: Path) -> None:
    """What would be printed gets into no file that is opened meanwhile."""
    assert shell("run hospital_visit --out run.jsonl >&- 2>&- <&-", cwd=folder) == (0, "")
    assert shell("verify run.jsonl", cwd=folder) == (0, "")


def test_where_nobody_can_be_asked_it_is_told(folder: Path) -> None:
    """In a line: with no input at all it is refused, where the input ends the run can go on."""
    code, said = shell("run hospital_visit --model patient=human --json <&-", cwd=folder)
    assert (code, said.splitlines()[-1]) == (2, "sim: there is no terminal to ask a person at")
    code, said = shell("run hospital_visit --model patient=human --json </dev/null", cwd=folder)
    assert code == 130
    assert "Traceback" not in said
    assert "goes on from there" in said
