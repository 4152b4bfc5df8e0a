"""Runs the commands and the code of a page, one after another, in a folder that is empty at first."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from sim import cli
from sim.cli import problems

WIDTH = "100"
"""The columns of the terminal that all is printed for."""

LONGEST_S = 60
"""Seconds that a command may take which is not one of ours."""

_KEY = re.compile(r"^(?P<key>[^\W\d]\w*):.*\n(?:(?![^\W\d]\w*:).*\n)*", re.MULTILINE)
_PATHS = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),  # as for a reader in a clone: `python -m bench.…`
}


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    text: str


class Session:
    """A reader who does what a page says; ``root`` is an empty folder."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self.folder.mkdir()
        self._environment = {
            **{f"XDG_{kind}_HOME": str(root / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE")},
            **_PATHS,
            "COLUMNS": WIDTH,
            "NO_COLOR": "1",
        }
        self._names: dict[str, Any] = {}

    def run(self, command: str) -> Done:
        """Run a command: ``sim`` in this process, anything else in a shell."""
        words = shlex.split(command)
        if words[0] != "sim" or {"|", ">", "&&", ";"} & set(words):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=LONGEST_S,
                check=False,
            )
            return Done(done.returncode, done.stdout)
        problems._lines_of.cache_clear()  # a command is a process of its own: it has read no file before
        with self._here() as printed, mock.patch.object(sys, "argv", words):
            code = 0
            try:
                cli.main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Done(code, printed.getvalue())

    def execute(self, code: str, page: str) -> str:
        """Run some Python, with the names that the code before has left; give what it printed."""
        with self._here() as printed:
            exec(compile(code, page, "exec"), self._names)
        return printed.getvalue()

    def write(self, path: str, text: str) -> None:
        """Write a file below the folder."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def add(self, path: str, text: str) -> None:
        """Put the top-level keys of a YAML text into a file, in place of those it has or at its end."""
        whole = (self.folder / path).read_text(encoding="utf-8")
        for found in _KEY.finditer(text):
            part, key = found.group(0).rstrip("\n") + "\n", found["key"]
            old = next((f for f in _KEY.finditer(whole) if f["key"] == key), None)
            start, end = (old.start(), old.end()) if old else (len(whole), len(whole))
            whole = whole[:start] + part + whole[end:]
        self.write(path, whole)

    @contextlib.contextmanager
    def _here(self) -> Iterator[io.StringIO]:
        printed = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self._environment),
            mock.patch.object(sys, "stdin", io.StringIO()),  # nobody is at the terminal, even if somebody is
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            yield printed


@contextlib.contextmanager
def session() -> Iterator[Session]:
    """A session in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Session(Path(folder))
