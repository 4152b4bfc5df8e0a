"""Where cells are played: in this process, or in several that each keep their worlds."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from pathlib import Path
from typing import Any, Protocol

from sim.errors import DefinitionError, SimError
from sim.models.cache import Use
from sim.sweep.plan import Plan
from sim.sweep.rows import Done
from sim.sweep.worker import Job, Worker

TRIES = 3
"""How often a cell is begun whose worker dies."""

QUICK_S = 1.0
"""A worker whose runs take less is given the next one beforehand."""


class Source(Protocol):
    """Gives out cells."""

    def take(self) -> Job | None:
        """The next cell; None where there is none before another is done, or at all."""


class Engine(Protocol):
    """Plays the cells that a source gives out, until it has none and none is under way."""

    def play(self, plan: Plan, folder: Path, jobs: Source, cache: Use = "off") -> Iterator[Done]:
        """The cells as they are done, in any order; each is taken before the next is waited for.

        Raises:
            SimError: if no cell can be played any more, as on a full disk.
        """


class InProcess:
    """Plays one cell after another in this process."""

    def play(self, plan: Plan, folder: Path, jobs: Source, cache: Use = "off") -> Iterator[Done]:
        """The cells, in their order."""
        worker = Worker(plan, folder, 0, cache)
        while (job := jobs.take()) is not None:
            yield worker.play(job)


@dataclass
class _Seat:
    """A worker's place in the pool: its process, and the cells that it was given, the one under way first."""

    number: int
    process: Any = None
    pipe: Any = None
    given: deque[Job] = field(default_factory=deque)
    is_ready: bool = False
    is_quick: bool = False
    since: float = 0.0
    starts: int = 0


class Pool:
    """Plays cells in some processes, each with a pipe of its own.

    A worker that dies takes nothing with it but the run under way, which is begun again in a new one. Workers end
    when this process does.
    """

    def __init__(self, workers: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._seats = [_Seat(number + 1) for number in range(workers)]
        self._tries: dict[int, int] = {}

    def play(self, plan: Plan, folder: Path, jobs: Source, cache: Use = "off") -> Iterator[Done]:
        """The cells as they are done.

        Raises:
            SimError: what a worker cannot go on after; DefinitionError if none can be started.
        """
        try:
            while True:
                self._give_out(plan, folder, jobs, cache)
                busy = [seat for seat in self._seats if seat.given]
                if not busy:
                    return
                ready = connection.wait([seat.pipe for seat in busy] + [seat.process.sentinel for seat in busy])
                for seat in busy:
                    if seat.pipe in ready or seat.process.sentinel in ready:
                        yield from self._received(seat, plan, folder, cache)
        finally:
            self._stop()

    def _give_out(self, plan: Plan, folder: Path, jobs: Source, cache: Use) -> None:
        for most in (1, 2):
            for seat in self._seats:
                if len(seat.given) >= most or (most == 2 and not seat.is_quick):
                    continue
                job = jobs.take()
                if job is None:
                    return
                if seat.process is None:
                    self._start(seat, plan, folder, cache)
                seat.given.append(job)
                self._send(seat, job)

    def _start(self, seat: _Seat, plan: Plan, folder: Path, cache: Use) -> None:
        seat.pipe, other = self._context.Pipe()
        seat.process = self._context.Process(
            target=_serve,
            args=(other, plan, folder, seat.number, cache),
            name=f"sim-sweep-{seat.number}",
            daemon=True,
        )
        seat.process.start()
        other.close()
        seat.is_ready, seat.since = False, time.monotonic()
        seat.starts += 1

    def _send(self, seat: _Seat, job: Job) -> None:
        try:
            seat.pipe.send(job)
        except OSError:
            return  # it has died; that is seen when it is waited for

    def _received(self, seat: _Seat, plan: Plan, folder: Path, cache: Use) -> Iterator[Done]:
        """All that a worker has sent; should it have died, another is put in its place."""
        try:
            while seat.pipe.poll():
                told = seat.pipe.recv()
                if isinstance(told, SimError):
                    raise told
                if isinstance(told, Done):
                    seat.given.popleft()
                    now = time.monotonic()
                    seat.is_quick, seat.since = now - seat.since < QUICK_S, now
                    yield told
                else:
                    seat.is_ready, seat.starts, seat.since = True, 0, time.monotonic()
            if seat.process.is_alive():
                return
        except (EOFError, OSError):
            seat.process.join()
        yield from self._died(seat, plan, folder, cache)

    def _died(self, seat: _Seat, plan: Plan, folder: Path, cache: Use) -> Iterator[Done]:
        how = _ending(seat.process.exitcode)
        seat.pipe.close()
        if not seat.is_ready and seat.starts >= TRIES:
            raise DefinitionError(f"no worker can be started: the process {how}")
        if seat.given and seat.is_ready:
            cell = seat.given[0].cell
            self._tries[cell] = self._tries.get(cell, 0) + 1
            if self._tries[cell] >= TRIES:
                seat.given.popleft()
                yield Worker(plan, folder, seat.number).lost(
                    cell, f"the process of its worker {how}, {TRIES} times"
                )
        seat.process = None
        if seat.given:
            again = [replace(job, is_again=True) for job in seat.given]  # its log may be whole
            seat.given = deque(again)
            self._start(seat, plan, folder, cache)
            for job in again:
                self._send(seat, job)

    def _stop(self) -> None:
        seats = [seat for seat in self._seats if seat.process is not None]
        for seat in seats:
            if seat.given:
                seat.process.terminate()
            seat.pipe.close()
        for seat in seats:
            seat.process.join()
            seat.process = None


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by the signal {-code}"
    return f"ended with code {code}"


def _serve(pipe: Any, plan: Plan, folder: Path, number: int, cache: Use) -> None:
    """A worker's process: cells come in, rows go out, until nobody is at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep is interrupted, and ends its workers
    logging.getLogger("sim.models").addHandler(logging.NullHandler())  # waits would be told amid the progress bar
    try:
        worker = Worker(plan, folder, number, cache)
        pipe.send("ready")
        while True:
            pipe.send(worker.play(pipe.recv()))
    except SimError as error:
        pipe.send(error)
    except (EOFError, OSError):
        return
