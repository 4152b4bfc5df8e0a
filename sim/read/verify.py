"""Verification: the chain of hashes, and the run played again on its recorded answers, record for record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.outside import FromLog
from sim.models.recorded import Recorded
from sim.record.log import RunLog
from sim.record.records import FORMAT
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.library import revive

OLDEST = 2
"""The oldest format that can be played again."""

_OLD = f"this version writes format {FORMAT} and cannot play it again; it can be replayed, shown and priced"


@dataclass(frozen=True)
class Verdict:
    """Whether a log is what its world gives for its recorded answers; if not, where and why."""

    ok: bool
    turns: int
    trace: str
    record: int | None = None
    reason: str = ""


class _Difference(Exception):
    def __init__(self, record: int, reason: str) -> None:
        super().__init__(reason)
        self.record = record


class _Comparison:
    """Stands in for a log that is written: each record must be the one that the log has in its place."""

    def __init__(self, log: RunLog) -> None:
        self.path: Path | None = None
        self._log = log
        self.next = 0

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        index = self.next
        if index >= len(self._log.records):
            raise _Difference(index, f"record {index}: missing; here belongs '{kind}'")
        record = {"seq": index, "type": kind, **fields}
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")[:-1]
        if body != self._log.line(index):
            raise _Difference(index, _explain(index, record, json.loads(self._log.line(index) + b"}")))
        self.next += 1
        return record


def _explain(index: int, wanted: dict[str, Any], found: dict[str, Any]) -> str:
    if wanted["type"] != found["type"]:
        return f"record {index}: is '{found['type']}', but here belongs '{wanted['type']}'"
    for key in [*wanted, *(k for k in found if k not in wanted)]:
        if wanted.get(key) != found.get(key):
            ours, theirs = (json.dumps(r.get(key), ensure_ascii=False)[:120] for r in (wanted, found))
            return f"record {index} ({wanted['type']}): '{key}' is {theirs}, but the world gives {ours}"
    return f"record {index} ({wanted['type']}): is written otherwise than it would be"


def verify(log: RunLog) -> Verdict:
    """Check that no record was changed, and that the run gives the same records when played again.

    The world is the one in the log, the answers are the recorded ones; nothing is called. A log without an end
    (an interrupted run, or one that was cut) is not whole, and the verdict says so.
    """
    turns = sum(record.type == "turn" for record in log.records)

    def no(record: int | None, reason: str) -> Verdict:
        return Verdict(False, turns, log.trace, record, reason)

    try:
        log.check_chain()
        if log.header.format < OLDEST:
            return no(
                0, f"record 0: format {log.header.format}, from an older version: no record was changed, but {_OLD}"
            )
        comparison = _Comparison(log)
        run = _again(log, comparison)
    except RunLogError as error:
        return no(error.record, str(error))
    except DefinitionError as error:
        return no(0, f"record 0: its world cannot be used: {error}")
    try:
        run.play()
    except _Difference as difference:
        if difference.record >= len(log.records):
            return no(difference.record, _cut(log))
        return no(difference.record, str(difference))
    except MismatchError as error:
        if comparison.next == len(log.records):
            return no(comparison.next, _cut(log))
        return no(comparison.next, f"record {comparison.next}: {error}")
    if comparison.next < len(log.records):
        return no(comparison.next, f"record {comparison.next}: does not belong here; the run had ended")
    return Verdict(True, turns, log.trace)


def _cut(log: RunLog) -> str:
    last = len(log.records) - 1
    torn = ", and its last line is torn" if log.is_torn else ""
    return f"record {last + 1}: missing; the run was interrupted or the log was cut{torn}; what is there verifies"


def _again(log: RunLog, comparison: _Comparison) -> Run:
    header = log.header
    world = revive(header.resolved, header.variant)
    if world.digest != header.digest:
        raise RunLogError("record 0: the world is not the one that its digest names", 0)
    if set(header.models) != set(speakers(world)):
        raise RunLogError("record 0: the models are not those of the world's roles", 0)
    if not world.is_language(header.language):
        raise RunLogError("record 0: its language is not the world's", 0)
    models = {
        role: Recorded(log.records, str(description.get("name", "")), description)
        for role, description in header.models.items()
    }
    settings = settings_for(
        world, seed=header.seed, language=header.language, facts=header.facts, opening=header.opening
    )
    return Run(world, settings, models, comparison, outside=FromLog(log.records), log_format=header.format)
