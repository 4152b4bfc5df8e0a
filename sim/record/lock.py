"""A log has one writer at a time: an OS lock on its open file, which ends with the process that holds it."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO

from sim.errors import RunLogError

_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
"""What a system says where somebody else holds the lock; anything else means that it has no locks here."""

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 62
    """A byte that no log reaches: on Windows a locked byte cannot be read by others, and a log must be."""

    def _take(file: IO[bytes]) -> None:
        at = file.tell()
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        finally:
            file.seek(at)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock(file: IO[bytes], name: str | os.PathLike[str]) -> None:
    """Lock an open log until it is closed, or its process ends, however that may be.

    Where the file system has no locks, nothing is locked.

    Raises:
        RunLogError: if another writer has it.
    """
    try:
        _take(file)
    except OSError as error:
        if error.errno in _HELD:
            raise RunLogError(f"{os.fspath(name)} is being written by another process; one at a time") from None
