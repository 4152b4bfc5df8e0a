"""How the words of two prompts differ, part by part, so that a person can read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

AROUND = 40
"""So many characters are shown on either side of what differs in a line."""

MAX_LINES = 12
"""So many lines of what differs in a part are shown; it says how many more there are."""

WIDTH = 400
"""So many characters of a line are shown."""


@dataclass(frozen=True)
class PartChange:
    """A part of a prompt that is not the same; None where there is none such, or where it is not known any more."""

    part: str
    recorded: str | None
    now: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is gone (``- …``) and what is new (``+ …``), each cut to where it differs."""
        return tuple(_cut_off(_lines(self.recorded or "", self.now or "")))


def changes(recorded: Mapping[str, str], now: Mapping[str, str]) -> tuple[PartChange, ...]:
    """The parts that are not the same in two prompts, in the order of the new one."""
    names = (*now, *(name for name in recorded if name not in now))
    return tuple(PartChange(n, recorded.get(n), now.get(n)) for n in names if recorded.get(n) != now.get(n))


def excerpt(old: str, new: str) -> tuple[str, str]:
    """Two texts cut to where they differ, with some characters around it."""
    most = min(len(old), len(new))
    start = next((i for i in range(most) if old[i] != new[i]), most)
    same = next((i for i in range(most - start) if old[-1 - i] != new[-1 - i]), most - start)
    return _within(old, start, len(old) - same), _within(new, start, len(new) - same)


def _within(text: str, start: int, end: int) -> str:
    first, last = max(0, start - AROUND), min(len(text), end + AROUND)
    first, last = (0 if first < AROUND else first), (len(text) if len(text) - last < AROUND else last)
    return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")


def _lines(old: str, new: str) -> Iterator[str]:
    ours, theirs = old.splitlines(), new.splitlines()
    same = next(
        (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
    )
    ours, theirs = ours[same:], theirs[same:]  # most of a long history is the same: compared for nothing otherwise
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone, come = ours[a:b], theirs[c:d]
        if len(gone) == len(come):
            for was, is_now in zip(gone, come, strict=True):
                left, right = excerpt(was, is_now)
                yield "- " + left
                yield "+ " + right
            continue
        yield from ("- " + line for line in gone)
        yield from ("+ " + line for line in come)


def _cut_off(lines: Iterator[str]) -> Iterator[str]:
    more = 0
    for number, line in enumerate(lines):
        if number < MAX_LINES:
            yield line if len(line) <= WIDTH else line[:WIDTH] + "…"
        else:
            more += 1
    if more:
        yield f"… and {more} more lines"
