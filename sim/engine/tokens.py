"""Counting tokens without a network: the vocabulary of ``o200k_base``, which a package ships.

A count made here is an estimate for any model but those that use this vocabulary, and is marked as one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

PER_MESSAGE = 3
PER_REPLY = 3
"""What a chat format adds to each message and to the reply, after OpenAI's own counting recipe."""


@functools.cache
def _encoding() -> Any:
    import bpe_openai  # noqa: PLC0415 - loading the vocabulary takes most of a second; not every command counts

    return bpe_openai.get_encoding("o200k_base")


@functools.lru_cache(maxsize=8192)
def count(text: str) -> int:
    """The tokens of a text."""
    return len(_encoding().encode_ordinary(text))


def count_messages(messages: Sequence[dict[str, str]]) -> int:
    """The tokens of a prompt: its texts, and what the chat format adds."""
    return PER_REPLY + sum(PER_MESSAGE + count(m["content"]) for m in messages)
