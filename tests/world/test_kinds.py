"""The kinds of value: what each reads, what it says of what it does not read, and how a value is shown."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.kinds import Kind, from_json, label_of, show_number, to_json

FLAG = Kind("flag")
NUMBER = Kind("number")
SCORE = Kind("number", "of 10", low=Decimal(0), high=Decimal(10), is_whole=True)
MONEY = Kind("money", "CNY")
TEXT = Kind("text", high=Decimal(5))
PLACE = Kind(
    "choice", options={"till": {"zh": "收费处", "en": "the Cashier"}, "pharmacy": {"*": "Pharmacy"}, "hall": {}}
)
PLACES = Kind("list", item=PLACE, low=Decimal(1), high=Decimal(3))
NUMBERS = Kind("list", item=NUMBER)
WORDS = Kind("list", item=Kind("text"))


@pytest.mark.parametrize(
    ("kind", "given_", "value"),
    [
        (FLAG, True, True),
        (FLAG, False, False),
        (FLAG, "True", True),
        (FLAG, "no", False),
        (FLAG, " 是 ", True),
        (FLAG, "否", False),
        (NUMBER, 3, Decimal(3)),
        (NUMBER, 0.1, Decimal("0.1")),
        (NUMBER, "-2.50", Decimal("-2.5")),
        (NUMBER, " 7 ", Decimal(7)),
        (NUMBER, "１２.５", Decimal("12.5")),
        (NUMBER, "1e3", Decimal(1000)),
        (NUMBER, "-0", Decimal(0)),
        (NUMBER, 10**12, Decimal(10) ** 12),
        (SCORE, 0, Decimal(0)),
        (SCORE, 10, Decimal(10)),
        (SCORE, "１０", Decimal(10)),
        (SCORE, 5.0, Decimal(5)),
        (Kind("number", "of 10"), "7 of 10", Decimal(7)),
        (Kind("number", "分钟"), "１５分钟", Decimal(15)),
        (MONEY, 28.5, Decimal("28.5")),
        (MONEY, "28.50", Decimal("28.5")),
        (MONEY, "28.500", Decimal("28.5")),
        (MONEY, "28.5 cny", Decimal("28.5")),
        (MONEY, "０.０１", Decimal("0.01")),
        (TEXT, "", ""),
        (TEXT, "五个汉字吗", "五个汉字吗"),
        (PLACE, "till", "till"),
        (PLACE, "收费处", "till"),
        (PLACE, "THE CASHIER", "till"),
        (PLACE, " ｔｉｌｌ ", "till"),
        (PLACE, "pharmacy", "pharmacy"),
        (PLACE, "hall", "hall"),
        (PLACE, None, None),
        (PLACES, ["till"], ("till",)),
        (PLACES, ("收费处", "hall", "till"), ("till", "hall", "till")),
        (NUMBERS, [], ()),
        (NUMBERS, [1, "２"], (Decimal(1), Decimal(2))),
        (WORDS, ["a"] * 100, ("a",) * 100),
    ],
)
def test_a_value_of_the_kind_is_read(kind: Kind, given_: object, value: object) -> None:
    """What a model or a person writes becomes the value that is meant, of the right type."""
    read = kind.read(given_)
    assert (value, type(value)) == (read, type(read))


RANGE = " from 0 to 10"


@pytest.mark.parametrize(
    ("kind", "given_", "message"),
    [
        (FLAG, 1, "must be true or false"),
        (FLAG, 0, "must be true or false"),
        (FLAG, "1", "must be true or false"),
        (FLAG, "maybe", "must be true or false"),
        (FLAG, "", "must be true or false"),
        (FLAG, None, "must be true or false"),
        (NUMBER, True, "must be a number"),
        (NUMBER, False, "must be a number"),
        (NUMBER, None, "must be a number"),
        (NUMBER, "", "must be a number"),
        (NUMBER, "十二", "must be a number"),
        (NUMBER, "12 yuan", "must be a number"),
        (NUMBER, float("nan"), "must be a number"),
        (NUMBER, "sNaN", "must be a number"),
        (NUMBER, float("inf"), "must be a number"),
        (NUMBER, "-Infinity", "must be a number"),
        (NUMBER, 10**12 + 1, "must be a number"),
        (NUMBER, "1e999999", "must be a number"),
        (NUMBER, "9" * 5000, "must be a number"),
        (NUMBER, [1], "must be a number"),
        (NUMBER, {"value": 1}, "must be a number"),
        (SCORE, -1, f"must be a number{RANGE}"),
        (SCORE, 11, f"must be a number{RANGE}"),
        (SCORE, True, f"must be a number{RANGE}"),
        (SCORE, 2.5, f"must be a whole number{RANGE}"),
        (Kind("number", low=Decimal("0.5")), 0, "must be a number, at least 0.5"),
        (Kind("number", high=Decimal(3)), 4, "must be a number, at most 3"),
        (MONEY, "28.555", "must be an amount with at most two decimals"),
        (MONEY, 0.1 + 0.2, "must be an amount with at most two decimals"),
        (MONEY, True, "must be a number"),
        (MONEY, "28.5元", "must be a number"),
        (MONEY, "28.5 USD", "must be a number"),
        (MONEY, "CNY", "must be a number"),
        (TEXT, "sixsix", "must be at most 5 characters long"),
        (Kind("text"), "x" * 2001, "must be at most 2000 characters long"),
        (TEXT, 5, "must be text"),
        (TEXT, None, "must be text"),
        (PLACE, "tilt", "must be one of: till, pharmacy, hall"),
        (PLACE, "", "must be one of: till, pharmacy, hall"),
        (PLACE, 1, "must be one of: till, pharmacy, hall"),
        (PLACE, ["till"], "must be one of: till, pharmacy, hall"),
        (PLACES, "till", "must be a list"),
        (PLACES, {"till": 1}, "must be a list"),
        (PLACES, None, "must be a list"),
        (PLACES, [], "must have at least 1 item"),
        (PLACES, ["till"] * 4, "must have at most 3 items"),
        (PLACES, ["till", "tilt"], "must be one of: till, pharmacy, hall"),
        (PLACES, ["till", None], "must be one of: till, pharmacy, hall"),
        (PLACES, [None], "must be one of: till, pharmacy, hall"),
        (NUMBERS, [1, True], "must be a number"),
        (NUMBERS, [1, None], "must have no empty item"),
        (WORDS, ["a", None], "must have no empty item"),
        (WORDS, ["a"] * 101, "must have at most 100 items"),
        (WORDS, [["a"]], "must be text"),
    ],
)
def test_what_is_not_of_the_kind_is_refused_with_the_reason(kind: Kind, given_: object, message: str) -> None:
    """The message completes a sentence that starts with the name."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        kind.read(given_)


@pytest.mark.parametrize("tiny", ["1e-999999", "0.000000000000000000000000000000000000001"])
def test_a_number_that_a_log_could_not_hold_is_refused(tiny: str) -> None:
    """A model cannot plant a number that takes a million digits to write, or that the log would round."""
    with pytest.raises(ValueError, match="must be a number"):
        NUMBER.read(tiny)


def test_an_id_means_itself_even_where_it_is_the_label_of_another() -> None:
    """Effects read ids again, so a label of another option must not catch them."""
    kind = Kind("choice", options={"a": {"en": "b"}, "b": {"en": "c"}})
    assert [kind.read(word) for word in ("a", "b", "c")] == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("kind", "empty"),
    [(FLAG, False), (NUMBER, Decimal(0)), (MONEY, Decimal(0)), (TEXT, None), (PLACE, None), (PLACES, ())],
)
def test_the_empty_value_is_that_of_the_kind(kind: Kind, empty: object) -> None:
    """A fact without a start is false, zero, nothing or an empty list."""
    assert (empty, type(empty)) == (kind.empty, type(kind.empty))


numbers = st.decimals(-(10**9), 10**9, allow_nan=False, places=4)
amounts = st.decimals(0, 10**9, allow_nan=False, places=2)
scalars = st.none() | st.booleans() | st.text(max_size=20) | numbers | amounts | st.integers(-(10**12), 10**12)
values = st.recursive(
    scalars.map(lambda v: Decimal(v) if isinstance(v, int) and not isinstance(v, bool) else v),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=8,
)


def typed(value: Any) -> Any:
    """A value with its types, as True equals 1."""
    return tuple(map(typed, value)) if isinstance(value, tuple) else (type(value), value)


@given(values)
def test_a_value_is_the_same_after_a_log(value: Any) -> None:
    """To JSON, to text and back gives an equal value of the same type."""
    assert typed(value) == typed(from_json(json.loads(json.dumps(to_json(value)))))


@given(
    st.one_of(
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.from_regex(r"[0-9]{1,12}\.[0-9]{1,25}", fullmatch=True),
    )
)
def test_a_number_that_is_read_is_the_same_after_a_log(given_: Any) -> None:
    """Whatever number is accepted is one that the log holds exactly."""
    try:
        value = NUMBER.read(given_)
    except ValueError:
        return
    assert value == from_json(json.loads(json.dumps(to_json(value))))


@given(st.integers(-(10**11), 10**11))
def test_any_amount_in_cents_is_read_exactly_from_a_json_number(cents: int) -> None:
    """Prices as models write them, with a point, are what they look like."""
    amount = Decimal(cents) / 100
    assert (amount, amount) == (MONEY.read(float(amount)), MONEY.read(str(amount)))


@given(st.sampled_from([FLAG, NUMBER, SCORE, MONEY, TEXT, PLACE, PLACES, NUMBERS, WORDS]), values)
def test_reading_twice_is_reading_once(kind: Kind, given_: Any) -> None:
    """A value of a kind is read as itself."""
    try:
        value = kind.read(given_)
    except ValueError:
        return
    assert typed(value) == typed(kind.read(value))


def test_what_no_fact_can_be_is_not_taken_from_a_log() -> None:
    """An object in the place of a value is an error."""
    with pytest.raises(ValueError, match="not a value of a fact"):
        from_json({"a": 1})


@pytest.mark.parametrize(
    ("kind", "value", "zh", "en"),
    [
        (FLAG, True, "是", "yes"),
        (FLAG, False, "否", "no"),
        (NUMBER, Decimal("12.50"), "12.5", "12.5"),
        (NUMBER, Decimal("1E+3"), "1000", "1000"),
        (MONEY, Decimal("28.5"), "28.5", "28.5"),
        (TEXT, "hi", "hi", "hi"),
        (PLACE, "till", "收费处", "the Cashier"),
        (PLACE, "pharmacy", "Pharmacy", "Pharmacy"),
        (PLACE, "hall", "hall", "hall"),
        (PLACE, None, "—", "—"),
        (PLACES, ("till", "hall"), "收费处、hall", "the Cashier, hall"),
        (NUMBERS, (Decimal(1), Decimal("2.0")), "1、2", "1, 2"),
    ],
)
def test_a_value_is_shown_in_the_language_of_its_reader(kind: Kind, value: Any, zh: str, en: str) -> None:
    """Labels, truth and lists are written for people."""
    assert (zh, en) == (kind.show(value, "zh"), kind.show(value, "en"))


@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=6))
def test_a_shown_number_is_the_number(value: Decimal) -> None:
    """Only zeros that say nothing are left out, never an exponent or a digit."""
    shown = show_number(value)
    assert value == Decimal(shown)
    assert "e" not in shown.lower()


@pytest.mark.parametrize(
    ("labels", "language", "label"),
    [
        ({"zh": "甲", "en": "A"}, "en", "A"),
        ({"zh": "甲", "*": "B"}, "en", "B"),
        ({"zh": "甲"}, "en", "甲"),
        ({}, "en", ""),
    ],
)
def test_a_label_is_that_of_the_language_or_the_nearest_there_is(
    labels: dict[str, str], language: str, label: str
) -> None:
    """The language itself, then the one for all, then any."""
    assert label == label_of(labels, language)
