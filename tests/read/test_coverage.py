"""Coverage: which states, ends and arrows some runs have seen, and the names of those never seen."""

from __future__ import annotations

from pathlib import Path

import sim
from sim.read.coverage import Coverage, arrows_of, told
from tests.cases.shop import SHOP
from tests.worlds.players import world_of


def test_a_run_covers_what_it_enters_and_takes(tmp_path: Path) -> None:
    """The rest is named, and the share is of states, ends and arrows together."""
    (tmp_path / "world.yaml").write_text(SHOP, encoding="utf-8")
    log = sim.run(tmp_path, out=tmp_path / "run.jsonl")
    [found] = Coverage.of([log, log]).covered.values()
    assert (found.world, found.variant, found.runs) == ("shop", None, 2)
    assert found.states == {"counter": 2, "farewell": 2}
    assert found.ends == {"sold": 2, "left": 0}
    assert {told(arrow): count for arrow, count in found.arrows.items()} == {
        "counter → farewell (paid > 0)": 2,
        "counter → left (after 4 turns)": 0,
        "farewell → sold": 2,
    }
    assert found.missed == ["end left", "arrow counter → left (after 4 turns)"]
    assert found.percent == 71.4


def test_ways_out_of_queues_are_arrows_too() -> None:
    """Each by what was waited for in vain."""
    assert ("consulting", "left_queue", "no consulting_room") in arrows_of(world_of("hospital_visit", "day"))


def test_variants_are_counted_apart(tmp_path: Path) -> None:
    """And the share of all is that of the least."""
    logs = [
        sim.run(world_of("number_chain", variant), out=tmp_path / f"{variant}.jsonl")
        for variant in (None, "reflection")
    ]
    coverage = Coverage.of(logs)
    assert list(coverage.covered) == [("number_chain", None), ("number_chain", "reflection")]
    assert coverage.percent == min(found.percent for found in coverage.covered.values()) == 68.7
    assert Coverage().percent == 0
