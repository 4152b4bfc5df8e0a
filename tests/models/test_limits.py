"""Requests and tokens a minute: what is let in, what waits and how long, and who shares a limit."""

from __future__ import annotations

import multiprocessing
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError, ModelError
from sim.models.limits import MARGIN_S, WINDOW_S, Limiter
from tests.timers import SimulatedTimer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the limits are kept; the folder is not there yet."""
    return tmp_path / "state" / "limits.sqlite"


def rows(path: Path) -> list[tuple[str, int, int]]:
    """The calls that count: model, tokens, and whether each is under way."""
    with closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT model, tokens, is_open FROM calls ORDER BY id").fetchall()


@dataclass
class Call:
    """A call as it went; the provider counts it when this share of its time has passed."""

    begin: float
    end: float
    took: int
    share: float


def most_in_a_window(moments: list[tuple[float, int]]) -> tuple[int, int]:
    """The most calls and tokens in any 60 seconds, the moment just 60 seconds later left out."""
    found = (0, 0)
    for start, _ in moments:
        inside = [tokens for at, tokens in moments if start <= at < start + 60]
        found = max(found[0], len(inside)), max(found[1], sum(inside))
    return found


STEPS = st.lists(
    st.tuples(
        st.integers(0, 100),  # tokens that the call may take
        st.integers(0, 100),  # per cent of them that it takes
        st.integers(0, 40),  # eighths of a second before it asks to be let in
        st.integers(0, 30),  # seconds that it is under way
        st.floats(0, 1),  # when between its begin and its end the provider counts it
    ),
    min_size=1,
    max_size=20,
)
Step = tuple[int, int, int, int, float]


@settings(max_examples=40)
@given(STEPS, st.none() | st.integers(1, 5), st.none() | st.integers(100, 250), st.sampled_from([1, 1, 3]))
def test_no_minute_has_more_than_the_limits_whenever_a_provider_counts(
    steps: list[Step], requests: int | None, tokens: int | None, threads: int
) -> None:
    """At the beginning of a call, at its end, or anywhere between; calls one after another, or side by side."""
    timer = SimulatedTimer()
    done: list[Call] = []
    with tempfile.TemporaryDirectory() as folder:
        limiter = Limiter(Path(folder) / "l", "m", requests=requests, tokens=tokens, timer=timer, lease_s=1e9)

        def make(mine: list[Step]) -> None:
            for reserved, percent, gap, takes, share in mine:
                timer.sleep(gap / 8)
                with limiter.slot(reserved) as slot:
                    begin = timer.now()
                    timer.sleep(takes)
                    slot.tokens = reserved * percent // 100
                    done.append(Call(begin, timer.now(), slot.tokens, share))

        workers = [threading.Thread(target=make, args=[steps[i::threads]]) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert len(done) == len(steps)
    for moments in (
        [(c.begin, c.took) for c in done],
        [(c.end, c.took) for c in done],
        [(c.begin + (c.end - c.begin) * c.share, c.took) for c in done],
    ):
        calls, taken = most_in_a_window(moments)
        assert requests is None or calls <= requests
        assert tokens is None or taken <= tokens


def test_what_a_call_did_not_take_is_free_at_once(path: Path) -> None:
    """Nobody waits for tokens that were only set aside."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", tokens=100, timer=timer)
    with limiter.slot(90) as slot:
        slot.tokens = 10
    with limiter.slot(90):
        assert timer.slept == []


def test_a_call_that_fails_counts_with_all_that_it_may_have_taken(path: Path) -> None:
    """Nobody knows what the provider counted."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", tokens=100, timer=timer)
    with pytest.raises(ValueError, match="broken"), limiter.slot(90):
        raise ValueError("broken")
    with limiter.slot(11):
        assert timer.slept == [WINDOW_S + MARGIN_S]


def test_the_wait_is_for_as_few_calls_as_will_do(path: Path) -> None:
    """The oldest leave the minute first."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", tokens=100, requests=10, timer=timer)
    for tokens in (30, 30, 30):
        with limiter.slot(tokens):
            pass
        timer.sleep(10)
    timer.slept.clear()
    with limiter.slot(65):
        assert timer.slept == [WINDOW_S + MARGIN_S - 20]


def test_models_do_not_share_a_limit(path: Path) -> None:
    """Though they share the file."""
    timer = SimulatedTimer()
    for name in ("a", "b"):
        with Limiter(path, name, requests=1, timer=timer).slot(1):
            pass
    assert (timer.slept, rows(path)) == ([], [("a", 1, 0), ("b", 1, 0)])


def test_without_a_limit_nothing_waits(path: Path) -> None:
    """Though all is counted."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", timer=timer)
    for _ in range(5):
        with limiter.slot(10**9):
            pass
    assert (timer.slept, len(rows(path))) == ([], 5)


def test_a_call_larger_than_the_limit_is_an_error_at_once(path: Path) -> None:
    """No minute will ever have room for it, and it takes none."""
    limiter = Limiter(path, "m", tokens=1000, timer=SimulatedTimer())
    with pytest.raises(ModelError) as caught, limiter.slot(1001):
        pass
    assert str(caught.value) == "m: a call of 1,001 tokens is more than its limit of 1,000 a minute"
    assert rows(path) == []


def test_a_call_under_way_is_waited_for_without_simulated_time(path: Path) -> None:
    """Nobody knows how long it takes; whoever waits goes on as soon as it has ended with fewer tokens."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", tokens=100, timer=timer)
    entered = threading.Event()

    def wait() -> None:
        with limiter.slot(60):
            entered.set()

    with limiter.slot(60) as slot:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.3)
        assert timer.slept == []
        slot.tokens = 40
    assert entered.wait(5)
    waiting.join()
    assert timer.slept == []


def test_what_stands_in_the_way_after_a_call_has_ended_is_waited_for(path: Path) -> None:
    """A limit of requests is not freed by the end of a call, only by a minute."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", requests=1, timer=timer)
    with limiter.slot(1):
        waiting = threading.Thread(target=lambda: limiter.slot(1).__enter__())
        waiting.start()
        timer.sleep(5)
    waiting.join()
    assert timer.slept == [5, WINDOW_S + MARGIN_S]


def test_calls_of_a_dead_process_are_forgotten_after_the_lease(path: Path) -> None:
    """Until then they count as under way."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", requests=1, timer=timer, lease_s=300)
    assert limiter._try(5) == (1, None)
    timer.sleep(299)
    assert limiter._try(5) == (None, None)
    timer.sleep(1)
    assert limiter._try(5) == (2, None)


def test_a_call_that_takes_longer_than_its_lease_still_counts_when_it_ends(path: Path) -> None:
    """And does not take the place of another that was let in meanwhile."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", requests=1, timer=timer, lease_s=10)
    with limiter.slot(7):
        timer.sleep(11)
        with limiter.slot(5):
            pass
    assert rows(path) == [("m", 7, 0), ("m", 5, 0)]
    assert limiter._try(1) == (None, WINDOW_S + MARGIN_S)


def test_a_clock_that_was_put_back_makes_nobody_wait_for_hours(path: Path) -> None:
    """No call that has ended counts for more than a minute."""
    with Limiter(path, "m", requests=1, timer=SimulatedTimer(50_000)).slot(1):
        pass
    assert Limiter(path, "m", requests=1, timer=SimulatedTimer(1000))._try(1) == (None, WINDOW_S + MARGIN_S)


def _other_process(path: Path, pipe: Connection, requests: int) -> None:
    limiter = Limiter(path, "m", requests=requests)
    for _ in range(2 * requests):
        number, wait_s = limiter._try(1)
        pipe.send((number is not None, wait_s))


def test_processes_that_share_a_file_stay_under_the_limit_together(path: Path) -> None:
    """Of twelve calls that three processes try at once, six are let in; the others are told to wait."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(3)]
    processes = [context.Process(target=_other_process, args=(path, sender, 6)) for _, sender in pipes]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    answers = [receiver.recv() for receiver, _ in pipes for _ in range(12)]
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sum(is_in for is_in, _ in answers) == 6
    assert {wait_s for is_in, wait_s in answers if not is_in} == {None}  # those that were let in are under way
    assert len(rows(path)) == 6


def test_another_process_is_told_how_long_to_wait(path: Path) -> None:
    """By what this one has done within the last minute."""
    limiter = Limiter(path, "m", requests=1)
    with limiter.slot(1):
        pass
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_other_process, args=(path, sender, 1))
    process.start()
    is_in, wait_s = receiver.recv()
    process.join(60)
    assert not is_in
    assert WINDOW_S - 20 < wait_s <= WINDOW_S + MARGIN_S


def _begins(path: Path, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    Limiter(path, "m", requests=1)


def test_processes_may_make_the_file_at_the_same_moment(path: Path) -> None:
    """None of them finds it locked."""
    context = multiprocessing.get_context("fork")
    start = time.time() + 0.2
    processes = [context.Process(target=_begins, args=(path, start)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 8


def test_threads_are_let_in_one_after_another(path: Path) -> None:
    """Of a hundred calls of ten threads no minute has more than ten."""
    timer = SimulatedTimer()
    limiter = Limiter(path, "m", requests=10, timer=timer)
    begun: list[tuple[float, int]] = []

    def make() -> None:
        for _ in range(5):
            with limiter.slot(1):
                begun.append((timer.now(), 1))

    threads = [threading.Thread(target=make) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(begun), most_in_a_window(begun)[0]) == (50, 10)


@pytest.mark.parametrize("name", ["file/limits.sqlite", "folder", "text"])
def test_a_file_that_cannot_be_used_is_an_error_of_the_definition(tmp_path: Path, name: str) -> None:
    """It lies below a file, is a folder, or is something else."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("This is no database. " * 100)
    with pytest.raises(DefinitionError) as caught:
        Limiter(tmp_path / name, "m", requests=1)
    assert str(caught.value).startswith(f"cannot keep the limits of 'm' in {tmp_path / name}: ")


def test_a_file_that_goes_missing_is_an_error_of_the_model(path: Path) -> None:
    """The next call says so; the one under way ends as if nothing were."""
    limiter = Limiter(path, "m", requests=5)
    with limiter.slot(1):
        for file in path.parent.iterdir():
            file.unlink()
    with pytest.raises(ModelError) as caught, limiter.slot(1):
        pass
    assert str(caught.value).startswith(f"cannot keep the limits of 'm' in {path}: ")
