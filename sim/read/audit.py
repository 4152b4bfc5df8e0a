"""The audit of a log: that no prompt held what its reader may not know, that no rule was broken, that sums add up.

Each check says in a line what it looked at, and, where it fails, at which record first. The prompts are made again
by playing the run once more on its recorded answers; everything else is read from the records alone.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from sim.engine.situation import Situation, scope
from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.model import Model, Place, Reply, Request
from sim.models.prices import EXACT, Price
from sim.read.fold import Fold
from sim.read.leaks import Leaks
from sim.read.ledger import By, Row, is_inherited, ledger
from sim.read.verify import again
from sim.record.comparison import Comparison, Difference
from sim.record.log import RunLog, check_length
from sim.record.records import (
    OLDEST,
    BallotCounted,
    Call,
    EpisodeEnded,
    EpisodeStarted,
    Narration,
    ResumedWith,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.expressions import Compiled
from sim.world.library import revive
from sim.world.vocabulary import ExpressionError
from sim.world.world import BROKEN, World

PRICED = 3
"""The first format whose calls say their price."""


@dataclass(frozen=True)
class Check:
    """What was looked at, and what came of it; ``record`` is the first that is wrong."""

    name: str
    ok: bool
    told: str
    record: int | None = None


@dataclass(frozen=True)
class Audit:
    """All checks of a log."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether all of them held."""
        return all(check.ok for check in self.checks)


class _Found(Exception):
    """A prompt that holds what it may not."""

    def __init__(self, record: int, what: str) -> None:
        super().__init__(what)
        self.record = record


def audit(log: RunLog) -> Audit:
    """Check a log in every way; nothing is called, and no code of its world is run.

    Raises:
        RunLogError: if it has a format that cannot be played again, or is longer than can be held.
    """
    if log.header.format < OLDEST:
        raise RunLogError(
            f"{log.name} has format {log.header.format}; runs of format {OLDEST} and later are audited"
        )
    check_length(log)
    chain = _chain(log)
    prompts = _prompts(log) if chain.ok else _unfit(chain.record or 0, "not checked: the chain is broken")
    return Audit((chain, *prompts, _invariants(log), _money(log)))


def _chain(log: RunLog) -> Check:
    try:
        log.check_chain()
    except RunLogError as error:
        return Check("chain", False, _plain(str(error)), error.record)
    open_end = "" if log.is_complete else "; the run did not come to its end"
    return Check("chain", True, f"{len(log.records)} records, none changed{open_end}")


def _plain(reason: str) -> str:
    """A reason without the number of its record, which is told apart."""
    return reason.split(": ", 1)[1] if reason.startswith("record ") and ": " in reason else reason


class _Witness:
    """Stands in for the log while a run is played again, and looks at the prompt of each call."""

    def __init__(self, log: RunLog, leaks: Leaks) -> None:
        self.path: Path | None = None
        self.comparison = Comparison(log)
        self.calls = 0
        self.request: Request | None = None
        self._leaks = leaks

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Compare a record, and look at the prompt if it is a call."""
        index = self.comparison.next
        record = self.comparison.append(kind, fields, measured)
        if kind == "call" and self.request is not None:
            self.calls += 1
            wrong = self._leaks.of(index, self.request)
            if wrong is not None:
                raise _Found(index, f"the prompt of {fields['role']} for turn {fields['turn']} {wrong}")
        return record

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Nothing is kept: nobody is asked."""

    def watched(self, model: Model) -> Model:
        """The model, and a note of what it is asked."""
        return _Watched(model, self)


class _Watched:
    """A model whose requests are noted."""

    def __init__(self, model: Model, witness: _Witness) -> None:
        self.name = model.name
        self.description = model.description
        self._model = model
        self._witness = witness

    def described_at(self, place: Place) -> Mapping[str, Any]:
        """What is said of the model in a place."""
        told_at = getattr(self._model, "described_at", None)
        return told_at(place) if told_at is not None else self.description

    def answer(self, request: Request) -> Reply:
        """What the model answers."""
        self._witness.request = request
        return self._model.answer(request)


def _prompts(log: RunLog) -> tuple[Check, Check]:
    """Whether each prompt follows from the log, and whether it held anything outside its audience."""
    try:
        witness = _Witness(log, Leaks(log, revive(log.header.resolved, log.header.variant)))
        again(log, witness, witness.watched).play()
    except _Found as found:
        prompts = Check("prompts", True, f"{witness.calls} calls, each prompt the one that was recorded")
        return prompts, Check("audience", False, str(found), found.record)
    except (Difference, MismatchError) as error:
        at = error.record if isinstance(error, Difference) else witness.comparison.next
        if at < len(log.records):
            return _unfit(at, _plain(str(error)))
    except DefinitionError as error:
        return _unfit(0, f"its world cannot be used: {error}")
    except RunLogError as error:
        return _unfit(error.record or 0, _plain(str(error)))
    if witness.comparison.next < len(log.records):
        return _unfit(witness.comparison.next, "does not belong here; the run had ended")
    held = f"nothing in {witness.calls} prompts that their readers did not hear or do not know"
    return (
        Check("prompts", True, f"{witness.calls} calls, each prompt the one that was recorded"),
        Check("audience", True, held),
    )


def _unfit(record: int, why: str) -> tuple[Check, Check]:
    """Where the log cannot be played again, nothing after it was looked at, and so nothing is vouched for."""
    return (
        Check("prompts", False, why, record),
        Check("audience", False, "not checked from here on: the run cannot be played again", record),
    )


def _invariants(log: RunLog) -> Check:
    """Whether each rule held at every turn: the facts are added up from the records, the rules evaluated anew."""
    turns = at = 0
    standing: Situation | None = None
    due: int | None = None
    try:
        world = revive(log.header.resolved, log.header.variant)
        fold = Fold(log.header, world)
        for at, record in enumerate(log.records):
            if due is not None and standing is not None and not isinstance(record, _BETWEEN):
                broken = _broken(world.never, standing, world)
                if broken is not None:
                    return Check("invariants", False, f"'{broken}' does not hold", due)
                due = None
            if isinstance(record, EpisodeEnded):
                there = fold.of(record.episode)
                broken = record.breach or (_at_end(world, there, record.outcome) if there else None)
                if broken is not None:
                    return Check("invariants", False, f"'{broken}' does not hold at the end", at)
            after = fold.take(record)
            turns += isinstance(record, Turn)
            due = at if isinstance(record, _MOVES) else due
            standing = after if due is not None else None
    except DefinitionError as error:
        return Check("invariants", False, f"its world cannot be used: {error}", 0)
    except (KeyError, ValueError, TypeError, AttributeError, ExpressionError):
        return Check("invariants", False, "cannot be followed", at)
    rules = len(world.never) + sum(len(each) for each in world.at_end.values())
    return Check("invariants", True, f"{rules} rule{'' if rules == 1 else 's'} held at each of {turns} turns")


_MOVES = (EpisodeStarted, Turn, BallotCounted, Transition)
"""What changes the situation."""
_BETWEEN = (BallotCounted, Narration, WarningNote, ResumedWith)
"""What may stand between a turn and the votes that are counted with it."""


def _broken(rules: Mapping[str, Compiled], situation: Situation, world: World) -> str | None:
    """The first of some things that must never be and is; what cannot be computed counts as broken."""
    values = scope(world, situation)
    for name, condition in rules.items():
        try:
            if condition(values):
                return name
        except ExpressionError:
            return name
    return None


def _at_end(world: World, situation: Situation, outcome: str) -> str | None:
    if outcome == BROKEN:
        return BROKEN
    values = scope(world, situation)
    rules = {**world.at_end.get(outcome, {}), **world.at_end.get("any", {})}
    return next((name for name, condition in rules.items() if not condition.holds(values)), None)


def _money(log: RunLog) -> Check:
    """Whether each cost is its price times its tokens, and all ways to group the calls come to the same."""
    priced = calls = hits = inherited = 0
    for at, call in enumerate(log.records):
        if isinstance(call, Call):
            is_old = is_inherited(log, call)
            calls, hits, inherited = calls + 1, hits + (call.is_hit and not is_old), inherited + is_old
            priced += call.price is not None
            wrong = _wrong_cost(call, log.header.format)
            if wrong is not None:
                return Check("money", False, wrong, at)
    total = ledger([log]).total
    if total.calls != calls + len(log.spare):
        return Check("money", False, f"the ledger counts {total.calls} calls", len(log.records) - 1)
    for by in typing.get_args(By):
        if (sums := _added(ledger([log], by).rows)) != _amounts(total):
            return Check("money", False, f"the sums by {by} are {sums}, not those of all", len(log.records) - 1)
    from_cache = f", {hits} not paid (from a cache)" if hits else ""
    from_cache += f", {inherited} inherited (paid by the run before)" if inherited else ""
    return Check(
        "money", True, f"{calls} calls{from_cache}, {priced} priced; {total.total:,} tokens in every grouping"
    )


def _wrong_cost(call: Call, log_format: int) -> str | None:
    if call.usage.cached > call.usage.prompt:
        return f"{call.usage.cached} tokens of a prompt of {call.usage.prompt} were cached"
    if call.cost is None:
        return "has a price and no cost" if call.price is not None else None
    cost = Decimal(call.cost)
    if call.currency is None and cost:
        return f"costs {call.cost} in no currency"
    if call.price is None:
        return f"costs {call.cost} without a price" if cost and log_format >= PRICED else None
    units = {name: Decimal(amount) for name, amount in call.price.items()}
    if "input" not in units or "output" not in units:
        return "has a price that is not whole"
    wanted = Price(units["input"], units["output"], units.get("cached")).cost(call.usage)
    return None if wanted == cost else f"costs {call.cost}, but its price times its tokens is {format(wanted, 'f')}"


def _amounts(row: Row) -> dict[str, Any]:
    """What is counted in a row; no money in a currency is no money."""
    found = {field.name: getattr(row, field.name) for field in fields(row) if field.name != "key"}
    return {n: {c: a for c, a in v.items() if a} if isinstance(v, Mapping) else v for n, v in found.items()}


def _added(rows: tuple[Row, ...]) -> dict[str, Any]:
    """The sum of some rows, field by field."""
    sums = _amounts(Row(""))
    for row in map(_amounts, rows):
        for name, value in row.items():
            if isinstance(value, dict):
                more = {c: EXACT.add(sums[name].get(c, Decimal(0)), amount) for c, amount in value.items()}
                sums[name] = {**sums[name], **more}
            else:
                sums[name] += value
    return sums
