"""``sim graph``: pictures of a world."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sim.cli.app import NoCode, WorldName, app, say
from sim.errors import DefinitionError, did_you_mean


class Picture(StrEnum):
    """How the machine is drawn."""

    mmd = "mmd"
    svg = "svg"
    dot = "dot"


@app.command()
def graph(
    world: WorldName,
    to: Annotated[Picture | None, typer.Option(help="The format; else the ending of -o, else mmd.")] = None,
    lang: Annotated[str | None, typer.Option(help="The language of the labels.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    no_code: NoCode = False,
    speakers: Annotated[bool, typer.Option("--speakers", help="Draw who may speak after whom instead.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; the terminal if left out.")] = None,
) -> None:
    """Draw the state machine, or who may speak after whom. Example: sim graph hospital_visit -o visit.svg."""
    from sim.read import graph as machine  # noqa: PLC0415
    from sim.read import speakers as talk  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    loaded = load(world, variant=variant, code=not no_code)
    language = lang or loaded.spec.languages[0]
    if not loaded.is_language(language):
        raise DefinitionError(
            f"'{loaded.name}' does not speak '{language}'{did_you_mean(language, loaded.spec.languages)}"
        )
    ending = out.suffix.removeprefix(".").lower() if out is not None else "mmd"
    kind = to.value if to is not None else ending
    of = talk if speakers else machine
    makers = {"mmd": of.to_mermaid, "svg": of.to_svg, "dot": of.to_dot}
    if kind not in makers:
        raise DefinitionError(f"cannot draw '.{kind}'{did_you_mean(kind, makers)}")
    text = makers[kind](loaded, language)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DefinitionError(f"cannot write {out}: {error.strerror}") from None
    say(str(out))
