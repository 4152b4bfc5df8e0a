"""``sim schema``: the JSON Schemas of the files that people write, for their editors, and of the run log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sim.cli.app import app, say
from sim.errors import DefinitionError


class Documented(StrEnum):
    """What has a schema."""

    world = "world"
    persona = "persona"
    lines = "lines"
    models = "models"
    acts = "acts"
    cases = "cases"
    experiment = "experiment"
    log = "log"


@app.command()
def schema(
    of: Annotated[
        Documented | None,
        typer.Argument(help="The file that you write, or log: the records of a run log. All but log if left out."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PATH", help="Write it there; a folder, where none is named."),
    ] = None,
) -> None:
    """Print the JSON Schema of a file, or write those of all files to a folder, for editors.

    A schema that is there already is written anew.

    Example: sim schema -o .schemas
    """
    from sim.schemas.files import schema_texts, text_of  # noqa: PLC0415 - heavy; `sim --help` needs none of it

    if of is None and out is None:
        raise DefinitionError("of what? sim schema world prints one; sim schema -o .schemas writes all of them")
    if of is None and out is not None:
        for name, text in schema_texts().items():
            _write(out / name, text)
        return
    text = text_of(of.value if of is not None else "")
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DefinitionError(f"cannot write {path}: {error.strerror}") from None
    say(f"wrote {path}")
