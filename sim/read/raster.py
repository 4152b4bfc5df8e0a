"""An SVG picture as PNG. The library that draws it is an extra, and imported only here."""

from __future__ import annotations

import re

from sim.errors import DefinitionError

ZOOM = 2.0
"""Dots to a pixel of the SVG: letters stay sharp where the picture is looked at closely."""

MOST = 60_000_000
"""Dots of a picture; of a larger one the zoom is less."""

_NONE = "\U0010fffd"  # for private use: no font has a letter for it
_SANS = ("Arial", "Liberation Sans", "DejaVu Sans", "Noto Sans", "Helvetica")


def check_raster() -> None:
    """Make sure that a PNG can be drawn here.

    Raises:
        DefinitionError: if the library is not installed.
    """
    try:
        import resvg_py  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise DefinitionError(
            "a PNG needs the extra 'plot': pip install 'roleplay-sim[plot]'; an .svg needs nothing"
        ) from None


def to_png(svg: str) -> bytes:
    """An SVG picture of ours as a PNG, with the fonts of this system.

    Raises:
        DefinitionError: if the library is not installed, or no font has a letter of the picture.
    """
    check_raster()
    from resvg_py import svg_to_bytes  # noqa: PLC0415

    sans = next((name for name in _SANS if _drawn("A", name) != _drawn(_NONE, name)), _SANS[0])
    missing = _missing(svg, sans)
    if missing:
        raise DefinitionError(
            f"no font here has the characters {' '.join(missing[:8])}{' …' * (len(missing) > 8)} of the picture; "
            "install one, such as Noto Sans CJK, or draw an .svg, which is written by the fonts of who looks at it"
        )
    width, height = (float(value) for value in re.findall(r' (?:width|height)="(\d+)"', svg)[:2])
    zoom = min(ZOOM, (MOST / max(1.0, width * height)) ** 0.5)
    return svg_to_bytes(svg_string=svg, zoom=zoom, sans_serif_family=sans)


def _missing(svg: str, sans: str) -> list[str]:
    """The letters of a picture that no font has."""
    letters = sorted({c for c in re.sub(r"<[^>]*>", "", svg) if c.isprintable() and not c.isspace()})
    blank = _drawn(_NONE, sans)
    return [c for c in letters if c not in "&<>" and _drawn(c, sans) == blank]


def _drawn(letter: str, sans: str) -> bytes:
    from resvg_py import svg_to_bytes  # noqa: PLC0415

    text = f'<text x="4" y="20" font-size="16" font-family="sans-serif">{letter}</text>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24">{text}</svg>'
    return svg_to_bytes(svg_string=svg, sans_serif_family=sans)
