"""What is said of text that is no YAML: where a person would look, and what would be right."""

from __future__ import annotations

import pytest

from sim.world.source import read_text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb：2\nc: 3\n", (2, 2, "'：' is a Chinese colon; write ':' and a blank")),
        ("a:\n  b：\n    c: 3\n", (2, 4, "'：' is a Chinese colon; write ':' and a blank")),
        ("a: {b：c, d: 1}\n", (1, 6, "'：' is a Chinese colon; write ':' and a blank")),
        ("a: 1\nb:2\nc: 3\n", (2, 1, "a blank is missing after the colon; write 'b: 2'")),
        ("a: 1\nb\nc: 3\n", (2, 1, "'b' is no key with a value; write 'key: value', with a blank after the colon")),
        ("a: Ask: what?\n", (1, 7, "a second ': ' in one line; a text with a colon in it needs quotes")),
        (
            "a: 1\n  b: 2\n",
            (2, 3, "this line is indented deeper than the one above, which has its value already; line it up"),
        ),
        ("a:\n    b: 1\n  c: 2\n", (3, 3, "this line is indented by 2 blanks, which fits none above; ")),
        ("a: [1, 2\nb: 3\n", (1, 4, "'[' is not closed; write ']' where it ends")),
        ("a: {b: 1\nc: 3\n", (1, 4, "'{' is not closed; write '}' where it ends")),
        ("a: {b: 1}}\n", (1, 10, "a '}' too many; ")),
        ("a: [1 [2]]\n", (1, 7, "a comma or ']' belongs here; ")),
        ('a: "b\nc: d\n', (1, 4, 'the quote " that opens here is not closed')),
        ("a:\n  - b\n  -c: 1\n  - d\n", (3, 3, "a blank is missing after '-'; write '- '")),
        ("a: {{ b }} c\n", (1, 4, "a text that begins with '{{' needs quotes")),
        ("a: @b\n", (1, 4, "a text that begins with '@' needs quotes")),
        ("a:\n\tb: 1\n", (2, 1, "a tab; indent with blanks")),
        ("a: 1\n---\nb: 2\n", (2, 1, "'---' begins a second document; a file holds one")),
        ("<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n", (1, 1, "'<<<<<<<' is left of a merge; ")),
    ],
)
def test_a_mistake_is_told_where_it_was_made(text: str, problem: tuple[int, int, str]) -> None:
    """Not where the parser could go no further."""
    [found] = read_text(text, "w.yaml").problems
    assert (found.line, found.column) == problem[:2], found
    assert found.message.startswith(problem[2])


def test_a_chinese_colon_in_a_text_is_text() -> None:
    """Only keys need the other one."""
    read = read_text("a: 注意：慢\nb: {c: 好：坏}\n", "w.yaml")
    assert (read.problems, read.value) == ([], {"a": "注意：慢", "b": {"c": "好：坏"}})
