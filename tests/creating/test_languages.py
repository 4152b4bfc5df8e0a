"""A template's text in one language, in two, and in the other order."""

from __future__ import annotations

import pytest

from sim.creating.languages import in_languages

TEXT = """\
# [en] Help. [zh] 说明。
# [zh] 只有中文。
title: {en: "A \\"till\\"", zh: "收费处"}   # [en] shown [zh] 给人看
same: {en: "甲", zh: "甲"}
empty: {en: "", zh: ""}
lines:
  say:
    en:
      - "Hello."
    zh:
      - "你好。"
after: 1   # [zh] 之后
"""


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (
            ("en",),
            '# Help.\ntitle: "A \\"till\\""   # shown\nsame: "甲"\nempty: ""\nlines:\n  say:\n    en:\n'
            '      - "Hello."\nafter: 1\n',
        ),
        (
            ("zh",),
            '# 说明。\n# 只有中文。\ntitle: "收费处"   # 给人看\nsame: "甲"\nempty: ""\nlines:\n  say:\n    zh:\n'
            '      - "你好。"\nafter: 1   # 之后\n',
        ),
    ],
)
def test_the_other_language_is_taken_out(languages: tuple[str, ...], expected: str) -> None:
    """Of pairs of words, of lines, and of comments."""
    assert in_languages(TEXT, languages) == expected


def test_of_two_languages_the_first_is_that_of_the_comments() -> None:
    """Words stand in the order of the languages."""
    lines = in_languages(TEXT, ("zh", "en")).splitlines()
    assert lines[:3] == ["# 说明。", "# 只有中文。", 'title: {zh: "收费处", en: "A \\"till\\""}   # 给人看']
    assert '      - "Hello."' in lines
    assert '      - "你好。"' in lines
