"""Trying a run of a case: it is played, judged, held against its golden transcript, and counted."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sim.cases.golden import compare
from sim.cases.judging import Failure, judge
from sim.cases.play import Worlds, play
from sim.cases.reading import Trial
from sim.errors import SimError
from sim.read.coverage import Coverage
from sim.record.log import free_path


@dataclass(frozen=True)
class Verdict:
    """What came of a run of a case; it passed if there are no ``failures``."""

    trial: Trial
    failures: tuple[Failure, ...]
    turns: int = 0

    @property
    def ok(self) -> bool:
        """Whether all was as expected."""
        return not self.failures


@dataclass
class Bench:
    """Where cases are tried: the worlds that are loaded, what to do with transcripts, and what was covered.

    Logs go to ``keep``, and nowhere where that is None.
    """

    worlds: Worlds
    update_golden: bool = False
    coverage: Coverage | None = None
    keep: Path | None = None

    def attempt(self, trial: Trial) -> Verdict:
        """Try one run of a case; what cannot be played is a failure like others."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.jsonl"
            if self.keep is not None:
                path = free_path(self.keep, _file_name(trial), trial.seed or 0)
            try:
                played = play(trial, self.worlds, path)
                if self.coverage is not None:
                    self.coverage.add(played.log, played.world)
                failures = judge(trial, played)
                if played.mismatch is None:
                    failures += compare(trial, played.log, update=self.update_golden)
            except SimError as error:
                return Verdict(trial, tuple(_failure(trial, line) for line in str(error).splitlines()))
            turns = sum(r.type == "turn" for r in played.log.records)
        return Verdict(trial, tuple(failures), turns)


_PLACED = re.compile(r"^(.+?\.(?:ya?ml|jsonl|ndjson|py):\d+)(?::\d+)?: (.*)$")


def _failure(trial: Trial, line: str) -> Failure:
    """A failure of an error's line, at the place that it names or at the case."""
    found = _PLACED.match(line)
    return Failure(found[1], found[2]) if found else Failure(trial.place(), line)


def _file_name(trial: Trial) -> str:
    words = f"{trial.world.parent.name}-{trial.name}-{trial.language or ''}"
    return re.sub(r"[^\w-]+", "-", words).strip("-")
