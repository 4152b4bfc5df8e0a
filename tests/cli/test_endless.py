"""Logs of a million records that no run wrote: refused or shown, in bounded memory; small ones in the suite."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.record.log import MOST_RECORDS
from tests.cli.running import Sim
from tests.read.hostile import endless

KINDS = ["turns", "calls", "episodes", "warnings"]
COMMANDS = [
    "runs",
    "replay",
    "replay --at 400",
    "show",
    "show --turn 400",
    "show --turn 400 --json",
    "cost",
    "cost --by state --json",
    "verify",
    "audit",
    "diff",
    *(f"export --to {kind}" for kind in ("md", "csv", "html", "xes", "openai", "otel")),
    "export --to otel --content",
]
SECONDS = 60
"""A replay, which prints turn by turn, is left off after them."""

MOST_MB = 1200
"""What a command may take of memory. Reading strict JSON of one line of 16 MB alone may take 400 MB."""


def words(command: str, path: Path) -> list[str]:
    verb, *options = command.split()
    return (
        ["runs", str(path.parent)]
        if verb == "runs"
        else [verb, str(path), *([str(path)] * (verb == "diff")), *options]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_log_that_goes_on_and_on_is_shown_or_refused(
    command: str, kind: str, sim: Sim, folder: Path, log_path: Path
) -> None:
    """It ends in an answer or in one line, and no terminal is moved."""
    done = sim(*words(command, endless(log_path, folder / "endless.jsonl", 1000, kind)))
    assert done.code in ({1, 2} if command in {"verify", "audit"} else {0, 2})
    assert "\x1b" not in done.out + done.err
    if done.code == 2:
        assert (done.err.startswith("sim: "), len(done.err.splitlines())) == (True, 1)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_million_records_take_bounded_memory(
    command: str, kind: str, log_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each command is a process of its own, which says what it took; its output goes nowhere."""
    _measure(command, _made(log_path, tmp_path_factory, 1_000_000, kind))


@pytest.mark.campaign
@pytest.mark.parametrize("command", ["verify", "audit", "diff", "export --to html", "export --to openai"])
def test_the_longest_log_that_is_held_takes_bounded_memory(
    command: str, log_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What holds all of a log refuses longer ones."""
    _measure(command, _made(log_path, tmp_path_factory, MOST_RECORDS, "turns"))


def _made(log_path: Path, factory: pytest.TempPathFactory, count: int, kind: str) -> Path:
    """A log that is made once."""
    folder = factory.getbasetemp() / f"endless-{kind}-{count}"
    if not folder.exists():
        folder.mkdir()
        endless(log_path, folder / "endless.jsonl", count, kind)
    return folder / "endless.jsonl"


def _measure(command: str, path: Path) -> None:
    code = (
        "import re, signal, sys\nfrom pathlib import Path\nfrom sim.cli import main\n"
        "signal.signal(signal.SIGALRM, lambda *_: sys.exit(0))\n"
        f"signal.alarm({SECONDS if 'replay' in command else 0})\n"
        "try:\n    main()\nfinally:\n"
        "    told = Path('/proc/self/status').read_text()\n"
        "    print(int(re.search(r'VmHWM:\\s+(\\d+)', told)[1]) // 1024, file=sys.stderr)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words(command, path)],
        cwd=path.parent.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    *told, memory = done.stderr.strip().splitlines()
    seconds = time.perf_counter() - started
    print(f"\n{path.parent.name:26} {command:28} {memory:>5} MB {seconds:6.1f} s  {' '.join(told)[:150]}")
    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
    assert int(memory) < MOST_MB
