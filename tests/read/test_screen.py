"""The transcript as plain text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sim import cli
from sim.read.screen import plain_text
from sim.record.log import RunLog


def test_the_plain_text_is_what_replay_prints(
    log_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for spaces at the ends of lines."""
    monkeypatch.setattr(sys, "argv", ["sim", "replay", str(log_path)])
    with pytest.raises(SystemExit):
        cli.main()
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert plain_text(RunLog.open(log_path)).splitlines() == printed
