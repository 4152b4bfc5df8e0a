"""Log files as they are on disk: plain, or packed with ``gzip`` or ``zstd``, told apart by their first bytes.

A packed file is unpacked into a temporary file as it is read, never into memory, and never beyond a limit: a few
kilobytes can be made to unpack to terabytes.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sim.errors import RunLogError

ENDINGS = (".jsonl", ".jsonl.zst", ".jsonl.gz")
"""What the names of logs end with."""

MAX_LINE = 16_000_000
"""Bytes of a line; longer ones are neither written nor read."""

MAX_UNPACKED = 2**30
"""Bytes to which a packed log may unpack. An honest one of a million records is about half as long."""

KEPT = 32_000_000
"""Bytes of a log that are kept in memory; of a longer one records are read from the file when they are wanted."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def run_id(path: Path) -> str:
    """A run's id: the name of its file without the ending."""
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if path.name.endswith(e)), "")
    return path.name.removesuffix(ending)


def packer(path: Path) -> str | None:
    """What a file was packed with, ``gzip`` or ``zstd``; None for a plain one.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return _packer(file)


def _packer(file: io.BufferedReader) -> str | None:
    first = file.peek(4)[:4]
    return "gzip" if first[:2] == _GZIP else "zstd" if first == _ZSTD else None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in our words why a file cannot be read.

    Raises:
        RunLogError: instead of whatever reading or unpacking raises.
    """
    try:
        yield
    except FileNotFoundError:
        raise RunLogError(f"no run log {path}") from None
    except EOFError:
        raise RunLogError(f"cannot read {path}: it is packed, and was cut off") from None
    except (gzip.BadGzipFile, zlib.error):
        raise RunLogError(f"cannot read {path}: it is packed with gzip, and damaged") from None
    except OSError as error:
        raise RunLogError(f"cannot read {path}: {error.strerror or error}") from None


def unpacked(path: Path) -> tuple[IO[bytes], bool]:
    """A file to be read from its beginning to its end, unpacked on the way; whether it can be read again in place.

    Raises:
        OSError: if it cannot be opened.
    """
    file = path.open("rb")
    kind = _packer(file)
    if kind is None:
        return file, stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    if kind == "gzip":
        return cast(IO[bytes], io.BufferedReader(gzip.GzipFile(fileobj=file))), False
    return cast(IO[bytes], io.BufferedReader(_Unzstd(path, file))), False


def store() -> IO[bytes]:
    """Where what was unpacked is kept to be read again: in memory while it is small, then in a nameless file."""
    return cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=KEPT))


class _Unzstd(io.RawIOBase):
    """Unpacks ``zstd``. The library is loaded only where such a log is read."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        from backports import zstd  # noqa: PLC0415 - see above

        self._path, self._error = path, zstd.ZstdError
        self._file = zstd.ZstdFile(file)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Unpack as many bytes as there is room for."""
        try:
            data = self._file.read1(len(buffer))
        except self._error:
            raise RunLogError(f"cannot read {self._path}: it is packed with zstd, and damaged") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
