"""An experiment from its file to what is said of it: ``sim compare`` reads what ``sim sweep`` writes."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tests.cli.running import Sim
from tests.sweep.building import rows, write

SALE = """\
experiment: sale
world: shop
seeds: 2
arms: {plain: {}, dear: {variant: dear}, strict: {variant: strict}}
measure: [paid, {is_late: turns > 3}]
functions: {words: words.py:words}
"""
GAME = """\
experiment: game
world: werewolf
lang: en
seeds: 2
rotate: {role: player, models: [red, blue]}
"""
MODELS = "models: {red: {first_of: [scripted]}, blue: {first_of: [scripted]}}\n"


@pytest.fixture
def sale(sim: Sim, folder: Path) -> Path:
    """An experiment in a shop, one of whose arms breaks a rule with every seed."""
    write(folder, SALE)
    (folder / "words.py").write_text(
        "def words(log):\n    return sum(len(r.text.split()) for r in log.records if r.type == 'turn')\n",
        encoding="utf-8",
    )
    assert sim("sweep", "sale.yaml", "-j", 0).code == 0
    return folder / "results" / "sale"


def values(found: Any, measure: str) -> dict[str, float]:
    """The mean, or the share, of a measure in each arm."""
    return {each["arm"]: each["mean"] for each in found["values"] if each["measure"] == measure}


def test_the_rows_of_a_sweep_are_compared_as_they_are(sim: Sim, sale: Path) -> None:
    """Arms in their order, runs that broke a rule counted, facts and functions beside what is always measured."""
    found = sim("compare", sale, "--json").json
    assert found["experiments"] == ["sale"]
    assert [(a["arm"], a["runs"], a["done"], a["failed"], a["broken"]) for a in found["arms"]] == [
        ("plain", 2, 2, 0, 0), ("dear", 2, 2, 0, 0), ("strict", 2, 0, 2, 2)
    ]  # fmt: skip
    assert values(found, "breaches") == {"plain": 0.0, "dear": 0.0, "strict": 1.0}
    for measure, of in (
        ("turns", lambda row: row["turns"]),
        ("tokens", lambda row: row["tokens"]["total"]),
        ("paid", lambda row: row["facts"]["paid"]),
        ("is_late", lambda row: row["facts"]["is_late"]),
        ("words", lambda row: row["measures"]["words"]),
    ):
        expected = {arm: fmean(of(r) for r in rows(sale) if r["arm"] == arm) for arm in ("plain", "dear", "strict")}
        assert values(found, measure) == pytest.approx(expected), measure
    assert (
        "runs of strict that broke a rule of the world: 2; they failed, and count in all measures" in found["notes"]
    )


def test_a_sweep_is_written_in_every_form_with_a_page_for_each_run(sim: Sim, sale: Path) -> None:
    """The report leads to the pages of its runs, which are made of their packed logs."""
    for name in ("r.html", "r.md", "r.csv", "r.svg"):
        done = sim("compare", sale, "-o", name, *(["--pages"] if name == "r.html" else []))
        assert (done.code, done.out, done.err) == (0, f"{name}\n", "")
    report = Path("r.html").read_text(encoding="utf-8")
    for row in rows(sale):
        assert f'<a href="results/sale/runs/{row["cell"]:06}.html">' in report
    assert "<title>" in (sale / "runs" / "000005.html").read_text(encoding="utf-8")
    assert "| strict | 2 | 0 | 2 | 0 |" in Path("r.md").read_text(encoding="utf-8")


def test_results_of_a_sweep_with_rows_of_another_are_refused(sim: Sim, sale: Path) -> None:
    """By the arms that its ``experiment.json`` names."""
    file = sale / "results.jsonl"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"arm":"dear"', '"arm":"deer"', 1), encoding="utf-8")
    done = sim("compare", sale)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        "results.jsonl:2: a row of another experiment: experiment.json has no arm 'deer'; did you mean 'dear'? "
        "known: dear, plain, strict\n"
    )


def test_models_that_change_seats_are_held_against_each_other(sim: Sim, folder: Path) -> None:
    """Both play the script, and each sits in each seat once: they win as often, with each card."""
    (folder / "models.yaml").write_text(MODELS, encoding="utf-8")
    (folder / "game.yaml").write_text(GAME, encoding="utf-8")
    assert sim("sweep", "game.yaml", "-j", 0).code == 0
    games = sim("compare", "results/game", "--json").json["games"]
    assert (games["games"], games["blocks"]) == (4, 2)
    seats = [s for row in rows(folder / "results" / "game") for s in row["seats"].values()]
    rates = {(r["model"], r["card"]): (r["seats"], r["wins"]) for r in games["rates"]}
    for model in ("red", "blue"):
        own = [s for s in seats if s["model"] == model]
        assert rates[model, None] == (16, sum(s["won"] for s in own))
        for card in {s["card"] for s in own}:
            held = [s["won"] for s in own if s["card"] == card]
            assert rates[model, card] == (len(held), sum(held))
    assert {s["model"]: round(s["strength"], 6) for s in games["strengths"]} == {"red": 0, "blue": 0}
    shown = sim("compare", "results/game").out
    assert "-0.00" not in shown
    assert "Strength where models meet" in shown
