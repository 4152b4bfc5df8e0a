"""What all pictures share: fonts, arrowheads, and texts as each format wants them."""

from __future__ import annotations

import re
import unicodedata
from html import escape

FONT = "font-family=\"'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif\""
TAKEN, PALE, GREY = "#1f62c4", "#c4c4c4", "#666"
"""The colours of what a run took, of what it did not, and of what no run was asked about."""


_NARROW = frozenset(" .,:;'|!ijltfrI()[]")
_BROAD = frozenset("mwMW@%&—…")


def arrowhead(name: str, colour: str, size: int = 9) -> str:
    """An arrowhead that lines can end in, as ``marker-end="url(#NAME)"``."""
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{colour}"/>'
        "</marker>"
    )


ARROW = f"<defs>{arrowhead('arrow', GREY)}</defs>"
ARROWS = f"<defs>{arrowhead('taken', TAKEN, 13)}{arrowhead('pale', PALE)}</defs>"


def quoted(text: str) -> str:
    """A text as DOT quotes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mermaid_text(text: str) -> str:
    """A text as a Mermaid label can hold it."""
    return text.replace('"', "'").replace(":", "#58;").replace(";", "#59;").replace("#58#59;", "#58;")


def text_width(text: str, size: float) -> float:
    """About how wide a text is at most, in pixels: a Chinese character is as wide as it is high."""
    return sum(size * _em(c) for c in text)


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WFA":  # the ambiguous ones are wide in a Chinese font
        return 0.0 if unicodedata.combining(character) else 1.0
    if unicodedata.combining(character):
        return 0.0
    if character in _NARROW:
        return 0.38
    if character in _BROAD:
        return 0.95
    return 0.72 if character.isupper() else 0.6


def wrapped(text: str, size: float, width: float, most: int = 6) -> list[str]:
    """A text in lines that are no wider than ``width`` pixels; of more than ``most`` lines the rest is left out."""
    lines: list[str] = []
    line = ""
    for word in re.findall(r"(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[，。、；：！？）”》]*|\s+", text):
        if text_width((line + word).rstrip(), size) <= width:
            line += word
            continue
        if line.strip():
            lines.append(line.strip())
        line = word.lstrip()
        while text_width(line, size) > width and len(line) > 1:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or text_width(line[:n], size) <= width)
            lines.append(line[:cut])
            line = line[cut:]
    if line.strip():
        lines.append(line.strip())
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    return lines


def text_lines(lines: list[str], x: float, y: float, size: float, leading: float, more: str = "") -> str:
    """An SVG text of some lines around ``x``, left open; ``y`` is the first's baseline, ``more`` are attributes."""
    head = f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="middle"{more}>'
    if len(lines) == 1:
        return f"{head}{escape(lines[0])}"
    spans = [
        f'<tspan x="{x:.1f}"{f" dy={chr(34)}{leading:g}{chr(34)}" if i else ""}>{escape(line)}</tspan>'
        for i, line in enumerate(lines)
    ]
    return head + "".join(spans)
