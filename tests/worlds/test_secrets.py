"""What nobody may know, nobody is shown: checked on whole games against rules written here, in plain Python.

The rules of who may know what are told from the log's facts alone (who holds which card, who is alive), never from
the engine's groups and audiences.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sim.engine import answers
from sim.engine.machine import broken
from sim.engine.prompt import build
from sim.engine.situation import Situation, scope
from sim.read.fold import before_turn
from sim.read.transcript import Transcript
from sim.record.log import LogWriter, RunLog
from sim.world.kinds import Kind, Value
from sim.world.library import revive
from sim.world.world import World
from tests.worlds.players import (
    CASES,
    LANGUAGES,
    MARK,
    MIXED,
    POLITE,
    RAVINGS,
    Asked,
    Game,
    Manners,
    facts_after,
    first_prompts,
    play,
    world_of,
)

VARIANTS = [variant for name, variant in CASES if name == "werewolf"]
Facts = Mapping[str, Any]
WHOLE = (Phase.explicit, Phase.reuse, Phase.generate)
"""A game that fails is not made smaller: it is another game then, and as long."""

HOLDERS = {
    "card": set(),
    "idea": {"werewolf"},
    "prey": {"werewolf", "witch"},
    "seen_wolves": {"seer"},
    "seen_good": {"seer"},
    "vision": {"seer"},
    "protected": {"doctor"},
    "protected_before": set(),
    "guarded": set(),
    "antidote": {"witch"},
    "poison_left": {"witch"},
    "dying": {"witch"},
    "saved": {"witch"},
    "poisoned": {"witch"},
}
"""Who may know a private fact of the game, by the card one holds; of the cards, each knows only its own."""

PACK = {"en": "your werewolf pack=", "zh": "你们狼人="}
SHOWS_GUN = {"en": "{name} shows the hunter's card", "zh": "{name}亮出猎人牌"}
SAID_OF = (
    r"(?=({names})"
    r"(?: |=|: |：|是| is |（| ?\(| is out of the game and turns over the card: |被放逐了，翻开牌：)"
    r"({cards}))"
)
"""Ways in which a prompt could say of somebody which card it holds."""


@cache
def statements(variant: str | None, language: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """Finds all that is said of somebody's card; and whose name is whose."""
    world = world_of("werewolf", variant)
    names = {world.agent_name(a, language): a for a in world.agents}
    kinds = [world.facts["card"].kind, world.facts["vision"].kind]
    cards = {kind.show(option, language) for kind in kinds for option in kind.options}
    found = {"names": "|".join(map(re.escape, names)), "cards": "|".join(map(re.escape, cards))}
    return re.compile(SAID_OF.format(**found)), names


options = st.fixed_dictionaries(
    {
        "reveal": st.sampled_from(["role", "team", "nothing"]),
        "vote_order": st.sampled_from(["at_once", "in_turn"]),
        "exile_tie": st.sampled_from(["revote", "nobody", "lot"]),
        "last_words": st.booleans(),
    }
)
"""The options that a table may agree on before it plays."""


def living(facts: Facts) -> set[str]:
    """Those still in the game."""
    return {key.partition(".")[2] for key, value in facts.items() if key.startswith("alive.") and value}


def holders(facts: Facts, *cards: str) -> set[str]:
    """Those who were dealt one of some cards."""
    return {k.partition(".")[2] for k, v in facts.items() if k.startswith("card.") and v in cards}


def may_be_asked(state: str, facts: Facts) -> set[str]:
    """Who may be sent a prompt: the dead never, but the exiled for last words and for the hunter's shot."""
    alive = living(facts)
    return {
        "den": alive & holders(facts, "werewolf"),
        "night": alive & holders(facts, "werewolf", "seer", "doctor"),
        "brew": alive & holders(facts, "witch"),
        "talk": alive,
        "trial": alive,
        "trial_in_turn": alive,
        "farewell": {facts["exiled"]},
        "aim": {facts["exiled"]} & holders(facts, "hunter"),
    }[state]


def may_hear(state: str, facts: Facts, speaker: str) -> set[str]:
    """Who may hear what is said in a state; one always hears oneself."""
    if state in {"night", "brew", "aim"}:
        return {speaker}
    heard = living(facts) & holders(facts, "werewolf") if state == "den" else living(facts)
    return heard | {speaker}


def check_audiences(game: Game) -> dict[str, set[str]]:
    """Every turn and narration was heard by those who may, and by no other; gives who heard each mark."""
    everyone = set(game.world.agents)
    heard: dict[str, set[str]] = {}
    before_count: Facts | None = None
    for record, facts in zip(game.records, facts_after(game.records), strict=False):
        if record["type"] == "turn":
            expected = may_hear(record["state"], facts, record["speaker"])
            assert set(record["heard_by"]) == expected, record
            heard |= dict.fromkeys(MARK.findall(record["text"]), expected)
        elif record["type"] == "narration":
            at = before_count if before_count is not None else facts
            assert set(record["heard_by"]) == (everyone if record["turn"] == 0 else living(at)), record
        before_count = facts if record["type"] == "ballot" else None
    return heard


def true_words(world: World, facts: Facts, agent: str, language: str) -> set[str]:
    """What may be said of somebody's card: of the dead (whose cards may stand in one list) what is revealed."""
    dead = set(world.agents) - living(facts)
    if agent not in dead or facts["reveal"] == "nothing":
        return set()
    cards = {facts[f"card.{a}"] for a in dead}
    if facts["reveal"] == "role":
        return {world.facts["card"].kind.show(card, language) for card in cards}
    sides = {"wolf_side" if card == "werewolf" else "village_side" for card in cards}
    return {world.facts["vision"].kind.show(side, language) for side in sides}


def check_words(game: Game, asked: Asked, facts: Facts) -> None:
    """A prompt states its reader's card, nobody else's before it is turned over, and no fact of another card."""
    world, language, words = game.world, game.language, asked.words
    own = facts[f"card.{asked.role}"]
    label = world.facts["card"].label[language]
    assert words.count(f"{label}=") == words.count(f"{label}={world.facts['card'].kind.show(own, language)}") == 1
    for name, cards in HOLDERS.items():
        if name in world.facts and name != "card" and own not in cards and world.facts[name].label:
            assert f"{world.facts[name].label[language]}=" not in words, name
    assert own == "werewolf" or PACK[language] not in words
    pattern, names = statements(world.variant, language)
    for name, card in pattern.findall(words):
        assert names[name] == asked.role or card in true_words(world, facts, names[name], language), (name, card)
    for name, other in names.items():
        if SHOWS_GUN[language].format(name=name) in words:
            assert facts[f"card.{other}"] == "hunter"
            assert other not in living(facts)


def check_game(game: Game) -> int:
    """No prompt of a game holds what its reader may not know; gives how often a wolf was shown a wolf's whisper."""
    facts_at = facts_after(game.records)
    heard = check_audiences(game)
    nights = [r for r in game.records if r["type"] == "turn" and r["state"] == "den"]
    whispers = {mark for r in nights for mark in MARK.findall(r["text"])}
    passed_on = 0
    for asked in game.table.asked:
        facts = facts_at[asked.at]
        assert asked.role in may_be_asked(asked.situation.state, facts), asked
        found = set(MARK.findall(asked.words))
        for mark in found:
            assert asked.role in heard.get(mark, set()) | {game.table.author[mark]}, (asked.role, mark)
        wolves = holders(facts, "werewolf")
        assert asked.role in wolves or not found & whispers
        passed_on += sum(game.table.author[m] != asked.role for m in found & whispers)
        check_words(game, asked, facts)
    for record in game.records:
        if record["type"] == "summary":
            raise AssertionError("say here who may know the summaries of this game")
    return passed_on


def same_but_secret(draw: random.Random, world: World, situation: Situation, role: str) -> Situation:
    """Another situation that a player could not tell from this one: other cards are dealt where it cannot know."""
    facts = dict(situation.facts)
    own, reveal = facts[f"card.{role}"], facts["reveal"]
    hidden: dict[str, list[str]] = {}
    for agent in world.agents:
        card, is_dead = facts[f"card.{agent}"], not facts[f"alive.{agent}"]
        is_pack = own == "werewolf" and card == "werewolf"
        has_shot = card == "hunter" and facts.get("shot") is not None and is_dead
        if agent == role or is_pack or has_shot or (is_dead and reveal == "role"):
            continue
        team = str(card == "werewolf") if is_dead and reveal == "team" else "any"
        hidden.setdefault(team, []).append(agent)
    for agents in hidden.values():
        cards = [facts[f"card.{a}"] for a in agents]
        draw.shuffle(cards)
        facts |= {f"card.{a}": c for a, c in zip(agents, cards, strict=True)}
    for name, cards in HOLDERS.items():
        if name in facts and own not in cards:
            facts[name] = other_value(draw, world.facts[name].kind)
    return replace(situation, facts=facts, votes=other_votes(draw, world, situation, role))


def other_votes(draw: random.Random, world: World, situation: Situation, role: str) -> dict[str, dict[str, Any]]:
    """The votes that are not counted yet, with those of others changed."""
    options = list(world.agents)
    return {
        ballot: {voter: choice if voter == role else draw.choice(options) for voter, choice in votes.items()}
        for ballot, votes in situation.votes.items()
    }


def other_value(draw: random.Random, kind: Kind) -> Value:
    """Any value of a kind."""
    if kind.name == "flag":
        return draw.random() < 0.5
    if kind.name == "choice":
        return draw.choice([None, *kind.options])
    if kind.name == "list" and kind.item is not None and kind.item.options:
        few = list(kind.item.options)
        return tuple(draw.sample(few, draw.randint(0, len(few))))
    if kind.name == "text":
        return draw.choice([None, f"secret {draw.randint(0, 99)}"])
    return kind.read(draw.randint(int(kind.low or 0), int(kind.high or 50)))


def check_indistinct(game: Game, asked: Asked, other: Situation, raw: str, history: tuple[Any, ...] = ()) -> None:
    """What a player is shown, and why an answer of it is sent back, is the same in both situations."""
    world, language, role = game.world, game.language, asked.role
    here, there = (build(world, s, history, role, language) for s in (asked.situation, other))
    assert here == there
    if broken(world, scope(world, other)) is None:
        read = [answers.read(world, s, role, raw, 1.0, language) for s in (asked.situation, other)]
        assert read[0].problems == read[1].problems, raw


def check_indistinct_game(game: Game, seed: int) -> None:
    """In no turn of a game does what a player is shown depend on what it may not know."""
    draw = random.Random(seed)
    for asked in game.table.asked:
        if asked.attempt == 0:
            other = same_but_secret(draw, game.world, asked.situation, asked.role)
            check_indistinct(game, asked, other, attempt(draw, game.world))


def attempt(draw: random.Random, world: World) -> str:
    """An answer that tries to find something out."""
    if draw.random() < 0.2:
        return draw.choice(RAVINGS)
    name = draw.choice([*world.actions])
    fields = {f: draw.choice([*world.agents, 1, 5, "wolf_side", "pilot"]) for f in world.actions[name].fields}
    return json.dumps({"say": "x", name: fields})


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_private_fact_of_the_game_has_its_rule_here(variant: str | None) -> None:
    """A fact that is added to the world must be added to the rules of this test."""
    world = world_of("werewolf", variant)
    assert {key.partition(".")[0] for key, _ in private_keys(world)} <= set(HOLDERS)
    assert set(world.states) <= {
        *("dusk", "den", "night", "brew", "dawn", "talk", "trial", "trial_in_turn", "verdict", "farewell", "aim"),
        "smoke",
    }


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=3, phases=WHOLE)
@given(seed=st.integers(0, 10**6), facts=options, manners=st.sampled_from([POLITE, MIXED]))
def test_no_prompt_of_a_random_game_holds_a_secret(
    language: str, variant: str | None, seed: int, facts: dict[str, object], manners: Manners
) -> None:
    """Whispers, cards, findings, prey, and the talk of the living reach nobody else; the dead are left in peace."""
    game = play(world_of("werewolf", variant), seed=seed, language=language, manners=manners, facts=facts)
    check_game(game)
    check_indistinct_game(game, seed)


@pytest.mark.campaign
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=300, phases=WHOLE)
@given(seed=st.integers(0, 10**9), facts=options, manners=st.sampled_from([POLITE, MIXED]))
def test_no_prompt_of_hundreds_of_games_holds_a_secret(
    language: str, variant: str | None, seed: int, facts: dict[str, object], manners: Manners
) -> None:
    """The same at full size; by hand."""
    game = play(world_of("werewolf", variant), seed=seed, language=language, manners=manners, facts=facts)
    check_game(game)
    check_indistinct_game(game, seed)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_may_be_known_does_arrive(language: str, variant: str | None) -> None:
    """The checks see something: wolves read each other's whispers and their pack, the seer its findings."""
    world = world_of("werewolf", variant)
    games = [play(world, seed=seed, language=language, facts={"reveal": "role"}) for seed in range(3)]
    assert sum(map(check_game, games)) > 0
    seen = world.facts["seen_good"].label[language]
    asked = []
    for game in games:
        facts_at = facts_after(game.records)
        asked += [(a, facts_at[a.at][f"card.{a.role}"]) for a in game.table.asked]
    assert {card for a, card in asked if PACK[language] in a.words} == {"werewolf"}
    assert {card for a, card in asked if f"{seen}=" in a.words} == {"seer"}
    pattern, _ = statements(variant, language)
    assert len({told for a, _ in asked for told in pattern.findall(a.words)}) > 3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reveal", ["role", "team", "nothing"])
def test_a_leak_would_be_seen(variant: str | None, reveal: str) -> None:
    """A card that is stated, a whisper that is passed on, and a dead reader each fail the check."""
    game = play(world_of("werewolf", variant), seed=3, language="en", facts={"reveal": reveal})
    check_game(game)
    asked = next(a for a in game.table.asked if a.situation.state == "talk")
    facts_at = facts_after(game.records)
    alive = living(facts_at[asked.at])
    other = next(a for a in game.world.agents if a != asked.role and a in alive)
    stated = f"{game.world.agent_name(other, 'en')} is {game.world.facts['card'].kind.show('villager', 'en')}"
    whisper = next(r["text"] for r in game.records if r["type"] == "turn" and r["state"] == "den")
    innocent = next(a for a in game.table.asked if facts_at[a.at][f"card.{a.role}"] == "villager")
    dead = next(a for a in game.world.agents if a not in living(facts_at[-1]))
    leaks = [
        replace(asked, words=f"{asked.words} {stated}"),
        replace(innocent, words=f"{innocent.words} {whisper}"),
        replace(innocent, words=f"{innocent.words} {PACK['en']}"),
        replace(innocent, role=dead, at=len(game.records)),
    ]
    for leak in leaks:
        forged = replace_asked(game, leak)
        with pytest.raises(AssertionError):
            check_game(forged)


def replace_asked(game: Game, asked: Asked) -> Game:
    """A game with another list of prompts."""
    table = type(game.table)(0, POLITE, game.records)
    table.author, table.asked = game.table.author, [asked]
    return replace(game, table=table)


# The other worlds: what a prompt shows is the same whatever the facts are that its reader may not know.

HOSPITAL = {
    "prescription": {"patient", "doctor", "cashier", "pharmacist"},
    "heading": {"patient"},
    "bill_paid": {"patient", "cashier", "pharmacist"},
    "receipt": {"patient", "cashier", "pharmacist"},
    "sent_back": {"patient", "pharmacist"},
    "dispensed": {"patient", "pharmacist"},
    "triaged": {"patient", "nurse", "doctor"},
    "pain": {"patient", "nurse", "doctor"},
    "temper": {"patient"},
    "queue_number": {"patient", "registrar", "doctor"},
    "numbers_given": {"registrar"},
    "next_doctor": {"registrar"},
    "stock_gel": {"doctor", "pharmacist"},
    "stock_ibuprofen": {"doctor", "pharmacist"},
    "stock_ointment": {"doctor", "pharmacist"},
    "promised": {"patient", "pharmacist"},
}
AIRPORT = {
    "bag": {"passenger"},
    "pass_kind": {"passenger"},
    "gate": {"passenger"},
    "temper": {"passenger"},
    "pass_shown": {"passenger", "checker"},
    "gate_shown": {"passenger", "checker"},
    "image": {"screener", "officer", "supervisor"},
    "order": {"officer", "supervisor"},
    "search_agreed": {"officer", "supervisor"},
    "found": {"passenger", "officer", "supervisor"},
    "strict": {"checker", "screener", "officer", "supervisor"},
}
LEADERS = {"A0", "B0", "C0"}
ROOMS = {"product": "A", "marketing": "B", "engineering": "C"}


def _hospital(key: str, facts: Facts, state: str, role: str) -> bool:
    return ("doctor" if role in {"dr1", "dr2"} else role) in HOSPITAL[key]


def _airport(key: str, facts: Facts, state: str, role: str) -> bool:
    return role in AIRPORT[key]


def _meeting(key: str, facts: Facts, state: str, role: str) -> bool:
    return key == f"stance.{role}"


def _departments(key: str, facts: Facts, state: str, role: str) -> bool:
    name, _, agent = key.partition(".")
    if name == "leaning":
        return agent == role or role[0] == ROOMS.get(facts["department"] or "")
    if name == "view":
        return agent == role or (role in LEADERS and state in {"council", "settling"})
    return role in LEADERS


def _nobody(key: str, facts: Facts, state: str, role: str) -> bool:
    return False


RULES: dict[str, Callable[[str, Facts, str, str], bool]] = {
    "hospital_visit": _hospital,
    "airport_security": _airport,
    "company_meeting": _meeting,
    "three_departments": _departments,
    "number_chain": _nobody,
    "chart_desk": _nobody,
}
"""For each world, whether a role may know a private fact now."""
PRIVATE = {
    "hospital_visit": set(HOSPITAL),
    "airport_security": set(AIRPORT),
    "company_meeting": {"stance"},
    "three_departments": {"leaning", "view", "proposal", "accepted", "chosen", "joint"},
    "number_chain": {"first"},
    "chart_desk": {"prices"},
}
OTHERS = [(name, variant) for name, variant in CASES if name != "werewolf"]


def private_keys(world: World) -> Iterator[tuple[str, Kind]]:
    """The keys of the facts that not all may know."""
    for name, fact in world.facts.items():
        if fact.compute is None and not set(world.agents) <= fact.known_to.agents:
            yield from ((key, fact.kind) for key in ([name] if fact.of is None else map(fact.key, fact.of)))


def secret_value(draw: random.Random, key: str, kind: Kind) -> Value:
    """Another value of a private fact; of the price file only its path, for that there is one is no secret."""
    return f"/home/{draw.randint(0, 99)}.csv" if key == "prices" else other_value(draw, kind)


@pytest.mark.parametrize(("name", "variant"), OTHERS)
@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=3, phases=WHOLE)
@given(seed=st.integers(0, 10**6), manners=st.sampled_from([POLITE, MIXED]))
def test_what_one_may_not_know_changes_nothing_that_one_is_shown(
    language: str, name: str, variant: str | None, seed: int, manners: Manners
) -> None:
    """Other secrets, same prompt; and an answer is sent back for the same reasons."""
    world, rule, draw = world_of(name, variant), RULES[name], random.Random(seed)
    assert {key.partition(".")[0] for key, _ in private_keys(world)} <= PRIVATE[name]
    start: dict[str, object] = {"prices": "/home/me.csv"} if name == "chart_desk" else {}
    game = play(world, seed=seed, language=language, manners=manners, facts=start)
    for asked in game.table.asked:
        if asked.purpose != "turn":
            continue
        facts, state = asked.situation.facts, asked.situation.state
        hidden = [(k, kind) for k, kind in private_keys(world) if not rule(k, facts, state, asked.role)]
        changed = {**facts, **{k: secret_value(draw, k, kind) for k, kind in hidden}}
        votes = other_votes(draw, world, asked.situation, asked.role)
        check_indistinct(game, asked, replace(asked.situation, facts=changed, votes=votes), attempt(draw, world))


def check_marks(game: Game) -> None:
    """A mark is in the prompts only of its author, and of those by whom the log says that it was heard."""
    open_to: dict[str, set[str]] = {}
    for record in game.records:
        if record["type"] in {"turn", "summary", "narration"}:
            for mark in MARK.findall(record["text"]):
                open_to.setdefault(mark, set()).update(record["heard_by"])
    for asked in game.table.asked:
        for mark in set(MARK.findall(asked.words)):
            if mark not in stated_facts(game, asked):
                assert asked.role in open_to.get(mark, set()) | {game.table.author[mark]}, (asked, mark)


def stated_facts(game: Game, asked: Asked) -> set[str]:
    """The marks in texts that an act made a fact of: those are told by who may know the fact."""
    texts = (v for v in facts_after(game.records)[asked.at].values() if v is not None)
    return set(MARK.findall(json.dumps(list(texts), default=str)))


@pytest.mark.parametrize(("name", "variant"), OTHERS)
@settings(max_examples=3, phases=WHOLE)
@given(seed=st.integers(0, 10**6), language=st.sampled_from(LANGUAGES), manners=st.sampled_from([POLITE, MIXED]))
def test_words_reach_only_those_who_heard_them(
    name: str, variant: str | None, seed: int, language: str, manners: Manners
) -> None:
    """In turns, repairs, look-ups and summaries of the other worlds."""
    check_marks(play(world_of(name, variant), seed=seed, language=language, manners=manners))


@settings(max_examples=6, phases=WHOLE)
@given(seed=st.integers(0, 10**6), language=st.sampled_from(LANGUAGES), manners=st.sampled_from([POLITE, MIXED]))
def test_departments_hear_nothing_of_each_other_and_leaders_alone_cross(
    seed: int, language: str, manners: Manners
) -> None:
    """What is said in a department stays there; what the leaders say among themselves, the leaders know."""
    game = play(world_of("three_departments"), seed=seed, language=language, manners=manners)
    said: dict[str, set[str]] = {}
    for record in game.records:
        if record["type"] == "turn":
            team = {a for a in game.world.agents if a[0] == record["speaker"][0]}
            expected = LEADERS if record["state"] in {"council", "settling"} else team
            assert set(record["heard_by"]) == expected
            said |= dict.fromkeys(MARK.findall(record["text"]), expected)
    for asked in game.table.asked:
        for mark in set(MARK.findall(asked.words)):
            assert asked.role in said.get(mark, set()) | {game.table.author[mark]}


# What the log gives back: the prompt of every turn, and the transcript as one role heard it.


def logged(tmp_path: Path, name: str, variant: str | None, language: str, seed: int) -> tuple[Game, RunLog]:
    """A game of all manners with its log on disk."""
    path = tmp_path / f"{name}-{variant}-{language}-{seed}.jsonl"
    with LogWriter(path) as log:
        game = play(world_of(name, variant), seed=seed, language=language, manners=MIXED, log=log)
    return game, RunLog.open(path)


@pytest.mark.parametrize(("name", "variant"), CASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_of_every_turn_is_built_again_from_the_log(
    name: str, variant: str | None, language: str, tmp_path: Path
) -> None:
    """`sim show --prompt` shows exactly what was sent: the digest is that of the first call of the turn."""
    _, log = logged(tmp_path, name, variant, language, seed=5)
    world = revive(log.header.resolved, log.header.variant)
    sent = first_prompts(log)
    turns = [r.turn for r in log.records if r.type == "turn"]
    every = max(1, len(turns) // 40)
    for turn in turns[::every]:
        moment = before_turn(log, turn, world)
        built = build(moment.world or world, moment.situation, moment.said, moment.record.speaker, language)
        assert built.digest == sent[turn, moment.record.speaker], f"turn {turn}"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_replay_as_one_player_shows_what_that_player_heard(
    language: str, variant: str | None, tmp_path: Path
) -> None:
    """All of it and nothing else, the player's own acts only, and no scene in which it heard nothing."""
    _, log = logged(tmp_path, "werewolf", variant, language, seed=8)
    records = [json.loads(r.model_dump_json(by_alias=True)) for r in log.records]
    facts_at = facts_after(records)
    world = world_of("werewolf", variant)
    labels = {name: state.label[language] for name, state in world.states.items()}
    silent = {name for name, state in world.states.items() if state.is_silent}
    for role in world.agents:
        entries = list(Transcript(log.header, role).entries(log.records))
        heard = [
            (r["type"], r["text"], labels[r["state"]])
            for r, facts in zip(records, facts_at, strict=False)
            if (
                r["type"] == "turn"
                and role in may_hear(r["state"], facts, r["speaker"])
                and (role == r["speaker"] or r["state"] not in silent)
            )
            or (r["type"] == "narration" and role in r["heard_by"])
        ]
        assert [(e.kind, e.text) for e in entries if e.kind in {"turn", "narration"}] == [h[:2] for h in heard]
        assert not any(e.acts for e in entries if e.speaker != role)
        assert {e.text for e in entries if e.kind == "state"} == {label for _, _, label in heard}
        assert {e.kind for e in entries} <= {"opening", "state", "narration", "turn", "end"}


def test_all_worlds_have_their_rules_here() -> None:
    """A world that is added must be added to the rules of this file."""
    assert {name for name, _ in CASES} == {*RULES, "werewolf"} == {*PRIVATE, "werewolf"}
    assert not [pair for pair in itertools.pairwise(CASES) if pair[0] == pair[1]]
