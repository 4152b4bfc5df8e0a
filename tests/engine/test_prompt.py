"""What a speaker is shown, and what never gets in."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.machine import begin
from sim.engine.prompt import Utterance, build, remembered
from sim.engine.tokens import count
from sim.world.phases import Context
from sim.world.world import World

ROLES = ("patient", "registrar", "doctor", "cashier", "pharmacist")
said = st.builds(
    Utterance,
    turn=st.just(0),
    visit=st.integers(0, 3),
    speaker=st.sampled_from(ROLES),
    text=st.uuids().map(str),
    heard_by=st.sets(st.sampled_from(ROLES), min_size=1).map(lambda s: tuple(sorted(s))),
)


@settings(max_examples=150)
@given(history=st.lists(said, max_size=30), role=st.sampled_from(("patient", "doctor")))
def test_a_message_outside_the_audience_never_enters_a_prompt(
    world: World, history: list[Utterance], role: str
) -> None:
    """Each utterance carries its own marker, and only what was heard may be found."""
    situation = replace(begin(world, 1), state="consulting", visit=3)
    text = str(build(world, situation, history, role, "en").messages)
    leaked = [u for u in history if u.text in text and role not in u.heard_by]
    assert leaked == []


@given(history=st.lists(said, max_size=30), turns=st.integers(1, 9), tokens=st.integers(1, 400))
def test_what_is_remembered_is_the_end_of_what_was_heard_within_its_bounds(
    world: World, history: list[Utterance], turns: int, tokens: int
) -> None:
    """Cut from the front, never from the middle, and by no more than the bounds ask for."""
    situation = replace(begin(world, 1), visit=3)
    kept = remembered(history, ("patient",), Context(of="all", turns=turns, tokens=tokens), situation)
    heard = [u for u in history if "patient" in u.heard_by]
    assert kept == heard[len(heard) - len(kept) :]
    taken = sum(count(u.text) for u in kept)
    assert (len(kept) <= turns, taken <= tokens) == (True, True)
    if len(kept) < min(turns, len(heard)):
        assert taken + count(heard[-len(kept) - 1].text) > tokens


def test_a_state_policy_forgets_the_states_before(world: World) -> None:
    """Only what was said in this visit of the state is given."""
    history = [Utterance(i, i // 2, "patient", f"line {i}", ROLES) for i in range(6)]
    situation = replace(begin(world, 1), visit=2)
    kept = remembered(history, ("doctor",), Context(of="state"), situation)
    assert [u.text for u in kept] == ["line 4", "line 5"]


def test_a_fact_that_a_role_does_not_know_is_not_shown_to_it(world: World) -> None:
    """The registrar does not learn the prescription, nor the bill that follows from it."""
    start = begin(world, 1)
    facts = {**start.facts, "fee": Decimal(15), "prescription": ("ibuprofen",)}
    situation = replace(start, facts=facts)
    shown = {role: str(build(world, situation, [], role, "en").messages) for role in ("registrar", "patient")}
    assert ("ibuprofen" in shown["registrar"], "ibuprofen" in shown["patient"]) == (False, True)
    assert ("28.5" in shown["registrar"], "28.5" in shown["patient"]) == (False, True)


def test_the_schema_demands_what_is_due_and_lets_the_rest_be_null(world: World) -> None:
    """A model under a JSON Schema cannot forget a due act."""
    start = begin(world, 1)
    early = build(world, replace(start, state_turns=1), [], "registrar", "en").schema
    late = build(world, replace(start, state_turns=3), [], "registrar", "en").schema
    doctor = {"type": "string", "enum": ["Dr Zhao Liu", "Dr Qian Qi"]}
    act = {
        "type": "object",
        "properties": {"doctor": doctor},
        "required": ["doctor"],
        "additionalProperties": False,
    }
    assert early is not None
    assert late is not None
    assert early["properties"]["register"] == {"anyOf": [{"type": "null"}, act]}
    assert late["properties"]["register"] == act


def test_a_speaker_that_can_do_nothing_is_asked_for_words_alone(world: World) -> None:
    """There is no schema then."""
    assert build(world, begin(world, 1), [], "patient", "zh").schema is None


def test_a_repair_adds_the_answer_and_what_was_wrong_with_it(world: World) -> None:
    """The prompt before stays as it was."""
    asked = build(world, begin(world, 1), [], "patient", "en")
    again = asked.then("rubbish", ["nothing was said"], "en")
    assert again.messages[:2] == asked.messages
    assert again.messages[2:] == (
        {"role": "assistant", "content": "rubbish"},
        {"role": "user", "content": "That answer cannot be used: nothing was said. Answer again."},
    )
