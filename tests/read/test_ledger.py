"""The ledger: every way of adding up gives the same exact total, and what is not known is said to be so."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError
from sim.read.ledger import By, Row, ledger
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call
from tests.read.forging import records_of

BYS = get_args(By)
BOOKKEEPING = {"seq", "type", "hash", "measured"}
CALL = {"turn": 1, "attempt": 0, "prompt": "0" * 32, "answer": "Hello.", "currency": "USD"}

tokens = st.integers(0, 10**9)
calls = st.fixed_dictionaries(
    {
        "episode": st.integers(1, 3),
        "role": st.sampled_from(["patient", "doctor", "cashier"]),
        "state": st.sampled_from(["reception", "till"]),
        "purpose": st.sampled_from(["turn", "repair"]),
        "model": st.sampled_from(["scripted", "gpt-4o", "本地"]),
        "cost": st.none() | st.decimals(0, 10**6, places=12).map(lambda d: format(d, "f")),
        "usage": st.fixed_dictionaries(
            {"prompt": tokens, "completion": tokens, "cached": tokens, "is_estimated": st.booleans()}
        ),
    }
)


def _log(header: dict[str, Any], given_calls: list[dict[str, Any]], path: Path) -> RunLog:
    with LogWriter(path) as log:
        log.append("header", {k: v for k, v in header.items() if k not in BOOKKEEPING})
        for call in given_calls:
            log.append("call", {**CALL, **call})
    return RunLog.open(path)


def _call(**fields: Any) -> dict[str, Any]:
    """A call of the doctor's with some fields set otherwise."""
    usage = {"prompt": 100, "completion": 10, "cached": 0, "is_estimated": False}
    call = {"episode": 1, "role": "doctor", "state": "consulting", "purpose": "turn", "model": "gpt-4o"}
    return {**call, "cost": "0.5", "usage": usage, **fields}


def _sums(rows: tuple[Row, ...]) -> tuple[object, ...]:
    names = ("calls", "prompt", "completion", "cached", "cost", "unpriced", "estimated", "total")
    return tuple(sum((getattr(row, name) for row in rows), Decimal(0)) for name in names)


@settings(max_examples=40, deadline=None)
@given(runs=st.lists(st.lists(calls, max_size=12), min_size=1, max_size=3))
def test_the_rows_add_up_to_the_total_exactly_by_whatever_they_are_made(
    runs: list[list[dict[str, Any]]], log_path: Path
) -> None:
    """For any calls of any runs the rows, by each of the ways, sum to the calls themselves, to the last digit."""
    header = records_of(log_path)[0]
    with tempfile.TemporaryDirectory() as folder:
        logs = [_log(header, given_calls, Path(folder) / f"run{i}.jsonl") for i, given_calls in enumerate(runs)]
    made = [call for given_calls in runs for call in given_calls]
    known = [Decimal(call["cost"]) for call in made if call["cost"] is not None]
    wanted = (
        len(made),
        sum(c["usage"]["prompt"] for c in made),
        sum(c["usage"]["completion"] for c in made),
        sum(c["usage"]["cached"] for c in made),
        sum(known, Decimal(0)),
        len(made) - len(known),
        sum(c["usage"]["is_estimated"] for c in made),
        sum(c["usage"]["prompt"] + c["usage"]["completion"] for c in made),
    )
    for by in BYS:
        book = ledger(logs, by)
        assert wanted == _sums(book.rows), by
        assert wanted == _sums((book.total,)), by
        wanted_keys = {log.name for log in logs if len(log.records) > 1}
        if by != "run":
            wanted_keys = {str(getattr(r, by)) for log in logs for r in log.records if isinstance(r, Call)}
        assert wanted_keys == {row.key for row in book.rows}, by
        assert len(wanted_keys) == len(book.rows), by
        assert tuple(log.name for log in logs) == book.runs


def test_each_call_goes_to_its_own_row(log_path: Path, tmp_path: Path) -> None:
    """Rows stand in the order in which their keys first came, each with its own calls alone."""
    made = [
        _call(role="doctor", cost="0.1"),
        _call(role="patient", cost="0.02"),
        _call(role="doctor", cost="0.003", purpose="repair"),
    ]
    log = _log(records_of(log_path)[0], made, tmp_path / "run.jsonl")
    by_role = [(row.key, row.calls, row.prompt, row.cost) for row in ledger([log], "role").rows]
    assert [("doctor", 2, 200, Decimal("0.103")), ("patient", 1, 100, Decimal("0.02"))] == by_role
    by_purpose = [(row.key, row.calls, row.cost) for row in ledger([log], "purpose").rows]
    assert [("turn", 2, Decimal("0.12")), ("repair", 1, Decimal("0.003"))] == by_purpose


def test_ten_times_a_tenth_is_one(log_path: Path, tmp_path: Path) -> None:
    """Money is added as decimals, not as floats."""
    log = _log(records_of(log_path)[0], [_call(cost="0.1")] * 10, tmp_path / "run.jsonl")
    assert Decimal(1) == ledger([log]).total.cost


def test_a_cost_that_is_not_known_is_counted_and_not_taken_for_nothing(log_path: Path, tmp_path: Path) -> None:
    """Rows tell a call without a price from one that was free."""
    made = [_call(cost=None, currency=None), _call(cost="0"), _call(cost="0.25")]
    row = ledger([_log(records_of(log_path)[0], made, tmp_path / "run.jsonl")]).total
    assert (3, 1, Decimal("0.25")) == (row.calls, row.unpriced, row.cost)


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
    assert (len(made), len(made), Decimal(0), 0) == (total.calls, total.estimated, total.cost, total.unpriced)
    assert sum(c.usage.prompt + c.usage.completion for c in made) == total.total


def test_the_same_tokens_can_be_priced_as_another_model(log_path: Path, tmp_path: Path) -> None:
    """At a known model's price each call has a cost, twice the tokens cost twice as much, and prices differ."""
    header = records_of(log_path)[0]
    one = _call(cost=None, currency=None)
    once = ledger([_log(header, [one], tmp_path / "1.jsonl")], price_as="gpt-4o").total
    twice = ledger([_log(header, [one, one], tmp_path / "2.jsonl")], price_as="gpt-4o").total
    other = ledger([_log(header, [one], tmp_path / "3.jsonl")], price_as="gpt-4").total
    assert once.cost > 0
    assert (2 * once.cost, 0) == (twice.cost, twice.unpriced)
    assert once.cost < other.cost
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


def test_no_runs_make_an_empty_ledger() -> None:
    """Nothing adds up to nothing."""
    book = ledger([])
    assert ((), (), 0, Decimal(0)) == (book.rows, book.runs, book.total.total, book.total.cost)
