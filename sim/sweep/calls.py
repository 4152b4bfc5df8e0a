"""The calls of a judge: those for a run in a file of its own until its row is written, then all in one ledger."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from sim.errors import RunLogError
from sim.sweep.measuring import Spent, is_paid

LEDGER = "judged.jsonl"
"""All calls, in the order of the cells, in the folder of the results."""

KEPT = "runs/.judged"
"""Where the calls for a run are until its row is written, so that a stop loses none of them."""


def kept_name(cell: int) -> str:
    """The name of the file with the calls for a cell, in the folder of the results."""
    return f"{KEPT}/{cell:06}.jsonl"


class Calls:
    """The calls for one run in their order, written one by one; those that its file has are not made again.

    ``before`` is what was paid for them, ``made`` are those of this run as far as it has come.

    Raises:
        RunLogError: if the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        self.before = Spent()
        self.made: list[dict[str, Any]] = []
        try:
            whole, _, torn = path.read_bytes().rpartition(b"\n") if path.is_file() else (b"", b"", b"")
            if torn:
                path.write_bytes(whole + b"\n" if whole else b"")
        except OSError as error:
            raise RunLogError(f"cannot read {path}: {error.strerror}") from None
        for line in whole.splitlines():
            call = json.loads(line)
            place = tuple(call[key] for key in ("episode", "judge", "time", "attempt", "prompt"))
            self._found.setdefault(place, []).append(call)
            if is_paid(call):
                self.before.add(call)

    def take(self, place: tuple[int, str, int, int, str]) -> str | None:
        """The answer that is there for an episode, a judge, a time, an attempt and a prompt; None where none is."""
        calls = self._found.get(place, [])
        self.made += calls
        return next((call["answer"] for call in calls if call["purpose"] != "retry"), None)

    def add(self, call: dict[str, Any]) -> None:
        """Keep a call, before anything follows from it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(_line(call))
        except OSError as error:
            raise RunLogError(f"cannot write {self._path}: {error.strerror}") from None
        self.made.append(call)

    def lines(self) -> bytes:
        """Those of this run, a line each."""
        return b"".join(map(_line, self.made))


def _whole(file: IO[bytes]) -> Iterator[bytes]:
    """The lines that were written whole."""
    return itertools.takewhile(lambda line: line.endswith(b"\n"), file)


def _cell(line: bytes) -> int:
    return int(json.loads(line)["cell"])


def _line(call: Mapping[str, Any]) -> bytes:
    return json.dumps(call, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


class Ledger:
    """``judged.jsonl``: the calls for the runs that have rows; those of others go back to files of their own.

    Raises:
        OSError: if it cannot be read or written.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder = folder
        self._file: IO[bytes] = (folder / LEDGER).open("a+b", buffering=0)
        self._file.truncate(self._sorted_out(rows))

    def _sorted_out(self, rows: int) -> int:
        """How many bytes stay; a row that was cut off or is written again takes its calls again."""
        self._file.seek(0)
        size = 0
        with os.fdopen(os.dup(self._file.fileno()), "rb") as reading:
            for cell, lines in itertools.groupby(_whole(reading), _cell):
                if cell < rows:
                    size += sum(map(len, lines))
                else:
                    self._give_back(cell, b"".join(lines))
        return size

    def _give_back(self, cell: int, lines: bytes) -> None:
        path = self._folder / kept_name(cell)
        if path.exists():  # a stop came between the ledger and the row
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(lines)
        part.replace(path)

    def put(self, lines: bytes) -> None:
        """Write the calls for some runs, whose rows come next."""
        data = memoryview(lines)
        while data:
            data = data[self._file.write(data) :]

    def forget(self, cells: Iterable[int]) -> None:
        """Take away the files of runs whose rows are written."""
        for cell in cells:
            (self._folder / kept_name(cell)).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        kept = self._folder / KEPT
        if kept.is_dir() and not any(kept.iterdir()):
            kept.rmdir()
