"""Names as ids, the language of a text, and words of strangers as they may be shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.imports.found import guessed_language, identifier, shown
from tests.world.test_sheet import persona


@pytest.mark.parametrize(
    ("name", "as_id"),
    [
        ("li_ming", "li_ming"),
        ("Dr. Li  Ming", "dr_li_ming"),
        ("魏三娘", "魏三娘"),
        ("赵六·医生", "赵六_医生"),
        ("../../etc/passwd", "etc_passwd"),
        ("C:\\x\\..", "c_x"),
        (".hidden", "hidden"),
        ("7 of 9", "p_7_of_9"),
        ("CON", "con_"),
        ("①②", "p_12"),
        ("!?", "persona"),
        ("", "persona"),
        ("x" * 300, "x" * 40),
        ("𠀀" * 64, "𠀀" * 40),
    ],
)
def test_a_name_becomes_an_id_that_is_a_safe_file_name(name: str, as_id: str) -> None:
    """Letters of any script stay."""
    assert identifier(name) == as_id


@given(st.text(max_size=80))
def test_whatever_the_name_its_id_is_one_that_a_persona_can_have(name: str) -> None:
    """It makes no path, and an id made once stays as it is."""
    made = identifier(name)
    assert persona(persona=made).persona == made
    assert re.fullmatch(r"\w+", made)
    assert len(made.encode()) <= 240
    assert identifier(made) == made


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("She keeps bees.", "en"),
        ("她养蜂。", "zh"),
        ("她在Microsoft上班，写Python。", "zh"),
        ("She came from 上海 as a child and speaks little of it.", "en"),
        ("彼女は灯台を守っている。", None),
        ("Она живёт у моря.", None),
        ("12 …", None),
        ("", None),
    ],
)
def test_a_language_is_guessed_only_where_the_letters_tell(text: str, language: str | None) -> None:
    """Japanese and Russian are neither."""
    assert guessed_language(text) == language


def test_words_of_strangers_are_shown_in_one_short_line() -> None:
    """No control characters, no line breaks."""
    assert shown("a\x1b[2J\nb\u202e" + "c" * 99, 10) == "a[2J bccc…"
