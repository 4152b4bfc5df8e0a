"""A comparison as one HTML file: sentences, figures, tables, methods and the runs; it has no script and no network.

What comes from the results is text, which Jinja2 escapes; the policy in the page lets nothing be fetched.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sim.compare.comparison import Comparison
from sim.compare.figures import plain_ids, svgs
from sim.compare.methods import methods
from sim.compare.sample import MOST_RUNS, RunLine
from sim.compare.tables import notes, summary, tables, told
from sim.compare.words import Words
from sim.record.packed import run_id


@dataclass(frozen=True)
class _Line:
    """A run in the list: its page, relative to the report, or the command that makes one."""

    run: RunLine
    name: str
    page: str | None
    command: str | None


def page_of(log: Path) -> Path:
    """Where the page of a run stands: beside its log."""
    return log.with_name(f"{run_id(log)}.html")


def to_html(comparison: Comparison, words: Words, place: Path) -> str:
    """The page; links lead from ``place``, the folder where it will stand, to the runs' pages that are there."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("sim.compare").joinpath("report.html.j2").read_text(encoding="utf-8")
    figures = [
        (title, Markup(plain_ids(svg, f"f{number}-")))  # noqa: S704 - matplotlib escapes what it writes
        for number, (title, svg) in enumerate(svgs(comparison, words))
    ]
    lines = list(_lines(comparison, place))
    return environment.from_string(source).render(
        words=words,
        title=words("title", names=", ".join(comparison.names)),
        summary=summary(comparison, words),
        told=told(comparison, words),
        notes=list(notes(comparison, words)),
        figures=figures,
        tables=list(tables(comparison, words)),
        methods=list(methods(comparison, words.language)),
        by_arm={arm: [line for line in lines if line.run.arm == arm] for arm in comparison.sample.arms},
        is_cut=len(lines) >= MOST_RUNS,
        most=f"{MOST_RUNS:,}",
        has_commands=any(line.command for line in lines),
    )


def _lines(comparison: Comparison, place: Path) -> Iterator[_Line]:
    for run in comparison.sample.runs:
        if run.log is None:
            yield _Line(run, "", None, None)
            continue
        page = page_of(run.log)
        if page.is_file():
            yield _Line(run, run_id(run.log), Path(os.path.relpath(page, place)).as_posix(), None)
        else:
            command = f"sim export {shlex.quote(str(run.log))} -o {shlex.quote(str(page))}"
            yield _Line(run, run_id(run.log), None, command)
