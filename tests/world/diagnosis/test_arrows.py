"""Arrows that are never taken, and states without an end ahead."""

from __future__ import annotations

import pytest

from tests.world.diagnosis.making import said

GO = "go: [done: given, {to: left, after: {turns: 6}}]"
NEVER = "never-taken states.hall.go.{}: this arrow is never taken: "


def told(go: str, *more: tuple[str, str]) -> list[str]:
    return said((GO, f"go: {go}"), *more)


@pytest.mark.parametrize(
    ("go", "index", "why"),
    [
        ("[left: asked and given, done: given and asked]", 1, "the arrow to 'left' (line 13) stands before it"),
        ("[left, done: given]", 1, "the arrow to 'left' (line 13) stands before it and has no condition"),
        (
            "[left: asked, done: asked]",
            1,
            "the arrow to 'left' (line 13) stands before it and holds whenever this one",
        ),
        (
            "[left: asked, done: asked and given]",
            1,
            "the arrow to 'left' (line 13) stands before it and holds when",
        ),
        (
            "[{to: left, after: {turns: 3}}, {to: done, when: given, after: {turns: 5}}]",
            1,
            "the arrow to 'left' (line 13) stands before it and holds whenever this one does",
        ),
        (
            "[{to: done, when: given, after: {turns: 5}}, {to: left, after: {turns: 3}}]",
            0,
            "the arrow to 'left' (line 13) is always taken sooner; let it wait longer",
        ),
        (
            "[{to: done, when: given, after: {rounds: 3}}, {to: left, after: {rounds: 2}}]",
            0,
            "the arrow to 'left' (line 13) is always taken sooner; let it wait longer",
        ),
        ("[done: false, left]", 0, "its condition is false"),
        (
            "[done: given, {to: left, after: {turns: 101}}]",
            1,
            "it waits for 101 turns, but an episode ends after 100",
        ),
    ],
)
def test_an_arrow_that_another_always_comes_before_is_told(go: str, index: int, why: str) -> None:
    """With the line of the other one."""
    [problem] = told(go)
    assert problem.startswith("13 " + NEVER.format(index) + why)


@pytest.mark.parametrize(
    "go",
    [
        "[left: asked, done: given]",
        "[left: asked and given, done: asked]",
        "[left: asked or given, done: given and asked]",
        "[{to: left, after: {turns: 5}}, {to: done, when: given}]",
        "[{to: left, after: {turns: 5, minutes: 3}}, {to: done, after: {turns: 5}}]",
        "[{to: done, when: given, after: {minutes: 5}}, {to: left, after: {minutes: 3}}]",
        "[{to: done, when: given, after: {turns: 5}}, {to: left, when: asked, after: {turns: 3}}]",
        "[done: given, {to: left, after: {turns: 100}}]",
    ],
)
def test_an_arrow_that_may_be_taken_is_left_alone(go: str) -> None:
    """Where the other needs more, or may come later."""
    assert told(go) == []


def test_where_all_speak_at_once_turns_pass_by_the_round() -> None:
    """After the first round of four both arrows hold, and the first is taken."""
    go = "[{to: done, when: given, after: {turns: 2}}, {to: left, after: {turns: 1}}]"
    assert told(go, ("    speakers: [guest, clerk]", "    speakers: [guest, clerk]\n    order: simultaneous")) == []


def test_minutes_beyond_the_limits_never_pass() -> None:
    """As turns."""
    go = "[done: given, {to: left, after: {minutes: 90}}]"
    assert told(go, ("start: hall", "limits: {minutes: 60}\nstart: hall")) == [
        "13 " + NEVER.format(1) + "it waits for 90 minutes, but an episode ends after 60 (limits)"
    ]


def test_states_that_lead_only_to_each_other_are_told_once() -> None:
    """At the first of them; and not where the limits name the end that then comes."""
    more = ("start: hall", "  back: {speakers: guest, go: [hall]}\nstart: hall")
    lines = ("lines:\n", "lines:\n  back: {guest: [{say: Again.}]}\n")
    assert told("[back]", more, lines)[0] == (
        "10 no-way-out states.hall: no end can be reached from here: 'hall' and 'back' lead only to each other; "
        "add an arrow to an end, or limits with ends"
    )
    meant = ("ends: {done: success, left: failure}", "ends: {left: neutral}\nlimits: {turns: 20, ends: left}")
    assert told("[back]", more, lines, meant) == []


def test_a_state_without_arrows_is_told() -> None:
    """It is not told of the states before it as well."""
    assert [p.split(" ")[:3] for p in told("[]") if "no-way-out" in p] == [["10", "no-way-out", "states.hall:"]]
