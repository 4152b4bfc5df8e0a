"""The ledger: where the tokens and the money of runs went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sim.errors import DefinitionError
from sim.models.prices import listed
from sim.record.log import RunLog
from sim.record.records import Call

By = Literal["role", "state", "model", "episode", "purpose", "run"]


@dataclass(frozen=True)
class Row:
    """The calls that have something in common; tokens, and cost where every price is known.

    ``unpriced`` counts the calls whose price is not known, ``estimated`` those whose tokens were not counted by
    the provider.
    """

    key: str
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    estimated: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion

    def plus(self, call: Call, cost: Decimal | None) -> Row:
        """This row with one more call."""
        return Row(
            self.key,
            self.calls + 1,
            self.prompt + call.usage.prompt,
            self.completion + call.usage.completion,
            self.cached + call.usage.cached,
            self.cost + (cost or 0),
            self.unpriced + (cost is None),
            self.estimated + call.usage.is_estimated,
        )


@dataclass(frozen=True)
class Ledger:
    """The rows, and their total."""

    rows: tuple[Row, ...]
    total: Row
    currency: str
    runs: tuple[str, ...]


def ledger(logs: Iterable[RunLog], by: By = "role", price_as: str | None = None) -> Ledger:
    """Add up the calls of some runs; with ``price_as``, at the prices of that model.

    Raises:
        DefinitionError: if the price list does not know that model, or the costs are in several currencies.
    """
    rows: dict[str, Row] = {}
    total = Row("total")
    currencies: set[str] = set()
    names = []
    for log in logs:
        names.append(log.name)
        for call in (*log.records, *log.spare):
            if isinstance(call, Call):
                cost = _cost(call, price_as)
                currencies |= {call.currency} if call.currency and cost and price_as is None else set()
                key = log.name if by == "run" else str(getattr(call, by))
                rows[key] = rows.get(key, Row(key)).plus(call, cost)
                total = total.plus(call, cost)
    if len(currencies) > 1:
        both = " and ".join(sorted(currencies))
        raise DefinitionError(f"costs in {both} cannot be added up; --price-as MODEL gives one price to all")
    return Ledger(tuple(rows.values()), total, next(iter(currencies), "USD"), tuple(names))


def _cost(call: Call, price_as: str | None) -> Decimal | None:
    if price_as is None:
        return None if call.cost is None else Decimal(call.cost)
    price = listed(price_as, call.usage.prompt)
    if price is None:
        raise DefinitionError(f"no price is known for the model '{price_as}'")
    return price.cost(call.usage)
