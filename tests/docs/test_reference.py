"""The reference has every key of the files, in both languages."""

from __future__ import annotations

import re

import pytest

from docs.tool import reference
from sim.world.fields import Fact
from sim.world.format import Persona, Population, WorldFile
from sim.world.phases import State


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_key_and_part_has_words_in_both_languages(language: str) -> None:
    """English may stand in the model; docs/tool/words.yaml has the rest."""
    assert reference.missing(language) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_key_has_a_row(language: str) -> None:
    """In the section of its part, under the name by which it is written."""
    keys = [k for root in (WorldFile, Persona, Population) for m in reference.ours(root) for k in reference.keys(m)]
    assert {"from", "list", "is", "carryover", "patience", "people"} <= set(keys)
    assert re.findall(r"^\| `(\w+)` \|", reference.text(language), re.MULTILINE) == keys


def test_a_row_says_what_the_field_says() -> None:
    """Description, type, default and an example of a bundled world."""
    text = reference.text("en")
    order = reference.keys(State)["order"]
    choices = "`alternate`, `round_robin`, `random`, `single`, `simultaneous`, `named`, `manual`, `auto`, `rule`"
    assert f"| `order` | {order.description} | {choices} | `alternate` | `order: named` |" in text
    known = reference.keys(Fact)["known_to"].description
    assert f"| `known_to` | {known} | names | `[all]` | `known_to: self` |" in text
    assert "| name → [State](#state) | required |" in text
