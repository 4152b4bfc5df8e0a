"""Commands that read logs: ``replay``, ``show`` and ``runs``."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, RunName, app, print_json, say
from sim.errors import DefinitionError, RunLogError

EpisodeNumber = Annotated[int, typer.Option(min=1, help="The episode in which the turn is.")]


@app.command()
def replay(
    run: RunName = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Simulated minutes to a second; no waiting if left out.")
    ] = None,
    at: Annotated[int | None, typer.Option(min=1, metavar="TURN", help="Begin at this turn.")] = None,
    episode: EpisodeNumber = 1,
    as_role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help="Show only what this role heard and did.")
    ] = None,
) -> None:
    """Play a run's transcript. Example: sim replay --as cashier --speed 2."""
    from sim.cli.show import Screen  # noqa: PLC0415
    from sim.read.transcript import Transcript  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    transcript = Transcript(log.header, *([as_role] if as_role else []))
    start = 0 if at is None else log.turn(at, episode)[0]
    screen = Screen(log.header.models, speed)
    for entry in transcript.entries(log.records.after(start)):
        screen.show(entry)
    if not log.is_complete:
        typer.echo("\nthe log ends here; the run did not come to its end", err=True)


@app.command()
def show(
    run: RunName = None,
    turn: Annotated[int | None, typer.Option(min=1, help="The turn to show.")] = None,
    episode: EpisodeNumber = 1,
    prompt: Annotated[bool, typer.Option("--prompt", help="Show the exact prompt of the turn.")] = False,
    as_json: Json = False,
) -> None:
    """Show a run, or one turn of it: facts, words, acts, why an arrow fired, every attempt, and the exact prompt.

    Example: sim show --turn 4 --prompt
    """
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    if prompt and turn is None:
        raise DefinitionError("--prompt needs --turn N: a prompt belongs to a turn")
    log = RunLog.open(find_run(run), check=False)
    if turn is None:
        _show_run(log, as_json)
    else:
        from sim.cli.turn import show_turn  # noqa: PLC0415

        show_turn(log, turn, episode, with_prompt=prompt or as_json, as_json=as_json)


MOST = 1000
"""Outcomes and warnings of a run that are shown."""


def _show_run(log: Any, as_json: bool) -> None:
    from sim.record.records import EpisodeEnded, Refusal, Turn, WarningNote  # noqa: PLC0415

    header = log.header
    summary = {
        "run": log.name,
        "world": header.world,
        "variant": header.variant,
        "seed": header.seed,
        "language": header.language,
        "models": {role: model.get("name") for role, model in header.models.items()},
        "facts": header.facts,
        "outcomes": [r.outcome for r in itertools.islice(log.records.of(EpisodeEnded), MOST)],
        "turns": log.records.how_many(Turn),
        "refusals": log.records.how_many(Refusal),
        "warnings": [r.message for r in itertools.islice(log.records.of(WarningNote), MOST)],
        "complete": log.is_complete,
        "trace": log.trace,
    }
    if as_json:
        print_json(summary)
        return
    for key, value in summary.items():
        say(f"{key:10} {value if value not in (None, [], {}) else '-'}")


@app.command(name="runs")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Where the logs are.")] = Path("runs"), as_json: Json = False
) -> None:
    """List the runs in a folder, oldest first. Example: sim runs."""
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.record.glance import glance  # noqa: PLC0415
    from sim.record.log import list_logs  # noqa: PLC0415
    from sim.record.packed import run_id  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    for path in list_logs(folder):
        try:
            seen = glance(path)
        except RunLogError as error:
            rows.append({"run": run_id(path), "world": None, "outcome": f"unreadable: {error}"})
            continue
        ends = [outcome if count == 1 else f"{outcome} ×{count}" for outcome, count in seen.outcomes.items()]
        rows.append(
            {
                "run": run_id(path),
                "world": seen.header.world,
                "seed": seen.header.seed,
                "language": seen.header.language,
                "outcome": ", ".join(ends) if seen.is_complete else "not ended",
                "turns": seen.turns,
            }
        )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say(f"no runs in {folder}/; 'sim run WORLD' makes one")
        return
    columns = ("run", "world", "seed", "language", "outcome", "turns")
    console().print(table(None, columns, [[r.get(c, "-") for c in columns] for r in rows]))
