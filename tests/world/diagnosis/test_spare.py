"""Variants that make no difference, and personas that nobody plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.world.library import check
from tests.world.diagnosis.making import DESK, said


def told(variants: str) -> list[str]:
    return said(("lines:\n", f"variants: {variants}\nlines:\n"))


@pytest.mark.parametrize("patch", ["{}", "{start: hall}", "{limits: null}", "{facts: {asked: {flag: false}}}"])
def test_a_variant_that_is_the_plain_world_is_told(patch: str) -> None:
    """Whether it says nothing, or the same again."""
    assert told(f"{{same: {patch}}}") == [
        "16 no-change variants.same: changes nothing; say what is different, or take it away"
    ]


def test_a_variant_that_puts_others_together_may_say_nothing_itself() -> None:
    """What it extends makes the difference."""
    assert told("{a: {turn: 2}, b: {limits: {turns: 9}}, both: {extends: [a, b]}}") == []


def test_what_is_taken_away_and_not_there_is_told_with_what_was_meant() -> None:
    """A patch of null on a name with a typo changes nothing, silently."""
    assert told("{short: {turn: 2, actions: {aks: null}}}") == [
        "16 no-change variants.short.actions.aks: takes away 'aks', which is not there; did you mean 'ask'? "
        "known: ask, give"
    ]


def test_a_persona_of_the_world_that_nobody_plays_is_told(tmp_path: Path) -> None:
    """In no variant; those of the package and of the working folder are for all worlds."""
    (tmp_path / "personas").mkdir()
    for name in ("amy", "ben"):
        text = f"persona: {name}\nname: {name.capitalize()}\n"
        (tmp_path / "personas" / f"{name}.yaml").write_text(text, encoding="utf-8")
    variants = "variants: {other: {roles: {guest: amy}}}\nlines:\n"
    (tmp_path / "world.yaml").write_text(DESK.replace("lines:\n", variants), encoding="utf-8")
    problems, _ = check(tmp_path)
    assert [(Path(p.file).name, p.line, p.code, p.severity) for p in problems] == [
        ("ben.yaml", 1, "unused", "warning")
    ]
