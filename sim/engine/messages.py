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
    """The history in a message of a prompt: headings, each with lines, oldest first, and what follows them.

    ``parts`` says what that is made of, where it is of several parts.
    """

    blocks: tuple[tuple[str, tuple[str, ...]], ...]
    rest: str
    message: int = 1
    parts: tuple[tuple[str, str], ...] = ()

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

    @property
    def parts(self) -> dict[str, str]:
        """The words of the prompt by what they are: persona, summaries, heard, instruction, facts and so on."""
        found: dict[str, list[str]] = {}
        heard = self.heard
        for index, message in enumerate(self.messages):
            if heard is None or index > heard.message:
                found.setdefault("sent back", []).append(message["content"])
            elif index < heard.message:
                found.setdefault("persona" if heard.parts else "question", []).append(message["content"])
            else:
                for name, text in _history(message["content"].removesuffix(heard.rest), heard):
                    found.setdefault(name, []).append(text)
                for name, text in heard.parts or (("question", heard.rest),):
                    found.setdefault(name, []).append(text)
        return {name: "\n".join(texts) for name, texts in found.items()}

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of each part the first 16 bits of its SHA-256: enough to say which part of a prompt was another one."""
        return {n: hashlib.sha256(t.encode("utf-8", "replace")).hexdigest()[:4] for n, t in self.parts.items()}

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


def _history(text: str, heard: Heard) -> list[tuple[str, str]]:
    """The summaries and what was heard, as far as they are in the text of a message."""
    names = ("summaries", "heard")[-len(heard.blocks) :]
    found = []
    for name, (heading, _), after in zip(names, heard.blocks, (*heard.blocks[1:], None), strict=True):
        if not text.startswith(heading + "\n"):
            continue
        own, mark, rest = text.partition(f"\n{after[0]}\n") if after is not None else (text, "", "")
        found.append((name, own.removeprefix(heading).strip("\n")))
        text = mark[1:] + rest
    return found
