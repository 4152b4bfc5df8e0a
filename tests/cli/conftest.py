"""What the tests of the command line share: an empty folder, and ``sim`` run in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sim import cli
from tests.cli.running import Done, Sim


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def sim(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sim:
    """Run ``sim`` in this process, in an empty folder, as its entry point does."""

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["sim", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run
