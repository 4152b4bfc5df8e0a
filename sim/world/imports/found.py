"""What a reader found in a file from elsewhere: what is kept of it, under which key, and what is not, and why."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from sim.world.fields import IDENTIFIER
from sim.world.kinds import CONTROL, one_line

MAX_SHEET = 18_000
"""Characters of all texts of a persona together: a system prompt that is longer would be cut."""

MAX_NAME = 100

_UNUSABLE = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff\ufffe\uffff]")
_TEMPLATE = re.compile(
    r"\{\{[^{}]{0,200}\}\}|\{%[^%]{0,200}%\}|\{#[^#]{0,200}#\}|<(?:bot|char|user)>", re.IGNORECASE
)
_SHOWN = 3
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_MAX_BYTES = 240
"""Of a file name, most systems take 255 with its ending."""

_RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)\d", re.IGNORECASE)
"""Names that no file can have on Windows."""

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


@dataclass(frozen=True)
class Left:
    """A field of the file that was not kept, or not as it stands, and why."""

    field: str
    reason: str


@dataclass
class Found:
    """What stands in a file from elsewhere, by the keys of a persona.

    ``form`` is what the file is called by its makers, ``kept`` says of each field of it which key it went to,
    ``credit`` is who made it, as the file says.
    """

    form: str
    name: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    age: int | None = None
    sex: str | None = None
    kept: dict[str, str] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    credit: str = ""

    def leave(self, name: str, reason: str) -> None:
        """Note that a field is not kept, or not as it stands."""
        self.left.append(Left(shown(name), shown(reason, 300)))

    def keep(self, name: str, key: str, text: str) -> None:
        """Keep a text under a key of the persona, after what this has already, if there is room for it."""
        usable, removed = cleaned(text)
        if not usable:
            return
        used = sum(map(len, self.texts.values()))
        if used + len(usable) > MAX_SHEET:
            self.leave(name, f"too long: a system prompt has room for {max(0, MAX_SHEET - used):,} more characters")
            return
        self.texts[key] = f"{self.texts[key]}\n{usable}" if key in self.texts else usable
        self.kept[name] = key
        if removed:
            self.leave(name, f"kept without {removed} control character{'s' if removed != 1 else ''}")
        marks = list(dict.fromkeys(_TEMPLATE.findall(usable)))
        if marks:
            some = ", ".join(shown(m, 40) for m in marks[:_SHOWN]) + (", …" if len(marks) > _SHOWN else "")
            self.leave(name, f"kept as it is written, and never evaluated: {some}")


def shown(text: object, most: int = 60) -> str:
    """A word of a stranger's file as it may be shown: in one line, without control characters, not too long."""
    line = _UNUSABLE.sub("", one_line(text))
    return line if len(line) <= most else line[: most - 1] + "…"


def cleaned(text: str) -> tuple[str, int]:
    """A text with plain line ends and no characters that a file of ours may not hold; also how many these were."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNUSABLE.subn("", plain)


def guessed_language(text: str) -> str | None:
    """``zh`` or ``en``, by the letters of a text; None where they are neither Chinese nor Latin.

    A Chinese character says about as much as three letters. Japanese has Chinese characters too, and kana.
    """
    letters = sum(c.isalpha() for c in text)
    han, kana, latin = (len(pattern.findall(text)) for pattern in (_HAN, _KANA, _LATIN))
    if not letters or kana * 10 > letters or 2 * (han + latin) < letters:
        return None
    return "zh" if han * 3 >= latin else "en"


def identifier(name: str) -> str:
    """A name as an id, which is also a safe file name: what is one already stays so.

    Else letters of any script, digits and ``_``, at most 40; ``persona``, where there is neither letter nor digit.
    """
    is_plain = all(c.isalpha() or c.isdecimal() or c == "_" for c in name) and len(name.encode()) <= _MAX_BYTES
    if is_plain and re.fullmatch(IDENTIFIER, name) and not _RESERVED.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
    words = "".join(c if c.isalpha() or c.isdecimal() else "_" for c in plain)
    word = re.sub("_+", "_", words).strip("_")[:40].strip("_")
    if not word:
        return "persona"
    return f"p_{word}" if word[0].isdecimal() else f"{word}_" if _RESERVED.fullmatch(word) else word


def is_flat(value: Any) -> bool:
    """Whether a value is a text, a number or a truth value, rather than made of others."""
    return isinstance(value, str | int | float | bool)
