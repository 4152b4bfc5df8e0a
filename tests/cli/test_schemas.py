"""``sim schema``: printed, written, and all of them to a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.schemas.files import NAMES, schema_of, schema_texts
from tests.cli.running import Sim, assert_refused


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_printed(sim: Sim, name: str) -> None:
    """One JSON document."""
    assert sim("schema", name).json == schema_of(name)


def test_a_schema_is_written_to_a_file_and_all_to_a_folder(sim: Sim, folder: Path) -> None:
    """Anew, where it is there already: they are made, not edited."""
    assert sim("schema", "world", "-o", "a/world.json").out == "wrote a/world.json\n"
    assert (folder / "a" / "world.json").read_text(encoding="utf-8") == schema_texts()["world.json"]
    (folder / ".schemas").mkdir()
    (folder / ".schemas" / "lines.json").write_text("{}", encoding="utf-8")
    assert sim("schema", "-o", ".schemas").code == 0
    assert {p.name: p.read_text(encoding="utf-8") for p in (folder / ".schemas").iterdir()} == schema_texts()


def test_what_cannot_be_done_is_a_line(sim: Sim, folder: Path) -> None:
    """No file named, or one that cannot be written."""
    assert_refused(sim("schema"), "of what? sim schema world prints one; sim schema -o .schemas writes all of them")
    (folder / "taken").write_text("", encoding="utf-8")
    assert_refused(sim("schema", "-o", "taken"), "cannot write taken")
