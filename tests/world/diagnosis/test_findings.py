"""The worlds of the package, and what is said when a part of a world cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.world.folders import list_worlds
from sim.world.library import check
from tests.world.diagnosis.making import DESK, said


@pytest.mark.parametrize("name", sorted(list_worlds()))
def test_a_bundled_world_and_its_variants_are_free_of_any_problem(name: str) -> None:
    """Neither errors nor warnings."""
    problems, world = check(name)
    assert (problems, world is not None and world.name) == ([], name)


def test_the_small_world_of_these_tests_is_sound() -> None:
    """So that what is said is said of the change."""
    assert said(text=DESK) == []


def test_while_a_variant_cannot_be_read_nothing_is_called_unused(tmp_path: Path) -> None:
    """It may be what uses it."""
    text = DESK.replace("facts:\n", "facts:\n  new: {flag: false, shown: false}\n")
    text = text.replace("lines:\n", "variants: {strict: {actions: {give: {whn: not new}}}}\nlines:\n")
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    assert [(p.code, p.severity) for p in check(path)[0]] == [("unknown-key", "error")]
