"""Requests and tokens a minute: kept under a model's limits by all threads and processes that share its file.

A call is let in if, with it, all calls within the last minute stay within the limits. It is counted with what it
may take when it begins, and with what it took when it ends; until then, and for a minute after, it counts. So
whichever way a provider counts (by fixed or sliding windows, when a request comes or when it ends), its limit is
not reached.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.errors import DefinitionError, ModelError

WINDOW_S = 60.0
MARGIN_S = 1.0
"""Added to the window, for two clocks and for the way to the provider."""

LONG_S = 5.0
"""A wait of so long is told, so that nobody thinks that all has stopped."""

_LOG = logging.getLogger("sim.models")
_POLL_S = 0.2
_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    until REAL NOT NULL,
    is_open INTEGER NOT NULL
)
"""


class Timer(Protocol):
    """Seconds that pass: the clock of the machine, or a simulated one."""

    def now(self) -> float:
        """Seconds since some fixed time that all processes share."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class WallTimer:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass
class Slot:
    """A call that was let in; ``tokens`` is what it may take, to be set to what it took."""

    tokens: int


class Limiter:
    """Lets calls of one model in, so that no minute has more than ``requests`` calls and ``tokens`` tokens.

    ``lease_s`` is how long a call may be under way: should a process die, its calls are forgotten after that.
    """

    def __init__(
        self,
        path: Path,
        model: str,
        *,
        requests: int | None = None,
        tokens: int | None = None,
        timer: Timer | None = None,
        lease_s: float = 300.0,
    ) -> None:
        self._path = path
        self._model = model
        self._requests = requests
        self._tokens = tokens
        self._timer = timer or WallTimer()
        self._lease_s = lease_s
        self._ended = threading.Condition()
        self._told = float("-inf")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._file() as file:
                # Not in the mode WAL: changing to it fails at once where another process opens the file just then.
                file.execute("BEGIN IMMEDIATE")
                file.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise DefinitionError(f"cannot keep the limits of '{model}' in {path}: {error}") from None

    @contextmanager
    def slot(self, tokens: int) -> Iterator[Slot]:
        """Wait until a call of at most so many tokens is let in; while the block runs, it is under way.

        Raises:
            ModelError: if no minute has room for so many tokens, or the file cannot be written any more.
        """
        if self._tokens is not None and tokens > self._tokens:
            raise ModelError(
                f"{self._model}: a call of {tokens:,} tokens is more than its limit of {self._tokens:,} a minute"
            )
        number = self._enter(tokens)
        slot = Slot(tokens)
        try:
            yield slot
        finally:
            # What cannot be noted is not lost: the call counts as under way until its lease ends.
            with contextlib.suppress(sqlite3.Error):
                self._leave(number, slot.tokens)
            with self._ended:
                self._ended.notify_all()

    def _leave(self, number: int, tokens: int) -> None:
        """Count a call that has ended, even one that was forgotten because it took longer than its lease."""
        until = self._timer.now() + WINDOW_S + MARGIN_S
        with self._file() as file:
            file.execute(
                "INSERT OR REPLACE INTO calls (id, model, tokens, until, is_open) VALUES (?, ?, ?, ?, 0)",
                (number, self._model, tokens, until),
            )

    def _enter(self, tokens: int) -> int:
        while True:
            try:
                number, wait_s = self._try(tokens)
            except sqlite3.Error as error:
                raise ModelError(f"cannot keep the limits of '{self._model}' in {self._path}: {error}") from None
            if number is not None:
                return number
            if wait_s is not None:
                self._tell(wait_s)
                self._timer.sleep(wait_s)
            else:
                # What is in the way is under way; nobody knows for how long, and no simulated time may pass for it.
                with self._ended:
                    self._ended.wait(_POLL_S)

    def _tell(self, wait_s: float) -> None:
        """Tell of a long wait, but not of each of many at once."""
        now = self._timer.now()
        if wait_s >= LONG_S and now >= self._told + LONG_S:
            self._told = now
            _LOG.warning("%s: waiting %.0f s to stay within its limits", self._model, wait_s)

    def _try(self, tokens: int) -> tuple[int | None, float | None]:
        """The number of the call if it is let in, else how many seconds to wait if that can be told."""
        with self._file() as file:
            file.execute("BEGIN IMMEDIATE")
            now = self._timer.now()  # after the wait for the file
            file.execute("DELETE FROM calls WHERE until <= ?", (now,))
            # A clock that was put back would make a call of the future wait for hours.
            latest = now + WINDOW_S + MARGIN_S
            file.execute("UPDATE calls SET until = ? WHERE until > ? AND NOT is_open", (latest, latest))
            rows = file.execute(
                "SELECT tokens, until, is_open FROM calls WHERE model = ? ORDER BY is_open, until", (self._model,)
            ).fetchall()
            wait_s = self._wait(rows, tokens, now)
            if wait_s != 0:
                return None, wait_s
            done = file.execute(
                "INSERT INTO calls (model, tokens, until, is_open) VALUES (?, ?, ?, 1)",
                (self._model, tokens, now + self._lease_s),
            )
            return done.lastrowid, None

    def _wait(self, rows: list[tuple[int, float, int]], tokens: int, now: float) -> float | None:
        """Seconds until enough calls are a minute old; None if that depends on calls that are under way."""
        requests, taken = len(rows) + 1, sum(row[0] for row in rows) + tokens
        wait_s = 0.0
        for its_tokens, until, is_open in rows:
            is_full = self._requests is not None and requests > self._requests
            if not is_full and (self._tokens is None or taken <= self._tokens):
                break
            if is_open:
                return None
            requests, taken, wait_s = requests - 1, taken - its_tokens, until - now
        return wait_s

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        """The file, for one transaction: a connection is not shared by threads, and costs little to make."""
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as file:
            try:
                yield file
                if file.in_transaction:
                    file.execute("COMMIT")
            except BaseException:
                if file.in_transaction:
                    file.execute("ROLLBACK")
                raise
