"""A clock for tests that passes only where somebody sleeps."""

from __future__ import annotations

import threading


class SimulatedTimer:
    """Seconds that pass when somebody sleeps, for all at once; ``slept`` has each wait."""

    def __init__(self, now: float = 1000.0) -> None:
        self.slept: list[float] = []
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass; who sleeps at the same time wakes no later than alone."""
        end = self._now + seconds
        with self._lock:
            self.slept.append(seconds)
            self._now = max(self._now, end)

    def pass_(self, seconds: float) -> None:
        """Let time pass without anybody asking for it."""
        with self._lock:
            self._now += seconds
