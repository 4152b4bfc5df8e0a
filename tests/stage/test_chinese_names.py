"""A world whose names are all Chinese, at a provider that refuses such names wherever they are not only words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server import completion

import sim
from sim.models.catalog import Entry
from sim.models.provider_names import provider_name, world_name
from sim.read.chats import to_openai
from sim.read.export import to_markdown
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.adapter.chat import play
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests import role_play
from tests.building import of, spoken, world_of
from tests.provider import KEY, Provider

ALLOWED = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

Serve = Callable[..., Provider]

VALUES: dict[str, Any] = {
    "world": "签证大厅",
    "languages": ["zh"],
    "roles": {"申请人": "ann", "签证官": "bob"},
    "facts": {
        "材料": {"choice": ["护照", "照片"], "label": "交了什么"},
        "批准": {"flag": False},
        "号码": {"number": "", "start": 12, "shown": False},
    },
    "actions": {
        "递交": {"by": "申请人", "when": "材料 == null", "due": "true", "fields": {"材料": {"of": "材料"}},
                 "sets": {"材料": "act.材料"}},
        "盖章": {"by": "签证官", "when": "材料 != null", "due": "true", "sets": {"批准": "true"}},
    },
    "tools": {"查号": {"by": ["申请人", "签证官"], "fields": {"窗口": {"number": ""}}, "gives": "号码"}},
    "states": {
        "窗口一": {"speakers": ["申请人", "签证官"], "actions": ["递交", "盖章", "查号"], "go": [{"办完": "批准"}]},
    },
    "start": "窗口一",
    "ends": {"办完": "success"},
    "lines": {
        "窗口一": {
            "申请人": [{"do": {"递交": {"材料": "护照"}}, "say": "请收。"}],
            "签证官": [{"do": {"盖章": {}}, "say": "{{ 申请人 }}，好了。"}],
        }
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    """Roles, facts, acts, a look-up, states and ends: all of them are named in Chinese."""
    return world_of(VALUES)


def bad_names(request: dict[str, Any]) -> list[str]:
    """The names in a request that a provider would refuse: of messages, functions, their fields, and schemas."""
    names = [m["name"] for m in request["messages"] if "name" in m]
    for tool in request.get("tools", []):
        names += [tool["function"]["name"], *tool["function"]["parameters"]["properties"]]
    form = request.get("response_format", {}).get("json_schema")
    names += [form["name"]] if form else []
    return [name for name in names if not ALLOWED.fullmatch(name)]


def strict(answer: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """A provider that refuses bad names, and else answers so."""

    def respond(request: dict[str, Any]) -> Any:
        bad = bad_names(request)
        if bad:
            message = f"Invalid 'name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$', got {bad[0]!r}"
            return 400, {"error": {"message": message, "type": "invalid_request_error", "param": "name"}}
        return answer(request)

    return respond


def called(name: str, arguments: dict[str, Any]) -> Any:
    """An answer that calls a function."""
    body = completion("", 10, 5)
    function = {"name": name, "arguments": json.dumps(arguments)}
    body["choices"][0]["message"] |= {
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
    }
    return 200, body


def play_at(provider: Provider, world: World, path: Path, **entry: Any) -> RunLog:
    """A run of the world in AutoGen's chat, with one live model for all."""
    model = Endpoint("m", entry=Entry(url=provider.url, **entry), key=KEY)
    with LogWriter(path) as log:
        play(Run(world, settings_for(world, seed=1, language="zh"), dict.fromkeys(world.agents, model), log))
    return RunLog.open(path)


def test_a_live_run_has_names_that_the_provider_takes(world: World, serve: Serve, tmp_path: Path) -> None:
    """Nothing is refused or given up; the log and the transcript have the Chinese."""
    provider = serve(strict(lambda request: (200, role_play.answer(request))))
    log = play_at(provider, world, tmp_path / "run.jsonl")
    assert provider.refused == []
    assert spoken(log) == ["申请人", "签证官"]
    assert [[act.action for act in turn.acts] for turn in of(log, "turn")] == [["递交"], ["盖章"]]
    assert of(log, "episode_ended")[0].outcome == "办完"
    assert "盖章" in to_markdown(log)
    assert any("tools" in request for _, request in provider.requests)
    assert verify(log).ok


def test_functions_are_called_by_their_coded_names_and_logged_by_their_own(
    world: World, serve: Serve, tmp_path: Path
) -> None:
    """The look-up, and the acts of an endpoint that gives them as a function."""
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> Any:
        asked.append(request)
        functions = {tool["function"]["name"]: tool["function"] for tool in request.get("tools", [])}
        if provider_name("查号") in functions and len(asked) == 1:
            return called(provider_name("查号"), {provider_name("窗口"): 3})
        acts = functions["answer"]["parameters"]
        names = {world_name(name): name for name in acts["properties"]}
        if "递交" in names:
            given = {"say": "请收。", names["递交"]: {provider_name("材料"): "护照"}}
        else:
            given = {"say": "好了。", names["盖章"]: {}}
        return called("answer", given)

    provider = serve(strict(answer))
    log = play_at(provider, world, tmp_path / "run.jsonl", supports={"json_schema": False, "json_mode": False})
    assert provider.refused == []
    assert [(found.tool, found.fields, found.result) for found in of(log, "look_up")] == [
        ("查号", {"窗口": 3}, "12")
    ]
    assert [(turn.text, [act.action for act in turn.acts]) for turn in of(log, "turn")] == [
        ("请收。", ["递交"]),
        ("好了。", ["盖章"]),
    ]
    assert of(log, "turn")[0].changed == {"材料": "护照"}


def test_autogen_code_of_a_user_sends_names_that_are_taken(world: World, tmp_path: Path) -> None:
    """The agents of the pair have coded names, which a reflection by a model would send."""
    initiator, manager = sim.group_chat(world, seed=1, language="zh", out=tmp_path / "chat.jsonl")
    initiator.initiate_chat(manager, message="早上。", silent=True)
    names = [message["name"] for message in manager.groupchat.messages[1:]]
    assert all(ALLOWED.fullmatch(agent.name) for agent in manager.groupchat.agents)
    assert len({agent.name for agent in manager.groupchat.agents}) == len(world.agents) + 1
    assert [world_name(name) for name in names] == spoken(RunLog.open(tmp_path / "chat.jsonl"))


def test_chats_for_other_programs_tell_the_speakers_apart(world: World, tmp_path: Path) -> None:
    """By names that a provider takes."""
    log = sim.run(world, seed=1, language="zh", out=tmp_path / "run.jsonl")
    written: list[str] = []
    to_openai(log, written.append)
    lines = [json.loads(line) for line in "".join(written).splitlines()]
    names = {line["messages"][-1]["name"] for line in lines}
    assert names == {provider_name("申请人"), provider_name("签证官")}
