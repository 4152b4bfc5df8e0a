"""How transcripts and tables look in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.read.ledger import Money, Row, told
from sim.read.transcript import Entry
from sim.world.kinds import one_line, show_number

_T = TypeVar("_T")

MANY = 10
"""Fewer are done before a bar could be read."""

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
                self._console.print(Text(_of(entry) + entry.text, style="italic"))
            case "state":
                self._console.print(Text(f"\n── {_of(entry)}{entry.text} ──", style="bold"))
            case "turn":
                self._turn(entry)
            case "queue":
                self._console.print(Text(f"{entry.time} {_of(entry)}⌛ {entry.text}", style="dim"))
            case "ballot":
                self._console.print(Text(f"       ⚖ {entry.text}", style="dim"))
            case "warning":
                self._console.print(Text(f"       ! {entry.text}", style="yellow"))
            case "intervention":
                self._console.print(Text(f"       ⑂ {entry.text}", style="magenta"))
            case "end":
                style = _ENDS.get(entry.outcome_kind, "bold")
                self._console.print(Text(f"\n{entry.time}  {_of(entry)}{entry.text}", style=style))

    def _turn(self, entry: Entry) -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        line.add_column(overflow="fold")
        name = Text(entry.name, style=f"bold {self._colours.get(entry.speaker, 'white')}")
        words = Text(entry.text or ("" if entry.acts else "…"))
        for act in entry.acts:
            words.append(("\n" if words else "") + f"→ {act}", style="dim")
        line.add_row(Text(f"{entry.time} {_of(entry)}".rstrip(), style="dim"), name, words)
        self._console.print(line)


def _of(entry: Entry) -> str:
    """Which episode an entry is of, where a run has several."""
    return f"#{entry.episode} " if entry.episode else ""


def money(cost: Money, unpriced: int = 0) -> str:
    """Sums of money, and how many calls are not in them because their price is not known."""
    known = [f"{show_number(amount)} {currency}" for currency, amount in told(cost).items()]
    if unpriced and not known:
        return "cost unknown"
    unknown = [counted(unpriced, "call") + " unknown"] if unpriced else []
    return " + ".join(known + unknown) or "0"


def counted(number: int, what: str) -> str:
    """``1 call``, ``1,200 calls``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def watched(items: Sequence[_T], doing: str) -> Iterator[_T]:
    """Go through items with a bar on standard error, if they are many and that is a terminal."""
    if len(items) < MANY or not sys.stderr.isatty():
        yield from items
        return
    from rich.progress import track  # noqa: PLC0415 - not needed where nobody sees it

    yield from track(items, doing, console=Console(stderr=True), transient=True)


def bars(rows: Sequence[Row], labels: Mapping[str, str]) -> Table | None:
    """A bar for each phase: its share of the money, or of the tokens where the money is not all known."""
    currencies = {currency for row in rows for currency, amount in row.cost.items() if amount}
    is_known = len(currencies) == 1 and not any(row.unpriced for row in rows)
    by_cost = [sum(row.cost.values(), Decimal(0)) for row in rows]
    sizes = by_cost if is_known else [Decimal(row.total) for row in rows]
    whole, longest = sum(sizes), max(sizes, default=0)
    if not whole:
        return None
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
    grid.add_column(ratio=1, min_width=8)
    for _ in range(3):
        grid.add_column(justify="right", no_wrap=True)
    for row, size in zip(rows, sizes, strict=True):
        share = size / whole
        percent = "<1%" if 0 < share < Decimal("0.005") else f"{share:.0%}"
        words = (f"{row.total:,} tokens", money(row.cost, row.unpriced), percent)
        label = Text(one_line(labels.get(row.key, row.key)))
        grid.add_row(label, Bar(float(longest), 0, float(size), color="cyan"), *map(Text, words))
    return grid


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[object]], *, right: int = 99) -> Table:
    """A plain table; the columns from ``right`` on are aligned to the right."""
    result = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        result.add_column(column, justify="right" if index >= right else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(one_line(cell)) for cell in row))
    return result
