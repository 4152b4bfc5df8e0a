"""A row of ``results.jsonl``: what stands in it for every run, whatever became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sim.sweep.cells import Cell
from sim.sweep.plan import Plan, settled

_UNMEASURED = (
    "episodes", "outcomes", "outcome", "turns", "minutes", "waited", "calls", "refusals", "acts", "valid",
    "breaches", "warnings", "tokens", "cost", "currency", "by_model", "facts",
)  # fmt: skip
_OTHERS = ("personas", "set", "context", "order", "episodes")


@dataclass(frozen=True)
class Done:
    """A cell that is done: its line of the results, and what the sums need of it.

    ``tokens`` and ``cost`` are what was recorded, ``paid_tokens`` and ``paid_cost`` what was paid for now, those of
    the judge with them. ``calls`` are the lines of the judge's ledger, ``unmarked`` the episodes that it did not
    mark.
    """

    cell: int
    line: bytes
    status: str
    tokens: int = 0
    cost: tuple[tuple[str, Decimal], ...] = ()
    paid_tokens: int = 0
    paid_cost: tuple[tuple[str, Decimal], ...] = ()
    calls: bytes = b""
    unmarked: int = 0


def log_name(cell: int) -> str:
    """The name of a run's log, in the folder of the results."""
    return f"runs/{cell:06}.jsonl.zst"


def first_part(plan: Plan, cell: Cell, world: str, language: str, models: Mapping[str, str]) -> dict[str, Any]:
    """The keys of a row that say what was played."""
    said = settled(cell.arm)
    return {
        "cell": cell.cell,
        "arm": cell.arm.name,
        "block": cell.block,
        "seed": cell.seed,
        "repeat": cell.repeat,
        "rotation": cell.rotation,
        "world": world,
        "variant": plan.stages[cell.arm.stage].variant,
        "lang": language,
        "models": dict(models),
        "settings": {key: said[key] for key in _OTHERS},
    }


def row_of(
    first: Mapping[str, Any],
    status: str,
    error: str | None,
    measured: Mapping[str, Any] | None,
    last: Mapping[str, Any],
) -> dict[str, Any]:
    """A whole row; what was not measured is null."""
    return {
        **first,
        "status": status,
        "error": error,
        **(measured if measured is not None else dict.fromkeys(_UNMEASURED)),
        **{key: last.get(key) for key in ("measures", "judged", "seats", "trace", "log", "measured")},
    }


def line_of(row: Mapping[str, Any]) -> bytes:
    """A row as it is written."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    return text.encode("utf-8", "replace") + b"\n"
