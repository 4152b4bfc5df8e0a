"""Counting tokens without a network, with vocabularies that a package ships.

A count is exact for the models that use one of these vocabularies, and an estimate for any other.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

PER_MESSAGE = 3
PER_REPLY = 3
"""What a chat format adds to each message and to the reply, after OpenAI's own counting recipe."""

USUAL = "o200k_base"
"""The vocabulary for models whose own is not here: the larger one, which was made for many languages."""

_OWN = (("gpt-4o", USUAL), ("gpt-4.", USUAL), ("gpt-5", USUAL), ("chatgpt-", USUAL), ("o1", USUAL), ("o3", USUAL),
        ("o4", USUAL), ("gpt-4", "cl100k_base"), ("gpt-3.5", "cl100k_base"), ("gpt-35", "cl100k_base"))  # fmt: skip


def vocabulary_of(model: str) -> str | None:
    """The vocabulary that a model uses, by its id; None where it is not one of those here."""
    bare = model.rpartition("/")[2].lower()
    return next((vocabulary for prefix, vocabulary in _OWN if bare.startswith(prefix)), None)


@functools.cache
def _encoding(vocabulary: str) -> Any:
    import bpe_openai  # noqa: PLC0415 - loading a vocabulary takes most of a second; not every command counts

    return bpe_openai.get_encoding(vocabulary)


_LINE = re.compile(r"(?<=\n)(?=[^\s/])")
"""Where a text may be cut without changing its tokens: these vocabularies never join a line break and a word."""


def count(text: str, vocabulary: str = USUAL) -> int:
    """The tokens of a text; its lines are counted one by one, and remembered, since prompts repeat them."""
    return sum(_count(line, vocabulary) for line in _LINE.split(text))


@functools.lru_cache(maxsize=65_536)
def _count(text: str, vocabulary: str) -> int:
    return len(_encoding(vocabulary).encode_ordinary(text))


def cut(text: str, most: int, vocabulary: str = USUAL) -> str:
    """As much of a text, from its beginning, as has at most so many tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle], vocabulary) <= most else (low, middle - 1)
    return text[:low]


def count_messages(messages: Sequence[dict[str, str]], vocabulary: str = USUAL) -> int:
    """The tokens of a prompt: its texts, and what the chat format adds."""
    return PER_REPLY + sum(PER_MESSAGE + count(m["content"], vocabulary) for m in messages)


_SPOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")


def words_in(text: str) -> int:
    """The words of a text as they are spoken; a Chinese character counts as one."""
    return len(_SPOKEN.findall(text))
