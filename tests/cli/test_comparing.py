"""``sim compare``: what it prints and writes, and what it refuses, each in a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import planted
import pytest

import sim as package
from tests.cli.running import Sim, assert_refused


@pytest.fixture
def results(folder: Path) -> Path:
    """A made-up experiment of 60 seeds."""
    return planted.write(folder / "results", list(planted.planted(60)))


def test_the_terminal_shows_tables_and_then_what_they_come_to(sim: Sim, results: Path) -> None:
    """Headings in lines of their own, with the test; no line is wider than a terminal of 100 columns."""
    done = sim("compare", results, "--measure", "outcome", "--measure", "turns")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[:2] == ["Comparison: planted", "3 arms, 60 seeds, 180 runs; held against plain"]
    assert "outcome lost, points · McNemar, exact" in lines
    assert "turns · paired t" in lines
    at = lines.index("How the arms differ")
    assert lines[at + 1].split() == [
        "arm", "−", "plain", "n", "difference", "95", "%", "effect", "p", "verdict", "more", "seeds"
    ]  # fmt: skip
    assert max(len(line) for line in lines[: at + 10]) <= 100
    assert lines[-1] == "4 comparisons, p corrected by Holm"


def test_the_same_results_say_the_same_in_chinese(sim: Sim, results: Path) -> None:
    """With the same numbers."""
    english, chinese = (sim("compare", results, "--lang", lang).out for lang in ("en", "zh"))
    assert "组间差异" in chinese
    numbers = [[w for w in text.split() if w.startswith("[")] for text in (english, chinese)]
    assert numbers[0] == numbers[1]


def test_json_is_one_document(sim: Sim, results: Path) -> None:
    """Also where a file is written beside it."""
    done = sim("compare", results, "--against", "same", "--effect", "0.1", "--json", "-o", "report.md")
    assert done.json["against"] == "same"
    assert Path("report.md").read_text(encoding="utf-8").startswith("# Comparison: planted")


@pytest.mark.parametrize("name", ["r.html", "r.md", "r.csv", "r.png", "r.svg"])
def test_the_ending_tells_what_is_written(sim: Sim, results: Path, name: str) -> None:
    """And the file is named."""
    done = sim("compare", results, "-o", name)
    assert (done.code, done.out) == (0, f"{name}\n")
    beginning = {"html": b"<!doctype", "md": b"# Comp", "csv": b"section,", "png": b"\x89PNG", "svg": b"<?xml"}
    assert Path(name).read_bytes().startswith(beginning[name.partition(".")[2]])


def test_text_goes_to_the_terminal_where_no_file_is_named(sim: Sim, results: Path) -> None:
    """As with ``sim export``."""
    assert sim("compare", results, "--to", "csv").out.startswith("section,measure,arm")


def test_pages_are_exported_once_and_the_report_links_to_them(sim: Sim, folder: Path) -> None:
    """A log that is not there is told of, and is no reason to stop."""
    rows = [planted.row(n, arm, n // 2 + 1) for n, arm in enumerate(["a", "b", "a", "b"])]
    planted.write(folder / "results", rows)
    for n in range(3):
        package.run("hospital_visit", seed=n, out=folder / "results" / "runs" / f"{n:06}.jsonl")
    done = sim("compare", "results", "--pages", "-o", "report.html")
    assert (done.code, done.out) == (0, "report.html\n")
    assert [
        line for line in done.err.splitlines() if "no page" in line and "000003" in line
    ] == done.err.splitlines()
    assert len(done.err.splitlines()) == 1
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.count('<a href="results/runs/00000') == 3
    assert "sim export results/runs/000003.jsonl" in page
    written = Path("results/runs/000000.html").stat().st_mtime_ns
    sim("compare", "results", "--pages", "-o", "report.html")
    assert Path("results/runs/000000.html").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--against", "bettr"], "--against bettr: there is no such arm; did you mean 'better'?"),
        (["--measure", "turn"], "--measure turn: there is no such measure; did you mean 'turns'?"),
        (["--effect", "much"], "--effect much: needs a size above 0, such as 0.1 or tokens=500"),
        (["--effect", "tokens=-1"], "--effect tokens=-1: needs a size above 0"),
        (["-o", "r.pdf"], "cannot write '.pdf'"),
        (["-o", "no/r.md"], "-o no/r.md: there is no folder no"),
        (["--to", "html"], "--to html needs a file to write: -o report.html"),
        (["--by", "variant"], "planted: there is one arm, '-', and nothing to hold it against"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(sim: Sim, results: Path, options: list[str], told: str) -> None:
    """Before anything is written."""
    assert_refused(sim("compare", results, *options), told)


def test_results_that_cannot_be_read_are_told_in_a_line(sim: Sim, results: Path) -> None:
    """No folder, another file, a torn row."""
    assert_refused(sim("compare", "resluts"), "resluts: there are no such results; did you mean 'results'?")
    (results / "results.jsonl").write_text("hello\n", encoding="utf-8")
    assert_refused(sim("compare", results), "results.jsonl:1: not a row of a sweep")
    rows = list(planted.planted(3))
    text = json.dumps(rows[0])[:70] + "\n" + json.dumps(rows[1]) + "\n"
    (results / "results.jsonl").write_text(text, encoding="utf-8")
    assert_refused(sim("compare", results), "results.jsonl:1: not a row of a sweep: EOF while parsing")


def test_without_its_extra_it_says_what_to_install(
    sim: Sim, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The libraries of statistics are large."""
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    assert_refused(sim("compare", results), "sim compare needs: pip install 'roleplay-sim[compare]'")


def test_a_sweep_that_goes_on_is_compared_as_far_as_it_is(sim: Sim, results: Path) -> None:
    """The last row was cut off, and others are missing."""
    path = results / "results.jsonl"
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(text[:90]) + text[90][:100], encoding="utf-8")
    done = sim("compare", results)
    assert done.code == 0
    assert "runs that are not there yet: 90; 'sim sweep --resume' goes on with them" in done.out
    assert "the last row was cut off and is left out" in done.out
