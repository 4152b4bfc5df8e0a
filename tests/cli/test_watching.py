"""A save is noticed once, however an editor makes it; what is no file of the world is not."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli.watching import Watch

Edit = Callable[[Path], object]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A world.yaml beside which stand other files."""
    folder = tmp_path / "世界"
    (folder / "personas").mkdir(parents=True)
    for name in ("world.yaml", "lines.yaml", "rules.py", "times.txt", "personas/ann.yaml"):
        (folder / name).write_text("old\n", encoding="utf-8")
    return folder / "world.yaml"


def by_rename(path: Path) -> None:
    """As vim saves: the old file is moved away, and a new one is written."""
    path.rename(path.with_name(path.name + "~"))
    path.write_text("new\n", encoding="utf-8")


def by_replacing(path: Path) -> None:
    """As many editors save: another file is written, and takes the place of the old one."""
    other = path.with_name(".new.tmp")
    other.write_text("new\n", encoding="utf-8")
    other.replace(path)


def in_pieces(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for piece in ("n", "e", "w\n"):
            file.write(piece)
            file.flush()


def twice(path: Path) -> None:
    path.write_text("new\n", encoding="utf-8")
    path.write_text("new\n", encoding="utf-8")


def after_a_delete(path: Path) -> None:
    path.unlink()
    path.write_text("new\n", encoding="utf-8")


def later(edit: Edit, path: Path, seconds: float = 0.1) -> threading.Timer:
    timer = threading.Timer(seconds, edit, [path])
    timer.start()
    return timer


@pytest.mark.parametrize("edit", [by_rename, by_replacing, in_pieces, twice, after_a_delete])
def test_a_save_is_noticed_once(edit: Edit, place: Path) -> None:
    """And soon."""
    watch = Watch(place, [])
    timer = later(edit, place)
    began = time.monotonic()
    found = watch.wait(5)
    timer.join()
    assert found == [place]
    assert time.monotonic() - began < 3
    assert watch.wait(0.4) == []


@pytest.mark.parametrize("name", ["lines.yaml", "rules.py", "times.txt", "personas/ann.yaml"])
def test_the_other_files_of_a_world_are_watched(name: str, place: Path) -> None:
    """Lines, rules, a file of arrivals, its own personas."""
    watch = Watch(place, [])
    by_replacing(place.parent / name)
    assert watch.wait(5) == [place.parent / name]


def test_personas_elsewhere_are_watched_from_when_they_are_there(place: Path, tmp_path: Path) -> None:
    """The folder may be made later."""
    people = tmp_path / "personas"
    watch = Watch(place, [people])
    assert watch.wait(0.1) == []
    people.mkdir()
    (people / "bob.yaml").write_text("new\n", encoding="utf-8")
    assert watch.wait(5) == [people / "bob.yaml"]
    in_pieces(people / "bob.yaml")
    assert watch.wait(0.4) == []
    (people / "bob.yaml").write_text("newer\n", encoding="utf-8")
    assert watch.wait(5) == [people / "bob.yaml"]


@pytest.mark.parametrize(
    "name", ["world.svg", ".world.yaml.swp", "world.yaml~", "#world.yaml#", "run.jsonl", "x.tmp"]
)
def test_what_is_no_file_of_the_world_is_not_noticed(name: str, place: Path) -> None:
    """The picture that is drawn beside it, and what editors keep there."""
    watch = Watch(place, [])
    (place.parent / name).write_text("new\n", encoding="utf-8")
    assert watch.wait(0.4) == []


def test_a_file_that_is_written_without_a_change_is_not_noticed(place: Path) -> None:
    """It holds what it held."""
    watch = Watch(place, [])
    place.write_text("old\n", encoding="utf-8")
    assert watch.wait(0.4) == []


def test_saves_that_follow_at_once_are_one(place: Path) -> None:
    """All files together."""
    watch = Watch(place, [])

    def edit(path: Path) -> None:
        for number in range(5):
            path.write_text(f"new {number}\n", encoding="utf-8")
            path.with_name("lines.yaml").write_text(f"new {number}\n", encoding="utf-8")

    timer = later(edit, place)
    assert watch.wait(5) == [place.with_name("lines.yaml"), place]
    timer.join()
    assert watch.wait(0.4) == []


def test_a_file_and_a_folder_may_be_gone_for_a_while(place: Path) -> None:
    """That is noticed, and so is a new one in its place, also what is saved in it later."""
    watch = Watch(place, [])
    assert watch.wait(0.05) == []
    place.unlink()
    assert watch.wait(5) == [place]
    by_replacing(place)
    assert watch.wait(5) == [place]
    shutil.rmtree(place.parent)
    while place in watch.wait(5):
        break
    place.parent.mkdir()
    place.write_text("made anew\n", encoding="utf-8")
    assert place in watch.wait(5)
    by_replacing(place)
    assert place in watch.wait(5)
