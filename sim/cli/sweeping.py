"""The command ``sweep``: an experiment, from its file to its results."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, app, print_json, say
from sim.cli.options import CacheUse, Caching
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.sweep.cells import Arm
    from sim.sweep.engines import Engine
    from sim.sweep.estimating import Estimate
    from sim.sweep.plan import Plan
    from sim.sweep.results import Results, Totals
    from sim.sweep.rows import Done
    from sim.sweep.running import Watcher


class EngineName(StrEnum):
    """Where the runs of an experiment are played."""

    LOCAL = "local"
    RAY = "ray"


@app.command()
def sweep(
    experiment: Annotated[Path, typer.Argument(help="The file of an experiment.", metavar="EXPERIMENT")],
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            min=0,
            max=1024,
            metavar="N",
            help="Processes; 0 plays in this one.",
            show_default="one for each processor of the machine, or of the cluster",
        ),
    ] = None,
    engine: Annotated[
        EngineName, typer.Option(help="Where: in processes of this machine, or on a Ray cluster.")
    ] = EngineName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The Ray cluster, HOST:PORT or auto; RAY_ADDRESS, or one of this machine alone, if left out.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with results that are there.")] = False,
    dry: Annotated[
        bool, typer.Option("--dry", help="Show the arms and what they would take; run nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the results go; results/EXPERIMENT if left out.")
    ] = None,
    cache: CacheUse = Caching.off,
    no_code: Annotated[
        bool, typer.Option("--no-code", help="Refuse worlds with a rules.py, and functions that measure.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run an experiment: every arm with every seed, each run a row of results.jsonl and a log.

    Example: sim sweep second_doctor.yaml -j 2
    """
    from sim.sweep.estimating import check_budget_holds, estimates  # noqa: PLC0415 - heavy, as below
    from sim.sweep.plan import read_plan  # noqa: PLC0415
    from sim.sweep.running import sweep as run  # noqa: PLC0415

    _check_engine(engine, jobs, address)
    plan = read_plan(experiment, code=not no_code)
    if dry:
        found = estimates(plan)
        _show_plan(plan, found, as_json)
        check_budget_holds(plan, found)
        return
    folder = out or Path("results") / plan.name
    began = time.perf_counter()
    try:
        with _engine(engine, jobs, address) as plays, _progress(plan, is_shown=not as_json) as watch:
            done = run(plan, folder, plays, resume=resume, cache=cache.value, watch=watch)
    except KeyboardInterrupt:
        typer.echo(f"stopped; 'sim sweep {experiment} --resume' goes on with {folder}", err=True)
        raise
    _report(plan, folder, done.totals, done.played, time.perf_counter() - began, as_json)


def _check_engine(name: EngineName, jobs: int | None, address: str | None) -> None:
    if address is not None and name is not EngineName.RAY:
        raise DefinitionError("--address is that of a Ray cluster, and goes with --engine ray")
    if jobs == 0 and name is EngineName.RAY:
        raise DefinitionError("-j 0 plays in this process, without --engine ray")


@contextmanager
def _engine(name: EngineName, jobs: int | None, address: str | None) -> Iterator[Engine]:
    """What plays the cells, for as long as it is needed."""
    from sim.sweep.engines import InProcess, Pool  # noqa: PLC0415 - heavy; `sim --help` needs none of it

    if name is EngineName.RAY:
        from sim.sweep.ray_engine import Ray  # noqa: PLC0415

        with Ray(jobs, address) as ray:
            yield ray
    else:
        yield InProcess() if jobs == 0 else Pool(_processors() if jobs is None else jobs)


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _show_plan(plan: Plan, found: Mapping[str, Estimate], as_json: bool) -> None:
    """The arms with their cells, and what they would take."""
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.sweep.cells import count  # noqa: PLC0415

    cells = count(plan)
    each = cells // len(plan.arms)
    rows = [_planned(plan, arm, found[arm.name], each) for arm in plan.arms]
    seconds = sum(e.seconds for e in found.values()) * each
    if as_json:
        print_json({"experiment": plan.name, "cells": cells, "seconds": round(seconds, 1), "arms": rows})
        return
    has_judge = plan.spec.judge is not None
    shown = [
        {
            "arm": row["arm"],
            "world": row["world"] + (f" ({row['variant']})" if row["variant"] else ""),
            "cells": f"{row['cells']:,}",
            "turns a run": row["failure"] or f"{row['turns']:,}",
            "tokens a run": f"{row['tokens']:,}",
            **({"marks": f"{row['marks']:,}"} if has_judge else {}),
            "paid for": f"{row['paid_tokens']:,}",
            "cost": "not known" if row["cost"] is None else _money({row["currency"]: Decimal(str(row["cost"]))}),
        }
        for row in rows
    ]
    console().print(table(None, list(shown[0]), [list(row.values()) for row in shown]))
    say(
        f"{cells:,} runs: {len(plan.arms)} arms, {each:,} runs each; turns and tokens are those of one "
        "scripted run of each arm, cost is for all its runs"
        + ("; marks are calls of the judge, and are in what is paid for" if has_judge else "")
    )


def _planned(plan: Plan, arm: Arm, estimate: Estimate, runs: int) -> dict[str, Any]:
    """What an arm of so many runs would take."""
    cost = None if estimate.cost is None else estimate.cost * runs
    return {
        "arm": arm.name,
        "world": plan.stages[arm.stage].resolved["world"]["world"],
        "variant": arm.setting.variant,
        "lang": arm.setting.lang,
        "cells": runs,
        "turns": estimate.turns,
        "tokens": estimate.tokens,
        "marks": estimate.marks * runs,
        "paid_tokens": estimate.paid * runs,
        "cost": None if cost is None else float(cost),
        "currency": estimate.currency,
        "failure": estimate.failure,
    }


@contextmanager
def _progress(plan: Plan, *, is_shown: bool) -> Iterator[Watcher]:
    """A bar on a terminal, and nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from sim.sweep.cells import count  # noqa: PLC0415

    screen = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[cost]}"),
        TimeRemainingColumn(),
        console=screen,
        refresh_per_second=2,
        transient=True,
        disable=not (is_shown and screen.is_terminal and sys.stderr.isatty()),
        speed_estimate_period=60,
    )
    task = bar.add_task(plan.name, total=count(plan), rate="", cost="")
    began, before = time.monotonic(), 0

    def watch(done: Done | None, results: Results) -> None:
        nonlocal began, before
        finished = results.totals.by_status.total()
        if done is None:
            began, before = time.monotonic(), finished
        rate = (finished - before) / max(time.monotonic() - began, 1e-6)
        told = f"{rate:.1f} runs/s" if finished > before else ""
        bar.update(task, completed=finished, rate=told, cost=_money(results.totals.paid))

    with bar:
        yield watch


def _report(plan: Plan, folder: Path, totals: Totals, played: int, seconds: float, as_json: bool) -> None:
    from sim.cli.show import counted  # noqa: PLC0415

    counts = totals.by_status
    rate = played / seconds if seconds else 0.0
    if as_json:
        currency = max(sorted(totals.cost), key=lambda c: totals.cost[c], default="USD")
        print_json(
            {
                "experiment": plan.name,
                "results": str(folder),
                "cells": counts.total(),
                "done": counts["done"],
                "failed": counts["failed"],
                "over_budget": counts["over_budget"],
                "unmarked": totals.unmarked,
                "seconds": round(seconds, 3),
                "runs_per_second": round(rate, 3),
                "tokens": totals.tokens,
                "cost": {"amount": float(totals.cost.get(currency, Decimal(0))), "currency": currency},
            }
        )
        return
    others = "".join(
        f", {counts[name]:,} {name.replace('_', ' ')}" for name in ("failed", "over_budget") if counts[name]
    )
    if totals.unmarked:
        others += f", {counted(totals.unmarked, 'episode')} without a mark"
    say(
        f"{counts['done']:,} done{others} · {played:,} runs in {seconds:.1f} s, {rate:.1f} a second · "
        f"{totals.tokens:,} tokens · {_money(totals.cost)} · {folder}"
    )


def _money(costs: Mapping[str, Decimal]) -> str:
    told = {c: amount for c, amount in sorted(costs.items()) if amount} or {"USD": Decimal(0)}
    cent = Decimal("0.0001")
    return " + ".join(f"{amount.quantize(cent, ROUND_HALF_EVEN):f} {c}" for c, amount in told.items())
