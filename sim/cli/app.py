"""The Typer application and what all commands share."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Annotated, Any

import typer

from sim.errors import DefinitionError

app = typer.Typer(
    name="sim",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run role-play worlds, replay their transcripts, and write new ones.\n\n"
    "Example: sim run hospital_visit --seed 7 --lang zh",
)


new_app = typer.Typer(no_args_is_help=True)
app.add_typer(new_app, name="new", help="Write a file to begin with. Example: sim new persona li_ming.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sim {version('roleplay-sim')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


WorldName = Annotated[str, typer.Argument(help="A world's name, its folder, or its world.yaml.", metavar="WORLD")]
NoCode = Annotated[bool, typer.Option("--no-code", help="Refuse a world that brings a rules.py.")]
RunName = Annotated[
    str | None, typer.Argument(help="A run's id or log file; the latest in runs/ if left out.", metavar="RUN")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def print_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def say(text: object, *, err: bool = False) -> None:
    """Print a line for people; control characters of worlds and logs do not reach the terminal."""
    from sim.world.kinds import one_line  # noqa: PLC0415 - not needed for `sim --help`

    typer.echo("\n".join(one_line(line) for line in str(text).split("\n")), err=err)


def pairs(options: list[str]) -> dict[str, str]:
    """Read ``name=value`` options.

    Raises:
        DefinitionError: for one without an equals sign.
    """
    result: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name.strip():
            wide = "; write '=' for the full-width '＝'" if "＝" in option else ""
            raise DefinitionError(f"'--set {option}' needs the form name=value{wide}")
        result[name.strip()] = value.strip()
    return result
