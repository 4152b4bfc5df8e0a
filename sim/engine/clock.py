"""The simulated clock: a SimPy environment that counts minutes. The only module that imports SimPy."""

from __future__ import annotations

import simpy


class Clock:
    """Simulated minutes since the start of the run; nothing else in the engine knows a time."""

    def __init__(self) -> None:
        self._environment = simpy.Environment()

    @property
    def now(self) -> float:
        """Minutes since the start of the run, to a hundredth."""
        return round(float(self._environment.now), 2)

    def wait(self, minutes: float) -> None:
        """Let simulated time pass."""
        self._environment.run(until=self._environment.timeout(minutes))


def time_of_day(start: str, minutes: float) -> str:
    """The time shown for a simulated minute: ``08:30`` and 95 minutes give ``10:05``, a day later ``1d 10:05``."""
    hours, _, rest = start.partition(":")
    total = int(hours) * 60 + int(rest) + int(minutes)
    days, within = divmod(total, 24 * 60)
    shown = f"{within // 60:02d}:{within % 60:02d}"
    return f"{days}d {shown}" if days else shown
