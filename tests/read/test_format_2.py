"""Logs of format 2, which had no prices and no retries in their calls, as that version wrote them."""

from pathlib import Path

import pytest

from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import RunLog

OLD = sorted((Path(__file__).parent / "old").glob("*-format-2.jsonl"))


@pytest.mark.parametrize("path", OLD, ids=lambda p: p.name)
def test_a_log_of_format_2_is_verified_and_priced(path: Path) -> None:
    """It is played again as it stands, and its ledger adds up."""
    log = RunLog.open(path)
    assert log.header.format == 2
    assert verify(log).reason == ""
    assert ledger([log]).total.calls == sum(r.type == "call" for r in log.records) > 0


def test_there_are_logs_of_format_2() -> None:
    """Of a visit, and of a meeting with a vote at once and a vote one by one."""
    assert [p.name.partition("-")[0] for p in OLD] == ["company_meeting", "hospital_visit"]
