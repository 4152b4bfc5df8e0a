"""Roles and lines of which nothing is ever heard."""

from __future__ import annotations

from tests.world.diagnosis.making import DESK, said


def test_a_role_that_never_speaks_is_told_unless_something_names_it() -> None:
    """One who only hears, of whom a fact speaks, or whom a person plays, is meant to be silent."""
    roles = "roles: {guest: chengzi, clerk: cashier}"
    more = (roles, "roles: {guest: chengzi, clerk: cashier, boss: zhao_liu}")
    assert said(more) == [
        "2 silent-role roles.boss: never speaks, and no state names it; name it under speakers, or take it away"
    ]
    assert (
        said(more, ("    actions: [ask, give]", "    heard_by: [speakers, boss]\n    actions: [ask, give]")) == []
    )
    human = (roles, "roles: {guest: chengzi, clerk: cashier, boss: {persona: zhao_liu, kind: human}}")
    assert said(human) == []


def test_a_speaker_without_lines_is_told_where_others_have_some() -> None:
    """A world without any lines has none by choice."""
    cut = DESK.replace("    clerk: [{when: asked, do: {give: {}}, say: Here.}, {say: Yes?}]\n", "")
    assert said(text=cut) == [
        "10 no-lines states.hall: 'clerk' speaks here and has no lines; write some under lines.hall.clerk"
    ]
    assert said(text=DESK[: DESK.index("lines:")]) == []


def test_one_who_is_named_by_an_expression_may_have_no_lines() -> None:
    """Who is picked is not known beforehand."""
    cut = DESK.replace("    guest: [{do: {ask: {}}, say: A stamp?}, {say: Thanks.}]\n", "")
    named = cut.replace("    actions: [ask", "    order: named\n    speaker: clerk\n    actions: [ask")
    assert said(text=named) == []


def test_a_move_behind_one_that_is_always_taken_is_told() -> None:
    """One with an act may be refused, one with a chance may be left out, so they hide nothing."""
    moves = "[{when: asked, do: {give: {}}, say: Here.}, {say: Yes?}]"
    assert said((moves, "[{say: Yes?}, {when: asked, do: {give: {}}, say: Here.}]")) == [
        "19 never-said lines.hall.clerk.1: never comes up: the move on line 19 is always taken first; "
        "put this one before it"
    ]
    assert said((moves, "[{when: asked, say: Yes?}, {when: asked, do: {give: {}}, say: Here.}]")) != []
    assert said((moves, "[{chance: 0.5, say: Yes?}, {when: asked, do: {give: {}}, say: Here.}]")) == []


def test_lines_of_a_group_hide_those_of_its_members_that_stand_behind() -> None:
    """The keys are tried in the order of the file."""
    group = ("facts:\n", "groups: {both: [guest, clerk]}\nfacts:\n")
    lines = ("    guest: [{do", "    both: [{say: Hm.}]\n    guest: [{do")
    assert [p.split(" ")[:3] for p in said(group, lines)] == [
        [line, "never-said", f"lines.hall.{who}.{n}:"]
        for line, who in (("20", "guest"), ("21", "clerk"))
        for n in (0, 1)
    ]


def test_words_and_personas_that_lack_a_language_are_told() -> None:
    """What is not looked at when a world is loaded, for it can be played without."""
    text = DESK[: DESK.index("lines:")].replace("roles:", "languages: [en, zh]\nroles:")
    ends = (
        "ends: {done: success, left: failure}",
        "ends: {done: {kind: success, label: {en: Done}}, left: failure}",
    )
    assert said(ends, text=text) == ["16 missing-language ends.done.label: has no text for 'zh'; write it"]
    assert said(text=text) == []
