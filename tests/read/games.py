"""Logs of bundled worlds for the tests of this folder, each played once in a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from sim.record.log import LogWriter, RunLog
from tests.worlds.players import POLITE, Manners, play, world_of


@cache
def logged(
    name: str, variant: str | None = None, language: str = "en", seed: int = 5, manners: Manners = POLITE
) -> RunLog:
    """The log of a game; read it, never change it."""
    path = Path(mkdtemp()) / f"{name}-s{seed}.jsonl"
    with LogWriter(path) as log:
        play(world_of(name, variant), seed=seed, language=language, manners=manners, log=log)
    return RunLog.open(path)
