"""The fixed words of a prompt, with what is filled into them."""

from __future__ import annotations

from sim.engine.phrases import filled, phrase


def test_values_are_filled_in_once() -> None:
    """A name or an utterance with braces stays what it is, whatever the other values are."""
    assert phrase("en", "turn", name="{text}", text="{name} {{ me }}") == "{text}: {name} {{ me }}"
    assert phrase("zh", "turn", name="{text}", text="{name}") == "{text}：{name}"


def test_what_no_value_is_given_for_stays() -> None:
    """As the words of a world may hold braces of their own."""
    assert filled("{roles} of {all}", {"roles": "{all}"}) == "{all} of {all}"
    assert filled("{roles}", {}) == "{roles}"
