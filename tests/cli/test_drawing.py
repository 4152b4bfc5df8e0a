"""``sim graph``: of a world, of what runs took of it, in every format; and what it says where it cannot."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.running import Sim, assert_refused, files, python

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def visit(sim: Sim, folder: Path) -> str:
    """A run of the hospital visit with seed 7, in Chinese."""
    assert sim("run", "hospital_visit", "--seed", 7, "--lang", "zh", "--out", "visit.jsonl").code == 0
    return "visit.jsonl"


def test_a_run_is_drawn_in_its_own_language_and_world(visit: str, sim: Sim, folder: Path) -> None:
    """Where no world is named; the taken arrows are numbered."""
    out = sim("graph", "--run", visit).out
    assert 'state "挂号 (橙子, 挂号处 · 1次，3轮)" as s0' in out
    assert re.findall(r": 1× (.*)$", out, re.MULTILINE) == [
        "registered",
        "heading == till",
        "receipt",
        "dispensed and speaker == patient",
    ]
    assert sim("graph", "--run", visit, "-o", "taken.svg").out == "taken.svg\n"
    root = ET.parse(folder / "taken.svg").getroot()
    assert len(root.findall(f".//{SVG}path[@stroke-width='3']")) == 5


def test_several_runs_are_drawn_together(visit: str, sim: Sim) -> None:
    """Each counts."""
    assert "2× registered" in sim("graph", "hospital_visit", "--run", visit, "--run", visit, "--lang", "en").out


def test_how_often_who_followed_whom_is_drawn(visit: str, sim: Sim) -> None:
    """In each format that is text; the turns of a speaker stand in the picture."""
    dot = sim("graph", "--run", visit, "--speakers", "--to", "dot").out
    assert re.search(r'"registrar" -> "patient" \[label="\d×", color="#1f62c4", penwidth=3\];', dot)
    assert "linkStyle 0 stroke:" in sim("graph", "--run", visit, "--speakers").out
    assert re.search(r">\d轮</text>", sim("graph", "--run", visit, "--speakers", "--to", "svg").out)


def test_an_arrow_that_the_world_has_no_more_is_told(visit: str, sim: Sim) -> None:
    """On standard error; the picture is drawn all the same."""
    done = sim("graph", "hospital_visit", "--variant", "triage", "--run", visit)
    assert done.code == 0
    assert done.err == (
        "not in the picture, as 'hospital_visit' no longer has it: reception → consulting (registered)\n"
    )
    assert done.out.startswith("stateDiagram-v2\n")


def test_a_png_is_written(sim: Sim, folder: Path) -> None:
    """Of the machine and of who may speak after whom."""
    for option in ([], ["--speakers"]):
        assert sim("graph", "company_meeting", "--lang", "zh", *option, "-o", "meeting.png").out == "meeting.png\n"
        assert (folder / "meeting.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_without_the_library_a_png_is_refused_in_a_line_and_an_svg_is_drawn(folder: Path) -> None:
    """The line says what to install."""
    code = (
        "import sys\nsys.modules['resvg_py'] = None\nfrom sim.cli import main\n"
        "sys.argv = ['sim', 'graph', 'company_meeting', '-o', '{}']\nmain()"
    )
    assert_refused(python(code.format("x.png"), cwd=folder), "pip install 'roleplay-sim[plot]'")
    assert python(code.format("x.svg"), cwd=folder).code == 0
    assert set(files(folder)) == {"x.svg"}


def test_without_a_chinese_font_a_png_is_refused_in_a_line(folder: Path) -> None:
    """The line names what is missing, and nothing is written."""
    code = (
        "import sys, resvg_py\nfrom functools import partial\n"
        "resvg_py.svg_to_bytes = partial(resvg_py.svg_to_bytes, skip_system_fonts=True)\n"
        "from sim.cli import main\n"
        "sys.argv = ['sim', 'graph', 'company_meeting', '--lang', 'zh', '-o', 'x.png']\nmain()"
    )
    assert_refused(python(code, cwd=folder), "no font here has the characters", "Noto Sans CJK")
    assert files(folder) == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say which world to draw, or which run with --run RUN"),
        (["werewolf", "--run", "visit.jsonl"], "visit is a run of 'hospital_visit', not of 'werewolf'"),
        (["--run", "visit.jsonl", "--variant", "triage"], "--variant goes with a WORLD"),
        (["--run", "visit.jsonl", "--lang", "fr"], "'hospital_visit' does not speak 'fr'"),
        (["hospital_visit", "-o", "x.pgn"], "cannot draw '.pgn'; did you mean 'png'?"),
        (["hospital_visit", "--to", "png"], "a PNG goes to a file: -o picture.png"),
        (["hospital_visit", "--to", "svg", "-o", "."], "cannot write .: Is a directory"),
        (["hospital_visit", "-o", "no/x.svg"], "cannot write no/x.svg: No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_line(words: list[str], told: str, visit: str, sim: Sim) -> None:
    """With what is wrong with it."""
    assert_refused(sim("graph", *words), told)
