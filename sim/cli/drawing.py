"""``sim graph``: pictures of a world, and of what runs took of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.app import NoCode, app, say
from sim.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from sim.read.taken import Taken
    from sim.record.log import RunLog
    from sim.world.world import World


class Picture(StrEnum):
    """How the machine is drawn."""

    mmd = "mmd"
    svg = "svg"
    png = "png"
    dot = "dot"


@app.command()
def graph(
    world: Annotated[
        str | None,
        typer.Argument(
            metavar="WORLD", help="A world's name, its folder, or its world.yaml; the run's own if left out."
        ),
    ] = None,
    to: Annotated[Picture | None, typer.Option(help="The format; else the ending of -o, else mmd.")] = None,
    lang: Annotated[str | None, typer.Option(help="The language of the labels.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world; the run's if left out.")] = None,
    no_code: NoCode = False,
    speakers: Annotated[bool, typer.Option("--speakers", help="Draw who may speak after whom instead.")] = False,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Draw what this run took, and how often. Repeatable: all together."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; the terminal if left out.")] = None,
) -> None:
    """Draw the state machine, or who may speak after whom.

    Example: sim graph hospital_visit --run hospital_visit-s7-1 -o visit.png
    """
    from sim.read.taken import Taken  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    kind = kind_of(out, to.value if to is not None else None)
    logs = [RunLog.open(find_run(name)) for name in run or []]
    loaded = _world(world, variant, logs, code=not no_code)
    language = lang or (logs[0].header.language if logs else loaded.spec.languages[0])
    if not loaded.is_language(language):
        raise DefinitionError(
            f"'{loaded.name}' does not speak '{language}'{did_you_mean(language, loaded.spec.languages)}"
        )
    taken = Taken.of(logs) if logs else None
    drawn = draw(loaded, language, kind, taken, speakers=speakers)
    if taken is not None and not speakers:
        _tell_strangers(loaded, taken)
    if out is None:
        typer.echo(drawn.decode(), nl=False)
        return
    write(out, drawn)
    say(str(out))


def kind_of(out: Path | None, to: str | None = None) -> str:
    """The format of a picture, by what is asked for or by the ending of its file.

    Raises:
        DefinitionError: if there is no such format, or a PNG would go to the terminal, or cannot be drawn here.
    """
    kind = to or (out.suffix.removeprefix(".").lower() if out is not None else "mmd")
    if kind not in list(Picture):
        raise DefinitionError(f"cannot draw '.{kind}'{did_you_mean(kind, list(Picture))}")
    if kind == "png":
        if out is None:
            raise DefinitionError("a PNG goes to a file: -o picture.png")
        from sim.read.raster import check_raster  # noqa: PLC0415 - an extra

        check_raster()
    return kind


def draw(world: World, language: str, kind: str, taken: Taken | None, *, speakers: bool = False) -> bytes:
    """A picture in one of the formats of :class:`Picture`, with what runs took if that is given.

    Raises:
        DefinitionError: if a PNG cannot be drawn here.
    """
    from sim.read import graph, statechart  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.read import speakers as talk  # noqa: PLC0415

    makers = {
        "mmd": talk.to_mermaid if speakers else graph.to_mermaid,
        "dot": talk.to_dot if speakers else graph.to_dot,
        "svg": talk.to_svg if speakers else statechart.to_svg,
    }
    if kind == "png":
        from sim.read.raster import to_png  # noqa: PLC0415 - an extra

        return to_png(makers["svg"](world, language, taken))
    return makers[kind](world, language, taken).encode()


def write(path: Path, drawn: bytes) -> None:
    """Write a picture, a file in one step: who looks at it never sees half of it.

    Raises:
        DefinitionError: if it cannot be written.
    """
    try:
        if path.exists() and (
            path.is_symlink() or not path.is_file()
        ):  # a device or a folder is not to be replaced
            path.write_bytes(drawn)
            return
        beside = path.with_name(f".{path.name}.new")
        try:
            beside.write_bytes(drawn)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DefinitionError(f"cannot write {path}: {error.strerror}") from None


def _world(name: str | None, variant: str | None, logs: list[RunLog], *, code: bool) -> World:
    from sim.world.folders import find_world  # noqa: PLC0415
    from sim.world.library import load, revive  # noqa: PLC0415
    from sim.world.source import read_yaml  # noqa: PLC0415

    if name is None:
        if not logs:
            raise DefinitionError("say which world to draw, or which run with --run RUN")
        if variant is not None:
            raise DefinitionError("--variant goes with a WORLD; a run is drawn with its own variant")
        header = logs[0].header
        return revive(header.resolved, header.variant)
    called = read_yaml(find_world(name)).value
    for log in logs:
        if isinstance(called, dict) and log.header.world != called.get("world"):
            raise DefinitionError(f"{log.name} is a run of '{log.header.world}', not of '{called.get('world')}'")
    return load(name, variant=variant or (logs[0].header.variant if logs else None), code=code)


def _tell_strangers(world: World, taken: Taken) -> None:
    """Say on standard error which arrows the runs took that the world no longer has and are not drawn."""
    from sim.read.coverage import arrows_of, told  # noqa: PLC0415

    known = set(arrows_of(world))
    strange = [arrow for arrow in taken.arrows if arrow not in known]
    if strange:
        more = f", and {len(strange) - 1} more" if len(strange) > 1 else ""
        say(f"not in the picture, as '{world.name}' no longer has it: {told(strange[0])}{more}", err=True)
