"""Rows as values of seeds: repeats and rotations are averaged, flags and texts become shares."""

from pathlib import Path
from typing import Any

import planted
import pytest

from sim.compare.reading import read
from sim.compare.rows import open_folder
from sim.compare.sample import By, Kind, Sample
from sim.errors import DefinitionError


def sample(folder: Path, rows: list[dict[str, Any]], **options: Any) -> Sample:
    return read([open_folder(planted.write(folder, rows))], **options)


def test_repeats_and_rotations_of_a_seed_are_one_value(tmp_path: Path) -> None:
    """They are not independent; of outcomes the share is the value."""
    rows = [
        planted.row(0, "a", 1, turns=10),
        planted.row(1, "a", 1, turns=20, repeat=0, rotation=1, outcomes={"lost": 1}, outcome="lost"),
        planted.row(2, "a", 2, turns=30, block=7),
        planted.row(3, "b", 1, turns=5),
    ]
    found = sample(tmp_path / "r", rows)
    assert found.units("turns", "a") == {1: 15.0, 2: 30.0}
    assert found.units("outcome:won", "a") == {1: 0.5, 2: 1.0}
    assert found.units("outcome:lost", "b") == {1: 0.0}
    assert found.kinds["outcome:won"] is Kind.share


def test_several_episodes_of_a_run_are_a_share_and_those_without_an_end_are_told(tmp_path: Path) -> None:
    """24 patients are one run, and one value."""
    row = planted.row(0, "a", 1, episodes=24, outcomes={"discharged": 18, "left_queue": 3}, outcome="discharged")
    found = sample(tmp_path / "r", [row])
    assert {name: found.units(name, "a")[1] for name in found.values if name.startswith("outcome")} == {
        "outcome:(none)": 0.125, "outcome:discharged": 0.75, "outcome:left_queue": 0.125
    }  # fmt: skip


def test_facts_and_measures_are_numbers_shares_or_a_share_for_each_text(tmp_path: Path) -> None:
    """What is neither is named, and not compared."""
    rows = [
        planted.row(
            n, "a", n + 1, facts={"fee": 15 + n, "paid": n > 0, "ward": "east", "list": [1]}, measures={"x": n}
        )
        for n in range(2)
    ]
    rows[1]["facts"]["ward"] = "west"
    found = sample(tmp_path / "r", rows)
    assert found.units("fee", "a") == {1: 15.0, 2: 16.0}
    assert found.units("paid", "a") == {1: 0.0, 2: 1.0}
    assert found.kinds["paid"] is Kind.share
    assert found.units("ward:east", "a") == {1: 1.0, 2: 0.0}
    assert found.units("x", "a") == {1: 0.0, 2: 1.0}
    assert found.unread == ["list"]


def test_a_fact_with_the_name_of_a_measure_is_told_apart(tmp_path: Path) -> None:
    """And a function with the name of a fact."""
    row = planted.row(0, "a", 1, turns=10, facts={"turns": 3, "fee": 5}, measures={"fee": 7})
    found = sample(tmp_path / "r", [row])
    assert [found.units(name, "a")[1] for name in ("turns", "facts.turns", "fee", "measures.fee")] == [10, 3, 5, 7]


def test_a_number_that_is_none_is_not_compared(tmp_path: Path) -> None:
    """A function that divided by nothing; the other runs count."""
    rows = [planted.row(n, "a", n + 1, measures={"ratio": 0.5 if n else float("nan")}) for n in range(2)]
    found = sample(tmp_path / "r", rows)
    assert (found.units("ratio", "a"), found.unread) == ({2: 0.5}, ["ratio"])


def test_a_text_with_many_values_is_no_result(tmp_path: Path) -> None:
    """A name or a sentence would make a comparison of each run."""
    rows = [planted.row(n, "a", n + 1, facts={"name": f"n{n}"}) for n in range(13)]
    found = sample(tmp_path / "r", rows)
    assert found.unread == ["name"]
    assert not any(name.startswith("name") for name in found.values)


def test_a_judge_gives_marks_which_have_an_order_alone(tmp_path: Path) -> None:
    """So they are compared by ranks."""
    found = sample(tmp_path / "r", [planted.row(0, "a", 1, judged={"score": 4, "why": "polite"})])
    assert (found.kinds["judged"], found.units("judged", "a")) == (Kind.mark, {1: 4.0})


def test_costs_in_two_currencies_are_two_measures(tmp_path: Path) -> None:
    """They are never added."""
    rows = [planted.row(0, "a", 1, cost=2.0), planted.row(1, "a", 2, cost=9.0, currency="CNY")]
    found = sample(tmp_path / "r", rows)
    assert {n: u["a"] for n, u in found.values.items() if n.startswith("cost")} == {
        "cost:USD": {1: 2.0}, "cost:CNY": {2: 9.0}
    }  # fmt: skip
    assert sample(tmp_path / "s", rows[:1]).units("cost", "a") == {1: 2.0}


def test_runs_that_failed_or_were_over_budget_count_in_nothing_else(tmp_path: Path) -> None:
    """They are counted, with the first error."""
    rows = [
        planted.row(0, "a", 1),
        planted.failed(1, "a", 2, "no answer from gpt"),
        planted.row(2, "a", 3, status="over_budget", outcomes=None),
    ]
    found = sample(tmp_path / "r", rows)
    tally = found.arms["a"]
    assert (tally.runs, tally.done, tally.failed, tally.over_budget) == (3, 1, 1, 1)
    assert tally.error == "no answer from gpt"
    assert found.units("turns", "a") == {1: 12.0}


def test_a_run_that_broke_a_rule_failed_and_counts_all_the_same(tmp_path: Path) -> None:
    """Left out, an arm that breaks rules would have none broken; one that was cut short after that is left out."""
    broken = {"status": "failed", "error": "the rule 'pay first' is broken in episode 1", "breaches": 1}
    rows = [
        planted.row(0, "a", 1),
        planted.row(1, "a", 2, **broken, turns=20),
        planted.row(2, "a", 3, **broken, trace=None),
    ]
    found = sample(tmp_path / "r", rows)
    tally = found.arms["a"]
    assert (tally.runs, tally.done, tally.counted, tally.failed, tally.broken) == (3, 1, 2, 2, 1)
    assert found.units("breaches", "a") == {1: 0.0, 2: 1.0}
    assert found.units("turns", "a") == {1: 12.0, 2: 20.0}


def test_runs_that_are_not_there_yet_are_counted(tmp_path: Path) -> None:
    """From the number of cells that the experiment has."""
    folder = planted.write(tmp_path / "r", list(planted.planted(4)))
    path = folder / "results.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:7]))
    assert read([open_folder(folder)]).missing == 5


@pytest.mark.parametrize(
    ("by", "arms"), [(By.variant, ["day", "-"]), (By.lang, ["en", "zh"]), (By.model, ["gpt", "qwen"])]
)
def test_arms_can_be_made_by_something_else(tmp_path: Path, by: By, arms: list[str]) -> None:
    """By what the rows say of their runs."""
    rows = [
        planted.row(0, "x", 1, variant="day", lang="en", models={"guest": "gpt"}),
        planted.row(1, "x", 1, lang="zh", models={"guest": "qwen"}),
    ]
    assert list(sample(tmp_path / "r", rows, by=by).arms) == arms


def test_arms_stand_in_the_order_of_the_experiment(tmp_path: Path) -> None:
    """Whatever row comes first."""
    rows = list(planted.planted(3))
    folder = planted.write(tmp_path / "r", rows)
    path = folder / "results.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[2:]), encoding="utf-8")
    assert list(read([open_folder(folder)]).arms) == ["plain", "better", "same"]


def test_arms_of_several_folders_are_told_apart(tmp_path: Path) -> None:
    """By the name of the experiment, or of the folder where these are the same."""
    one = planted.write(tmp_path / "before", [planted.row(0, "a", 1)])
    two = planted.write(tmp_path / "after", [planted.row(0, "a", 1)])
    three = planted.write(tmp_path / "x", [planted.row(0, "a", 1)], "other")
    assert list(read(map(open_folder, [one, two])).arms) == ["before/a", "after/a"]
    assert list(read(map(open_folder, [one, three])).arms) == ["planted/a", "other/a"]
    with pytest.raises(DefinitionError, match=r"before: named twice"):
        read(map(open_folder, [one, one]))


def test_results_without_a_run_are_told(tmp_path: Path) -> None:
    """The sweep has only begun."""
    folder = planted.write(tmp_path / "r", [])
    with pytest.raises(DefinitionError, match=r"no run has been written yet"):
        read([open_folder(folder)])
