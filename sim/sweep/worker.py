"""What plays the cells in one process: worlds are compiled once and kept, models are made here."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from backports import zstd

from sim.errors import BudgetError, DefinitionError, MismatchError, ModelError, RunLogError
from sim.models import catalog
from sim.models.budget import Budget
from sim.models.cache import Cache, Use
from sim.models.model import Model
from sim.models.scripted import Scripted
from sim.record.lines import loads
from sim.record.log import LogWriter, RunLog, spare_path
from sim.stage.casting import EVERYONE, models_for, speakers
from sim.stage.providers import Providers, cache_for
from sim.stage.resume import resumed, spent_of
from sim.stage.run import Run, Settings, settings_for, settings_of
from sim.sweep.asking import prompts_of
from sim.sweep.calls import Calls, kept_name
from sim.sweep.cells import Cell, cell_at, seated
from sim.sweep.checking import model_name, seats_of
from sim.sweep.judging import Judging, Verdict
from sim.sweep.measuring import Meter, Spent, is_paid
from sim.sweep.plan import Plan
from sim.sweep.rows import Done, first_part, line_of, log_name, row_of
from sim.world.expressions import Compiled
from sim.world.fields import Money
from sim.world.kinds import one_line
from sim.world.world import World

PARTS = "runs/.part"
"""Where logs are while they are written, in the folder of the results: ``CELL.PROCESS/CELL.jsonl``."""

_PACKED = 3
"""The level of ``zstd``: a game's log of 95 kB takes a thousandth of a second; higher ones gain little."""


@dataclass(frozen=True)
class Job:
    """A cell to be played; ``tokens`` and ``cost`` are what it may take at most.

    With ``is_again`` it may have been begun before: a whole log that is there is measured, not played again, and
    one that was broken off is gone on with. ``is_over`` says that the budget is used up, so that it is not begun.
    """

    cell: int
    tokens: int | None = None
    cost: Money | None = None
    is_again: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class _Hall:
    """A world and what is measured in it."""

    world: World
    measures: Mapping[str, Compiled]


_Played = tuple[Meter, Path, Exception | None]
"""What was measured of a run, its log, and what stopped it before its end, if something did."""


class Unpaid(Scripted):
    """The script in an experiment: what it would take of a model is no part of the budget."""

    keeps_budget = True


class Worker:
    """Plays cells of one experiment; ``number`` is told with what it measured.

    ``process`` tells it from all others that write into the folder; ``listed`` are the models, if they are not read
    from the file of the plan.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        number: int = 1,
        cache: Use = "off",
        *,
        process: str | None = None,
        listed: catalog.Catalog | None = None,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._number = number
        self._use = cache
        self._caches: dict[int, Cache | None] = {}
        self._halls: dict[int, _Hall] = {}
        listed = listed if listed is not None else catalog.load(plan.models_file)
        self._providers = Providers(listed, _made={Scripted.name: Unpaid()})
        self._functions: dict[str, Callable[..., Any]] | None = None
        # By process: where a sweep was killed, a run of its workers may still go on while it is resumed.
        self._process = process if process is not None else str(os.getpid())

    def check_models(self) -> None:
        """Check that all models of the experiment can be asked from here.

        Raises:
            DefinitionError: if not, as where a key is not in the environment.
        """
        for name in self._plan.decides["models"]:
            self._providers.model(name)

    def play(self, job: Job) -> Done:
        """Play a cell, or measure its log if it was played before.

        Raises:
            RunLogError: if a log cannot be written.
        """
        cell = cell_at(self._plan, job.cell)
        began = time.perf_counter()
        meter = self._meter(cell)
        path = self._folder / log_name(job.cell)
        if job.is_over:
            return self._done(cell, meter, None, "over_budget", "not begun: it might take more than is left")
        if job.is_again and path.is_file() and _measure(path, meter) and meter.is_complete:
            return self._done(cell, meter, None, *_status(meter, None), self._judged(cell, job, meter))
        meter, part, error = self._gone_on(cell, job) or self._played(cell, job)
        for call in _spare(part):
            meter.paid.add(call)
        _pack(part, path)
        seconds = time.perf_counter() - began
        return self._done(cell, meter, seconds, *_status(meter, error), self._judged(cell, job, meter))

    def lost(self, number: int, error: str) -> Done:
        """The row of a cell that no worker could bring to its end."""
        cell = cell_at(self._plan, number)
        return self._done(cell, self._meter(cell), None, "failed", error)

    def _meter(self, cell: Cell) -> Meter:
        hall = self._hall(cell.arm.stage)
        return Meter(hall.world, self._plan.spec, hall.measures)

    def _hall(self, stage: int) -> _Hall:
        if stage not in self._halls:
            world = self._plan.stages[stage].world()
            measures = {n: Compiled(text, world.vocabulary) for n, text in self._plan.spec.measure.items()}
            self._halls[stage] = _Hall(world, measures)
        return self._halls[stage]

    def _settings(self, cell: Cell) -> Settings:
        world, setting = self._hall(cell.arm.stage).world, cell.arm.setting
        return settings_for(
            world, seed=cell.seed, language=setting.lang, facts=setting.set_ or {}, episodes=setting.episodes
        )

    def _cast(self, cell: Cell) -> dict[str, Model]:
        world = self._hall(cell.arm.stage).world
        said = {EVERYONE: Scripted.name, **(cell.arm.setting.model or {})}
        given = {name: self._providers.model(m) for name, m in said.items()}
        given |= {seat: self._providers.model(m) for seat, m in self._seated(cell, world).items()}
        return models_for(world, given, seed=cell.seed)

    def _seated(self, cell: Cell, world: World) -> dict[str, str]:
        rotate = self._plan.spec.rotate
        return seated(rotate.models, seats_of(world, rotate.role), cell.rotation) if rotate is not None else {}

    def _gone_on(self, cell: Cell, job: Job) -> _Played | None:
        """Go on with a log of the cell that a worker left; None where there is none that it can go on with."""
        if not job.is_again:
            return None
        for part in sorted((self._folder / PARTS).glob(f"{job.cell:06}.*/*.jsonl"), key=_size, reverse=True):
            error: Exception | None = None
            try:
                log = RunLog.open(part)
                if not log.is_complete:
                    with LogWriter.after(log) as then:  # nobody else writes it
                        self._resumed(cell, job, log, then).play()
            except (MismatchError, RunLogError):
                _remove(part)  # so a process that may still write it does not put it in its place either
                continue
            except (DefinitionError, ModelError, RecursionError) as stopped:
                error = stopped
            meter = self._meter(cell)
            if _measure(part, meter):
                return meter, part, error
            _remove(part)
        return None

    def _resumed(self, cell: Cell, job: Job, log: RunLog, then: LogWriter) -> Run:
        world, cast = self._hall(cell.arm.stage).world, self._cast(cell)
        described = {agent: dict(cast[agent].description) for agent in speakers(world)}
        if (settings_of(world, log.header), log.header.models) != (self._settings(cell), described):
            raise MismatchError(f"{log.path} is of another run than cell {cell.cell}")
        budget = _budget(job, **spent_of(log))
        return resumed(log, world, cast, then, cache=self._cache(cell.repeat), budget=budget)

    def _played(self, cell: Cell, job: Job) -> _Played:
        """Play the cell into a log."""
        world, meter = self._hall(cell.arm.stage).world, self._meter(cell)
        part = self._folder / PARTS / f"{job.cell:06}.{self._process}" / f"{job.cell:06}.jsonl"
        _remove(part)
        try:
            settings, cast, budget = self._settings(cell), self._cast(cell), _budget(job)
            with LogWriter(part) as log:
                Run(world, settings, cast, log, meter.take, cache=self._cache(cell.repeat), budget=budget).play()
        except (DefinitionError, ModelError, MismatchError, RecursionError) as error:
            return meter, part, error
        return meter, part, None

    def _cache(self, repeat: int) -> Cache | None:
        """The cache of a repeat: each has one of its own, or all repeats would have the same answers."""
        if repeat not in self._caches:
            plain = cache_for(self._use)
            if plain is not None and repeat:
                plain = cache_for(self._use, plain.path.with_name(f"{plain.path.stem}-repeat-{repeat}.sqlite"))
            self._caches[repeat] = plain
        return self._caches[repeat]

    def _judged(self, cell: Cell, job: Job, meter: Meter) -> Verdict | None:
        """What the judge says of a run that was played to its end; None without one."""
        judge = self._plan.spec.judge
        if judge is None or not meter.is_complete:
            return None
        log, calls = RunLog.open(self._folder / log_name(cell.cell)), Calls(self._folder / kept_name(cell.cell))
        models = {name: self._providers.model(name) for name in judge.model}
        cache = self._cache(cell.repeat)
        budget = _left(job, meter.paid, calls.before)
        judging = Judging(judge, models, cell.cell, cell.seed, log.header.language, calls, cache, budget)
        world = self._halls[cell.arm.stage].world
        return judging.verdict(prompts_of(judge, log.header, log.records, world))

    def _done(
        self,
        cell: Cell,
        meter: Meter,
        seconds: float | None,
        status: str,
        error: str | None,
        verdict: Verdict | None = None,
    ) -> Done:
        world = self._halls[cell.arm.stage].world
        setting, path = cell.arm.setting, self._folder / log_name(cell.cell)
        seated_there = self._seated(cell, world)
        models = {a: seated_there.get(a) or model_name(world, setting, a) for a in speakers(world)}
        language = setting.lang or world.spec.languages[0]
        measures, wrong = self._measured(path) if meter.is_complete else (None, None)
        if wrong is not None:
            status, error = "failed", wrong
        spent, paid = _both(meter, verdict)
        row = row_of(
            first_part(self._plan, cell, world.name, language, models),
            status,
            one_line(error)[:500] if error is not None else None,
            meter.row() if meter.trace else None,
            {
                "measures": measures,
                "judged": verdict.row if verdict is not None else None,
                "seats": meter.seats(setting, models),
                "trace": meter.trace if meter.is_complete else None,
                "log": log_name(cell.cell) if path.is_file() else None,
                "measured": {
                    "seconds": round(seconds, 4) if seconds is not None else None,
                    "worker": self._number,
                    "hits": meter.hits + (verdict.hits if verdict is not None else 0),
                    "paid": {
                        "tokens": paid.tokens.total(),
                        "cost": {c: format(amount, "f") for c, amount in paid.total.items()},
                    },
                },
            },
        )
        return Done(
            cell.cell, line_of(row), status,
            spent.tokens.total(), tuple(spent.total.items()),
            paid.tokens.total(), tuple(paid.total.items()),
            *((verdict.lines, verdict.row["unmarked"]) if verdict is not None else ()),
        )  # fmt: skip

    def _measured(self, path: Path) -> tuple[dict[str, Any] | None, str | None]:
        """What the experiment's functions say of a log, and what is wrong with one of them."""
        if not self._plan.functions:
            return None, None
        if self._functions is None:
            loaded = {code: code.load() for code in {c for c, _ in self._plan.functions.values()}}
            self._functions = {name: loaded[c][function] for name, (c, function) in self._plan.functions.items()}
        log, found = RunLog.open(path), dict.fromkeys(self._functions)
        for name, function in self._functions.items():
            try:
                found[name] = _value(name, function, log)
            except DefinitionError as error:
                return found, str(error)
        return found, None


def _measure(path: Path, meter: Meter) -> bool:
    """Whether a log can be read, which the meter then has taken."""
    try:
        for _, line in RunLog.open(path, check=False).records.numbered():
            meter.take(loads(line))
    except (RunLogError, ValueError):
        return False
    return True


def _budget(job: Job, **spent: Any) -> Budget | None:
    """What a run may take in all, some of which is spent."""
    is_limited = job.tokens is not None or job.cost is not None
    return Budget(job.tokens, job.cost, **spent) if is_limited else None


def _size(part: Path) -> int:
    """The bytes of a log that another process may take away."""
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _left(job: Job, *taken: Spent) -> Budget | None:
    """The budget of a run, after what it has taken so far."""
    if job.tokens is None and job.cost is None:
        return None
    currency = job.cost.currency if job.cost is not None else ""
    amounts = (spent.total.get(currency, Decimal(0)) for spent in taken)
    tokens = sum(spent.tokens.total() for spent in taken)
    return Budget(job.tokens, job.cost, spent_tokens=tokens, spent=sum(amounts, Decimal(0)))


def _both(meter: Meter, verdict: Verdict | None) -> tuple[Spent, Spent]:
    """What the run and its marks took, and what of it was paid for."""
    if verdict is None:
        return meter.spent, meter.paid
    return meter.spent + verdict.spent, meter.paid + verdict.paid


def _status(meter: Meter, error: Exception | None) -> tuple[str, str | None]:
    if isinstance(error, BudgetError):
        return "over_budget", str(error)
    if error is not None:
        return "failed", "what was read is nested too deep" if isinstance(error, RecursionError) else str(error)
    if meter.first_breach is not None:
        episode, rule = meter.first_breach
        return "failed", f"the rule '{rule}' is broken in episode {episode}"
    return "done", None


def _value(name: str, function: Callable[..., Any], log: RunLog) -> Any:
    """What a function gives: a number, a text, true, false or null."""
    try:
        value = function(log)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise DefinitionError(f"{name}: {type(error).__name__}: {error}") from error
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise DefinitionError(f"{name}: gives a {type(value).__name__}, not a number, a text or a flag")


def _spare(part: Path) -> Iterator[dict[str, Any]]:
    """The calls that were paid for and have no place in the log."""
    path = spare_path(part)
    if path.is_file():
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError):
                call = json.loads(line)
                if is_paid(call):
                    yield call


def _remove(part: Path) -> None:
    for path in (part, spare_path(part)):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        part.parent.rmdir()


def _pack(part: Path, path: Path) -> None:
    """Put a log in its place, packed; it is there whole or not at all."""
    packed = part.with_suffix(".zst")
    try:
        if part.is_file():
            packed.write_bytes(zstd.compress(part.read_bytes(), _PACKED))
            packed.replace(path)
        _remove(part)
    except OSError as error:
        raise RunLogError(f"cannot write {path}: {error.strerror}") from None
