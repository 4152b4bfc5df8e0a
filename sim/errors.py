"""The errors that the package raises, and how a near miss is suggested.

    SimError
    ├── DefinitionError     the author's fault: a world, persona or option that cannot be used
    ├── ModelError          a model could not be reached or gave no usable answer
    │   └── BudgetError     the next call could exceed what the run may spend
    ├── MismatchError       a recorded answer does not fit what is asked now
    └── RunLogError         a log that cannot be read, or was changed

Only the command line catches ``SimError``; it prints the message and exits 2 (3 for ``ModelError``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from rapidfuzz import fuzz, process


class SimError(Exception):
    """Whatever a person can put right; the message says what, where and how."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file, with the place and a stable code.

    With an ``error`` the file cannot be used; with a ``warning`` it can, but something in it makes no sense.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"

    @property
    def suggestion(self) -> str:
        """What would be right: what a message says after its first semicolon; empty where it says nothing."""
        return self.message.partition("; ")[2]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, line by line; those of a ``world.yaml`` first, for what is wrong there shows elsewhere."""
    order = sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message))
    return tuple(sorted(order, key=lambda p: not p.file.endswith("world.yaml")))


class DefinitionError(SimError):
    """A world, a persona or an option cannot be used; holds every problem found."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> DefinitionError:
        """Make one error of many problems, a line each, in the order of the files."""
        ordered = in_order(problems)
        return cls("\n".join(str(p) for p in ordered), ordered)


class ModelError(SimError):
    """A model could not be reached, or answered with something that is no answer.

    ``spent`` are the answers that were paid for and were of no use; they are logged before the run stops.
    """

    def __init__(self, message: str, spent: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.spent = spent


class BudgetError(ModelError):
    """The next call could take a run beyond its budget, so it stopped before it; it can be resumed with more."""


class MismatchError(SimError):
    """A recorded answer was asked for with another prompt, or there is none; ``spent`` is as in ``ModelError``."""

    def __init__(self, message: str, spent: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.spent = spent


class RunLogError(SimError):
    """A run log that cannot be read, or that is not what was written.

    ``record`` is the sequence number of the first record that is wrong, if one can be named.
    """

    def __init__(self, message: str, record: int | None = None) -> None:
        super().__init__(message)
        self.record = record


CHINESE_SIGNS = {
    "，": ",", "：": ":", "；": ";", "（": "(", "）": ")", "【": "[", "】": "]", "｛": "{", "｝": "}",
    "“": '"', "”": '"', "‘": "'", "’": "'", "＞": ">", "＜": "<", "＝": "=", "！": "!", "、": ",", "\u3000": " ",
}  # fmt: skip
"""Signs of Chinese typing, and those that are meant where a file is read."""


def half_width(text: str) -> str:
    """A text with its full-width letters, digits, signs and blanks as plain ones."""
    return "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else " " if c == "\u3000" else c for c in text)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant; None where none is near."""
    names = sorted({str(k) for k in known})
    match = process.extractOne(str(name), names, scorer=fuzz.ratio, score_cutoff=60)
    return str(match[0]) if match else _closest_of_two(str(name), names)


def _closest_of_two(name: str, names: list[str]) -> str | None:
    """Of names of two Chinese characters, the only one that shares one with the name, in its place."""
    if len(name) != 2 or name.isascii():
        return None
    near = [n for n in names if len(n) == 2 and not n.isascii() and (n[0] == name[0]) != (n[1] == name[1])]
    return near[0] if len(near) == 1 else None


def did_you_mean(name: str, known: Iterable[str], last: Collection[str] = ()) -> str:
    """Say which known name was probably meant, and which there are: ``; did you mean 'doctor'? known: …``.

    Those that are named ``last`` are shown after the others, of which there may be too many to show.
    """
    names = sorted({str(k) for k in known}, key=lambda n: (n in last, n))
    if not names:
        return ""
    sign = next((c for c in str(name) if c in CHINESE_SIGNS and c.strip()), None)
    match = closest(name, names)
    hint = f"; did you mean '{match}'?" if match else ""
    if sign is not None:
        hint = f"; write '{CHINESE_SIGNS[sign]}' for the Chinese '{sign}';"
    elif "#" in str(name):
        hint = "; a comment needs a blank before '#';"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"{hint} known: {shown}" if hint else f"; known: {shown}"


def listed(names: Iterable[str]) -> str:
    """Names in a row, for messages: ``'a', 'b' and 'c'``."""
    given = [f"'{name}'" for name in names]
    return " and ".join(part for part in (", ".join(given[:-1]), given[-1] if given else "") if part)


def brief(text: object, most: int = 100) -> str:
    """A text on one line, cut after so many characters, for messages."""
    line = " ".join(part.strip() for part in str(text).splitlines()) if "\n" in str(text) else str(text)
    return line if len(line) <= most else f"{line[:most]}…"
