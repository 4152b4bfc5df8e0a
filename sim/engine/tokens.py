"""Counting tokens without a network: the vocabulary of ``o200k_base``, which a package ships.

A count made here is an estimate for any model but those that use this vocabulary, and is marked as one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

PER_MESSAGE = 3
PER_REPLY = 3
"""What a chat format adds to each message and to the reply, after OpenAI's own counting recipe."""


@functools.cache
def _encoding() -> Any:
    import bpe_openai  # noqa: PLC0415 - loading the vocabulary takes most of a second; not every command counts

    return bpe_openai.get_encoding("o200k_base")


_LINE = re.compile(r"(?<=\n)(?=[^\s/])")
"""Where a text may be cut without changing its tokens: this vocabulary never joins a line break and a word."""


def count(text: str) -> int:
    """The tokens of a text; its lines are counted one by one, and remembered, since prompts repeat them."""
    return sum(map(_count, _LINE.split(text)))


@functools.lru_cache(maxsize=65_536)
def _count(text: str) -> int:
    return len(_encoding().encode_ordinary(text))


def count_messages(messages: Sequence[dict[str, str]]) -> int:
    """The tokens of a prompt: its texts, and what the chat format adds."""
    return PER_REPLY + sum(PER_MESSAGE + count(m["content"]) for m in messages)
