"""How much of a stock there was over time: by hand, by a count of each minute, and from logs without counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.read.stock import Stock, StockLevel
from sim.world.stations import Refill, Resource
from tests.building import of, played
from tests.read.test_stats import stats_of, the
from tests.stage.test_resources import shop, silent


def test_a_stock_that_runs_out_and_is_filled_again() -> None:
    """3, of which six want 2 each from minute 0 on; 10 come in each hour, and there is room for 4."""
    goods = {"stock": 3, "most": 4, "refill": {"amount": 10, "every": 60}}
    levels: list[tuple[str, float, float]] = []
    log = played(shop([0, 1, 2, 3, 4, 5], 1, goods, {"amount": 2}), silent)
    found = stats_of(log, on_level=lambda *change: levels.append(change))
    # 1 from 0 to 60; then 4 come to 3 more and two take 2 of it, which leaves 0, and again; then 4 less 2.
    mean = pytest.approx((60 * 1 + 60 * 0 + 60 * 0 + 1 * 2) / 181)
    assert the("it", found).stock == Stock(3, mean, 0, 2, 12, 11, 3, 120)
    assert levels[0] == ("it", 0, 1)
    assert levels[-1] == ("it", 180, 2)


@pytest.mark.parametrize("takes_first", [False, True])
def test_of_what_happens_in_one_instant_the_log_says_which_was_first(takes_first: bool) -> None:
    """A full stock: what is taken before the refill is filled up at once, what is taken after it is missing."""
    level = StockLevel(Resource(stock=4, most=4, refill=Refill(amount=10, every=60)))
    level.note(60, 2, 0 if takes_first else 1)
    found = level.result(100)
    assert (found.left, found.taken) == ((4, 2) if takes_first else (2, 2))
    assert (found.refills, found.filled) == ((1, 2) if takes_first else (0, 0))


def test_the_records_count_the_refills() -> None:
    """Of goods that are refilled, and of nothing else."""
    goods = {"stock": 1, "refill": {"amount": 1, "every": 9}}
    notes = of(played(shop([0, 1], 5, goods), silent), "resource")
    assert [(n.event, n.time, n.refills) for n in notes] == [
        ("granted", 0, 0), ("requested", 1, 0), ("released", 5, 0), ("granted", 9, 1), ("released", 14, 1),
    ]  # fmt: skip
    for other in ({"capacity": 2}, {"stock": 9}):
        assert {n.refills for n in of(played(shop([0, 1], 5, other), silent), "resource")} == {None}


def test_a_log_that_does_not_count_refills_is_read() -> None:
    """They are taken to come before whatever was noted in the same instant."""
    level = StockLevel(Resource(stock=1, refill=Refill(amount=1, every=9)))
    for time, left in ((0, 0), (1, 0), (9, 0)):
        level.note(time, left, None)
    assert level.result(14) == Stock(1, 0, 0, 0, 2, 1, 1, 14)


def test_a_stock_that_is_never_touched_and_a_run_without_time() -> None:
    """It is what it was at first; a forged count does no more than the time allows."""
    assert StockLevel(Resource(stock=7)).result(0) == Stock(7, 7, 7, 7, 0, 0, 0, 0)
    assert StockLevel(Resource(stock=7)).result(50) == Stock(7, 7, 7, 7, 0, 0, 0, 0)
    level = StockLevel(Resource(stock=0, refill=Refill(amount=1, every=10)))
    level.note(5, 1, 10**400)
    assert level.result(5).refills == 1


@given(
    st.integers(0, 30),
    st.integers(1, 20),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(30, 60)),
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=12),
)
def test_a_level_is_what_counting_each_minute_finds(
    stock: int, amount: int, every: int, most: int | None, takings: list[tuple[int, int]]
) -> None:
    """Whatever is taken when: mean, minutes without any, what was taken and what came in."""
    level = StockLevel(Resource(stock=stock, most=most, refill=Refill(amount=amount, every=every)))
    now, filled, taken, seen, time = float(stock), 0.0, 0.0, [], 0
    for minutes, wanted in takings:
        for _ in range(minutes):
            seen.append(now)
            time += 1
            if time % every == 0:
                room = min(amount, (math.inf if most is None else most) - now)
                now, filled = now + room, filled + room
        took = min(wanted, now)
        now, taken = now - took, taken + took
        level.note(time, now, time // every)
    found = level.result(time)
    assert (found.mean, found.left) == (pytest.approx(sum(seen) / time), now)
    assert (found.taken, found.filled) == (pytest.approx(taken), pytest.approx(filled))
    assert found.empty == seen.count(0)
    assert found.start + found.filled - found.taken == pytest.approx(found.left)
