"""Logs and worlds made to do harm: shown as far as they go, and no terminal obeys them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Done, Sim, edited

HOSTILE: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "no world": lambda r: r[0].update(resolved={}),
    "a world of nonsense": lambda r: r[0].update(resolved={"world": {"world": 1}, "personas": []}),
    "no personas": lambda r: r[0]["resolved"].update(personas={}),
    "a role that is not in the world": lambda r: r[3].update(speaker="ghost", heard_by=["ghost"]),
    "a state that is not in the world": lambda r: r[1].update(state="limbo"),
    "a fact that is not in the world": lambda r: r[1].update(facts={"nosuch": 1}),
    "a fact that is no value": lambda r: r[1].update(facts={"fee": {"a": 1}}),
    "a cost that is no number": lambda r: r[2].update(cost="free"),
    "a cost that is not a number": lambda r: r[2].update(cost="NaN"),
    "an act that is not in the world": lambda r: r[3].update(
        acts=[{"action": "fly", "fields": {"to": {"x": [1]}}}]
    ),
    "a time before all times": lambda r: r[3].update(time=-1e300),
    "values that are made of each other": lambda r: world(r).update(derived={"a": "b + 1", "b": "a + 1"}),
    "groups that are made of each other": lambda r: world(r).update(
        groups={"a": {"agents": ["b"]}, "b": {"agents": ["a"]}}
    ),
    "states that go round without anyone": lambda r: world(r)["states"].update(
        {name: {"go": [{"to": name}]} for name in world(r)["states"]}
    ),
    "a template that goes on": lambda r: [
        persona.update(background="{% for a in range(10**9) %}x{% endfor %}") for persona in personas(r)
    ],
    "a condition that goes on": lambda r: [
        arrow.update(when=" and ".join(["fee > 1"] * 3000))
        for state in world(r)["states"].values()
        for arrow in state.get("go", [])
    ],
    "nested deep": lambda r: r[3].update(acts=[{"action": "pay_fee", "fields": {"amount": nested(900)}}]),
    "nested deeper than anything": lambda r: r[1]["facts"].update(fee=nested(900)),
    "a huge text": lambda r: r[3].update(text="<b>" * 1_000_000),
    "a huge number": lambda r: r[1]["facts"].update(fee=10**4000),
    "a number that is none": lambda r: r[3].update(minutes=1e308, time=1e308),
    "a huge count": lambda r: r[2]["usage"].update(prompt=10**300),
    "a list of everybody": lambda r: r[3].update(heard_by=["ghost"] * 200_000),
    "turns that count backwards": lambda r: [x.update(turn=-x["turn"]) for x in r if "turn" in x],
    "one turn again and again": lambda r: [x.update(turn=1) for x in r if "turn" in x],
    "an end before the beginning": lambda r: r.insert(1, r[-2]),
    "no beginning": lambda r: r.pop(1),
    "a header in the middle": lambda r: r.insert(5, r[0]),
}


def world(records: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = records[0]["resolved"]["world"]
    return found


def personas(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(records[0]["resolved"]["personas"].values())


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize(
    "command",
    [
        ["replay"],
        ["replay", "--as", "patient"],
        ["show"],
        ["show", "--turn", "1", "--json"],
        ["cost"],
        ["cost", "--json"],
        ["export"],
        ["export", "--to", "csv"],
        ["export", "--to", "html"],
        ["export", "--to", "html", "--as", "patient"],
        ["export", "--to", "csv", "--lang", "zh"],
        ["export", "--to", "xes"],
        ["export", "--to", "openai"],
        ["export", "--to", "otel"],
        ["audit"],
        ["diff"],
        ["verify"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_a_hostile_log_never_crashes_a_command(
    command: list[str], what: str, sim: Sim, folder: Path, log_path: Path
) -> None:
    """A log made by hand, well-formed and nonsense, is shown as far as it goes or refused in one line."""
    path = edited(log_path, folder / "hostile.jsonl", HOSTILE[what])
    done = _done(sim, command, path)
    wanted = {1, 2} if command[0] in {"verify", "audit"} else {0, 2}
    assert done.code in wanted
    if done.code == 2:
        assert done.err.startswith("sim: ")
    if "--json" in command and done.code == 0:
        json.loads(done.out, parse_constant=pytest.fail)


def _done(sim: Sim, command: list[str], path: Path) -> Done:
    """Run a command on a log: a folder of it for a list, the same twice for a comparison."""
    if command == ["runs"]:
        return sim("runs", ".")
    return sim(command[0], path, *([path] if command == ["diff"] else []), *command[1:])


MOVING = set("\x1b\x9b\x07\u202e")
WORDS = "\x1b[2J\x9b31m\x07\u202e"


@pytest.mark.parametrize(
    "command",
    [
        ["replay"],
        ["replay", "--as", "patient"],
        ["show"],
        ["show", "--turn", "2"],
        ["show", "--turn", "3"],
        ["cost", "--by", "model"],
        ["export"],
        ["export", "--to", "csv"],
        ["export", "--to", "html"],
        ["export", "--to", "html", "--as", "patient"],
        ["export", "--to", "csv", "--lang", "zh"],
        ["export", "--to", "xes"],
        ["export", "--to", "openai"],
        ["export", "--to", "otel"],
        ["audit"],
        ["diff"],
        ["verify"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_escape_sequences_in_a_log_reach_no_terminal(
    command: list[str], sim: Sim, folder: Path, log_path: Path
) -> None:
    """Whoever wrote a log, showing it in any way moves no cursor."""

    def edit(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["type"] == "turn":
                record["text"] = f"a{WORDS}b"
                record["acts"] = [{"action": f"x{WORDS}", "fields": {f"y{WORDS}": WORDS, "z": [WORDS]}}]
                record["changed"] = {"department": WORDS}
            elif record["type"] == "call":
                record["answer"] = record["model"] = f"a{WORDS}b"
            elif record["type"] == "episode_ended":
                record["breach"] = record["outcome"] = WORDS
        refusal = {"seq": 4, "type": "refusal", "episode": 1, "turn": 2, "attempt": 0, "role": "x"}
        records.insert(4, refusal | {"reasons": [f"a{WORDS}b"]})
        warning = {"seq": 4, "type": "warning", "episode": 1, "turn": 2, "code": "x"}
        records.insert(4, warning | {"message": WORDS})

    path = edited(log_path, folder / "hostile.jsonl", edit)
    done = _done(sim, command, path)
    assert done.out + done.err != ""
    assert set() == MOVING & set(done.out + done.err)


EVIL = """
world: evil
title: "Evil \\e[2J\\x9b31m\\u202e"
languages: [en]
opening: "Once \\e[2J\\x9b31m\\u202e"
roles: {one: imp}
states:
  first:
    label: "State \\e[2J\\x9b31m\\u202e"
    speakers: one
    go: [{to: done, after: {turns: 1}}]
start: START
ends: {done: {kind: success, label: "End \\e[2J\\x9b31m\\u202e"}}
lines: {first: {one: [{say: {en: "Words \\e[2J\\x9b31m\\u202e"}}]}}
"""


@pytest.mark.parametrize(
    ("command", "start"),
    [
        (["worlds"], "first"),
        (["personas"], "first"),
        (["check", "evil"], "first"),
        (["check", "evil"], '"wrong \\e[2J\\x9b31m\\u202e"'),
        (["graph", "evil"], "first"),
        (["graph", "evil", "--to", "svg"], "first"),
        (["run", "evil"], "first"),
        (["run", "evil"], '"wrong \\e[2J\\x9b31m\\u202e"'),
    ],
)
def test_escape_sequences_in_a_world_reach_no_terminal(
    command: list[str], start: str, sim: Sim, folder: Path
) -> None:
    """Whoever wrote a world or a persona, listing, checking, drawing and running it moves no cursor."""
    (folder / "worlds" / "evil").mkdir(parents=True)
    (folder / "personas").mkdir()
    (folder / "worlds" / "evil" / "world.yaml").write_text(EVIL.replace("START", start), encoding="utf-8")
    imp = 'persona: imp\nname: "Imp \\e[2J\\x9b31m\\u202e"\n'
    (folder / "personas" / "imp.yaml").write_text(imp, encoding="utf-8")
    done = sim(*command)
    assert done.out + done.err != ""
    assert done.code in {0, 1, 2}
    assert set() == MOVING & set(done.out + done.err)
