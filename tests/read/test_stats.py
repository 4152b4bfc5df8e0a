"""What came out of a run: each number by hand for small runs, and laws that hold for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.errors import RunLogError
from sim.read.ledger import ledger
from sim.read.spread import Spread
from sim.read.stats import Outcome, Place, Stats, Stay, read
from sim.record.log import RunLog
from tests.building import played
from tests.stage.test_resources import by_rank, ranked, shop, silent


def stats_of(log: RunLog, **watchers: Any) -> Stats:
    return read(log.name, iter(log.records), **watchers)


def the(place: str, found: Stats) -> Place:
    return next(p for p in (*found.states, *found.resources) if p.name == place)


def test_waiting_service_and_queue_of_one_server() -> None:
    """Three who come at 0, 1 and 12 and take 5 minutes each: one waits 4 minutes, and it is idle for 2."""
    found = stats_of(played(shop([0, 1, 12], 5, {"capacity": 1}), silent))
    waited, took = Spread.of([0, 4, 0]), Spread.of([5, 5, 5])
    queue = Spread(pytest.approx(4 / 17), 0, 1, 1)
    assert the("it", found) == Place("it", "it", 3, waited, took, queue, pytest.approx(3 / 17 * 60), used=15 / 17)
    assert the("served", found) == Place("served", "served", 3, waited, took, queue, pytest.approx(3 / 17 * 60))
    assert found.outcomes == (Outcome("done", "done", 3, Spread.of([5, 9, 5])),)
    assert (found.minutes, found.episodes, found.unfinished, found.is_complete) == (17, 3, 0, True)
    assert found.turns == Spread(1, 1, 1, 1)


def test_who_gives_up_and_who_is_turned_away_is_counted_and_not_averaged() -> None:
    """How long those waited who left is in the queue, not among the waits of those who were served."""
    world = shop([0, 1, 2], 5, {"capacity": 1}, {"patience": 2, "queue_at_most": 1, "otherwise": "left"})
    found = stats_of(played(world, silent))
    for name in ("it", "served"):
        place = the(name, found)
        assert (place.visits, place.reneged, place.balked) == (1, 1, 1)
        assert place.waited == Spread(0, 0, 0, 0)
        assert place.queue is not None
        assert place.queue.mean == pytest.approx(2 / 5)
    assert {o.name: o.episodes for o in found.outcomes} == {"done": 1, "left": 2}


def test_what_is_taken_away_is_one_visit() -> None:
    """The minutes before and after are added up, and so are the waits."""
    ranks = {1: 0, 2: 5}
    stays: list[Stay] = []
    log = played(ranked(ranks, [0, 4], {0: 10, 5: 3}, preempt=True), by_rank(ranks))
    found = stats_of(log, on_stay=stays.append)
    it, low = the("it", found), the("in_0", found)
    assert (it.visits, it.preempted, it.used) == (2, 1, 1.0)
    assert it.took == Spread.of([10, 3])
    assert (low.took, low.waited, low.preempted) == (Spread.of([10]), Spread.of([3]), 1)
    assert Stay(1, "in_0", 0, 13, ((4, 7),)) in stays


def test_what_is_lost_in_the_last_instant_is_a_visit() -> None:
    """Nothing was left to be done, so nothing is waited for."""
    ranks = {1: 0, 2: 5}
    found = stats_of(played(ranked(ranks, [0, 10], {0: 10, 5: 3}, preempt=True), by_rank(ranks)))
    assert the("it", found).took == Spread.of([10, 3])
    assert the("it", found).used == 1


def test_use_is_of_the_open_hours() -> None:
    """From 08:00, open from 08:30: one is served from 08:30 to 08:50, one until 13 minutes after closing time."""
    world = shop([0, 73], 20, {"capacity": 2, "open": "08:30-09:20"}, None)
    it = the("it", stats_of(played(world, silent)))
    assert it.used == pytest.approx((20 + 7) / (2 * 50))
    assert it.overtime == 13


def test_a_stock_has_no_share_in_use() -> None:
    """Goods are waited for and used up, not given back."""
    it = the("it", stats_of(played(shop([0, 1], 5, {"stock": 1, "refill": {"amount": 1, "every": 9}}), silent)))
    assert (it.used, it.overtime, it.visits) == (None, 0, 2)
    assert it.waited == Spread.of([0, 8])


@settings(max_examples=10)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 9), st.integers(1, 3))
def test_a_queue_is_as_long_as_its_waits(at: list[int], minutes: int, capacity: int) -> None:
    """Little's law: over the whole run the mean queue is the sum of all waits over the time; so is the use."""
    log = played(shop(sorted(map(float, at)), minutes, {"capacity": capacity}), silent)
    lengths: list[tuple[str, float, int]] = []
    found = stats_of(log, on_queue=lambda *change: lengths.append(change))
    it = the("it", found)
    assert it.waited is not None
    assert it.took is not None
    assert it.queue is not None
    assert it.queue.mean * found.minutes == pytest.approx(it.waited.mean * len(at), abs=0.1)
    assert it.used == pytest.approx(it.took.mean * len(at) / capacity / found.minutes)
    assert [n for _, _, n in lengths][-1:] in ([], [0])
    assert max((n for _, _, n in lengths), default=0) >= it.queue.most


def test_tokens_and_money_are_those_of_the_ledger(log_path: Path) -> None:
    """A run of one episode, without resources: what it took is what the ledger has."""
    found = read("visit", iter(RunLog.open(log_path).records))
    total = ledger([RunLog.open(log_path)]).total
    assert found.tokens == Spread.of([total.total])
    assert (found.total.total, found.total.cost) == (total.total, total.cost)
    assert found.resources == ()
    assert all(p.waited is None and p.queue is None for p in found.states)
    took = sum(p.took.mean * p.visits for p in found.states if p.took)
    assert found.stay is not None
    assert took == pytest.approx(found.stay.mean)


@pytest.mark.parametrize("name", ["hospital_visit-format-2", "company_meeting-format-2"])
def test_old_logs_are_read(name: str) -> None:
    """They have one episode, and states to tell of."""
    found = read(name, iter(RunLog.open(Path(__file__).parent / "old" / f"{name}.jsonl").records))
    assert found.episodes == 1
    assert sum(place.visits for place in found.states) >= 2


def test_a_log_that_was_cut_tells_what_is_there(tmp_path: Path) -> None:
    """Episodes that go on are counted, and not in the means; a torn last line is left out."""
    log = played(shop([0, 1, 2], 5, {"capacity": 1}), silent)
    lines = [log.line(i) + b',"hash":"' + r.hash.encode() + b'"}\n' for i, r in enumerate(log.records)]
    ended = next(i for i, r in enumerate(log.records) if r.type == "episode_ended")
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(lines[: ended + 1]) + lines[ended + 1][:20])
    found = read("cut", iter(RunLog.open(path).records))
    assert (found.episodes, found.unfinished, found.is_complete) == (1, 2, False)


@pytest.mark.parametrize(
    "change",
    [{"resource": "that"}, {"state": "nowhere"}, {"episode": 9}],
)
def test_a_record_that_does_not_belong_is_named(change: Mapping[str, Any]) -> None:
    """A log may come from a stranger."""
    log = played(shop([0, 1], 5, {"capacity": 1}), silent)
    at = next(i for i, r in enumerate(log.records) if r.type == "resource")
    records = [r.model_copy(update=change) if i == at else r for i, r in enumerate(log.records)]
    with pytest.raises(RunLogError, match=f"record {at}: "):
        read("forged", iter(records))
    with pytest.raises(RunLogError, match="no header"):
        read("headless", iter(log.records[1:]))


def test_an_episode_in_which_nobody_was_asked_has_cost_nothing_in_the_currency_of_the_others(
    tmp_path: Path,
) -> None:
    """Who leaves the queue before the first turn; there is no second line without a currency."""
    log = sim.run("airport_security", variant="morning", seed=1, episodes=30, out=tmp_path / "morning.jsonl")
    found = sim.stats(log)
    assert list(found.cost) == ["USD"]
    assert min(r.turns for r in log.records if r.type == "episode_ended") == 0
