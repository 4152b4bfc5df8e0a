"""TinyTroupe's agents: lists and parts become words, and what is not kept is told."""

from __future__ import annotations

from typing import Any

import pytest

from sim.world.imports.found import Left
from sim.world.imports.tinytroupe import is_tinytroupe, read_tinytroupe
from tests.world.imports.making import TESS


def agent(**persona: Any) -> dict[str, Any]:
    return {"type": "TinyPerson", "persona": {"name": "Tess", **persona}}


def test_an_agent_gives_all_that_a_persona_has_a_place_for() -> None:
    """Its texts are taken as they stand, and macros of other formats mean nothing."""
    assert is_tinytroupe(TESS)
    found = read_tinytroupe(TESS, None)
    assert (found.name, found.age, found.sex) == ("Tess Arlo", 41, "female")
    assert found.texts == {
        "background": "title: Beekeeper\ndescription: You keep forty hives.\nNationality: Irish.",
        "traits": "traits: You are calm. You hum.\nbig five openness: High.",
        "goals": "To win the honey fair.\nTo rest.",
        "style": "Short sentences. Says {{char}} when she means herself.",
        "knowledge": "You can read a swarm.",
    }
    assert found.left == [
        Left("style", "kept as it is written, and never evaluated: {{char}}"),
        Left("shoe_size", "not a field that a persona has"),
        Left("mental_faculties (outside persona)", "what an agent can do is for a world: its actions and tools"),
    ]


@pytest.mark.parametrize(
    ("given", "age"),
    [
        (0, 0),
        ("33", 33),
        (150, 150),
        (151, None),
        (-1, None),
        (30.5, None),
        (True, None),
        ("old", None),
        ([], None),
    ],
)
def test_an_age_is_a_whole_number_of_years(given: Any, age: int | None) -> None:
    """Anything else is left, and said."""
    found = read_tinytroupe(agent(age=given), None)
    assert (found.age, "age" in found.kept) == (age, age is not None)
    assert [each.field for each in found.left] == (["age"] if age is None else [])


def test_a_sex_is_one_that_a_sheet_knows_or_the_word_given() -> None:
    """Only text can be one."""
    words = ["Male", "男", "F", "non-binary", 3]
    assert [read_tinytroupe(agent(gender=w), None).sex for w in words] == [
        *("male", "male", "female", "non-binary", None)
    ]


def test_labels_are_in_the_language_of_the_texts() -> None:
    """A Chinese agent is not told of its nationality in English."""
    found = read_tinytroupe(agent(nationality="中国", style="说话慢，爱打比方。"), None)
    assert found.texts["background"] == "国籍：中国。"


@pytest.mark.parametrize("value", [{"type": "TinyPerson"}, {"type": "TinyPerson", "persona": [1]}])
def test_an_agent_without_a_persona_is_refused(value: dict[str, Any]) -> None:
    """It says which key is wrong."""
    with pytest.raises(ValueError, match=r"^'persona' must be a mapping of keys to values$"):
        read_tinytroupe(value, None)


def test_parts_within_parts_cannot_make_a_text_without_end() -> None:
    """Each line would repeat what all the parts are called."""
    value: Any = [[1]] * 200_000
    for _ in range(50):
        value = {"x" * 60: value}
    found = read_tinytroupe(agent(beliefs=value), None)
    assert (found.texts, found.left[0].field) == ({}, "beliefs")
    assert found.left[0].reason == "too long: a system prompt has room for 18,000 more characters"
