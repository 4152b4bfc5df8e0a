"""A template's text in the languages of a world: the words, comments and lines of the others are taken out.

Templates have both languages in the form of the world format itself: ``{en: "…", zh: "…"}``, the blocks ``en:`` and
``zh:`` of lines, and comments of the form ``# [en] … [zh] …``, of which the first language's is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_STRING = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"\{{en: ({_STRING}), zh: ({_STRING})\}}")
_BLOCK = re.compile(r"^( *)(en|zh):\s*$")
_COMMENT = re.compile(r"# (\[(?:en|zh)\] .*)$")
_PART = re.compile(r"\[(en|zh)\] (.*?)(?= \[(?:en|zh)\] |$)")


def in_languages(text: str, languages: Sequence[str]) -> str:
    """The text in these languages, the first of which is that of the comments.

    A pair of words in one language, or of the same words, becomes the word alone.
    """
    kept: list[str] = []
    dropped: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        if dropped is not None and (not line.strip() or indent > dropped):
            continue
        dropped = None
        block = _BLOCK.match(line)
        if block is not None and block[2] not in languages:
            dropped = len(block[1])
            continue
        told = _commented(line, languages[0])
        if told is not None:
            kept.append(_PAIR.sub(lambda match: _pair(match, languages), told))
    return "\n".join(kept) + "\n"


def _commented(line: str, language: str) -> str | None:
    """A line with its comment in one language; None for a comment of its own in another."""
    found = _COMMENT.search(line)
    if found is None:
        return line
    parts = dict(_PART.findall(found[1]))
    before = line[: found.start()]
    if language in parts:
        return f"{before}# {parts[language]}"
    return before.rstrip() if before.strip() else None


def _pair(match: re.Match[str], languages: Sequence[str]) -> str:
    words = {"en": match[1], "zh": match[2]}
    told = {language: words[language] for language in languages}
    if len(set(told.values())) == 1:
        word = next(iter(told.values()))
        return word if json.loads(word) else '""'
    return "{" + ", ".join(f"{language}: {word}" for language, word in told.items()) + "}"
