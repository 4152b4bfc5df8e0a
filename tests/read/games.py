"""Logs of bundled worlds for the tests of this folder, each played once in a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from sim.models.model import Model
from sim.models.scripted import Scripted
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from tests.worlds.players import POLITE, Desk, Manners, play, world_of


@cache
def logged(
    name: str, variant: str | None = None, language: str = "en", seed: int = 5, manners: Manners = POLITE
) -> RunLog:
    """The log of a game; read it, never change it."""
    path = Path(mkdtemp()) / f"{name}-s{seed}.jsonl"
    with LogWriter(path) as log:
        play(world_of(name, variant), seed=seed, language=language, manners=manners, log=log)
    return RunLog.open(path)


@cache
def scripted(name: str, variant: str | None = None, language: str = "en", seed: int = 7) -> RunLog:
    """The log of a scripted run; where code would be run, a report of it is given instead."""
    world, path = world_of(name, variant), Path(mkdtemp()) / f"{name}-s{seed}.jsonl"
    models: dict[str, Model] = dict.fromkeys(speakers(world), Scripted())
    desks = [a for a in world.agents if world.spec.roles[world.cast[a]].kind == "executor"]
    models |= {desk: Desk(seed, POLITE, []) for desk in desks}
    with LogWriter(path) as log:
        Run(world, settings_for(world, seed=seed, language=language), models, log).play()
    return RunLog.open(path)
