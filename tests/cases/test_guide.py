"""The guide to testing worlds says what there is, in both languages, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.cases.format import AtMost, Case, Expect, Heard
from sim.cases.play import Worlds
from sim.cases.reading import read_cases
from sim.cases.trying import Bench
from sim.models.acting import Script
from sim.models.acts import ActedTurn, ActsFile, read_acts
from tests.cli.running import Sim
from tests.worlds.players import world_of

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ["testing.md", "testing.zh.md"]


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for of, block in found if of == language]


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_names_every_key(name: str) -> None:
    """Of acts, cases, and what is expected."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    models = (ActsFile, ActedTurn, Case, Expect, Heard, AtMost)
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()}
    assert sorted(key for key in keys if not re.search(rf"`{key}`", text)) == []


def test_both_guides_have_the_same_examples() -> None:
    """But for comments."""
    strip = re.compile(r" *#.*")
    first, second = (
        [strip.sub("", block) for language in ("yaml", "sh", "") for block in blocks(name, language)]
        for name in GUIDES
    )
    assert first == second != []


def test_the_acts_of_the_guide_fit_their_world(sim: Sim, folder: Path) -> None:
    """They are played, and the scripted model goes on."""
    (folder / "visit.yaml").write_text(blocks("testing.md", "yaml")[0], encoding="utf-8")
    Script(read_acts(folder / "visit.yaml"), world_of("hospital_visit"))
    done = sim("run", "hospital_visit", "--acts", "visit.yaml", "--then", "scripted", "--json")
    assert done.json["outcome"] == "discharged"


def test_the_cases_of_the_guide_pass(tmp_path: Path) -> None:
    """All of them, as they stand there."""
    file = tmp_path / "visit.yaml"
    file.write_text(blocks("testing.md", "yaml")[1], encoding="utf-8")
    bench = Bench(Worlds())
    verdicts = [bench.attempt(t) for t in read_cases(file, ROOT / "worlds" / "hospital_visit" / "world.yaml")]
    assert [(v.trial.name, v.failures) for v in verdicts] == [("an ordinary visit", ())] * 4 + [
        ("too little is refused", ())
    ]
