"""Answers that are under way: asked for when a turn begins, collected when its simulated time is over.

Where one episode is alone, a model is asked when its answer is needed. Where several overlap, models that wait for
something outside are asked in the background, at most so many at once; the log does not show which answered first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sim.engine.answers import Answer
from sim.record.log import Sink
from sim.stage.exchange import Note

PARALLEL = 128
"""Calls in flight, where nothing else is said."""

Job = Callable[[Note], Answer]


class Asked:
    """An answer that was asked for, or will be when it is collected."""

    def __init__(self, job: Job, episode: int) -> None:
        self.episode = episode
        self._job = job
        self._future: Future[Answer] | None = None
        self._notes: list[tuple[str, Mapping[str, Any] | None, dict[str, Any]]] = []

    def submit(self, pool: ThreadPoolExecutor) -> None:
        """Ask in the background."""
        self._future = pool.submit(self._job, self._keep)

    def _keep(self, kind: str, measured: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        self._notes.append((kind, measured, fields))

    def collect(self, note: Note) -> Answer:
        """The answer, once what was noted on the way to it is noted; raises what asking raised."""
        if self._future is None:
            return self._job(note)
        error = self._future.exception()
        for kind, measured, fields in self._notes:
            note(kind, measured, **fields)
        if error is not None:
            raise error
        return self._future.result()

    def cancel(self) -> bool:
        """Let it go, if asking has not begun."""
        return self._future is None or self._future.cancel()

    def paid(self) -> list[dict[str, Any]]:
        """The calls made on the way to an answer that was never collected, when it has come."""
        if self._future is None:
            return []
        with suppress(BaseException):
            self._future.exception()
        return [
            {"episode": self.episode, **fields, "measured": dict(measured or {})}
            for kind, measured, fields in self._notes
            if kind == "call"
        ]


class Desk:
    """Where the answers of a run are waited for; ``is_alone`` says that only one episode is played."""

    def __init__(self, parallel: int | None = None, *, is_alone: bool = True) -> None:
        self._parallel = parallel or PARALLEL
        self._is_alone = is_alone
        self._pool: ThreadPoolExecutor | None = None
        self._open: dict[Asked, None] = {}
        self._last = 0

    def ask(self, jobs: Mapping[str, Job], remote: frozenset[str], episode: int) -> dict[str, Asked]:
        """Ask for the answers of some agents, those of ``remote`` models in the background if it saves time."""
        asked = {agent: Asked(job, episode) for agent, job in jobs.items()}
        if remote and (len(jobs) > 1 or not self._is_alone):
            self._pool = self._pool or ThreadPoolExecutor(self._parallel, thread_name_prefix="model")
            for each in asked.values():
                each.submit(self._pool)
                self._open[each] = None
        return asked

    def collect(self, asked: Asked, note: Note) -> Answer:
        """The answer of one."""
        self._last = asked.episode
        self._open.pop(asked, None)
        return asked.collect(note)

    def close(self, log: Sink | None = None) -> None:
        """Let go of what is still under way; what was paid for is kept in the log, where one is given.

        Those asked at once with the one that failed are awaited; of other episodes only what has begun.
        """
        left = [a for a in self._open if a.episode == self._last or not a.cancel()]
        self._open = {}
        for asked in left:
            for call in asked.paid():
                if log is not None:
                    log.keep(call)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None
