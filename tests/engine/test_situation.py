"""Groups, facts of each agent, dealt facts, and who is shown what: in prompts, options and templates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.machine import Refused, apply, begin
from sim.engine.prompt import build
from sim.engine.situation import Act, Situation, members, open_actions, scope
from sim.errors import DefinitionError
from sim.stage.run import parse_facts, settings_for
from sim.world.world import World
from tests.building import acts, of, played, started, world_of

CARDS = {
    "wolf": {"zh": "狼", "en": "the wolf card"},
    "seer": {"zh": "预言家", "en": "the seer card"},
    "villager": {"zh": "村民", "en": "the villager card"},
}
DEAL = {"wolf": 2, "seer": 1, "villager": 2}
AGENTS = [f"P{i}" for i in range(1, 6)]


def values(**more: Any) -> dict[str, Any]:
    """A night with wolves and a seer, as the values of its file."""
    base: dict[str, Any] = {
        "world": "night",
        "languages": ["en", "zh"],
        "roles": {
            "player": {"count": 5, "called": "P", "personas": ["ann", "bob", "cai", "dan", "eve"]},
            "host": "fay",
        },
        "groups": {
            "first": ["P1", "P2", "host"],
            "living": {"where": "alive[me]", "of": "player"},
            "wolves": {
                "where": "alive[me] and card[me] == wolf",
                "of": "player",
                "known_to": "wolves",
                "label": {"zh": "狼群", "en": "the pack"},
            },
            "seers": {"where": "alive[me] and card[me] == seer", "of": "player", "known_to": "nobody"},
            "hidden": {
                "where": "card[me] == villager",
                "of": "player",
                "known_to": "all",
                "label": "H",
                "shown": False,
            },
        },
        "facts": {
            "card": {
                "of": "player",
                "choice": CARDS,
                "deal": DEAL,
                "known_to": "self",
                "label": {"zh": "你的牌", "en": "your card"},
            },
            "alive": {"of": "player", "flag": True, "label": {"zh": "在场", "en": "still here"}},
            "chips": {"of": "player", "number": "chips", "label": {"zh": "筹码", "en": "chips"}},
            "prey": {"choice": "player", "known_to": "wolves", "label": {"zh": "猎物", "en": "prey"}},
            "secret": {"text": 40, "start": "xyzzy", "known_to": "nobody", "label": {"zh": "秘密", "en": "secret"}},
            "note": {"text": 40, "start": "a quiet note", "shown": False},
            "guest": {"choice": "first"},
        },
        "actions": {
            "hunt": {
                "by": "wolves",
                "fields": {"who": {"one_of": "[p for p in living if not (p in wolves)]"}},
                "sets": {"prey": "act.who"},
            },
            "kill": {"by": "host", "sets": {"alive[prey]": False, "prey": None}},
            "pay": {
                "by": "host",
                "fields": {"to": {"choice": "player"}},
                "sets": {"chips[act.to]": "chips[act.to] + 2"},
            },
            "reset": {"by": "host", "sets": {"chips[*]": "turns + 1", "note": None}},
            "wrong": {"by": "host", "sets": {"alive['host']": False}},
        },
        "states": {
            "night": {
                "speakers": ["player", "host"],
                "actions": ["hunt", "kill", "pay", "reset", "wrong"],
                "tell": {"en": "{{ me }}, the note says: {{ note }}", "zh": "{{ me }}，纸条：{{ note }}"},
                "go": [{"to": "over", "after": {"turns": 2}}],
            }
        },
        "start": "night",
        "ends": ["over"],
    }
    return {**base, **more}


@pytest.fixture(scope="module")
def night() -> World:
    """The night, loaded."""
    return world_of(values())


def dealt(*cards: str) -> dict[str, str]:
    """Facts that give the players these cards."""
    return {f"card.{a}": c for a, c in zip(AGENTS, cards, strict=True)}


USUAL = dealt("wolf", "wolf", "seer", "villager", "villager")


def start(world: World, **more: Any) -> Situation:
    """The beginning, with the usual cards."""
    return begin(world, 1, {**USUAL, **more})


def shown(world: World, situation: Situation, agent: str, language: str = "en") -> str:
    """All that an agent is shown."""
    return "\n".join(m["content"] for m in build(world, situation, [], agent, language).messages)


def test_a_group_is_whoever_its_condition_holds_for_now(night: World) -> None:
    """It changes with the facts, and a group may read one before it."""
    situation = start(night)
    assert scope(night, situation)["wolves"] == ("P1", "P2")
    after = start(night, **{"alive.P1": False})
    assert scope(night, after)["wolves"] == ("P2",)
    assert scope(night, after)["living"] == ("P2", "P3", "P4", "P5")


def test_a_fixed_group_keeps_the_order_of_the_cast(night: World) -> None:
    """Roles, agents and earlier fixed groups may be in it."""
    assert night.constants["first"] == ("P1", "P2", "host")
    groups = {**values()["groups"], "more": ["host", "first", "P5"], "everyone": ["player"]}
    made = world_of(values(groups=groups))
    assert made.constants["more"] == ("P1", "P2", "P5", "host")
    assert made.constants["everyone"] == tuple(AGENTS)


def test_members_are_in_the_order_in_which_they_are_named(night: World) -> None:
    """So `speakers: [host, wolves]` lets the host begin."""
    state = world_of(
        values(states={**values()["states"], "two": {"speakers": ["host", "wolves", "P1"], "go": ["over"]}})
    )
    situation = start(state)
    assert members(state, scope(state, situation), state.states["two"].speakers) == ("host", "P1", "P2")


def test_a_group_that_reads_a_later_one_is_refused() -> None:
    """Nothing can go round in circles."""
    groups = {"a": "me in b", "b": "alive[me]"}
    with pytest.raises(DefinitionError, match="'b' is defined later; a group may read those before it"):
        world_of(values(groups={**values()["groups"], **groups}))


def test_a_fact_known_to_self_is_shown_to_its_own_agent_alone(night: World) -> None:
    """Each player reads its own card, in its own language, and nobody reads another's."""
    situation = start(night)
    cards = {
        a: [en for en in ("wolf", "seer", "villager") if f"the {en} card" in shown(night, situation, a)]
        for a in [*AGENTS, "host"]
    }
    assert cards == {
        "P1": ["wolf"],
        "P2": ["wolf"],
        "P3": ["seer"],
        "P4": ["villager"],
        "P5": ["villager"],
        "host": [],
    }
    assert "你的牌=预言家" in shown(night, situation, "P3", "zh")


def test_who_is_in_a_group_is_shown_to_those_who_may_know(night: World) -> None:
    """The wolves see their pack by name, and nobody else sees that there is one."""
    situation = start(night)
    packs = {a: "the pack=Ann, Bob" in shown(night, situation, a) for a in [*AGENTS, "host"]}
    assert packs == {"P1": True, "P2": True, "P3": False, "P4": False, "P5": False, "host": False}
    assert not any("the pack" in shown(night, situation, a) for a in ("P3", "P4", "P5", "host"))
    assert "狼群=张三、李四" in shown(night, situation, "P1", "zh")


def test_a_wolf_that_left_the_pack_no_longer_sees_it(night: World) -> None:
    """Who may know is asked in each situation."""
    situation = start(night, **{"alive.P1": False})
    assert "the pack" not in shown(night, situation, "P1")
    assert "the pack=Bob" in shown(night, situation, "P2")


def test_a_fact_known_to_a_group_is_shown_to_its_members(night: World) -> None:
    """The prey is the wolves' business."""
    situation = start(night, prey="P4")
    assert [a for a in [*AGENTS, "host"] if "prey=Dan" in shown(night, situation, a)] == ["P1", "P2"]


def test_a_fact_known_to_nobody_is_in_no_prompt(night: World) -> None:
    """Neither its value nor its label."""
    texts = [shown(night, start(night), a, language) for a in [*AGENTS, "host"] for language in ("en", "zh")]
    assert not any("xyzzy" in t or "secret" in t or "秘密" in t for t in texts)


def test_what_is_not_shown_is_not_listed_but_may_stand_in_a_text(night: World) -> None:
    """`shown: false` keeps a fact or a group out of the list of what is known."""
    text = shown(night, start(night), "P4")
    assert "Dan, the note says: a quiet note" in text
    assert "note=" not in text
    assert "H=" not in text


def test_flags_of_each_are_shown_as_the_names_of_those_for_whom_they_are_true(night: World) -> None:
    """Other facts of each are shown with the name before each value; what is empty is not listed."""
    text = shown(night, start(night, **{"alive.P2": False, "chips.P3": 4}), "P5")
    assert "still here=Ann, Cai, Dan, Eve" in text
    assert "chips=Cai 4" in text
    assert "chips" not in shown(night, start(night), "P5")


def test_the_options_of_a_field_are_those_there_are_now(night: World) -> None:
    """In the text and in the schema; they shrink with the group."""
    situation = start(night, **{"alive.P4": False})
    prompt = build(night, situation, [], "P1", "en")
    assert prompt.schema is not None
    assert prompt.schema["properties"]["hunt"]["anyOf"][1]["properties"]["who"]["enum"] == ["Cai", "Eve"]
    assert "[who: Cai | Eve]" in prompt.messages[1]["content"]


def test_an_act_without_any_option_is_not_offered(night: World) -> None:
    """Nobody is left to hunt, so nobody is asked whom."""
    situation = start(night, **{f"alive.{a}": False for a in ("P3", "P4", "P5")})
    assert open_actions(night, situation, "P1") == []


def test_options_that_would_tell_a_secret_are_refused_when_the_world_is_loaded() -> None:
    """What one may choose from says what it was made of."""
    actions = {"hunt": {"by": "player", "fields": {"who": {"one_of": "[p for p in living if card[p] == wolf]"}}}}
    with pytest.raises(DefinitionError, match="'card' is not known to"):
        world_of(values(actions={**values()["actions"], **actions}))


@pytest.mark.parametrize("name", ["secret", "prey", "card", "wolves"])
def test_a_template_with_what_its_reader_does_not_know_is_refused(name: str) -> None:
    """So nothing is told by a slip of the author."""
    state = {"speakers": "player", "tell": "{{ " + name + " }}", "heard_by": "all", "go": ["over"]}
    told = {**state, "narrate": "{{ " + name + " }}"}
    told.pop("tell")
    with pytest.raises(DefinitionError, match=r"is not known|unknown name"):
        world_of(values(states={**values()["states"], "two": told}))
    if name != "card":
        with pytest.raises(DefinitionError, match=r"is not known|unknown name"):
            world_of(values(states={**values()["states"], "two": state}))


def do(world: World, situation: Situation, agent: str, action: str, **fields: Any) -> Situation:
    """The situation after one act."""
    return apply(world, situation, agent, (Act(action, fields),), "en")


def test_an_effect_on_the_fact_of_one_agent_changes_no_other(night: World) -> None:
    """`chips[act.to]` is of the one who is named."""
    before = start(night)
    after = do(night, before, "host", "pay", to="P2")
    assert {k: v for k, v in after.facts.items() if v != before.facts[k]} == {"chips.P2": 2}


def test_an_effect_on_all_changes_each(night: World) -> None:
    """`chips[*]`; and null empties a text."""
    after = do(night, start(night), "host", "reset")
    assert [after.facts[f"chips.{a}"] for a in AGENTS] == [1] * 5
    assert after.facts["note"] is None


def test_an_effect_on_nobody_does_nothing(night: World) -> None:
    """`alive[prey]` where there is no prey; where there is one it is the one, as it was before the act."""
    before = start(night)
    assert do(night, before, "host", "kill").facts == before.facts
    after = do(night, start(night, prey="P5"), "host", "kill")
    assert (after.facts["alive.P5"], after.facts["prey"], after.facts["alive.P4"]) == (False, None, True)


def test_an_effect_on_an_agent_without_the_fact_is_refused(night: World) -> None:
    """The host is neither alive nor dead."""
    with pytest.raises(Refused, match="wrong: cannot be done now"):
        do(night, start(night), "host", "wrong")


@pytest.mark.parametrize(
    ("sets", "message"),
    [({"chips": "1"}, r"write 'chips\[AGENT\]'"), ({"note[P1]": "'x'"}, "write 'note': there is only one")],
)
def test_an_effect_says_whose_fact_it_changes(sets: dict[str, str], message: str) -> None:
    """A fact of each needs an agent, another one has none."""
    with pytest.raises(DefinitionError, match=message):
        world_of(values(actions={**values()["actions"], "reset": {"by": "host", "sets": sets}}))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_dealing_keeps_what_is_dealt_and_follows_from_the_seed_alone(night: World, seed: int) -> None:
    """Each value is dealt as often as the world says; the same seed deals the same."""
    first, again = begin(night, 1, {}, seed), begin(night, 1, {"note": "x"}, seed)
    hands = [s.facts[f"card.{a}"] for s in (first, again) for a in AGENTS]
    assert Counter(hands[:5]) == Counter(DEAL)
    assert hands[:5] == hands[5:]


def test_every_player_is_dealt_every_card_about_as_often(night: World) -> None:
    """Two of five cards are wolves, so each player has one in two runs of five."""
    wolves = Counter(
        a for seed in range(500) for a in AGENTS if begin(night, 1, {}, seed).facts[f"card.{a}"] == "wolf"
    )
    assert all(150 < wolves[a] < 250 for a in AGENTS)


def test_a_dealt_fact_can_be_set_for_one_agent(night: World) -> None:
    """As by --set card.P1=wolf; the run's log has it, and verifies."""
    facts = parse_facts(night, {"card.P1": "seer", "alive.P5": "false", "chips.P2": "3"})
    assert settings_for(night, facts=facts).facts == {"card.P1": "seer", "alive.P5": False, "chips.P2": 3}
    log = played(night, facts=facts)
    assert of(log, "episode_started")[0].facts["card.P1"] == "seer"
    assert log.header.facts == {"card.P1": "seer", "alive.P5": False, "chips.P2": 3}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("card.P9", "wolf", r"unknown fact 'card\.P9'; did you mean 'card\.P1'\?"),
        ("card", "wolf", r"each agent has its own 'card'; write one of: card\.P1, card\.P2"),
        ("card.P1", "fox", r"the fact 'card\.P1' must be one of: wolf, seer, villager"),
        ("note.P1", "x", r"unknown fact 'note\.P1'; did you mean 'note'"),
        ("wolves", "P1", "unknown fact 'wolves'"),
    ],
)
def test_a_fact_that_cannot_be_set_so_is_named(night: World, name: str, value: str, message: str) -> None:
    """With a near miss where there is one."""
    with pytest.raises(DefinitionError, match=message):
        settings_for(night, facts=parse_facts(night, {name: value}))


def test_dealing_what_does_not_add_up_is_refused() -> None:
    """So is a word that is no choice."""
    facts = values()["facts"]
    with pytest.raises(DefinitionError, match="deals 4 values over 5 agents"):
        world_of(values(facts={**facts, "card": {**facts["card"], "deal": {"wolf": 2, "seer": 2}}}))
    with pytest.raises(DefinitionError, match="'fox' is not one of the choices"):
        world_of(values(facts={**facts, "card": {**facts["card"], "deal": {"wolf": 4, "fox": 1}}}))


def test_the_choice_of_a_role_or_group_is_of_its_agents(night: World) -> None:
    """By id or by name in any language."""
    assert night.facts["guest"].kind.read("Bob") == "P2"
    assert night.facts["guest"].kind.read("周八") == "host"
    with pytest.raises(ValueError, match="must be one of: P1, P2, host"):
        night.facts["guest"].kind.read("P3")


def test_the_words_of_an_act_name_agents_as_people_do(night: World) -> None:
    """A wolf hunts by name or by id, and the log has the id."""
    log = played(
        night, lambda r: acts(say="Hm.", hunt={"who": "Dan" if r.role == "P1" else "P5"}), facts=dict(USUAL)
    )
    assert [t.acts[0].fields for t in of(log, "turn")] == [{"who": "P4"}, {"who": "P5"}]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ places }}", "attic, cellar"),
        ("{{ places | length }}", "2"),
        ("{{ (places | last) if places else '' }}", "cellar"),
        ("{{ places | join(' and ') }}", "attic and cellar"),
        ("{{ 'yes' if 'attic' in places else 'no' }}", "yes"),
        ("{{ none_yet or 'nowhere' }}", "nowhere"),
        ("{{ (two | last) if two else '' }}", "Bob"),
        ("{{ both | length }} of {{ both }}", "2 of Ann, Bob"),
    ],
)
def test_a_list_in_a_template_is_its_words_and_not_its_letters(template: str, text: str) -> None:
    """Facts, groups and roles alike."""
    made = world_of(
        {
            "world": "lists",
            "roles": {"P": {"count": 2, "personas": ["ann", "bob"]}},
            "groups": {"two": ["P1", "P2"], "both": {"where": "me != null"}},
            "facts": {
                "places": {"list": ["attic", "cellar"], "start": ["attic", "cellar"]},
                "none_yet": {"list": ["attic", "cellar"]},
            },
            "states": {"hall": {"speakers": "P", "tell": template, "go": [{"to": "over", "after": {"rounds": 1}}]}},
            "start": "hall",
            "ends": ["over"],
        }
    )
    assert f"Now: hall. {text}\n" in started(made).prompt("P1").messages[1]["content"]
