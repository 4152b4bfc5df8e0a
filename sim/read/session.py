"""A world that is being written: after each save it is played again, and compared with how it went before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, Problem, SimError
from sim.read.diff import Diff, diff
from sim.read.taken import Taken
from sim.record.log import LogWriter, RunLog
from sim.stage.diverging import check_divergence
from sim.stage.replaying import Fit, Misfit, played, replayed
from sim.stage.run import settings_for
from sim.world.library import check, load
from sim.world.world import World

MOST_TURNS = 1_000
"""After so many turns a run is stopped: it may never end, and somebody waits for it."""


@dataclass(frozen=True)
class Play:
    """A run of the world as it is now, whole or stopped after ``MOST_TURNS``, and against the one before it.

    ``against`` and ``before`` are None for the first; ``misfit`` is where its answers first fitted no more.
    """

    world: World
    log: RunLog
    taken: Taken
    before: RunLog | None
    against: Diff | None
    misfit: Misfit | None
    is_stopped: bool


class _Enough(Exception):
    """A run has gone on for long enough."""


class Session:
    """A world that is played again and again, each time on the answers of the last run as far as they fit.

    ``place`` is its world.yaml; the logs go to ``folder``, of which those of the last two runs stay. It may begin
    with a ``run`` that was played elsewhere, by whatever models; then seed, language and variant are that run's.

    Raises:
        RunLogError: if that run is not one that can be played on.
    """

    def __init__(
        self,
        place: Path,
        folder: Path,
        *,
        seed: int = 0,
        language: str | None = None,
        variant: str | None = None,
        code: bool = True,
        run: RunLog | None = None,
    ) -> None:
        if run is not None:
            check_divergence(run)
            variant = run.header.variant
        self._run = run
        self.place = place
        self.last: Play | None = None
        self._folder = folder
        self._seed = seed
        self._language = language
        self._variant = variant
        self._code = code
        self._count = 0

    @property
    def language(self) -> str:
        """The language of the last run."""
        return self._language or (self.last.log.header.language if self.last is not None else "")

    def play(self) -> Play:
        """Load the world, play it, and compare. Where it cannot be loaded or played, the last run stays the last.

        Raises:
            SimError: with every problem of the world, or why it cannot be played.
        """
        world = self._load()
        self._count += 1
        path = self._folder / f"run-{self._count}.jsonl"
        before, fit = (self.last.log if self.last is not None else self._run), Fit()
        is_stopped = False
        try:
            with LogWriter(path) as writer:
                turns = _Turns()
                if before is None:
                    settings = settings_for(world, seed=self._seed, language=self._language)
                    run = played(world, settings, writer, turns)
                else:
                    run = replayed(before, world, writer, fit, turns)
                try:
                    run.play()
                except _Enough:
                    is_stopped = True
        except SimError:
            path.unlink(missing_ok=True)
            raise
        log = RunLog.open(path)
        against = diff(before, log) if before is not None else None
        misfit = next(iter(fit.misfits.values()), None)
        old = self.last.before if self.last is not None else None
        if old is not None and old is not self._run:
            old.path.unlink(missing_ok=True)
        self.last = Play(world, log, Taken.of([log]), before, against, misfit, is_stopped)
        return self.last

    def check(self) -> list[Problem]:
        """All problems of the world and of all its variants."""
        return check(self.place, code=self._code)[0]

    def _load(self) -> World:
        if not self.place.is_file():
            raise DefinitionError(f"{self.place}: the file is not there")
        return load(self.place, variant=self._variant, code=self._code)


class _Turns:
    """Counts the turns of a run, and ends it after too many."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, record: dict[str, Any]) -> None:
        self._count += record["type"] == "turn"
        if self._count >= MOST_TURNS:
            raise _Enough
