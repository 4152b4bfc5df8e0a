"""Chat completions of a run: each agent's calls as they were sent, and of nobody what it did not hear."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError, RunLogError
from sim.read.chats import play_again, to_openai
from sim.record.log import RunLog
from sim.record.records import Call, Refusal, Turn
from sim.world.world import World
from tests.read.forging import forge, play, records_of, stumbling
from tests.read.games import logged, scripted
from tests.worlds.players import MIXED


def exported(log: RunLog, role: str | None = None) -> list[list[dict[str, Any]]]:
    """The messages of each line; a line has nothing else."""
    out: list[str] = []
    to_openai(log, out.append, role)
    values = [json.loads(line) for line in out]
    assert all(line.endswith("\n") and "\n" not in line[:-1] for line in out)
    assert all(list(value) == ["messages"] for value in values)
    return [value["messages"] for value in values]


@pytest.mark.parametrize("world", ["hospital_visit", "werewolf", "three_departments", "company_meeting"])
def test_each_answer_that_counted_is_a_line_with_its_prompt(world: str) -> None:
    """In the order of the log, with the exact messages that the recorded hash is of."""
    log = logged(world, manners=MIXED)
    refused = {(r.turn, r.attempt, r.role) for r in log.records if isinstance(r, Refusal)}
    asked: list[tuple[str, str]] = []
    play_again(log, lambda _, call, messages: asked.append((call["prompt"], _digest(messages))))
    assert [a for a, _ in asked] == [b for _, b in asked]
    calls = [r for r in log.records if isinstance(r, Call) and r.role != "selector" and r.purpose != "retry"]
    counted = [c for c in calls if (c.turn, c.attempt, c.role) not in refused]
    lines = exported(log)
    assert [(c.role, c.answer) for c in counted] == [(m[-1]["name"], m[-1]["content"]) for m in lines]
    assert {"assistant"} == {m[-1]["role"] for m in lines}
    assert {"system"} == {m[0]["role"] for m in lines}


def _digest(messages: Any) -> str:
    text = json.dumps(list(messages), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def test_one_agents_lines_hold_nothing_that_it_did_not_hear() -> None:
    """The words of the wolves at night are in no line of one who is not a wolf."""
    log = scripted("werewolf")
    turns = [r for r in log.records if isinstance(r, Turn) and len(r.text) > 16]
    private = [t for t in turns if len(t.heard_by) < len(log.header.models)]
    assert private
    for agent in log.header.models:
        text = json.dumps(exported(log, agent), ensure_ascii=False)
        assert [t.turn for t in private if agent not in t.heard_by and t.text in text] == []
        assert {agent} == {m[-1]["name"] for m in exported(log, agent)}


def test_an_answer_that_was_sent_back_is_not_learned_from(world: World, tmp_path: Path) -> None:
    """It stands in the prompt of the one that counted, with the weight 0."""
    log = play(world, tmp_path / "run.jsonl", seed=3, language="en", model=stumbling())
    lines = exported(log)
    assert len(lines) == log.records.how_many(Turn)
    before = [m for line in lines for m in line[:-1] if m["role"] == "assistant"]
    assert before
    assert {0} == {m["weight"] for m in before}
    assert all("weight" not in line[-1] for line in lines)


def test_an_agent_that_is_not_there_is_refused() -> None:
    """With the names of those who are; the model that picks speakers is no agent."""
    for name in ("ghost", "selector"):
        with pytest.raises(DefinitionError, match=f"no role '{name}' in hospital_visit"):
            exported(scripted("hospital_visit"), name)


def test_a_log_whose_prompts_do_not_follow_is_refused(tmp_path: Path) -> None:
    """A changed word would be in the prompts of all that follow."""
    records = records_of(scripted("hospital_visit").path)
    turn = next(i for i, r in enumerate(records) if r["type"] == "turn")
    records[turn]["text"] = "Something else."
    with pytest.raises(RunLogError, match="the prompts of run cannot be made again: record "):
        exported(forge(records, tmp_path / "run.jsonl"))
    with pytest.raises(RunLogError, match="has format 1; its prompts cannot be made again"):
        exported(forge([records[0] | {"format": 1}, *records[1:]], tmp_path / "old.jsonl"))


def test_a_run_that_was_interrupted_is_exported_as_far_as_it_went(tmp_path: Path) -> None:
    """What there is of it follows from the log."""
    log = scripted("hospital_visit")
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(log.path.read_bytes().splitlines(keepends=True)[:12]))
    cut = RunLog.open(path)
    assert exported(log)[: cut.records.how_many(Call)] == exported(cut) != []
