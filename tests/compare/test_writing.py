"""A comparison as tables, sentences, JSON, CSV and Markdown, in both languages."""

import csv
import json
from pathlib import Path
from typing import Any

import planted
import pytest

from sim.compare.comparison import Comparison, Correction, compare
from sim.compare.methods import methods
from sim.compare.reading import read
from sim.compare.rows import open_folder
from sim.compare.sample import Kind
from sim.compare.tables import notes, tables, told
from sim.compare.words import _MEASURES, _WORDS, Words, changed, number, p_value, shown
from sim.compare.writing import COLUMNS, as_json, to_csv, to_markdown


def compared(folder: Path, rows: list[dict[str, Any]] | None = None, **options: Any) -> Comparison:
    return compare(read([open_folder(planted.write(folder, rows or list(planted.planted(60))))]), **options)


def test_every_number_of_a_comparison_is_in_its_json(tmp_path: Path) -> None:
    """Shares between 0 and 1; what there is none of is null."""
    made = compared(tmp_path / "r", measures=["outcome:won", "turns"])
    found = json.loads(json.dumps(as_json(made, Words("en")), allow_nan=False))
    assert found["arms"][0] == {
        "arm": "plain", "runs": 60, "failed": 0, "broken": 0, "over_budget": 0, "unmarked": 0, "error": None,
        "done": 60,
    }  # fmt: skip
    assert (found["against"], found["comparisons"], found["correction"]) == ("plain", 4, "holm")
    [value] = [v for v in found["values"] if (v["measure"], v["arm"]) == ("outcome:won", "better")]
    assert (value["kind"], value["n"], value["method"], value["median"]) == ("share", 60, "wilson", None)
    [difference] = [d for d in found["differences"] if (d["measure"], d["arm"]) == ("outcome:won", "better")]
    assert (difference["test"], difference["paired"], difference["n"]) == ("mcnemar", True, [60, 60])
    assert difference["more"] == difference["needed"] - 60
    assert found["games"] is None


def test_a_csv_has_a_row_for_each_number(tmp_path: Path) -> None:
    """In one table; a name that a spreadsheet would take for a formula is not one."""
    rows = [{**r, "arm": r["arm"].replace("better", "=1+1")} for r in planted.planted(30)]
    made = compared(tmp_path / "r", rows, measures=["outcome:won", "turns"])
    found = list(csv.DictReader(to_csv(made).splitlines()))
    assert list(found[0]) == list(COLUMNS)
    assert [(r["section"], r["measure"]) for r in found if r["arm"] == "'=1+1"] == [
        ("value", "outcome:won"), ("value", "turns"), ("median", "turns"),
        ("difference", "outcome:won"), ("difference", "turns"),
    ]  # fmt: skip


def marked(folder: Path) -> Comparison:
    """Two arms of which one is marked higher, by two judges who do not always agree."""
    rows = []
    for cell in range(24):
        arm, first = ("rude", 2) if cell % 2 else ("kind", 4)
        second = first + (cell % 3 == 0)
        judged = {"score": (first + second) / 2, "unmarked": 0, "criteria": {"tone": first, "sense": second},
                  "judges": {"gpt": first, "qwen": second}}  # fmt: skip
        rows.append(planted.row(cell, arm, cell // 2 + 1, judged=judged))
    rows[1]["judged"] = {"score": None, "unmarked": 1, "criteria": {"tone": None, "sense": None}, "judges": None}
    return compared(folder, rows, measures=["judged"])


def test_marks_are_compared_by_ranks_with_their_criteria_and_how_far_judges_agree(tmp_path: Path) -> None:
    """A run without a mark is said; all say that marks are no truth."""
    made = marked(tmp_path / "r")
    assert made.measures == ("judged", "judged:tone", "judged:sense")
    assert {(d.measure, d.arm, d.found.test) for d in made.differences} == {
        (measure, "rude", "wilcoxon") for measure in made.measures
    }
    found = as_json(made, Words("en"))
    [agreement] = found["agreement"]
    assert (agreement["first"], agreement["second"], agreement["n"]) == ("gpt", "qwen", 23)
    assert agreement["difference"] == pytest.approx(-8 / 23)
    assert [arm["unmarked"] for arm in found["arms"]] == [0, 1]
    assert found["notes"][1] == (
        "episodes of rude without a mark of the judge: 1; the rows say why, and if it is because of the arm, the "
        "marks that are left flatter it"
    )
    [table] = [t for t in tables(made, Words("zh")) if t.title == "评分者之间的一致性"]
    assert table.rows[0][:2] == ("gpt · qwen", "23")
    assert table.rows[0][2] == f"{agreement['kappa']:.2f}"
    assert [r["against"] for r in csv.DictReader(to_csv(made).splitlines()) if r["section"] == "agreement"] == [
        "qwen"
    ]
    assert "mark of the judge, tone" in to_markdown(made, Words("en"))
    used = list(methods(made, "en"))
    assert any(line.startswith("A mark is what a model says by a rubric, and no truth") for line in used)
    assert any(line.startswith("Agreement of two judges over runs: Cohen's kappa") for line in used)


def test_games_have_their_rows_and_tables(tmp_path: Path) -> None:
    """Win rates by card, meetings, strengths."""
    made = compared(tmp_path / "r", list(planted.duels(20, {"gpt": 0.5, "qwen": -0.5})))
    sections = [r["section"] for r in csv.DictReader(to_csv(made).splitlines())]
    assert (sections.count("win_rate"), sections.count("strength")) == (6, 2)
    titles = [table.title for table in tables(made, Words("en"))]
    assert titles[-3:] == [
        "Wins by model and card (40 games in 20 blocks (seeds))",
        "Wins of a row's model over a column's",
        "Strength where models meet",
    ]
    assert len(as_json(made, Words("en"))["games"]["strengths"]) == 2


def test_markdown_shows_names_as_they_are(tmp_path: Path) -> None:
    """A bar in a name ends no cell."""
    rows = [{**r, "arm": r["arm"].replace("better", "a|b*")} for r in planted.planted(30)]
    text = to_markdown(compared(tmp_path / "r", rows, measures=["outcome"]), Words("en"))
    assert text.startswith("# Comparison: planted\n\n3 arms, 30 seeds, 90 runs; held against plain\n")
    assert r"| outcome lost, points | a\|b\* | 30 |" in text
    assert "## Methods" in text


def test_sentences_say_first_what_differs(tmp_path: Path) -> None:
    """With the difference, its interval and p; then what cannot be told, with what would."""
    rows = list(planted.planted(300, {"plain": 0.2, "better": 0.8, "same": 0.2}))
    first, second = told(compared(tmp_path / "r", rows, measures=["outcome:won"]), Words("en"))
    assert first.startswith("better differs from plain in outcome won: +")
    assert first.endswith("], p < 0.001")
    assert second.startswith("same and plain cannot be told apart in outcome won: ")
    assert "; 300 seeds find a difference of " in second
    assert " four times in five; one of " in second


def test_sentences_have_no_blank_between_chinese_characters(tmp_path: Path) -> None:
    """As the numbers have on either side."""
    rows = list(planted.planted(60, {"plain": 0.2, "better": 0.8, "same": 0.2}))
    first, second = told(compared(tmp_path / "r", rows, measures=["outcome:won"]), Words("zh"))
    assert first.startswith("better 与 plain 的结局“won”有差异：+")
    assert "个百分点的差异" in second


def test_what_a_reader_must_know_is_noted(tmp_path: Path) -> None:
    """Failures, missing runs, seeds without a partner, what was not compared."""
    rows = list(planted.planted(30))
    rows[1] = planted.failed(1, "better", 1, "no answer")
    rows[3]["facts"] = {"list": [1]}
    made = compared(tmp_path / "r", rows[:-1], measures=["outcome"])
    made.sample.missing = 1
    assert list(notes(made, Words("en"))) == [
        "2 comparisons, p corrected by Holm",
        "runs that are not there yet: 1; 'sim sweep --resume' goes on with them",
        "runs of better that failed: 1; they count in nothing else, and if they failed because of the arm, "
        "what is left flatters it",
        "seeds of better or plain without a partner: 1; they are left out of the differences",
        "seeds of same or plain without a partner: 1; they are left out of the differences",
        "not compared, as they are neither numbers, flags nor a few texts: list",
    ]


def test_each_method_that_was_used_is_named_with_its_source(tmp_path: Path) -> None:
    """And no other one."""
    made = compared(tmp_path / "r", measures=["outcome:won"])
    text = "\n".join(methods(made, "en"))
    assert "McNemar 1947" in text
    assert "corrected for 2 comparisons after Holm 1979" in text
    assert "Welch" not in text
    assert "Bradley" not in text
    none = compared(tmp_path / "r", measures=["turns"], correction=Correction.none)
    assert "p is not corrected, though 2 comparisons were made." in list(methods(none, "en"))
    assert len(list(methods(made, "zh"))) == len(list(methods(made, "en")))


@pytest.mark.parametrize("words", [_WORDS, _MEASURES])
def test_chinese_words_have_the_places_of_the_english_ones(words: dict[str, tuple[str, str]]) -> None:
    """Each value is said in both, but for those that one language words without."""
    fields = [
        {part for part in ("{n}", "{arm}", "{more}", "{size}") if part in text}
        for pair in words.values()
        for text in pair
    ]
    assert fields[::2] == fields[1::2]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234.5, "1,234"),
        (123.45, "123.5"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.000012, "0.000012"),
    ],
)
def test_numbers_have_the_decimals_that_matter(value: float, text: str) -> None:
    """Three digits or so; never an exponent."""
    assert number(value) == text


def test_differences_have_a_sign_and_p_values_a_least_one() -> None:
    """Of shares in points."""
    assert changed(Kind.share, 0.1234, "points") == "+12.3 points"
    assert changed(Kind.number, -2.0) == "-2"
    assert shown(Kind.share, None) == "…"
    assert [p_value(p) for p in (None, 0.0004, 0.0444)] == ["", "<0.001", "0.044"]
