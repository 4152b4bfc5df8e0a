"""docs/sweeps.md says what the code does: its example and its keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.sweep.format import KEYS, ExperimentFile, Judge
from sim.sweep.plan import read_plan
from tests.cli.running import ROOT

GUIDES = ["sweeps.md", "sweeps.zh.md"]


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[str]:
    """The YAML of a guide."""
    return re.findall(r"```yaml\n(.*?)```", guide(name), re.DOTALL)


@pytest.mark.parametrize("name", GUIDES)
def test_the_example_of_the_guide_is_the_file_that_is_there(name: str, tmp_path: Path) -> None:
    """But for its words; so its commands are those of the file."""
    text = blocks(name)[0]
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    assert read_plan(file).digest == read_plan(ROOT / "experiments" / "second_doctor.yaml").digest


@pytest.mark.parametrize("name", GUIDES)
def test_the_judge_of_the_guide_can_mark(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Added to the example, with the model in a ``models.yaml``."""
    monkeypatch.chdir(tmp_path)
    models = "models: {gpt-4o-mini: {url: 'http://127.0.0.1:9/v1'}}\n"
    (tmp_path / "models.yaml").write_text(models, encoding="utf-8")
    file = tmp_path / "example.yaml"
    file.write_text("".join(blocks(name)), encoding="utf-8")
    judge = read_plan(file).spec.judge
    assert judge is not None
    assert (judge.model, judge.scale, judge.times, [*judge.rubric]) == (["gpt-4o-mini"], [1, 5], 3, ["en", "zh"])


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_names_every_key_of_an_experiment(name: str) -> None:
    """In its tables."""
    keys = {*KEYS, *(f.alias or n for m in (ExperimentFile, Judge) for n, f in m.model_fields.items())}
    assert sorted(key for key in keys if not re.search(rf"`{key}`", guide(name))) == []
