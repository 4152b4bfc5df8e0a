"""Commands that test worlds: ``test``, the cases beside them, and ``coverage``, what runs have entered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, app, print_json, say
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.cases.trying import Verdict
    from sim.read.coverage import Coverage

FailUnder = Annotated[
    float | None,
    typer.Option(min=0, max=100, metavar="PERCENT", help="Exit 1 if less of a world than this was covered."),
]


@app.command(name="test")
def run_cases(
    world: Annotated[
        str | None,
        typer.Argument(
            help="A world's name, its folder, or its world.yaml; all that have cases if left out.", metavar="WORLD"
        ),
    ] = None,
    name: Annotated[str, typer.Option("-k", metavar="NAME", help="Only cases with this in their name.")] = "",
    update_golden: Annotated[
        bool, typer.Option("--update-golden", help="Write the golden transcripts anew.")
    ] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Say which states, ends and arrows the cases covered.")
    ] = False,
    fail_under: FailUnder = None,
    keep: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep the logs of the runs here.")] = None,
    no_code: NoCode = False,
    as_json: Json = False,
) -> None:
    """Run the cases in a world's tests/ folder, a line for each. Exits 1 if one fails.

    Example: sim test hospital_visit --coverage
    """
    from sim.cases.play import Worlds  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.cases.reading import trials_of, worlds_with_cases  # noqa: PLC0415
    from sim.cases.trying import Bench  # noqa: PLC0415
    from sim.read.coverage import Coverage  # noqa: PLC0415

    trials = list(trials_of(worlds_with_cases(world), name))
    if not trials:
        raise DefinitionError(f"no case has '{name}' in its name" if name else "no world has cases in its tests/")
    covered = Coverage() if coverage or fail_under is not None else None
    bench = Bench(Worlds(code=not no_code), update_golden, covered, keep)
    verdicts = []
    for trial in trials:
        verdicts.append(bench.attempt(trial))
        if not as_json:
            _tell(verdicts[-1])
    failed = sum(not verdict.ok for verdict in verdicts)
    if as_json:
        print_json(
            {
                "ok": not failed,
                "passed": len(verdicts) - failed,
                "failed": failed,
                "cases": [_row(verdict) for verdict in verdicts],
                **({"coverage": _rows(covered)} if covered is not None else {}),
            }
        )
    else:
        say(f"{len(verdicts) - failed} passed" + (f", {failed} failed" if failed else ""))
        if covered is not None:
            _show(covered)
    _exit(failed > 0, covered, fail_under)


def _tell(verdict: Verdict) -> None:
    trial = verdict.trial
    world = trial.world.parent.name
    if verdict.ok:
        say(f"ok    {world}: {trial.title}, {verdict.turns} turn{'' if verdict.turns == 1 else 's'}")
        return
    say(f"FAIL  {world}: {trial.title}")
    for failure in verdict.failures:
        say("\n".join(f"      {line}" for line in str(failure).split("\n")))


def _row(verdict: Verdict) -> dict[str, Any]:
    trial = verdict.trial
    return {
        "world": trial.world.parent.name,
        "file": str(trial.file),
        "case": trial.name,
        "language": trial.language,
        "seed": trial.seed,
        "ok": verdict.ok,
        "turns": verdict.turns,
        "failures": [
            {"place": f.place, "episode": f.episode, "turn": f.turn, "message": f.message} for f in verdict.failures
        ],
    }


@app.command(name="coverage")
def show_coverage(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs, by id or log file; all in runs/ if left out.", metavar="RUN")
    ] = None,
    fail_under: FailUnder = None,
    as_json: Json = False,
) -> None:
    """Say which states, ends and arrows of their worlds some runs have covered, and which none has.

    Example: sim coverage runs/*.jsonl --fail-under 90
    """
    from sim.read.coverage import Coverage  # noqa: PLC0415 - as above
    from sim.record.log import RunLog, find_run, list_logs  # noqa: PLC0415

    paths = [find_run(run) for run in runs] if runs else list_logs(Path("runs"))
    if not paths:
        raise DefinitionError("no runs in runs/; 'sim run WORLD' makes one, 'sim test --coverage' covers cases")
    covered = Coverage.of(RunLog.open(path) for path in paths)
    if as_json:
        print_json(_rows(covered))
    else:
        _show(covered)
    _exit(False, covered, fail_under)


def _rows(coverage: Coverage) -> list[dict[str, Any]]:
    return [found.described() for found in coverage.covered.values()]


def _show(coverage: Coverage) -> None:
    """A line for each world and variant, and one for each thing that was missed."""
    for found in coverage.covered.values():
        parts = [
            f"{sum(map(bool, counts.values()))} of {len(counts)} {what}"
            for what, counts in (("states", found.states), ("ends", found.ends), ("arrows", found.arrows))
        ]
        variant = f" ({found.variant})" if found.variant else ""
        runs = f"{found.runs} run{'' if found.runs == 1 else 's'}"
        say(f"{found.percent:g}% of {found.world}{variant} in {runs}: {', '.join(parts)}")
        for name in found.missed:
            say(f"      never: {name}")


def _exit(failed: bool, coverage: Coverage | None, fail_under: float | None) -> None:
    if coverage is not None and fail_under is not None:
        for found in coverage.covered.values():
            if found.percent < fail_under:
                variant = f" ({found.variant})" if found.variant else ""
                told = f"{found.percent:g}% of {found.world}{variant} is covered, less than {fail_under:g}%"
                typer.echo(told, err=True)
                failed = True
    if failed:
        raise typer.Exit(1)
