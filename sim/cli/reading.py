"""Commands that read logs: ``replay``, ``show`` and ``runs``."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, RunName, app, print_json, say
from sim.cli.running import family
from sim.errors import DefinitionError, RunLogError

EpisodeNumber = Annotated[
    int | None, typer.Option(min=1, help="Of which episode; the first that has it if left out.")
]


@app.command()
def replay(
    run: RunName = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Simulated minutes to a second; no waiting if left out.")
    ] = None,
    at: Annotated[int | None, typer.Option(min=1, metavar="TURN", help="Begin at this turn.")] = None,
    as_role: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="ROLE", help="Show only what this agent, or the agents of this role, heard and did."
        ),
    ] = None,
    episode: Annotated[int | None, typer.Option(min=1, help="Only this episode; all if left out.")] = None,
) -> None:
    """Play a run's transcript. Example: sim replay --as cashier --speed 2."""
    from sim.cli.show import console  # noqa: PLC0415
    from sim.read.screen import Screen  # noqa: PLC0415
    from sim.read.transcript import Transcript, agents_as  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415
    from sim.record.records import EpisodeStarted  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    asked = (agents_as(log.header, as_role) or (as_role,)) if as_role else ()
    transcript = Transcript(log.header, *asked)
    start = 0 if at is None else log.turn(at, episode)[0]
    screen = Screen(console(), log.header.models, speed)
    records = log.records.after(start)
    if episode is not None:
        records = (r for r in records if getattr(r, "episode", None) == episode)
        if episode not in {r.episode for r in log.records.of(EpisodeStarted)}:
            raise RunLogError(f"{log.name} has no episode {episode}")
    for entry in transcript.entries(records):
        screen.show(entry)
    if not log.is_complete:
        typer.echo("\nthe log ends here; the run did not come to its end", err=True)


@app.command()
def show(
    run: RunName = None,
    turn: Annotated[int | None, typer.Option(min=1, help="The turn to show.")] = None,
    episode: EpisodeNumber = None,
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
    from sim.record.records import EpisodeEnded, Refusal, ResumedWith, Turn, WarningNote  # noqa: PLC0415

    header = log.header
    summary = {
        "run": log.name,
        "world": header.world,
        "variant": header.variant,
        "seed": header.seed,
        "language": header.language,
        "models": {role: model.get("name") for role, model in header.models.items()},
        "resumed": [
            {"after": r.seq - 1, "models": {role: model.get("name") for role, model in r.models.items()}}
            for r in log.records.of(ResumedWith)
        ],
        "facts": header.facts,
        **family(header),
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
        say(f"{key:10} {_told(value)}")


def _told(value: Any) -> str:
    """A value as people read it: names with what they have, items in a row; a dash for nothing."""
    if value in (None, [], {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_told(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(map(_told, value))
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@app.command(name="runs")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="Where the logs are.")] = Path("runs"),
    tree: Annotated[
        bool, typer.Option("--tree", help="Show forks below the runs that they were taken from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the runs in a folder, oldest first. Example: sim runs --tree."""
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.read.families import Families  # noqa: PLC0415
    from sim.record.glance import glance  # noqa: PLC0415
    from sim.record.log import RunLog, list_logs  # noqa: PLC0415
    from sim.record.packed import run_id  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    families = Families()
    for path in list_logs(folder):
        try:
            seen = glance(path)
        except RunLogError as error:
            rows.append({"run": run_id(path), "world": None, "outcome": f"unreadable: {error}"})
            continue
        ends = [outcome if count == 1 else f"{outcome} ×{count}" for outcome, count in seen.outcomes.items()]
        header = seen.header
        if tree:
            families.add(RunLog.open(path, check=False))
        rows.append(
            {
                "run": run_id(path),
                "world": header.world,
                "seed": header.last_seed,
                "language": header.language,
                "outcome": ", ".join(ends) if seen.is_complete else "not ended",
                "turns": seen.turns,
                "parent": header.fork.parent if header.fork else None,
                "at": header.fork.at if header.fork else None,
            }
        )
    if tree:
        rows = _nested(rows, families)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say(f"no runs in {folder}/; 'sim run WORLD' makes one")
        return
    columns = ("run", "world", "seed", "language", "outcome", "turns")
    if tree:
        rows = [{**row, "run": _branch(row)} for row in rows]
    console().print(table(None, columns, [[r.get(c, "-") for c in columns] for r in rows]))


def _nested(rows: list[dict[str, Any]], families: Any) -> list[dict[str, Any]]:
    """The rows, each fork after its parent; ``depth`` says how deep it is."""
    by_name = {row["run"]: row for row in rows}
    known = [{**by_name[name], "depth": depth} for name, depth in families.walk()]
    return known + [{**row, "depth": 0} for row in rows if row["world"] is None]


def _branch(row: dict[str, Any]) -> str:
    """A run's name below that of the run it was forked from, or with that name, where that run is not here."""
    if row.get("parent") is None:
        return str(row["run"])
    if not row["depth"]:
        return f"{row['run']} (of {row['parent']}, turn {row['at']})"
    return f"{'   ' * (row['depth'] - 1)}└─ {row['run']} (turn {row['at']})"
