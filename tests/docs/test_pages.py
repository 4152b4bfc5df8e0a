"""Pages say what the code prints, and a page that does not is found."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from docs.tool import __main__ as command
from docs.tool import pages as tool
from docs.tool.__main__ import made
from docs.tool.pages import BLOCK, PageError, commands_of, played
from docs.tool.session import Session

PAGES = tool.pages()
CHINESE = [page for page in PAGES if page.name.endswith(".zh.md") and page.parent.name == "docs"]


def page(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """A page of one's own."""
    monkeypatch.setattr(tool, "ROOT", folder)
    path = folder / "page.md"
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_a_page_shows_what_its_commands_print(path: Path) -> None:
    """To the letter, but for what it leaves out; `poe docs` writes what they print now."""
    assert path.read_text(encoding="utf-8").splitlines() == made(path).splitlines()


@pytest.mark.parametrize("path", CHINESE, ids=lambda p: p.name)
def test_a_chinese_page_has_the_blocks_tables_and_headings_of_the_english_one(path: Path) -> None:
    """It is a translation, not another document: but for words, comments and the language that is asked for."""
    english, chinese = (p.read_text(encoding="utf-8") for p in (Path(f"{str(path)[:-6]}.md"), path))
    shapes = [[line.count("|") for line in t.splitlines() if line.startswith("|")] for t in (english, chinese)]
    assert shapes[0] == shapes[1]
    assert re.findall(r"^(#+) ", english, re.MULTILINE) == re.findall(r"^(#+) ", chinese, re.MULTILINE)
    fences = [re.findall(r"^```(\w*)$", t, re.MULTILINE) for t in (english, chinese)]
    assert fences[0] == fences[1]
    plain = [[_plain(f["mark"]) for f in BLOCK.finditer(t) if not f["mark"].startswith("output: python")]
             for t in (english, chinese)]  # fmt: skip
    assert [m for m in plain[0] if m != "run"] == [m for m in plain[1] if m != "run"]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_no_file_and_no_code_of_a_page_is_left_untried(path: Path) -> None:
    """Python is run, and whole files are written where commands then use them; other tests have the rest."""
    text = path.read_text(encoding="utf-8")
    tried = {found.start("body") for found in BLOCK.finditer(text)}
    elsewhere = {"README.md", "README.zh.md", "queues.zh.md", "code.md", "code.zh.md", "models.md", "models.zh.md",
                 "testing.md", "testing.zh.md"}  # fmt: skip
    blocks = re.finditer(r"^```(python|yaml)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    whole = [b for b in blocks if b[1] == "python" or re.match(r"(#.*\n)*(world|cases|turns|models): ", b[2])]
    left = [b[2].splitlines()[0] for b in whole if b.start(2) not in tried]
    assert left == [] or path.name in elsewhere


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_a_reader_is_told_where_each_file_of_a_page_goes(path: Path) -> None:
    """Marks cannot be seen: the paragraph before a file names it."""
    text = path.read_text(encoding="utf-8")
    marks = re.finditer(r"^<!-- (?:file|add to): (\S+) -->$", text, re.MULTILINE)
    before = {mark[1]: text[: mark.start()].rstrip().split("\n\n")[-1] for mark in marks}
    assert [name for name, said in before.items() if f"`{name}`" not in said] == []


def _plain(command: str) -> str:
    return re.sub(r" --lang (zh|en)\b", "", command)


def test_commands_are_run_in_order_in_an_empty_folder_and_their_output_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that the page has are there; a command that was not run yet is run where its output stands."""
    path = page(
        tmp_path, monkeypatch,
        """
        <!-- file: a/one.yaml -->
        ```yaml
        x: 1
        y: {z: 2}
        ```

        <!-- add to: a/one.yaml -->
        ```yaml
        x:
          - 3
        w: 4
        ```

        <!-- run -->
        ```sh
        ls             # a comment
        cat a/one.yaml
        ```

        <!-- output: cat a/one.yaml -->
        ```
        ```

        <!-- output: echo hello -->
        ```
        hell
        ```
        """,
    )  # fmt: skip
    shown = [found["body"] for found in BLOCK.finditer(played(path)) if found["mark"].startswith("output")]
    assert shown == ["x:\n  - 3\ny: {z: 2}\nw: 4\n", "hello\n"]


def test_a_command_shows_a_file_as_it_is_now(tmp_path: Path) -> None:
    """Another page has a file of the same name: its lines stand below the problem."""
    shown = []
    for number, state in enumerate(("yard", "barn")):
        (tmp_path / str(number)).mkdir()
        reader = Session(tmp_path / str(number))
        text = "world: inn\nroles: {guest: chengzi}\nstates: {hall: {speakers: guest, go: [done]}}\nends: [done]\n"
        reader.write("inn/world.yaml", f"start: {state}\n{text}")
        shown.append([line for line in reader.run("sim check inn").text.splitlines() if "| start" in line])
    assert shown == [["     1 | start: yard"], ["     1 | start: barn"]]


def test_code_goes_on_with_the_names_of_the_code_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a reader would type it."""
    text = "<!-- run -->\n```python\nx = 20\n```\n\n<!-- run -->\n```python\nprint(x + 1)\n```\n\n"
    made_of = played(page(tmp_path, monkeypatch, text + "<!-- output: python -->\n```\n?\n```\n"))
    assert made_of == text + "<!-- output: python -->\n```\n21\n```\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# Head\n\n<!-- run -->\n```sh\nsim run nowhere\n```\n",
            r"page\.md:3: 'sim run nowhere' exits 2, not 0:\n",
        ),
        ("<!-- run, exits 1 -->\n```sh\nsim worlds\n```\n", r"page\.md:1: 'sim worlds' exits 0, not 1:\n"),
        ("<!-- output: echo abc -->\n```\n…\nxyz\n…\n```\n", r"page\.md:1: nothing is printed that is like 'xyz'"),
        ("<!-- add to: a.yaml -->\n```yaml\nx: 1\n```\n", r"page\.md:1: .*No such file"),
    ],
)
def test_a_page_that_cannot_be_made_says_where_and_why(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place is the mark's."""
    with pytest.raises(PageError, match=f"^{message}"):
        played(page(tmp_path, monkeypatch, text))


def test_comments_and_lines_that_go_on_are_read_as_a_shell_does() -> None:
    """A ``#`` within a word is no comment."""
    assert commands_of("# all\nsim run a --out b#1  # one\n\nsim cost \\\n  b\n") == [
        "sim run a --out b#1",
        "sim cost    b",
    ]


def test_the_command_tells_how_a_page_differs_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` has a difference and exit code 1, `write` mends it, and then there is none."""
    path = page(tmp_path, monkeypatch, "<!-- output: echo new -->\n```\nold\n```\n")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.main(["check", str(path)]) == 1
    assert "-old\n+new\n" in capsys.readouterr().out
    assert command.main(["write", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == "<!-- output: echo new -->\n```\nnew\n```\n"
    assert command.main(["check", str(path)]) == 0


def test_the_command_ends_with_one_line_where_a_page_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no traceback; so it does where it is not told what to do."""
    path = page(tmp_path, monkeypatch, "<!-- add to: a.yaml -->\n```yaml\nx: 1\n```\n")
    assert command.main(["write", str(path)]) == 2
    assert capsys.readouterr().err.startswith("page.md:1: ")
    assert command.main([]) == 2
    assert "write|check|build" in capsys.readouterr().err
