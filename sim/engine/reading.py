"""Finding the one JSON object of an answer, and the words around it.

Strict JSON is tried first, then JSON as weak models write it (:mod:`sim.engine.loose`). An answer in which it
is not plain which object is meant, or what it says, has none.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from sim.engine.loose import COLON, FENCE, MAX_DEPTH, MAX_WORD, QUOTE, Rewriter, Unclear, near
from sim.engine.phrases import phrase

MAX_OBJECTS = 50
"""So often what looks like the start of an object is tried in one answer."""
_BRACE = re.compile(rf"[{{｛](?![^{{}}｛｝:：{QUOTE[1:-1]}]+[}}｝])")
"""A brace that is not around mere words, as in ``{smile}``."""
_START = re.compile(
    rf"[{{｛](?:\s|//[^\n]{{0,200}}\n|/\*[^*]{{0,200}}\*/)*"
    rf"(?:(?P<quoted>\"|{QUOTE}[^\n]{{0,60}}?{QUOTE}\s*{COLON})|\w++\s*{COLON}|[}}｝])"
)
"""How an object starts: with a key, or empty."""
_GOES_ON = re.compile(rf"[\s,，}}｝]*{QUOTE}\w+{QUOTE}\s*{COLON}")
"""What follows an object that was closed too early."""
_MARKS = "{}[]｛｝［］,，;； \n"
_FENCES = re.compile(rf"{FENCE}(?:json[5c]?|javascript\b|js\b)?", re.IGNORECASE)
_THOUGHTS = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
"""How open-weight reasoning models mark their thinking, where a server passes it on."""
_NOT_AN_OBJECT = {"unreadable", "cut_off", "inner_quotes"}


def without_thoughts(raw: str) -> str:
    """An answer without what a reasoning model thought before it, which is not for others to hear."""
    return _THOUGHTS.sub("", raw)


def find_object(raw: str, language: str) -> tuple[dict[str, Any] | None, str, str | None]:
    """The JSON object of an answer, the words around it, and what is wrong with it."""
    text = raw.strip()
    if text in {"{}", "null"}:
        return {}, "", None
    brace = _BRACE.search(text)
    at = brace.start() if brace else len(text)
    start = _START.match(text, at)
    is_all = at == 0 and text.endswith(("}", "｝"))
    is_meant = FENCE in text or '"' in text[at:] or (start is not None and (start["quoted"] or is_all))
    if brace is None or not is_meant:
        return None, text, None
    try:
        given, spans = Objects(text).only_one(at)
    except Unclear as unclear:
        return None, text, phrase(language, unclear.reason, **unclear.values)
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    around = " ".join(text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
    around = _FENCES.sub("", around).strip()
    return given, around if around.strip(_MARKS) else "", None


class Objects:
    """The JSON objects of a text; ``tried`` counts the places where one was looked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tried = 0
        self.rewriter = Rewriter(text)

    def only_one(self, start: int) -> tuple[dict[str, Any], list[tuple[int, int]]]:
        """The object that starts at a place, and where it stands: more than once if it is repeated.

        Raises:
            Unclear: if it cannot be read, or a different one follows.
        """
        given, end = self.at(start)
        if _GOES_ON.match(self.text, end):
            raise Unclear("unreadable", near=near(self.text, end))
        spans = [(start, end)]
        while match := _START.search(self.text, end):
            try:
                other, end = self.at(match.start())
            except Unclear as unclear:
                if unclear.reason not in _NOT_AN_OBJECT:
                    raise Unclear("two_objects") from None
                end = match.start() + 1
                continue
            if other and not _is_same(given, other):
                raise Unclear("two_objects")
            spans += [(match.start(), end)] if other else []
        return given, spans

    def at(self, start: int) -> tuple[dict[str, Any], int]:
        """The object that starts at a place, and where it ends."""
        self.tried += 1
        if self.tried > MAX_OBJECTS:
            raise Unclear("too_long")
        try:
            value, end = json.JSONDecoder(object_pairs_hook=_unique).raw_decode(self.text, start)
        except RecursionError:
            raise Unclear("too_deep") from None
        except ValueError:
            value, end = self._loosely_at(start)
        return _scrubbed(value), end

    def _loosely_at(self, start: int) -> tuple[Any, int]:
        found = self.rewriter.rewrite(start)
        try:
            return json.loads(found.json, object_pairs_hook=_unique), found.end
        except json.JSONDecodeError as error:
            if found.added and error.pos >= len(found.json) - found.added:
                raise Unclear("cut_off") from None
            raise Unclear("unreadable", near=near(found.json, error.pos)) from None
        except ValueError:  # a number with thousands of digits
            raise Unclear("unreadable", near=near(self.text, start)) from None


def plain_key(key: str) -> str:
    """A key in plain letters, without spaces around it."""
    key = _scrubbed(key).strip()
    return key if len(key) > MAX_WORD else unicodedata.normalize("NFKC", key).strip()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with plain keys; what stands twice in it must be the same."""
    result: dict[str, Any] = {}
    for given, value in pairs:
        key = plain_key(given)
        if key in result and not _is_same(result[key], value):
            raise Unclear("key_twice", name=key[:60])
        result[key] = value
    return result


def _is_same(one: object, other: object) -> bool:
    """Whether two JSON values are equal; ``true`` is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_is_same(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _scrubbed(value: Any, depth: int = 0) -> Any:
    """A JSON value without halves of characters, which no file can hold."""
    if depth > MAX_DEPTH:
        raise Unclear("too_deep")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrubbed(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _scrubbed(item, depth + 1) for key, item in value.items()}
    return value
