"""Writing and reading run logs.

A line is ``{…deterministic fields…,"hash":"…","measured":{…}}``. The hash is the SHA-256 of the previous line's
hash and the bytes before it, so that an edited, cut, repeated or swapped record is found where it happened. The
hash of the last record is the run's trace.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic import ValidationError

from sim.errors import RunLogError
from sim.record.records import FORMAT, READER, AnyRecord, Call, Header

MAX_LINE = 16_000_000


class Sink(Protocol):
    """Where records go: a log that is written, or one that they are compared with."""

    path: Path | None

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Take one record and return it with its number."""

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Keep a call that was paid for and whose place has not come, should the run stop before it does."""


class LogWriter:
    """Appends records to a log; each is flushed before anything else happens.

    With no path the records go nowhere, and only the trace is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.trace = ""
        self.seq = 0
        self._file: IO[bytes] | None = None
        if path is not None:
            if os.path.lexists(path):
                raise RunLogError(f"{path} is there already; a log is never overwritten")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                spare_path(path).unlink(missing_ok=True)  # of a log that is there no more
                self._file = path.open("xb")
            except FileExistsError:
                raise RunLogError(f"cannot write {path}: {path.parent} is not a folder") from None
            except OSError as error:
                raise RunLogError(f"cannot write {path}: {error.strerror}") from None
            except UnicodeError:
                raise RunLogError(f"cannot write {path!a}: this system's file names are not UTF-8") from None

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write one record and return it.

        Raises:
            RunLogError: if it cannot be written; what was written before stays.
        """
        record: dict[str, Any] = {"seq": self.seq, "type": kind, **fields}
        body = _json(record)[:-1]
        self.trace = record["hash"] = _chained(self.trace, body)
        line = body + f',"hash":"{self.trace}"'.encode()
        if measured:
            record["measured"] = dict(measured)
            line += b',"measured":' + _json(record["measured"])
        if len(line) >= MAX_LINE:
            raise RunLogError(f"a record of {len(line):,} bytes is too long for a log")
        if self._file is not None:
            try:
                self._file.write(line + b"}\n")
                self._file.flush()
            except OSError as error:
                raise RunLogError(f"cannot write {self.path}: {error.strerror}") from None
        self.seq += 1
        if kind == "run_ended" and self.path is not None:
            spare_path(self.path).unlink(missing_ok=True)
        return record

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Keep a call beside the log; it is taken from there when the run goes on, and gone when it ends.

        Raises:
            RunLogError: if it cannot be written.
        """
        if self.path is None:
            return
        path = spare_path(self.path)
        try:
            with path.open("ab") as file:
                # The line before may be torn.
                file.write(b"\n" + _json({"seq": 0, "type": "call", **fields}) + b"\n")
        except OSError as error:
            raise RunLogError(f"cannot write {path}: {error.strerror}") from None

    @classmethod
    def after(cls, log: RunLog) -> LogWriter:
        """A writer that goes on with a log, without its torn last line.

        Raises:
            RunLogError: if the file cannot be written.
        """
        writer = cls(None)
        writer.path, writer.trace, writer.seq = log.path, log.trace, len(log.records)
        try:
            file = log.path.open("r+b")
            file.truncate(min(log.size, file.seek(0, os.SEEK_END)))
            if file.seek(0, os.SEEK_END) < log.size:
                file.write(b"\n")
        except OSError as error:
            raise RunLogError(f"cannot write {log.path}: {error.strerror}") from None
        writer._file = file
        return writer

    def close(self) -> None:
        """Close the file; the records stay."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _chained(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()


def spare_path(path: Path) -> Path:
    """Where the answers are that wait for their place in a log."""
    return path.with_name(path.name + ".spare")


def free_path(folder: Path, world: str, seed: int) -> Path:
    """The first free name for a run's log: ``hospital_visit-s7-1.jsonl``, ``…-2.jsonl``."""
    number = 1
    while (path := folder / f"{world}-s{seed}-{number}.jsonl").exists():
        number += 1
    return path


class RunLog:
    """A log that was read: its header and records, and whether its last line was torn off.

    Opening checks that each record is one; :meth:`check_chain` checks that none was changed.
    """

    def __init__(self, path: Path, records: list[AnyRecord], lines: list[bytes], is_torn: bool) -> None:
        self.path = path
        self.records = records
        self.is_torn = is_torn
        self._lines = lines

    @classmethod
    def open(cls, path: str | Path) -> RunLog:
        """Read a log.

        Raises:
            RunLogError: if it is not a log, or holds a record that cannot be read.
        """
        path = Path(path)
        records: list[AnyRecord] = []
        lines: list[bytes] = []
        is_torn = False
        for record, line in _parsed(path):
            if record is None:
                is_torn = True
            else:
                records.append(record)
                lines.append(line)
        return cls(path, records, lines, is_torn)

    @property
    def header(self) -> Header:
        """The first record."""
        first = self.records[0]
        assert isinstance(first, Header)  # noqa: S101 - open() has made sure
        return first

    @property
    def name(self) -> str:
        """The run's id: the file's name without its ending."""
        return self.path.name.removesuffix(".jsonl")

    @property
    def trace(self) -> str:
        """The hash of the last record."""
        return self.records[-1].hash

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.records[-1].type == "run_ended"

    @property
    def size(self) -> int:
        """The bytes of the whole records."""
        return sum(len(line) + 1 for line in self._lines)

    @property
    def spare(self) -> list[Call]:
        """The calls that were paid for and have no place in the log yet: where all spoke at once and one failed."""
        placed = Counter(_place(r) for r in self.records if isinstance(r, Call))
        found: list[Call] = []
        path = spare_path(self.path)
        for line in path.read_bytes().splitlines() if path.is_file() else []:
            try:
                record = READER.validate_python(_loads(line))
            except (ValueError, RecursionError):
                continue
            if isinstance(record, Call):
                place = _place(record)
                placed[place] -= 1
                if placed[place] < 0:
                    found.append(record)
        return found

    def line(self, index: int) -> bytes:
        """The bytes of a record that its hash covers; empty where it has none in its place."""
        line = self._lines[index]
        body, mark, rest = line.partition(b',"hash":"' + self.records[index].hash.encode() + b'"')
        is_plain = rest == b"}" or (
            rest.startswith(b',"measured":{') and set(_loads(b"{" + rest[1:])) == {"measured"}
        )
        return body if mark and is_plain else b""

    def check_chain(self) -> None:
        """Check that every record is as it was written, in its place.

        Raises:
            RunLogError: naming the first record that is not.
        """
        previous = ""
        for index, record in enumerate(self.records):
            body = self.line(index)
            if not record.hash or not body:
                raise RunLogError(f"record {index}: has no hash, or something behind it", index)
            if record.seq != index:
                raise RunLogError(
                    f"record {index}: is numbered {record.seq}; one is missing, repeated or moved", index
                )
            if _chained(previous, body) != record.hash:
                raise RunLogError(f"record {index}: was changed ({record.type}); its hash does not fit", index)
            previous = record.hash


def stream(path: str | Path) -> Iterator[AnyRecord]:
    """The records of a log one after another, the header first, none of them kept; without a torn last line.

    Raises:
        RunLogError: as ``RunLog.open``, once it comes to what cannot be read.
    """
    return (record for record, _ in _parsed(Path(path)) if record is not None)


def _parsed(path: Path) -> Iterator[tuple[AnyRecord | None, bytes]]:
    """Each record with its line; None for a last line that was torn off."""
    number = -1
    for number, line, is_whole in _lines_of(path):
        try:
            if not line.strip():
                raise ValueError("an empty line")
            value = _loads(line)
            if number == 0:
                _check_format(path, value)
            record = READER.validate_python(value)
        except (ValueError, RecursionError) as error:
            if number and not is_whole:
                yield None, line
                return
            raise _unreadable(path, number, error) from None
        if number == 0 and not isinstance(record, Header):
            raise RunLogError(f"{path} is not a run log: it has no header")
        yield record, line
    if number < 0:
        raise RunLogError(f"{path} is not a run log: it has no header")


def _place(call: Call) -> tuple[object, ...]:
    """What a call is for; that it was paid for in vain may be so for several of one place."""
    return call.episode, call.turn, call.attempt, call.role, call.purpose, call.prompt


def _loads(line: bytes) -> Any:
    return json.loads(
        line.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
    )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond all numbers")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; two equal keys would let a reader choose which to believe."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice")
    return value


def _lines_of(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Each line with its number, and whether it ends as a written line does."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise RunLogError(f"{path}:{number + 1}: a line is longer than {MAX_LINE:,} bytes")
                yield number, line.removesuffix(b"\n"), line.endswith(b"\n")
                number += 1
    except FileNotFoundError:
        raise RunLogError(f"no run log {path}") from None
    except OSError as error:
        raise RunLogError(f"cannot read {path}: {error.strerror}") from None


def _check_format(path: Path, value: Any) -> None:
    found = value.get("format") if isinstance(value, dict) and value.get("type") == "header" else None
    if isinstance(found, int) and found > FORMAT:
        raise RunLogError(f"{path} has format {found}; this version reads up to {FORMAT}")


def _unreadable(path: Path, number: int, error: Exception) -> RunLogError:
    if number == 0:
        return RunLogError(f"{path} is not a run log: its first line is no header")
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(str(p) for p in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
        return RunLogError(f"{path}:{number + 1}: record {number}: {what}", number)
    return RunLogError(f"{path}:{number + 1}: record {number}: not a record: {error}", number)


def list_logs(folder: Path) -> list[Path]:
    """The logs in a folder, oldest first."""
    return sorted((p for p in folder.glob("*.jsonl") if p.is_file()), key=lambda p: (p.stat().st_mtime_ns, p.name))


def find_run(run: str | None, folder: Path = Path("runs")) -> Path:
    """The log of a run given by path, by id, by the beginning of its id, or the latest where none is given.

    Raises:
        RunLogError: if there is none, or more than one.
    """
    if run is not None and os.path.lexists(run):
        return Path(run)
    logs = list_logs(folder)
    if run is None:
        if not logs:
            raise RunLogError(f"no runs in {folder}/; 'sim run WORLD' makes one")
        return logs[-1]
    exact = [p for p in logs if p.name.removesuffix(".jsonl") == run]
    found = exact or [p for p in logs if p.name.startswith(run)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(p.name.removesuffix(".jsonl") for p in (found or logs)[:8])
    if found:
        raise RunLogError(f"'{run}' may be any of: {names}")
    raise RunLogError(f"no run '{run}'" + (f"; known: {names}" if names else f" in {folder}/"))
