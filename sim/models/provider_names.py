"""Names as providers take them: letters, digits, ``_`` and ``-`` of ASCII, at most 64 of them.

A name of a world that is such a name stays as it is. Any other is written in Punycode (RFC 3492) after ``xn__``,
with ``_`` for its one ``-``, so that it can be read back, and is one word where names are looked for in a text.
What would be longer is a digest after ``xh__``. Names of worlds that begin like these are written so too, so that
two names never become the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MOST = 64
"""Characters that OpenAI allows in a name."""

_CODED = "xn__"
_HASHED = "xh__"


def provider_name(name: str) -> str:
    """What a provider is given for an id of a world; always the same for the same id."""
    if name.isascii() and len(name) <= MOST and not name.startswith((_CODED, _HASHED)):
        return name
    coded = _CODED + name.encode("punycode").decode("ascii").replace("-", "_")
    if len(coded) <= MOST:
        return coded
    return _HASHED + hashlib.sha256(name.encode()).hexdigest()[: MOST - len(_HASHED)]


def world_name(given: str, known: Iterable[str] = ()) -> str:
    """The id of a world that a provider's name stands for; what stands for none is given back.

    ``known`` are the ids that it may be: a name that was too long can be found among them alone.
    """
    if given.startswith(_HASHED):
        return next((name for name in known if provider_name(name) == given), given)
    if not given.startswith(_CODED):
        return given
    basic, mark, rest = given.removeprefix(_CODED).rpartition("_")
    try:
        name = f"{basic}{'-' if mark else ''}{rest}".encode("ascii").decode("punycode")
    except UnicodeError:
        return given
    return name if provider_name(name) == given else given
