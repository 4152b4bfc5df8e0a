"""How ``sim check`` prints problems: for people, for editors, as JSON."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from sim.cli import problems as printing
from sim.cli.problems import Shape, counted, say_problems
from sim.errors import Problem
from tests.cli.running import ROOT, Sim

GUIDES = ["checking.md", "checking.zh.md"]


def example(guide: str) -> str:
    """The world of a guide with a problem; what is printed of it is written by the guide's own tool."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return re.findall(r"<!-- file: shop/world.yaml -->\n```yaml\n(.*?)```", text, re.DOTALL)[0]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_lines_for_editors_are_read_by_the_pattern_of_a_guide(guide: str, sim: Sim, folder: Path) -> None:
    """Each part in its group."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    task = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])["tasks"][0]
    pattern = task["problemMatcher"]["pattern"]
    (folder / "shop").mkdir()
    broken = example(guide).replace("start: lobby", "start: loby")
    (folder / "shop" / "world.yaml").write_text(broken, encoding="utf-8")
    done = sim("check", "shop", "--format", "lines")
    found = [re.fullmatch(pattern["regexp"], line) for line in done.out.splitlines()]
    parts = [[m.group(pattern[p]) for p in ("file", "line", "column", "severity", "code")] for m in found if m]
    assert (done.code, parts) == (1, [["shop/world.yaml", "9", "1", "error", "unknown-state"]])


def test_a_code_stands_in_the_guides() -> None:
    """Every warning that there is has its row in both tables."""
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "sim" / "world" / "diagnosis").glob("*.py"))
    codes = set(re.findall(r'"([a-z]+(?:-[a-z]+)+|deadlock|unused|unreachable|ignored)"', source))
    for guide in GUIDES:
        text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
        table = re.search(r"\n\| (?:code|代码) .*?\n\n", text, re.DOTALL)
        assert table is not None
        first = re.findall(r"^\| (`[^|]*) \|", table[0], re.MULTILINE)
        rows = set(re.findall(r"`([a-z-]+)`", "".join(first)))
        assert codes == rows


def test_json_has_severity_column_and_suggestion(sim: Sim, folder: Path) -> None:
    """The message is whole all the same."""
    (folder / "world.yaml").write_text(example(GUIDES[0]), encoding="utf-8")
    done = sim("check", "world.yaml", "--json")
    assert done.json["problems"] == [
        {
            "file": "world.yaml",
            "line": 5,
            "column": 3,
            "code": "never-set",
            "message": "facts.stamped: nothing sets it, so it is always false; "
            "set it under sets, or write start: false if --set does",
            "severity": "warning",
            "suggestion": "set it under sets, or write start: false if --set does",
        }
    ]


def shown(problem: Problem, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = False) -> list[str]:
    """What is printed of one problem, without the count."""
    out = io.StringIO()
    monkeypatch.setattr(printing, "say", lambda _: None)
    monkeypatch.setattr(
        "sim.cli.show.console", lambda: Console(file=out, force_terminal=is_terminal, width=60, highlight=False)
    )
    say_problems([problem], Shape.TEXT)
    return out.getvalue().splitlines()


def test_the_mark_stands_under_the_column_whatever_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chinese characters take two columns of a terminal, a tab is shown as a blank."""
    path = tmp_path / "w.yaml"
    path.write_text("标题:\t值\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert shown(Problem("w.yaml", 1, 5, "x", "wrong"), monkeypatch) == [
        "w.yaml:1:5: error: wrong [x]",
        "     1 | 标题: 值",
        "       |       ^",
    ]


def test_a_file_that_was_edited_is_shown_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name may also be another file, in another folder."""
    monkeypatch.chdir(tmp_path)
    for line in ("start: hall", "start: yard"):
        (tmp_path / "w.yaml").write_text(f"{line}\n", encoding="utf-8")
        assert shown(Problem("w.yaml", 1, 1, "x", "wrong"), monkeypatch)[1] == f"     1 | {line}"


def test_a_long_line_is_shown_around_the_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mistake is, not its beginning."""
    (tmp_path / "w.yaml").write_text("a" * 300 + "HERE" + "b" * 300, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = shown(Problem("w.yaml", 1, 301, "x", "wrong"), monkeypatch)
    assert lines[1] == "     1 | …" + "a" * 50 + "HERE" + "b" * 45 + "…"
    assert lines[2].index("^") == lines[1].index("HERE")


def test_nothing_of_a_file_reaches_the_terminal_as_control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its lines nor the message; brackets in them are no markup."""
    (tmp_path / "w.yaml").write_text("[red]a\x1b[31m: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = shown(Problem("w.yaml", 1, 1, "x", "[bold]wrong\x1b[0m"), monkeypatch)
    assert "\x1b" not in "".join(lines)
    assert lines[0].startswith("w.yaml:1:1: error: [bold]wrong")
    assert lines[1] == "     1 | [red]a [31m: 1"


def test_on_a_terminal_the_severity_has_its_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red for errors, yellow for warnings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    error = shown(Problem("w.yaml", 1, 1, "x", "wrong"), monkeypatch, is_terminal=True)
    warning = shown(Problem("w.yaml", 1, 1, "x", "odd", "warning"), monkeypatch, is_terminal=True)
    assert "\x1b[1;31merror\x1b[0m: wrong" in error[0]
    assert "\x1b[1;33mwarning\x1b[0m: odd" in warning[0]


def test_problems_are_counted_by_severity() -> None:
    """One or several of each."""
    error, warning = Problem("a", 1, 1, "x", "y"), Problem("a", 1, 1, "x", "y", "warning")
    assert counted([error]) == "1 problem: 1 error"
    assert counted([error, warning, warning]) == "3 problems: 1 error, 2 warnings"
