"""Character cards: what is kept of each version, and a reason for whatever is not."""

from __future__ import annotations

from typing import Any

import pytest

from sim.world.imports.cards import is_card, read_card
from sim.world.imports.found import MAX_SHEET, Left
from tests.world.imports.making import MIRA, WEI, v2, v3


@pytest.mark.parametrize("card", [MIRA, v2(MIRA), v3(MIRA)], ids=["V1", "V2", "V3"])
def test_each_version_gives_the_same_texts(card: dict[str, Any]) -> None:
    """With the macros for the two people replaced by words, in any letters."""
    assert is_card(card)
    found = read_card(card, None)
    assert found.name == "Mira Vale"
    assert found.texts == {
        "background": "Mira Vale keeps the light on Gull Rock. the other person rows out to her.\n\n"
        "She has a wooden leg.",
        "traits": "Dry, patient: 'never in a hurry'.",
        "style": "<START>\nthe other person: Hello?\nMira Vale: Mind the step.",
    }
    assert found.kept == {
        "name": "name",
        "description": "background",
        "personality": "traits",
        "mes_example": "style",
    }
    assert [each.field for each in found.left] == ["scenario", "first_mes"]


def test_the_word_for_the_user_is_that_of_the_language() -> None:
    """Of the texts, or as it is said."""
    assert read_card(WEI, None).texts["background"] == "魏三娘在渡口开茶馆，对方常来喝茶。"
    assert read_card(WEI, "en").texts["background"] == "魏三娘在渡口开茶馆，the other person常来喝茶。"


def test_a_nickname_stands_for_the_character_in_texts_alone() -> None:
    """As the specification of version 3 has it."""
    found = read_card(v3({**MIRA, "nickname": "Captain"}), None)
    assert (found.name, found.texts["background"][:13]) == ("Mira Vale", "Captain keeps")
    assert Left("nickname", "stands where {{char}} stood, and nowhere else") in found.left


def test_names_with_macros_are_not_filled_in_again() -> None:
    """Replacing goes over a text once."""
    found = read_card({**MIRA, "name": "{{user}}"}, "en")
    assert (found.name, found.texts["background"][:14]) == ("{{user}}", "{{user}} keeps")


def test_other_template_text_is_kept_as_written_and_told() -> None:
    """It is data; nobody evaluates it."""
    words = "{{random:a,b}} {% for x in y %} <BOT> {{ 7*7 }} {{// no}}"
    found = read_card({**MIRA, "personality": words}, None)
    assert found.texts["traits"] == words
    shown = "{{random:a,b}}, {% for x in y %}, <BOT>, …"
    assert Left("personality", f"kept as it is written, and never evaluated: {shown}") in found.left


def test_every_other_field_is_named_with_a_reason() -> None:
    """Empty ones are no loss; who made the card goes into a comment."""
    more = {
        "creator": "A. Nonymous",
        "character_version": "1.2",
        "tags": ["sea"],
        "creator_notes": "Enjoy.",
        "system_prompt": "{{ original }}",
        "post_history_instructions": "Stay in character.",
        "alternate_greetings": ["Ahoy.", "Hm?"],
        "group_only_greetings": [],
        "character_book": {"entries": [{"keys": ["leg"], "content": "Oak."}, {}]},
        "extensions": {"regex_scripts": [{"findRegex": "a"}], "fav": False, "talkativeness": "0.5", "world": ""},
        "assets": [{"type": "icon", "uri": "ccdefault:"}],
        "gait": "slow",
    }
    found = read_card(v3({**MIRA, **more}, avatar="none", name="Mira Vale"), None)
    assert found.credit == "by A. Nonymous, version 1.2"
    assert (found.kept["creator"], found.kept["character_version"]) == ("a comment", "a comment")
    reasons = {each.field: each.reason for each in found.left}
    assert list(reasons) == [
        *("scenario", "first_mes", "tags", "creator_notes", "system_prompt", "post_history_instructions"),
        *("alternate_greetings", "character_book", "extensions.regex_scripts", "extensions.fav"),
        *("extensions.talkativeness", "assets", "gait", "avatar (outside data)"),
    ]
    assert reasons["character_book"] == "a lorebook of 2 entries: a persona has no texts that come up by keyword"
    assert reasons["gait"] == "not a field that a persona has"
    assert all(reasons.values())


def test_a_field_of_the_wrong_type_is_left_with_what_it_is() -> None:
    """The others are kept."""
    found = read_card({**MIRA, "description": ["a"], "personality": 3, "mes_example": True}, None)
    assert found.texts == {}
    assert found.left[:3] == [
        Left("description", "must be text, not a list"),
        Left("personality", "must be text, not a number"),
        Left("scenario", "a world sets the scene, with its opening and what its states tell"),
    ]
    assert found.left[-1] == Left("mes_example", "must be text, not true or false")


def test_a_text_for_which_a_prompt_has_no_room_is_left_whole() -> None:
    """Nothing is cut in the middle; also where replacing macros is what makes it too long."""
    found = read_card({**MIRA, "personality": "x" * MAX_SHEET}, None)
    assert set(found.texts) == {"background", "style"}
    assert [e.reason for e in found.left if e.field == "personality"] == [
        "too long: a system prompt has room for 17,904 more characters"
    ]
    grown = read_card({**MIRA, "name": "N" * 90, "personality": "{{char}}" * 2000}, None)
    assert "traits" not in grown.texts


def test_control_characters_are_taken_out_and_told() -> None:
    """A terminal could obey them, and a sheet may not hold them."""
    found = read_card({**MIRA, "personality": "a\x1b[2Jb\u202e\ud800c\r\nd"}, None)
    assert found.texts["traits"] == "a[2Jbc\nd"
    assert Left("personality", "kept without 3 control characters") in found.left


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"spec": "chara_card_v9"}, "unknown card 'chara_card_v9' in 'spec'; known: chara_card_v2, chara_card_v3"),
        ({"spec": ["\x1b"]}, "unknown card '['\\x1b']' in 'spec'; known: chara_card_v2, chara_card_v3"),
        ({"spec": None}, "unknown card 'None' in 'spec'; known: chara_card_v2, chara_card_v3"),
        ({"spec": "chara_card_v2", "data": []}, "'data' must be a mapping of keys to values"),
        (v2({"name": {}}), "'name' must be text"),
    ],
)
def test_what_is_no_card_is_refused(card: dict[str, Any], message: str) -> None:
    """With the rule, and what stands there."""
    with pytest.raises(ValueError, match=r".") as caught:
        read_card(card, None)
    assert str(caught.value) == message
