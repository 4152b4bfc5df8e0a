"""The ledger: where the tokens and the money of runs went, to the last digit, and what is not known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from sim.errors import DefinitionError
from sim.models.prices import EXACT, Price, listed
from sim.record.log import RunLog
from sim.record.records import Call, Header
from sim.world.kinds import label_of

By = Literal["role", "state", "model", "episode", "purpose", "run", "world"]

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
        usage = call.usage
        tokens = usage.prompt + usage.completion
        if is_inherited:
            return replace(
                self,
                calls=self.calls + 1,
                inherited=self.inherited + 1,
                inherited_tokens=self.inherited_tokens + tokens,
                inherited_cost=_added(self.inherited_cost, cost or {}),
                inherited_unpriced=self.inherited_unpriced + (cost is None),
            )
        if call.is_hit:
            return replace(
                self,
                calls=self.calls + 1,
                hits=self.hits + 1,
                saved_tokens=self.saved_tokens + tokens,
                saved_cost=_added(self.saved_cost, cost or {}),
                saved_unpriced=self.saved_unpriced + (cost is None),
            )
        return replace(
            self,
            calls=self.calls + 1,
            prompt=self.prompt + usage.prompt,
            completion=self.completion + usage.completion,
            cached=self.cached + usage.cached,
            cost=_added(self.cost, cost or {}),
            unpriced=self.unpriced + (cost is None),
            estimated=self.estimated + usage.is_estimated,
            estimated_tokens=self.estimated_tokens + (tokens if usage.is_estimated else 0),
        )


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

    The logs are read one after another and not kept. With ``is_whole``, what a run inherited counts as its own.

    Raises:
        DefinitionError: if the price list does not know that model.
    """
    rows: dict[str, Row] = {}
    phases: dict[str, Row] = {}
    labels: dict[str, str] = {}
    worlds: set[str] = set()
    total = Row("total")
    names: dict[str, None] = {}
    for log in logs:
        name = log.name if log.name not in names else str(log.path)
        names[name] = None
        worlds.add(log.header.world)
        inherited = 0 if is_whole else log.header.inherited
        for call in (*log.records, *log.spare):
            if isinstance(call, Call):
                cost = cost_of(call, price_as)
                key = _key(call, by, name, log.header.world)
                is_old = 0 < call.seq < inherited
                rows[key] = rows.get(key, Row(key)).plus(call, cost, is_inherited=is_old)
                phase = phases.get(call.state, Row(call.state))
                phases[call.state] = phase.plus(call, cost, is_inherited=is_old)
                labels.setdefault(call.state, _label(log.header, call.state))
                total = total.plus(call, cost, is_inherited=is_old)
    known = _distinct(labels) if len(worlds) == 1 else {}
    return Ledger(tuple(rows.values()), total, tuple(phases.values()), known, tuple(names))


def is_inherited(log: RunLog, call: Call) -> bool:
    """Whether a call is one that a fork has from its parent; a spare call has no number, and never is."""
    return 0 < call.seq < log.header.inherited


def _added(cost: Money, more: Money) -> Money:
    sums = dict(cost)
    for currency, amount in more.items():
        sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)
    return sums


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
    shown = list(labels.values())
    return {state: label if shown.count(label) == 1 else state for state, label in labels.items()}
