"""Exports of a run: Markdown for people, CSV for tables."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Call, Turn
from sim.world.kinds import one_line

_ESCAPED = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~&"})

COLUMNS = (
    "run", "episode", "turn", "time_minutes", "state", "speaker", "heard_by", "text", "acts", "changed",
    "minutes", "calls", "prompt_tokens", "completion_tokens", "cost", "model",
)  # fmt: skip


def to_markdown(log: RunLog) -> str:
    """The transcript as Markdown; what was said is escaped, so that it is shown and not obeyed."""
    transcript = Transcript(log.header)
    header = log.header
    lines = [f"# {header.world}", "", f"seed {header.seed} · {header.language} · {log.name}", ""]
    if header.fork is not None:
        lines[2] += f" · from {header.fork.parent} at turn {header.fork.at}"
    for entry in transcript.entries(log.records):
        text = entry.text.translate(_ESCAPED)
        if entry.kind in {"opening", "narration"}:
            lines += [f"*{text}*", ""]
        elif entry.kind == "state":
            lines += [f"## {text}", ""]
        elif entry.kind == "turn":
            said = text if "\n" not in text else "\n\n" + "\n".join(f"> {line}  " for line in text.split("\n"))
            lines += [f"**{entry.time} {entry.name.translate(_ESCAPED)}**: {said}", ""]
            lines += [line for act in entry.acts for line in (f"- `{act.replace('`', '')}`", "")]
        elif entry.kind in {"warning", "ballot", "intervention"}:
            lines += [f"> {text}", ""]
        else:
            lines += ["---", "", text, ""]
    return "\n".join(lines)


def to_csv(log: RunLog) -> str:
    """A row for each turn; texts that a spreadsheet would take for a formula are led by an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    calls: list[Call] = []
    for record in log.records:
        if isinstance(record, Call):
            calls.append(record)
        elif isinstance(record, Turn):
            own = [c for c in calls if c.turn <= record.turn]
            writer.writerow([_cell(value) for value in _row(log.name, record, own)])
            calls = [c for c in calls if c.turn > record.turn]
    return out.getvalue()


def _row(run: str, turn: Turn, calls: list[Call]) -> list[object]:
    costs = [c.cost for c in calls]
    return [
        run,
        turn.episode,
        turn.turn,
        turn.time,
        turn.state,
        turn.speaker,
        " ".join(turn.heard_by),
        turn.text,
        json.dumps([a.model_dump() for a in turn.acts], ensure_ascii=False) if turn.acts else "",
        json.dumps(turn.changed, ensure_ascii=False) if turn.changed else "",
        turn.minutes,
        len(calls),
        sum(c.usage.prompt for c in calls),
        sum(c.usage.completion for c in calls),
        "" if None in costs else _sum(costs),
        calls[0].model if calls else "",
    ]


def _sum(costs: list[str | None]) -> str:
    return format(sum((Decimal(c) for c in costs if c), Decimal(0)), "f")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return "'" + text if text[:1] in set("=+-@\t\r＝＋－＠") else text
