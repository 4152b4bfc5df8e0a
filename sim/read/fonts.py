"""Which fonts a picture is written with: with Chinese characters, where its texts have some."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sim.errors import DefinitionError

FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
    "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Arial Unicode MS",
)  # fmt: skip
"""Fonts with Chinese characters, the better ones first."""


def fonts(texts: str, *, is_svg: bool) -> list[str]:
    """The fonts to write with: where there are Chinese characters, one that has them all, too.

    Raises:
        DefinitionError: if no font here has them; an SVG is drawn with the fonts of who looks at it.
    """
    default = "DejaVu Sans"
    wanted = {ord(c) for c in texts if ord(c) >= 0x2E80}
    if not wanted:
        return [default]
    found = next((name for name, path in _installed() if wanted <= _characters(path)), None)
    if found is None and not is_svg:
        raise DefinitionError(
            "no font here has the Chinese characters of the labels; install one, such as Noto Sans CJK, "
            "or draw an .svg, whose text is written by the fonts of who looks at it"
        )
    return [default, *([found] if found else []), *(FONTS if is_svg else ())]


def _installed() -> Iterator[tuple[str, str]]:
    """The fonts that are here, those of ``FONTS`` first; then those that were installed since matplotlib looked."""
    from matplotlib import font_manager  # noqa: PLC0415

    manager = font_manager.fontManager
    seen: set[str] = set()
    while True:
        entries = {e.name: e.fname for e in manager.ttflist if not e.name.startswith("Last Resort")}
        for name in (*(n for n in FONTS if n in entries), *sorted(set(entries) - set(FONTS))):
            if entries[name] not in seen:
                yield name, entries[name]
        known = {entry.fname for entry in manager.ttflist}
        if seen:
            return
        seen = known
        for path in sorted(set(font_manager.findSystemFonts()) - known):
            with contextlib.suppress(OSError, RuntimeError):
                manager.addfont(path)


def _characters(path: str) -> set[int]:
    from matplotlib import ft2font  # noqa: PLC0415

    try:
        return set(ft2font.FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a font that cannot be read
        return set()
