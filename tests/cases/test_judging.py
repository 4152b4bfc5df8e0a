"""Judging a run of a case: each expectation, met and not met, with its line and its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.shop import SHOP, failures, tried

MET = """\
cases:
  a sale:
    lang: [en, zh]
    seed: [0, 3]
    expect:
      outcome: [left, sold]
      path: [counter, farewell, sold]
      passes: [counter, sold]
      facts: {paid: 5, asked: false}
      at_end: paid == 5
      always: [paid <= 5, turns < 5]
      never: speaker == seller and paid > 5
      heard:
        - {state: counter, by: all}
        - {state: farewell, by: seller, never_by: buyer}
        - {says: Here, speaker: buyer, turn: 3, by: [buyer, seller]}
      does: [pay, {pay: {amount: 5}}, {pay: 5}]
      never_does: {pay: {amount: 6}}
      at_most: {turns: 4, minutes: 4, tokens: 1000, prompt_tokens: 900}
      refusals: 0
      warnings: 0
"""


def test_what_is_as_expected_passes_in_each_language_and_with_each_seed(tmp_path: Path) -> None:
    """Every key of an expectation, met."""
    verdicts = tried(tmp_path, MET)
    assert [v.trial.title for v in verdicts] == [
        "a sale (en, 0)",
        "a sale (en, 3)",
        "a sale (zh, 0)",
        "a sale (zh, 3)",
    ]
    assert [(v.ok, v.turns, v.failures) for v in verdicts] == [(True, 4, ())] * 4


HEARD = "turn 2: 'Five.' of seller in 'counter' is heard by buyer, seller, not by buyer"


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("outcome: left", "turn 4: the end is 'sold', not 'left'"),
        ("outcome: [left, out_of_limits]", "turn 4: the end is 'sold', not 'left' or 'out_of_limits'"),
        ("path: [counter, left]", "turn 3: step 2 of the path is 'farewell', not 'left'"),
        ("path: [counter, farewell]", "turn 4: step 3 of the path is 'sold', not nothing more"),
        ("passes: [farewell, counter]", "turn 4: 'counter' is not passed after 'farewell'"),
        ("facts: {paid: 6}", "turn 4: 'paid' is 5, not 6"),
        ("facts: {asked: true}", "turn 4: 'asked' is false, not true"),
        ("at_end: [paid == 5, paid > 5]", "turn 4: 'paid > 5' does not hold at the end"),
        ("always: paid == 0", "turn 3: 'paid == 0' does not hold"),
        ("never: speaker == seller", "turn 2: 'speaker == seller' holds"),
        ("heard: [{turn: 2, by: buyer}]", HEARD),
        ("heard: [{says: Five, never_by: [buyer]}]", "turn 2: 'Five.' of seller in 'counter' is heard by buyer"),
        ("heard: [{turn: 9, by: all}]", "there is no such message"),
        ("does: {pay: {amount: 7}}", "turn 4: nobody does 'pay' amount=7"),
        ("never_does: pay", "turn 3: 'pay' is done"),
        ("at_most: {turns: 2}", "turn 3: there are 4 turns, more than 2"),
        ("at_most: {minutes: 1}", "turn 4: it takes 4 minutes, more than 1"),
        ("refusals: 1", "there are 0 refusals, not 1"),
        ("warnings: 2", "there are 0 warnings, not 2"),
    ],
)  # fmt: skip
def test_what_is_not_as_expected_is_told_with_its_line_and_turn(tmp_path: Path, expected: str, told: str) -> None:
    """One key of an expectation, not met."""
    assert failures(tmp_path, f"cases:\n  a sale:\n    expect:\n      {expected}\n") == [f"4: {told}"]


def test_tokens_are_held_against_what_the_log_has(tmp_path: Path) -> None:
    """Prompt and answer tokens, exactly."""
    at_most = "cases: {a: {expect: {at_most: {tokens: 0, prompt_tokens: 0}}}}"
    first, second = failures(tmp_path, at_most)
    tokens, prompt = (int(text.split()[3]) for text in (first, second))
    assert (first, second) == (
        f"1: there are {tokens} tokens, more than 0",
        f"1: there are {prompt} prompt tokens, more than 0",
    )
    met = "cases: {a: {expect: {at_most: {tokens: %d, prompt_tokens: %d}}}}"
    assert failures(tmp_path, met % (tokens, prompt)) == []
    assert len(failures(tmp_path, met % (tokens - 1, prompt - 1))) == 2


def test_all_failures_of_a_case_are_told(tmp_path: Path) -> None:
    """Not the first alone, and each by its own line."""
    text = """\
cases:
  a:
    expect:
      outcome: left
      always:
        - turns < 9
        - turns < 2
      refusals: 1
"""
    assert failures(tmp_path, text) == [
        "4: turn 4: the end is 'sold', not 'left'",
        "7: turn 2: 'turns < 2' does not hold",
        "8: there are 0 refusals, not 1",
    ]


def test_names_that_the_world_does_not_have_are_told_all_at_once(tmp_path: Path) -> None:
    """Each with what was probably meant."""
    text = """\
cases:
  a:
    expect:
      outcome: sould
      passes: [countr]
      facts: {payed: 3}
      does: pax
      heard: [{state: countr, by: byer}]
      always: payd > 1
      breach: nothing
"""
    found = failures(tmp_path, text)
    assert [text.partition(";")[0] for text in found] == [
        "4: unknown end 'sould'",
        "5: unknown state or end 'countr'",
        "6: unknown fact 'payed'",
        "7: unknown action 'pax'",
        "10: unknown rule 'nothing'",
        "8: unknown agent, role or group 'byer'",
        "8: unknown state 'countr'",
        "9: unknown name 'payd' in 'payd > 1'",
    ]
    assert "did you mean 'sold'?" in found[0]
    assert "did you mean 'buyer'?" in found[5]


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("{}", ["1: turn 3: the rule 'a long talk' is broken"]),
        ("{breach: a long talk, outcome: invariant_broken}", []),
        ("{breach: a long silence}", ["1: turn 3: the rule 'a long talk' is broken"]),
    ],
)
def test_a_rule_that_breaks_is_a_failure_unless_it_is_expected(
    tmp_path: Path, expect: str, told: list[str]
) -> None:
    """Even where nothing is expected; by its name it may be."""
    never = "never: {a long talk: turns > 2, a long silence: turns < 0}\n"
    text = f"cases: {{a: {{turns: [{{}}, {{}}, {{}}], expect: {expect}}}}}"
    assert failures(tmp_path, text, world=SHOP + never) == told


def test_acts_that_end_before_the_world_are_no_failure_but_no_end_either(tmp_path: Path) -> None:
    """What was expected of the end is told as missing."""
    assert (
        failures(tmp_path, "cases: {a: {turns: [{}, {}], expect: {at_most: {turns: 2}, always: turns < 3}}}") == []
    )
    assert failures(tmp_path, "cases: {a: {turns: [{}, {}], expect: {outcome: sold}}}") == [
        "1: turn 2: there is no end, but 'sold' is expected: "
        "the acts end after turn 2, and the turn of buyer is next"
    ]
