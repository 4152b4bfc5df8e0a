"""Guards and effects: what an expression gives, and what is refused before anything is run."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_engine import DataType

from sim.world.expressions import Compiled
from sim.world.kinds import Kind
from sim.world.rows import Row
from sim.world.vocabulary import ExpressionError, Vocabulary, record_type, table_type, type_of

DEPARTMENTS = frozenset({"orthopaedics", "internal_medicine"})
DRUGS = frozenset({"ibuprofen", "bandage"})
VOCABULARY = Vocabulary(
    {
        "fee": DataType.FLOAT,
        "paid": DataType.FLOAT,
        "ready": DataType.BOOLEAN,
        "department": DataType.STRING,
        "科室": DataType.STRING,
        "prescription": DataType.ARRAY(DataType.STRING),
        "scores": DataType.ARRAY(DataType.FLOAT),
    },
    DEPARTMENTS | DRUGS | {"骨科", "内科"},
    {
        "drugs": table_type("drugs", {"price": DataType.FLOAT, "名称": DataType.STRING}),
        "act": record_type("act", {"amount": DataType.FLOAT, "金额": DataType.FLOAT, "where": DataType.STRING}),
    },
    {
        "department": DEPARTMENTS,
        "科室": frozenset({"骨科", "内科"}),
        "prescription": DRUGS,
        "act.where": DEPARTMENTS,
    },
)
SCOPE: dict[str, Any] = {
    "fee": Decimal("0.3"),
    "paid": Decimal("0.1"),
    "ready": True,
    "department": "orthopaedics",
    "科室": "骨科",
    "prescription": ("ibuprofen", "bandage"),
    "scores": (Decimal(4), Decimal("2.5")),
    "drugs": {
        "ibuprofen": Row({"price": Decimal("28.5"), "名称": "布洛芬"}),
        "bandage": Row({"price": Decimal("12.6"), "名称": "绷带"}),
    },
    "act": Row({"amount": Decimal(3), "金额": Decimal(5), "where": "orthopaedics"}),
}


def value(text: str, **changed: Any) -> Any:
    """What an expression gives, compiled afresh."""
    return Compiled(text, VOCABULARY)({**SCOPE, **changed})


def refusal(text: str, wanted: Any = None) -> str:
    """Why an expression is not compiled."""
    with pytest.raises(ExpressionError) as error:
        Compiled(text, VOCABULARY, wanted)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2 == 0.3", True),
        ("paid + 0.2 == fee", True),
        ("fee / 3 * 3 == fee", True),
        ("fee - paid", Decimal("0.2")),
        ("-paid * 2", Decimal("-0.2")),
        ("7 % 4", Decimal(3)),
        ("fee > paid and not (fee < paid or not ready)", True),
        ("ready ? 1 : 2", Decimal(1)),
        ("true", True),
        ("false", False),
        ("department == orthopaedics", True),
        ("department == 'orthopaedics'", True),
        ("department != internal_medicine", True),
        ("department == null", False),
        ("department in [orthopaedics, internal_medicine]", True),
        ("科室 == 骨科", True),
        ('科室 == "骨科" and fee > 0', True),
        ("科室 != 内科", True),
        ("ibuprofen in prescription", True),
        ("prescription.length", Decimal(2)),
        ("prescription.is_empty", False),
        ("prescription == [ibuprofen, bandage]", True),
        ("prescription[0] == ibuprofen", True),
        ("[d for d in prescription if d != bandage]", ("ibuprofen",)),
        ("sum([drugs[d].price for d in prescription])", Decimal("41.1")),
        ("drugs[ibuprofen].price", Decimal("28.5")),
        ("drugs[bandage].名称", "绷带"),
        ("act.amount + act.金额", Decimal(8)),
        ("act.where == orthopaedics", True),
        ("sum(scores)", Decimal("6.5")),
        ("min(scores)", Decimal("2.5")),
        ("max(scores)", Decimal(4)),
        ("sum([]) == 0 and min([]) == 0 and max([]) == 0", True),
        ("any([s > 3 for s in scores])", True),
        ("all([s > 3 for s in scores])", False),
        ("any([])", False),
        ("all([])", True),
    ],
)
def test_an_expression_gives_its_value(text: str, expected: object) -> None:
    """Decimals are exact, words stand for themselves, tables and lists are looked into."""
    got = value(text)
    assert (expected, type(expected)) == (got, type(got))


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_sums_of_cents_are_equal_when_they_look_equal(one: int, other: int) -> None:
    """No two amounts add up to anything but their sum."""
    a, b = Decimal(one) / 100, Decimal(other) / 100
    total = Decimal(one + other) / 100
    assert value("fee + paid == act.amount", fee=a, paid=b, act=Row({"amount": total}))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fee > 0", {"fee"}),
        ("科室 == 骨科", {"科室"}),
        ("sum([drugs[d].price for d in prescription])", {"drugs", "prescription"}),
        ("act.amount == fee", {"act", "fee"}),
        ("1 + 1 == 2", set()),
    ],
)
def test_the_names_that_an_expression_reads_are_known(text: str, names: set[str]) -> None:
    """Who knows a derived value follows from these, so words, functions and loop names are none of them."""
    assert names == Compiled(text, VOCABULARY).reads


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("fe > 1", "unknown name 'fe' in 'fe > 1'; did you mean 'fee'? known: "),
        ("科室号 == 骨科", "unknown name '科室号' in '科室号 == 骨科'; did you mean '科室'? known: "),
        (
            "department == orthopedics",
            "unknown name 'orthopedics' in 'department == orthopedics'; did you mean 'orthopaedics'?",
        ),
        ("act.amont > 1", "unknown name '.amont' in 'act.amont > 1'; did you mean 'amount'?"),
        ("drugs[ibuprofen].prize", "unknown name '.prize' in 'drugs[ibuprofen].prize'; did you mean 'price'?"),
        ("fee.__class__", "unknown name '.__class__' in 'fee.__class__'"),
        ("abs(fee)", "unknown name 'abs' in 'abs(fee)'"),
        ("split(department)", "unknown name 'split' in 'split(department)'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(text: str, start: str) -> None:
    """Names, attributes and functions alike."""
    assert refusal(text).startswith(start), refusal(text)


FIT = "; a number goes with a number (3, not '3'), a word with a word"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "department == 'orthopedics'",
            "'department' is never 'orthopedics'; "
            "did you mean 'orthopaedics'? known: internal_medicine, orthopaedics",
        ),
        ("'bandage' != department", "'department' is never 'bandage'; known: internal_medicine, orthopaedics"),
        ("department == bandage", "'department' is never 'bandage'; known: internal_medicine, orthopaedics"),
        (
            "department in [orthopaedics, bandage]",
            "'department' is never 'bandage'; known: internal_medicine, orthopaedics",
        ),
        (
            "'bandge' in prescription",
            "'prescription' is never 'bandge'; did you mean 'bandage'? known: bandage, ibuprofen",
        ),
        ("act.where == ibuprofen", "'act.where' is never 'ibuprofen'; known: internal_medicine, orthopaedics"),
        ("科室 == '外科'", "'科室' is never '外科'; known: 内科, 骨科"),
        (
            "ready and (fee > 1 or not department == 'orthopedics')",
            "'department' is never 'orthopedics'; "
            "did you mean 'orthopaedics'? known: internal_medicine, orthopaedics",
        ),
    ],
)
def test_a_choice_that_can_never_be_is_refused(text: str, message: str) -> None:
    """A typo in a word is an error and not a condition that is always false."""
    assert message == refusal(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fee == department", "a number is compared with a word, which can never be equal"),
        ("ready == 1", "true or false is compared with a number, which can never be equal"),
        ("fee != true", "a number is compared with true or false, which can never be equal"),
        ("fee > department", "the types in 'fee > department' do not fit" + FIT),
        ("fee + department", "the types in 'fee + department' do not fit" + FIT),
        ("sum(prescription)", "the types in 'sum(prescription)' do not fit" + FIT),
    ],
)
def test_types_that_do_not_fit_are_refused(text: str, message: str) -> None:
    """Before anything is run."""
    assert message == refusal(text)


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("fee + 1", DataType.BOOLEAN, "'fee + 1' is a number, but true or false is needed"),
        ("department", DataType.FLOAT, "'department' is a word, but a number is needed"),
        ("fee > 1", DataType.STRING, "'fee > 1' is true or false, but a word is needed"),
        ("drugs[ibuprofen]", DataType.FLOAT, "'drugs[ibuprofen]' is an object, but a number is needed"),
        ("fee", DataType.ARRAY(DataType.STRING), "'fee' is a number, but a list is needed"),
        ("prescription", DataType.BOOLEAN, "'prescription' is a list, but true or false is needed"),
    ],
)
def test_a_value_of_another_type_than_is_needed_is_refused(text: str, wanted: Any, message: str) -> None:
    """A condition is true or false, and an effect of the fact's kind."""
    assert message == refusal(text, wanted)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("fee > 0 && ready", "; write 'and' for '&&'"),
        ("ready || ready", "; write 'or' for '||'"),
        ("!ready", "; write 'not' for '!'"),
        ("fee != 1 && ready", "; write 'and' for '&&'"),
        ("fee = 1", "; write '==' to compare"),
        ("fee ＞ 1", "; write '>' for the Chinese '＞'"),
        ("fee > 1， ready", "; write 'and' for the Chinese '，'"),
        ("department == ‘till’", "; write quotes as ' and '"),
        ("fee ≥ 1", "; write '>=' for '≥'"),
        ("fee ≠ 1", "; write '!=' for '≠'"),
        ("ready 且 ready", "; write 'and' for '且'"),
        ("ready 或者 ready", "; write 'or' for '或者'"),
        ("不是 ready", "; write 'not' for '不是'"),
        ("fee > ５", "; write '5' for the full-width '５'"),
        ("not　ready", "; write a blank for the full-width one"),
        ("fee，ready", "; write '[fee, ready]' for a list, 'and' between conditions"),
    ],
)
def test_the_signs_of_other_languages_are_answered_with_ours(text: str, hint: str) -> None:
    """Who writes && is told of and."""
    assert f"'{text}' is not an expression{hint}" == refusal(text)


@pytest.mark.parametrize(("text", "meant"), [("ready且ready", "ready and ready"), ("ready或者fee", "ready or fee")])
def test_names_with_a_chinese_and_between_them_are_taken_apart(text: str, meant: str) -> None:
    """Chinese has no blanks between words."""
    assert f"unknown name '{text}' in '{text}'; write '{meant}'" == refusal(text)


@pytest.mark.parametrize("text", ["", " ", "#", "(fee", "fee >", "fee fee", "lambda x: x", "fee if ready else 1"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    """Half a sentence, or another language."""
    assert f"'{text}' is not an expression" == refusal(text)


@pytest.mark.parametrize(
    "text", ["$now", "$random", "$today.year > 2000", "fee > 0 and $random() > 0.5", "$re_groups"]
)
def test_names_with_a_dollar_are_refused(text: str) -> None:
    """The clock and chance would make two runs differ."""
    assert f"names with $ are not part of the language, as in '{text}'" == refusal(text)


def test_a_dollar_in_quotes_is_text() -> None:
    """Money may be spoken of."""
    assert value("'$now' == '$now'")


@pytest.mark.parametrize(
    "text",
    [
        "department =~ 'a'",
        "department !~ 'a'",
        "department =~~ 'a'",
        "'a' =~ 'a'",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaa!' =~ '(a+)+$'",
    ],
)
def test_regular_expressions_are_refused(text: str) -> None:
    """Even between two texts, where the library computes the result while it reads."""
    before = time.perf_counter()
    assert refusal(text) == "regular expressions are not part of the language"
    assert time.perf_counter() - before < 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('d"2020-01-01" == null', "dates and bytes are not part of the language"),
        ("d'2020-01-01' == null", "dates and bytes are not part of the language"),
        ('d"2020-01-01T00:00" == d"2020-01-01T00:00+00:00"', "dates and bytes are not part of the language"),
        ('t"P1D"', "dates and bytes are not part of the language"),
        ('b"a"', "dates and bytes are not part of the language"),
        ("1 & 1", "bit operations are not part of the language"),
        ("1 << 3", "bit operations are not part of the language"),
        ("fee ** 2", "powers are not part of the language"),
        ("2 ** 3", "powers are not part of the language"),
    ],
)
def test_dates_bytes_bits_and_powers_are_refused(text: str, message: str) -> None:
    """Among them a date without a zone, which would mean another moment on another computer."""
    assert message == refusal(text)


@pytest.mark.parametrize("text", ["not " * 3000 + "ready", "[" * 3000 + "]" * 3000, "-" * 3000 + "fee"])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    """And does not bring the reader down."""
    with pytest.raises(ExpressionError):
        Compiled(text, VOCABULARY)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("drugs[department].price == 1", {}),
        ("drugs[department].price == 1", {"department": None}),
        ("prescription[5] == ibuprofen", {}),
        ("fee / paid > 1", {"paid": Decimal(0)}),
        ("department.length > 1", {"department": None}),
        ("'Dr ' + department == 'Dr X'", {"department": None}),
    ],
)
def test_what_cannot_be_computed_is_an_error_and_as_a_condition_false(text: str, changed: dict[str, Any]) -> None:
    """A missing row, a division by zero, a choice that was not made yet."""
    compiled = Compiled(text, VOCABULARY, DataType.BOOLEAN)
    scope = {**SCOPE, **changed}
    assert False is compiled.holds(scope)
    with pytest.raises(ExpressionError) as error:
        compiled(scope)
    assert str(error.value).startswith(f"'{text}' cannot be computed: ")


def test_a_condition_that_can_be_computed_holds_or_not() -> None:
    """And is true or false itself, not something that counts as it."""
    assert [Compiled(t, VOCABULARY).holds(SCOPE) for t in ("fee > 0", "fee < 0")] == [True, False]


def test_a_failure_is_not_remembered_for_other_values() -> None:
    """The same condition holds once the row is there."""
    compiled = Compiled("drugs[prescription[0]].price > 20", VOCABULARY)
    assert [compiled.holds({**SCOPE, "prescription": p}) for p in ((), ("ibuprofen",), ("bandage",))] == [
        False,
        True,
        False,
    ]


scopes = st.fixed_dictionaries(
    {
        "fee": st.sampled_from([Decimal(0), Decimal(1), Decimal("0.1")]),
        "paid": st.sampled_from([Decimal(0), Decimal(1), Decimal("1.0")]),
        "ready": st.booleans(),
        "department": st.sampled_from([None, "orthopaedics", "internal_medicine"]),
        "prescription": st.lists(st.sampled_from(["ibuprofen", "bandage"]), max_size=2).map(tuple),
        "act": st.builds(lambda n: Row({"amount": Decimal(n)}), st.integers(0, 2)),
    }
)
TEXTS = (
    "fee == paid",
    "ready",
    "fee + act.amount",
    "department == orthopaedics and ready",
    "sum([drugs[d].price for d in prescription]) + paid",
    "ready and fee / paid == 1",
)
KEPT = {text: Compiled(text, VOCABULARY) for text in TEXTS}


def outcome(compiled: Compiled, scope: dict[str, Any]) -> Any:
    """The value, or that there is none."""
    try:
        return compiled(scope)
    except ExpressionError:
        return "no value"


@given(st.sampled_from(TEXTS), st.lists(scopes, min_size=1, max_size=6))
def test_what_is_remembered_is_what_would_be_computed(text: str, given_: list[dict[str, Any]]) -> None:
    """An expression used again and again gives what one compiled afresh gives."""
    full = [{**SCOPE, **scope} for scope in given_]
    expected = [outcome(Compiled(text, VOCABULARY), scope) for scope in full]
    assert expected == [outcome(KEPT[text], scope) for scope in full]


def test_more_values_than_are_remembered_are_still_computed() -> None:
    """Forgetting changes nothing."""
    compiled = Compiled("fee * 2", VOCABULARY)
    twice = [compiled({**SCOPE, "fee": Decimal(n)}) for n in [*range(600), *range(600)]]
    assert [Decimal(2 * n) for n in [*range(600), *range(600)]] == twice


def test_rows_are_equal_by_their_values_whatever_their_order() -> None:
    """And equal rows have equal hashes, as Python asks."""
    one, other = Row({"a": Decimal(1), "b": "x"}), Row({"b": "x", "a": Decimal(1)})
    assert (True, hash(one)) == (one == other, hash(other))


def test_a_row_cannot_be_changed() -> None:
    """Constants stay constant."""
    with pytest.raises(AttributeError):
        SCOPE["drugs"]["ibuprofen"].price = Decimal(0)


@pytest.mark.parametrize("name", ["cells", "_items", "__class__"])
def test_a_column_may_have_any_name(name: str) -> None:
    """Also one that our own class uses inside."""
    vocabulary = Vocabulary({}, records={"act": record_type("act", {name: DataType.FLOAT})})
    assert Decimal(7) == Compiled(f"act.{name}", vocabulary)({"act": Row({name: Decimal(7)})})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind("flag"), DataType.BOOLEAN),
        (Kind("money"), DataType.FLOAT),
        (Kind("choice"), DataType.STRING),
        (Kind("list", item=Kind("number")), DataType.ARRAY(DataType.FLOAT)),
    ],
)
def test_each_kind_has_its_type(kind: Kind, expected: Any) -> None:
    """Money is a number and a choice a word."""
    assert expected == type_of(kind)
