"""Exports: Markdown shows what was said and obeys none of it, and a spreadsheet computes none of it."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sim.models.model import Reply, Request
from sim.read.export import COLUMNS, to_csv, to_markdown
from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Call, Turn, Usage
from sim.world.world import World
from tests.read.forging import Says, notary, play, rubbish

BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
CONTROLS = "\x1b[31m\x07\x9b1m\x00\x08\x7f\x85\u2028\u202e\u2066"
MARKUP = (
    "# not a heading",
    "**bold** _it_ *it* `code` ~~gone~~",
    "[link](http://evil) ![img](http://evil/x.png) <http://evil>",
    "<script>alert(1)</script> <b>bold</b> <!-- hidden -->",
    "&lt;b&gt; &amp; &#35; &copy;",
    "| a | b | \\| \\",
    "\\",
    "> quoted - item 1. one + item",
    "```\nfence\n```",
    "--- === ***",
    "[ref]: http://evil",
    "a\n\n# Heading\n\n- item\n\n<hr>",
    "a\n\n    code",
)

_markdown = MarkdownIt("commonmark").enable(["strikethrough", "table"])


def _said(log: RunLog) -> list[str]:
    return [
        f"{e.time} {e.name}: {e.text}".rstrip()
        for e in Transcript(log.header).entries(log.records)
        if e.kind == "turn"
    ]


def _paragraphs(text: str) -> list[str]:
    """The words of the paragraphs of a Markdown text that begin in bold; fails for other markup in them."""
    found = []
    for token in _markdown.parse(text):
        children = token.children or []
        if token.type == "inline" and any(c.type == "strong_open" for c in children):
            kinds = [c.type for c in children if c.type not in {"text", "text_special"} and c.content + c.markup]
            assert kinds == ["strong_open", "strong_close"]
            found.append("".join(c.content for c in children).rstrip())
    return found


def _rows(log: RunLog) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(log), newline="")))


def _dangerous(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in {"Cc", "Zl", "Zp"} or c in BIDI} - {"\n"}


def test_markdown_has_the_whole_transcript(log_path: Path) -> None:
    """The scenes are headings, each turn is a paragraph, and the outcome stands at the end."""
    log = RunLog.open(log_path)
    text = to_markdown(log)
    tokens = _markdown.parse(text)
    headings = [(t.tag, tokens[i + 1].content) for i, t in enumerate(tokens) if t.type == "heading_open"]
    scenes = [e.text for e in Transcript(log.header).entries(log.records) if e.kind == "state"]
    assert [("h1", "医院就诊"), *(("h2", s) for s in scenes)] == headings
    assert _said(log) == _paragraphs(text)
    assert "".join(c.content for c in tokens[-2].children or []) == "取药离院 [discharged]"
    acts = sum(len(r.acts) for r in log.records if isinstance(r, Turn))
    assert acts == sum(t.type == "list_item_open" for t in tokens)


@pytest.mark.parametrize("hostile", MARKUP)
def test_markup_in_words_is_shown_and_not_obeyed(hostile: str, tmp_path: Path) -> None:
    """A Markdown reader shows exactly the characters that were said."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=Says(lambda _: hostile))
    assert _said(log) == _paragraphs(to_markdown(log))


@settings(max_examples=40, deadline=None)
@given(said=st.text(st.sampled_from("ab1 \\`*_{}[]()<>#|+-.!&~;:/\"'=$@^你\n"), max_size=40))
@example(said="~~a~~")
@example(said="&amp;")
def test_any_words_are_shown_as_they_were_said(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is said, in whatever combination of markup, is shown as it was said."""
    base = tmp_path_factory.getbasetemp() / "markdown"
    world = _notary_once(base)
    (base / "run.jsonl").unlink(missing_ok=True)
    log = play(world, base / "run.jsonl", model=Says(lambda _: said))
    assert _said(log) == _paragraphs(to_markdown(log))


_worlds: dict[Path, World] = {}


def _notary_once(base: Path) -> World:
    if base not in _worlds:
        _worlds[base] = notary(base / "w")
    return _worlds[base]


@pytest.mark.parametrize("hostile", MARKUP)
def test_markup_in_an_act_stays_in_its_line(hostile: str, tmp_path: Path) -> None:
    """A text that was written as part of an act makes no heading, HTML, list or code block of its own."""
    model = Says(lambda _: json.dumps({"say": "Hm.", "write": {"words": hostile}}))
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=model)
    tokens = _markdown.parse(to_markdown(log))
    acts = sum(len(r.acts) for r in log.records if isinstance(r, Turn))
    kinds = [t.type for t in tokens]
    assert (acts, 2) == (kinds.count("list_item_open"), kinds.count("heading_open"))
    assert not {"html_block", "fence", "code_block", "table_open", "blockquote_open"} & set(kinds)
    items = [tokens[i + 2].children or [] for i, kind in enumerate(kinds) if kind == "list_item_open"]
    assert all([c.type for c in item] == ["code_inline"] for item in items)


def test_no_control_characters_reach_markdown_or_csv(tmp_path: Path) -> None:
    """Escape sequences, C1 controls and marks that turn text around are in neither export, from words or acts."""
    for number, answer in enumerate((CONTROLS, json.dumps({"say": "a" + CONTROLS, "write": {"words": CONTROLS}}))):
        path = tmp_path / f"{number}.jsonl"
        log = play(notary(tmp_path / str(number)), path, model=Says(lambda _, a=answer: a))
        assert (number, set()) == (number, _dangerous(to_markdown(log)))
        assert (number, set()) == (number, _dangerous(to_csv(log)))


def test_csv_has_a_row_for_each_turn(log_path: Path) -> None:
    """Each turn is a row, with its fields, its calls and what they took."""
    log = RunLog.open(log_path)
    rows = _rows(log)
    turns = [r for r in log.records if isinstance(r, Turn)]
    calls = {t.turn: [r for r in log.records if isinstance(r, Call) and r.turn == t.turn] for t in turns}
    assert list(COLUMNS) == list(rows[0])
    assert len(turns) == len(rows)
    for turn, row in zip(turns, rows, strict=True):
        assert {
            "run": "visit",
            "episode": "1",
            "turn": str(turn.turn),
            "time_minutes": str(turn.time),
            "state": turn.state,
            "speaker": turn.speaker,
            "heard_by": " ".join(turn.heard_by),
            "text": turn.text,
            "acts": json.dumps([a.model_dump() for a in turn.acts], ensure_ascii=False) if turn.acts else "",
            "changed": json.dumps(turn.changed, ensure_ascii=False) if turn.changed else "",
            "minutes": str(turn.minutes),
            "calls": str(len(calls[turn.turn])),
            "prompt_tokens": str(sum(c.usage.prompt for c in calls[turn.turn])),
            "completion_tokens": str(sum(c.usage.completion for c in calls[turn.turn])),
            "cost": "0",
            "model": "scripted",
        } == row


class _Priced:
    """A model that answers badly once and has the prices that it is given."""

    name = "priced"
    description = {"name": "priced"}  # noqa: RUF012 - the protocol's own form

    def __init__(self, costs: Sequence[Decimal | None]) -> None:
        self._costs = costs

    def answer(self, request: Request) -> Reply:
        """Answer with an unknown act first, then with words."""
        text = "Good day." if request.attempt else '{"say": "", "fly": 1}'
        usage = Usage(prompt=10, completion=2, cached=0, is_estimated=False)
        return Reply(text, usage, self._costs[request.attempt], "USD")


@pytest.mark.parametrize(
    ("costs", "wanted"),
    [((Decimal("0.1"), Decimal("0.2")), "0.3"), ((Decimal("0.1"), None), ""), ((None, None), "")],
)
def test_a_row_adds_up_the_calls_of_its_turn(
    costs: tuple[Decimal | None, ...], wanted: str, tmp_path: Path
) -> None:
    """Repairs are counted with their turn; where one price is not known, neither is the sum."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=_Priced(costs))
    found = {(r["calls"], r["prompt_tokens"], r["completion_tokens"], r["cost"]) for r in _rows(log)}
    assert {("2", "20", "4", wanted)} == found


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil","x")', "=cmd|' /C calc'!A0"]
)
def test_formulas_are_defused(hostile: str, tmp_path: Path) -> None:
    """Words that a spreadsheet would compute are led by an apostrophe, and otherwise as they were said."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=Says(lambda _: hostile))
    assert {hostile} == {r.text for r in log.records if isinstance(r, Turn)}
    assert {"'" + hostile} == {row["text"] for row in _rows(log)}


@settings(max_examples=25, deadline=None)
@given(said=st.text(max_size=60))
def test_no_cell_begins_as_a_formula_does(said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is said, the table has all its columns, and only plain numbers may begin with a sign."""
    base = tmp_path_factory.getbasetemp() / "cells"
    world = _notary_once(base)
    (base / "run.jsonl").unlink(missing_ok=True)
    log = play(world, base / "run.jsonl", model=Says(lambda _: said))
    rows = list(csv.reader(io.StringIO(to_csv(log), newline="")))
    assert {len(COLUMNS)} == {len(row) for row in rows}
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}]
    texts = [r.text for r in log.records if isinstance(r, Turn)]
    assert texts == [row[COLUMNS.index("text")].removeprefix("'") if t[:1] in "=+-@" else row[COLUMNS.index("text")]
                     for t, row in zip(texts, rows[1:], strict=True)]  # fmt: skip


def test_a_run_with_refusals_and_fallbacks_is_exported(world: World, tmp_path: Path) -> None:
    """Warnings stand in the Markdown as quotes, and the table counts the repairs."""
    log = play(world, tmp_path / "run.jsonl", seed=1, language="zh", model=rubbish())
    warnings = sum(r.type == "warning" for r in log.records)
    tokens = _markdown.parse(to_markdown(log))
    assert warnings == sum(t.type == "blockquote_open" for t in tokens)
    assert sum(r.type == "call" for r in log.records) == sum(int(row["calls"]) for row in _rows(log))


def test_a_log_without_turns_can_be_exported(log_path: Path, tmp_path: Path) -> None:
    """A run that was broken off at once gives a head and no rows."""
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(log_path.read_bytes().splitlines(keepends=True)[:2]))
    log = RunLog.open(path)
    assert ",".join(COLUMNS) + "\n" == to_csv(log)
    assert _paragraphs(to_markdown(log)) == []
