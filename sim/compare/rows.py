"""The rows of a sweep's ``results.jsonl``, one for each run, and the folder they stand in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sim.errors import DefinitionError, SimError, did_you_mean

RESULTS = "results.jsonl"
EXPERIMENT = "experiment.json"

Value = bool | int | float | str | None
"""A fact at the end of a run, or what a function measured; what is neither is left out."""


class Tokens(BaseModel):
    """Tokens of a run."""

    prompt: int = 0
    completion: int = 0
    total: int


class Seat(BaseModel):
    """Who sat on a seat of a game: the model, the card that was dealt, and whether its side won."""

    model: str
    card: str | None = None
    won: bool | None = None


class Judged(BaseModel):
    """The mark that a model gave; ``unmarked`` are episodes without one."""

    score: float | None = None
    unmarked: int = 0
    criteria: dict[str, float | None] | None = None
    judges: dict[str, float | None] | None = None


class Row(BaseModel):
    """A run, as far as it is compared; other keys of the row are not read."""

    cell: int
    arm: str
    block: int
    seed: int
    repeat: int = 0
    rotation: int = 0
    world: str | None = None
    variant: str | None = None
    lang: str | None = None
    models: dict[str, Any] | None = None
    status: str
    error: str | None = None
    episodes: int | None = None
    outcomes: dict[str, int] | None = None
    outcome: str | None = None
    turns: int | None = None
    minutes: float | None = None
    waited: float | None = None
    calls: int | None = None
    refusals: int | None = None
    acts: int | None = None
    valid: float | None = None
    breaches: int | None = None
    warnings: int | None = None
    tokens: Tokens | None = None
    cost: float | None = None
    currency: str | None = None
    facts: dict[str, Any] | None = None
    measures: dict[str, Any] | None = None
    judged: Judged | None = None
    seats: dict[str, Seat] | None = None
    trace: str | None = None
    log: str | None = None

    @property
    def is_measured(self) -> bool:
        """Whether the run was played to its end and stands for its arm: done, or failed by a rule that it broke."""
        is_broken = self.status == "failed" and bool(self.breaches) and self.trace is not None
        return self.status == "done" or is_broken


class ResultsError(SimError):
    """Results that cannot be read, or that are not those of one experiment."""


@dataclass(frozen=True)
class Folder:
    """A results folder: its file of rows, and what its ``experiment.json`` says.

    ``arms`` is empty and ``cells`` None where it says nothing, or is not there.
    """

    path: Path
    name: str
    arms: tuple[str, ...] = ()
    cells: int | None = None

    @property
    def root(self) -> Path:
        """The folder of the file, from which the logs of the rows are named."""
        return self.path.parent


def open_folder(path: Path) -> Folder:
    """The results in a folder, or in a file of rows.

    Raises:
        DefinitionError: if there are none.
        ResultsError: if the ``experiment.json`` beside them cannot be read.
    """
    if path.is_dir():
        file = path / RESULTS
        if not file.is_file():
            near = sorted(p.parent.name for p in path.glob(f"*/{RESULTS}"))
            hint = f"; there are results in {', '.join(near[:5])}" if near else "; 'sim sweep' writes one"
            raise DefinitionError(f"{path}: no {RESULTS} in this folder{hint}")
    elif path.exists():
        file = path
    else:
        folder = path.parent if path.parent.is_dir() else Path()
        known = [p.parent.name for p in folder.glob(f"*/{RESULTS}")]
        raise DefinitionError(f"{path}: there are no such results{did_you_mean(path.name, known)}")
    about = file.parent / EXPERIMENT
    name = file.parent.resolve().name
    return _described(file, about, name) if about.is_file() else Folder(file, name)


def _described(file: Path, about: Path, name: str) -> Folder:
    try:
        found = json.loads(about.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ResultsError(f"{about}: cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise ResultsError(f"{about}: not the description of an experiment")
    decides, given, cells = found.get("decides"), found.get("experiment"), found.get("cells")
    arms = decides.get("arms") if isinstance(decides, dict) else None
    return Folder(
        file,
        given if isinstance(given, str) else name,
        tuple(arms) if isinstance(arms, dict) else (),
        cells if isinstance(cells, int) else None,
    )


class Rows:
    """The rows of a folder, one by one; ``torn`` says, after them, that the last one was cut off."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.torn = False
        self._cells: set[int] = set()
        self._blocks: dict[int, tuple[int, int]] = {}

    def __iter__(self) -> Iterator[Row]:
        """Read the rows.

        Raises:
            ResultsError: for a line that is no row, a cell that stands there twice, or a row of another experiment;
                or if the file cannot be read.
        """
        try:
            file = self.folder.path.open("rb")
        except OSError as error:
            raise ResultsError(f"{self.folder.path}: cannot be read: {error.strerror}") from None
        with file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                place = f"{self.folder.path}:{number}"
                try:
                    row = Row.model_validate_json(line.rstrip(b"\r\n"))
                except ValidationError as error:
                    if not line.endswith(b"\n") and number > 1:
                        self.torn = True
                        return
                    raise ResultsError(_why(place, error)) from None
                self._check(place, row)
                yield row

    def _check(self, place: str, row: Row) -> None:
        known = self.folder.arms
        if known and row.arm not in known:
            raise ResultsError(
                f"{place}: a row of another experiment: {EXPERIMENT} has no arm '{row.arm}'"
                f"{did_you_mean(row.arm, known)}"
            )
        if self.folder.cells is not None and not 0 <= row.cell < self.folder.cells:
            raise ResultsError(
                f"{place}: a row of another experiment: cell {row.cell}, and {EXPERIMENT} has {self.folder.cells}"
            )
        if row.cell in self._cells:
            raise ResultsError(f"{place}: cell {row.cell} stands there twice; a run is counted once")
        self._cells.add(row.cell)
        seed = self._blocks.setdefault(row.block, (row.seed, row.repeat))
        if seed != (row.seed, row.repeat):
            raise ResultsError(
                f"{place}: a row of another experiment: block {row.block} has seed {row.seed}, repeat {row.repeat} "
                f"here, and seed {seed[0]}, repeat {seed[1]} above"
            )


def _why(place: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid":
        return (
            f"{place}: not a row of a sweep: {first['msg'].removeprefix('Invalid JSON: ').replace('line 1 ', '')}"
        )
    if first["type"] == "missing":
        return f"{place}: not a row of a sweep: '{where}' is missing"
    return f"{place}: not a row of a sweep: {f'{where}: ' if where else ''}{first['msg'].lower()}"
