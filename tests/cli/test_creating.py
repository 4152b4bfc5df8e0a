"""``sim new world``: what it writes, asks and refuses, and that other commands take what it wrote."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import typer

from tests.cli.running import Sim, assert_refused, files, process


def test_a_new_world_checks_runs_is_tested_and_drawn(sim: Sim, folder: Path) -> None:
    """By the commands that are told at the end, as they are told."""
    done = sim("new", "world", "visa_counter")
    assert (done.code, done.err) == (0, "")
    told = [line.strip() for line in done.out.splitlines() if line.startswith("  sim ")]
    assert [line.split()[1] for line in told] == ["run", "check", "test", "graph"]
    for line in told:
        assert sim(*line.split()[1:]).code == 0, line
    assert sim("run", "visa_counter", "--lang", "zh", "--json").json["outcome"] in {"finished", "turned_away"}
    assert sim("check", "visa_counter", "--json").json["problems"] == []
    assert (folder / "worlds" / "visa_counter" / "README.zh.md").is_file()
    assert (folder / ".schemas" / "world.json").is_file()


def test_names_in_chinese_work_in_every_command(sim: Sim, folder: Path) -> None:
    """World, roles and phases; the transcript has them."""
    done = sim(
        "new", "world", "签证大厅", "--lang", "zh", "--role", "申请人", "--role", "保安", "--role", "签证官",
        "--phase", "安检", "--phase", "递交材料=签证官", "--yes",
    )  # fmt: skip
    assert done.code == 0
    ran = sim("run", "签证大厅", "--seed", "3")
    assert ran.code == 0
    assert all(word in ran.out for word in ("── 安检 ──", "── 递交材料 ──", "申请人", "保安", "签证官"))
    checked = sim("check", "签证大厅")
    assert checked.out.startswith("签证大厅: no problem\n签证大厅: 3 of 3 ends reached; ")
    assert "签证大厅: 3 of 3 rules proved for every run\n" in checked.out
    assert "跳过前面的关到了“递交材料”" in checked.out
    assert sim("test", "签证大厅").out.endswith("5 passed\n")
    assert sim("graph", "签证大厅", "-o", "图.svg").code == 0
    assert "递交材料" in (folder / "图.svg").read_text(encoding="utf-8")
    assert sim("show", "--turn", "2", "--prompt").code == 0
    assert sim("verify").code == 0
    assert sim("persona", "show", "worlds/签证大厅/personas/签证官.yaml").code == 0


def test_the_templates_are_listed_with_a_line_each(sim: Sim) -> None:
    """As text and as JSON."""
    lines = sim("new", "world", "--list").out.splitlines()
    rows = sim("new", "world", "--list", "--json").json
    assert [line.split()[0] for line in lines] == [row["template"] for row in rows]
    assert len(lines) == 6
    assert all(set(row["about"]) == {"en", "zh"} for row in rows)
    chinese = sim("new", "world", "--list", "--lang", "zh").out.splitlines()
    assert [line.split(maxsplit=1)[1] for line in chinese] == [row["about"]["zh"] for row in rows]


def test_what_cannot_be_used_is_a_line(sim: Sim, folder: Path) -> None:
    """And nothing is written."""
    assert_refused(sim("new", "world", "w", "--from", "metting"), "no template 'metting'; did you mean 'meeting'?")
    assert_refused(sim("new", "world", "w", "--lang", "de"), "--lang: no words in 'de'")
    assert_refused(sim("new", "world"), "a world needs a name: sim new world NAME")
    assert_refused(sim("new", "world", "w", "--role", "state", "--role", "b"), "--role 'state'", "another name")
    assert files(folder) == {}


def test_a_world_that_is_there_is_let_be(sim: Sim, folder: Path) -> None:
    """The file is named, and what would do."""
    assert sim("new", "world", "w", "--yes").code == 0
    before = files(folder)
    assert_refused(sim("new", "world", "w", "--yes"), "worlds/w/world.yaml is there already", "--out FOLDER")
    assert files(folder) == before


def test_json_says_what_was_written(sim: Sim, folder: Path) -> None:
    """The files, each of which is there."""
    row = sim(
        "new", "world", "Book Club", "--from", "discussion", "--lang", "zh,en", "--out", "mine", "--json"
    ).json
    assert (row["world"], row["folder"], row["template"], row["languages"]) == (
        "book_club", "mine/book_club", "discussion", ["zh", "en"],
    )  # fmt: skip
    assert {str(Path(name)) for name in row["files"]} == set(files(folder))
    assert sim("test", "mine/book_club").code == 0


def test_a_name_of_a_bundled_world_says_that_it_hides_it(sim: Sim) -> None:
    """As commands look in ./worlds first."""
    assert "commands here now take this 'werewolf' in place of the package's" in sim("new", "world", "werewolf").out


def test_at_a_terminal_it_asks_for_what_is_not_given(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """With an answer for each that Enter takes; a comma of either script stands between names."""
    asked: dict[str, str] = {}
    answers = {
        "what is it called": "婚礼",
        "from which template": "chain",
        "roles": "新娘，裁缝、厨师",
        "title": "办婚事",
    }

    def answer(what: str, default: str = "") -> str:
        asked[what] = default
        return next((given for start, given in answers.items() if what.startswith(start)), default)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", answer)
    assert sim("new", "world").code == 0
    assert [what.partition(" (")[0] for what in asked] == [
        "what is it called",
        "from which template",
        "languages, the first one first",
        "title",
        "roles, with commas between",
        "phases, with commas between",
    ]
    assert list(asked.values()) == [
        "", "procedure", "en,zh", "the template's", "host, cook, musician, florist", "the template's",
    ]  # fmt: skip
    text = (folder / "worlds" / "婚礼" / "world.yaml").read_text(encoding="utf-8")
    assert 'title: "办婚事"' in text
    assert re.findall(r"^  (with_\w+):", text, re.MULTILINE) == ["with_裁缝", "with_厨师"]


@pytest.mark.parametrize(
    "more", [["--yes"], ["--json"], ["--from", "lesson", "--lang", "en", "--role", "a", "--role", "b"]]
)
def test_it_does_not_ask_where_it_need_not(sim: Sim, monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    """With --yes, with --json, or where all that matters is given."""

    def fail(*given: object, **more: object) -> str:
        raise AssertionError(given)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", fail)
    assert sim("new", "world", "w", *more).code == 0


def test_without_a_terminal_it_never_waits(folder: Path) -> None:
    """A process whose input is empty."""
    done = process("new", "world", "w", "--from", "lesson", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert (folder / "worlds" / "w" / "world.yaml").is_file()
