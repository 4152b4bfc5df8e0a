"""What a page shows of an output: all of it, or with parts left out.

A line that is only ``…`` stands for any lines; a ``…`` within a line for any words, as for what is measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

LEFT_OUT = "…"
ALIKE = 0.6
"""How alike two lines are, from 0 to 1, for one to be taken for the other as it was before."""


def lines_of(text: str) -> list[str]:
    """The lines, without the spaces at their ends and without empty lines around them."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").split("\n")


def is_line(shown: str, printed: str) -> bool:
    """Whether a printed line is the one that is shown."""
    return re.fullmatch(".*".join(map(re.escape, shown.split(LEFT_OUT))), printed) is not None


def matches(shown: str, printed: str) -> bool:
    """Whether an output is what is shown of it."""
    parts, lines = _parts(lines_of(shown)), lines_of(printed)
    last = len(parts) - 1
    at = 0
    for i, part in enumerate(parts):
        starts = range(at, len(lines) - len(part) + 1)
        if i == last:
            starts = starts[len(starts) - 1 :] if i else starts[:1] if len(lines) == len(part) else range(0)
        elif i == 0:
            starts = starts[:1]
        found = next((s for s in starts if all(map(is_line, part, lines[s : s + len(part)]))), None)
        if found is None:
            return False
        at = found + len(part)
    return True


def renewed(shown: str, printed: str) -> str:
    """What is shown of an output, as it is printed now; what was left out stays left out.

    Raises:
        ValueError: naming the line that nothing in the output is like.
    """
    if matches(shown, printed):
        return shown
    lines = lines_of(printed)
    parts = _parts(lines_of(shown))
    if len(parts) == 1:
        return "\n".join(lines) + "\n"
    made: list[list[str]] = []
    at = 0
    for i, part in enumerate(parts):
        if not part:
            made.append([])
            continue
        start = 0 if i == 0 else _like(part[0], lines, at)
        end = len(lines) if i == len(parts) - 1 else _like(part[-1], lines, start) + 1
        made.append(lines[start:end])
        at = end
    return f"\n{LEFT_OUT}\n".join("\n".join(part) for part in made).strip("\n") + "\n"


def _parts(shown: Sequence[str]) -> list[list[str]]:
    """The lines between those that stand for others."""
    parts: list[list[str]] = [[]]
    for line in shown:
        if line == LEFT_OUT:
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _like(line: str, lines: Sequence[str], at: int) -> int:
    """Where the line stands that is most like one, from a line on."""
    best = max(
        range(at, len(lines)), key=lambda i: (SequenceMatcher(None, line, lines[i]).ratio(), -i), default=None
    )
    if best is None or SequenceMatcher(None, line, lines[best]).ratio() < ALIKE:
        raise ValueError(f"nothing is printed that is like {line!r}; show it anew")
    return best
