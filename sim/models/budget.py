"""Budgets: a run stops before the call that could take it beyond what may be spent."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from sim.errors import BudgetError, DefinitionError
from sim.models.prices import Price
from sim.record.records import Usage
from sim.world.fields import Money


class Budget:
    """What a run may spend, in tokens and in money, and what it has spent; shared by the calls under way.

    Life: :meth:`reserve` before a call what it may take at most, :meth:`settle` after it what it took.
    """

    def __init__(
        self,
        tokens: int | None = None,
        cost: Money | None = None,
        *,
        spent_tokens: int = 0,
        spent: Decimal = Decimal(0),
    ) -> None:
        self.tokens = tokens
        self.cost = cost
        self.spent_tokens = spent_tokens
        self.spent = spent
        self._reserved_tokens = 0
        self._reserved = Decimal(0)
        self._lock = threading.Lock()

    def described(self) -> dict[str, Any]:
        """What may be spent, as a header tells it, so that it holds when the run goes on."""
        return {"tokens": self.tokens, "cost": None if self.cost is None else str(self.cost)}

    def check(self, model: str, price: Price | None) -> None:
        """Check that a model can be held to this budget.

        Raises:
            DefinitionError: if money is limited and the price is not known, or in another currency.
        """
        if self.cost is None:
            return
        if price is None:
            raise DefinitionError(
                f"a budget of {self.cost} needs prices, and that of '{model}' is not known; give it in "
                "models.yaml, or limit tokens (--max-tokens)"
            )
        if price.currency != self.cost.currency and (price.input or price.output):
            raise DefinitionError(
                f"the budget is in {self.cost.currency}, but '{model}' is paid in {price.currency}"
            )

    def reserve(self, model: str, usage: Usage, price: Price | None) -> Decimal:
        """Set aside what a call may take at most, and give its cost.

        Raises:
            BudgetError: if it could exceed the budget; nothing is set aside then.
        """
        cost = price.cost(usage) if price is not None and self.cost is not None else Decimal(0)
        tokens = usage.prompt + usage.completion
        with self._lock:
            is_over = self.tokens is not None and self.spent_tokens + self._reserved_tokens + tokens > self.tokens
            if is_over:
                raise BudgetError(
                    f"stopped before a call of {model} that could exceed the budget of {self.tokens:,} tokens: "
                    f"{self.spent_tokens:,} are spent, and it may take {tokens:,}"
                )
            if self.cost is not None and self.spent + self._reserved + cost > self.cost.amount:
                raise BudgetError(
                    f"stopped before a call of {model} that could exceed the budget of {self.cost}: "
                    f"{self.spent:f} is spent, and it may cost {cost:f}"
                )
            self._reserved_tokens += tokens
            self._reserved += cost
        return cost

    def settle(self, reserved: Usage, held: Decimal, usage: Usage | None, cost: Decimal | None) -> None:
        """Give back what was set aside, and count what was taken; nothing if the call gave nothing."""
        with self._lock:
            self._reserved_tokens -= reserved.prompt + reserved.completion
            self._reserved -= held
            if usage is not None:
                self.spent_tokens += usage.prompt + usage.completion
                self.spent += cost or 0


def tightest(*budgets: tuple[int | None, Money | None]) -> tuple[int | None, Money | None]:
    """The least of several budgets; of amounts in different currencies the first."""
    tokens = min((t for t, _ in budgets if t is not None), default=None)
    amounts = [m for _, m in budgets if m is not None]
    same = [m for m in amounts if m.currency == amounts[0].currency]
    return tokens, min(same, key=lambda m: m.amount, default=None)
