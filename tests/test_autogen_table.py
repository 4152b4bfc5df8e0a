"""docs/autogen.md has a line for each field of AutoGen's GroupChat, and each line is true."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import autogen
import pytest
import yaml

import sim
from sim.cli.running import models_of as _models
from sim.errors import DefinitionError
from sim.models.catalog import Catalog, Entry, ModelsFile
from sim.models.model import Request
from sim.models.outside import Live
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.stage.adapter.code import Executor
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.casting import models_for
from sim.stage.providers import Providers
from sim.stage.selector import SELECTOR
from sim.world.format import Selection, WorldFile
from sim.world.phases import Order
from sim.world.sheet import sheet
from sim.world.source import Source
from sim.world.world import World
from tests.building import Player, acts, ending, of, played, spoken, words, world_of

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "autogen.md").read_text(encoding="utf-8")
FIELDS = [f.name for f in dataclasses.fields(autogen.GroupChat)]
GROUP_CHAT, AGENTS = (
    dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", part, re.MULTILINE))
    for part in TEXT.split("## GroupChat\n")[1].split("## GroupChatManager and ConversableAgent\n")
)
SHOWN: dict[str, Callable[[], None]] = {}
NOTHING_LISTED = Catalog(None, ModelsFile(), Source())
"""What there is without a ``models.yaml``."""


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No check may reach a real endpoint."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def row(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Mark the check of a row."""

    def keep(check: Callable[[], None]) -> Callable[[], None]:
        assert name not in SHOWN, name
        SHOWN[name] = check
        return check

    return keep


def world(text: str, talk: str = "", rules: str | None = None) -> World:
    """Four players who talk for six turns, with what a row says at the top of the file and in its state."""
    state = {"speakers": "P", "go": [{"to": "over", "after": {"turns": 6}}], **(yaml.safe_load(talk) or {})}
    given = yaml.safe_load(text) or {}
    roles = {
        "P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"], "label": "a player"},
        **given.pop("roles", {}),
    }
    states = {"talk": state, **given.pop("states", {})}
    base = {"world": "rows", "opening": "It is noon.", "start": "talk", "ends": ["over", "late"]}
    return world_of({**base, **given, "roles": roles, "states": states}, rules)


def shown(player: Player, turn: int, role: str | None = None) -> str:
    """All that the speaker of a turn was shown first, or the selector before it."""
    asked = next(r for r in player.asked if r.turn == turn and r.role in ((role,) if role else r.world.agents))
    return "\n".join(m["content"] for m in asked.prompt.messages)


def test_the_table_has_a_line_for_every_field_of_a_group_chat() -> None:
    """No more and no fewer, in the order of the dataclass; a new version of AutoGen fails here."""
    assert list(GROUP_CHAT) == FIELDS


@pytest.mark.parametrize("name", [*GROUP_CHAT, *AGENTS])
def test_what_a_line_says_is_so(name: str) -> None:
    """Each line has a check of its own."""
    assert name in SHOWN, f"no check for the row '{name}'"
    SHOWN[name]()


def test_every_check_has_its_line() -> None:
    """None was left behind when a row went."""
    assert sorted(SHOWN) == sorted([*GROUP_CHAT, *AGENTS])


def test_the_keys_that_the_table_names_are_keys_of_a_world() -> None:
    """Of a whole world or of a state."""
    schema = json.dumps(WorldFile.model_json_schema())
    keys = {k for line in (*GROUP_CHAT.values(), *AGENTS.values()) for k in re.findall(r"`(\w+):", line)}
    assert {k for k in keys if f'"{k}"' not in schema} <= {"living"}


@row("agents")
def _agents() -> None:
    made = world("roles: {host: eve}")
    assert made.agents == ("P1", "P2", "P3", "P4", "host")
    assert [p.persona for p in made.personas.values()] == ["ann", "bob", "cai", "dan", "eve"]


@row("messages")
def _messages() -> None:
    made = world("")
    initiator, manager = sim.group_chat(made, models=Player(words))
    initiator.initiate_chat(manager, message="It is noon.", silent=True)
    said = [(m["name"], m["content"]) for m in manager.groupchat.messages[1:]]
    turns = of(played(made), "turn")
    assert said == [(t.speaker, t.text) for t in turns]
    assert all(t.heard_by == ["P1", "P2", "P3", "P4"] for t in turns)


@row("max_round")
def _max_round() -> None:
    assert ending(played(world("limits: {turns: 3, ends: late}"))) == ("late", None)
    log = played(world("", "go: [{to: over, after: {turns: 2}}]"))
    assert (ending(log)[0], len(spoken(log))) == ("over", 2)


@row("admin_name")
def _admin_name() -> None:
    made = world("roles: {host: {persona: eve, kind: human}}")
    person = Player(words)
    assert models_for(made, {}, human=person)["host"] is person

    def interrupt(request: Request) -> str:
        if request.turn == 3:
            raise KeyboardInterrupt
        return words(request)

    log = interrupted(made, Player(interrupt))
    assert (spoken(log), log.is_complete) == (["P1", "P2"], False)


def interrupted(made: World, player: Player) -> RunLog:
    """The log of a run that its user breaks off."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        with pytest.raises(KeyboardInterrupt):
            sim.run(made, models=player, human=player, out=path)
        return RunLog.open(path)


TOOLS = """
roles: {host: eve}
facts: {fee: {number: coins, start: 15}}
tools: {ask_fee: {by: P1, gives: fee}}
"""


@row("func_call_filter")
def _func_call_filter() -> None:
    player = Player(lambda r: acts(ask_fee={}) if r.role == "P1" and r.has_tools and not r.attempt else words(r))
    log = played(world(TOOLS, "actions: ask_fee"), player)
    assert [r.role for r in player.asked[:3]] == ["P1", "P1", "P2"]
    assert [(f.role, f.result) for f in of(log, "look_up")] == [("P1", "15"), ("P1", "15")]
    assert {r.role for r in player.asked if r.has_tools} == {"P1"}


@row("speaker_selection_method")
def _speaker_selection_method() -> None:
    orders = set(get_args(Order))
    assert (
        set(autogen.GroupChat._VALID_SPEAKER_SELECTION_METHODS) | {"rule", "single", "named", "simultaneous"}
        <= orders
    )
    said = {
        "round_robin": spoken(played(world("", "order: round_robin"))),
        "auto": spoken(
            played(world("", "order: auto"), lambda r: r.candidates[-1] if r.role == SELECTOR else words(r))
        ),
        "manual": spoken(played(world("", "order: manual"), outside=Live(lambda state, among: among[1]))),
        "rule": spoken(
            played(world("", "{order: rule, rule: last}", "def last(s, candidates):\n return candidates[-1]"))
        ),
        "single": spoken(played(world("", "order: single"))),
    }
    assert said == {
        "round_robin": ["P1", "P2", "P3", "P4", "P1", "P2"],
        "auto": ["P4", "P3"] * 3,
        "manual": ["P2", "P3"] * 3,
        "rule": ["P4", "P3"] * 3,
        "single": ["P1"] * 6,
    }
    assert len({tuple(spoken(played(world("", "order: random"), seed=seed))) for seed in range(8)}) > 4


@row("max_retries_for_selecting_speaker")
def _max_retries() -> None:
    default = next(
        f.default for f in dataclasses.fields(autogen.GroupChat) if f.name == "max_retries_for_selecting_speaker"
    )
    assert (Selection().tries, default) == (2, 2)
    log = played(world("selection: {tries: 1}", "order: auto"), lambda r: "Hm." if r.role == SELECTOR else words(r))
    assert spoken(log) == ["P1", "P2", "P3", "P4", "P1", "P2"]
    assert [c.attempt for c in of(log, "call") if c.turn == 1 and c.role == SELECTOR] == [0, 1]
    assert {w.code for w in of(log, "warning")} == {"selection"}


@row("allow_repeat_speaker")
def _allow_repeat_speaker() -> None:
    def twice(repeat: str) -> set[str]:
        made = world("", f"{{order: random, {repeat} go: [{{to: over, after: {{turns: 40}}}}]}}")
        runs = [spoken(played(made, seed=seed)) for seed in range(4)]
        return {a for run in runs for a, b in itertools.pairwise(run) if a == b}

    assert [twice(given) for given in ("repeat: true,", "repeat: false,", "", "repeat: [P2],")] == [
        {"P1", "P2", "P3", "P4"}, set(), set(), {"P2"},
    ]  # fmt: skip


RING = "speaker_transitions: {allowed: {P1: P3, P3: P2, P2: P4, P4: [P1, P4]}}"


@row("allowed_or_disallowed_speaker_transitions")
def _transitions() -> None:
    pairs = {p for s in range(9) for p in itertools.pairwise(spoken(played(world(RING, "order: random"), seed=s)))}
    assert pairs == {("P1", "P3"), ("P3", "P2"), ("P2", "P4"), ("P4", "P1")}
    both = world(RING, "{order: random, repeat: true}")
    again = {p for s in range(9) for p in itertools.pairwise(spoken(played(both, seed=s)))}
    assert again == {*pairs, ("P4", "P4")}


@row("speaker_transitions_type")
def _transitions_type() -> None:
    made = world("speaker_transitions: {disallowed: {P1: [P2, P3]}}", "order: random")
    after = {b for s in range(20) for a, b in itertools.pairwise(spoken(played(made, seed=s))) if a == "P1"}
    assert after == {"P4"}
    with pytest.raises(DefinitionError, match="needs either allowed or disallowed"):
        world("speaker_transitions: {allowed: {P1: P2}, disallowed: {P1: P3}}")


FORGET = """
states: {later: {speakers: P, forget: true, go: [{to: over, after: {turns: 2}}]}}
"""


@row("enable_clear_history")
@row("clear_history")
def _forget() -> None:
    player = Player(words)
    log = played(world(FORGET, "go: [{to: later, after: {turns: 2}}]"), player)
    assert ["P1 1" in shown(player, turn) for turn in (2, 3, 4)] == [True, False, False]
    assert ["P1 3" in shown(player, turn) for turn in (4,)] == [True]
    assert [t.text for t in of(log, "turn")] == ["P1 1", "P2 2", "P1 3", "P2 4"]


@row("send_introductions")
def _introductions() -> None:
    player = Player(words)
    played(world("introductions: true"), player)
    assert "Here are: Ann (a player); Bob (a player); Cai (a player); Dan (a player)." in shown(player, 1)


SELECTION = """
languages: [en, zh]
opening: {en: It is noon., zh: 正午。}
roles: {host: eve}
selection:
  message: {en: "Here are {roles}; one of {agentlist} is next.", zh: "有{roles}；下一位在{agentlist}里。"}
  prompt: {en: "Who of {agentlist}?", zh: "{agentlist}中的谁？"}
  multiple: {en: "One of {agentlist}!", zh: "{agentlist}里只要一个！"}
  none: {en: "Name one of {agentlist}!", zh: "说出{agentlist}里的一个！"}
"""


def selecting(answer: str, language: str = "en") -> list[str]:
    """What a selector is told: the message, the question, and what follows its first answer."""
    player = Player(lambda r: words(r) if r.role != SELECTOR else answer if not r.attempt else "P1")
    played(world(SELECTION, "{order: auto, label: Talk}"), player, language=language)
    return [m["content"] for m in next(r for r in player.asked if r.attempt or answer == "P1").prompt.messages]


@row("select_speaker_message_template")
def _message() -> None:
    assert selecting("P1")[0] == (
        "Here are P1 (Ann); P2 (Bob); P3 (Cai); P4 (Dan); one of [P1, P2, P3, P4] is next."
    )
    assert selecting("P1", "zh")[0].startswith("有P1 (张三); ")


@row("select_speaker_prompt_template")
def _prompt() -> None:
    assert selecting("P1")[1].splitlines()[-1] == "Who of [P1, P2, P3, P4]?"
    assert selecting("P1", "zh")[1].splitlines()[-1] == "[P1, P2, P3, P4]中的谁？"


@row("select_speaker_auto_multiple_template")
def _multiple() -> None:
    assert selecting("P1 or P2")[-1] == "One of [P1, P2, P3, P4]!"
    assert selecting("张三或者李四", "zh")[-1] == "[P1, P2, P3, P4]里只要一个！"


@row("select_speaker_auto_none_template")
def _none() -> None:
    assert selecting("I cannot say.")[-1] == "Name one of [P1, P2, P3, P4]!"
    assert selecting("不知道。", "zh")[-1] == "说出[P1, P2, P3, P4]里的一个！"


@row("select_speaker_transform_messages")
def _transform() -> None:
    player = Player(words)
    played(world("", "{order: auto, context: {turns: 2}}"), player)
    found = [f"{n}" for n in range(1, 6) if f": P{2 - n % 2} {n}" in shown(player, 6, SELECTOR)]
    assert found == ["4", "5"]


@row("select_speaker_auto_verbose")
def _verbose() -> None:
    log = played(world("", "order: auto"), lambda r: f"{r.candidates[-1]}." if r.role == SELECTOR else words(r))
    call, choice = of(log, "call")[0], of(log, "selection")[0]
    assert (call.purpose, call.answer) == ("selection", "P4.")
    assert (choice.candidates, choice.chosen, choice.by) == (["P1", "P2", "P3", "P4"], "P4", "selector")


@row("select_speaker_auto_model_client_cls")
def _client() -> None:
    made = world("", "order: auto")
    selector = Player(lambda r: r.candidates[-1])
    assert models_for(made, {SELECTOR: selector})[SELECTOR] is selector
    with pytest.raises(DefinitionError, match="no agent or role 'selector'"):
        models_for(world(""), {SELECTOR: selector})


@row("select_speaker_auto_llm_config")
def _llm_config() -> None:
    providers = Providers(NOTHING_LISTED, "http://127.0.0.1:9/v1", "NO_KEY", 0.5)
    made = _models(["selector=chooser", "scripted"], providers)
    assert isinstance(made[SELECTOR], Endpoint)
    assert (made[SELECTOR].name, made["*"].name) == ("chooser", "scripted")
    entry = Entry(model="m-1", url="http://127.0.0.1:9/v1")
    listed = Providers(Catalog(None, ModelsFile(models={"chooser": entry}), Source()))
    assert _models(["selector=chooser"], listed)[SELECTOR].description["model"] == "m-1"


@row("role_for_select_speaker_messages")
def _role() -> None:
    player = Player(words)
    played(world("", "order: auto"), player)
    asked = next(r for r in player.asked if r.role == SELECTOR)
    assert [m["role"] for m in asked.prompt.messages] == ["system", "user"]


LIVING = """
facts: {alive: {of: P, flag: true}}
groups: {living: "alive[me]"}
"""


@row("eligibility_policies")
def _policies() -> None:
    made = world(LIVING, "{speakers: living, order: random}")
    found = {a for seed in range(6) for a in spoken(played(made, seed=seed, facts={"alive.P2": False}))}
    assert found == {"P1", "P3", "P4"}


@row("allowed_speaker_transitions_dict")
def _dict() -> None:
    found = world(RING).next_speakers
    assert found == {"P1": {"P3"}, "P2": {"P4"}, "P3": {"P2"}, "P4": {"P1", "P4"}}
    assert world("").next_speakers is None


GUARD = """
facts: {left: {number: apples, start: 1}, code: {text: 9, start: xyz, known_to: P1}}
actions: {take: {by: P, needs: "left > 0", sets: {left: left - 1}}, spoil: {by: P, sets: {left: 0 - 1}}}
never: {less than none: left < 0}
"""


@row("_inter_agent_guardrails")
def _guardrails() -> None:
    made = world(GUARD, "actions: [take, spoil]")
    log = played(made, lambda r: acts(say="Mine.", **({"spoil": True} if r.role == "P3" else {"take": True})))
    assert [len(t.acts) for t in of(log, "turn")] == [1, 0, 0, 0, 0, 0]
    reasons = {reason for r in of(log, "refusal") for reason in r.reasons}
    assert reasons == {"take: needs left > 0", "it would break the rule 'less than none'"}
    with pytest.raises(DefinitionError, match="'code' is not known"):
        world(GUARD, "tell: 'Say {{ code }}.'")


CHATS = """
states:
  second: {speakers: [P1, P3], context: {of: state, carryover: true},
    summary: {how: reflection, ask: 'How was it?'}, go: [{to: third, after: {rounds: 1}}]}
  third: {speakers: [P1, P4], context: {of: state, carryover: 1}, go: [{to: over, after: {turns: 1}}]}
"""
FIRST = "{speakers: [P1, P2], summary: last_message, go: [{to: second, after: {turns: 2}}]}"


def chats() -> tuple[RunLog, Player]:
    """Three chats of two, one after another."""
    player = Player(lambda r: "It went well." if r.purpose == "summary" else words(r))
    return played(world(CHATS, FIRST), player), player


@row("initiate_chats")
def _chats() -> None:
    log, _ = chats()
    assert spoken(log) == ["P1", "P2", "P1", "P3", "P1"]
    assert [t.to for t in of(log, "transition")] == ["second", "third", "over"]


@row("carryover")
def _carryover() -> None:
    _, player = chats()
    assert ["Bob: P2 2" in shown(player, 3), "P1 1" in shown(player, 3)] == [True, False]
    assert ["P2 2" in shown(player, 5), "It went well." in shown(player, 5)] == [False, True]


@row("summary_method")
def _summary() -> None:
    log, _ = chats()
    assert [(s.how, s.text) for s in of(log, "summary")] == [
        ("last_message", "P2 2"), ("reflection", "It went well.")
    ]  # fmt: skip
    assert [c.purpose for c in of(log, "call")].count("summary") == 1


@row("summary_args")
def _summary_args() -> None:
    _, player = chats()
    asked = next(r for r in player.asked if r.purpose == "summary")
    assert asked.prompt.messages[-1]["content"].endswith("How was it?")
    made = world("", "{summary: {how: last_message, heard_by: P4}, go: [{to: over, after: {turns: 1}}]}")
    assert of(played(made), "summary")[0].heard_by == ["P4"]


@row("max_turns")
def _max_turns() -> None:
    assert len(spoken(played(world("", "go: [{to: over, after: {rounds: 2}}]")))) == 8
    assert len(spoken(played(world("", "go: [{to: over, after: {turns: 3}}]")))) == 3


@row("is_termination_msg")
def _termination() -> None:
    made = world("actions: {leave: {by: P}}", "{actions: leave, go: [{over: done.leave > 0}]}")
    for through in (False, True):
        log = played(
            made, lambda r: acts(say="Bye.", leave=True) if r.turn == 5 else "TERMINATE", in_autogen=through
        )
        assert (len(spoken(log)), ending(log)[0]) == (5, "over")


@row("human_input_mode")
def _human() -> None:
    made = world("roles: {host: {persona: eve, kind: human}}")
    with pytest.raises(DefinitionError, match="'host' is played by a person"):
        models_for(made, {})
    person = Player(words)
    assert _models(["host=human"], Providers(NOTHING_LISTED, human=person))["host"] is person
    log = played(world("", "order: manual"), outside=Live(lambda state, among: among[0]))
    assert {s.by for s in of(log, "selection")} == {"user"}


@row("register_function")
def _function() -> None:
    rule = "tools: {weather: {by: P, fields: {days: {number: days}}, rule: forecast}}"
    code = "def forecast(situation, days):\n    return 'sun' * int(days)\n"
    made = world(rule, "{actions: weather, go: [{to: over, after: {turns: 1}}]}", code)
    log = played(made, lambda r: acts(weather={"days": 2}) if not r.attempt else "Fine.")
    assert (of(log, "look_up")[0].result, verify(log).ok) == ("sunsun", True)
    assert of(played(world(TOOLS, "actions: ask_fee")), "look_up") == []


@row("code_execution_config")
def _code() -> None:
    made = world("roles: {desk: {persona: eve, kind: executor}}\nexecutor: {seconds: 7, memory_mb: 512}")
    with pytest.raises(DefinitionError, match="allow it with --allow-exec"):
        models_for(made, {})
    desk = models_for(made, {}, exec_folder=Path("work"))["desk"]
    assert isinstance(desk, Executor)
    assert (desk.description["seconds"], desk.description["memory_mb"]) == (7, 512)


@row("system_message")
def _system() -> None:
    player = Player(words)
    made = world("")
    played(made, player)
    system = player.asked[0].prompt.messages[0]
    assert (system["role"], "You are Ann" in system["content"]) == ("system", True)
    assert sheet(made.personas["P1"].model_copy(update={"prompt": {"*": "Be brief."}}), "en") == "Be brief."


@row("description")
def _description() -> None:
    assert selecting("P1")[0].startswith("Here are P1 (Ann)")
    introduced = of(played(world("introductions: true")), "narration")[0].text
    assert "Ann (a player)" in introduced
