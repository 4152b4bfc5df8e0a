"""The state machine, as a pure function."""

import copy
from dataclasses import replace
from decimal import Decimal

import pytest

from sim.engine.machine import Refused, begin, settle
from sim.engine.selection import next_speaker
from sim.engine.situation import Act, open_actions
from sim.world.world import World
from tests.building import world_of


def test_a_step_changes_nothing_that_it_was_given(world: World) -> None:
    """The situation before is as it was."""
    before = begin(world, 1)
    kept = copy.deepcopy((dict(before.facts), dict(before.done), before.turn))
    settle(world, before, "registrar", (Act("register", {"doctor": "zhao_liu"}),), 2.0, "en")
    assert (dict(before.facts), dict(before.done), before.turn) == kept


def test_effects_follow_from_the_act_and_the_tables(world: World) -> None:
    """Department and fee are the doctor's."""
    step = settle(world, begin(world, 1), "registrar", (Act("register", {"doctor": "qian_qi"}),), 2.0, "en")
    assert step.changed == {"registered_with": "qian_qi", "department": "internal_medicine", "fee": Decimal(12)}
    assert (step.situation.turn, step.situation.minutes, step.situation.done["register"]) == (1, 2.0, 1)


def test_the_first_true_transition_fires(world: World) -> None:
    """Paying the fee leads to the consultation."""
    start = begin(world, 1)
    paying = replace(start, facts={**start.facts, "fee": Decimal(15)})
    step = settle(world, paying, "patient", (Act("pay_fee", {"amount": Decimal(15)}),), 1.0, "en")
    assert (step.situation.state, step.situation.state_turns, step.situation.visit) == ("consulting", 0, 1)
    assert [hop.transition.guard for hop in step.hops] == ["registered"]
    assert step.hops[0].situation == step.situation


def test_a_state_is_left_after_its_turns(world: World) -> None:
    """The guard of `after` counts the turns in the state."""
    late = replace(begin(world, 1), state_turns=13, turn=13)
    assert settle(world, late, "registrar", (), 1.0, "en").situation.outcome == "gave_up"


def test_the_limits_of_the_world_end_every_episode(world: World) -> None:
    """Turns and simulated minutes, whichever comes first."""
    by_turns = replace(begin(world, 1), turn=59)
    by_minutes = replace(begin(world, 1), minutes=479.0)
    assert settle(world, by_turns, "patient", (), 1.0, "en").situation.outcome == "gave_up"
    assert settle(world, by_minutes, "patient", (), 1.0, "en").situation.outcome == "gave_up"


def test_an_act_that_is_not_open_is_refused(world: World) -> None:
    """Nobody pays a fee that was not named."""
    with pytest.raises(Refused, match="pay_fee: not open now"):
        settle(world, begin(world, 1), "patient", (Act("pay_fee", {"amount": Decimal(15)}),), 1.0, "en")


def test_an_invariant_that_would_be_broken_is_named(world: World) -> None:
    """Whatever facts a situation is given, dispensing without payment shows."""
    start = begin(world, 1)
    facts = {**start.facts, "prescription": ("ibuprofen",), "dispensed": True}
    broken = replace(start, state="pharmacy", facts=facts)
    assert settle(world, broken, "patient", (), 1.0, "en").breach == "medicine before payment"


def test_open_actions_are_those_of_the_role_in_the_state(world: World) -> None:
    """Due ones are marked."""
    start = begin(world, 1)
    late = replace(start, state_turns=3)
    assert [(o.name, o.is_due) for o in open_actions(world, start, "registrar")] == [("register", False)]
    assert [(o.name, o.is_due) for o in open_actions(world, late, "registrar")] == [("register", True)]
    assert open_actions(world, start, "patient") == []


def test_speakers_alternate_from_the_first(world: World) -> None:
    """The order of the state decides, whoever spoke before it."""
    now = begin(world, 1)
    order = []
    for _ in range(4):
        speaker = next_speaker(world, now)
        assert speaker is not None
        order.append(speaker)
        now = settle(world, now, speaker, (), 1.0, "en").situation
    assert order == ["patient", "registrar", "patient", "registrar"]
    start = begin(world, 1)
    assert next_speaker(world, replace(start, speaker="patient", turn=5)) == "patient"


def test_what_was_worked_out_for_a_situation_is_not_taken_for_the_next() -> None:
    """A step is kept with the situation it was made in; the one after it begins anew."""
    lonely = {
        "world": "lonely", "roles": {"a": "ann"}, "ends": ["over"], "start": "here",
        "states": {"here": {"speakers": ["a"], "go": [{"over": "turns >= 9"}]}},
    }  # fmt: skip
    world = world_of(lonely)
    first = begin(world, 1)
    assert settle(world, first, "a", (), 1.0, "en").situation.turn == 1
    second = settle(world, first, "a", (), 2.0, "en").situation
    third = settle(world, second, "a", (), 1.0, "en").situation
    assert (second.turn, third.turn, third.minutes) == (1, 2, 3.0)
