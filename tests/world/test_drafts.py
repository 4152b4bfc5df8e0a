"""Sheets that are written: commented, checked, and read as what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import DefinitionError
from sim.world.drafts import draft, write_draft
from sim.world.imports.found import cleaned
from sim.world.source import read_text

PARTS = ("background", "traits", "goals", "style", "knowledge", "private")


def test_a_draft_says_of_each_key_what_it_is_for() -> None:
    """What is there, and what could be."""
    text = draft({"persona": "li", "name": {"en": "Li"}, "age": 30, "style": {"en": "One\ntwo."}}, "en", ["From x"])
    assert text == (
        "# From x\n"
        "# the file's name, by which worlds name the persona\npersona: li\n"
        "# what others call them\nname:\n  en: Li\n"
        "# in years\nage: 30\n"
        "# sex: …   # male, female, or a word of your own\n"
        "# background: {en: …}   # who they are, and what brought them here\n"
        "# traits: {en: …}   # what they are like\n"
        "# goals: {en: …}   # what they want\n"
        "# how they speak\nstyle:\n  en: |-\n    One\n    two.\n"
        "# knowledge: {en: …}   # what they know\n"
        "# private: {en: …}   # what they know and do not tell of themselves\n"
    )


def test_the_comments_of_a_chinese_draft_are_chinese() -> None:
    """Those of one in no known language are English."""
    assert "# 怎么说话" not in draft({"persona": "li", "name": "Li"}, None)
    text = draft({"persona": "li", "name": {"zh": "李"}}, "zh")
    assert "# style: {zh: …}   # 怎么说话\n" in text
    assert text.startswith("# 就是文件名，世界里用它来指这个人\npersona: li\n")


@pytest.mark.parametrize("with_hash", ["# background: {en: …}", "# style: {en: …}"])
def test_a_line_that_is_commented_out_can_be_taken_up(with_hash: str) -> None:
    """Without its mark it is a key like the others."""
    text = draft({"persona": "li", "name": {"en": "Li"}}, "en")
    taken = read_text(text.replace(with_hash, with_hash.removeprefix("# ")), "a.yaml")
    assert (taken.value[with_hash.split()[1].removesuffix(":")], taken.problems) == ({"en": "…"}, [])


ODD = [
    "-.5",
    "1.",
    "true",
    "~",
    "null",
    "on",
    " two\n lines",
    "\n",
    "a: b # c",
    "- x\n- y\n",
    "|",
    "'",
    '"',
    "\t",
    "0x1",
]


@pytest.mark.parametrize("text", ODD)
def test_texts_that_yaml_could_take_for_something_else_stay_texts(text: str) -> None:
    """Numbers, flags, lists, comments, and white space at the ends."""
    persona = {"persona": "li", "name": "Li", "traits": {"en": text}}
    assert read_text(draft(persona, "en"), "a.yaml").value == persona


@given(st.dictionaries(st.sampled_from(PARTS), st.text().map(lambda t: cleaned(t)[0]), max_size=6))
def test_any_texts_are_read_as_they_were_written(texts: dict[str, str]) -> None:
    """Whatever stands in them."""
    persona: dict[str, Any] = {"persona": "li", "name": "Li", **{k: {"en": v} for k, v in texts.items()}}
    source = read_text(draft(persona, "en"), "a.yaml")
    assert (source.value, source.problems) == (persona, [])


def test_what_a_world_could_not_use_is_not_drafted() -> None:
    """Every problem is told, with its key."""
    with pytest.raises(DefinitionError) as caught:
        draft({"persona": "li", "name": "Li", "age": 200, "style": "a\x1bb"}, "en")
    assert "holds control characters" in str(caught.value)
    with pytest.raises(DefinitionError, match=r"age: must be at most 150$"):
        draft({"persona": "li", "name": "Li", "age": 200}, "en")


def test_a_draft_is_never_written_over_a_file(tmp_path: Path) -> None:
    """Also where the file is a link to nothing."""
    path = tmp_path / "deep" / "a.yaml"
    write_draft(path, "a: 1\n")
    with pytest.raises(DefinitionError, match=r"a\.yaml is there already$"):
        write_draft(path, "a: 2\n")
    assert path.read_text() == "a: 1\n"
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "nowhere.yaml")
    with pytest.raises(DefinitionError, match=r"link\.yaml is there already$"):
        write_draft(link, "a: 3\n")
    with pytest.raises(DefinitionError, match=r"^cannot make the folder .*a\.yaml: File exists$"):
        write_draft(path / "b.yaml", "a: 4\n")
