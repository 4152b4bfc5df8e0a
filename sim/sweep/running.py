"""An experiment from its first cell to its last: results in their folder, whatever engine plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim.models.cache import Use
from sim.sweep.engines import Engine
from sim.sweep.estimating import Estimate, check_budget_holds, estimates
from sim.sweep.jobs import Jobs
from sim.sweep.plan import Plan
from sim.sweep.results import Results, Totals
from sim.sweep.rows import Done

Watcher = Callable[[Done | None, Results], None]
"""Told of each cell that is done, and once, with None, before the first."""


@dataclass(frozen=True)
class Sweep:
    """What came of a sweep; ``played`` are the cells of this command, without those that were there."""

    folder: Path
    totals: Totals
    played: int


def sweep(
    plan: Plan,
    folder: Path,
    engine: Engine,
    *,
    resume: bool = False,
    cache: Use = "off",
    watch: Watcher | None = None,
) -> Sweep:
    """Play the cells of an experiment that are not in its results yet.

    Raises:
        DefinitionError: if the budget cannot hold one run, or the folder has results that do not go on.
        RunLogError: if the results cannot be written.
    """
    estimated: dict[str, Estimate] = {}
    if plan.spec.budget.limits() != (None, None):
        estimated = estimates(plan)
        check_budget_holds(plan, estimated)
    results = Results.open(folder, plan, resume=resume)
    played = 0
    try:
        if watch is not None:
            watch(None, results)
        jobs = Jobs(plan, results, estimated, is_again=resume)
        for done in engine.play(plan, folder, jobs, cache):
            jobs.done(done)
            played += 1
            if watch is not None:
                watch(done, results)
    finally:
        results.close()
    return Sweep(folder, results.totals, played)
