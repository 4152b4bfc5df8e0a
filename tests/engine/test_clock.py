"""Simulated time."""

import pytest

from sim.engine.clock import Clock, time_of_day


def test_time_passes_only_when_it_is_waited_for() -> None:
    """The clock counts simulated minutes, and nothing else moves it."""
    clock = Clock()
    clock.wait(1.5)
    clock.wait(0)
    clock.wait(2.25)
    assert clock.now == 3.75


@pytest.mark.parametrize(
    ("minutes", "shown"), [(0, "08:30"), (95.9, "10:05"), (15.5 * 60, "1d 00:00"), (60 * 24 * 2, "2d 08:30")]
)
def test_a_minute_is_shown_as_a_time_of_day(minutes: float, shown: str) -> None:
    """Days are counted after midnight."""
    assert time_of_day("08:30", minutes) == shown
