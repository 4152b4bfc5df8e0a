"""Calls in flight at a time: the log does not show it, and the waiting measure is computed from the log alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import Chain, chain_of, hospital, is_same, play

from sim.record.log import RunLog
from tests.building import played
from tests.faults import Fault
from tests.provider import Provider
from tests.stage.test_resources import shop, silent


@pytest.mark.parametrize("setting", [pytest.param("enough", marks=pytest.mark.campaign), "day"])
def test_the_log_does_not_show_how_many_calls_were_in_flight(
    setting: str, serve: Callable[..., Provider], tmp_path: Path
) -> None:
    """Visits over real HTTP: the same bytes with one call at a time and with many, whose answers overtake."""
    # Answers come in another order than the calls were made.
    provider = serve(faults=lambda number, _: Fault(late_s=number * 7 % 5 / 100))
    world = hospital(setting)
    logs = []
    for parallel in (1, 16):
        path = tmp_path / f"{parallel}.jsonl"
        play(world, provider.url, path, 4 if setting == "day" else 8, parallel)
        logs.append(RunLog.open(path))
    assert logs[0].is_complete
    assert is_same(*logs)


def test_the_chain_of_a_queue_is_the_queue() -> None:
    """Who waits for the server waits for all calls before."""
    log = played(shop([0, 0, 0, 0], 5, {"capacity": 1}), silent)
    assert chain_of(log) == Chain(4, 1, 4)


def test_the_chain_of_those_who_do_not_wait_is_one_visit() -> None:
    """What ends in the same instant waits for nobody."""
    log = played(shop([0, 0, 0, 0], 5, {"capacity": 4}), silent)
    assert chain_of(log) == Chain(4, 1, 1)


def test_a_later_start_waits_for_an_earlier_end() -> None:
    """The second begins before the first has ended, the third after it, and the fourth at its very end."""
    log = played(shop([0, 3, 6, 8], 5, {"capacity": 4}), silent)
    assert chain_of(log) == Chain(4, 1, 2)
