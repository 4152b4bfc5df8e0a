"""What was measured: a row for each run, kept as JSON, as CSV, and as experiments that `sim compare` reads."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.planted import row, write
from bench.selection.judge import Verdict
from bench.selection.server import Count
from sim.errors import DefinitionError
from sim.models.prices import Price
from sim.record.records import Usage

ARMS = ("auto", "round_robin", "function", "ours", "ours_whole")
"""AutoGen's two ways, a hand-written function, ours; and ours with all that was heard in each prompt."""


@dataclass(frozen=True)
class Result:
    """One run.

    ``selecting`` and ``speaking`` have the calls and the tokens for choosing who speaks and for speaking; ``cost``
    is in the currency of the price, ``reliability`` None where a real model answered.
    """

    rounds: int
    reliability: float | None
    arm: str
    seed: int
    outcome: str
    kept: bool
    reached: bool
    broken: tuple[str, ...]
    turns: int
    out_of_place: int
    early: int
    selecting: Mapping[str, int]
    speaking: Mapping[str, int]
    cost: float
    failures: int = 0

    @property
    def calls(self) -> int:
        """All calls."""
        return self.selecting["calls"] + self.speaking["calls"]

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.prompt + self.completion

    @property
    def prompt(self) -> int:
        """All prompt tokens."""
        return self.selecting["prompt"] + self.speaking["prompt"]

    @property
    def completion(self) -> int:
        """All completion tokens."""
        return self.selecting["completion"] + self.speaking["completion"]


def result(
    cell: tuple[int, float | None, str, int], verdict: Verdict, count: Count, price: Price | None, failures: int = 0
) -> Result:
    """The row of a run: its rounds, reliability, arm and seed, what came of it, and what it took."""
    counts = count.as_json()
    usage = Usage(
        prompt=count.selecting.prompt + count.speaking.prompt,
        completion=count.selecting.completion + count.speaking.completion,
        is_estimated=True,
    )
    cost = price.cost(usage) if price is not None else Decimal(0)
    return Result(
        *cell, verdict.outcome, verdict.kept, verdict.reached, tuple(sorted(verdict.broken)), verdict.turns,
        verdict.out_of_place, verdict.early, counts["selecting"], counts["speaking"], round(float(cost), 6),
        failures,
    )  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """All runs of a command; ``about`` says which it was, in which language, and whose price was taken."""

    about: Mapping[str, str]
    results: tuple[Result, ...]

    def of(self, reliability: float | None, rounds: int, arm: str) -> tuple[Result, ...]:
        """The runs of an arm, one for each seed."""
        cell = (reliability, rounds, arm)
        return tuple(r for r in self.results if (r.reliability, r.rounds, r.arm) == cell)

    @property
    def reliabilities(self) -> list[float | None]:
        """How reliable speakers were, the most reliable first."""
        return sorted({r.reliability for r in self.results}, key=lambda r: -(r or 0))

    @property
    def rounds(self) -> list[int]:
        """How long the visits were."""
        return sorted({r.rounds for r in self.results})

    @property
    def arms(self) -> list[str]:
        """The arms that were played."""
        return [arm for arm in ARMS if any(r.arm == arm for r in self.results)]


def save(measured: Measured, folder: Path) -> None:
    """Write ``results.json``, ``results.csv``, and a folder for each cell that `sim compare` reads.

    Raises:
        DefinitionError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [asdict(r) for r in measured.results]
        text = ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
        about = json.dumps(dict(measured.about), ensure_ascii=False, indent=1)
        (folder / "results.json").write_text(f'{{"about": {about},\n"runs": [\n{text}\n]}}\n', encoding="utf-8")
        with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(_flat(rows[0])))
            table.writeheader()
            table.writerows(map(_flat, rows))
        for reliability in measured.reliabilities:
            for rounds in measured.rounds:
                name = f"r{rounds}" + (f"-{reliability:g}" if reliability is not None else "")
                write(folder / name, list(_rows(measured, reliability, rounds)), name)
    except OSError as error:
        raise DefinitionError(f"cannot write {folder}: {error.strerror}") from None


def read(path: Path) -> Measured:
    """Read ``results.json``.

    Raises:
        DefinitionError: if it is not there, or is something else.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        runs = tuple(Result(**{**run, "broken": tuple(run["broken"])}) for run in given["runs"])
        return Measured(given["about"], runs)
    except OSError as error:
        raise DefinitionError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise DefinitionError(f"{path}: no results of this benchmark") from None


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in run.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}_{inner}": v for inner, v in value.items()}
        else:
            flat[name] = "; ".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    return flat


def _rows(measured: Measured, reliability: float | None, rounds: int) -> Iterable[dict[str, Any]]:
    """The runs of a cell as rows of a sweep."""
    runs = [r for arm in measured.arms for r in measured.of(reliability, rounds, arm)]
    for cell, run in enumerate(runs):
        tokens = {"prompt": run.prompt, "completion": run.completion, "total": run.tokens}
        told = {"kept": run.kept, "reached": run.reached, "selection_calls": run.selecting["calls"],
                "out_of_place": run.out_of_place, "early": run.early}  # fmt: skip
        yield row(
            cell, run.arm, run.seed, world="hospital_visit", outcome=run.outcome, outcomes={run.outcome: 1},
            turns=run.turns, calls=run.calls, tokens=tokens, cost=run.cost, breaches=len(run.broken), measures=told,
            minutes=None, acts=None, valid=None, refusals=None,
            log=None, trace=None, models={"*": measured.about.get("model", "scripted")},
        )  # fmt: skip
