"""Running the command line in tests: in this process and as one of its own, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that was printed."""
        assert self.err == ""
        return json.loads(self.out)


Sim = Callable[..., Done]


def process(*words: object, cwd: Path, **environment: str) -> Done:
    """Run ``sim`` as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from sim.cli import main; main()", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def python(code: str, *, cwd: Path) -> Done:
    """Run some Python as a process of its own."""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=cwd, capture_output=True, encoding="utf-8", timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        told = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def edited(log_path: Path, path: Path, edit: Callable[[list[dict[str, Any]]], None]) -> Path:
    """A copy of a log with its records changed."""
    records = [json.loads(line) for line in log_path.read_text(encoding="utf-8").splitlines()]
    edit(records)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def broken_world(folder: Path, text: bytes) -> Path:
    (folder / "bad").mkdir()
    (folder / "bad" / "world.yaml").write_bytes(text)
    return folder / "bad"


def assert_refused(done: Done, *words: str) -> None:
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("sim: ")
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err
