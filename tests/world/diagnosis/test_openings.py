"""Acts that nobody can ever do."""

from __future__ import annotations

from tests.world.diagnosis.making import said


def test_an_act_that_no_state_opens_is_told() -> None:
    """Whether it is an action or a look-up."""
    action = ("actions:\n", "actions:\n  wait: {by: guest}\n")
    assert said(action) == [
        "7 never-open actions.wait: no state opens it; name 'wait' under the actions of a state"
    ]
    tool = ("actions:\n", "tools: {look: {by: guest, gives: asked}}\nactions:\n")
    assert said(tool) == ["6 never-open tools.look: no state opens it; name 'look' under the actions of a state"]


def test_an_act_whose_condition_is_false_is_told() -> None:
    """It stands at the act, not at the states."""
    [problem] = said(("ask: {by: guest,", "ask: {by: guest, when: false,"))
    assert problem.startswith("7 never-open actions.ask: its condition (when) is false, so it is never open; ")


def test_in_the_order_single_only_the_first_can_act() -> None:
    """The second is named, and never asked."""
    problems = said(("    actions: [ask, give]", "    order: single\n    actions: [ask, give]"))
    assert problems[0] == (
        "13 no-actor states.hall.actions: nobody can 'give' here: in the order single only 'guest' speaks, "
        "and it is by 'clerk'; take another order"
    )
    assert [p.split(" ")[1] for p in problems] == ["no-actor", "never-said"]
