"""Commands that read logs: ``replay``, ``show``, ``runs`` and ``export``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, RunName, app, print_json, say
from sim.cli.running import family
from sim.errors import DefinitionError, RunLogError, did_you_mean


@app.command()
def replay(
    run: RunName = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Simulated minutes to a second; no waiting if left out.")
    ] = None,
    at: Annotated[int | None, typer.Option(min=1, metavar="TURN", help="Begin at this turn.")] = None,
    as_role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help="Show only what this role heard and did.")
    ] = None,
    episode: Annotated[int | None, typer.Option(min=1, help="Show only this episode.")] = None,
) -> None:
    """Play a run's transcript. Example: sim replay --as cashier --speed 2."""
    from sim.cli.show import Screen  # noqa: PLC0415
    from sim.read.transcript import Transcript  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    transcript = Transcript(log.header, *([as_role] if as_role else []))
    records = log.records
    if episode is not None:
        records = [r for r in records if getattr(r, "episode", None) == episode]
        if not records:
            raise RunLogError(f"{log.name} has no episode {episode}")
    if at is not None:
        starts = [i for i, r in enumerate(records) if r.type == "turn" and r.turn == at]
        if not starts:
            last = max((r.turn for r in records if r.type == "turn"), default=0)
            raise RunLogError(f"{log.name} has no turn {at}; it has {last}")
        records = records[starts[0] :]
    screen = Screen(log.header.models, speed)
    for entry in transcript.entries(records):
        screen.show(entry)
    if not log.is_complete:
        typer.echo("\nthe log ends here; the run did not come to its end", err=True)


@app.command()
def show(
    run: RunName = None,
    turn: Annotated[int | None, typer.Option(min=1, help="The turn to show.")] = None,
    episode: Annotated[
        int | None, typer.Option(min=1, help="Of which episode; the first that has it if left out.")
    ] = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="Show the exact prompt of the turn.")] = False,
    as_json: Json = False,
) -> None:
    """Show a run, or one turn of it: facts, words, acts, why an arrow fired, every attempt, and the exact prompt.

    Example: sim show --turn 4 --prompt
    """
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    if prompt and turn is None:
        raise DefinitionError("--prompt needs --turn N: a prompt belongs to a turn")
    log = RunLog.open(find_run(run))
    if turn is None:
        _show_run(log, as_json)
    else:
        from sim.cli.turn import show_turn  # noqa: PLC0415

        show_turn(log, turn, with_prompt=prompt or as_json, as_json=as_json, episode=episode)


def _show_run(log: Any, as_json: bool) -> None:
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
            for r in log.records
            if r.type == "resumed"
        ],
        "facts": header.facts,
        **family(header),
        "outcomes": [r.outcome for r in log.records if r.type == "episode_ended"],
        "turns": sum(r.type == "turn" for r in log.records),
        "refusals": sum(r.type == "refusal" for r in log.records),
        "warnings": [r.message for r in log.records if r.type == "warning"],
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
    folder: Annotated[Path, typer.Argument(help="Where the logs are.")] = Path("runs"),
    tree: Annotated[
        bool, typer.Option("--tree", help="Show forks below the runs that they were taken from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the runs in a folder, oldest first. Example: sim runs --tree."""
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.read.families import Families  # noqa: PLC0415
    from sim.record.log import RunLog, list_logs  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    families = Families()
    for path in list_logs(folder):
        try:
            log = RunLog.open(path)
        except RunLogError as error:
            rows.append({"run": path.name.removesuffix(".jsonl"), "world": None, "outcome": f"unreadable: {error}"})
            continue
        ends = [r.outcome for r in log.records if r.type == "episode_ended"]
        if tree:
            families.add(log)
        rows.append(
            {
                "run": log.name,
                "world": log.header.world,
                "seed": log.header.last_seed,
                "language": log.header.language,
                "outcome": ", ".join(ends) if log.is_complete else "not ended",
                "turns": sum(r.type == "turn" for r in log.records),
                "parent": log.header.fork.parent if log.header.fork else None,
                "at": log.header.fork.at if log.header.fork else None,
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


class Format(StrEnum):
    """What a run can be exported to."""

    md = "md"
    csv = "csv"
    html = "html"


@app.command()
def export(
    run: RunName = None,
    to: Annotated[Format | None, typer.Option(help="md, csv or html; else the ending of -o, else md.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; the terminal if left out.")] = None,
    as_role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help="html: only what this role heard and knows.")
    ] = None,
) -> None:
    """Export a run. Example: sim export --to html -o visit.html."""
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    ending = out.suffix.removeprefix(".").lower() if out is not None else "md"
    kind = to.value if to is not None else ending
    if kind not in set(Format):
        raise DefinitionError(f"cannot export to '.{kind}'{did_you_mean(kind, list(Format))}")
    text = _exported(log, kind, as_role)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists() and out.samefile(log.path):
        raise RunLogError(f"{out} is the log itself; a log is never overwritten")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunLogError(f"cannot write {out}: {error.strerror}") from None
    say(str(out))


def _exported(log: Any, kind: str, role: str | None) -> str:
    if kind == "html":
        from sim.read.page.page import to_html  # noqa: PLC0415 - needs the world's expressions

        return to_html(log, role)
    if role is not None:
        raise DefinitionError(f"--as is for html; {kind} has the whole run")
    from sim.read.export import to_csv, to_markdown  # noqa: PLC0415

    return to_csv(log) if kind == "csv" else to_markdown(log)
