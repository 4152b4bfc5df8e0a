"""Logs of format 1, as versions before this one wrote them: they are read, shown, priced and exported as ever."""

from __future__ import annotations

import itertools
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sim import cli
from sim.engine import prompt
from sim.read.export import to_csv, to_markdown
from sim.read.fold import before_turn
from sim.read.ledger import ledger
from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Call, Turn
from sim.world.library import revive
from sim.world.world import World
from tests.read.forging import forge, play, records_of

LATER = {"narration", "look_up", "selection", "ballot", "summary"}
"""The types of records that format 1 does not have."""


def as_format_1(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records as the first format has them."""
    assert {r["type"] for r in records}.isdisjoint(LATER)
    without = [{k: v for k, v in r.items() if k != "asked"} for r in records]
    return [{**without[0], "format": 1}, *without[1:]]


@pytest.fixture(scope="module")
def logs(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunLog, RunLog]:
    """A run in which nobody looks anything up, in today's format, and the same in format 1 with fitting hashes."""
    folder = tmp_path_factory.mktemp("formats")
    played = (play(world, folder / f"{seed}.jsonl", seed=seed, language="zh") for seed in itertools.count())
    today = next(log for log in played if {r.type for r in log.records}.isdisjoint(LATER))
    (folder / "old").mkdir()
    return today, forge(as_format_1(records_of(today.path)), folder / "old" / today.path.name)


def test_a_log_of_format_1_is_opened_and_its_chain_holds(logs: tuple[RunLog, RunLog]) -> None:
    """All records are there, and a turn does not say when it was asked for."""
    today, old = logs
    old.check_chain()
    assert (old.header.format, old.is_complete, old.is_torn) == (1, True, False)
    assert [r.type for r in today.records] == [r.type for r in old.records]
    assert {None} == {r.asked for r in old.records if isinstance(r, Turn)}
    assert b'"asked"' not in old.path.read_bytes()


def test_a_log_of_format_1_is_replayed_for_all_and_for_each_role(logs: tuple[RunLog, RunLog]) -> None:
    """Entry by entry as the same run in today's format."""
    today, old = logs
    for roles in ((), *((role,) for role in today.header.models)):
        shown, wanted = (list(Transcript(log.header, *roles).entries(log.records)) for log in (old, today))
        assert wanted == shown
        assert wanted


def test_each_turn_of_a_log_of_format_1_has_the_prompt_that_was_sent(logs: tuple[RunLog, RunLog]) -> None:
    """Each speaker was asked right before its turn, and all is folded up to there."""
    today, old = logs
    world = revive(old.header.resolved, old.header.variant)
    asked = {c.turn: c for c in old.records if isinstance(c, Call) and c.attempt == 0}
    assert asked
    for turn, call in asked.items():
        was, now = before_turn(old, turn, world), before_turn(today, turn, world)
        assert (now.situation, now.said, was.situation.turn) == (was.situation, was.said, turn - 1)
        assert call.prompt == prompt.build(world, was.situation, was.said, call.role, "zh").digest


def test_a_log_of_format_1_is_exported_and_priced_as_ever(logs: tuple[RunLog, RunLog]) -> None:
    """The tables are the same to the byte but for the trace, and so are the tokens."""
    today, old = logs
    assert to_csv(today) == to_csv(old)
    assert to_markdown(today).replace(today.trace, "") == to_markdown(old).replace(old.trace, "")
    assert ledger([today], "role") == ledger([old], "role")


@pytest.mark.parametrize(
    "command", ["replay", "replay --as patient", "show", "show --turn 3 --prompt", "cost", "export"]
)
def test_every_command_that_reads_takes_a_log_of_format_1(
    command: str,
    logs: tuple[RunLog, RunLog],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing but the trace is shown otherwise."""
    monkeypatch.chdir(tmp_path)
    verb, *options = command.split()
    shown = []
    for log in logs:
        monkeypatch.setattr(sys, "argv", ["sim", verb, str(log.path), *options])
        with suppress(SystemExit):
            cli.main()
        out, err = capsys.readouterr()
        assert (bool(out), err) == (True, "")
        shown.append(out.replace(log.trace, ""))
    assert shown[0] == shown[1]
