"""What all pictures share: fonts, arrowheads, and texts as each format wants them."""

from __future__ import annotations

import unicodedata

FONT = "font-family=\"'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif\""
ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="#666"/></marker></defs>'
)


def quoted(text: str) -> str:
    """A text as DOT quotes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mermaid_text(text: str) -> str:
    """A text as a Mermaid label can hold it."""
    return text.replace('"', "'").replace(":", "#58;").replace(";", "#59;").replace("#58#59;", "#58;")


def text_width(text: str, size: float) -> float:
    """About how wide a text is, in pixels: a Chinese character is as wide as it is high."""
    return sum(size if unicodedata.east_asian_width(c) in "WF" else size * 0.56 for c in text)
