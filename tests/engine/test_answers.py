"""Reading answers: tolerant where the meaning is plain, strict where it is not."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sim.engine.answers import fall_back, read
from sim.engine.machine import begin
from sim.engine.situation import Act, Situation
from sim.world.world import World


def at(world: World, state: str, turn: int, **facts: object) -> Situation:
    """A situation somewhere in the middle of a visit."""
    start = begin(world, 1)
    values = {
        k: Decimal(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for k, v in facts.items()
    }
    return replace(start, state=state, state_turns=turn, turn=turn, facts={**start.facts, **values})


@pytest.fixture
def paying(world: World) -> Situation:
    """The patient knows the fee and has not paid it."""
    return at(world, "reception", 2, fee=15, department="orthopaedics", registered_with="zhao_liu")


PAID = (Act("pay_fee", {"amount": Decimal(15)}),)


@pytest.mark.parametrize(
    "raw",
    [
        '{"say": "Here you are.", "pay_fee": {"amount": 15}}',
        '{"say": "Here you are.", "pay_fee": {"amount": "15.00"}}',
        '{"say": "Here you are.", "pay_fee": {"amount": "１５"}}',
        '{"say": "Here you are.", "pay_fee": 15}',
        'Here you are.\n```json\n{"pay_fee": {"amount": 15}}\n```',
        'Here you are. {"pay_fee": {"amount": 15}}',
        '{"say": "Chengzi: Here you are.", "pay_fee": {"amount": 15}}',
        '{"say": "Here\\n  you are.", "pay_fee": {"amount": 15}}',
        '{"say": ["Here", "you are."], "pay_fee": {"amount": 15}}',
        "{“say”：“Here you are.”，“pay_fee”：｛“amount”：１５｝｝",
        '{"say": "Here you are.", "pay_fee": {"amount": "15 CNY"}}',
    ],
)
def test_an_act_is_read_in_whatever_plain_form_it_comes(world: World, paying: Situation, raw: str) -> None:
    """Alone, fenced, among words, with a text for a number, or short for a single field."""
    answer = read(world, paying, "patient", raw, 1.0, "en")
    assert (answer.text, answer.acts, answer.problems) == ("Here you are.", PAID, ())


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", "nothing was said"),
        ('{"say": "x", "pay_fee": {"amount": 15', "the JSON is broken (it ends too early)"),
        ('{"say": "x", "say": "y"}', "the JSON is broken (the key 'say' stands twice)"),
        ('{"say": "x", "pay_fee": {"amount": 14}}', "pay_fee: The registration fee is 15 yuan; pay exactly that."),
        ('{"say": "x", "pay_fee": {"amount": "a lot"}}', "pay_fee.amount: must be a number"),
        ('{"say": "x", "pay_fee": {"sum": 15}}', "pay_fee has no field 'sum'; its fields: amount"),
        ('{"say": "x", "fly": {}}', "there is no action 'fly'; you can do: pay_fee"),
        ('{"say": "x", "dispense": {}}', "you cannot do dispense now"),
        ('{"say": "x", "register": {"doctor": "zhao_liu"}}', "you cannot do register now"),
        ('{"say": "x", "pay_fee": true}', "pay_fee must be an object with the fields: amount"),
        ('{"say": "x", "pay_fee": {"amount": 1e400}}', "pay_fee.amount: must be a number"),
    ],
)
def test_an_answer_that_cannot_count_says_why(world: World, paying: Situation, raw: str, problem: str) -> None:
    """The reason is what the model is sent back."""
    assert read(world, paying, "patient", raw, 1.0, "en").problems[0] == problem


def test_a_reason_is_in_the_language_of_the_run(world: World, paying: Situation) -> None:
    """A small model that speaks Chinese is told in Chinese."""
    raw = '{"say": "好的", "pay_fee": {"amount": 15'
    assert read(world, paying, "patient", raw, 1.0, "zh").problems == ("JSON有误（没有写完）",)


@pytest.mark.parametrize("depth", [60, 600, 60_000])
def test_an_answer_nested_deeply_is_sent_back(world: World, paying: Situation, depth: int) -> None:
    """It is no error of the program, however deep."""
    raw = '{"say": "x", "pay_fee": ' + "[" * depth + "]" * depth + "}"
    problems = read(world, paying, "patient", raw, 1.0, "en").problems
    assert problems == ("the JSON is broken (nested too deeply)",)


def test_words_alone_are_enough_while_nothing_is_due(world: World, paying: Situation) -> None:
    """An action that is open need not be taken."""
    answer = read(world, paying, "patient", "Is there a discount?", 1.0, "en")
    assert (answer.text, answer.acts, answer.problems) == ("Is there a discount?", (), ())


def test_saying_that_one_has_paid_pays_nothing(world: World) -> None:
    """Words are never acts: the pharmacist may not hand anything out."""
    situation = at(world, "pharmacy", 1, fee=15, fee_paid=15, prescription=("ibuprofen",))
    answer = read(world, situation, "pharmacist", '{"say": "Fine.", "dispense": {}}', 1.0, "en")
    assert answer.problems == ("you cannot do dispense now",)


def test_a_due_act_that_is_missing_is_asked_for(world: World) -> None:
    """In Chinese, too."""
    situation = at(world, "till", 1, fee=15, fee_paid=15, prescription=("ibuprofen",), bill_paid=28.5)
    assert read(world, situation, "cashier", "好的。", 1.0, "zh").problems == ("这次必须give_receipt",)


def test_a_fallback_does_what_is_declared_and_keeps_the_words(world: World) -> None:
    """The registration desk has one; paying has none, for nobody pays on another's behalf."""
    desk = at(world, "reception", 3)
    patient = at(world, "reception", 4, fee=15, department="orthopaedics", registered_with="zhao_liu")
    answer = fall_back(world, desk, "registrar", "Hm.", 1.0, "en")
    assert (answer.text, answer.acts) == ("Hm.", (Act("register", {"doctor": "zhao_liu"}),))
    assert fall_back(world, patient, "patient", "Hm.", 1.0, "en").acts == ()


def test_a_long_answer_is_cut_and_control_characters_are_gone(world: World, paying: Situation) -> None:
    """What is said is one line that fits the world's limit."""
    answer = read(world, paying, "patient", "\x1b[31mred\x07\u202e " + "x" * 10_000, 1.0, "en")
    assert (len(answer.text), answer.text[:9], answer.is_cut) == (600, "[31mred x", True)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ('<think>maybe {"say": "no"}</think>{"say": "Yes."}', "Yes."),
        ("<think>\nI am the wolf.\n</think>\nGood evening.", "Good evening."),
    ],
)
def test_what_a_model_thought_before_its_answer_is_not_said(world: World, raw: str, text: str) -> None:
    """It is for nobody's ears, and no act in it counts."""
    assert read(world, begin(world, 1), "patient", raw, 1.0, "en").text == text


def test_of_two_objects_it_is_not_clear_which_is_meant(world: World) -> None:
    """So the answer is sent back."""
    answer = read(world, begin(world, 1), "patient", '{"say": "a"} or {"say": "b"}', 1.0, "en")
    assert "more than one object" in answer.problems[0]
