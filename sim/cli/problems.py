"""How the problems of a world are shown: to people, to editors, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli.app import say

if TYPE_CHECKING:
    from rich.text import Text

    from sim.errors import Problem

_WIDTH = 100
"""Columns of a line of the file that are shown."""
_COLOURS = {"error": "bold red", "warning": "bold yellow"}


class Shape(StrEnum):
    """How problems are printed: for people, each with its line of the file, or a line each, for editors."""

    TEXT = "text"
    LINES = "lines"


def as_row(problem: Problem) -> dict[str, Any]:
    """A problem as JSON has it."""
    return {**asdict(problem), "suggestion": problem.suggestion}


def as_line(problem: Problem) -> str:
    """A problem as editors read it: ``path:line:column: severity: message [code]``."""
    place = f"{problem.file}:{problem.line}:{problem.column}"
    return f"{place}: {problem.severity}: {problem.message} [{problem.code}]"


def say_problems(problems: Sequence[Problem], shape: Shape) -> None:
    """Print problems in the order of the files, and, for people, how many there are."""
    if shape is Shape.LINES:
        for problem in problems:
            say(as_line(problem))
        return
    from sim.cli.show import console  # noqa: PLC0415 - not needed for `sim --help`

    _lines_of.cache_clear()  # a file may have changed since
    screen = console()
    _lines_of.cache_clear()  # files may have been edited since
    for problem in problems:
        for line in _shown(problem):
            screen.print(line, soft_wrap=True)
    say(counted(problems))


def counted(problems: Iterable[Problem]) -> str:
    """How many errors and warnings there are: ``3 problems: 1 error, 2 warnings``."""
    found = [p.severity for p in problems]
    kinds = [(found.count(kind), kind) for kind in ("error", "warning") if kind in found]
    each = ", ".join(_several(count, kind) for count, kind in kinds)
    return _several(len(found), "problem") + (f": {each}" if each else "")


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _shown(problem: Problem) -> list[Text]:
    """A problem as a compiler shows it: the message, the line of the file, and a mark under the column."""
    from rich.text import Text  # noqa: PLC0415 - not needed for `sim --help`

    from sim.world.kinds import one_line  # noqa: PLC0415

    head = Text.assemble(
        (f"{one_line(problem.file)}:{problem.line}:{problem.column}: ", "dim"),
        (problem.severity, _COLOURS[problem.severity]),
        f": {one_line(problem.message)} ",
        (f"[{problem.code}]", "dim"),
    )
    lines = _lines_of(problem.file)
    if problem.line > len(lines) or not lines[problem.line - 1].strip():
        return [head]
    before, after = _cut(lines[problem.line - 1], problem.column - 1)
    margin = f"{problem.line:>6} | "
    code = Text.assemble((margin, "dim"), before + after)
    caret = Text.assemble((" " * 6 + " | ", "dim"), " " * _cells(before), ("^", _COLOURS[problem.severity]))
    return [head, code, caret]


@cache
def _lines_of(file: str) -> list[str]:
    """The lines of a file as YAML counts them; none where it cannot be read."""
    try:
        return Path(file).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, ValueError):
        return []


def _cut(line: str, at: int) -> tuple[str, str]:
    """What of a line is shown before a column and from it on; tabs and other signs that do not print are blanks."""
    plain = "".join(c if c.isprintable() else " " for c in line)
    before, after = plain[:at], plain[at:]
    if len(before) > _WIDTH // 2:
        before = "…" + before[-_WIDTH // 2 :]
    room = _WIDTH - len(before)
    return before, after if len(after) <= room else after[:room] + "…"


def _cells(text: str) -> int:
    """How many columns a terminal takes for a text; a Chinese character takes two."""
    from rich.cells import cell_len  # noqa: PLC0415 - not needed for `sim --help`

    return cell_len(text)
