"""Reading results: what is no row, no folder of results, or a row of another experiment is told with its place."""

import json
from pathlib import Path

import planted
import pytest

from sim.compare.rows import ResultsError, Rows, open_folder
from sim.errors import DefinitionError, SimError


def written(folder: Path, seeds: int = 3) -> Path:
    return planted.write(folder, list(planted.planted(seeds)))


def lines(folder: Path) -> list[str]:
    return (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()


def rewrite(folder: Path, rows: list[str]) -> None:
    (folder / "results.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def changed(row: str, **values: object) -> str:
    return json.dumps(json.loads(row) | values)


def problem(folder: Path) -> str:
    with pytest.raises(ResultsError) as error:
        list(Rows(open_folder(folder)))
    return str(error.value).removeprefix(str(folder))


def test_a_folder_is_read_with_what_its_experiment_says(tmp_path: Path) -> None:
    """Name, arms and number of cells stand in ``experiment.json``, the runs in ``results.jsonl``."""
    folder = open_folder(written(tmp_path / "results"))
    assert (folder.name, folder.arms, folder.cells) == ("planted", ("plain", "better", "same"), 9)
    rows = Rows(folder)
    assert [(row.cell, row.arm, row.seed) for row in rows][:4] == [
        (0, "plain", 1), (1, "better", 1), (2, "same", 1), (3, "plain", 2)
    ]  # fmt: skip
    assert not rows.torn


def test_results_are_read_without_what_describes_them(tmp_path: Path) -> None:
    """A file that was moved alone is named after its folder."""
    folder = written(tmp_path / "moved")
    (folder / "experiment.json").unlink()
    found = open_folder(folder / "results.jsonl")
    assert (found.name, found.arms, found.cells) == ("moved", (), None)
    assert len(list(Rows(found))) == 9


def test_a_description_without_arms_lets_any_stand_in_a_row(tmp_path: Path) -> None:
    """So do results that were written by something else than a sweep."""
    folder = written(tmp_path / "other")
    (folder / "experiment.json").write_text('{"experiment": "g"}')
    found = open_folder(folder)
    assert (found.name, found.arms, found.cells) == ("g", (), None)
    assert len(list(Rows(found))) == 9


def test_a_folder_that_is_not_there_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """With a suggestion, as for every name."""
    written(tmp_path / "second_doctor")
    with pytest.raises(
        DefinitionError, match=r"second_docter: there are no such results; did you mean 'second_doctor'"
    ):
        open_folder(tmp_path / "second_docter")


def test_a_folder_without_results_is_told_where_there_are_some(tmp_path: Path) -> None:
    """The folder above was named."""
    written(tmp_path / "one")
    with pytest.raises(DefinitionError, match=r"no results.jsonl in this folder; there are results in one"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "not the description of an experiment"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_description_that_cannot_be_read_is_told(tmp_path: Path, text: str, told: str) -> None:
    """It decides what a row may say, so it is not passed over."""
    folder = written(tmp_path / "r")
    (folder / "experiment.json").write_text(text)
    with pytest.raises(ResultsError, match=told):
        open_folder(folder)


def test_a_last_row_that_was_cut_off_is_left_out_and_said(tmp_path: Path) -> None:
    """A sweep that was killed leaves one."""
    folder = written(tmp_path / "r")
    path = folder / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    rows = Rows(open_folder(folder))
    assert len(list(rows)) == 8
    assert rows.torn


def test_a_row_that_is_torn_in_the_middle_is_told_with_its_line(tmp_path: Path) -> None:
    """Nobody knows what is lost there."""
    folder = written(tmp_path / "r")
    rows = lines(folder)
    rewrite(folder, [rows[0], rows[1][:50], *rows[2:]])
    assert problem(folder) == "/results.jsonl:2: not a row of a sweep: EOF while parsing an object at column 50"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hello", "not a row of a sweep: expected value at column 1"),
        ("[]", "not a row of a sweep: input should be an object"),
        ('{"cell": 0}', "not a row of a sweep: 'arm' is missing"),
    ],
)
def test_a_file_of_something_else_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    """Down to the key."""
    folder = written(tmp_path / "r")
    rewrite(folder, [line, *lines(folder)])
    assert problem(folder) == f"/results.jsonl:1: {told}"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Bytes that are no text, or no file at all."""
    folder = written(tmp_path / "r")
    (folder / "results.jsonl").write_bytes(b"\xff\xfe\x00\n" * 2)
    assert problem(folder).startswith("/results.jsonl:1: not a row of a sweep: ")
    found = open_folder(folder)
    (folder / "results.jsonl").unlink()
    with pytest.raises(ResultsError, match=r"results.jsonl: cannot be read: No such file"):
        list(Rows(found))


def test_a_value_of_another_type_is_told_with_its_key(tmp_path: Path) -> None:
    """The path leads into what is nested."""
    folder = written(tmp_path / "r")
    rows = lines(folder)
    rewrite(folder, [changed(rows[0], tokens={"prompt": 1, "completion": 1, "total": "many"}), *rows[1:]])
    assert problem(folder).startswith(
        "/results.jsonl:1: not a row of a sweep: tokens.total: input should be a valid"
    )


def test_a_row_of_another_experiment_is_told(tmp_path: Path) -> None:
    """By its arm, its cell, or the seed of its block."""
    folder = written(tmp_path / "r")
    rows = lines(folder)
    rewrite(folder, [*rows[:8], changed(rows[8], arm="bettr")])
    assert problem(folder) == (
        "/results.jsonl:9: a row of another experiment: experiment.json has no arm 'bettr'; did you mean 'better'? "
        "known: better, plain, same"
    )
    rewrite(folder, [*rows[:8], changed(rows[8], cell=9)])
    assert problem(folder) == "/results.jsonl:9: a row of another experiment: cell 9, and experiment.json has 9"
    rewrite(folder, [*rows[:8], changed(rows[8], seed=30)])
    assert problem(folder) == (
        "/results.jsonl:9: a row of another experiment: block 2 has seed 30, repeat 0 here, and seed 3, "
        "repeat 0 above"
    )


def test_a_run_is_counted_once(tmp_path: Path) -> None:
    """A cell that stands there twice would count twice."""
    folder = written(tmp_path / "r")
    rows = lines(folder)
    rewrite(folder, [*rows, rows[4]])
    assert problem(folder) == "/results.jsonl:10: cell 4 stands there twice; a run is counted once"


def test_errors_of_results_are_errors_for_people() -> None:
    """The command line shows them in a line."""
    assert issubclass(ResultsError, SimError)
