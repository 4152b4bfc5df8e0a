"""Arms held against each other: pairs, correction, verdicts, and what is refused."""

from pathlib import Path
from typing import Any

import planted
import pytest
from statsmodels.stats.multitest import multipletests

from sim.compare.comparison import Comparison, Correction, Difference, Verdict, compare
from sim.compare.reading import read
from sim.compare.rows import open_folder
from sim.errors import DefinitionError


def compared(folder: Path, rows: list[dict[str, Any]], **options: Any) -> Comparison:
    return compare(read([open_folder(planted.write(folder, rows))]), **options)


def one(made: Comparison, measure: str, arm: str) -> Difference:
    return next(d for d in made.differences if (d.measure, d.arm) == (measure, arm))


def test_arms_with_the_same_seeds_are_held_against_each_other_seed_by_seed(tmp_path: Path) -> None:
    """All against the first, or against the one that is named."""
    rows = list(planted.planted(50))
    made = compared(tmp_path / "r", rows)
    assert (made.against, {d.arm for d in made.differences}) == ("plain", {"better", "same"})
    assert all(d.is_paired and d.n == (50, 50) for d in made.differences)
    other = compared(tmp_path / "r", rows, against="same")
    assert {d.arm for d in other.differences} == {"plain", "better"}
    assert one(other, "turns", "plain").found.difference == pytest.approx(
        -one(made, "turns", "same").found.difference
    )


def test_seeds_that_an_arm_lacks_are_left_out_where_most_have_a_partner(tmp_path: Path) -> None:
    """Ten of fifty failed."""
    rows = list(planted.planted(50))
    for n, row in enumerate(rows):
        if row["arm"] == "better" and row["seed"] <= 10:
            rows[n] = planted.failed(row["cell"], "better", row["seed"], "no answer")
    made = compared(tmp_path / "r", rows)
    found = one(made, "outcome:won", "better")
    assert (found.is_paired, found.n, found.left_out) == (True, (40, 40), 10)
    assert one(made, "outcome:won", "same").left_out == 0
    assert [e.n for e in made.of("outcome:won")] == [50, 40, 50]


def test_arms_with_other_seeds_are_held_against_each_other_as_they_are(tmp_path: Path) -> None:
    """There are no pairs."""
    rows = [r for r in planted.planted(90) if (r["arm"] == "plain") is (r["seed"] <= 40)]
    made = compared(tmp_path / "r", rows)
    found = one(made, "outcome:won", "better")
    assert (found.is_paired, found.n, found.found.test) == (False, (50, 40), "fisher")


def test_p_is_corrected_for_all_comparisons_that_were_made(tmp_path: Path) -> None:
    """Two arms in five measures that differ; of two outcomes one counts, and what never differs is none."""
    rows = list(planted.planted(60))
    made = compared(tmp_path / "r", rows)
    tested = [d for d in made.differences if d.found.p is not None and not d.is_twin]
    assert {d.measure for d in tested} == {"outcome:lost", "turns", "minutes", "tokens", "cost"}
    assert made.comparisons == len(tested) == 10
    raw = [d.found.p for d in tested]
    for correction in (Correction.holm, Correction.bonferroni, Correction.fdr_bh):
        again = compared(tmp_path / "r", rows, correction=correction)
        expected = multipletests(raw, method=correction.value)[1]
        assert [one(again, d.measure, d.arm).p for d in tested] == pytest.approx(list(expected))
    plain = compared(tmp_path / "r", rows, correction=Correction.none)
    assert [one(plain, d.measure, d.arm).p for d in tested] == raw


def test_the_second_of_two_outcomes_says_what_the_first_says(tmp_path: Path) -> None:
    """It has its p and verdict, but costs nothing."""
    made = compared(tmp_path / "r", list(planted.planted(400)), measures=["outcome"])
    lost, won = one(made, "outcome:lost", "better"), one(made, "outcome:won", "better")
    assert made.comparisons == 2
    assert (lost.is_twin, won.is_twin) == (False, True)
    assert (won.p, won.verdict) == (lost.p, lost.verdict)
    assert won.found.difference == pytest.approx(-lost.found.difference)


def test_the_arms_of_a_measure_are_tested_alike(tmp_path: Path) -> None:
    """Where one has too few seeds for a t test, the others go by ranks too: their differences are of one kind."""
    rows = [r for r in planted.planted(40) if r["arm"] != "better" or r["seed"] <= 25]
    made = compared(tmp_path / "r", rows, measures=["turns"])
    assert [(d.n[0], d.found.test) for d in made.differences] == [(25, "wilcoxon"), (40, "wilcoxon")]
    alone = compared(tmp_path / "s", [r for r in rows if r["arm"] != "better"], measures=["turns"])
    assert [(d.n[0], d.found.test) for d in alone.differences] == [(40, "t_paired")]


def test_costs_in_two_currencies_are_two_comparisons(tmp_path: Path) -> None:
    """Only of two outcomes one says what the other says."""
    rows = list(planted.planted(40))
    for row in rows:
        row["currency"] = "USD" if row["seed"] % 2 else "CNY"
    made = compared(tmp_path / "r", rows, measures=["cost"])
    assert (made.measures, made.comparisons) == (("cost:USD", "cost:CNY"), 4)


def test_what_is_too_little_to_tell_is_said_with_how_much_would(tmp_path: Path) -> None:
    """A difference that was asked for is planned for, instead of the one that was seen."""
    rows = list(planted.planted(40))
    seen = one(compared(tmp_path / "r", rows, measures=["outcome:won"]), "outcome:won", "better")
    assert seen.verdict is Verdict.unknown
    asked = one(
        compared(tmp_path / "r", rows, measures=["outcome:won"], effects={"": 0.1}), "outcome:won", "better"
    )
    assert asked.needed is not None
    assert asked.needed == pytest.approx(planted.seeds_for(), rel=0.25)
    assert asked.missing == asked.needed - 40
    assert asked.finds is not None
    assert asked.finds > 0.2


def test_a_difference_of_a_size_that_matters_can_be_ruled_out(tmp_path: Path) -> None:
    """Where the interval lies within it."""
    made = compared(tmp_path / "r", list(planted.planted(400)), effects={"turns": 3.0}, measures=["turns"])
    assert [d.verdict for d in made.differences] == [Verdict.small, Verdict.small]


def test_what_is_the_same_in_each_seed_is_said_to_be_so(tmp_path: Path) -> None:
    """It is no comparison."""
    made = compared(tmp_path / "r", list(planted.planted(20)), measures=["valid"])
    assert (made.comparisons, {d.verdict for d in made.differences}) == (0, {Verdict.identical})


def test_a_measure_that_is_seldom_needed_is_compared_when_it_is_asked_for(tmp_path: Path) -> None:
    """Each comparison costs the others."""
    rows = list(planted.planted(20))
    assert "calls" not in compared(tmp_path / "r", rows).measures
    assert compared(tmp_path / "r", rows, measures=["calls", "outcome"]).measures == (
        "calls", "outcome:lost", "outcome:won"
    )  # fmt: skip


def test_two_folders_are_compared_seed_by_seed(tmp_path: Path) -> None:
    """Before and after an edit."""
    rows = [r for r in planted.planted(30) if r["arm"] == "plain"]
    folders = [planted.write(tmp_path / name, rows) for name in ("before", "after")]
    made = compare(read(map(open_folder, folders)))
    assert {(d.arm, d.against, d.is_paired) for d in made.differences} == {("after/plain", "before/plain", True)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"against": "bettr"},
            "--against bettr: there is no such arm; did you mean 'better'? known: better, plain, same",
        ),
        ({"measures": ["turn"]}, "--measure turn: there is no such measure; did you mean 'turns'? known: "),
        ({"effects": {"token": 5.0}}, "--effect token: there is no such measure; did you mean 'tokens'? known: "),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_one_that_was_meant(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    """An arm or a measure."""
    with pytest.raises(DefinitionError) as error:
        compared(tmp_path / "r", list(planted.planted(5)), **options)
    assert str(error.value).startswith(told)


def test_one_arm_has_nothing_to_be_held_against(tmp_path: Path) -> None:
    """Unless its games compare models."""
    rows = [r for r in planted.planted(5) if r["arm"] == "plain"]
    with pytest.raises(
        DefinitionError, match=r"planted: there is one arm, 'plain', and nothing to hold it against"
    ):
        compared(tmp_path / "r", rows)
    made = compared(tmp_path / "games", list(planted.duels(4, {"a": 0.5, "b": -0.5})))
    assert (made.differences, made.games is not None) == ((), True)


def test_runs_that_all_failed_are_told_with_the_first_error(tmp_path: Path) -> None:
    """Nothing can be compared; where one arm failed, the others can."""
    rows = [planted.failed(n, arm, n // 2 + 1, "no key") for n, arm in enumerate(["a", "b"] * 3)]
    with pytest.raises(
        DefinitionError, match=r"no run was done, so nothing can be compared; the first error: no key"
    ):
        compared(tmp_path / "r", rows)
    rows[0] = planted.row(0, "a", 1)
    made = compared(tmp_path / "r", rows)
    assert ([e.arm for e in made.of("turns")], made.differences) == (["a"], ())
    with pytest.raises(DefinitionError, match=r"--against b: no run of this arm was done"):
        compared(tmp_path / "r", rows, against="b")
