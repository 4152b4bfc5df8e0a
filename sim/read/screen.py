"""How a transcript looks in a terminal, and the same as plain text."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.read.transcript import Entry, Transcript
from sim.record.log import RunLog

WIDTH = 100
"""Columns where there is no terminal."""

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red", "bright_cyan", "bright_green", "bright_magenta")
_ENDS = {"success": "bold green", "failure": "bold red", "neutral": "bold"}


class Screen:
    """Prints the entries of a transcript to a console as they come.

    ``speed`` is how many simulated minutes pass in a second of waiting; with None there is no waiting.
    """

    def __init__(self, console: Console, roles: Iterable[str], speed: float | None = None) -> None:
        self._console = console
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


def plain_text(log: RunLog) -> str:
    """The transcript of a run as `sim replay` prints it without a terminal, but for spaces at ends of lines."""
    out = io.StringIO()
    screen = Screen(Console(file=out, width=WIDTH, highlight=False, color_system=None), log.header.models)
    for entry in Transcript(log.header).entries(log.records):
        screen.show(entry)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
