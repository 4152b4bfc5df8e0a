"""docs/sweeps.md says what the code does: its example and its keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.sweep.format import KEYS, ExperimentFile
from sim.sweep.plan import read_plan
from tests.cli.running import ROOT

GUIDES = ["sweeps.md", "sweeps.zh.md"]


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GUIDES)
def test_the_example_of_the_guide_is_the_file_that_is_there(name: str, tmp_path: Path) -> None:
    """But for its words; so its commands are those of the file."""
    [text] = re.findall(r"```yaml\n(.*?)```", guide(name), re.DOTALL)
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    assert read_plan(file).digest == read_plan(ROOT / "experiments" / "second_doctor.yaml").digest


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_names_every_key_of_an_experiment(name: str) -> None:
    """In its two tables."""
    keys = {*KEYS, *(f.alias or n for n, f in ExperimentFile.model_fields.items())}
    assert sorted(key for key in keys if not re.search(rf"`{key}`", guide(name))) == []
