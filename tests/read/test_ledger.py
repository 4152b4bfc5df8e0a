"""The ledger: every way of adding up gives the same exact total, and what is not known is said to be so."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError
from sim.models.prices import MILLION, Price
from sim.read.ledger import By, Money, Row, ledger, told
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call, Usage
from tests.read.forging import records_of

BYS = get_args(By)
BOOKKEEPING = {"seq", "type", "hash", "measured"}
CALL = {"turn": 1, "attempt": 0, "prompt": "0" * 32, "answer": "Hello.", "currency": "USD"}
COUNTS = (
    "calls", "prompt", "completion", "cached", "total", "unpriced", "estimated", "estimated_tokens",
    "reported_tokens", "hits", "saved_tokens", "saved_unpriced",
)  # fmt: skip

units = st.decimals(0, 10**6, places=20)
prices = st.builds(Price, units, units, st.none() | units, st.sampled_from(["USD", "CNY", "EUR"]))
tokens = st.integers(0, 10**9)
usages = st.builds(
    lambda prompt, completion, share, is_estimated: Usage(
        prompt=prompt, completion=completion, cached=prompt * share // 4, is_estimated=is_estimated
    ),
    tokens, tokens, st.integers(0, 4), st.booleans(),
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """A call with a price or without, paid for or answered from a cache."""
    usage, price = draw(usages), draw(st.none() | prices)
    return {
        "episode": draw(st.integers(1, 3)),
        "role": draw(st.sampled_from(["patient", "doctor", "cashier"])),
        "state": draw(st.sampled_from(["reception", "till"])),
        "purpose": draw(st.sampled_from(["turn", "repair", "selection", "summary", "retry"])),
        "model": draw(st.sampled_from(["scripted", "gpt-4o", "本地"])),
        "usage": usage.model_dump(),
        "cost": None if price is None else format(price.cost(usage), "f"),
        "currency": None if price is None else price.currency,
        **({} if price is None else {"price": price.as_text()}),
        "measured": draw(st.sampled_from([{}, {"hit": True}, {"hit": False}])),
    }


def _log(header: dict[str, Any], given_calls: list[dict[str, Any]], path: Path) -> RunLog:
    with LogWriter(path) as log:
        log.append("header", {k: v for k, v in header.items() if k not in BOOKKEEPING})
        for call in given_calls:
            fields = {**CALL, **call}
            log.append("call", {k: v for k, v in fields.items() if k != "measured"}, fields.get("measured"))
    return RunLog.open(path)


def _call(**fields: Any) -> dict[str, Any]:
    """A call of the doctor's with some fields set otherwise."""
    usage = {"prompt": 100, "completion": 10, "cached": 0, "is_estimated": False}
    call = {"episode": 1, "role": "doctor", "state": "consulting", "purpose": "turn", "model": "gpt-4o"}
    return {**call, "cost": "0.5", "usage": usage, **fields}


def _added(sums: Iterable[Money]) -> dict[str, Fraction]:
    """Sums of money by currency, added without any rounding; nothing is no sum."""
    found: dict[str, Fraction] = {}
    for cost in sums:
        for currency, amount in cost.items():
            found[currency] = found.get(currency, Fraction(0)) + Fraction(amount)
    return {currency: amount for currency, amount in found.items() if amount}


def _sums(rows: Iterable[Row]) -> tuple[object, ...]:
    kept = list(rows)
    counts = [sum(getattr(row, name) for row in kept) for name in COUNTS]
    return (*counts, _added(row.cost for row in kept), _added(row.saved_cost for row in kept))


def _wanted(made: list[Call]) -> tuple[object, ...]:
    """The same sums as :func:`_sums`, from the calls themselves."""
    paid, hits = [c for c in made if not c.is_hit], [c for c in made if c.is_hit]

    def total(some: list[Call]) -> int:
        return sum(c.usage.prompt + c.usage.completion for c in some)

    def money(some: list[Call]) -> dict[str, Fraction]:
        return _added({str(c.currency): Decimal(c.cost)} for c in some if c.cost is not None)

    estimated = [c for c in paid if c.usage.is_estimated]
    counts = (
        len(made),
        sum(c.usage.prompt for c in paid),
        sum(c.usage.completion for c in paid),
        sum(c.usage.cached for c in paid),
        total(paid),
        sum(c.cost is None for c in paid),
        len(estimated),
        total(estimated),
        total(paid) - total(estimated),
        len(hits),
        total(hits),
        sum(c.cost is None for c in hits),
    )
    return (*counts, money(paid), money(hits))


@settings(max_examples=60, deadline=None)
@given(runs=st.lists(st.lists(calls(), max_size=12), min_size=1, max_size=3))
def test_the_rows_add_up_to_the_total_exactly_by_whatever_they_are_made(
    runs: list[list[dict[str, Any]]], log_path: Path
) -> None:
    """For any calls the rows, by each of the ways, sum to the calls themselves, to the last digit."""
    header = records_of(log_path)[0]
    with tempfile.TemporaryDirectory() as folder:
        logs = [_log(header, given_calls, Path(folder) / f"run{i}.jsonl") for i, given_calls in enumerate(runs)]
    keys = [(log, call) for log in logs for call in log.records if isinstance(call, Call)]
    wanted = _wanted([call for _, call in keys])
    for by in BYS:
        book = ledger(logs, by)
        assert wanted == _sums(book.rows) == _sums(book.phases) == _sums((book.total,)), by
        named = {"run": lambda log, _: log.name, "world": lambda log, _: log.header.world}
        key = named.get(by, lambda _, call: str(getattr(call, by)))  # noqa: B023 - called at once
        assert {row.key: row.calls for row in book.rows} == Counter(key(log, call) for log, call in keys), by
        assert tuple(log.name for log in logs) == book.runs


@given(price=prices, usage=usages)
def test_a_cost_is_the_price_times_the_tokens_to_the_last_digit(price: Price, usage: Usage) -> None:
    """Whatever the price and the tokens, nothing is rounded."""
    cached = price.input if price.cached is None else price.cached
    parts = (price.input, usage.prompt - usage.cached), (cached, usage.cached), (price.output, usage.completion)
    wanted = sum((Fraction(unit) * count for unit, count in parts), Fraction(0)) / MILLION
    assert wanted == Fraction(price.cost(usage))


def test_each_call_goes_to_its_own_row(log_path: Path, tmp_path: Path) -> None:
    """Rows stand in the order in which their keys first came, each with its own calls alone."""
    made = [
        _call(role="doctor", cost="0.1"),
        _call(role="patient", cost="0.02"),
        _call(role="doctor", cost="0.003", purpose="repair"),
    ]
    log = _log(records_of(log_path)[0], made, tmp_path / "run.jsonl")
    by_role = [(row.key, row.calls, row.prompt, row.cost["USD"]) for row in ledger([log], "role").rows]
    assert [("doctor", 2, 200, Decimal("0.103")), ("patient", 1, 100, Decimal("0.02"))] == by_role
    by_purpose = [(row.key, row.calls, row.cost["USD"]) for row in ledger([log], "purpose").rows]
    assert [("turn", 2, Decimal("0.12")), ("repair", 1, Decimal("0.003"))] == by_purpose


def test_ten_times_a_tenth_is_one(log_path: Path, tmp_path: Path) -> None:
    """Money is added as decimals, not as floats."""
    log = _log(records_of(log_path)[0], [_call(cost="0.1")] * 10, tmp_path / "run.jsonl")
    assert {"USD": Decimal(1)} == ledger([log]).total.cost


def test_a_cost_that_is_not_known_is_counted_and_not_taken_for_nothing(log_path: Path, tmp_path: Path) -> None:
    """Rows tell a call without a price from one that was free."""
    made = [_call(cost=None, currency=None), _call(cost="0"), _call(cost="0.25")]
    row = ledger([_log(records_of(log_path)[0], made, tmp_path / "run.jsonl")]).total
    assert (3, 1, {"USD": Decimal("0.25")}) == (row.calls, row.unpriced, row.cost)


def test_tokens_that_were_estimated_are_marked(log_path: Path, tmp_path: Path) -> None:
    """Rows tell calls whose tokens the provider counted from those counted here."""
    made = [
        _call(role=role, usage={"prompt": 5, "completion": 5, "cached": 0, "is_estimated": is_estimated})
        for role, is_estimated in (("doctor", True), ("doctor", False), ("patient", False))
    ]
    book = ledger([_log(records_of(log_path)[0], made, tmp_path / "run.jsonl")])
    assert {row.key: row.estimated for row in book.rows} == {"doctor": 1, "patient": 0}
    assert book.total.estimated == 1


def test_the_tokens_of_a_scripted_run_are_estimates_and_cost_nothing(log_path: Path) -> None:
    """The scripted model is free, and says that its tokens are counted here."""
    log = RunLog.open(log_path)
    total = ledger([log]).total
    made = [r for r in log.records if isinstance(r, Call)]
    assert (len(made), len(made), {"USD": 0}, 0) == (total.calls, total.estimated, total.cost, total.unpriced)
    assert sum(c.usage.prompt + c.usage.completion for c in made) == total.total


def test_the_same_tokens_can_be_priced_as_another_model(log_path: Path, tmp_path: Path) -> None:
    """At a known model's price each call has a cost, twice the tokens cost twice as much, and prices differ."""
    header = records_of(log_path)[0]
    one = _call(cost=None, currency=None)
    once = ledger([_log(header, [one], tmp_path / "1.jsonl")], price_as="gpt-4o").total
    twice = ledger([_log(header, [one, one], tmp_path / "2.jsonl")], price_as="gpt-4o").total
    other = ledger([_log(header, [one], tmp_path / "3.jsonl")], price_as="gpt-4").total
    assert (2 * once.cost["USD"], 0) == (twice.cost["USD"], twice.unpriced)
    assert 0 < once.cost["USD"] < other.cost["USD"]
    assert (once.prompt, once.completion) == (other.prompt, other.completion)


def test_pricing_as_another_model_puts_aside_what_was_paid(log_path: Path, tmp_path: Path) -> None:
    """What a call did cost is no part of what it would cost elsewhere."""
    header = records_of(log_path)[0]
    paid = _log(header, [_call(cost="1000")], tmp_path / "1.jsonl")
    free = _log(header, [_call(cost="0")], tmp_path / "2.jsonl")
    assert ledger([paid], price_as="gpt-4o").total.cost == ledger([free], price_as="gpt-4o").total.cost


def test_a_model_without_a_known_price_is_refused(log_path: Path) -> None:
    """No price is guessed for a model that the list does not know."""
    with pytest.raises(DefinitionError) as caught:
        ledger([RunLog.open(log_path)], price_as="abacus-9000")
    assert str(caught.value) == "no price is known for the model 'abacus-9000'"


def test_costs_in_another_currency_are_not_called_dollars(log_path: Path, tmp_path: Path) -> None:
    """A ledger of calls that were paid in yuan says so."""
    log = _log(records_of(log_path)[0], [_call(cost="3", currency="CNY")], tmp_path / "run.jsonl")
    assert ledger([log]).currency == "CNY"


def test_costs_in_several_currencies_stand_side_by_side(log_path: Path, tmp_path: Path) -> None:
    """They are not added up, and there is no one currency; what cost nothing is in none."""
    made = [_call(cost="3", currency="CNY"), _call(cost="0.5"), _call(cost="1", currency="CNY"), _call(cost="0")]
    book = ledger([_log(records_of(log_path)[0], made, tmp_path / "run.jsonl")])
    assert ({"CNY": Decimal(4), "USD": Decimal("0.5")}, None) == (book.total.cost, book.currency)
    free = ledger([_log(records_of(log_path)[0], [*made[:1], made[3]], tmp_path / "free.jsonl")])
    assert ({"CNY": Decimal(3)}, "CNY") == (told(free.total.cost), free.currency)


def test_a_cost_without_a_currency_is_not_known(log_path: Path, tmp_path: Path) -> None:
    """Unless it is nothing, which is nothing in all of them."""
    made = [_call(cost="3", currency=None), _call(cost="0", currency=None)]
    total = ledger([_log(records_of(log_path)[0], made, tmp_path / "run.jsonl")]).total
    assert (total.unpriced, total.cost) == (1, {})


def test_an_answer_from_a_cache_is_saved_and_not_spent(log_path: Path, tmp_path: Path) -> None:
    """It is a call and a hit; its tokens and its cost are apart, at another model's price too."""
    made = [_call(), _call(measured={"hit": True, "latency_s": 0}), _call(measured={"hit": "yes"})]
    log = _log(records_of(log_path)[0], made, tmp_path / "run.jsonl")
    total = ledger([log]).total
    assert (total.calls, total.hits, total.paid, total.total, total.saved_tokens) == (3, 1, 2, 220, 110)
    assert ({"USD": Decimal(1)}, {"USD": Decimal("0.5")}) == (total.cost, total.saved_cost)
    elsewhere = ledger([log], price_as="gpt-4").total
    assert elsewhere.cost["USD"] == 2 * elsewhere.saved_cost["USD"] > 0


def test_phases_come_in_the_order_in_which_they_were_met(log_path: Path, tmp_path: Path) -> None:
    """With their labels in the language of the run, as long as all runs are of one world."""
    header = records_of(log_path)[0]
    made = [_call(state="till"), _call(state="reception"), _call(state="nowhere"), _call(state="till")]
    log = _log(header, made, tmp_path / "run.jsonl")
    book = ledger([log], "model")
    assert [(row.key, row.calls) for row in book.phases] == [("till", 2), ("reception", 1), ("nowhere", 1)]
    assert book.labels == {"till": "缴费", "reception": "挂号", "nowhere": "nowhere"}
    other = _log({**header, "world": "elsewhere"}, made, tmp_path / "other.jsonl")
    assert ledger([log, other]).labels == {}


@pytest.mark.parametrize("resolved", [{}, {"world": []}, {"world": {"states": {"till": {"label": 7}}}}])
def test_a_header_without_labels_leaves_the_names(resolved: Any, log_path: Path, tmp_path: Path) -> None:
    """A log is added up whatever its header holds of the world."""
    header = {**records_of(log_path)[0], "resolved": resolved}
    assert ledger([_log(header, [_call(state="till")], tmp_path / "run.jsonl")]).labels == {"till": "till"}


def test_states_that_share_a_label_keep_their_names(log_path: Path, tmp_path: Path) -> None:
    """Two bars of one name would be a riddle."""
    states = {"day": {"label": {"zh": "发言"}}, "night": {"label": {"zh": "发言"}}, "end": {"label": "The end"}}
    header = {**records_of(log_path)[0], "resolved": {"world": {"states": states}}}
    log = _log(header, [_call(state=name) for name in states], tmp_path / "run.jsonl")
    assert ledger([log]).labels == {"day": "day", "night": "night", "end": "The end"}


def test_two_runs_of_one_name_have_rows_of_their_own(log_path: Path, tmp_path: Path) -> None:
    """The second is called by its path."""
    (tmp_path / "b").mkdir()
    logs = [
        _log(records_of(log_path)[0], [_call()], path) for path in (tmp_path / "r.jsonl", tmp_path / "b/r.jsonl")
    ]
    assert [("r", 1), (str(logs[1].path), 1)] == [(row.key, row.calls) for row in ledger(logs, "run").rows]


def test_no_runs_make_an_empty_ledger() -> None:
    """Nothing adds up to nothing."""
    book = ledger([])
    assert (book.rows, book.runs, book.total.total, book.total.cost) == ((), (), 0, {})
    assert book.currency == "USD"
