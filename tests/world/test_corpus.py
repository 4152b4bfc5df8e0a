"""Worlds with one realistic mistake each, and what is said of it, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.world.library import check
from tests.world.fuzzing import foreign

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.txt"))
PERSONAS = sorted(path.stem for path in (Path(__file__).parents[2] / "personas").glob("*.yaml"))


def expected(name: str) -> list[str]:
    """``path:line:column code message`` of each problem; the bundled personas, which become more, are filled in."""
    text = (CORPUS / f"{name}.txt").read_text(encoding="utf-8")
    return text.replace("{personas}", ", ".join(PERSONAS[:12]) + ", …").splitlines()


def world_of(name: str) -> str:
    """The world's folder, or its file where that is all there is of it."""
    return name if (CORPUS / name).is_dir() else f"{name}.yaml"


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_world_is_told_where_what_and_how_it_would_be_right(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it, in the order of the files, and nothing else."""
    monkeypatch.chdir(CORPUS)
    problems, world = check(world_of(name))
    assert [f"{p.file}:{p.line}:{p.column} {p.code} {p.message}" for p in problems] == expected(name)
    assert (world is None) == any(p.severity == "error" for p in problems)


def test_every_world_of_the_corpus_has_its_messages_and_there_are_many() -> None:
    """The worlds and the texts beside them are of the same names."""
    worlds = sorted(path.stem for path in CORPUS.iterdir() if path.suffix != ".txt")
    assert worlds == NAMES
    assert len(NAMES) > 150


@pytest.mark.parametrize("name", NAMES)
def test_no_message_speaks_of_the_program(name: str) -> None:
    """No traceback, no dump of a validator, no name of a type or of a module of ours."""
    text = (CORPUS / f"{name}.txt").read_text(encoding="utf-8")
    assert foreign(text) == []
    assert text.strip()
