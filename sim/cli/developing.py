"""``sim dev``: a world that is checked, drawn and played again each time one of its files is saved."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.app import NoCode, WorldName, app, say
from sim.cli.drawing import draw, kind_of, write
from sim.errors import DefinitionError, Problem, SimError

if TYPE_CHECKING:
    from sim.cli.board import Board
    from sim.cli.serving import Page
    from sim.cli.watching import Watch
    from sim.read.session import Play, Session
    from sim.record.log import RunLog

_QUIET_S = 0.2
"""What is broken is told only if nothing more is saved for so long: the rest of the file may be on its way."""


@app.command()
def dev(
    world: WorldName,
    seed: Annotated[
        int | None, typer.Option(help="What all random choices follow from; 0 if left out.", show_default=False)
    ] = None,
    lang: Annotated[str | None, typer.Option(help="One of the world's languages, such as zh.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="Begin with the answers of this run, whoever gave them.")
    ] = None,
    no_code: NoCode = False,
    once: Annotated[
        bool, typer.Option("--once", help="Do it once and end; exits 1 if there is a problem.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="PICTURE", help="Draw the last run here, as .svg or .png.")
    ] = None,
    serve: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Show the picture at http://127.0.0.1:PORT; 0: any port."
        ),
    ] = None,
) -> None:
    """Write a world and see what comes of it: on each save it is checked, drawn and played again.

    Nobody is asked who has to be paid or to type: the world's own lines answer. What differs from the last run is
    shown. Ctrl-C ends it. Example: sim dev ./worlds/my_world -o my_world.svg
    """
    from sim.cli.board import Board  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.cli.serving import Page  # noqa: PLC0415
    from sim.cli.watching import Watch  # noqa: PLC0415
    from sim.read.session import Session  # noqa: PLC0415
    from sim.world.folders import find_world, search_path  # noqa: PLC0415

    place = find_world(world)
    kind = kind_of(out, None if out is not None else "svg")
    try:
        with _until_ended(), tempfile.TemporaryDirectory(prefix="sim-dev-") as folder:
            session = Session(
                place,
                Path(folder),
                seed=seed or 0,
                language=lang,
                variant=variant,
                code=not no_code,
                run=_begun(run, place, seed, lang, variant),
            )
            watch = Watch(place, search_path("personas"))
            page = Page(serve) if serve is not None else None
            desk = _Desk(session, watch, Board(is_kept=page is not None, is_once=once), kind, out, page)
            is_sound = desk.show([])
            if once:
                raise typer.Exit(0 if is_sound else 1)
            while True:
                desk.show(watch.wait())
    except KeyboardInterrupt:
        say("\nended")


@contextmanager
def _until_ended() -> Iterator[None]:
    """Let it end by a signal as by Ctrl-C: what it keeps for a while is taken away then."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _begun(run: str | None, place: Path, *options: object) -> RunLog | None:
    """The run to begin with, if one is named."""
    from sim.record.log import RunLog, find_run  # noqa: PLC0415 - as above
    from sim.world.source import read_yaml  # noqa: PLC0415

    if run is None:
        return None
    if any(option is not None for option in options):
        raise DefinitionError("--run brings its own seed, language and variant")
    log = RunLog.open(find_run(run))
    value = read_yaml(place).value
    called = value.get("world") if isinstance(value, dict) else None
    if called not in {None, log.header.world}:
        raise DefinitionError(f"{log.name} is a run of '{log.header.world}', not of '{called}'")
    return log


class _Desk:
    """What is done on each save, and where it is shown."""

    def __init__(
        self, session: Session, watch: Watch, board: Board, kind: str, out: Path | None, page: Page | None
    ) -> None:
        self._session = session
        self._watch = watch
        self._board = board
        self._kind = kind
        self._out = out
        self._page = page
        self._seen_at = ""
        self._drawn = b""

    def show(self, saved: list[Path]) -> bool:
        """Play and check the world, and tell what came of it; whether it is sound."""
        began = time.perf_counter()
        while True:
            try:
                play, error = self._session.play(), None
            except (SimError, RecursionError) as found:
                play, error = None, found
            # What was saved while it was played may have been read or not: it is played again.
            more = self._watch.wait(_QUIET_S if error is not None else 0) if saved else []
            if not more:
                break
            saved = list(dict.fromkeys([*saved, *more]))
            began = time.perf_counter()
        now = f"{datetime.now():%H:%M:%S}"
        self._board.head(now, saved, self._session.place)
        if play is None:
            self._broken(error)
            return False
        self._seen_at = now
        self._board.play(play, self._session.language)
        self._picture(play)
        self._board.took(time.perf_counter() - began, play, self._out)
        self._tell("", is_old=False)
        return self._check()

    def _broken(self, error: BaseException | None) -> None:
        problems = error.problems if isinstance(error, DefinitionError) else ()
        if problems:
            self._board.problems(problems)
        else:
            nested = isinstance(error, RecursionError)
            self._board.error("what was read is nested too deep" if nested else str(error))
        self._board.old(self._seen_at, self._out)
        self._tell("\n".join(map(str, problems)) or str(error), is_old=True)

    def _check(self) -> bool:
        """Check the world and its variants, after the run is shown: it takes longer."""
        began = time.perf_counter()
        problems: list[Problem] = self._session.check()
        self._board.checked(problems, time.perf_counter() - began)
        if problems:
            self._tell("\n".join(map(str, problems)), is_old=False)
        return not problems

    def _picture(self, play: Play) -> None:
        """Draw the run; a picture that cannot be drawn is told, and the old one stays."""
        try:
            self._drawn = draw(play.world, self._session.language, "svg", play.taken)
            if self._out is not None:
                kept = self._drawn
                if self._kind != "svg":
                    kept = draw(play.world, self._session.language, self._kind, play.taken)
                write(self._out, kept)
        except SimError as error:
            self._board.error(str(error))

    def _tell(self, problems: str, *, is_old: bool) -> None:
        if self._page is not None:
            self._page.show(self._drawn, self._board.taken_down(), problems, self._seen_at if is_old else "")
