"""Which files of a world were saved: by what is in them, so that a save is one however an editor makes it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles.main import FileChange

QUIET_MS = 40
"""So long nothing more must be written before a save counts as one."""

LONGEST_MS = 400
"""Who writes on and on is not waited for any longer."""

_LOOK_MS = 150  # where the system tells nothing, as on some network drives, the files are looked at this often
_TEXT = {".yaml", ".yml"}
_NOT_OURS = {".tmp", ".swp", ".svg", ".png", ".mmd", ".dot", ".jsonl", ".md"}


class Watch:
    """Waits for a world's files, and those of personas, to be saved.

    Editors write a file twice, in pieces, or beside it and then rename it; a file or its folder may be gone for a
    moment. So what the system tells is only when to look: a file was saved if it holds something else than before.
    """

    def __init__(self, place: Path, personas: Iterable[Path]) -> None:
        self._place = place
        self._personas = tuple(personas)
        self._stats: dict[Path, tuple[tuple[int, int, int], str]] = {}
        self._held = self._look()
        self._notices: Generator[set[FileChange], None, None] | None = None
        self._watched: dict[Path, int] = {}

    def wait(self, seconds: float | None = None) -> list[Path]:
        """The files that were saved, or are gone, as soon as there are some; none where ``seconds`` have passed."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            found = self._changed()
            if found or (until is not None and time.monotonic() >= until):
                return found
            self._notice(until)

    def _notice(self, until: float | None) -> None:
        """Wait until the system tells something, or a little while has passed."""
        from watchfiles import watch  # noqa: PLC0415 - not needed for `sim --help`

        folders = self._folders()
        if self._notices is None or folders != self._watched:  # a folder that was made anew is another one
            self._watched = folders
            left = _LOOK_MS if until is None else max(1, min(_LOOK_MS, int((until - time.monotonic()) * 1000)))
            if not folders:
                time.sleep(left / 1000)
                return
            self._notices = watch(
                *folders,
                watch_filter=None,
                step=QUIET_MS,
                debounce=LONGEST_MS,
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                recursive=False,
                ignore_permission_denied=True,
            )
        try:
            next(self._notices, None)
        except (OSError, RuntimeError):  # a folder was gone before it was watched, or the system watches no more
            self._notices = None
            time.sleep(_LOOK_MS / 1000)

    def _folders(self) -> dict[Path, int]:
        """The folders to watch that are there, and which each is."""
        found: dict[Path, int] = {}
        for folder in (self._place.parent, self._place.parent / "personas", *self._personas):
            try:
                found[folder] = folder.stat().st_ino
            except OSError:
                continue
        return found

    def _changed(self) -> list[Path]:
        now = self._look()
        found = [path for path in sorted({*now, *self._held}) if now.get(path) != self._held.get(path)]
        self._held = now
        return found

    def _look(self) -> dict[Path, str]:
        """What the files hold, by a hash; one that was not written since is not read again."""
        found: dict[Path, str] = {}
        for path in self._files():
            try:
                stat = path.stat()
                key = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                known = self._stats.get(path)
                if known is None or known[0] != key:
                    known = (key, hashlib.sha256(path.read_bytes()).hexdigest())
                    self._stats[path] = known
                found[path] = known[1]
            except OSError:  # it is gone again
                continue
        return found

    def _files(self) -> list[Path]:
        folder = self._place.parent
        found = [self._place, *_in(folder)]
        for people in (folder / "personas", *self._personas):
            found += [path for path in _in(people) if path.suffix in _TEXT]
        return list(dict.fromkeys(found))


def _in(folder: Path) -> list[Path]:
    """The files of a folder but for those that editors keep beside them."""
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in names
        if not path.name.startswith((".", "#")) and not path.name.endswith("~") and path.suffix not in _NOT_OURS
    ]
