"""Bundled worlds with something broken in them never bring the checker down, whatever it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.fuzzing import ROOT, judge
from tests.world.mutations import NAMES, mutate

MANY = 5000


@pytest.mark.parametrize("seed", range(12))
def test_a_mutated_world_is_checked_and_told_in_words(seed: int, tmp_path: Path) -> None:
    """Problems with a place and a message, or none; never an error of the program."""
    assert judge(seed, tmp_path / "world") == ""


def test_mutations_are_of_all_worlds_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """What fails can be tried again by its seed."""
    changed = [mutate(seed, tmp_path / str(seed)) for seed in range(60)]
    assert {words.partition("/")[0] for words in changed} == set(NAMES)
    assert [mutate(seed, tmp_path / f"again-{seed}") for seed in range(60)] == changed
    first, second = ((tmp_path / name / "world.yaml").read_bytes() for name in ("7", "again-7"))
    assert first == second


@pytest.mark.campaign
def test_five_thousand_mutated_worlds_take_their_time_and_memory_and_no_more() -> None:
    """Each in a process of its own, which would be ended beyond the limits."""
    words = [sys.executable, "-m", "tests.world.fuzzing", "0", str(MANY)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (done.stdout, done.returncode) == (f"{MANY} worlds, 0 wrong\n", 0)
