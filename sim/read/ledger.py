"""The ledger: where the tokens and the money of runs went, to the last digit, and what is not known of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sim.errors import DefinitionError, RunLogError
from sim.models.prices import EXACT, Price, listed
from sim.record.log import RunLog
from sim.record.records import Call, Header
from sim.world.kinds import label_of

By = Literal["role", "state", "model", "episode", "purpose", "run", "world"]

MOST_PLACES = 100_000
"""Rows and states together; a log made by hand could have as many as records."""

Money = Mapping[str, Decimal]
"""An exact sum for each currency. Nothing, paid in a currency, is a sum too: it tells free from unknown."""


@dataclass(frozen=True)
class Row:
    """The calls that have something in common.

    ``calls`` counts all of them. Those answered from a cache, ``hits``, were not paid for: what they would have
    taken is in the fields with ``saved``. Those that a fork has from its parent, ``inherited``, were paid for
    there, and have fields of their own. All others are about the rest. ``cost`` is the sum of what is known;
    ``unpriced`` counts the calls whose price is not. ``estimated`` counts the calls whose tokens,
    ``estimated_tokens``, were not counted by the provider.
    """

    key: str
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cost: Money = field(default_factory=dict)
    unpriced: int = 0
    estimated: int = 0
    estimated_tokens: int = 0
    hits: int = 0
    saved_tokens: int = 0
    saved_cost: Money = field(default_factory=dict)
    saved_unpriced: int = 0
    inherited: int = 0
    inherited_tokens: int = 0
    inherited_cost: Money = field(default_factory=dict)
    inherited_unpriced: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion

    @property
    def reported_tokens(self) -> int:
        """The tokens that the provider counted."""
        return self.total - self.estimated_tokens

    @property
    def paid(self) -> int:
        """The calls that this run paid for."""
        return self.calls - self.hits - self.inherited

    def plus(self, call: Call, cost: Money | None, *, is_inherited: bool = False) -> Row:
        """This row with one more call, whose cost is None where it is not known."""
        tally = Tally(self)
        tally.add(call, cost, is_inherited=is_inherited)
        return tally.row


class Tally:
    """Adds up many calls; :attr:`row` is what they come to."""

    def __init__(self, row: Row) -> None:
        self._sums: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in vars(row).items()}

    @property
    def row(self) -> Row:
        """The sums so far."""
        sums: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in self._sums.items()}
        return Row(**sums)

    def add(self, call: Call, cost: Money | None, *, is_inherited: bool = False) -> None:
        """Count one more call, whose cost is None where it is not known."""
        sums, usage = self._sums, call.usage
        tokens = usage.prompt + usage.completion
        sums["calls"] += 1
        if is_inherited:
            sums["inherited"] += 1
            sums["inherited_tokens"] += tokens
            sums["inherited_unpriced"] += cost is None
            _add(sums["inherited_cost"], cost or {})
            return
        if call.is_hit:
            sums["hits"] += 1
            sums["saved_tokens"] += tokens
            sums["saved_unpriced"] += cost is None
        else:
            sums["prompt"] += usage.prompt
            sums["completion"] += usage.completion
            sums["cached"] += usage.cached
            sums["unpriced"] += cost is None
            sums["estimated"] += usage.is_estimated
            sums["estimated_tokens"] += tokens if usage.is_estimated else 0
        _add(sums["saved_cost" if call.is_hit else "cost"], cost or {})

    def add_all(self, other: Tally) -> None:
        """Count all that another one has counted."""
        for name, value in other._sums.items():
            if isinstance(value, dict):
                _add(self._sums[name], value)
            elif name != "key":
                self._sums[name] += value


@dataclass(frozen=True)
class Ledger:
    """The rows, their total, and a row for each phase: the states, as they were first met.

    ``labels`` has what the phases are called in the language of the run, where all runs are of one world.
    """

    rows: tuple[Row, ...]
    total: Row
    phases: tuple[Row, ...]
    labels: Mapping[str, str]
    runs: tuple[str, ...]

    @property
    def currency(self) -> str | None:
        """The one currency of all costs; None where there are several."""
        total = self.total
        found = list(told(total.cost) or told(total.saved_cost) or told(total.inherited_cost)) or ["USD"]
        return found[0] if len(found) == 1 else None


def told(cost: Money) -> dict[str, Decimal]:
    """The sums worth telling: nothing, in one currency, adds nothing to a sum in another."""
    found = {currency: amount for currency, amount in sorted(cost.items()) if amount}
    return found or dict(sorted(cost.items())[:1])


def ledger(
    logs: Iterable[RunLog], by: By = "role", price_as: str | Price | None = None, *, is_whole: bool = False
) -> Ledger:
    """Add up the calls of some runs; with ``price_as``, at that price, or those of a listed model.

    The logs are read one after another and not kept, and of each only the header and the calls. With ``is_whole``,
    what a run inherited counts as its own.

    Raises:
        DefinitionError: if the price list does not know that model.
        RunLogError: if there would be more rows than anybody wants.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    labels: dict[str, str] = {}
    worlds: set[str] = set()
    names: dict[str, None] = {}
    for log in logs:
        header, name = log.header, log.name if log.name not in names else str(log.path)
        names[name] = None
        worlds.add(header.world)
        inherited = 0 if is_whole else header.inherited
        for call in itertools.chain(log.records.of(Call), log.spare):
            place = _key(call, by, name, header.world), call.state
            if place not in tallies:
                if len(tallies) >= MOST_PLACES:
                    raise RunLogError(f"the calls up to {log.name} are of more than {MOST_PLACES:,} kinds by {by}")
                tallies[place] = Tally(Row(""))
            tallies[place].add(call, cost_of(call, price_as), is_inherited=0 < call.seq < inherited)
            if call.state not in labels:
                labels[call.state] = _label(header, call.state)
    rows, phases = (_merged(tallies, part) for part in (0, 1))
    total = Tally(Row("total"))
    for tally in tallies.values():
        total.add_all(tally)
    known = _distinct(labels) if len(worlds) == 1 else {}
    return Ledger(rows, total.row, phases, known, tuple(names))


def is_inherited(log: RunLog, call: Call) -> bool:
    """Whether a call is one that a fork has from its parent; a spare call has no number, and never is."""
    return 0 < call.seq < log.header.inherited


def _merged(tallies: Mapping[tuple[str, str], Tally], part: int) -> tuple[Row, ...]:
    """A row for each key, or for each state."""
    merged: dict[str, Tally] = {}
    for place, tally in tallies.items():
        merged.setdefault(place[part], Tally(Row(place[part]))).add_all(tally)
    return tuple(tally.row for tally in merged.values())


def _add(sums: dict[str, Decimal], more: Money) -> None:
    for currency, amount in more.items():
        sums[currency] = EXACT.add(sums.get(currency, _NOTHING), amount)


_NOTHING = Decimal(0)


def _key(call: Call, by: By, name: str, world: str) -> str:
    if by == "run":
        return name
    return world if by == "world" else str(getattr(call, by))


def cost_of(call: Call, price_as: str | Price | None = None) -> Money | None:
    """What a call cost, or would cost at the prices of a model; None where that is not known."""
    if price_as is not None:
        price = price_as if isinstance(price_as, Price) else listed(price_as, call.usage.prompt)
        if price is None:
            raise DefinitionError(f"no price is known for the model '{price_as}'")
        return {price.currency: price.cost(call.usage)}
    if call.cost is None:
        return None
    amount = Decimal(call.cost)
    if call.currency is None:
        return None if amount else {}
    return {call.currency: amount}


def _label(header: Header, state: str) -> str:
    """What a state is called, as far as the world in the header says: it may come from a stranger."""
    value: Any = header.resolved
    for key in ("world", "states", state, "label"):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = label_of({str(k): str(v) for k, v in value.items()}, header.language)
    return value if isinstance(value, str) and value else state


def _distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels, and for states that share one their names."""
    shown = Counter(labels.values())
    return {state: label if shown[label] == 1 else state for state, label in labels.items()}
