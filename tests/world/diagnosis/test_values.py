"""Fixed values that what they are for can never have."""

from __future__ import annotations

from tests.world.diagnosis.making import DESK, said

SUM = DESK.replace(
    "  given: {", "  fee: {number: '', whole: true, from: 0, to: 200, label: fee}\n  given: {"
).replace(
    "  ask: {by: guest, sets: {asked: true}}",
    "  ask: {by: guest, sets: {asked: true, fee: act.n}, fields: {n: {of: fee}}, fallback: {n: 5}}",
)
SUM = SUM.replace("{ask: {}}", "{ask: {n: 7}}")


def test_a_number_that_a_field_can_never_have_is_told_with_what_it_must_be() -> None:
    """Alone or computed from fixed numbers, too large or not whole; what varies shows in a run."""
    assert said(text=SUM) == []
    wrong = "lines.hall.guest.0.do.ask.n: {} is never valid, so 'ask' is refused; it must be a {}"
    for given, rule in (
        ("500", "number from 0 to 200"),
        ("5.5", "whole number from 0 to 200"),
        ("100 / 8", "whole number from 0 to 200"),
    ):
        assert said(("{n: 7}", f"{{n: {given}}}"), text=SUM) == [f"19 never-valid {wrong.format(given, rule)}"]
    assert said(("{n: 7}", "{n: fee + 500}"), text=SUM) == []


def test_a_fallback_or_an_effect_that_can_never_be_is_told() -> None:
    """The one would do nothing, the other would refuse the act each time."""
    assert said(("fallback: {n: 5}", "fallback: {n: 500}"), text=SUM) == [
        "8 never-valid actions.ask.fallback.n: 500 is never valid, so nothing is done; "
        "it must be a number from 0 to 200"
    ]
    assert said(("fee: act.n", "fee: 0 - 1"), text=SUM) == [
        "8 never-valid actions.ask.sets.fee: 0 - 1 is never valid, so 'ask' is refused; "
        "it must be a number from 0 to 200"
    ]
