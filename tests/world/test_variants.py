"""Variants that build upon others, and their lines in files of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.world.library import check, load
from tests.building import write_world

WORLD = """\
world: inn
roles: {host: ann, guest: bob}
facts: {beds: {number: beds, start: 3}, fire: {flag: false}}
states:
  hall: {speakers: [host, guest], go: [{to: over, after: {turns: 2}}]}
start: hall
ends: [over]
lines: {hall: {host: [{say: Welcome.}]}}
variants:
  both: {extends: [night, fair], title: Both}
  night: {facts: {beds: {start: 2}, fire: {flag: true}}, title: Night}
  fair: {facts: {beds: {start: 0}}, title: Fair}
  late: {extends: night, facts: {fire: {flag: false}}}
  later: {extends: [late, night], title: null}
"""


def made(text: str = WORLD, **lines: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    write_world(folder, text)
    for name, words in lines.items():
        (folder / f"lines-{name}.yaml").write_text(words, encoding="utf-8")
    return folder


def said(folder: Path) -> list[str]:
    return [f"{Path(p.file).name}:{p.line}: {p.message}" for p in check(folder)[0] if p.severity == "error"]


def start(folder: Path, variant: str) -> tuple[Any, Any, str]:
    world = load(folder, variant=variant)
    facts = world.start(lambda _, n: list(range(n)))
    return int(facts["beds"]), facts["fire"], world.spec.title.get("*", "")  # type: ignore[arg-type]


def test_a_variant_builds_upon_others() -> None:
    """Their patches come first, in the order in which they are named, each once, its own the last."""
    folder = made()
    assert start(folder, "night") == (2, True, "Night")
    assert start(folder, "both") == (0, True, "Both")
    assert start(folder, "late") == (2, False, "Night")
    assert start(folder, "later") == (2, False, "")
    assert said(folder) == []


def test_what_a_log_holds_of_a_variant_is_the_whole_of_it() -> None:
    """Nothing of what it extends has to be looked for."""
    resolved = load(made(), variant="later").resolved["world"]
    assert "extends" not in resolved
    assert "variants" not in resolved


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("extends: night,", "extends: nigt,", "no variant 'nigt'; did you mean 'night'?"),
        ("extends: night,", "extends: late,", "builds upon itself"),
        ("extends: night,", "extends: later,", "builds upon itself"),
        ("extends: night,", "extends: 3,", "must be the name of a variant, or a list of names"),
        ("extends: night,", "extends: [{a: b}],", "must be the name of a variant, or a list of names"),
    ],
)
def test_a_variant_that_builds_upon_nothing_or_itself_is_told(old: str, new: str, message: str) -> None:
    """At its line; no variant is played until it is put right."""
    folder = made(WORLD.replace(old, new))
    assert said(folder)[0].startswith(f"world.yaml:13: variants.late.extends: {message}")
    with pytest.raises(DefinitionError, match="extends"):
        load(folder)


def test_an_error_of_a_variant_that_is_built_upon_is_told_once() -> None:
    """Where it stands, not where it is used."""
    folder = made(WORLD.replace("title: Night", "titel: Night"))
    assert [problem.partition(";")[0] for problem in said(folder)] == ["world.yaml:11: titel: unknown key 'titel'"]


def test_the_lines_of_a_variant_may_stand_in_a_file_of_their_own() -> None:
    """Those who build upon it have them, too; the plain world has its own."""
    folder = made(night="hall:\n  host:\n    - say: It is late.\n")
    lines = {
        v: load(folder, variant=v).spec.lines["hall"]["host"][0].say["*"] for v in (None, "night", "both", "fair")
    }
    assert lines == {None: ["Welcome."], "night": ["It is late."], "both": ["It is late."], "fair": ["Welcome."]}


def test_a_mistake_in_the_lines_of_a_variant_is_told_in_their_file() -> None:
    """With its line there."""
    folder = made(night="hall:\n  host:\n    - say: Hello, {{ gest }}.\n")
    assert any(problem.startswith("lines-night.yaml:3: ") for problem in said(folder))
    broken = made(night="hall: [\n")
    assert said(broken)[0].startswith("lines-night.yaml:")


def test_lines_in_both_places_and_lines_of_no_variant_are_refused() -> None:
    """Neither is silently left out."""
    both = made(
        WORLD.replace("title: Night}", "title: Night, lines: {hall: {host: [{say: Ah.}]}}}"), night="hall: {}\n"
    )
    assert said(both) == ["world.yaml:11: variants.night.lines: the lines stand both here and in lines-night.yaml"]
    stray = made(nigth="hall: {}\n")
    assert said(stray) == [
        "world.yaml:9: variants: lines-nigth.yaml: no variant 'nigth'; did you mean 'night'? "
        "known: both, fair, late, later, night"
    ]
