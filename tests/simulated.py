"""Time that passes only when somebody waits."""

from __future__ import annotations

import threading


class SimulatedTimer:
    """Seconds that pass when a thread sleeps; those who sleep at once wait together. ``slept`` are the waits."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self._seen = threading.local()
        self.slept: list[float] = []

    def now(self) -> float:
        """The time."""
        with self._lock:
            self._seen.now = self._now
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self._now = max(self._now, getattr(self._seen, "now", self._now) + seconds)
            self.slept.append(seconds)
