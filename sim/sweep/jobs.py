"""Which cell is begun next: in their order, not too far ahead, and within the budget of the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sim.sweep.cells import cell_at, count
from sim.sweep.estimating import AS_MUCH, Estimate
from sim.sweep.plan import Plan
from sim.sweep.results import AHEAD, Results
from sim.sweep.rows import Done
from sim.sweep.worker import Job
from sim.world.fields import Money

_NOTHING = Decimal(0)


class Jobs:
    """Gives out the cells that are left; :meth:`take` is None where none can be begun before another is done.

    Under a budget a run may take ``AS_MUCH`` times what was estimated for it, as long as that, with the most of all
    runs under way, is left; else it waits until it is alone, and may take all that is left. So what is begun, and
    with how much, does not depend on how many are played at once.
    """

    def __init__(self, plan: Plan, results: Results, estimated: Mapping[str, Estimate], *, is_again: bool) -> None:
        self._plan = plan
        self._results = results
        self._estimated = estimated
        self._is_again = is_again
        self._tokens, self._cost = plan.spec.budget.limits()
        self._next, self._count = results.written, count(plan)
        self._under_way: dict[int, tuple[int, Decimal]] = {}

    def take(self) -> Job | None:
        """The next cell, which then is under way."""
        if self._next >= self._count or self._next - self._results.written >= AHEAD:
            return None
        job = self._allowed(self._next)
        if job is not None:
            taken = job.cost.amount if job.cost is not None else _NOTHING
            self._under_way[job.cell] = (job.tokens or 0, taken)
            self._next += 1
        return job

    def done(self, done: Done) -> None:
        """Take the row of a cell that was under way."""
        self._under_way.pop(done.cell, None)
        self._results.put(done)

    def _allowed(self, number: int) -> Job | None:
        if self._tokens is None and self._cost is None:
            return Job(number, is_again=self._is_again)
        each = self._estimated[cell_at(self._plan, number).arm.name]
        if not each.paid and each.failure is None:
            return Job(number, is_again=self._is_again)
        tokens, cost = self._left()
        held_tokens = sum(held for held, _ in self._under_way.values())
        held_cost = sum((held for _, held in self._under_way.values()), _NOTHING)
        most_tokens, most_cost = self._most(each)
        fits = most_tokens is None or tokens is None or most_tokens <= tokens - held_tokens
        if fits and (most_cost is None or cost is None or most_cost.amount <= cost.amount - held_cost):
            return Job(number, most_tokens, most_cost, is_again=self._is_again)
        if self._under_way:
            return None
        is_over = (tokens is not None and each.paid + each.room > tokens) or (
            cost is not None and (each.cost or _NOTHING) + each.room_cost > cost.amount
        )
        return Job(number, tokens, cost, is_again=self._is_again, is_over=is_over)

    def _most(self, each: Estimate) -> tuple[int | None, Money | None]:
        """The most that a run may take while others are under way."""
        tokens, money = None, None
        if self._tokens is not None:
            tokens = min(self._tokens, AS_MUCH * each.paid + each.room)
        if self._cost is not None:
            cost = AS_MUCH * (each.cost or _NOTHING) + each.room_cost
            money = Money(min(self._cost.amount, cost), self._cost.currency)
        return tokens, money

    def _left(self) -> tuple[int | None, Money | None]:
        """What is left of the budget, apart from what is under way."""
        totals = self._results.totals
        tokens = None if self._tokens is None else max(0, self._tokens - totals.paid_tokens)
        if self._cost is None:
            return tokens, None
        paid = totals.paid.get(self._cost.currency, _NOTHING)
        return tokens, Money(max(_NOTHING, self._cost.amount - paid), self._cost.currency)
