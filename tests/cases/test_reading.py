"""Reading files of cases: every mistake with its line, and what runs they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.cases.reading import read_cases, trials_of, worlds_with_cases
from sim.errors import DefinitionError
from tests.cases.shop import write_shop

WORLDS = Path(__file__).resolve().parents[2] / "worlds"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases: {a: {sed: 1}}", "1:13: cases.a.sed: unknown key 'sed'; did you mean 'seed'?"),
        ("cases: {a: {expect: {outcom: x}}}", "1:22: cases.a.expect.outcom: unknown key 'outcom'; did you mean"),
        (
            "cases:\n  a:\n    turns: [{say: x}]",
            "3:14: cases.a.turns.0.say: unknown key 'say'; did you mean 'says'?",
        ),
        ("cases: {a: {expect: {heard: [{by: all}]}}}", "1:30: cases.a.expect.heard.0: says of no message"),
        ("cases: {a: {expect: {heard: [{turn: 1}]}}}", "1:30: cases.a.expect.heard.0: says neither 'by' nor"),
        ("cases: {a: {expect: {refusals: -1}}}", "1:22: cases.a.expect.refusals: must be at least 0"),
        ("cases: {a: {acts: a, turns: [{}]}}", "1:9: cases.a: 'acts' names a file and 'turns' are the acts"),
        ("cases: {a: {then: scripted}}", "1:9: cases.a: 'then' says who goes on where acts end"),
        ("cases: {a: {seed: [1, 2], golden: a.txt}}", "1:9: cases.a: each seed needs a golden file of its own"),
        ("cases: {a: {golden: ../a.txt}}", "1:9: cases.a: '../a.txt' must be a file in this folder or below it"),
        ("cases: {a: {acts: /etc/passwd}}", "1:9: cases.a: '/etc/passwd' must be a file in this folder or below"),
        ("cases: {a: {golden: sale.yaml}}", "1:9: cases.a: golden: 'sale.yaml' must be a file of text"),
        ("cases: {}", "1:1: cases: must not be empty"),
        ("case: {a: {}}", "1:1: case: unknown key 'case'; did you mean 'cases'?"),
        ("- a", "1:1: cases stand under the key 'cases'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """And with what was probably meant."""
    file = write_shop(tmp_path, text + "\n")
    with pytest.raises(DefinitionError) as caught:
        read_cases(file, tmp_path / "world.yaml")
    places = [str(problem).rpartition("sale.yaml:")[2] for problem in caught.value.problems]
    assert [place for place in places if place.startswith(told)] != [], places


def test_a_case_is_a_run_for_each_language_and_seed(tmp_path: Path) -> None:
    """Its title says which, and its golden file may."""
    text = "cases:\n  a: {}\n  b: {lang: [en, zh], seed: [1, 2], golden: 'b-{lang}-{seed}.txt'}\n  c: {seed: 3}\n"
    trials = read_cases(write_shop(tmp_path, text), tmp_path / "world.yaml")
    assert [t.title for t in trials] == ["a", "b (en, 1)", "b (en, 2)", "b (zh, 1)", "b (zh, 2)", "c (3)"]
    assert [t.golden.name for t in trials if t.golden] == ["b-en-1.txt", "b-en-2.txt", "b-zh-1.txt", "b-zh-2.txt"]


def test_cases_are_found_beside_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a part of their names; a world without any is an error where it is named."""
    monkeypatch.chdir(tmp_path)
    write_shop(tmp_path / "worlds" / "shop", "cases: {a sale: {}, a theft: {}}")
    found = worlds_with_cases(None)
    assert "shop" in {path.parent.name for path in found}
    assert [t.name for t in trials_of(worlds_with_cases("shop"), "THEFT")] == ["a theft"]
    (tmp_path / "worlds" / "shop" / "tests" / "sale.yaml").unlink()
    with pytest.raises(DefinitionError, match=r"^worlds/shop/tests: no cases there; docs/testing\.md says"):
        worlds_with_cases("shop")


def test_every_bundled_world_has_cases() -> None:
    """In both languages, one at least with acts that are refused, and one about who hears what."""
    for folder in sorted(path.parent for path in WORLDS.glob("*/world.yaml")):
        trials = list(trials_of([folder / "world.yaml"]))
        assert {"zh", "en"} <= {t.language or "en" for t in trials}, folder
        assert [t for t in trials if t.case.expect.heard], folder
        assert [t for t in trials if t.case.expect.refusals], folder
