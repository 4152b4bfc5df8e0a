"""How transcripts and tables look in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.read.transcript import Entry
from sim.world.kinds import one_line

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_magenta")
_ENDS = {"success": "bold green", "failure": "bold red", "neutral": "bold"}


def console() -> Console:
    """A console that wraps to the terminal, or to 100 columns in a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 100, soft_wrap=False)


class Screen:
    """Prints the entries of a transcript as they come.

    ``speed`` is how many simulated minutes pass in a second of waiting; with None there is no waiting.
    """

    def __init__(self, roles: Iterable[str], speed: float | None = None) -> None:
        self._console = console()
        self._colours = {role: _COLOURS[i % len(_COLOURS)] for i, role in enumerate(roles)}
        self._speed = speed
        self._minutes = 0.0

    def show(self, entry: Entry) -> None:
        """Print one entry, after its time has passed."""
        if self._speed and entry.minutes > self._minutes:
            time.sleep((entry.minutes - self._minutes) / self._speed)
        self._minutes = max(self._minutes, entry.minutes)
        match entry.kind:
            case "opening" | "narration":
                self._console.print(Text(entry.text, style="italic"))
            case "state":
                self._console.print(Text(f"\n── {entry.text} ──", style="bold"))
            case "turn":
                self._turn(entry)
            case "ballot":
                self._console.print(Text(f"       ⚖ {entry.text}", style="dim"))
            case "warning":
                self._console.print(Text(f"       ! {entry.text}", style="yellow"))
            case "end":
                style = _ENDS.get(entry.outcome_kind, "bold")
                self._console.print(Text(f"\n{entry.time}  {entry.text}", style=style))

    def _turn(self, entry: Entry) -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        line.add_column(overflow="fold")
        name = Text(entry.name, style=f"bold {self._colours.get(entry.speaker, 'white')}")
        words = Text(entry.text or ("" if entry.acts else "…"))
        for act in entry.acts:
            words.append(("\n" if words else "") + f"→ {act}", style="dim")
        line.add_row(Text(entry.time, style="dim"), name, words)
        self._console.print(line)


def amount(cost: Decimal | None, currency: str) -> str:
    """A sum of money, or that it is not known."""
    if cost is None:
        return "cost unknown"
    text = format(cost.normalize(), "f") if cost else "0"
    return f"{text} {currency}"


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[object]], *, right: int = 99) -> Table:
    """A plain table; the columns from ``right`` on are aligned to the right."""
    result = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        result.add_column(column, justify="right" if index >= right else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(one_line(cell)) for cell in row))
    return result
