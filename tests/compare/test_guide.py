"""What docs/compare.md says, in both languages: its example is what the commands print, its options are there."""

import re
from pathlib import Path

import planted
import pytest
from typer.testing import CliRunner

from sim.cli.app import app
from sim.compare.sample import ASKED, SHOWN
from sim.compare.words import _WORDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = ["compare.md", "compare.zh.md"]


@pytest.mark.parametrize("name", GUIDES)
def test_the_example_is_what_the_commands_print(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the digit: the experiment is drawn by fixed seeds, and so is the bootstrap."""
    monkeypatch.chdir(tmp_path)
    text = (DOCS / name).read_text(encoding="utf-8")
    [seeds] = re.findall(r"^python bench/planted.py results/planted --seeds (\d+)$", text, re.MULTILINE)
    planted.write(Path("results/planted"), list(planted.planted(int(seeds))))
    [(command, block)] = re.findall(r"<!-- planted: sim (compare [^\n]*) -->\n```\n(.*?)```", text, re.DOTALL)
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0
    assert [line.rstrip() for line in done.output.splitlines()] == block.splitlines()


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_names_every_measure_and_verdict(name: str) -> None:
    """And both have the same commands."""
    text = (DOCS / name).read_text(encoding="utf-8")
    verdicts = [_WORDS[key][name == "compare.zh.md"] for key in ("different", "small", "unknown", "identical")]
    assert [word for word in (*SHOWN, *ASKED, *verdicts) if f"`{word}`" not in text] == []
    commands = re.findall(r"^sim compare [^#\n]*?(?= *#|$)", text, re.MULTILINE)
    assert commands == re.findall(
        r"^sim compare [^#\n]*?(?= *#|$)", (DOCS / "compare.md").read_text(encoding="utf-8"), re.MULTILINE
    )
