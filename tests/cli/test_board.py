"""What ``sim dev`` prints: places in long lines, long transcripts, runs that do not end."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from sim.cli.board import MOST, Board
from sim.errors import Problem
from sim.read.session import MOST_TURNS, Session
from tests.building import write_world
from tests.cli.running import ROOT
from tests.read.test_session import ENDLESS


@pytest.mark.parametrize("before", [0, 9, 60, 200])
@pytest.mark.parametrize("letter", ["x", "长"])
def test_the_caret_stands_below_the_place(
    before: int, letter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in a line that is longer than the terminal, and below wide characters."""
    path = tmp_path / "world.yaml"
    path.write_text(f"first: 1\n{letter * before}HERE: {letter * 200}\n", encoding="utf-8")
    Board().problems([Problem(str(path), 2, before + 1, "x", "wrong")])
    source, caret = capsys.readouterr().out.splitlines()[-2:]
    assert max(cell_len(source), cell_len(caret)) <= 100
    assert caret.endswith("^")
    assert cell_len(source[: source.index("HERE")]) == caret.index("^")


def test_of_a_long_transcript_the_beginning_and_the_end_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how much is left out, and where all of it is."""
    play = Session(ROOT / "worlds" / "werewolf" / "world.yaml", tmp_path, language="en").play()
    Board().play(play, "en")
    out = capsys.readouterr().out.splitlines()
    [left] = [line for line in out if line.startswith("… ")]
    assert left.split(";")[1].startswith(" sim replay")
    assert any("[wolves_win]" in line or "[village_wins]" in line for line in out[out.index(left) :])
    shown = [line for line in out[: out.index(left)] if line[:2].isdigit()]
    assert 0 < len(shown) <= MOST


def test_a_run_that_was_stopped_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no outcome."""
    session = Session(write_world(tmp_path / "endless", ENDLESS) / "world.yaml", tmp_path)
    Board().play(session.play(), "en")
    assert f"outcome stopped after {MOST_TURNS} turns, it had not ended" in capsys.readouterr().out
