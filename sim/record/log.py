"""Writing and reading run logs.

A line is ``{…deterministic fields…,"hash":"…","measured":{…}}``. The hash is the SHA-256 of the previous line's
hash and the bytes before it, so that an edited, cut, repeated or swapped record is found where it happened. The
hash of the last record is the run's trace.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from sim.errors import RunLogError
from sim.record.lines import Records, loads, read
from sim.record.lock import lock
from sim.record.packed import ENDINGS, MAX_LINE, packer, reading, run_id
from sim.record.records import READER, Call, Header, Turn

MOST_RECORDS = 300_000
MOST_BYTES = 512_000_000
"""What can be compared or drawn, for all of it is held then; a run of 10,000 turns is a tenth of that."""

MOST_PLAYED = 5_000_000
"""Records that can be played again: of each answer is held where it stands, about 250 bytes."""


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
                self._file = path.open("xb", buffering=0)  # what failed once must not be tried again at the end
                lock(self._file, path)
                spare_path(path).unlink(missing_ok=True)  # of a log that is there no more
            except FileExistsError:
                if path.parent.is_dir():  # another process was faster
                    raise RunLogError(f"{path} is there already; a log is never overwritten") from None
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
                _put(self._file, line + b"}\n")
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
            RunLogError: if the file is packed or cannot be written, another process writes it, or has since it was
                read.
        """
        check_plain(log.path)
        writer = cls(None)
        writer.path, writer.trace, writer.seq = log.path, log.trace, len(log.records)
        try:
            file = log.path.open("r+b", buffering=0)
        except OSError as error:
            raise RunLogError(f"cannot write {log.path}: {error.strerror}") from None
        writer._file = file
        try:
            lock(file, log.path)
            file.seek(log.size)
            if b"\n" in file.read():  # more than a torn line
                raise RunLogError(f"{log.path} was written by another process meanwhile; try again")
            file.truncate(min(log.size, file.seek(0, os.SEEK_END)))
            if file.seek(0, os.SEEK_END) < log.size:
                file.write(b"\n")
        except OSError as error:
            writer.close()
            raise RunLogError(f"cannot write {log.path}: {error.strerror}") from None
        except RunLogError:
            writer.close()
            raise
        return writer

    def close(self) -> None:
        """Close the file; the records stay."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _put(file: IO[bytes], data: bytes) -> None:
    """Write all of it; a file without a buffer may take less at a time."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _chained(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()


def check_plain(path: Path) -> None:
    """Check that a log can be written on to.

    Raises:
        RunLogError: if it is packed, with the command that unpacks it, or cannot be read.
    """
    with reading(path):
        kind = packer(path)
    if kind is not None:
        command = "gunzip" if kind == "gzip" else "unzstd"
        raise RunLogError(f"{path} is packed with {kind}, and a packed log cannot go on; first '{command} {path}'")


def spare_path(path: Path) -> Path:
    """Where the answers are that wait for their place in a log."""
    return path.with_name(path.name + ".spare")


class RunLog:
    """A log that was read: its header and records, and whether its last line was torn off.

    Opening checks that each record is one; :meth:`check_chain` checks that none was changed. Records are read from
    the file when they are wanted, and kept where the whole log is small.
    """

    def __init__(self, path: Path, records: Records, is_torn: bool) -> None:
        self.path = path
        self.records = records
        self.is_torn = is_torn

    @classmethod
    def open(cls, path: str | Path, *, check: bool = True) -> RunLog:
        """Read a log, be it plain or packed with ``gzip`` or ``zstd``.

        Without ``check`` only the first and the last record are looked at, which is quick; another one that cannot
        be read is found where it is reached.

        Raises:
            RunLogError: if it is not a log, or holds a record that cannot be read.
        """
        path = Path(path)
        return cls(path, *read(path, check=check))

    @property
    def header(self) -> Header:
        """The first record."""
        first = self.records[0]
        assert isinstance(first, Header)  # noqa: S101 - open() has made sure
        return first

    @property
    def name(self) -> str:
        """The run's id: the file's name without its ending."""
        return run_id(self.path)

    @property
    def trace(self) -> str:
        """The hash of the last record."""
        return self.records[-1].hash

    @property
    def course(self) -> str:
        """The trace that the records after the header have by themselves.

        It is the same for two runs that went the same way, whatever their headers say.
        """
        found = ""
        for index in range(1, len(self.records)):
            found = _chained(found, self.line(index))
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.records[-1].type == "run_ended"

    @property
    def size(self) -> int:
        """The bytes of the whole records."""
        return self.records.size

    def turn(self, turn: int, episode: int | None = None) -> tuple[int, Turn]:
        """The place of a turn's record, and the record; of the first episode that has it, where none is named.

        Raises:
            RunLogError: if there is no such turn.
        """
        for index, record in self.records.at(1 if episode is None else episode, turn):
            if isinstance(record, Turn):
                return index, record
        turns: list[int] = []
        for index, record in self.records.placed(Turn):
            if episode is None and record.turn == turn:
                return index, record
            turns += [record.turn] if episode in (None, record.episode) else []
        which = "" if episode is None else f" of episode {episode}"
        has = f"1 to {max(turns)}" if turns else "none"
        raise RunLogError(f"{self.name} has no turn {turn}{which}; it has {has}")

    @property
    def spare(self) -> list[Call]:
        """The calls that were paid for and have no place in the log yet: where all spoke at once and one failed."""
        path = spare_path(self.path)
        if not path.is_file():
            return []
        placed = Counter(map(_place, self.records.of(Call)))
        found: list[Call] = []
        for line in path.read_bytes().splitlines():
            try:
                record = READER.validate_python(loads(line))
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
        return _body(self.records.raw(index), self.records[index].hash)

    def check_chain(self) -> None:
        """Check that every record is as it was written, in its place.

        Raises:
            RunLogError: naming the first record that is not.
        """
        previous = ""
        for (index, line), record in zip(self.records.numbered(), self.records, strict=True):
            body = _body(line, record.hash)
            if not record.hash or not body:
                raise RunLogError(f"record {index}: has no hash, or something behind it", index)
            if record.seq != index:
                raise RunLogError(
                    f"record {index}: is numbered {record.seq}; one is missing, repeated or moved", index
                )
            if _chained(previous, body) != record.hash:
                raise RunLogError(f"record {index}: was changed ({record.type}); its hash does not fit", index)
            previous = record.hash


def _body(line: bytes, digest: str) -> bytes:
    """The bytes of a line before its hash; empty where that is not in its place."""
    body, mark, rest = line.removesuffix(b"\n").partition(b',"hash":"' + digest.encode() + b'"')
    is_plain = rest == b"}" or (rest.startswith(b',"measured":{') and set(loads(b"{" + rest[1:])) == {"measured"})
    return body if mark and is_plain else b""


def _place(call: Call) -> tuple[object, ...]:
    """What a call is for; that it was paid for in vain may be so for several of one place."""
    return call.episode, call.turn, call.attempt, call.role, call.purpose, call.prompt


def check_length(log: RunLog) -> None:
    """Check that a log is not longer than can be held.

    Raises:
        RunLogError: if it is.
    """
    if len(log.records) > MOST_RECORDS or log.size > MOST_BYTES:
        raise RunLogError(
            f"{log.name} has {len(log.records):,} records, {log.size:,} bytes; "
            f"up to {MOST_RECORDS:,} and {MOST_BYTES:,} can be compared, audited or drawn"
        )


def check_playable(log: RunLog) -> None:
    """Check that a log is not longer than can be played again.

    Raises:
        RunLogError: if it is.
    """
    if len(log.records) > MOST_PLAYED:
        raise RunLogError(f"{log.name} has {len(log.records):,} records; up to {MOST_PLAYED:,} can be played again")


def free_path(folder: Path, world: str, seed: int) -> Path:
    """The first free name for a run's log: ``hospital_visit-s7-1.jsonl``, ``…-2.jsonl``; packed logs count."""
    number = 1
    while any((folder / f"{world}-s{seed}-{number}{ending}").exists() for ending in ENDINGS):
        number += 1
    return folder / f"{world}-s{seed}-{number}{ENDINGS[0]}"


def list_logs(folder: Path) -> list[Path]:
    """The logs in a folder, packed or not, oldest first."""
    logs = (p for p in folder.glob("*.jsonl*") if p.name.endswith(ENDINGS) and p.is_file())
    return sorted(logs, key=lambda p: (p.stat().st_mtime_ns, p.name))


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
    exact = [p for p in logs if run_id(p) == run]
    found = exact or [p for p in logs if p.name.startswith(run)]
    if len(found) == 1:
        return found[0]
    ids = [run_id(p) for p in (found or logs)[:8]]
    names = ", ".join(ids if len(set(ids)) == len(ids) else (str(p) for p in (found or logs)[:8]))
    if found:
        raise RunLogError(f"'{run}' may be any of: {names}")
    raise RunLogError(f"no run '{run}'" + (f"; known: {names}" if names else f" in {folder}/"))
