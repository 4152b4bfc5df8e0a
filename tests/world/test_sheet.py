"""The character sheet: a persona as the words that open its agent's prompt."""

from __future__ import annotations

from typing import Any

import pytest

from sim.world.format import Persona
from sim.world.library import load
from sim.world.sheet import sheet, sheet_problems


def persona(**given: Any) -> Persona:
    """A persona of the keys that a file would have."""
    return Persona.model_validate({"persona": "li", "name": {"zh": "李医生", "en": "Dr Li"}, **given})


FULL = {
    "age": 46,
    "sex": "female",
    "background": {"zh": "骨科医生。", "en": "An orthopaedist."},
    "traits": {"zh": "沉稳。", "en": "Calm."},
    "goals": {"zh": "治好病人。", "en": "Wants to heal."},
    "style": {"zh": "两三句话。", "en": "Two sentences."},
    "knowledge": {"zh": "懂药。", "en": "Knows drugs."},
    "private": {"zh": "想早点下班。", "en": "Wants to go home."},
}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh", "你是李医生（女，46岁）。骨科医生。沉稳。治好病人。两三句话。懂药。想早点下班。"),
        (
            "en",
            "You are Dr Li (female, 46). "
            "An orthopaedist. Calm. Wants to heal. Two sentences. Knows drugs. Wants to go home.",
        ),
    ],
)
def test_a_sheet_tells_all_of_a_persona_in_its_language(language: str, expected: str) -> None:
    """In the order of the format, with nothing of the other language."""
    assert expected == sheet(persona(**FULL), language)


@pytest.mark.parametrize(("language", "expected"), [("zh", "你是李医生。"), ("en", "You are Dr Li.")])
def test_a_sheet_of_a_name_alone_is_a_sentence(language: str, expected: str) -> None:
    """What is not given leaves no brackets, spaces or words behind."""
    assert expected == sheet(persona(), language)


@pytest.mark.parametrize(
    ("given", "zh", "en"),
    [
        ({"age": 0}, "你是李医生（0岁）。", "You are Dr Li (0)."),
        ({"sex": "male"}, "你是李医生（男）。", "You are Dr Li (male)."),
        ({"sex": "non-binary"}, "你是李医生（non-binary）。", "You are Dr Li (non-binary)."),
    ],
)
def test_age_and_sex_stand_alone_too(given: dict[str, Any], zh: str, en: str) -> None:
    """An age of zero is an age, and a word that is not known is shown as it is."""
    assert (zh, en) == (sheet(persona(**given), "zh"), sheet(persona(**given), "en"))


def test_a_persona_in_one_language_is_shown_in_it_everywhere() -> None:
    """A text without a language is for all."""
    assert sheet(persona(name="Bo", background="A clerk."), "en") == "You are Bo. A clerk."
    assert sheet(persona(name="Bo", background="A clerk."), "zh") == "你是Bo。A clerk."


def test_braces_in_a_persona_are_words() -> None:
    """Only the prompt is a template."""
    assert sheet(persona(background="Says {{ age }}."), "en") == "You are Dr Li. Says {{ age }}."


def test_an_own_prompt_takes_the_place_of_the_sheet() -> None:
    """With the parts of the persona at hand, in the language asked for."""
    prompt = {
        "zh": "{{ name }}，{{ age }}岁：{{ style }}",
        "en": "{{ name }}, {{ age }}: {{ parts | join(' / ') }}",
    }
    own = persona(
        age=46, style={"zh": "少说。", "en": "Says little."}, traits={"zh": "静。", "en": "Quiet."}, prompt=prompt
    )
    assert sheet(own, "zh") == "李医生，46岁：少说。"
    assert sheet(own, "en") == "Dr Li, 46: Quiet. / Says little."
    assert sheet_problems(own) == []


def test_what_an_own_prompt_is_not_given_is_empty() -> None:
    """An age that is not known is no age, rather than the word None."""
    assert sheet(persona(prompt="[{{ age }}][{{ sex }}][{{ private }}]"), "en") == "[][][]"


def test_unknown_names_in_an_own_prompt_are_reported_for_every_language() -> None:
    """Each with the name that was meant."""
    problems = sheet_problems(persona(prompt={"zh": "{{ nam }}{{ stile }}", "en": "{{ ages }}"}))
    known = "known: about, age, background, goals, knowledge, name, parts, private, sex, style, traits"
    assert [
        f"unknown name 'nam'; did you mean 'name'? {known}",
        f"unknown name 'stile'; did you mean 'style'? {known}",
        f"unknown name 'ages'; did you mean 'age'? {known}",
    ] == problems


def test_an_own_prompt_that_is_no_template_is_reported() -> None:
    """Once, and as what it is."""
    problems = sheet_problems(persona(prompt="{{ name"))
    assert [p.startswith("not a template: ") for p in problems] == [True]


def test_the_bundled_personas_have_sheets_in_both_languages() -> None:
    """Each names the persona, in its own words."""
    world = load("hospital_visit", variant="triage")
    for language, opening in (("zh", "你是"), ("en", "You are ")):
        for cast in world.personas.values():
            text = sheet(cast, language)
            assert (opening + cast.name[language], False) == (
                text[: len(opening + cast.name[language])],
                "{" in text,
            )
