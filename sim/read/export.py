"""Exports of a run: Markdown for people, CSV for tables. Both are made piece by piece, however long the log."""

from __future__ import annotations

import csv
import heapq
import io
import json
from collections.abc import Iterator
from decimal import Decimal

from sim.models.prices import EXACT
from sim.read.transcript import Entry, Transcript
from sim.record.log import RunLog
from sim.record.records import Call, Turn
from sim.world.kinds import CONTROL, label_of, one_line

_ESCAPED = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~&"})

COLUMNS = (
    "run", "episode", "turn", "time_minutes", "state", "speaker", "heard_by", "text", "acts", "changed",
    "minutes", "calls", "prompt_tokens", "completion_tokens", "cost", "model",
)  # fmt: skip

_HEADINGS = {
    "zh": (
        "运行", "场", "轮", "时刻（分钟）", "状态", "发言人", "听到的人", "话", "动作", "改变",
        "用时（分钟）", "调用", "提示词 token", "回答 token", "金额", "模型",
    )
}  # fmt: skip
"""The columns for people, where a language is asked for; without one, and in others, they are named as above."""


def json_line(value: object) -> str:
    """A value as one line of JSON, with nothing in it that would move a terminal's cursor: that is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def to_markdown(log: RunLog, language: str | None = None) -> str:
    """The transcript as Markdown; what was said is escaped, so that it is shown and not obeyed.

    Raises:
        DefinitionError: if the world does not have that language.
    """
    return "".join(markdown(log, language))


def markdown(log: RunLog, language: str | None = None) -> Iterator[str]:
    """The pieces of :func:`to_markdown`."""
    transcript = Transcript(log.header, language=language)
    header = log.header
    called = label_of(transcript.world.title, transcript.language) or header.world
    title = [
        f"# {one_line(called).translate(_ESCAPED)}",
        "",
        f"seed {header.seed} · {transcript.language} · {log.name}",
        "",
    ]
    if header.fork is not None:
        title[2] += f" · from {header.fork.parent} at turn {header.fork.at}"
    yield "\n".join(title)
    for entry in transcript.entries(log.records):
        yield "".join(f"\n{line}" for line in _entry(entry))


def _entry(entry: Entry) -> list[str]:
    whose, said = f"\\#{entry.episode} " if entry.episode else "", entry.text.translate(_ESCAPED)
    text = whose + said
    if entry.kind in {"opening", "narration"}:
        return [f"*{text}*", ""]
    if entry.kind == "state":
        return [f"## {text}", ""]
    if entry.kind == "turn":
        if "\n" in said:
            said = "\n\n" + "\n".join(f"> {line}  " for line in said.split("\n"))
        acts = [line for act in entry.acts for line in (f"- `{act.replace('`', '')}`", "")]
        return [f"**{entry.time} {whose}{entry.name.translate(_ESCAPED)}**: {said}", "", *acts]
    if entry.kind in {"warning", "ballot", "intervention", "queue"}:
        return [f"> {text}", ""]
    return ["---", "", text, ""]


def to_csv(log: RunLog, language: str | None = None) -> str:
    """A row for each turn; texts that a spreadsheet would take for a formula are led by an apostrophe.

    With a ``language``, one of the world's, agents, states and acts are called by their names in it.

    Raises:
        DefinitionError: if the world does not have that language.
    """
    return "".join(table(log, language))


def table(log: RunLog, language: str | None = None) -> Iterator[str]:
    """The rows of :func:`to_csv`."""
    transcript = Transcript(log.header, language=language) if language is not None else None
    yield _line(_HEADINGS.get(language or "", COLUMNS))
    spent = Spending()
    for record in log.records.of(Call, Turn):
        if isinstance(record, Call):
            spent.add(record)
        elif isinstance(record, Turn):
            yield _line([_cell(value) for value in _row(log.name, record, spent.until(record), transcript)])


class Spent:
    """What some calls took together; ``cost`` is None where it is not all known."""

    def __init__(self) -> None:
        self.calls = self.prompt = self.completion = 0
        self.cost: Decimal | None = Decimal(0)
        self.currencies: set[str] = set()
        self.model = ""

    def add(self, other: Spent) -> None:
        """Count what another one has counted."""
        self.calls += other.calls
        self.prompt += other.prompt
        self.completion += other.completion
        known = self.cost is not None and other.cost is not None
        self.cost = EXACT.add(self.cost or Decimal(0), other.cost or Decimal(0)) if known else None
        self.currencies |= other.currencies
        self.model = self.model or other.model


class Spending:
    """The calls of each episode that no turn is charged with yet: those of later turns may stand before it."""

    def __init__(self) -> None:
        self._open: dict[int, list[tuple[int, int, Spent]]] = {}
        self._count = 0

    def add(self, call: Call) -> None:
        """Note a call; one that was answered from a cache took what it would have."""
        spent = Spent()
        spent.calls, spent.prompt, spent.completion = 1, call.usage.prompt, call.usage.completion
        spent.cost, spent.model = None if call.cost is None else Decimal(call.cost), call.model
        spent.currencies = {call.currency} if call.currency else set()
        self._count += 1
        heapq.heappush(self._open.setdefault(call.episode, []), (call.turn, self._count, spent))

    def until(self, turn: Turn) -> Spent:
        """What was spent in a turn's episode up to that turn, and not charged to one before."""
        total, waiting = Spent(), self._open.get(turn.episode, [])
        while waiting and waiting[0][0] <= turn.turn:
            total.add(heapq.heappop(waiting)[2])
        return total


def _row(run: str, turn: Turn, spent: Spent, transcript: Transcript | None) -> list[object]:
    acts = [
        {**a.model_dump(), "action": transcript.action(a.action) if transcript else a.action} for a in turn.acts
    ]
    return [
        run,
        turn.episode,
        turn.turn,
        turn.time,
        transcript.state(turn.state) if transcript else turn.state,
        transcript.name(turn.speaker) if transcript else turn.speaker,
        " ".join(map(transcript.name, turn.heard_by) if transcript else turn.heard_by),
        turn.text,
        json.dumps(acts, ensure_ascii=False) if acts else "",
        json.dumps(turn.changed, ensure_ascii=False) if turn.changed else "",
        turn.minutes,
        spent.calls,
        spent.prompt,
        spent.completion,
        "" if spent.cost is None else format(spent.cost, "f"),
        spent.model,
    ]


def _line(cells: object) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)  # type: ignore[arg-type]
    return out.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return "'" + text if text[:1] in set("=+-@\t\r＝＋－＠") else text
