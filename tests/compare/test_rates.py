"""How often a comparison errs, over many made-up experiments in which it is known what differs."""

from pathlib import Path

import planted
import pytest


def test_a_planted_difference_is_found_and_none_where_there_is_none(tmp_path: Path) -> None:
    """2 experiments, each with the seeds that power analysis asks for: the rates within what chance allows."""
    found = planted.rates(2, planted.seeds_for(), tmp_path)
    assert found["found"] >= 0.5
    assert found["false"] <= 0.25
    assert min(found["share"], found["mean"], found["difference"]) >= 0.84


@pytest.mark.campaign
def test_over_500_experiments_the_rates_are_the_stated_ones(tmp_path: Path) -> None:
    """About 80 % found, at most 5 % false over the whole family, intervals that hold the truth in 93 to 97 %."""
    found = planted.rates(500, planted.seeds_for(), tmp_path)
    assert 0.75 <= found["found"] <= 0.85
    assert found["false"] <= 0.05
    for name in ("share", "mean", "difference"):
        assert 0.93 <= found[name] <= 0.97, name
