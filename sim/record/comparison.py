"""Records held against those of a log, each of which must be the one that stands in its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import MismatchError
from sim.record.log import LogWriter, RunLog


class Difference(MismatchError):
    """A record is not the one that the log has in its place; ``record`` is its number."""

    def __init__(self, record: int, reason: str) -> None:
        super().__init__(reason)
        self.record = record


class Comparison:
    """Stands in for a log that is written; what comes after its end goes to ``then``, where there is one.

    That a run was resumed with other models follows from nothing and is taken as the log has it. The first record
    that goes to ``then`` comes after a record ``resumed``, if its fields are given, and with what is ``told``.
    """

    def __init__(
        self,
        log: RunLog,
        then: LogWriter | None = None,
        resumed: Mapping[str, Any] | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self.path: Path | None = then.path if then is not None else None
        self._log = log
        self._then = then
        self._kept = Counter(_told(call.model_dump()) for call in (log.spare if then is not None else ()))
        self._resumed = resumed
        self._told = told
        self.next = 0

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Compare a record and return it.

        Raises:
            Difference: if it is another one than the log has.
        """
        index = self.next
        if index >= len(self._log.records):
            if self._then is not None:
                return self._go_on(self._then, kind, fields, measured)
            raise Difference(index, f"record {index}: missing; here belongs '{kind}'")
        record = compared(self._log, index, kind, fields)
        self.next += 1
        while kind != "run_ended" and self.next < len(self._log.records) and self._is_resumed(self.next):
            self.next += 1
        return record

    def _is_resumed(self, index: int) -> bool:
        return self._log.records[index].type == "resumed"

    def _go_on(
        self, then: LogWriter, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        if self._resumed is not None:
            then.append("resumed", self._resumed)
        told, self._resumed, self._told = self._told or {}, None, None
        return then.append(kind, fields, {**(measured or {}), **told})

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Keep an answer whose place in the log has not come, unless it is kept from before."""
        if self._then is None:
            return
        told = _told(fields)
        if self._kept[told]:
            self._kept[told] -= 1
        else:
            self._then.keep(fields)


def compared(log: RunLog, index: int, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record that is the one which a log has at ``index``.

    Raises:
        Difference: if it is another one.
    """
    record = {"seq": index, "type": kind, **fields}
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")[:-1]
    if log.records.raw(index).startswith(body + b',"hash":"'):  # a key stands once, so nothing of the body is left
        return record
    if body != log.line(index):
        raise Difference(index, _explain(index, record, json.loads(log.line(index) + b"}")))
    return record


def _told(call: Mapping[str, Any]) -> str:
    """A call as it is told apart: by all but what was only measured."""
    needless = {"seq", "type", "hash", "measured"}
    return json.dumps({k: v for k, v in call.items() if k not in needless and v is not None}, sort_keys=True)


def _explain(index: int, wanted: dict[str, Any], found: dict[str, Any]) -> str:
    if wanted["type"] != found["type"]:
        return f"record {index}: is '{found['type']}', but here belongs '{wanted['type']}'"
    for key in [*wanted, *(k for k in found if k not in wanted)]:
        if wanted.get(key) != found.get(key):
            ours, theirs = (json.dumps(r.get(key), ensure_ascii=False)[:120] for r in (wanted, found))
            return f"record {index} ({wanted['type']}): '{key}' is {theirs}, but the world gives {ours}"
    return f"record {index} ({wanted['type']}): is written otherwise than it would be"
