"""Look-ups: by an expression or a function of the world, asked for in JSON or by native tool calls."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from server import completion

import sim
from sim import cli
from sim.errors import DefinitionError
from sim.models.model import Request
from sim.read.transcript import Transcript
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.record.records import Header
from sim.stage.adapter.endpoint import Endpoint
from sim.world.library import load
from sim.world.world import World
from tests.building import Player, acts, of, played, spoken, world_of, write_world

ROOT = Path(__file__).resolve().parents[2]

VALUES: dict[str, Any] = {
    "world": "desk",
    "languages": ["en", "zh"],
    "roles": {"clerk": "ann", "guest": "bob"},
    "tables": {
        "doctors": {
            "zhao": {"label": {"en": "Dr Zhao", "zh": "赵医生"}, "department": "bones", "fee": 15},
            "qian": {"label": {"en": "Dr Qian", "zh": "钱医生"}, "department": "skin", "fee": 12},
            "sun": {"label": {"en": "Dr Sun", "zh": "孙医生"}, "department": "bones", "fee": 9},
        }
    },
    "facts": {
        "department": {"choice": {"bones": {"en": "bones", "zh": "骨科"}, "skin": {"en": "skin", "zh": "皮肤科"}}},
        "doctor": {"choice": "doctors"},
        "open": {"flag": True},
        "private": {"text": 20, "start": "hush", "known_to": "guest"},
    },
    "actions": {"register": {"by": "clerk", "fields": {"who": {"of": "doctor"}}, "sets": {"doctor": "act.who"}}},
    "tools": {
        "doctors_of": {
            "by": "clerk",
            "about": {"en": "who is in a department", "zh": "查某科的医生"},
            "when": "open",
            "fields": {"department": {"of": "department"}},
            "gives": "[d for d in doctors if doctors[d].department == act.department]",
        },
        "weather": {
            "by": "P_GUEST",
            "about": {"en": "the weather", "zh": "天气"},
            "fields": {"days": {"number": "days"}},
            "rule": "forecast",
        },
        "sum_of_fees": {
            "by": "clerk",
            "about": {"en": "all fees", "zh": "总价"},
            "gives": "sum([doctors[d].fee for d in doctors])",
        },
    },
    "states": {
        "hall": {
            "speakers": ["clerk", "guest"],
            "actions": ["register", "doctors_of", "weather", "sum_of_fees"],
            "go": [{"to": "over", "after": {"turns": 2}}],
        }
    },
    "start": "hall",
    "ends": ["over"],
}
VALUES["tools"]["weather"]["by"] = ["clerk", "guest"]

RULES = """
def forecast(situation, days):
    assert situation["facts"]["open"] is True
    return ["rain" if d % 2 else "sun" for d in range(int(days))] if days < 9 else 1 / 0
"""


def world(rules: str | None = RULES, **more: Any) -> World:
    """A desk at which doctors and the weather can be looked up."""
    return world_of({**VALUES, **more}, rules)


def asking(*answers: str) -> Player:
    """The clerk answers so, one after another; the guest says hello."""

    def say(request: Request) -> str:
        return answers[request.attempt] if request.role == "clerk" else "Hello."

    return Player(say)


def test_a_look_up_by_expression_comes_back_before_the_words() -> None:
    """The rows are shown as people read them; then the turn itself is asked for."""
    player = asking(acts(doctors_of={"department": "bones"}), acts(say="Dr Zhao then.", register={"who": "zhao"}))
    log = played(world(), player)
    found = of(log, "look_up")[0]
    assert (found.turn, found.role, found.tool, found.fields) == (1, "clerk", "doctors_of", {"department": "bones"})
    assert found.result == "Dr Zhao(bones, 15); Dr Sun(bones, 9)"
    asked, answer = player.asked[1].prompt.messages[-1], of(log, "turn")[0]
    assert asked["content"] == f"Found: doctors_of: {found.result}. Now answer."
    assert (answer.text, answer.changed) == ("Dr Zhao then.", {"doctor": "zhao"})
    assert [c.purpose for c in of(log, "call")] == ["turn", "look_up", "turn"]


def test_in_chinese_it_is_asked_and_answered_in_chinese() -> None:
    """Options are named as people name them."""
    player = asking(acts(doctors_of={"department": "皮肤科"}), acts(say="钱医生在。"))
    log = played(world(), player, language="zh")
    assert of(log, "look_up")[0].result.startswith("钱医生")
    assert player.asked[1].prompt.messages[-1]["content"].startswith("查到：doctors_of: 钱医生")
    assert (
        "回答前可以先查：doctors_of 查某科的医生 [department: 骨科 | 皮肤科]"
        in player.asked[0].prompt.messages[1]["content"]
    )


def test_a_look_up_by_a_function_is_told_the_situation() -> None:
    """A list that it gives is shown with commas."""
    log = played(world(), asking(acts(weather={"days": 3}), "It will be fine."))
    assert [f.result for f in of(log, "look_up")] == ["sun, rain, sun"]


def test_a_look_up_that_finds_nothing_says_so() -> None:
    """In words, not as an empty text; a number is a number."""
    tools = {**VALUES["tools"], "none": {"by": "clerk", "gives": "[d for d in doctors if doctors[d].fee > 99]"}}
    states = {"hall": {**VALUES["states"]["hall"], "actions": ["none", "sum_of_fees"]}}
    log = played(world(tools=tools, states=states), asking(acts(none=True, sum_of_fees={}), "Well."))
    assert [f.result for f in of(log, "look_up")] == ["nothing", "36"]


def test_at_most_two_look_ups_are_made_in_a_turn() -> None:
    """The third is an act that there is not, and is sent back."""
    one = acts(sum_of_fees={})
    player = asking(one, one, one, "Well.")
    log = played(world(), player)
    assert len(of(log, "look_up")) == 2
    assert [r.has_tools for r in player.asked[:4]] == [True, True, False, False]
    third = player.asked[2].prompt.schema
    assert third is not None
    assert set(third["properties"]) == {"say", "register"}
    assert [r.attempt for r in of(log, "refusal")] == [2]
    assert of(log, "turn")[0].text == "Well."


def test_several_look_ups_can_be_asked_for_at_once() -> None:
    """They count as one."""
    both = acts(sum_of_fees={}, doctors_of={"department": "skin"})
    log = played(world(), asking(both, both, "Well."))
    assert [f.tool for f in of(log, "look_up")] == ["doctors_of", "sum_of_fees"] * 2


def test_an_act_beside_a_look_up_is_not_done_yet() -> None:
    """What was asked for first decides what is said and done."""
    first = acts(say="Wait.", sum_of_fees={}, register={"who": "sun"})
    log = played(world(), asking(first, acts(say="36 in all.")))
    assert (of(log, "turn")[0].text, of(log, "turn")[0].acts) == ("36 in all.", [])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"department": "heart"}, "doctors_of.department: one of: bones | skin"),
        ({}, "doctors_of lacks the field 'department'"),
        ({"department": "skin", "x": 1}, "doctors_of has no field 'x'; its fields: department"),
    ],
)
def test_a_look_up_that_cannot_be_made_is_sent_back(given: dict[str, Any], reason: str) -> None:
    """Like an act; none is made."""
    log = played(world(), asking(acts(doctors_of=given), "Well."))
    assert (of(log, "refusal")[0].reasons, of(log, "look_up")) == ([reason], [])


def test_who_may_not_look_up_is_not_offered_it() -> None:
    """By role, and while the tool's condition holds."""
    closed = {**VALUES["facts"], "open": {"flag": False}}
    made = world("def forecast(situation, days):\n    return 1\n", facts=closed)
    player = asking("Hello.")
    played(made, player)
    clerk, guest = (r.prompt.messages[1]["content"] for r in player.asked)
    assert ("doctors_of" in clerk, "sum_of_fees" in clerk, "weather" in clerk) == (False, True, True)
    assert ("sum_of_fees" in guest, "weather" in guest) == (False, True)


def test_a_look_up_cannot_tell_what_one_must_not_know() -> None:
    """An expression that reads it is refused when the world is loaded."""
    tools = {**VALUES["tools"], "peep": {"by": "clerk", "gives": "private"}}
    with pytest.raises(DefinitionError, match=r"tools\.peep\.gives: 'private' is not known to 'clerk'"):
        world(tools=tools)


def test_all_at_once_each_looks_up_for_itself() -> None:
    """The results stand with the turn that asked, and the log verifies."""
    states = {"hall": {**VALUES["states"]["hall"], "order": "simultaneous"}}

    def say(request: Request) -> str:
        return acts(weather={"days": 1 if request.role == "clerk" else 2}) if request.attempt == 0 else "Well."

    log = played(world(states=states), Player(say, is_remote=True))
    assert [(f.turn, f.role, f.result) for f in of(log, "look_up")] == [
        (1, "clerk", "sun"),
        (2, "guest", "sun, rain"),
    ]


def test_a_log_is_verified_without_the_code() -> None:
    """What a function gave is in the log; a function that would now give something else changes nothing."""
    log = played(world(), asking(acts(weather={"days": 2}), "Fine."))
    assert log.header.resolved["rules"]
    assert verify(log).ok
    assert spoken(log) == ["clerk", "guest"]


@pytest.mark.parametrize("rules", [None, "def other(situation):\n    return 1\n", "forecast = 3\n"])
def test_a_function_that_is_not_there_is_named_when_the_world_is_loaded(rules: str | None) -> None:
    """Before anything is run."""
    with pytest.raises(DefinitionError, match=r"tools\.weather\.rule: no function 'forecast' in rules\.py"):
        world(rules)


def test_a_function_that_fails_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The run stops and keeps its log."""
    made = world()
    with pytest.raises(DefinitionError, match=r"rules\.py: forecast failed: ZeroDivisionError: division by zero"):
        sim.run(made, models=asking(acts(weather={"days": 9})), out=tmp_path / "log.jsonl")
    assert [r.type for r in RunLog.open(tmp_path / "log.jsonl").records] == ["header", "episode_started", "call"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [("def f(:\n", r"rules\.py:1:7"), ("x = 1\ny = 1 / 0\n", r"rules\.py:2:1: ZeroDivisionError")],
)
def test_rules_that_cannot_be_loaded_are_named_with_their_line(tmp_path: Path, rules: str, message: str) -> None:
    """Like any mistake in a world."""
    with pytest.raises(DefinitionError, match=message):
        load(write_world(tmp_path, VALUES, rules))


def test_a_world_with_code_is_refused_without_consent(tmp_path: Path) -> None:
    """The code is not even read."""
    folder = write_world(tmp_path, VALUES, "raise SystemExit('it was run')\n")
    with pytest.raises(DefinitionError, match="this world brings code of its own, which --no-code refuses to load"):
        sim.load(folder, code=False)


def called(name: str, arguments: str) -> dict[str, Any]:
    """The body of a completion that calls a function."""
    body = completion("", 5, 5)
    function = {"name": name, "arguments": arguments}
    body["choices"][0]["message"] |= {
        "content": None,
        "tool_calls": [{"id": "t1", "type": "function", "function": function}],
    }
    return body


class Native:
    """An endpoint that looks up by native tool calls, twice if it may; with ``takes=False`` it knows no tools."""

    def __init__(self, *, takes: bool = True, arguments: str = '{"department": "skin"}') -> None:
        self.takes = takes
        self.arguments = arguments

    def __call__(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "tools" in request:
            if not self.takes:
                return 400, {"error": {"message": "tools are not supported", "type": "invalid_request_error"}}
            return 200, called("doctors_of", self.arguments)
        return 200, completion('{"say": "Well.", "register": null}', 5, 5)


def live(serve: Any, tmp_path: Path, answer: Native) -> tuple[RunLog, list[dict[str, Any]]]:
    """A run with a live clerk, and the requests that the server got."""
    server = serve(answer)
    models = {"clerk": Endpoint("m", base_url=server.url), "guest": asking()}
    log = sim.run(world(), models=models, out=tmp_path / "live.jsonl")
    assert verify(log).reason == ""
    return log, [body for _, body in server.requests]


def test_native_tool_calls_are_look_ups(serve: Any, tmp_path: Path) -> None:
    """The open look-ups are offered as functions with their schema; after two no more are offered."""
    log, requests = live(serve, tmp_path, Native())
    assert [f.result for f in of(log, "look_up")] == ["Dr Qian(skin, 12)"] * 2
    offered = [[t["function"]["name"] for t in r.get("tools", [])] for r in requests]
    assert offered == [["doctors_of", "weather", "sum_of_fees"]] * 2 + [[]]
    function = requests[0]["tools"][0]["function"]
    assert function["description"] == "who is in a department"
    assert function["parameters"]["properties"] == {"department": {"type": "string", "enum": ["bones", "skin"]}}
    assert requests[2]["messages"][-1]["content"] == "Found: doctors_of: Dr Qian(skin, 12). Now answer."
    assert of(log, "turn")[0].text == "Well."
    assert of(log, "call")[0].answer == '{"doctors_of": {"department": "skin"}}'


def test_an_endpoint_that_knows_no_tools_is_asked_without(serve: Any, tmp_path: Path) -> None:
    """Once; from then on look-ups are asked for in JSON, as the text says anyway."""
    log, requests = live(serve, tmp_path, Native(takes=False))
    assert ["tools" in r for r in requests] == [True, False]
    assert (of(log, "look_up"), of(log, "turn")[0].text) == ([], "Well.")


@pytest.mark.parametrize("arguments", ["{", "[1]", '{"department": "heart"}', ""])
def test_a_tool_call_that_is_none_is_sent_back(serve: Any, tmp_path: Path, arguments: str) -> None:
    """Broken arguments end as any other bad answer does; nothing is looked up with them but what can be."""
    log, _ = live(serve, tmp_path, Native(arguments=arguments))
    assert of(log, "turn")[0].speaker == "clerk"
    assert {f.fields["department"] for f in of(log, "look_up")} <= {"skin"}
    assert of(log, "refusal")


DUEL = ROOT / "tests" / "worlds" / "duel"
needs_duel = pytest.mark.skipif(not (DUEL / "rules.py").is_file(), reason="the world duel is not there")


@pytest.fixture
def duel(tmp_path: Path) -> Path:
    """A copy of the duel."""
    return Path(shutil.copytree(DUEL, tmp_path / "duel"))


@needs_duel
def test_the_duel_is_run_with_its_code_and_read_without(duel: Path, tmp_path: Path) -> None:
    """Deleting rules.py afterwards changes nothing for verify and replay."""
    log = sim.run(duel, seed=3, out=tmp_path / "duel.jsonl")
    assert any(
        r.type in {"look_up", "selection"} or getattr(r, "model", "").startswith("rules.py") for r in log.records
    )
    (duel / "rules.py").unlink()
    opened = RunLog.open(tmp_path / "duel.jsonl")
    assert verify(opened).reason == ""
    assert isinstance(opened.header, Header)
    transcript = Transcript(opened.header)
    assert sum(len(list(transcript.of(r))) for r in opened.records) > 3


@needs_duel
def test_the_duel_is_the_same_for_the_same_seed(duel: Path, tmp_path: Path) -> None:
    """Its functions depend on nothing but what they are told."""
    traces = {sim.run(duel, seed=5, out=tmp_path / f"{i}.jsonl").trace for i in range(2)}
    assert len(traces) == 1


@needs_duel
def test_the_duel_is_refused_with_no_code(
    duel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, with exit code 2 and one line."""
    monkeypatch.setattr(sys, "argv", ["sim", "run", str(duel), "--no-code"])
    monkeypatch.chdir(duel.parent)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "which --no-code refuses to load" in capsys.readouterr().err


@needs_duel
def test_the_duel_without_a_function_that_it_names_is_refused(duel: Path) -> None:
    """The message names where it is missing, before anything runs."""
    (duel / "rules.py").write_text("def something_else(situation):\n    return None\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"no function '\w+' in rules\.py"):
        sim.load(duel)


@needs_duel
def test_the_duel_with_functions_that_fail_stops_and_names_the_function(duel: Path, tmp_path: Path) -> None:
    """The log keeps what was before."""
    world = sim.load(duel)
    text = "\n".join(f"def {name}(situation, **given):\n    raise KeyError('oh')\n" for name in world.rules)
    (duel / "rules.py").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"rules\.py: \w+ failed: KeyError: 'oh'"):
        sim.run(duel, seed=3, out=tmp_path / "failed.jsonl")
    assert RunLog.open(tmp_path / "failed.jsonl").header.world == json.loads(json.dumps(world.name))
