"""The next speaker chosen by a model or by the user: the same in AutoGen's chat and in the plain loop."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.models.model import Request
from sim.models.outside import Live
from sim.models.scripted import Scripted
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.stage.selector import SELECTOR, mentioned
from sim.world.world import World
from tests.building import Player, of, played, spoken, words, world_of

WORDS = {
    "message": {"en": "Here play: {roles}", "zh": "角色：{roles}"},
    "prompt": {"en": "Who of {agentlist} is next?", "zh": "{agentlist}中下一位是谁？"},
    "multiple": {"en": "Only one of {agentlist}!", "zh": "{agentlist}里只能选一个！"},
    "none": {"en": "Name one of {agentlist}!", "zh": "要从{agentlist}里选一个！"},
}


def world(selection: dict[str, Any] | None = None, state: dict[str, Any] | None = None, **more: Any) -> World:
    """Four players; a model chooses who speaks, for six turns."""
    talk = {"speakers": "P", "order": "auto", "go": [{"to": "over", "after": {"turns": 6}}], **(state or {})}
    return world_of(
        {
            "world": "chosen",
            "languages": ["en", "zh"],
            "opening": {"en": "It is noon.", "zh": "正午。"},
            "roles": {"P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"]}, "host": "eve"},
            "facts": {"secret": {"text": 20, "start": "xyzzy"}},
            "selection": {**WORDS, **(selection or {})},
            "states": {"talk": talk},
            "start": "talk",
            "ends": ["over"],
            **more,
        }
    )


def choosing(choose: Callable[[Request], str]) -> Player:
    """A model that chooses so, and says who it is."""
    return Player(lambda request: choose(request) if request.role == SELECTOR else words(request))


def prompts(player: Player, role: str = SELECTOR) -> list[str]:
    """All that a model was shown as one role, a text for each call."""
    return ["\n".join(m["content"] for m in r.prompt.messages) for r in player.asked if r.role == role]


def muddled(request: Request) -> str:
    """Clear, unclear, wordy or nonsense, but always the same for the same question."""
    draw = random.Random(f"{request.turn}/{request.attempt}")
    among = list(request.candidates)
    one, other = draw.choice(among), draw.choice(among)
    name = request.world.agent_name(one, request.language)
    said = [
        one,
        f"Next is {one}.",
        f"我选{name}来说。",
        f"{one} or {other}",
        "Nobody.",
        "",
        "TERMINATE",
        "exit",
        f"[AGENT SELECTED]{other}",
        f"**{one}**",
        '{"next": 1}',
        "P",
        "host",
    ]
    return draw.choice(said)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_autogens_chat_and_the_plain_loop_choose_the_same(language: str) -> None:
    """Record for record, also where the answers are unclear, end words of AutoGen's, or nonsense."""
    made = world(state={"go": [{"to": "over", "after": {"turns": 40}}]})
    logs = [played(made, choosing(muddled), language=language, in_autogen=through) for through in (True, False)]
    assert logs[0].trace == logs[1].trace
    assert {s.by for s in of(logs[0], "selection")} == {SELECTOR, "order"}


def test_scripted_selectors_are_the_same_in_both(tmp_path: Path) -> None:
    """With the scripted model, which chooses by the seed, from `sim.run` and the bare loop."""
    made = world()
    ran = sim.run(made, seed=5, out=tmp_path / "run.jsonl")
    player = Player(lambda request: Scripted().answer(request).text)
    assert spoken(ran) == spoken(played(made, player, seed=5))
    assert verify(ran).ok


def test_what_a_selector_is_shown_are_the_roles_the_talk_and_the_question() -> None:
    """In the words of the world, with the names filled in; no facts."""
    player = choosing(lambda r: "P2" if r.turn == 1 else "P1")
    played(world(), player)
    first, second = prompts(player)[:2]
    assert first.splitlines() == [
        "Here play: P1 (Ann); P2 (Bob); P3 (Cai); P4 (Dan)",
        "So far:",
        "It is noon.",
        "Who of [P1, P2, P3, P4] is next?",
    ]
    assert second.splitlines()[-3:] == ["It is noon.", "Bob: P2 1", "Who of [P1, P3, P4] is next?"]
    assert not any("xyzzy" in p for p in prompts(player))


def test_without_words_of_its_own_a_world_asks_in_its_language() -> None:
    """The fixed phrases stand in."""
    empty: dict[str, Any] = {key: {} for key in WORDS}
    player = choosing(lambda r: r.candidates[0])
    played(world(empty), player, language="zh")
    assert prompts(player)[0].endswith("读完上面的对话，从[P1, P2, P3, P4]中选出下一个发言的人。只写编号。")


def test_a_selector_is_shown_only_what_all_who_may_speak_have_heard() -> None:
    """What two whisper is not given to a model that speaks for all."""
    whisper = {"speakers": ["P1", "P2"], "go": [{"to": "talk", "after": {"turns": 2}}]}
    talk = {"speakers": "P", "order": "auto", "go": [{"to": "over", "after": {"turns": 2}}]}
    made = world(states={"whisper": whisper, "talk": talk}, start="whisper")
    player = Player(
        lambda r: r.candidates[0] if r.role == SELECTOR else f"psst-{r.turn}" if r.turn < 3 else "Aloud."
    )
    played(made, player)
    assert not any("psst" in p for p in prompts(player))
    assert "Aloud." in prompts(player)[-1]


@pytest.mark.parametrize(
    ("context", "heard"),
    [
        ({"of": "all"}, "1234567"),
        ({"of": "all", "turns": 2}, "67"),
        ({"of": "state"}, "34567"),
        ({"of": "none"}, ""),
        ({"of": "all", "tokens": 11}, "567"),
    ],
)
def test_a_selector_is_shown_no_more_than_the_context_of_the_state(context: dict[str, Any], heard: str) -> None:
    """As a speaker is: what was said before this state, or would not fit, is left out."""
    before = {"speakers": "P", "go": [{"to": "talk", "after": {"turns": 2}}]}
    made = world(
        states={
            "before": before,
            "talk": {
                "speakers": "P",
                "order": "auto",
                "context": context,
                "go": [{"to": "over", "after": {"turns": 6}}],
            },
        },
        start="before",
        opening={},
    )
    player = Player(lambda r: r.candidates[0] if r.role == SELECTOR else f"word {r.turn}")
    played(made, player)
    assert "".join(re.findall(r"word (\d)", prompts(player)[-1])) == heard


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("P2", ("P2",)),
        ("接下来请李四发言。", ("P2",)),
        ("李四说完了，轮到王五吧", ("P2", "P3")),
        ("下一个：P3。", ("P3",)),
        ("选P3吧", ("P3",)),
        ("Bob", ("P2",)),
        ("P21", ()),
        ("xP2", ()),
        ("p2", ()),
        ("", ()),
    ],
)
def test_names_are_found_in_prose_of_either_language(answer: str, named: tuple[str, ...]) -> None:
    """An id only as a whole word; a name anywhere, for Chinese has no spaces."""
    made = world()
    language = "en" if answer.isascii() else "zh"
    assert mentioned(made, answer, made.agents, language) == named


@pytest.mark.parametrize(
    ("wrong", "told"),
    [("P1 or P2", "Only one of [P1, P2, P3, P4]!"), ("I do not know.", "Name one of [P1, P2, P3, P4]!")],
)
def test_an_unclear_choice_is_asked_again_with_the_words_of_the_world(wrong: str, told: str) -> None:
    """Another question for several names than for none; the second answer counts."""
    player = choosing(lambda r: wrong if r.turn == 1 and r.attempt == 0 else r.candidates[-1])
    log = played(world(), player)
    assert [m["content"] for m in player.asked[1].prompt.messages[-2:]] == [wrong, told]
    assert (spoken(log)[0], of(log, "warning")) == ("P4", [])
    assert [c.attempt for c in of(log, "call") if c.turn == 1] == [0, 1, 0]


@pytest.mark.parametrize("tries", [0, 1, 3])
def test_when_nobody_is_named_the_next_in_the_list_speaks(tries: int) -> None:
    """After the last try, as AutoGen has it, with a warning."""
    log = played(world({"tries": tries}), choosing(lambda r: "Who knows?"))
    assert spoken(log) == ["P1", "P2", "P3", "P4", "P1", "P2"]
    assert {s.by for s in of(log, "selection")} == {"order"}
    assert len([c for c in of(log, "call") if c.role == SELECTOR]) == 6 * (tries + 1)
    warning = of(log, "warning")[0]
    assert (warning.code, warning.turn) == ("selection", 1)
    assert warning.message == f"no clear choice in {tries + 1} tries; the next in the list speaks"


def test_who_may_not_speak_now_cannot_be_chosen() -> None:
    """Its name counts for nothing, so it is asked again."""
    player = choosing(lambda r: "P1" if r.attempt == 0 else "P2" if r.situation.speaker != "P2" else "P3")
    log = played(world(), player)
    assert spoken(log)[:3] == ["P1", "P2", "P1"]
    assert of(log, "selection")[1].candidates == ["P2", "P3", "P4"]


def test_selection_is_kept_apart_in_the_ledger() -> None:
    """So one can see what choosing costs beside what was said."""
    log = played(world(), choosing(lambda r: "Well?" if r.attempt == 0 else r.candidates[0]))
    assert [c.purpose for c in of(log, "call")[:3]] == ["selection", "selection", "turn"]
    assert {row.key: row.calls for row in ledger([log], by="purpose").rows} == {"selection": 12, "turn": 6}
    assert {row.key: row.calls for row in ledger([log]).rows}[SELECTOR] == 12


def test_the_selector_can_have_a_model_of_its_own(tmp_path: Path) -> None:
    """By its name, like a role."""
    log = sim.run(world(), models={SELECTOR: choosing(lambda r: r.candidates[-1])}, out=tmp_path / "run.jsonl")
    assert {c.model for c in of(log, "call") if c.role == SELECTOR} == {"player"}
    assert {c.model for c in of(log, "call") if c.role != SELECTOR} == {"scripted"}
    assert spoken(log) == ["P4", "P3"] * 3


def test_a_manual_choice_is_the_same_in_both() -> None:
    """The picker is asked in the same places, and its choices are in the log."""
    made = world(state={"order": "manual"})

    def pick(state: str, candidates: tuple[str, ...]) -> str:
        return candidates[len(candidates) // 2]

    logs = [played(made, outside=Live(pick), in_autogen=through) for through in (True, False)]
    assert logs[0].trace == logs[1].trace
    assert [s.by for s in of(logs[0], "selection")] == ["user"] * 6
    assert spoken(logs[0]) == ["P3", "P2", "P3", "P2", "P3", "P2"]
