"""What nobody of the cast says: scenes, introductions, summaries that are carried over, and forgetting."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.models.model import Request
from sim.world.world import World
from tests.building import Player, of, played, words, world_of

ROLES = {
    "A": {"count": 3, "from": 0, "personas": ["ann", "bob", "cai"], "label": {"en": "of team A", "zh": "甲组"}},
    "boss": {"persona": "dan", "label": {"en": "the boss", "zh": "老板"}},
    "spy": "eve",
}
ALL = ["A0", "A1", "A2", "boss", "spy"]


def world(states: dict[str, Any], **more: Any) -> World:
    """A team, a boss and a spy, who go through some states from the first on."""
    return world_of(
        {
            "world": "scenes",
            "languages": ["en", "zh"],
            "opening": {"en": "It is noon.", "zh": "正午。"},
            "roles": ROLES,
            "groups": {"crew": {"where": "here[me]", "of": "A"}},
            "facts": {
                "here": {"of": "A", "flag": True},
                "topic": {"text": 30, "start": "the roof"},
                "plan": {"text": 30, "start": "run", "known_to": "A"},
                "prize": {"choice": "A"},
            },
            "states": states,
            "start": next(iter(states)),
            "ends": ["over"],
            **more,
        }
    )


def talk(to: str = "over", turns: int = 1, **more: Any) -> dict[str, Any]:
    """A state in which the team speaks."""
    return {"speakers": "A", "heard_by": "all", "go": [{"to": to, "after": {"turns": turns}}], **more}


def seen(player: Player, turn: int) -> str:
    """What the speaker of a turn was shown."""
    return next(r for r in player.asked if r.turn == turn and r.purpose == "turn").prompt.messages[1]["content"]


def test_the_narrator_speaks_when_a_state_is_entered() -> None:
    """With the facts as they are then; the speakers hear it before they speak."""
    narrate = {
        "en": "They talk about {{ topic }}{% if prize %} for {{ prize }}{% endif %}.",
        "zh": "他们谈{{ topic }}。",
    }
    go = [{"to": "two", "after": {"turns": 1}, "sets": {"topic": "'rain'", "prize": "A1"}}]
    made = world({"one": talk(narrate=narrate, go=go), "two": talk(narrate=narrate)})
    player = Player(words)
    log = played(made, player)
    assert [(n.turn, n.state, n.text) for n in of(log, "narration")] == [
        (0, "one", "They talk about the roof."),
        (1, "two", "They talk about rain for Bob."),
    ]
    assert "It is noon.\nThey talk about the roof." in seen(player, 1)
    assert "They talk about rain for Bob." in seen(player, 2)
    assert of(played(made, language="zh"), "narration")[1].text == "他们谈rain。"


def test_a_narration_that_comes_to_nothing_is_not_said() -> None:
    """An empty line is no scene."""
    made = world({"one": talk(narrate={"en": "{% if prize %}A prize!{% endif %} ", "zh": "{{ prize }}"})})
    assert of(played(made), "narration") == []


@pytest.mark.parametrize(
    ("state", "heard_by"),
    [
        (talk(heard_by="all"), ALL),
        (talk(heard_by=["boss", "A1"]), ["A1", "boss"]),
        (talk(heard_by="speakers"), ["A0", "A1", "A2"]),
        (talk(heard_by="self"), ["A0", "A1", "A2"]),
        (talk(heard_by="team"), ["A0", "A1", "A2"]),
        (talk(heard_by=["speakers", "boss"]), ["A0", "A1", "A2", "boss"]),
        ({"go": ["over"]}, ALL),
        ({"heard_by": "spy", "go": ["over"]}, ["spy"]),
    ],
)
def test_who_hears_the_narrator_is_who_hears_the_state(state: dict[str, Any], heard_by: list[str]) -> None:
    """Where each speaker hears only itself or its team, all speakers; without speakers, all."""
    log = played(world({"one": {**state, "narrate": "Listen."}}, languages=["en"], opening="Noon."))
    assert of(log, "narration")[0].heard_by == heard_by


def test_a_group_that_hears_the_narrator_is_asked_when_it_speaks() -> None:
    """Who was sent away by the arrow that led here hears nothing."""
    go = [{"to": "two", "after": {"turns": 1}, "sets": {"here[A1]": False}}]
    made = world(
        {"one": talk(go=go), "two": {"heard_by": "crew", "go": ["over"], "narrate": {"en": "Psst.", "zh": "嘘。"}}}
    )
    assert of(played(made), "narration")[0].heard_by == ["A0", "A2"]


def test_the_narrator_cannot_tell_what_a_listener_must_not_know() -> None:
    """The plan is known to the team, so it is told to the team and to nobody else."""
    narrate = {"en": "The plan: {{ plan }}.", "zh": "计划：{{ plan }}。"}
    log = played(world({"one": talk(heard_by="A", narrate=narrate)}))
    assert of(log, "narration")[0].text == "The plan: run."
    with pytest.raises(DefinitionError, match=r"states\.one\.narrate\.en: 'plan' is not known"):
        world({"one": talk(narrate=narrate)})


def test_everybody_is_introduced_where_the_world_says_so() -> None:
    """By name and part, in the language of the run, before the first scene; all hear it."""
    made = world({"one": talk(narrate={"en": "Begin.", "zh": "开始。"})}, introductions=True)
    english, chinese = (of(played(made, language=language), "narration") for language in ("en", "zh"))
    assert english[0].text == ("Here are: Ann (of team A); Bob (of team A); Cai (of team A); Dan (the boss); Eve.")
    assert chinese[0].text == "在场的有：张三（甲组）；李四（甲组）；王五（甲组）；赵六（老板）；孙七。"
    assert (english[0].heard_by, english[0].turn, english[1].text) == (ALL, 0, "Begin.")
    assert [n.text for n in of(played(world({"one": talk()})), "narration")] == []


LATER = {"of": "state", "carryover": True}


def test_the_last_words_of_a_state_are_carried_over_to_those_who_heard_it() -> None:
    """It costs no call, and stands under a heading of its own."""
    made = world({"one": talk("two", 2, summary="last_message"), "two": talk(context=LATER)})
    player = Player(words)
    log = played(made, player)
    summary = of(log, "summary")[0]
    assert (summary.how, summary.speaker, summary.text, summary.heard_by) == ("last_message", "A1", "A1 2", ALL)
    assert (summary.state, summary.turn, len(of(log, "call"))) == ("one", 2, 3)
    assert "From earlier:\nBob: A1 2" in seen(player, 3)
    assert "A0 1" not in seen(player, 3)


def test_a_reflection_is_a_call_of_the_last_speakers_model() -> None:
    """It is shown what was said there and the question, nothing else; the ledger has it as a summary."""

    def say(request: Request) -> str:
        return " They\nagreed. " if request.purpose == "summary" else words(request)

    ask = {"how": "reflection", "ask": {"en": "In five words?", "zh": "五个字？"}}
    made = world({"one": talk("two", 2, summary=ask), "two": talk(context=LATER)})
    player = Player(say)
    log = played(made, player)
    summary = of(log, "summary")[0]
    assert (summary.how, summary.speaker, summary.text) == ("reflection", "", "They agreed.")
    asked = next(r for r in player.asked if r.purpose == "summary")
    assert asked.prompt.messages == ({"role": "user", "content": "So far:\nAnn: A0 1\nBob: A1 2\nIn five words?"},)
    assert (asked.role, asked.turn) == ("A1", 2)
    assert [c.purpose for c in of(log, "call")] == ["turn", "turn", "summary", "turn"]
    assert "They agreed." in seen(player, 3)


def test_an_empty_reflection_falls_back_to_the_last_words() -> None:
    """Something is carried over in any case."""
    made = world({"one": talk("two", 2, summary="reflection"), "two": talk(context=LATER)})
    log = played(made, lambda r: "" if r.purpose == "summary" else words(r))
    assert of(log, "summary")[0].text == "A1 2"


def test_only_those_who_heard_all_of_a_state_get_its_summary() -> None:
    """Unless the world names others; a secret talk is not carried to those it was kept from."""
    secret = talk("two", 2, heard_by="speakers", summary="last_message")
    two = {
        "speakers": ["boss", "A0"],
        "heard_by": "all",
        "context": LATER,
        "go": [{"to": "over", "after": {"turns": 2}}],
    }
    player = Player(words)
    log = played(world({"one": secret, "two": two}), player)
    assert of(log, "summary")[0].heard_by == ["A0", "A1", "A2"]
    assert ("A1 2" in seen(player, 3), "A1 2" in seen(player, 4)) == (False, True)
    told = {**secret, "summary": {"how": "last_message", "heard_by": ["boss", "spy"]}}
    again = Player(words)
    assert of(played(world({"one": told, "two": two}), again), "summary")[0].heard_by == ["boss", "spy"]
    assert ("A1 2" in seen(again, 3), "A1 2" in seen(again, 4)) == (True, False)


@pytest.mark.parametrize(("carryover", "given"), [(True, "123"), (1, "3"), (2, "23"), (False, "")])
def test_how_many_summaries_are_carried_over(carryover: bool | int, given: str) -> None:
    """All of them, the last few, or none; in the order of the states."""
    states = {
        n: talk(str(after), 1, summary="last_message") for n, after in {"s1": "s2", "s2": "s3", "s3": "end"}.items()
    }
    states["end"] = talk(context={"of": "state", "carryover": carryover})
    player = Player(words)
    played(world(states), player)
    assert "".join(n for n in "123" if f"A0 {n}" in seen(player, 4)) == given


def test_a_state_that_was_silent_or_empty_leaves_no_summary() -> None:
    """Nobody said anything that could be carried over."""
    silent = {**talk("two", summary="last_message"), "silent": True}
    empty = {"narrate": {"en": "A pause.", "zh": "停顿。"}, "summary": "last_message", "go": ["over"]}
    assert of(played(world({"one": silent, "two": empty})), "summary") == []


def test_a_state_may_make_all_forget_what_was_said_before() -> None:
    """Talk, scenes and opening are gone from every prompt, and from no log; facts and summaries stay."""
    states = {
        "one": talk("two", 2, narrate={"en": "A scene.", "zh": "一幕。"}, summary="last_message"),
        "two": talk("three", 2, forget=True, narrate={"en": "Later.", "zh": "后来。"}),
        "three": talk(context={"of": "all", "carryover": True}),
    }
    player = Player(words)
    log = played(world(states), player)
    for turn in (3, 4, 5):
        assert not any(text in seen(player, turn) for text in ("A0 1", "A scene.", "It is noon."))
        assert "the roof" in seen(player, turn)
    assert ["A1 2" in seen(player, turn) for turn in (3, 4, 5)] == [False, False, True]
    assert ["A0 3" in seen(player, turn) for turn in (3, 4, 5)] == [False, True, True]
    assert len(of(log, "turn")) == 5


def test_what_is_narrated_where_all_forget_is_heard() -> None:
    """The scene of the state that makes them forget comes after the forgetting."""
    states = {"one": talk("two"), "two": talk(forget=True, narrate={"en": "Later.", "zh": "后来。"})}
    player = Player(words)
    played(world(states), player)
    assert "Later." in seen(player, 2)


def test_words_keep_their_lines_only_where_the_state_is_verbatim() -> None:
    """As code needs it; elsewhere an answer is one line."""
    code = "```python\nprint('a')\n\tprint('b')\n```"
    made = world({"one": talk("two", verbatim=True), "two": talk()})
    texts = [t.text for t in of(played(made, lambda r: code), "turn")]
    assert texts == ["```python\nprint('a')\n    print('b')\n```", "```python print('a') print('b') ```"]
