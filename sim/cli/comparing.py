"""``compare``: the arms of an experiment, from the results of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.app import Json, app, print_json, say
from sim.errors import DefinitionError, SimError, did_you_mean

if TYPE_CHECKING:
    from rich.text import Text

    from sim.compare.comparison import Comparison
    from sim.compare.tables import Table
    from sim.compare.words import Words


class Form(StrEnum):
    """What a comparison can be written as."""

    html = "html"
    md = "md"
    csv = "csv"
    png = "png"
    svg = "svg"


class Arms(StrEnum):
    """What makes an arm."""

    arm = "arm"
    variant = "variant"
    lang = "lang"
    world = "world"
    model = "model"


class Corrections(StrEnum):
    """How p is corrected for how many comparisons are made."""

    holm = "holm"
    bonferroni = "bonferroni"
    fdr_bh = "fdr_bh"
    none = "none"


class Language(StrEnum):
    """Of the words around the numbers."""

    en = "en"
    zh = "zh"


@app.command()
def compare(
    results: Annotated[
        list[Path], typer.Argument(help="Folders of results, or their results.jsonl.", metavar="RESULTS…")
    ],
    by: Annotated[Arms, typer.Option("--by", help="What makes an arm.")] = Arms.arm,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", help="The arm that the others are held against; the first if left out.", metavar="ARM"
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", help="Compare this only; may be given several times.", metavar="NAME"),
    ] = None,
    effect: Annotated[
        list[str] | None,
        typer.Option(
            "--effect",
            help="A difference that would matter: 0.1 of all shares, or tokens=500.",
            metavar="[NAME=]SIZE",
        ),
    ] = None,
    correct: Annotated[
        Corrections, typer.Option("--correct", help="How p is corrected for how many comparisons are made.")
    ] = Corrections.holm,
    to: Annotated[
        Form | None, typer.Option("--to", help="The format; told by the ending of -o if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The file to write.", metavar="FILE")] = None,
    pages: Annotated[bool, typer.Option("--pages", help="Export a page for each run, beside its log.")] = False,
    lang: Annotated[Language, typer.Option("--lang", help="en or zh.")] = Language.en,
    as_json: Json = False,
) -> None:
    """Compare the arms of an experiment: shares, means, differences, and what is too little to tell.

    Example: sim compare results/second_doctor --against one_doctor -o report.html
    """
    form = _form(to, out)
    if any(find_spec(library) is None for library in ("matplotlib", "scipy", "statsmodels")):
        raise DefinitionError("sim compare needs: pip install 'roleplay-sim[compare]'")
    from sim.compare.words import Words  # noqa: PLC0415 - not needed for `sim --help`

    made = _compared(results, by, against, measure or [], _sizes(effect or []), correct)
    words = Words(lang.value)
    if pages:
        _export(made)
    if as_json:
        from sim.compare.writing import as_json as document  # noqa: PLC0415

        print_json(document(made, words))
    elif form is None:
        _print(made, words)
    if form is not None:
        _write(form, made, words, out, is_quiet=as_json)


def _compared(
    results: Sequence[Path],
    by: Arms,
    against: str | None,
    measures: Sequence[str],
    effects: Mapping[str, float],
    correct: Corrections,
) -> Comparison:
    from sim.compare.comparison import Correction, compare  # noqa: PLC0415 - stands on the extra
    from sim.compare.reading import read  # noqa: PLC0415
    from sim.compare.rows import open_folder  # noqa: PLC0415
    from sim.compare.sample import By  # noqa: PLC0415

    return compare(
        read([open_folder(path) for path in results], By(by)),
        by=By(by),
        against=against,
        measures=measures,
        correction=Correction(correct),
        effects=effects,
    )


def _form(to: Form | None, out: Path | None) -> Form | None:
    """The format that is asked for; None for the terminal.

    Raises:
        DefinitionError: for an ending that is none, or a format that needs a file and has none.
    """
    if out is None:
        if to in {Form.html, Form.png, Form.svg}:
            raise DefinitionError(f"--to {to} needs a file to write: -o report.{to}")
        return to
    if not out.parent.is_dir():
        raise DefinitionError(f"-o {out}: there is no folder {out.parent}")
    ending = out.suffix.removeprefix(".").lower()
    if to is None and ending not in set(Form):
        raise DefinitionError(f"cannot write '.{ending}'{did_you_mean(ending, list(Form))}")
    return to or Form(ending)


def _sizes(options: Sequence[str]) -> dict[str, float]:
    found = {}
    for option in options:
        name, _, size = option.rpartition("=")
        try:
            value = float(size)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise DefinitionError(f"--effect {option}: needs a size above 0, such as 0.1 or tokens=500")
        found[name.strip()] = value
    return found


def _print(made: Comparison, words: Words) -> None:
    from sim.cli.show import console, table  # noqa: PLC0415 - not needed for `sim --help`
    from sim.compare.tables import notes, summary, tables, told  # noqa: PLC0415

    screen = console()
    say(f"{words('title', names=', '.join(made.names))}\n{summary(made, words)}\n")
    for each in tables(made, words):
        if each.is_grouped:
            for line in _grouped(each):
                screen.print(line, no_wrap=True, overflow="ignore", crop=False)
        else:
            screen.print(table(each.title, each.columns, each.rows, right=each.right))
        say("")
    for sentence in told(made, words):
        say(sentence)
    remarks = list(notes(made, words))
    if remarks:
        say("")
    for remark in remarks:
        say(remark)


def _grouped(shown: Table) -> Iterator[Text]:
    """The lines of a table with its headings in lines of their own, and what a group shares in its heading."""
    from rich.cells import cell_len  # noqa: PLC0415 - not needed for `sim --help`
    from rich.text import Text  # noqa: PLC0415

    from sim.world.kinds import one_line  # noqa: PLC0415 - not needed for `sim --help`

    groups: list[list[tuple[str, ...]]] = []
    for row in shown.rows:
        if row[0]:
            groups.append([])
        groups[-1].append(row)
    kept = [
        n
        for n in range(1, len(shown.columns))
        if n != shown.shared and any(row[n] for row in shown.rows)
    ]  # fmt: skip
    lines = [[row[n] for n in kept] for row in (shown.columns, *shown.rows)]
    widths = [max(cell_len(one_line(cell)) for cell in column) for column in zip(*lines, strict=True)]

    def laid(row: Sequence[str]) -> str:
        cells = [one_line(row[n]) for n in kept]
        gaps = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
        first, *rest = zip(cells, gaps, strict=True)
        return (f"  {''.join(first)}" + "".join(f"  {gap}{cell}" for cell, gap in rest)).rstrip()

    yield Text(shown.title, style="italic")
    yield Text(laid(shown.columns), style="bold")
    for group in groups:
        common = dict.fromkeys(row[shown.shared] for row in group if shown.shared is not None and row[shown.shared])
        yield Text(one_line(" · ".join([group[0][0], *common])))
        yield from (Text(laid(row)) for row in group)


def _write(form: Form, made: Comparison, words: Words, out: Path | None, *, is_quiet: bool) -> None:
    if form in {Form.png, Form.svg}:
        from sim.compare.figures import draw  # noqa: PLC0415 - matplotlib is slow to import

        assert out is not None  # noqa: S101 - _form saw to it
        draw(made, words, out, form.value)
    else:
        text = _texts(form, out)(made, words)
        if out is None:
            sys.stdout.write(text)
            return
        try:
            out.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise DefinitionError(f"cannot write {out}: {error.strerror}") from None
    if not is_quiet:
        say(str(out))


def _texts(form: Form, out: Path | None) -> Callable[[Comparison, Words], str]:
    from sim.compare.writing import to_csv, to_markdown  # noqa: PLC0415 - not needed for `sim --help`

    if form is Form.csv:
        return lambda made, _: to_csv(made)
    if form is Form.md:
        return to_markdown
    from sim.compare.report import to_html  # noqa: PLC0415 - matplotlib is slow to import

    place = (out or Path()).parent
    return lambda made, words: to_html(made, words, place)


def _export(made: Comparison) -> None:
    """Write a page for each run that has none; a run whose log is not there, or cannot be shown, is told of."""
    from sim.cli.show import watched  # noqa: PLC0415 - not needed for `sim --help`
    from sim.compare.report import page_of  # noqa: PLC0415
    from sim.read.page.page import to_html  # noqa: PLC0415 - needs the world's expressions
    from sim.record.log import RunLog  # noqa: PLC0415

    logs = [run.log for run in made.sample.runs if run.log is not None]
    for log in watched(logs, "pages"):
        page = page_of(log)
        if page.is_file():
            continue
        try:
            page.write_text(to_html(RunLog.open(log)), encoding="utf-8", newline="")
        except SimError as error:
            say(f"no page: {error}", err=True)
        except OSError as error:
            raise DefinitionError(f"cannot write {page}: {error.strerror}") from None
