"""A log has one writer at a time, and is free again when that one is gone, however it went."""

from __future__ import annotations

import errno
import fcntl
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import RunLogError
from sim.record import lock as locking
from sim.record.log import LogWriter, RunLog

HELD = "is being written by another process; one at a time"


def _begun(path: Path, lines: list[bytes]) -> RunLog:
    path.write_bytes(b"".join(lines))
    return RunLog.open(path)


@pytest.fixture
def lines(log_path: Path) -> list[bytes]:
    """The first records of a log."""
    return log_path.read_bytes().splitlines(keepends=True)[:4]


def test_a_log_that_is_written_has_no_second_writer(lines: list[bytes], tmp_path: Path) -> None:
    """Neither one that goes on with it nor, after that, another; when it is closed, it is free."""
    path = tmp_path / "run.jsonl"
    log = _begun(path, lines)
    with LogWriter.after(log) as writer:
        with pytest.raises(RunLogError, match=f"{re.escape(str(path))} {HELD}"):
            LogWriter.after(log)
        writer.append("warning", {"episode": 1, "turn": 1, "code": "x", "message": "still mine"})
    assert len(RunLog.open(path).records) == 5
    LogWriter.after(RunLog.open(path)).close()


def test_a_log_that_begins_is_locked_too(lines: list[bytes], tmp_path: Path) -> None:
    """From its first record on."""
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as writer:
        log = _begun(tmp_path / "other.jsonl", lines)
        log.path = writer.path or path
        with pytest.raises(RunLogError, match=HELD):
            LogWriter.after(log)


@pytest.mark.parametrize("torn", [b"", b'{"seq":4,"type'])
def test_what_another_wrote_since_a_log_was_read_is_not_cut_off(
    lines: list[bytes], torn: bytes, tmp_path: Path
) -> None:
    """It came between the reading and the lock; the file stays as it is. A torn line is still taken off."""
    path = tmp_path / "run.jsonl"
    log = _begun(path, [*lines, torn])
    with LogWriter.after(log) as writer:
        writer.append("warning", {"episode": 1, "turn": 1, "code": "x", "message": "faster"})
    before = path.read_bytes()
    with pytest.raises(RunLogError, match="was written by another process meanwhile; try again"):
        LogWriter.after(log)
    assert path.read_bytes() == before
    assert len(RunLog.open(path).records) == 5


def test_a_lock_dies_with_its_process(lines: list[bytes], tmp_path: Path) -> None:
    """After ``kill -9`` nothing is left to be cleared away."""
    path = tmp_path / "run.jsonl"
    log = _begun(path, lines)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom sim.record.log import LogWriter, RunLog\n"
        "writer = LogWriter.after(RunLog.open(Path(sys.argv[1])))\nprint('mine', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mine\n"
        with pytest.raises(RunLogError, match=HELD):
            LogWriter.after(log)
        process.send_signal(signal.SIGKILL)
    LogWriter.after(log).close()


def test_a_file_system_without_locks_has_logs_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is locked there."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with LogWriter(tmp_path / "run.jsonl") as first:
        locking.lock(first._file, "run.jsonl")  # type: ignore[arg-type]
