"""Facts, groups and tables that nothing sets or reads."""

from __future__ import annotations

import pytest

from tests.world.diagnosis.making import said

FACTS = "facts:\n"


def told(fact: str, *more: tuple[str, str]) -> list[str]:
    return said((FACTS, f"facts:\n  new: {fact}\n"), *more)


@pytest.mark.parametrize(
    ("fact", "always"),
    [("{flag: false}", "false"), ("{number: kg}", "0"), ("{text: 20}", "empty"), ("{choice: [a, b]}", "empty")],
)
def test_a_fact_that_nothing_sets_is_told_with_what_it_always_is(fact: str, always: str) -> None:
    """Prompts show it, so it was meant to change."""
    start = "write start: false" if "flag" in fact else "give it a start"
    assert told(fact) == [
        f"4 never-set facts.new: nothing sets it, so it is always {always}; "
        f"set it under sets, or {start} if --set does"
    ]


@pytest.mark.parametrize(
    "fact", ["{flag: true}", "{number: kg, start: 3}", "{text: 20, start: tea}", "{flag: false, start: false}"]
)
def test_a_fact_with_a_start_is_a_constant(fact: str) -> None:
    """Which prompts show."""
    assert told(fact) == []


def test_an_option_that_a_condition_asks_about_may_be_empty() -> None:
    """It is given by ``--set``."""
    assert told("{text: 20}", ("when: asked, sets", "when: asked and new == null, sets")) == []
    assert told("{flag: false, shown: false}", ("when: asked, sets", "when: asked and not new, sets")) == []


def test_a_fact_that_nothing_reads_is_told() -> None:
    """Neither prompts nor conditions; what only its own effect reads is not read."""
    unread = (
        "4 never-read facts.new: is never read: no condition, effect, text or rule uses it, "
        "and no prompt shows it; take it away, or use it"
    )
    counted = ("sets: {asked: true}", "sets: {asked: true, new: new + 1}")
    assert told("{number: times, shown: false}") == [unread]
    assert told("{number: times, shown: false}", counted) == [unread]
    assert told("{number: times, known_to: nobody}", counted) == [unread]
    assert told("{number: times}", counted) == []
    assert told("{number: times, shown: false}", counted, ("done: given", "done: given and new > 0")) == []
    assert told("{number: times, shown: false}", counted, ("say: Thanks.", "say: 'Asked {{ new }}.'")) == []


def test_groups_and_tables_that_nothing_names_are_told() -> None:
    """And those that something names are not."""
    group = (FACTS, "groups:\n  both: [guest, clerk]\n" + FACTS)
    assert said(group) == [
        "4 unused groups.both: no state, act or condition names this group; take it away, or use it"
    ]
    assert said(group, ("speakers: [guest, clerk]", "speakers: both")) == []
    table = (FACTS, "tables: {fees: {usual: {price: 3}}}\n" + FACTS)
    assert said(table) == ["3 unused tables.fees: nothing reads this table; take it away, or use it"]
    assert said(table, ("done: given", "done: 'given and fees[usual].price > 2'")) == []


def test_what_a_variant_uses_is_used() -> None:
    """The plain world has it for the variant's sake."""
    fact = (FACTS, "facts:\n  new: {flag: false, shown: false}\n")
    variants = "variants: {strict: {actions: {give: {when: asked and not new}}}}\nlines:\n"
    assert said(fact, ("lines:\n", variants)) == []


def test_a_flag_begins_as_its_own_value() -> None:
    """A start beside it that says otherwise is told."""
    assert told("{flag: false, start: true}") == [
        "4 ignored facts.new.start: a flag begins as its own value, so this start is not read; write flag: true"
    ]
