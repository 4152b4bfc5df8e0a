"""Rewriting an object that is almost JSON as JSON, token by token, for a strict parser to read or refuse.

It knows in which ways a token may be written, never what a missing one might have been. Only braces at the
very end of a text are added, where nothing before them can have been cut.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from dataclasses import dataclass

MAX_STEPS = 10_000
"""So many tokens and quotation marks are looked at in one answer, however many braces it has."""
MAX_DEPTH = 50
MAX_WORD = 200
"""A longer key or word without quotation marks is none: putting it into plain letters could make it far longer."""

FENCE = "```"
QUOTES = {q: q for q in "\"'＂＇”’"} | {"“": "”", "‘": "’", "「": "」", "『": "』"}
"""What opens a text, and what closes it."""
QUOTE = f"[{''.join(sorted({*QUOTES, *QUOTES.values()}))}]"
COLON = "[:：]"
_OTHERS = r"\s:：,，、;；{}｛｝\[\]［］【】"
"""Spaces, and the marks that JSON has, as they may be written."""
_OTHER = re.compile(f"[{_OTHERS}]")
_AS_JSON = str.maketrans("：，、；;｛｝［］【】", ":,,,,{}[][]")
_COMMENT = re.compile(r"//[^\n]*\n|#[^\n]*\n|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(rf"\s+|{_COMMENT.pattern}|{FENCE}|[^{_OTHERS}{QUOTE[1:-1]}/#`]+|.", re.DOTALL)
_AFTER_TEXT = re.compile(rf"\s*(?:[{_OTHERS[2:]}#]|//|/\*|{FENCE}|\Z)|\s+{QUOTE}")
"""What may follow a text; a quotation mark before anything else belongs to the text."""
_WITHIN_WORD = re.compile("[A-Za-z].[A-Za-z]")
_IN_TEXT = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\(.?)|"', re.DOTALL)
_RAW = {code: f"\\u{code:04x}" for code in range(32)}
_NUMBER = re.compile(r"\+?(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_WORD = re.compile(r"[^\W\d]\w*|[+-]?[0-9]+(?:\.[0-9]+)?[^\W\d]\w*")
_LITERALS = {"true": "true", "false": "false", "null": "null", "none": "null"}
_NO_VALUES = {"undefined", "nan", "infinity"}


class Unclear(Exception):
    """Why an object cannot be read: the key of a phrase, and what the phrase names."""

    def __init__(self, reason: str, **values: str) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values


@dataclass(frozen=True)
class Rewritten:
    """An object as JSON; it stood in its text until ``end``, without the last ``added`` braces."""

    json: str
    end: int
    added: int


class Rewriter:
    """Rewrites the objects of one text; ``steps`` counts what it looked at."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def rewrite(self, start: int) -> Rewritten:
        """Rewrite the object that starts at a place.

        Raises:
            Unclear: if what stands there has no reading, or more than one.
        """
        tokens: list[str] = []
        opened: list[str] = []
        is_whole = False
        at = start
        while at < len(self.text) and not self.text.startswith(FENCE, at):
            token, end = self._token(at)
            if token in {"{", "[", "}", "]"}:
                _nest(tokens, opened, token)
            if token:
                tokens.append(token)
                is_whole = end < len(self.text) or self.text[at] in QUOTES or token in {"}", "]"}
            at = end
            if not opened:
                return Rewritten("".join(tokens), at, 0)
        if "[" in opened or not is_whole or tokens[-1] in {",", ":", "{"}:
            raise Unclear("cut_off")
        return Rewritten("".join(tokens) + "}" * len(opened), at, len(opened))

    def _token(self, at: int) -> tuple[str, int]:
        """The token at a place as JSON writes it, or ``""`` for none, and where it ends."""
        self._step()
        match = _TOKEN.match(self.text, at)
        token = match[0] if match else ""
        end = at + len(token)
        if token in QUOTES:
            return self._string(at)
        if token.isspace() or _COMMENT.fullmatch(token):
            return "", end
        mark = token.translate(_AS_JSON)
        return (mark if mark in {*"{}[]:,"} else self._bare(token, at)), end

    def _bare(self, token: str, at: int) -> str:
        """A number, a literal or a single word that stands without quotation marks."""
        is_short = len(token) <= MAX_WORD
        plain = unicodedata.normalize("NFKC", token).replace("\N{MINUS SIGN}", "-") if is_short else ""
        if number := _NUMBER.fullmatch(plain):
            return number[1]
        if plain.casefold() in _LITERALS:
            return _LITERALS[plain.casefold()]
        if _WORD.fullmatch(plain) and plain.casefold() not in _NO_VALUES:
            return json.dumps(plain)
        raise Unclear("unreadable", near=near(self.text, at))

    def _string(self, start: int) -> tuple[str, int]:
        """The text that a quotation mark opens."""
        left = self.text[start]
        right = QUOTES[left]
        depth, inner = 1, [start]
        for match in re.compile(rf"\\.|{left}|{right}", re.DOTALL).finditer(self.text, start + 1):
            self._step()
            mark, at = match[0], match.start()
            if len(mark) > 1 or _is_apostrophe(self.text, at):
                continue
            if left != right:
                depth += 1 if mark == left else -1
                if not depth:
                    return _quoted(self.text[start + 1 : at]), at + 1
            elif _AFTER_TEXT.match(self.text, at + 1):
                self._check_inner([*inner, at])
                return _quoted(self.text[start + 1 : at]), at + 1
            else:
                inner.append(at)
        raise Unclear("inner_quotes" if len(inner) > 1 else "cut_off")

    def _check_inner(self, marks: list[int]) -> None:
        """Quotation marks within a text must be pairs, each close around its words; else one may be missing."""
        pieces = [self.text[a + 1 : b] for a, b in itertools.pairwise(marks)][1::2]
        edges = [*(p[:1] for p in pieces), *(p[-1:] for p in pieces)]
        if len(marks) % 2 or any(_OTHER.fullmatch(edge) or not edge for edge in edges):
            raise Unclear("inner_quotes")

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unclear("too_long")


def near(text: str, at: int) -> str:
    """A few characters of a text, to say where in it something is."""
    return " ".join(text[at : at + 20].encode("utf-8", "replace").decode().split())


def _nest(tokens: list[str], opened: list[str], token: str) -> None:
    """Keep count of what is open; a comma before what closes it says nothing."""
    if token in {"{", "["}:
        opened.append(token)
        if len(opened) > MAX_DEPTH:
            raise Unclear("too_deep")
        return
    opened.pop()
    if tokens[-1] == "," and tokens[-2] not in {"{", "["}:
        tokens.pop()


def _is_apostrophe(text: str, at: int) -> bool:
    """Whether a mark stands between letters, as in *it's*."""
    return text[at] in "'’" and _WITHIN_WORD.fullmatch(text[at - 1 : at + 2]) is not None


def _quoted(text: str) -> str:
    """A text as JSON writes it: a backslash that escapes nothing is kept, unless a quotation mark follows it."""

    def escaped(match: re.Match[str]) -> str:
        after = match[1]
        if match[0] == '"':
            return '\\"'
        if after is None:
            return match[0]
        return after if after in QUOTE[1:-1] and after else f"\\\\{after}"

    return f'"{_IN_TEXT.sub(escaped, text).translate(_RAW)}"'
