"""Playing the arms: each cell of rounds, reliability and seed in each arm, one after another."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openai import OpenAIError

from bench.selection import ours, plain
from bench.selection.judge import FAILED, Verdict
from bench.selection.results import ARMS, Result, result
from bench.selection.scene import CUT, WHOLE, Scene, make
from bench.selection.server import SelectionServer
from bench.selection.speakers import Cast
from sim.errors import ModelError
from sim.models.prices import Price

LIBRARIES = ("autogen", "ag2.event.processor", "sim.models")


@dataclass(frozen=True)
class Plan:
    """What is played; where ``url`` is given, a model there answers, and reliabilities mean nothing."""

    rounds: Sequence[int] = (20, 40, 100)
    seeds: Sequence[int] = range(1, 6)
    reliabilities: Sequence[float] = (1.0, 0.98, 0.9)
    language: str = "zh"
    price: Price | None = None
    url: str | None = None
    model: str = "scripted"
    cut: float = CUT
    arms: Sequence[str] = ARMS


def play(plan: Plan, tell: Callable[[Result], None] | None = None) -> list[Result]:
    """Play all, and tell each result as it comes.

    Raises:
        sim.errors.DefinitionError: if the rounds or the language are none there can be.
    """
    server = SelectionServer(plan.url, plan.model)
    found = []
    try:
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            for each in _played(plan, server, Path(folder)):
                found.append(each)
                if tell is not None:
                    tell(each)
    finally:
        server.close()
    return found


def _played(plan: Plan, server: SelectionServer, folder: Path) -> Iterator[Result]:
    for rounds in plan.rounds:
        scene = make(rounds, plan.language, folder / f"{rounds}", cut=plan.cut)
        whole = make(rounds, plan.language, folder / f"{rounds}-whole", cut=plan.cut, context=WHOLE)
        for reliability in (None,) if plan.url else plan.reliabilities:
            for seed in plan.seeds:
                for arm in plan.arms:
                    there = whole if arm == "ours_whole" else scene
                    yield _one(plan, server, there, (rounds, reliability, arm, seed), folder)


def _one(
    plan: Plan, server: SelectionServer, scene: Scene, cell: tuple[int, float | None, str, int], folder: Path
) -> Result:
    rounds, reliability, arm, seed = cell
    server.begin(scene, Cast(scene, seed, 1.0 if reliability is None else reliability), seed)
    try:
        if arm.startswith("ours"):
            path = folder / f"{rounds}-{reliability}-{arm}-{seed}.jsonl"
            verdict, _ = ours.play(scene, server.url, seed, path)
        else:
            verdict, _ = plain.play(scene, arm, server.url)
    except (ModelError, OpenAIError):
        if plan.url is None:  # the script cannot fail; if it does, something here is wrong
            raise
        verdict = Verdict(outcome=FAILED)
    return result(cell, verdict, server.count, plan.price, server.failures)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' loggers from telling what is measured here."""
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
