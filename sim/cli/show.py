"""How transcripts and tables look in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.read.ledger import Money, Row, told
from sim.world.kinds import one_line, show_number

_T = TypeVar("_T")

MANY = 10
"""Fewer are done before a bar could be read."""


def console() -> Console:
    """A console that wraps to the terminal, or to 100 columns in a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 100, soft_wrap=False)


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
