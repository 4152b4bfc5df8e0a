"""OpenTelemetry spans: the same for the same log, named by the conventions, taken by a receiver."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import RunLogError
from sim.read.ledger import ledger
from sim.read.spans import send, to_json, to_spans
from sim.record.log import RunLog
from sim.record.records import Call, LookUp, Turn
from tests.read.collecting import Json, receiver, written
from tests.read.forging import forge, records_of
from tests.read.games import logged, scripted


def of(spans: list[Json], operation: str) -> list[Json]:
    return [s for s in spans if s["attributes"]["gen_ai.operation.name"] == operation]


@pytest.mark.parametrize("world", ["hospital_visit", "werewolf", "company_meeting", "number_chain"])
def test_a_run_is_a_tree_of_workflows_agents_and_calls(world: str) -> None:
    """Each turn is an agent's, each call and look-up stands in its turn, and within its time."""
    log = logged(world)
    spans = written(log)
    by_id = {s["spanId"]: s for s in spans}
    assert len(by_id) == len(spans)
    assert len({s["traceId"] for s in spans}) == 1
    roots = [s for s in spans if "parentSpanId" not in s]
    assert [f"invoke_workflow {world}"] == [s["name"] for s in roots]
    for span in spans:
        if span not in roots:
            parent = by_id[span["parentSpanId"]]
            assert int(parent["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
            assert int(span["endTimeUnixNano"]) <= int(parent["endTimeUnixNano"])
    turns = [r for r in log.records if isinstance(r, Turn)]
    assert [f"invoke_agent {t.speaker}" for t in turns] == [s["name"] for s in of(spans, "invoke_agent")]
    assert log.records.how_many(Call) == len(of(spans, "chat"))
    assert log.records.how_many(LookUp) == len(of(spans, "execute_tool"))


def test_the_names_are_those_of_the_conventions() -> None:
    """What observability tools look for in a call, an agent and a conversation."""
    spans = written(scripted("hospital_visit"))
    call, agent = of(spans, "chat")[0], of(spans, "invoke_agent")[0]
    assert (call["name"], call["kind"]) == ("chat scripted", 3)
    assert {
        "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens", "gen_ai.conversation.id", "gen_ai.agent.name",
    } <= set(call["attributes"])  # fmt: skip
    assert agent["kind"] == 1
    assert {"gen_ai.agent.id", "gen_ai.agent.name", "gen_ai.provider.name"} <= set(agent["attributes"])


def test_tokens_add_up_to_the_ledger() -> None:
    """Of all calls together."""
    log = scripted("werewolf")
    told = [s["attributes"] for s in of(written(log), "chat")]
    total = ledger([log]).total
    assert total.prompt == sum(int(a["gen_ai.usage.input_tokens"]) for a in told)
    assert total.completion == sum(int(a["gen_ai.usage.output_tokens"]) for a in told)


def test_ids_follow_from_the_log_alone() -> None:
    """The same log gives the same spans, another one others."""
    log = scripted("hospital_visit")
    assert list(to_json(to_spans(log))) == list(to_json(to_spans(RunLog.open(log.path))))
    other = scripted("hospital_visit", seed=8)
    assert not {s["spanId"] for s in written(log)} & {s["spanId"] for s in written(other)}


@pytest.mark.parametrize("status", [400, 404])
def test_a_receiver_that_takes_nothing_is_told_of_in_one_line(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing else is printed."""
    with receiver(status) as (url, _), pytest.raises(RunLogError) as caught:
        send(to_spans(scripted("hospital_visit")), url)
    assert str(caught.value).startswith(f"cannot send to {url}/v1/traces: ")
    assert capsys.readouterr().err == ""


def test_a_time_beyond_all_clocks_is_refused(tmp_path: Path) -> None:
    """A log made by hand may hold any number."""
    records = records_of(scripted("hospital_visit").path)
    turn = next(i for i, r in enumerate(records) if r["type"] == "turn")
    records[turn]["time"] = 1e300
    with pytest.raises(RunLogError, match="has a time that no clock has"):
        written(forge(records, tmp_path / "run.jsonl"))
