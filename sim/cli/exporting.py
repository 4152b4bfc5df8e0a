"""Commands for other programs: ``export``, a run in formats of theirs, and ``schema``, our own format for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import RunName, app, print_json, say
from sim.errors import DefinitionError, RunLogError, did_you_mean


class Format(StrEnum):
    """What a run can be exported to."""

    md = "md"
    csv = "csv"
    html = "html"
    xes = "xes"
    openai = "openai"
    otel = "otel"
    acts = "acts"


ENDINGS = {"jsonl": "openai"}
"""Endings of files that are not the names of their formats."""


@dataclass(frozen=True)
class Options:
    """What is asked for beside the format; each is for some formats only."""

    role: str | None
    language: str | None
    endpoint: str | None
    content: bool

    def check(self, kind: str) -> None:
        """Refuse an option that a format does not have.

        Raises:
            DefinitionError: naming the formats that have it.
        """
        for option, given, kinds in (
            ("--as", self.role, ("html", "openai")),
            ("--lang", self.language, ("md", "csv", "xes")),
            ("--endpoint", self.endpoint, ("otel",)),
            ("--content", self.content or None, ("otel",)),
        ):
            if given is not None and kind not in kinds:
                raise DefinitionError(f"{option} is for {', '.join(kinds)}; {kind} has none")


@app.command()
def export(
    run: RunName = None,
    to: Annotated[
        Format | None,
        typer.Option(help="md, csv, html, xes, openai, otel or acts; else the ending of -o, else md."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; the terminal if left out.")] = None,
    as_role: Annotated[
        str | None,
        typer.Option("--as", metavar="ROLE", help="html, openai: only what this role heard and knows."),
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help="md, csv, xes: names, states and acts in one of the world's languages.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="otel: send the spans here, such as http://127.0.0.1:4318.")
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="otel: tell what was asked and answered too, secrets and all.")
    ] = False,
) -> None:
    """Export a run: for people, spreadsheets, process mining (xes), fine-tuning (openai), tracing, or as acts.

    Example: sim export --to html -o visit.html
    """
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    ending = out.suffix.removeprefix(".").lower() if out is not None else "md"
    kind = to.value if to is not None else ENDINGS.get(ending, ending)
    if kind not in set(Format):
        raise DefinitionError(f"cannot export to '.{kind}'{did_you_mean(kind, list(Format))}")
    options = Options(as_role, lang, endpoint, content)
    options.check(kind)
    if endpoint is not None:
        _send(log, endpoint, content)
        return
    made = _exported(log, kind, options, is_lines=out is not None and ending == "jsonl")
    if out is None:
        made(sys.stdout.write)
        return
    if out.exists() and out.samefile(log.path):
        raise RunLogError(f"{out} is the log itself; a log is never overwritten")
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            made(file.write)
    except OSError as error:
        raise RunLogError(f"cannot write {out}: {error.strerror}") from None
    say(str(out))


Write = Callable[[str], object]


def _exported(log: Any, kind: str, options: Options, *, is_lines: bool) -> Callable[[Write], None]:
    """What writes the export, piece by piece; what can be refused is refused before anything is written."""
    match kind:
        case "html":
            from sim.read.page.page import to_html  # noqa: PLC0415 - needs the world's expressions

            return _pieces([to_html(log, options.role)])
        case "openai":
            from sim.read.chats import to_openai  # noqa: PLC0415 - as above

            return lambda write: to_openai(log, write, options.role)
        case "xes":
            from sim.read.xes import events  # noqa: PLC0415

            return _pieces(events(log, options.language))
        case "acts":
            from sim.read.acts import to_acts  # noqa: PLC0415

            return _pieces([to_acts(log, lines=is_lines)])
        case "otel":
            spans = _spans()
            return _pieces(spans.to_json(spans.to_spans(log, _contents(log) if options.content else None)))
    from sim.read.export import markdown, table  # noqa: PLC0415

    return _pieces((table if kind == "csv" else markdown)(log, options.language))


def _pieces(pieces: Iterable[str]) -> Callable[[Write], None]:
    """Writes some pieces; the first is made at once, so that what is wrong with the options is told before."""
    iterator = iter(pieces)
    first = next(iterator, "")

    def write_all(write: Write) -> None:
        write(first)
        for piece in iterator:
            write(piece)

    return write_all


def _spans() -> Any:
    """The module of spans, whose libraries are an extra.

    Raises:
        DefinitionError: with the command that installs them.
    """
    try:
        from sim.read import spans  # noqa: PLC0415 - an extra
    except ImportError:
        raise DefinitionError("--to otel needs: pip install 'roleplay-sim[otel]'") from None
    return spans


def _contents(log: Any) -> Callable[[int], Any]:
    """What was asked and answered in each call, by the number of its record."""
    from sim.read.chats import play_again  # noqa: PLC0415 - needs the world's expressions

    spans, found = _spans(), dict[int, Any]()
    play_again(log, lambda index, call, asked: found.update({index: spans.messages(call, asked)}))
    return lambda index: found.get(index, {})


def _send(log: Any, endpoint: str, content: bool) -> None:
    if not endpoint.startswith(("http://", "https://")):
        raise DefinitionError(f"--endpoint {endpoint}: an address begins with http:// or https://")
    spans = _spans()
    sent = spans.send(spans.to_spans(log, _contents(log) if content else None), endpoint)
    say(f"{sent:,} spans sent to {endpoint}")


class Documented(StrEnum):
    """What has a schema."""

    log = "log"
    acts = "acts"
    cases = "cases"
    experiment = "experiment"


@app.command()
def schema(
    of: Annotated[
        Documented,
        typer.Argument(
            help="log: the records of a run log; acts, cases: files for tests of worlds; experiment: of sim sweep."
        ),
    ],
) -> None:
    """Print the JSON Schema of a format. Example: sim schema log > log.schema.json."""
    if of is Documented.log:
        from sim.record import schema as records  # noqa: PLC0415 - heavy; `sim --help` needs none of it

        print_json(records.schema())
        return
    if of is Documented.experiment:
        from sim.sweep.schema import schema as experiments  # noqa: PLC0415 - as above

        print_json(experiments())
        return
    from sim.cases.schema import schema as files  # noqa: PLC0415 - as above

    print_json(files(of.value))
