"""Words as they are spoken."""

from __future__ import annotations

import pytest

from sim.engine.tokens import words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("… —， 。!?", 0),
        ("Take two, please.", 3),
        ("15 yuan", 2),
        ("请缴十五元。", 5),
        ("好，28.5元，付了。", 6),
        ("挂Dr Zhao的号", 5),
        ("㐀豈", 2),
        ("snake_case", 2),
        ("naïve café", 2),
    ],
)
def test_words_are_counted_as_they_are_spoken(text: str, words: int) -> None:
    """A Chinese character is a word, a run of other letters or digits is one, and marks are none."""
    assert words_in(text) == words
