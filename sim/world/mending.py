"""What is wrong with text that is no YAML, in words and where a person would look for it.

The parser says where it could not go on, which is often a line after the mistake, and in its own terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import yaml

from sim.errors import CHINESE_SIGNS

_KEY_THEN_CHINESE_COLON = re.compile(r"^\s*(?:- )?[\w ]+(：)")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})")
_NO_BLANK = re.compile(r"^\s*(?:- )?([\w]+):(\S.*)$")


class Mistake(NamedTuple):
    """Where it is, counted from 1, and what is wrong."""

    line: int
    column: int
    message: str


def mistake_in(text: str, error: yaml.YAMLError) -> Mistake:
    """The mistake for which a text could not be read."""
    mark, before = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    what = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    lines = text.split("\n")
    at = (mark.line, mark.column) if mark is not None else (0, 0)
    since = (before.line, before.column) if before is not None else at
    found = _mark_of_another_hand(lines, at[0])
    if found is None and what in _SAID:
        found = _SAID[what](lines, at, since)
    return found or Mistake(at[0] + 1, at[1] + 1, f"not valid YAML: {what}")


def _mark_of_another_hand(lines: list[str], last: int) -> Mistake | None:
    """A Chinese colon after a key, or what a merge left behind, in the last lines that were read."""
    for number in range(min(last, len(lines) - 1), max(-1, last - 4), -1):
        line = lines[number]
        if _CONFLICT.match(line):
            return Mistake(number + 1, 1, f"'{line[:7]}' is left of a merge; choose one of the two sides")
        colon = _KEY_THEN_CHINESE_COLON.match(line)
        if colon:
            return Mistake(number + 1, colon.start(1) + 1, "'：' is a Chinese colon; write ':' and a blank")
    return None


def _line(lines: list[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""


def _sign(lines: list[str], at: tuple[int, int]) -> str:
    return _line(lines, at[0])[at[1] : at[1] + 1]


def _no_key(lines: list[str], at: tuple[int, int], since: tuple[int, int]) -> Mistake:
    line = _line(lines, since[0])
    joined = _NO_BLANK.match(line)
    if joined:
        message = f"a blank is missing after the colon; write '{joined.group(1)}: {joined.group(2)[:40]}'"
        return Mistake(since[0] + 1, since[1] + 1, message)
    message = f"'{line.strip()[:40]}' is no key with a value; write 'key: value', with a blank after the colon"
    return Mistake(since[0] + 1, since[1] + 1, message)


def _second_colon(lines: list[str], at: tuple[int, int], _: tuple[int, int]) -> Mistake:
    line = _line(lines, at[0])
    joined = next((m for m in map(_NO_BLANK.match, lines[max(0, at[0] - 1) : at[0]]) if m), None)
    if joined and ": " not in line[: at[1]]:
        message = f"a blank is missing after the colon; write '{joined.group(1)}: {joined.group(2)[:40]}'"
        return Mistake(at[0], 1, message)
    if re.search(r":\s", line[: at[1]]):
        return Mistake(at[0] + 1, at[1] + 1, "a second ': ' in one line; a text with a colon in it needs quotes")
    message = "this line is indented deeper than the one above, which has its value already; line it up"
    return Mistake(at[0] + 1, len(line) - len(line.lstrip()) + 1, message)


def _unclosed(lines: list[str], at: tuple[int, int], since: tuple[int, int]) -> Mistake:
    opened = _sign(lines, since)
    closing = {"{": "}", "[": "]"}.get(opened, opened)
    if at[0] != since[0]:
        return Mistake(since[0] + 1, since[1] + 1, f"'{opened}' is not closed; write '{closing}' where it ends")
    message = f"a comma or '{closing}' belongs here; a text with a comma, a colon or quotes in it needs quotes"
    return Mistake(at[0] + 1, at[1] + 1, message)


def _out_of_place(lines: list[str], at: tuple[int, int], _: tuple[int, int]) -> Mistake:
    line, sign = _line(lines, at[0]), _sign(lines, at)
    if sign in {"}", "]", ","}:
        return Mistake(at[0] + 1, at[1] + 1, f"a '{sign}' too many; take it away, or put the whole text in quotes")
    for number in (at[0], at[0] - 1):
        if re.match(r"\s*-[^\s-]", _line(lines, number)):
            return Mistake(
                number + 1, _line(lines, number).index("-") + 1, "a blank is missing after '-'; write '- '"
            )
    if re.search(r":\s+\{\{.*\}\}", line):
        message = "a text that begins with '{{' needs quotes"
        return Mistake(at[0] + 1, line.index("{{") + 1, message)
    if line[: at[1]].strip():
        message = "this does not belong here; a text with quotes in it needs quotes around all of it"
        return Mistake(at[0] + 1, at[1] + 1, message)
    message = f"this line is indented by {at[1]} blanks, which fits none above; line it up with its neighbours"
    return Mistake(at[0] + 1, at[1] + 1, message)


def _no_text(lines: list[str], at: tuple[int, int], _: tuple[int, int]) -> Mistake:
    sign = _sign(lines, at)
    if sign == "\t":
        return _tab(lines, at, at)
    chinese = f"; write '{CHINESE_SIGNS[sign]}'" if sign in CHINESE_SIGNS else ""
    return Mistake(at[0] + 1, at[1] + 1, f"a text that begins with '{sign}' needs quotes{chinese}")


def _tab(lines: list[str], at: tuple[int, int], _: tuple[int, int]) -> Mistake:
    line = _line(lines, at[0])
    column = line.find("\t")
    return Mistake(at[0] + 1, max(column, 0) + 1, "a tab; indent with blanks")


def _another(lines: list[str], at: tuple[int, int], _: tuple[int, int]) -> Mistake:
    return Mistake(at[0] + 1, at[1] + 1, "'---' begins a second document; a file holds one")


def _open_quote(lines: list[str], at: tuple[int, int], since: tuple[int, int]) -> Mistake:
    message = f"the quote {_sign(lines, since)} that opens here is not closed"
    return Mistake(since[0] + 1, since[1] + 1, message)


_SAID: dict[str, Callable[[list[str], tuple[int, int], tuple[int, int]], Mistake]] = {
    "could not find expected ':'": _no_key,
    "mapping values are not allowed in this context": _second_colon,
    "did not find expected ',' or '}'": _unclosed,
    "did not find expected ',' or ']'": _unclosed,
    "did not find expected key": _out_of_place,
    "did not find expected '-' indicator": _out_of_place,
    "did not find expected <document start>": _out_of_place,
    "block sequence entries are not allowed in this context": _out_of_place,
    "found character that cannot start any token": _no_text,
    "found a tab character that violates indentation": _tab,
    "found a tab character where an indentation space is expected": _tab,
    "but found another document": _another,
    "found unexpected end of stream": _open_quote,
}
"""What libyaml says, and what that comes of."""
