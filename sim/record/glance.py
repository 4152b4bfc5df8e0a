"""What a list says of a run: read from the first and the last record of its log alone, where the run has ended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.errors import RunLogError
from sim.record.lines import parsed
from sim.record.log import RunLog
from sim.record.packed import MAX_LINE, reading, unpacked
from sim.record.records import EpisodeEnded, Header, RunEnded, Turn

_TAIL = 64_000
"""Bytes in which the last record of a log is looked for."""


@dataclass(frozen=True)
class Glance:
    """A run as a list has it; ``outcomes`` are those of its episodes, with how many there were of each."""

    header: Header
    outcomes: Mapping[str, int]
    turns: int
    is_complete: bool


def glance(path: Path) -> Glance:
    """Look at a log's beginning and end; where the run has not ended, its turns are counted, and none is read.

    Raises:
        RunLogError: if it is no log, or its last record cannot be read.
    """
    header, end = _ends(path)
    if header is not None and end is not None:
        return Glance(header, end.outcomes, end.turns, is_complete=True)
    log = RunLog.open(path, check=False)
    last = log.records[-1]
    if isinstance(last, RunEnded):
        return Glance(log.header, last.outcomes, last.turns, is_complete=True)
    outcomes = Counter(record.outcome for record in log.records.of(EpisodeEnded))
    return Glance(log.header, outcomes, log.records.how_many(Turn), is_complete=False)


def _ends(path: Path) -> tuple[Header | None, RunEnded | None]:
    """The header and the last record of a plain log whose run has ended; else None."""
    with reading(path):
        file, is_in_place = unpacked(path)
        with file:
            if not is_in_place:
                return None, None
            first = file.readline(MAX_LINE + 1)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            _, before, last = file.read(_TAIL).removesuffix(b"\n").rpartition(b"\n")
    if not before or b'"type":"run_ended"' not in last or len(first) > MAX_LINE:
        return None, None
    try:
        header, end = parsed(path, 0, first), parsed(path, 1, last)
    except RunLogError:
        return None, None
    return (header, end) if isinstance(header, Header) and isinstance(end, RunEnded) else (None, None)
