"""The scripted model plays the visit to its end, each seed in its own words."""

from __future__ import annotations

import pytest

import sim
from sim.models.scripted import Scripted
from sim.record.records import READER, Turn
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import Player, of, played, world_of
from tests.stage.test_episode import Ledger, check_rules


def play(world: World, seed: int, language: str) -> Ledger:
    """The records of a scripted visit."""
    records = Ledger()
    Run(
        world, settings_for(world, seed=seed, language=language), dict.fromkeys(world.agents, Scripted()), records
    ).play()
    return records


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_seed_is_discharged_and_most_say_something_else(world: World, language: str) -> None:
    """Seeds 0 to 199, no refusal and no warning; at least fifty different conversations."""
    conversations = set()
    for seed in range(200):
        records = play(world, seed, language)
        assert [r["outcome"] for r in records if r["type"] == "episode_ended"] == ["discharged"], seed
        assert [r for r in records if r["type"] in {"refusal", "warning"}] == [], seed
        conversations.add(tuple(r["text"] for r in records if r["type"] == "turn"))
    assert len(conversations) >= 50


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_triage_variant_is_played_as_well(language: str) -> None:
    """The nurse speaks in each of fifty visits, and the rules hold."""
    triage = sim.load("hospital_visit", variant="triage")
    for seed in range(50):
        records = play(triage, seed, language)
        check_rules(triage, list(records))
        turns = [r for r in map(READER.validate_python, records) if isinstance(r, Turn)]
        assert "nurse" in {t.speaker for t in turns}


def test_some_patients_are_sent_back_to_the_cashier(world: World) -> None:
    """The pharmacy meets unpaid patients, and none of them leaves with medicine."""
    sent = [s for s in range(60) if any(a["action"] == "send_to_cashier" for a in acts(play(world, s, "en")))]
    assert 3 <= len(sent) <= 25


def acts(records: Ledger) -> list[dict[str, object]]:
    """All acts of a visit."""
    return [a for r in records if r["type"] == "turn" for a in r["acts"]]


def test_nobody_says_the_same_line_twice_in_a_state(world: World) -> None:
    """It reads like a conversation, not like a template."""
    doubled = 0
    for seed in range(60):
        said = [(r["state"], r["speaker"], r["text"]) for r in play(world, seed, "zh") if r["type"] == "turn"]
        doubled += len(said) - len(set(said))
    assert doubled <= 2


BARGAIN = """
world: bargain
roles: {buyer: ann, seller: bob}
facts: {offer: {number: '', whole: true, from: 0, to: 20, start: 1}, left: {number: ''}}
actions: {bid: {by: buyer, fields: {sum: {of: offer}}, sets: {offer: act.sum}}}
states: {hall: {speakers: [buyer], order: single, actions: [bid], go: [{to: over, after: {turns: 2}}]}}
start: hall
ends: [over]
lines: {hall: {buyer: [{when: turns == 1, do: {bid: {sum: "%s"}}, say: That much.}, {say: Hm.}]}}
"""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("offer + 30", "bid.sum: must be a number from 0 to 20"),
        ("offer / 3", "bid.sum: must be a whole number from 0 to 20"),
    ],
)
def test_an_act_with_a_value_that_its_field_cannot_have_is_refused_where_it_can_be_seen(
    given: str, reason: str
) -> None:
    """It is not left out for the next move; the run goes on with the fallback, of which a warning tells."""
    log = played(world_of(BARGAIN % given), Player(lambda request: Scripted().answer(request).text))
    assert [(r.turn, r.reasons) for r in of(log, "refusal")] == [(2, [reason])] * 3
    assert [(w.turn, w.code) for w in of(log, "warning")] == [(2, "fallback")]
    assert [(t.text, t.acts) for t in of(log, "turn")] == [("Hm.", []), ("That much.", [])]


def test_a_move_without_anything_to_do_it_with_is_left_out() -> None:
    """Null is no value, so the next move is tried."""
    log = played(world_of(BARGAIN % "turns > 5 ? 3 : null"), Player(lambda r: Scripted().answer(r).text))
    assert of(log, "refusal") == of(log, "warning") == []
    assert [t.text for t in of(log, "turn")] == ["Hm.", "Hm."]
