"""The cells of an experiment: their order, their blocks, and who sits where."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sim.sweep.cells import cell_at, cells, count, seated
from sim.sweep.plan import read_plan
from tests.sweep.building import write


def test_cells_come_by_seed_repeat_arm_and_rotation(tmp_path: Path) -> None:
    """A block is a seed and a repeat, and every arm is in each."""
    text = (
        "experiment: sale\nworld: shop\nseeds: [7, 3]\nrepeats: 2\narms: {a: {}, b: {lang: zh}}\n"
        "rotate: {role: buyer, models: [scripted, scripted]}\n"
    )
    plan = read_plan(write(tmp_path, text))
    found = [(c.cell, c.seed, c.repeat, c.block, c.arm.name, c.rotation) for c in cells(plan)]
    assert count(plan) == len(found) == 16
    assert found[:5] == [
        (0, 7, 0, 0, "a", 0),
        (1, 7, 0, 0, "a", 1),
        (2, 7, 0, 0, "b", 0),
        (3, 7, 0, 0, "b", 1),
        (4, 7, 1, 1, "a", 0),
    ]
    assert found[-1] == (15, 3, 1, 3, "b", 1)
    assert cell_at(plan, 9) == list(cells(plan))[9]


def test_a_count_of_seeds_begins_at_one(tmp_path: Path) -> None:
    """Three seeds are 1, 2 and 3."""
    plan = read_plan(write(tmp_path, "experiment: sale\nworld: shop\nseeds: 3\n"))
    assert [c.seed for c in cells(plan)] == [1, 2, 3]


@given(models=st.integers(2, 6), seats=st.integers(1, 15))
def test_in_a_block_each_model_sits_in_each_seat_equally_often(models: int, seats: int) -> None:
    """Whatever their numbers, once in all rotations."""
    names, places = [f"m{i}" for i in range(models)], tuple(f"P{i}" for i in range(seats))
    sat = Counter(item for shift in range(models) for item in seated(names, places, shift).items())
    assert sat == Counter({(place, name): 1 for place in places for name in names})
