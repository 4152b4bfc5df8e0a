"""One turn of a run: everything that was asked, paid, refused and decided in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.record.log import RunLog
from sim.record.records import Refusal, Turn
from sim.world.world import World
from tests.cli.running import Sim, edited
from tests.read.forging import play, stumbling

OLD = {"turn", "state", "facts", "prompt", "speaker", "heard_by", "text", "acts", "changed", "calls"}


@pytest.fixture(scope="module")
def stumbled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which every answer was sent back once."""
    path = tmp_path_factory.mktemp("stumbled") / "run.jsonl"
    return play(world, path, seed=3, language="en", model=stumbling()).path


def test_a_turn_has_its_refusals_with_their_reasons_and_every_attempt(sim: Sim, stumbled: Path) -> None:
    """A turn whose first answer was sent back: two attempts, both with the raw answer, and why the first failed."""
    log = RunLog.open(stumbled)
    refusal = next(r for r in log.records if isinstance(r, Refusal))
    told = sim("show", stumbled, "--turn", refusal.turn, "--json").json
    assert set(told) >= OLD
    assert (told["attempts"], len(told["calls"])) == (2, 2)
    assert told["refusals"] == [{"attempt": 0, "role": refusal.role, "reasons": refusal.reasons}]
    assert [c["purpose"] for c in told["calls"]] == ["turn", "repair"]
    shown = sim("show", stumbled, "--turn", refusal.turn).out
    assert 'answer    {"say": "", "fly": 1}' in shown
    assert f"refused   {refusal.reasons[0]}" in shown
    assert shown.index("refused") < shown.index("call      repair")


def test_a_turn_says_why_its_arrow_fired(sim: Sim, log_path: Path) -> None:
    """The transitions of a turn are told with every guard and what it read, in JSON and in words."""
    last = [r for r in RunLog.open(log_path).records if isinstance(r, Turn)][-1]
    told = sim("show", log_path, "--turn", last.turn, "--json").json
    (crossing,) = told["transitions"]
    (fired,) = [a for a in crossing["arrows"] if a["fired"]]
    assert (fired["to"], [p["value"] for p in fired["parts"]]) == ("discharged", [True])
    assert fired["parts"][0]["reads"] == {"dispensed": True, "speaker": "patient"}
    shown = sim("show", log_path, "--turn", last.turn).out
    assert "→ discharged fired: dispensed and speaker == patient is true (dispensed=true, speaker=patient)" in shown


def test_what_was_not_paid_and_what_was_paid_in_vain_is_told(sim: Sim, folder: Path, log_path: Path) -> None:
    """An answer from a cache is no cost of a turn, and a retry is one without use."""

    def edit(records: list[dict[str, Any]]) -> None:
        at = next(i for i, r in enumerate(records) if r["type"] == "call" and r["turn"] == 2)
        records[at] |= {"cost": "0.5", "measured": {"hit": True}}
        records.insert(at, {**records[at], "purpose": "retry", "cost": "0.25", "measured": {}})

    path = edited(log_path, folder / "paid.jsonl", edit)
    told = sim("show", path, "--turn", 2, "--json").json
    assert [c["paid"] for c in told["calls"]] == [True, False]
    costs = {kind: told["sums"][kind]["cost"] for kind in ("paid", "in_vain", "saved")}
    assert costs == {"paid": {"USD": "0.25"}, "in_vain": {"USD": "0.25"}, "saved": {"USD": "0.5"}}
    shown = sim("show", path, "--turn", 2).out
    assert "cost 0.25 USD, paid in vain\n" in shown
    assert "cost 0.5 USD, not paid: from the cache\n" in shown


def test_a_turn_of_a_log_without_a_sound_world_is_still_shown(sim: Sim, folder: Path, log_path: Path) -> None:
    """What needs the world is left out; the words, acts and costs of the turn are in the log."""
    path = edited(log_path, folder / "bare.jsonl", lambda r: r[0]["resolved"].update(personas={}))
    done = sim("show", path, "--turn", 1)
    assert (done.code, done.err) == (0, "")
    assert "speaker   patient" in done.out
    assert "arrow" not in done.out
