"""The calls of a judge on disk: in the order of the cells, and none lost or doubled by a stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.errors import RunLogError
from sim.sweep.calls import KEPT, LEDGER, Calls, Ledger, kept_name


def call(cell: int, time: int = 1, purpose: str = "mark", **given: Any) -> dict[str, Any]:
    """A call that took 11 tokens."""
    usual: dict[str, Any] = {
        "cell": cell, "episode": 1, "judge": "gpt", "time": time, "attempt": 0, "purpose": purpose, "model": "gpt",
        "prompt": "p", "answer": f"{cell}.{time}", "scores": None, "refused": None,
        "usage": {"prompt": 10, "completion": 1}, "cost": "0.5", "currency": "USD", "measured": {},
    }  # fmt: skip
    return usual | given


def place(time: int, prompt: str = "p") -> tuple[int, str, int, int, str]:
    """Where the answer of a call is found."""
    return 1, "gpt", time, 0, prompt


def test_a_call_that_was_kept_is_taken_and_not_made_again(tmp_path: Path) -> None:
    """If it was made for the same prompt; what was paid for before is told, in vain or not."""
    path = tmp_path / kept_name(3)
    first = Calls(path)
    for made in (call(3, purpose="retry", answer=""), call(3), call(3, 2, measured={"hit": True})):
        first.add(made)
    again = Calls(path)
    assert (again.take(place(1)), again.take(place(1, "another")), again.take(place(3))) == ("3.1", None, None)
    assert [made["purpose"] for made in again.made] == ["retry", "mark"]
    assert (again.before.tokens.total(), again.before.total["USD"]) == (22, 1)
    assert again.take(place(2)) == "3.2"
    assert again.lines() == first.lines() == path.read_bytes()


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_torn_call_is_dropped_and_the_next_stands_on_a_line_of_its_own(whole: int, tmp_path: Path) -> None:
    """Wherever the stop came."""
    path = tmp_path / kept_name(0)
    first = Calls(path)
    for time in (1, 2, 3):
        first.add(call(0, time))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:whole]) + lines[whole][:-5])
    again = Calls(path)
    assert again.take(place(whole + 1)) is None
    again.add(call(0, whole + 1))
    assert path.read_bytes() == b"".join(lines[: whole + 1])


def test_calls_that_cannot_be_kept_are_told_in_a_line(tmp_path: Path) -> None:
    """Nothing may be asked that would be forgotten."""
    (tmp_path / "runs").write_text("", encoding="utf-8")
    with pytest.raises(RunLogError) as caught:
        Calls(tmp_path / kept_name(0)).add(call(0))
    assert str(caught.value).startswith(f"cannot write {tmp_path / kept_name(0)}: ")


def lines_of(*cells: int) -> bytes:
    """A line for each cell, as a ledger has them."""
    return b"".join(json.dumps(call(cell)).encode() + b"\n" for cell in cells)


def test_calls_of_runs_without_a_row_go_back_to_their_files(tmp_path: Path) -> None:
    """What is torn behind them is dropped; a file that is there has them already."""
    (tmp_path / LEDGER).write_bytes(lines_of(0, 0, 2, 2, 4) + b'{"cell": 5')
    (tmp_path / KEPT).mkdir(parents=True)
    (tmp_path / kept_name(4)).write_bytes(lines_of(4, 4))
    ledger = Ledger(tmp_path, 1)
    assert (tmp_path / LEDGER).read_bytes() == lines_of(0, 0)
    assert (tmp_path / kept_name(2)).read_bytes() == lines_of(2, 2)
    assert (tmp_path / kept_name(4)).read_bytes() == lines_of(4, 4)
    ledger.put(lines_of(1, 2))
    ledger.forget([2, 4])
    ledger.close()
    assert (tmp_path / LEDGER).read_bytes() == lines_of(0, 0, 1, 2)
    assert not (tmp_path / KEPT).exists()
