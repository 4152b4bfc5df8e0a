"""The lines of a log as records, each read when it is wanted.

A pass over the file finds where each line begins and of what type its record says it is. A log of a million records
takes nine bytes a record so; the records themselves are kept only where the whole log is small.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar, get_args, overload

from pydantic import ValidationError

from sim.errors import RunLogError
from sim.record.packed import KEPT, MAX_LINE, MAX_UNPACKED, reading, store, unpacked
from sim.record.records import FORMAT, READER, AnyRecord, Header, Record

MAX_RECORDS = 10_000_000
"""Lines of a log; no run writes so many."""

_BLOCK = 1_000_000
"""Bytes that are read at once where records are gone through."""

_R = TypeVar("_R", bound=Record)

_MODELS = get_args(get_args(AnyRecord)[0])
_TYPES = [get_args(model.model_fields["type"].annotation)[0].encode() for model in _MODELS]
_CODES = {name: code for code, name in enumerate(_TYPES, 1)}
_UNKNOWN = 0
"""The code of a line that does not begin as the writer's do: only reading it tells what it is."""

_BEGINNING = re.compile(rb'\{"seq":\d{1,15},"type":"([a-z_]{1,20})",')

_PLACED = re.compile(rb'\{"seq":\d{1,15},"type":"[a-z_]{1,20}","episode":\d{1,15},"turn":\d{1,15},')
_PLACELESS = {code for code, model in enumerate(_MODELS, 1) if "turn" not in model.model_fields}


class Records(Sequence[AnyRecord]):
    """The records of a log, in their order; one that cannot be read raises ``RunLogError`` where it is reached."""

    def __init__(self, path: Path, file: IO[bytes], *, check: bool) -> None:
        self._path = path
        self._file = file
        self._starts = array("Q", [0])
        self._codes = bytearray()
        self._kept: list[AnyRecord] | None = [] if check else None
        self._ends: dict[int, AnyRecord] = {}
        """The first and the last record, which are asked for again and again."""
        self._place: tuple[int, int] | None = None
        self._there: list[int] = []
        """The lines of the turn that was asked for last."""

    def take_all(self, source: IO[bytes], copy: IO[bytes] | None) -> None:
        """Go through the lines once; where they cannot be read again in their place, a copy of them is made.

        Raises:
            RunLogError: if a record cannot be read, or there is more of anything than a run writes.
        """
        path, starts, codes, check, end = self._path, self._starts, self._codes, self._kept is not None, 0
        for number, line in enumerate(iter(partial(source.readline, MAX_LINE + 1), b"")):
            end += len(line)
            if len(line) > MAX_LINE:
                raise RunLogError(f"{path}:{number + 1}: a line is longer than {MAX_LINE:,} bytes")
            if number >= MAX_RECORDS:
                raise RunLogError(f"{path} has more than {MAX_RECORDS:,} records")
            if copy is not None:
                if end > MAX_UNPACKED:
                    raise RunLogError(f"{path} unpacks to more than {MAX_UNPACKED:,} bytes")
                copy.write(line)
            starts.append(end)
            found = _BEGINNING.match(line)
            codes.append(_CODES.get(found[1], _UNKNOWN) if found else _UNKNOWN)
            if check or not number:
                self._check(number, line, end)

    def _check(self, number: int, line: bytes, end: int) -> None:
        """Read a whole line, and keep its record as long as the log is small; the last line may be torn."""
        if not line.endswith(b"\n"):
            return
        record = parsed(self._path, number, line)
        if number == 0:
            self._ends[0] = record
        if self._kept is not None:
            self._kept.append(record)
            if end > KEPT:
                self._kept = None

    def close_end(self) -> bool:
        """Read the last line, or leave it out where it is torn, and say whether it was.

        Raises:
            RunLogError: if it is whole and no record.
        """
        if not self._codes:
            raise RunLogError(f"{self._path} is not a run log: it has no header")
        if self._kept is not None and len(self._kept) == len(self):
            return False
        last = self.raw(len(self) - 1)
        try:
            record = parsed(self._path, len(self) - 1, last)
        except RunLogError:
            if len(self) == 1 or last.endswith(b"\n"):
                raise
            self._starts.pop()
            self._codes.pop()
            self.close_end()
            return True
        self._ends[len(self) - 1] = record
        if self._kept is not None and len(self._kept) == len(self) - 1:
            self._kept.append(record)
        else:
            self._kept = None
        return False

    @property
    def size(self) -> int:
        """The bytes of all lines, each with its end."""
        return self._starts[-1] + (not self.raw(len(self) - 1).endswith(b"\n")) if len(self) else 0

    def raw(self, index: int) -> bytes:
        """The bytes of a line as they stand in the file."""
        start, end = self._starts[index], self._starts[index + 1]
        with reading(self._path):
            self._file.seek(start)
            return self._file.read(end - start)

    def _parsed(self, index: int, line: bytes) -> AnyRecord:
        if self._kept is not None:
            return self._kept[index]
        return self._ends.get(index) or parsed(self._path, index, line)

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> AnyRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[AnyRecord]: ...

    def __getitem__(self, index: int | slice) -> AnyRecord | list[AnyRecord]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        if self._kept is not None:
            return self._kept[place]
        return self._ends.get(place) or self._parsed(place, self.raw(place))

    def __iter__(self) -> Iterator[AnyRecord]:
        if self._kept is not None:
            return iter(self._kept)
        return itertools.starmap(self._parsed, self.numbered())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Records):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def numbered(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Each line with its number, from one of them on; several may go through them at once."""
        return self._chosen(range(start, len(self)))

    def _chosen(self, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Some of the lines, in their order; those that stand near each other are read together."""
        starts = self._starts
        base, block = 0, b""
        for index in numbers:
            start, end = starts[index] - base, starts[index + 1] - base
            if end > len(block):
                base = starts[index]
                with reading(self._path):
                    self._file.seek(base)
                    block = self._file.read(max(_BLOCK, end - start))
                start, end = 0, end - start
            yield index, block[start:end]

    def after(self, start: int) -> Iterator[AnyRecord]:
        """The records from one of them on."""
        return itertools.starmap(self._parsed, self.numbered(start))

    def of(self, *models: type[_R]) -> Iterator[_R]:
        """The records of some types; the others are not read, so nothing is said of them."""
        return (record for _, record in self.placed(*models))

    def placed(self, *models: type[_R]) -> Iterator[tuple[int, _R]]:
        """The records of some types, as :meth:`of` has them, with their numbers."""
        codes = _codes_of(models) | {_UNKNOWN}
        numbers = (index for index, code in enumerate(self._codes) if code in codes)
        for index, line in self._chosen(numbers):
            record = self._parsed(index, line)
            if isinstance(record, models):
                yield index, record

    def how_many(self, *models: type[Record]) -> int:
        """How many records of some types there are."""
        if _UNKNOWN in self._codes:
            return sum(1 for _ in self.of(*models))
        return sum(map(self._codes.count, _codes_of(models)))

    def at(self, episode: int, turn: int) -> list[tuple[int, AnyRecord]]:
        """The records of one turn, with their numbers; the others are not read."""
        if self._place != (episode, turn):
            self._place, self._there = (episode, turn), list(self._numbers_at(episode, turn))
        found = ((index, self[index]) for index in self._there)
        return [(i, r) for i, r in found if (getattr(r, "episode", 0), getattr(r, "turn", 0)) == (episode, turn)]

    def _numbers_at(self, episode: int, turn: int) -> Iterator[int]:
        """The numbers of the lines that may be of a turn, as far as their beginnings tell."""
        place = b'","episode":%d,"turn":%d,' % (episode, turn)
        for index, line in self.numbered():
            if place in line[:200] or not (_PLACED.match(line) or self._codes[index] in _PLACELESS):
                yield index


def _codes_of(models: Iterable[type[Record]]) -> set[int]:
    return {code for code, model in enumerate(_MODELS, 1) if issubclass(model, tuple(models))}


def read(path: Path, *, check: bool) -> tuple[Records, bool]:
    """The records of a log, and whether its last line is torn.

    With ``check`` all records are read once, so that each is known to be one; else the first and the last.

    Raises:
        RunLogError: if the file is no log, or holds a record that cannot be read.
    """
    with reading(path):
        source, is_in_place = unpacked(path)
        file = _to_be_read_again(source) if is_in_place else store()
        records = Records(path, file, check=check)
        if is_in_place:
            records.take_all(file, None)
        else:
            with source:
                records.take_all(source, file)
    return records, records.close_end()


def _to_be_read_again(source: IO[bytes]) -> IO[bytes]:
    """A plain file: if it is small its bytes, which stay as they are whatever becomes of the file."""
    if os.fstat(source.fileno()).st_size > KEPT:
        return source
    with source:
        return io.BytesIO(source.read())


def parsed(path: Path, number: int, line: bytes) -> AnyRecord:
    """The record of a line.

    Raises:
        RunLogError: naming the record, if the line is none.
    """
    try:
        text = line.removesuffix(b"\n")
        if not text.strip():
            raise ValueError("an empty line")
        value = loads(text)
        if number == 0:
            _check_format(path, value)
        record = READER.validate_python(value)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, number, error) from None
    if number == 0 and not isinstance(record, Header):
        raise RunLogError(f"{path} is not a run log: it has no header")
    if number and isinstance(record, Header):
        raise RunLogError(f"{path}:{number + 1}: record {number}: is a second header", number)
    return record


def loads(line: bytes) -> Any:
    """The value of a line of strict JSON; raises ``ValueError`` for what not all readers would read alike."""
    return _DECODER.decode(line.decode("utf-8"))


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


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique)


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
