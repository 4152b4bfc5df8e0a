"""Finding the log of a run: by path, id or the beginning of one, and free names for new ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim.errors import RunLogError
from sim.record.log import find_run, free_path


def test_logs_are_numbered_by_world_and_seed(tmp_path: Path) -> None:
    """A free name is the first number that is not taken, counted for each world and seed."""
    folder = tmp_path / "runs"
    assert folder / "visit-s7-1.jsonl" == free_path(folder, "visit", 7)
    folder.mkdir()
    (folder / "visit-s7-1.jsonl").touch()
    (folder / "visit-s7-3.jsonl").touch()
    assert folder / "visit-s7-2.jsonl" == free_path(folder, "visit", 7)
    (folder / "visit-s7-2.jsonl").touch()
    assert folder / "visit-s7-4.jsonl" == free_path(folder, "visit", 7)
    assert folder / "visit-s-3-1.jsonl" == free_path(folder, "visit", -3)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with three logs, of which ``visit-s2-1`` is the latest."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for age, name in ((300, "visit-s1-1"), (200, "visit-s1-2"), (100, "visit-s2-1")):
        path = folder / f"{name}.jsonl"
        path.touch()
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return folder


def test_a_run_is_found_by_path_id_or_prefix(runs: Path, tmp_path: Path) -> None:
    """A run is named by its file anywhere, its id, or as much of its id as tells it apart."""
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.touch()
    assert elsewhere == find_run(str(elsewhere), runs)
    assert runs / "visit-s1-1.jsonl" == find_run("visit-s1-1", runs)
    assert runs / "visit-s2-1.jsonl" == find_run("visit-s2", runs)


def test_an_id_that_begins_another_is_found_exactly(runs: Path) -> None:
    """``visit-s1-1`` is that run, although ``visit-s1-10`` begins alike."""
    (runs / "visit-s1-10.jsonl").touch()
    assert runs / "visit-s1-1.jsonl" == find_run("visit-s1-1", runs)


def test_the_latest_run_is_found_without_a_name(runs: Path) -> None:
    """With no name it is the log that was written last, whatever it is called."""
    assert runs / "visit-s2-1.jsonl" == find_run(None, runs)
    os.utime(runs / "visit-s1-2.jsonl", (1_700_000_000, 1_700_000_000))
    assert runs / "visit-s1-2.jsonl" == find_run(None, runs)


def test_a_name_that_fits_several_runs_is_refused_with_them(runs: Path) -> None:
    """An ambiguous name lists what it may be."""
    with pytest.raises(RunLogError) as caught:
        find_run("visit-s1", runs)
    assert str(caught.value) == "'visit-s1' may be any of: visit-s1-1, visit-s1-2"


def test_a_name_that_fits_no_run_is_refused_with_the_known_ones(runs: Path) -> None:
    """An unknown name lists what there is."""
    with pytest.raises(RunLogError) as caught:
        find_run("dinner", runs)
    assert str(caught.value) == "no run 'dinner'; known: visit-s1-1, visit-s1-2, visit-s2-1"


def test_a_folder_without_runs_says_how_one_is_made(tmp_path: Path) -> None:
    """With no runs at all the message tells what to do."""
    folder = tmp_path / "runs"
    with pytest.raises(RunLogError) as latest:
        find_run(None, folder)
    with pytest.raises(RunLogError) as named:
        find_run("visit", folder)
    assert f"no runs in {folder}/; 'sim run WORLD' makes one" == str(latest.value)
    assert f"no run 'visit' in {folder}/" == str(named.value)


def test_a_link_to_nowhere_among_the_runs_does_not_hide_the_others(runs: Path) -> None:
    """A dangling link in the folder is no reason to find no run."""
    (runs / "gone.jsonl").symlink_to(runs / "nothing")
    assert runs / "visit-s2-1.jsonl" == find_run("visit-s2-1", runs)
    assert runs / "visit-s2-1.jsonl" == find_run(None, runs)
