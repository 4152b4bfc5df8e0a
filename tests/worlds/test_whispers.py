"""A small world of secrets: a hall in which a model selects, a corner, notebooks, reflections and carryover.

Ann and Ben share a plan in the corner; everybody has a pin and a notebook; the hall hears what is said aloud.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.engine.prompt import build
from sim.models.model import Request
from sim.read.fold import before_turn
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.stage.selector import SELECTOR
from sim.world.library import revive
from sim.world.world import World
from tests.stage.test_episode import Ledger
from tests.worlds.players import (
    MARK,
    MIXED,
    POLITE,
    Game,
    Manners,
    Table,
    facts_after,
    first_prompts,
    play,
)

WORLD = """
world: whispers
roles: {ann: chengzi, ben: cashier, cat: nurse_lin, dan: zhao_liu}
groups:
  pair: [ann, ben]
  others: [cat, dan]
  all_four: [ann, ben, cat, dan]
facts:
  plan: {text: 60, known_to: pair, label: the plan}
  pin: {of: all_four, text: 60, known_to: self, label: your pin}
  chair: {choice: all_four, label: the chair}
actions:
  plot: {by: pair, fields: {plan: {of: plan}}, due: true, sets: {plan: act.plan}}
  choose_pin: {by: all_four, fields: {pin: {of: pin}}, due: true, sets: {"pin[me]": act.pin}}
ballots:
  chairs:
    voters: all_four
    on: "[p for p in all_four if p != me]"
    secret: true
    tie: [revote, lot]
    sets: {chair: result.winner}
context: {of: state, carryover: true}
states:
  notebook:
    {speakers: all_four, order: simultaneous, heard_by: self, actions: choose_pin, go: [corner]}
  corner:
    speakers: pair
    heard_by: pair
    actions: plot
    summary: {how: reflection}
    go: [{to: hall, after: {turns: 4}}]
  hall:
    speakers: all_four
    order: auto
    repeat: false
    summary: {how: reflection, heard_by: others}
    go: [{to: vote, after: {turns: 5}}]
  vote:
    speakers: all_four
    order: simultaneous
    silent: true
    heard_by: self
    actions: chairs
    go: [{to: again, after: {rounds: 1}}]
  again:
    {speakers: pair, heard_by: pair, summary: {how: last_message}, go: [{to: hall_again, after: {turns: 2}}]}
  hall_again: {speakers: all_four, order: auto, go: [{to: over, after: {turns: 4}}]}
start: notebook
ends: [over]
limits: {turns: 60}
"""
AUDIENCES = {
    "corner": {"ann", "ben"},
    "again": {"ann", "ben"},
    "hall": {"ann", "ben", "cat", "dan"},
    "hall_again": {"ann", "ben", "cat", "dan"},
}
"""Who hears what is said where; in the notebooks and at the vote each hears only itself."""
SUMMED_UP_FOR = {"corner": {"ann", "ben"}, "hall": {"cat", "dan"}, "again": {"ann", "ben"}}
"""Who is given what a state comes to."""


def load(folder: Path, text: str = WORLD) -> World:
    """A world of this file."""
    (folder / "world.yaml").write_text(text, encoding="utf-8")
    return sim.load(folder)


@pytest.fixture(scope="module")
def whispers(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world of whispers."""
    return load(tmp_path_factory.mktemp("whispers"))


def words_of(game: Game) -> dict[str, set[str]]:
    """Who may read each mark: what was said by who heard it, summaries by those whom they are for, and facts."""
    open_to: dict[str, set[str]] = {}
    for record in game.records:
        if record["type"] == "turn":
            marks, heard = MARK.findall(record["text"]), AUDIENCES.get(record["state"], {record["speaker"]})
            assert set(record["heard_by"]) == heard
            marks += MARK.findall(str(record["changed"].get("plan"))) if record["state"] == "corner" else []
        elif record["type"] == "summary":
            marks, heard = MARK.findall(record["text"]), SUMMED_UP_FOR[record["state"]]
            assert set(record["heard_by"]) == heard
        else:
            continue
        for mark in marks:
            open_to.setdefault(mark, set()).update(heard)
    return open_to


def check(game: Game) -> dict[str, int]:
    """No prompt has a mark from outside its audience; gives how many marks of others each purpose was shown."""
    open_to, shown = words_of(game), {"turn": 0, "selection": 0, "summary": 0, "repair": 0}
    everyone = set(game.world.agents)
    for asked in game.table.asked:
        marks = set(MARK.findall(asked.words))
        for mark in marks:
            readers = open_to.get(mark, set())
            if asked.role == SELECTOR:
                assert game.table.author[mark] == SELECTOR or readers == everyone, (asked, mark)
            else:
                assert asked.role in readers | {game.table.author[mark]}, (asked, mark)
        shown[asked.purpose] += sum(game.table.author[m] != asked.role for m in marks)
        facts = facts_after(game.records)[asked.at] if asked.role == SELECTOR else {}
        for key, value in facts.items():
            assert key == "chair" or not MARK.search(value or "") or value not in asked.words, key
    return shown


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), language=st.just("en"), manners=st.sampled_from([POLITE, MIXED]))
def test_selectors_reflections_and_carryovers_hold_nothing_from_outside_their_audience(
    whispers: World, seed: int, language: str, manners: Manners
) -> None:
    """Whatever is said, noted, voted and plotted."""
    check(play(whispers, seed=seed, language=language, manners=manners))


def test_what_is_carried_over_and_selected_from_does_arrive(whispers: World) -> None:
    """The check sees words of others in turns, selections and summaries; without them it would prove nothing."""
    shown = check(play(whispers, seed=1, language="en"))
    assert min(shown[purpose] for purpose in ("turn", "selection", "summary")) > 0
    game = play(whispers, seed=1, language="en")
    sums = {m: r["state"] for r in game.records if r["type"] == "summary" for m in MARK.findall(r["text"])}
    turns = [a for a in game.table.asked if a.purpose == "turn"]
    given_to = {(sums[m], a.role) for a in turns for m in MARK.findall(a.words) if m in sums}
    assert {("corner", "ann"), ("hall", "cat")} & given_to
    assert not {("corner", "cat"), ("corner", "dan"), ("hall", "ann"), ("hall", "ben")} & given_to


def test_a_leak_to_the_selector_or_into_a_summary_would_be_seen(whispers: World) -> None:
    """A whisper that the selector or another's reflection holds fails the check."""
    game = play(whispers, seed=1, language="en")
    whisper = next(r["text"] for r in game.records if r["type"] == "turn" and r["state"] == "corner")
    for purpose in ("selection", "summary"):
        asked = next(a for a in game.table.asked if a.purpose == purpose and a.situation.visit > 1)
        reader = SELECTOR if purpose == "selection" else "cat"
        leaked = replace(asked, words=f"{asked.words} {whisper}", role=reader)
        table = type(game.table)(0, POLITE, game.records)
        table.author, table.asked = game.table.author, [leaked]
        with pytest.raises(AssertionError):
            check(replace(game, table=table))


@pytest.mark.parametrize("seed", range(3))
def test_the_log_gives_back_every_prompt_and_verifies(whispers: World, seed: int, tmp_path: Path) -> None:
    """Selections and summaries are followed, too."""
    with LogWriter(tmp_path / "log.jsonl") as log:
        play(whispers, seed=seed, language="en", manners=MIXED, log=log)
    check_rebuilt(RunLog.open(tmp_path / "log.jsonl"))


def check_rebuilt(log: RunLog) -> None:
    """The prompt of each turn follows from the log, and the log verifies."""
    assert verify(log).reason == ""
    world = revive(log.header.resolved, log.header.variant)
    sent = first_prompts(log)
    for turn in [r for r in log.records if r.type == "turn"]:
        moment = before_turn(log, turn.turn, world)
        built = build(world, moment.situation, moment.said, turn.speaker, log.header.language)
        assert built.digest == sent[turn.turn, turn.speaker], f"turn {turn.turn}"


SHARED = """
world: small
roles: {ann: chengzi, ben: cashier, cat: nurse_lin}
"""
NOTEBOOKS = (
    SHARED
    + """
states:
  notes:
    speakers: [ann, ben]
    order: simultaneous
    heard_by: self
    summary: {how: reflection}
    go: [{to: end, after: {rounds: 1}}]
  end: {speakers: [cat], context: {of: all, carryover: true}, go: [{to: over, after: {turns: 1}}]}
start: notes
ends: [over]
limits: {turns: 9}
"""
)
POINTING = (
    SHARED
    + """
groups: {some: [ann, ben]}
facts: {secret: {choice: [ann, ben, cat], start: cat, known_to: ben}, points: {of: some, number: ""}}
actions: {push: {by: ann, fields: {}, sets: {"points[secret]": 3}}}
states: {hall: {speakers: ann, actions: push, go: [{to: over, after: {turns: 1}}]}}
start: hall
ends: [over]
limits: {turns: 4}
"""
)
QUOTED = (
    SHARED
    + """
states: {hall: {speakers: [ann, ben, cat], order: auto, go: [{to: over, after: {turns: 3}}]}}
start: hall
ends: [over]
limits: {turns: 9}
"""
)
SMALLER = """
world: smaller
roles: {p: {count: 5, personas: [chengzi, cashier, zhao_liu, nurse_lin, pharmacy]}}
facts: {alive: {of: p, flag: true, label: alive}}
derived: {late: {is: rounds >= 2}}
groups: {living: "alive[me]"}
ballots:
  out: {voters: living, on: "[q for q in living if q != me]", tie: lot, sets: {"alive[result.winner]": false}}
states:
  table:
    speakers: living
    order: ORDER
    actions: out
    tell: {"*": "{% if late %}LATE{% endif %}"}
    go: [{to: over, when: rounds >= 3}]
start: table
ends: [over]
limits: {turns: 60}
"""


class Fixed(Table):
    """A model that says the same for an agent again and again."""

    def __init__(self, say: dict[str, str], records: Ledger) -> None:
        super().__init__(0, POLITE, records)
        self.say = say

    def _say(self, request: Request) -> str:
        return self.say.get(request.role, "Hm." if not request.candidates else request.candidates[0])


def said(folder: Path, text: str, say: dict[str, str]) -> Fixed:
    """The model of a game in which everybody says the same again and again."""
    world, records = load(folder, text), Ledger()
    table = Fixed(say, records)
    Run(world, settings_for(world, seed=1), dict.fromkeys(speakers(world), table), records).play()
    return table


def test_a_reflection_is_asked_of_one_who_heard_what_it_sums_up(tmp_path: Path) -> None:
    """Nobody's notebook is sent to another, not even to be summed up."""
    table = said(tmp_path, NOTEBOOKS, {"ann": "ANN'S NOTE", "ben": "BEN'S NOTE"})
    assert not [a.role for a in table.asked if a.role != "ann" and "ANN'S NOTE" in a.words]
    assert not [a.role for a in table.asked if a.role != "ben" and "BEN'S NOTE" in a.words]


def test_a_refusal_does_not_name_whom_a_secret_points_at(tmp_path: Path) -> None:
    """An act that a secret makes impossible is sent back without the secret."""
    table = said(tmp_path, POINTING, {"ann": '{"say": "x", "push": {}}'})
    assert [a.purpose for a in table.asked] == ["turn", "repair", "repair"]
    assert "cat" not in "".join(a.words.partition("cannot be used")[2] for a in table.asked)


def test_words_are_quoted_to_the_selector_as_they_were_said(tmp_path: Path) -> None:
    """A speaker cannot make the selector's prompt fill in what it says."""
    table = said(tmp_path, QUOTED, {"ann": "{roles} and {agentlist}", "ben": "{roles} and {agentlist}"})
    last = next(a for a in table.asked if a.purpose == "selection" and a.turn == 3)
    assert last.words.count("{roles} and {agentlist}") == 2


@pytest.mark.parametrize("order", ["simultaneous", "round_robin"])
def test_a_table_that_votes_again_and_again_is_followed(order: str, tmp_path: Path) -> None:
    """Where a vote changes who speaks and the state goes on, the log still gives back every prompt."""
    world = load(tmp_path, SMALLER.replace("ORDER", order))
    with LogWriter(tmp_path / "log.jsonl") as log:
        play(world, seed=1, language=world.spec.languages[0], log=log)
    check_rebuilt(RunLog.open(tmp_path / "log.jsonl"))
