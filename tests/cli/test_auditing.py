"""The commands that hold a log against something: ``diff`` and ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.world.world import World
from tests.cli.running import Sim, assert_refused, edited
from tests.cli.test_hostile import HOSTILE, MOVING, WORDS
from tests.read.forging import forge_file, play, records_of


def test_a_run_does_not_differ_from_itself(sim: Sim, log_path: Path) -> None:
    """``diff`` of a log with itself gives 0 and no difference."""
    done = sim("diff", log_path, log_path, "--json")
    told = done.json
    assert (done.code, told["equal"], told["first_difference"]) == (0, True, None)
    assert told["a"] == told["b"]
    done = sim("diff", log_path, log_path)
    assert (done.code, done.err, done.out.splitlines()[0]) == (0, "", "every turn is the same")


def test_where_two_runs_part_is_told(sim: Sim, folder: Path, log_path: Path) -> None:
    """Other words in a turn: which turn, by what, both sides, and what each run came to; the exit code is 1."""

    def edit(records: list[dict[str, Any]]) -> None:
        next(r for r in records if r["type"] == "turn" and r["turn"] == 3)["text"] = "Good evening."

    other = edited(log_path, folder / "other.jsonl", edit)
    done = sim("diff", log_path, other, "--json")
    first = done.json["first_difference"]
    assert (done.code, first["turn"], first["what"], first["b"]) == (1, 3, "text", "Good evening.")
    assert set(done.json["a"]) >= {"outcome", "turns", "sim_minutes", "tokens", "cost"}
    done = sim("diff", log_path, other)
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith(f"they part at turn 3, by text:\n  A  {first['a']}\n  B  Good evening.\n")


def test_runs_of_two_worlds_are_said_to_be_so(sim: Sim, log_path: Path) -> None:
    """Two worlds have no part in common that could differ."""
    sim("run", "number_chain", "--out", "chain.jsonl")
    done = sim("diff", log_path, "chain.jsonl")
    assert done.code == 1
    assert done.out.startswith("these are runs of different worlds: hospital_visit and number_chain\n")


def test_a_true_log_passes_its_audit(sim: Sim, log_path: Path) -> None:
    """``audit`` gives 0 and a line for each check."""
    done = sim("audit", log_path)
    assert (done.code, done.err) == (0, "")
    lines = [line.split()[:2] for line in done.out.splitlines()]
    assert lines == [[name, "ok:"] for name in ("chain", "prompts", "audience", "invariants", "money")]
    told = sim("audit", log_path, "--json").json
    assert (told["ok"], told["breach"]) == (True, None)


def test_a_breach_is_told_with_its_record(sim: Sim, folder: Path, world: World) -> None:
    """A cost that was changed, in a log whose hashes all fit: exit code 1, the check, the record, and why."""
    records = records_of(play(world, folder / "run.jsonl", seed=7).path)
    at = next(i for i, r in enumerate(records) if r["type"] == "call")
    records[at]["cost"] = "0.25"
    forge_file(records, folder / "forged.jsonl")
    done = sim("audit", "forged.jsonl")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[-1] == f"money       BREACH: record {at}: costs 0.25 without a price"
    told = sim("audit", "forged.jsonl", "--json")
    assert (told.code, told.json["breach"]["check"], told.json["breach"]["record"]) == (1, "money", at)


@pytest.mark.parametrize("words", [["diff", "nosuch", "nosuch"], ["audit", "nosuch"]])
def test_a_run_that_is_not_there_is_bad_input(words: list[str], sim: Sim) -> None:
    """Exit code 2 and one line."""
    assert_refused(sim(*words), "nosuch")


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_log_never_crashes_them(what: str, sim: Sim, folder: Path, log_path: Path) -> None:
    """Whatever stands in a log, it differs, does not pass, or is refused in one line."""
    path = edited(log_path, folder / "hostile.jsonl", HOSTILE[what])
    for words in (["diff", log_path, path], ["diff", path, log_path, "--json"], ["audit", path]):
        done = sim(*words)
        assert done.code in {1, 2}
        assert done.err == "" or done.err.startswith("sim: ")


def test_escape_sequences_reach_no_terminal(sim: Sim, folder: Path, log_path: Path) -> None:
    """Neither words nor acts nor outcomes of a log move a cursor."""

    def edit(records: list[dict[str, Any]]) -> None:
        records[0]["world"] = WORDS
        for record in records:
            if record["type"] == "turn":
                record |= {"text": f"a{WORDS}b", "changed": {WORDS: WORDS}}
            elif record["type"] == "episode_ended":
                record |= {"breach": WORDS, "outcome": WORDS}

    path = edited(log_path, folder / "hostile.jsonl", edit)
    for words in (["diff", log_path, path], ["audit", path]):
        done = sim(*words)
        assert done.out != ""
        assert set() == MOVING & set(done.out + done.err)
