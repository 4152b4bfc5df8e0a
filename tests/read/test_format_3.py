"""Logs of format 3, one of each world, packed as they were kept: later versions read and verify them as ever."""

import re
from pathlib import Path

import pytest

from sim.read.audit import audit
from sim.read.export import to_csv, to_markdown
from sim.read.fold import before_turn
from sim.read.ledger import ledger
from sim.read.transcript import Transcript
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.record.records import Call, Turn

OLD = sorted((Path(__file__).parent / "old").glob("*-format-3.jsonl.*"))


def test_there_is_a_log_of_each_world() -> None:
    """Three are packed with one program, three with another."""
    worlds = ["chart_desk", "company_meeting", "hospital_visit", "number_chain", "three_departments", "werewolf"]
    assert worlds == [p.name.partition("-")[0] for p in OLD]
    assert {".gz", ".zst"} == {p.suffix for p in OLD}


@pytest.mark.parametrize("path", OLD, ids=lambda p: p.name)
def test_a_log_of_format_3_is_verified_audited_and_priced(path: Path) -> None:
    """It is played again as it stands, every prompt keeps its secrets, and its ledger adds up."""
    log = RunLog.open(path)
    assert (log.header.format, log.is_complete, log.is_torn) == (3, True, False)
    assert verify(log).reason == ""
    assert [c.told for c in audit(log).checks if not c.ok] == []
    assert log.records.how_many(Call) == ledger([log]).total.calls > 0


@pytest.mark.parametrize("path", OLD, ids=lambda p: p.name)
def test_a_log_of_format_3_is_shown_and_exported(path: Path) -> None:
    """Every turn is in its transcript and its tables, and the last one is followed from the first record on."""
    log = RunLog.open(path)
    turns = [r for r in log.records if isinstance(r, Turn)]
    shown = [e.turn for e in Transcript(log.header).entries(log.records) if e.kind == "turn"]
    assert [t.turn for t in turns] == shown
    assert len(turns) == len(re.findall(r"^\*\*\d\d:\d\d ", to_markdown(log), re.MULTILINE))
    assert len(turns) + 1 == len(to_csv(log).splitlines())
    assert turns[-1] == before_turn(log, turns[-1].turn, episode=turns[-1].episode).record
