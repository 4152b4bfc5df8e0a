"""Time that passes only when somebody waits."""

from __future__ import annotations

import threading


class SimulatedTimer:
    """Seconds that pass when a thread sleeps, and for nobody else; ``slept`` are the waits."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        """The time."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self._now += seconds
            self.slept.append(seconds)
