"""The folder of results: rows in the order of the cells, written as they come, and found again after a stop."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from sim.errors import DefinitionError, RunLogError
from sim.models.prices import EXACT
from sim.record.lock import lock
from sim.sweep.calls import Ledger
from sim.sweep.cells import count
from sim.sweep.plan import Plan
from sim.sweep.rows import Done
from sim.sweep.worker import PARTS

ROWS = "results.jsonl"
EXPERIMENT = "experiment.json"

AHEAD = 2_000
"""How far a cell may be ahead of the first that is not written: rows wait in memory for their turn."""


class Totals:
    """The sums of an experiment: what its rows say, and what was paid for, without answers from a cache.

    ``unmarked`` are the episodes to which the judge gave no mark.
    """

    def __init__(self) -> None:
        self.by_status: Counter[str] = Counter()
        self.tokens = 0
        self.cost: dict[str, Decimal] = {}
        self.paid_tokens = 0
        self.paid: dict[str, Decimal] = {}
        self.unmarked = 0

    def add(self, done: Done) -> None:
        """Count a cell."""
        self.by_status[done.status] += 1
        self.tokens += done.tokens
        self.paid_tokens += done.paid_tokens
        self.unmarked += done.unmarked
        for sums, costs in ((self.cost, done.cost), (self.paid, done.paid_cost)):
            for currency, amount in costs:
                sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)


class Results:
    """Writes the rows of an experiment; one writer at a time.

    Life: :meth:`open` reads what is there, :meth:`put` takes the rows in any order, :meth:`close` ends it.
    """

    def __init__(
        self,
        folder: Path,
        file: IO[bytes],
        written: int,
        totals: Totals,
        cells: int,
        ledger: Ledger | None = None,
    ) -> None:
        self.folder = folder
        self.written = written
        self.totals = totals
        self._file = file
        self._cells = cells
        self._ledger = ledger
        self._waiting: dict[int, Done] = {}

    @classmethod
    def open(cls, folder: Path, plan: Plan, *, resume: bool) -> Results:
        """Begin in an empty folder, or go on where the last whole row ends.

        Rows that were over the budget are left out again, with all behind them: the budget may be another now. What
        the judge was asked for them is kept, and not asked again.

        Raises:
            DefinitionError: if the folder has results and ``resume`` is not set, or is of another experiment.
            RunLogError: if it cannot be written, or another process writes it.
        """
        known = _known(folder)
        if known is not None and not resume:
            raise DefinitionError(
                f"{folder} has results already; --resume goes on with them, --out writes elsewhere"
            )
        if known is None and folder.exists() and any(folder.iterdir()) and not resume:
            raise DefinitionError(f"{folder} is not empty; --out writes elsewhere")
        if known is not None:
            _check_same(folder, known, plan)
        try:
            (folder / PARTS).mkdir(parents=True, exist_ok=True)
            file = (folder / ROWS).open("a+b", buffering=0)
            lock(file, folder / ROWS)
            if known is None:
                _write_whole(folder / EXPERIMENT, plan.described())
        except OSError as error:
            raise RunLogError(f"cannot write {folder}: {error.strerror}") from None
        totals = Totals()
        written, size = _kept(file, totals)
        try:
            # First: while the rows behind the last that stays are there, so are all of their calls.
            ledger = Ledger(folder, written) if plan.spec.judge is not None else None
        except OSError as error:
            raise RunLogError(f"cannot write {folder}: {error.strerror}") from None
        file.truncate(size)
        return cls(folder, file, written, totals, count(plan), ledger)

    def put(self, done: Done) -> None:
        """Take the row of a cell, and write all whose turn has come.

        Raises:
            RunLogError: if they cannot be written.
        """
        self.totals.add(done)
        self._waiting[done.cell] = done
        ready = []
        while self.written in self._waiting:
            ready.append(self._waiting.pop(self.written))
            self.written += 1
        try:
            if self._ledger is not None:
                self._ledger.put(b"".join(each.calls for each in ready))
            data = memoryview(b"".join(each.line for each in ready))
            while data:
                data = data[self._file.write(data) :]
            if self._ledger is not None:
                self._ledger.forget(each.cell for each in ready if each.calls)
        except OSError as error:
            raise RunLogError(f"cannot write {self.folder / ROWS}: {error.strerror}") from None

    def close(self) -> None:
        """Close the files; logs of runs that were not ended stay until all cells are done."""
        if self.written == self._cells:
            shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        if self._ledger is not None:
            self._ledger.close()
        self._file.close()


def _kept(file: IO[bytes], totals: Totals) -> tuple[int, int]:
    """How many rows stay, and how many bytes they have; a torn row and all behind it do not."""
    file.seek(0)
    written = size = 0
    with os.fdopen(os.dup(file.fileno()), "rb") as reading:
        for line in reading:
            try:
                row = json.loads(line)
                judged = row["judged"] or {}
                is_over = "over_budget" in {row["status"], judged.get("status")}
                if not line.endswith(b"\n") or row["cell"] != written or is_over:
                    break
                costs = tuple(_cost(part) for part in (row, judged) if part.get("cost"))
                tokens = (row["tokens"]["total"] if row["tokens"] else 0) + judged.get("tokens", 0)
            except (ValueError, LookupError, TypeError, ArithmeticError):
                break
            unmarked = judged.get("unmarked", 0)
            totals.add(Done(written, b"", row["status"], tokens, costs, *_paid(row), unmarked=unmarked))
            written, size = written + 1, size + len(line)
    return written, size


def _cost(part: Mapping[str, Any]) -> tuple[str, Decimal]:
    return part["currency"] or "USD", Decimal(str(part["cost"]))


def _paid(row: Mapping[str, Any]) -> tuple[int, tuple[tuple[str, Decimal], ...]]:
    """What was paid for a run that is done."""
    paid = row["measured"]["paid"]
    return int(paid["tokens"]), tuple((currency, Decimal(amount)) for currency, amount in paid["cost"].items())


def _known(folder: Path) -> dict[str, Any] | None:
    path = folder / EXPERIMENT
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("decides"), dict):
        raise DefinitionError(f"{path} is no description of an experiment; --out writes elsewhere")
    return found


def _check_same(folder: Path, known: Mapping[str, Any], plan: Plan) -> None:
    if known.get("digest") == plan.digest:
        return
    here = json.loads(json.dumps(plan.decides))
    told = list(_differences(known["decides"], here, ""))
    more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
    why = "; ".join(told[:3]) or "another format"
    raise DefinitionError(f"{folder} has the results of another experiment: {why}{more}; --out writes elsewhere")


def _differences(there: Any, here: Any, path: str) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{path}.{key}" if path else key)
    elif there != here:
        before, after = (_short(json.dumps(value, ensure_ascii=False)) for value in (there, here))
        yield f"{path} was {before} and is {after}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:36]} …"


def _write_whole(path: Path, value: Mapping[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
