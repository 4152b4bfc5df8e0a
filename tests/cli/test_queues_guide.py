"""docs/queues.md shows what its commands print, in both languages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Sim

GUIDES = ["queues.md", "queues.zh.md"]


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def lines(text: str) -> list[str]:
    """The lines that say something."""
    return [line.rstrip() for line in text.splitlines() if line.strip() not in {"", "…"}]


@pytest.mark.parametrize("name", GUIDES)
def test_the_commands_of_the_guide_print_what_it_shows(
    name: str, sim: Sim, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line and in order, but for those left out; the pictures are drawn."""
    monkeypatch.setenv("COLUMNS", "100")
    shown = dict(re.findall(r"<!-- output: (sim [^\n]*) -->\n```\n(.*?)```", guide(name), re.DOTALL))
    commands = [line for block in re.findall(r"```sh\n(.*?)```", guide(name), re.DOTALL) for line in lines(block)]
    assert {re.sub(" --plot .*", "", command) for command in commands} >= set(shown)
    for command in commands:
        done = sim(*shlex.split(command)[1:])
        assert done.code == 0, done.err
        printed = iter(lines(done.out))
        assert [
            line for line in lines(shown.get(re.sub(" --plot .*", "", command), "")) if line not in printed
        ] == []
    assert (folder / "both.png").read_bytes().startswith(b"\x89PNG")


def test_the_code_of_the_guide_prints_what_it_shows(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Chinese one has the same code and the same figures."""
    monkeypatch.chdir(folder)
    pattern = r"```python\n(.*?)```\n\n<!-- output: python -->\n```\n(.*?)```"
    [(code, shown)], chinese = (re.findall(pattern, guide(name), re.DOTALL) for name in GUIDES)
    exec(compile(code, "guide", "exec"), {})
    assert capsys.readouterr().out == shown
    assert chinese == [(code, shown)]
