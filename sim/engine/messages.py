"""A prompt as the messages that are sent, and how it is cut to the room that there is."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.engine.phrases import phrase
from sim.engine.room import Room

Message = dict[str, str]

QUOTED = 1500
"""Characters of an answer that are quoted when it is sent back."""


class TooLong(Exception):
    """A prompt that does not fit even without any history: how many tokens it has, and how many it may have."""

    def __init__(self, needs: int, room: int) -> None:
        super().__init__(
            f"the prompt needs {needs:,} tokens even without what was said before, and may have {room:,}"
        )
        self.needs = needs
        self.room = room


@dataclass(frozen=True)
class Heard:
    """The history in a message of a prompt: headings, each with lines, oldest first, and what follows them."""

    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    rest: str
    message: int = 1

    def text(self, dropped: int = 0) -> str:
        """The message, without so many lines: those of the last block go first, for the others are summaries."""
        parts: list[str] = []
        for heading, lines in reversed(self.blocks):
            kept = lines[dropped:]
            dropped = max(0, dropped - len(lines))
            if kept:
                parts.insert(0, "\n".join([heading, *kept]) if heading else "\n".join(kept))
        return "\n".join([*parts, self.rest])

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return sum(len(lines) for _, lines in self.blocks)


@dataclass(frozen=True)
class Prompt:
    """The messages sent to a model, and the JSON Schema of the answer where acts are open.

    ``heard`` is the history in it, which can be cut.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    heard: Heard | None = None

    @property
    def digest(self) -> str:
        """The first 128 bits, in hex, of the SHA-256 of the messages."""
        text = json.dumps(self.messages, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

    def then(self, answer: str, reasons: Sequence[str], language: str) -> Prompt:
        """The prompt that sends an answer back, with what was wrong with it."""
        why = phrase(language, "repair", reasons=("；" if language.startswith("zh") else "; ").join(reasons))
        return self.also(answer, why)

    def found(self, answer: str, found: Sequence[str], language: str, schema: Mapping[str, Any] | None) -> Prompt:
        """The prompt that gives the results of look-ups, and asks for the turn itself."""
        words = ("；" if language.startswith("zh") else "; ").join(found)
        return self.also(answer, phrase(language, "found", found=words), schema)

    def also(self, answer: str, words: str, schema: Mapping[str, Any] | None = None) -> Prompt:
        """The prompt with an answer and what is said to it; the schema stays, unless another is given."""
        again = ({"role": "assistant", "content": answer[:QUOTED] or "…"}, {"role": "user", "content": words})
        return replace(self, messages=self.messages + again, schema=schema or self.schema)

    def within(self, room: Room | None) -> Prompt:
        """The prompt as far as there is room: without the oldest of what was said, then without earlier answers.

        Raises:
            TooLong: if the rest does not fit.
        """
        if room is None or self._size(room) <= room.tokens:
            return self
        shorter = self
        if self.heard is not None:
            lines = self.heard.lines
            dropped = bisect_left(range(lines), True, key=lambda n: self._without(n)._size(room) <= room.tokens)
            shorter = self._without(dropped)
        first = self.heard.message + 1 if self.heard is not None else len(self.messages)
        while shorter._size(room) > room.tokens and len(shorter.messages) > first + 2:
            shorter = replace(shorter, messages=shorter.messages[:first] + shorter.messages[first + 2 :])
        if shorter._size(room) > room.tokens and len(shorter.messages) > first:
            *before, answer, last = shorter.messages
            shorter = replace(shorter, messages=(*before, {**answer, "content": "…"}, last))
        if (needs := shorter._size(room)) > room.tokens:
            raise TooLong(needs, room.tokens)
        return shorter

    def without_history(self) -> Prompt:
        """The prompt without what was said before; summaries of it stay."""
        return self if self.heard is None else self._without(len(self.heard.blocks[-1][1]))

    def _without(self, dropped: int) -> Prompt:
        if self.heard is None:
            return self
        at = self.heard.message
        changed = {**self.messages[at], "content": self.heard.text(dropped)}
        return replace(self, messages=(*self.messages[:at], changed, *self.messages[at + 1 :]))

    def _size(self, room: Room) -> int:
        return room.count(self.messages, self.schema)
