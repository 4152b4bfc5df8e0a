"""Budgets: what is set aside and spent is never more than what may be."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BudgetError, DefinitionError
from sim.models.budget import Budget, tightest
from sim.models.prices import Price
from sim.record.records import Usage
from sim.world.fields import Money, money

PRICE = Price(Decimal("2.5"), Decimal(10), Decimal("1.25"))
CNY = Price(Decimal(1), Decimal(2), None, "CNY")


def usage(prompt: int, completion: int, cached: int = 0) -> Usage:
    return Usage(prompt=prompt, completion=completion, cached=cached, is_estimated=False)


COUNTS = st.integers(0, 3000)
STEPS = st.lists(
    st.tuples(COUNTS, COUNTS, st.floats(0, 1), st.integers(0, 3), st.booleans()), min_size=1, max_size=30
)


@given(STEPS, st.none() | st.integers(1, 20_000), st.none() | st.decimals(0, 1, places=4))
def test_no_order_of_calls_spends_more_than_the_budget(
    steps: list[tuple[int, int, float, int, bool]], tokens: int | None, amount: Decimal | None
) -> None:
    """If no call takes more than was set aside for it; many may be under way, and some fail."""
    budget = Budget(tokens, None if amount is None else Money(amount))
    under_way: list[tuple[Usage, Decimal, Usage | None]] = []
    spent_tokens, spent = 0, Decimal(0)

    def end(index: int) -> None:
        nonlocal spent_tokens, spent
        most, held, took = under_way.pop(index % len(under_way))
        budget.settle(most, held, took, None if took is None else PRICE.cost(took))
        if took is not None:
            spent_tokens += took.prompt + took.completion
            spent += PRICE.cost(took)

    for prompt, completion, share, ending, fails in steps:
        most = usage(prompt, completion)
        try:
            held = budget.reserve("m", most, PRICE)
        except BudgetError:
            continue
        took = None if fails else usage(int(prompt * share), int(completion * share))
        under_way.append((most, held, took))
        if ending < len(under_way):
            end(ending)
        assert tokens is None or budget.spent_tokens <= tokens
        assert amount is None or budget.spent <= amount
    while under_way:
        end(0)
    assert (budget.spent_tokens, budget.spent) == (spent_tokens, spent)
    assert tokens is None or spent_tokens <= tokens
    assert amount is None or spent <= amount


def test_a_call_that_could_exceed_the_tokens_is_refused() -> None:
    """The message says what is spent and what it may take; a smaller one is let through."""
    budget = Budget(1000, spent_tokens=600)
    with pytest.raises(BudgetError) as caught:
        budget.reserve("m", usage(300, 101), None)
    assert str(caught.value) == (
        "stopped before a call of m that could exceed the budget of 1,000 tokens: 600 are spent, "
        "and it may take 401"
    )
    budget.reserve("m", usage(300, 100), None)


def test_a_call_that_could_exceed_the_money_is_refused() -> None:
    """To the last digit."""
    budget = Budget(cost=money("0.0025USD"))
    with pytest.raises(BudgetError) as caught:
        budget.reserve("m", usage(1001, 0), PRICE)
    assert str(caught.value) == (
        "stopped before a call of m that could exceed the budget of 0.0025 USD: 0 is spent, and it "
        "may cost 0.0025025"
    )
    assert budget.reserve("m", usage(1000, 0), PRICE) == Decimal("0.0025")


def test_what_is_set_aside_counts_until_it_is_settled() -> None:
    """A call that failed has taken nothing."""
    budget = Budget(100)
    most = usage(60, 0)
    held = budget.reserve("m", most, None)
    with pytest.raises(BudgetError):
        budget.reserve("m", usage(41, 0), None)
    budget.settle(most, held, None, None)
    budget.reserve("m", usage(100, 0), None)


def test_a_refusal_sets_nothing_aside() -> None:
    """Neither tokens nor money."""
    budget = Budget(100, money("1USD"))
    for _ in range(3):
        with pytest.raises(BudgetError):
            budget.reserve("m", usage(101, 0), PRICE)
    budget.reserve("m", usage(100, 0), PRICE)


def test_what_a_call_took_counts_even_if_it_is_more_than_was_set_aside() -> None:
    """It was paid for."""
    budget = Budget(100)
    most = usage(10, 10)
    budget.settle(most, budget.reserve("m", most, None), usage(50, 60), Decimal(0))
    assert budget.spent_tokens == 110
    with pytest.raises(BudgetError):
        budget.reserve("m", usage(0, 0), None)


def test_threads_share_a_budget() -> None:
    """Of a hundred calls only as many are let through as there is room for."""
    budget = Budget(700, money("1USD"))
    taken: list[int] = []

    def work() -> None:
        for _ in range(10):
            try:
                held = budget.reserve("m", usage(5, 5), PRICE)
            except BudgetError:
                continue
            budget.settle(usage(5, 5), held, usage(5, 5), PRICE.cost(usage(5, 5)))
            taken.append(10)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(taken), budget.spent_tokens) == (700, 700)


def test_money_needs_a_price_and_tokens_do_not() -> None:
    """A model whose price is not known cannot be held to an amount."""
    Budget(1000).check("m", None)
    with pytest.raises(DefinitionError) as caught:
        Budget(cost=money("1USD")).check("m", None)
    assert str(caught.value) == (
        "a budget of 1 USD needs prices, and that of 'm' is not known; give it in models.yaml, or limit tokens "
        "(--max-tokens)"
    )


def test_a_price_in_another_currency_cannot_be_held_to_a_budget() -> None:
    """Unless nothing is paid."""
    budget = Budget(cost=money("1USD"))
    budget.check("m", PRICE)
    budget.check("local", Price(Decimal(0), Decimal(0), None, "CNY"))
    with pytest.raises(DefinitionError) as caught:
        budget.check("glm-4", CNY)
    assert str(caught.value) == "the budget is in USD, but 'glm-4' is paid in CNY"


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("0.50USD", "0.50", "USD"),
        ("3CNY", "3", "CNY"),
        (" 2 eur ", "2", "EUR"),
        ("1", "1", "USD"),
        ("0", "0", "USD"),
        ("999999999999.123456789012", "999999999999.123456789012", "USD"),
    ],
)
def test_an_amount_is_read_exactly(text: str, amount: str, currency: str) -> None:
    """In US dollars where no currency is named."""
    assert money(text) == Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    "text",
    ["", "USD", "-1USD", "1e3USD", "0,50USD", "1.USD", ".5USD", "NaN", "inf", "1 US", "$1", "9" * 13],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    """The message shows what one looks like."""
    with pytest.raises(ValueError, match=r"is no amount of money; it looks like 0\.50USD or 3CNY"):
        money(text)


@given(st.decimals(0, 10**6, places=6), st.sampled_from(["USD", "CNY", "EUR"]))
def test_an_amount_is_written_as_it_is_read(amount: Decimal, currency: str) -> None:
    """A header keeps it as text."""
    assert money(str(Money(amount, currency))) == Money(amount, currency)


def test_the_tightest_of_several_budgets() -> None:
    """Of each kind the least; amounts in different currencies cannot be compared, and the first holds."""
    assert tightest() == (None, None)
    assert tightest((None, money("2USD")), (500, None), (300, money("1USD"))) == (300, money("1USD"))
    assert tightest((None, money("2USD")), (None, money("1CNY"))) == (None, money("2USD"))


def test_a_budget_is_described_as_it_is_read_again() -> None:
    """A run that goes on takes it from the header."""
    assert Budget(500, money("0.50USD")).described() == {"tokens": 500, "cost": "0.50 USD"}
    assert Budget().described() == {"tokens": None, "cost": None}
