"""What ``sim dev`` prints for each save: a block of lines that a terminal of 80 columns holds."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sim.cli.auditing import shown
from sim.cli.show import counted
from sim.errors import Problem
from sim.read.diff import FirstDifference
from sim.read.outline import outline
from sim.read.screen import Screen
from sim.read.session import Play
from sim.read.taken import Taken
from sim.read.transcript import Entry, Transcript
from sim.record.log import RunLog
from sim.record.records import EpisodeEnded, Turn
from sim.stage.replaying import Misfit
from sim.world.kinds import one_line

MOST = 40
"""Of a longer transcript only the first pieces and the end are shown."""

_CALLED = {"heard_by": "who hears it", "draw": "what the seed draws", "act": "what is done", "text": "what is said"}


class Board:
    """Prints what came of a save.

    Where it ``is_kept``, the text can also be had, for a page. Where it ``is_once``, logs that are gone at once are
    not named.
    """

    def __init__(self, *, is_kept: bool = False, is_once: bool = False) -> None:
        self._is_once = is_once
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100
        self._console = Console(highlight=False, width=width, record=is_kept)

    def head(self, now: str, saved: Sequence[Path], place: Path) -> None:
        """Begin a block: when it was, and what was saved, or is gone."""
        parts = {
            "saved": [path.name for path in saved if path.exists()],
            "gone:": [path.name for path in saved if not path.exists()],
        }
        what = "; ".join(f"{word} {', '.join(names)}" for word, names in parts.items() if names) or str(place)
        self._console.print()
        self._console.print(Rule(Text(one_line(f"{now}  {what}"), style="bold"), align="left", style="dim"))

    def play(self, play: Play, language: str) -> None:
        """What a run came to, beside the one before: where they part, what follows, and the way it took."""
        self._compared(play)
        self._transcript(play)
        self._map(play, language)
        self._sum(play)

    def took(self, seconds: float, play: Play, picture: Path | None) -> None:
        """How long it took, and where the run and its picture are."""
        told = [] if self._is_once else [f"run {play.log.path}"]
        told += [f"picture {picture}"] if picture is not None else []
        self._line(" · ".join([*told, f"{seconds:.2f} s"]), "dim")

    def problems(self, problems: Iterable[Problem]) -> None:
        """Problems, each with its place and the line that it stands in."""
        sources: dict[str, list[str]] = {}
        for problem in problems:
            self._line(f"✗ {problem}", "bold red")
            if problem.file not in sources:
                sources[problem.file] = _lines(problem.file)
            source = sources[problem.file]
            if 0 < problem.line <= len(source):
                self._source(source[problem.line - 1], problem)

    def _source(self, line: str, problem: Problem) -> None:
        number, start = f"{problem.line:>6} │ ", 0
        while cell_len(line[start : problem.column - 1]) > self._console.width // 2:
            start += 1  # only what stands around the place is shown
        head = number + "…" * bool(start)
        text = Text(head + one_line(line[start:]), style="dim")
        self._console.print(text, no_wrap=True, overflow="ellipsis")
        width = cell_len(head + one_line(line[start : problem.column - 1])) - len(number)
        self._line(" " * 6 + " │ " + " " * width + "^", "red")

    def error(self, message: str) -> None:
        """A message that has no place in a file."""
        for line in message.splitlines():
            self._line(f"✗ {line}", "bold red")

    def old(self, seen_at: str, picture: Path | None) -> None:
        """That the last run and its picture are kept, and are not of what was saved."""
        if not seen_at:
            self._line("nothing was played or drawn yet", "yellow")
            return
        what = f"the run and {picture} are" if picture is not None else "the last run is"
        self._line(f"{what} kept as of {seen_at}: old, until this is put right", "yellow")

    def checked(self, problems: Sequence[Problem], seconds: float) -> None:
        """What the check of the world and all its variants found."""
        if problems:
            self.problems(problems)
            self._line(counted(len(problems), "problem"), "bold red")
        else:
            self._line(f"✓ no problem in the world and its variants · {seconds:.2f} s", "green")

    def taken_down(self) -> str:
        """What was printed since this was asked last, without colours."""
        return self._console.export_text(clear=True)

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(Text(one_line(text), style=style))

    def _compared(self, play: Play) -> None:
        if play.before is None or play.against is None:
            header = play.log.header
            variant = f", variant {header.variant}" if header.variant else ""
            self._line(f"the first run: seed {header.seed}, {header.language}{variant}", "dim")
            return
        if play.against.worlds:
            self._line(f"changed in the world: {', '.join(play.against.worlds)}")
        first = play.against.first
        if first is None:
            turns = counted(play.against.b.turns, "turn")
            self._line(f"the run is the same as before: {turns}, {_outcome(play.log)}", "green")
            if play.misfit is not None:
                self._line(f"  but {_why(play.misfit)}")
            return
        self._line(
            f"as before up to {_before(first)}; there {_CALLED.get(first.what, 'the ' + first.what)} differs:"
        )
        self._line(f"  - {_value(first, first.a)}", "red")
        self._line(f"  + {_value(first, first.b)}", "green")
        if play.misfit is not None:
            self._line(f"  {_why(play.misfit)}")

    def _transcript(self, play: Play) -> None:
        """The first run whole, later ones from where they differ; of many episodes the one that does."""
        first = play.against.first if play.against is not None else None
        if play.against is not None and first is None:
            return
        episode, turn = (first.episode, first.turn) if first is not None else (1, 0)
        screen = Screen(self._console, play.world.agents)
        entries = list(_entries(play.log, episode, turn))
        last = entries[-1:] if entries and entries[-1].kind == "end" else []
        body = entries[: len(entries) - len(last)]
        for entry in body[:MOST]:
            screen.show(entry)
        if len(body) > MOST:
            where = "" if self._is_once else f"; sim replay {play.log.path} has all"
            self._line(f"… {len(body) - MOST} more{where}", "dim")
        for entry in last:
            screen.show(entry)

    def _map(self, play: Play, language: str) -> None:
        found = outline(play.world, language, play.taken)
        rows = Table.grid(padding=(0, 1))
        rows.add_column(no_wrap=True, min_width=3, justify="right")
        rows.add_column(no_wrap=True, overflow="ellipsis", max_width=30)
        rows.add_column(no_wrap=True, overflow="ellipsis")
        for line in found.lines:
            if line.target:
                style = "cyan" if line.times else "dim"
                times = f"{line.times}×" if line.times else "·"
                rows.add_row(Text(times, style), Text(f"→ {line.target}", style), Text(line.note, style))
            else:
                rows.add_row(Text("●", "bold cyan"), Text(line.title, "bold"), Text(line.note, "bold"))
        self._console.print()
        self._console.print(rows)
        if found.never:
            self._line(f"  ○ never entered: {', '.join(found.never)}", "dim")

    def _sum(self, play: Play) -> None:
        """The outcome, the turns and the path, and what they were before."""
        outcome, turns, path = _outcome(play.log), _turns(play.log), _path(play)
        if play.is_stopped:
            outcome = f"stopped after {turns} turns, it had not ended"
        told = [f"outcome {outcome}", f"turns {turns}", f"path {path}"]
        if play.before is not None and play.against is not None and play.against.first is not None:
            before = _outcome(play.before), _turns(play.before), _old_path(play.before)
            now = outcome, turns, path
            names = ("outcome", "turns", "path")
            told = [
                f"{name} {new}" if old == new else f"{name} {new} (was {old})"
                for name, old, new in zip(names, before, now, strict=True)
            ]
        for line in told:
            self._line(line, "bold")


def _lines(name: str) -> list[str]:
    try:
        return Path(name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []


def _before(first: FirstDifference) -> str:
    where = f"turn {first.turn}" if first.turn else "the beginning"
    return where + (f" of episode {first.episode}" if first.episode > 1 else "")


def _value(first: FirstDifference, value: object) -> str:
    """One of two values that differ."""
    if first.what == "transition":
        return f"→ {' → '.join(map(str, value))}" if isinstance(value, list) else "it stays where it is"
    if first.what == "act" and isinstance(value, list):
        return ", ".join(_act(each) for each in value) or "nothing"
    return shown(value)


def _act(act: object) -> str:
    if not isinstance(act, dict) or "action" not in act:
        return shown(act)
    fields = act.get("fields") or {}
    return " ".join([str(act["action"]), *(f"{name}={shown(value)}" for name, value in fields.items())])


def _why(misfit: Misfit) -> str:
    """Why the answers of the last run were not taken any further."""
    where = f"turn {misfit.turn}" + (f" of episode {misfit.episode}" if misfit.episode > 1 else "")
    if misfit.by == "answer":
        return f"at {where} the world itself answers otherwise for {misfit.role}"
    if misfit.by == "asked":
        return f"at {where} {misfit.role} is asked, who was not asked there before"
    parts = f": {', '.join(misfit.parts)}" if misfit.parts else ""
    return f"from {where} on the prompts differ, first that of {misfit.role}{parts}"


def _entries(log: RunLog, episode: int, turn: int) -> Iterator[Entry]:
    """The transcript of an episode from a turn on, with the scene in which that stands."""
    transcript = Transcript(log.header)
    is_there, scene = turn == 0, None
    for record in log.records:
        if getattr(record, "episode", episode) != episode:
            continue
        is_there = is_there or (isinstance(record, Turn) and record.turn >= turn)
        for entry in transcript.of(record):
            if is_there:
                if scene is not None:
                    yield scene
                scene = None
                yield entry
            elif entry.kind == "state":
                scene = entry


def _outcome(log: RunLog) -> str:
    ends = Counter(record.outcome for record in log.records.of(EpisodeEnded))
    if sum(ends.values()) == 1:
        return next(iter(ends))
    return ", ".join(f"{count} {outcome}" for outcome, count in ends.most_common()) or "none"


def _turns(log: RunLog) -> int:
    return log.records.how_many(Turn)


def _path(play: Play) -> str:
    return " → ".join(play.taken.path)


def _old_path(log: RunLog) -> str:
    return " → ".join(Taken.of([log]).path)
