"""A clock for tests that passes only where somebody sleeps."""

from __future__ import annotations

import threading


class SimulatedTimer:
    """Seconds that pass when a thread sleeps; those who sleep at once wait together. ``slept`` has each wait."""

    def __init__(self, now: float = 1000.0) -> None:
        self.slept: list[float] = []
        self._now = now
        self._lock = threading.Lock()
        self._seen = threading.local()

    def now(self) -> float:
        """Seconds."""
        with self._lock:
            self._seen.now = self._now
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass since this thread last looked: who sleeps at the same time wakes no later than alone."""
        with self._lock:
            self.slept.append(seconds)
            self._now = max(self._now, getattr(self._seen, "now", self._now) + seconds)

    def pass_(self, seconds: float) -> None:
        """Let time pass without anybody asking for it."""
        with self._lock:
            self._now += seconds
