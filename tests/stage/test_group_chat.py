"""AutoGen drives the visit and changes nothing; a live model is called over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from server import completion

import sim
from sim.errors import DefinitionError, ModelError
from sim.models.model import Reply, Request
from sim.models.scripted import Scripted
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call, Turn
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import played, world_of
from tests.provider import KEY

OPENING = "Half past eight in the morning, City Hospital. Chengzi limps into the outpatient hall."


@pytest.mark.parametrize(("seed", "language"), [(7, "en"), (8, "zh")])
def test_plain_autogen_code_gets_the_turns_of_a_run(world: World, tmp_path: Path, seed: int, language: str) -> None:
    """`initiate_chat` on the pair from `sim.group_chat` plays what `sim.run` plays with the same seed."""
    ran = sim.run(world, seed=seed, language=language, out=tmp_path / "run.jsonl")
    initiator, manager = sim.group_chat(world, seed=seed, language=language, out=tmp_path / "chat.jsonl")
    result = initiator.initiate_chat(manager, message=ran.header.opening, summary_method="last_msg", silent=True)
    turns = [(t.speaker, t.text) for t in ran.records if isinstance(t, Turn)]
    said = [(m["name"], m["content"]) for m in manager.groupchat.messages[1:]]
    assert said == turns
    assert result.summary == turns[-1][1]
    assert RunLog.open(tmp_path / "chat.jsonl").trace == ran.trace


def test_autogen_changes_nothing_that_the_plain_loop_does(world: World, tmp_path: Path) -> None:
    """The adapter's log and the bare engine's log are the same, record for record."""
    for seed in range(10):
        ran = sim.run(world, seed=seed, language="zh", out=tmp_path / f"{seed}.jsonl")
        with LogWriter(None) as log:
            Run(
                world, settings_for(world, seed=seed, language="zh"), dict.fromkeys(world.agents, Scripted()), log
            ).play()
        assert log.trace == ran.trace


def test_the_message_of_a_chat_is_its_opening(world: World, tmp_path: Path) -> None:
    """Everybody hears what the user's code says first."""
    initiator, manager = sim.group_chat(world, seed=1, out=tmp_path / "chat.jsonl")
    initiator.initiate_chat(manager, message="It is snowing.", silent=True)
    log = RunLog.open(tmp_path / "chat.jsonl")
    assert log.header.opening == "It is snowing."
    assert verify(log).ok


def test_a_chat_that_is_over_cannot_be_started_again(world: World, tmp_path: Path) -> None:
    """Its log is whole, and stays so."""
    initiator, manager = sim.group_chat(world, seed=1, out=tmp_path / "chat.jsonl")
    initiator.initiate_chat(manager, message="Hello.", silent=True)
    before = (tmp_path / "chat.jsonl").read_bytes()
    with pytest.raises(DefinitionError, match="this chat is over"):
        initiator.initiate_chat(manager, message="Hello again.", silent=True)
    assert (tmp_path / "chat.jsonl").read_bytes() == before


def test_a_chat_prints_nothing_of_its_own(world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The transcript is the log's; AutoGen's banners stay away."""
    sim.run(world, seed=1, out=tmp_path / "run.jsonl")
    assert capfd.readouterr() == ("", "")


class Hospital:
    """Answers as a good model would: fills in every act that the schema demands, with the amounts it was told."""

    def __init__(self, *, with_schema: bool = True) -> None:
        self.with_schema = with_schema

    def __call__(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "response_format" in request and not self.with_schema:
            return 400, {"error": {"message": "response_format is not supported", "type": "invalid_request_error"}}
        prompt = request["messages"][-1]["content"]
        if "Answer with JSON only" not in prompt:
            return 200, completion("All right.", 100, 3)
        answer: dict[str, Any] = {"say": "All right."}
        fee = "15" if "registration fee=15" in prompt else "0"
        bill = prompt.partition("price of the medicine=")[2].partition(",")[0].partition("\n")[0]
        known = {
            "register": {"doctor": "Dr Zhao Liu"},
            "pay_fee": {"amount": float(fee)},
            "prescribe": {"drugs": ["ibuprofen capsules"]},
            "leave_for": {"place": "the cashier"},
            "pay_bill": {"amount": float(bill or 0)},
            "give_receipt": {},
            "dispense": {},
        }
        shape = prompt.partition("Answer with JSON only")[2]
        answer |= {name: fields for name, fields in known.items() if f'"{name}"' in shape}
        return 200, completion(json.dumps(answer), 200, 20)


@pytest.mark.parametrize("with_schema", [True, False])
def test_a_live_visit_over_http_is_counted_as_the_server_counts(
    world: World, tmp_path: Path, serve: Any, with_schema: bool
) -> None:
    """Real requests with the key; usage is the server's; the log verifies without the server."""
    server = serve(Hospital(with_schema=with_schema))
    model = Endpoint("local-model", base_url=server.url)
    log = sim.run(world, seed=3, language="en", models=model, out=tmp_path / "live.jsonl")
    server.close()
    calls = [c for c in log.records if isinstance(c, Call)]
    assert log.records[-2].type == "episode_ended"
    assert log.records[-2].outcome == "discharged"
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers, _ in server.requests)
    assert {(c.usage.prompt, c.usage.completion, c.usage.is_estimated) for c in calls} == {
        (100, 3, False),
        (200, 20, False),
    }
    assert sum("response_format" in body for _, body in server.requests) == (
        sum(c.usage.prompt == 200 for c in calls) if with_schema else 2  # with look-ups, then without
    )
    assert {c.cost for c in calls} == {None}
    assert verify(log).ok


def test_the_key_is_in_no_file_that_a_run_leaves_behind(world: World, tmp_path: Path, serve: Any) -> None:
    """Not even when the server repeats it in its answers."""
    server = serve(lambda request: (200, completion(f"Your key is {KEY}, thank you.", 5, 5)))
    sim.run(world, seed=3, models=Endpoint("m", base_url=server.url), out=tmp_path / "live.jsonl")
    text = "".join(p.read_text(encoding="utf-8") for p in tmp_path.rglob("*") if p.is_file())
    assert ("[key]" in text, KEY in text) == (True, False)


def test_a_failing_endpoint_stops_the_run_and_keeps_the_log(world: World, tmp_path: Path, serve: Any) -> None:
    """The error names the status, and neither it nor the log holds the key."""
    served = []

    def answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        served.append(request)
        if len(served) > 2:
            return 401, {
                "error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error"}
            }
        return 200, completion("Hello.", 5, 5)

    model = Endpoint("m", base_url=serve(answer).url)
    with pytest.raises(ModelError) as failure:
        sim.run(world, seed=3, models=model, out=tmp_path / "live.jsonl")
    assert ("HTTP 401" in str(failure.value), KEY in str(failure.value)) == (True, False)
    log = RunLog.open(tmp_path / "live.jsonl")
    assert [type(r).__name__ for r in log.records] == ["Header", "EpisodeStarted", "Call", "Turn", "Call", "Turn"]


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": []},
        {"hello": "world"},
    ],
)
def test_a_body_that_is_no_answer_is_a_model_error(
    world: World, tmp_path: Path, serve: Any, body: dict[str, Any]
) -> None:
    """Never an empty speech."""
    model = Endpoint("m", base_url=serve(lambda request: (200, body)).url)
    with pytest.raises(ModelError):
        sim.run(world, seed=3, models=model, out=tmp_path / "live.jsonl")


def test_missing_usage_is_estimated_and_marked(world: World, tmp_path: Path, serve: Any) -> None:
    """The ledger tells such counts apart."""

    def answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        body = completion("Hello there.", 0, 0)
        del body["usage"]
        return 200, body

    model = Endpoint("m", base_url=serve(answer).url)
    log = sim.run(world, seed=3, models=model, out=tmp_path / "live.jsonl")
    calls = [c for c in log.records if isinstance(c, Call)]
    assert all(c.usage.is_estimated and c.usage.prompt > 50 and c.usage.completion == 3 for c in calls)


def test_a_model_without_a_key_or_a_url_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any call."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(DefinitionError, match="set OPENAI_API_KEY to the key of 'gpt-4', or give --base-url"):
        Endpoint("gpt-4")


def test_credentials_in_a_url_are_not_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header of a log names the endpoint without them."""
    model = Endpoint("m", base_url="http://user:pass@127.0.0.1:1/v1")
    assert model.description == {"name": "m", "base_url": "http://127.0.0.1:1/v1"}


def test_roles_can_have_models_of_their_own(world: World, tmp_path: Path, serve: Any) -> None:
    """The doctor is live, all others are scripted."""
    server = serve(Hospital())
    models = {"doctor": Endpoint("surgeon", base_url=server.url), "*": Scripted()}
    log = sim.run(world, seed=3, language="en", models=models, out=tmp_path / "mixed.jsonl")
    used = {c.role: c.model for c in log.records if isinstance(c, Call)}
    assert (used["doctor"], used["patient"]) == ("surgeon", "scripted")
    assert len(server.requests) == sum(c.role == "doctor" for c in log.records if isinstance(c, Call))


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": -5, "completion_tokens": 3, "total_tokens": -2}, True),
        ({"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}, True),
        ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}, False),
        ({"prompt_tokens": 10**30, "completion_tokens": 3, "total_tokens": 3}, True),
    ],
)
def test_an_odd_usage_is_estimated_and_loses_no_answer(
    world: World, tmp_path: Path, serve: Any, usage: dict[str, Any], counted: bool
) -> None:
    """What the provider counts wrongly is counted here, and marked."""
    body = {**completion("Hello there.", 0, 0), "usage": usage}
    log = sim.run(
        world, seed=3, models=Endpoint("gpt-4", base_url=serve(lambda _: (200, body)).url), out=tmp_path / "l"
    )
    calls = [c for c in log.records if isinstance(c, Call)]
    assert {c.usage.is_estimated for c in calls} == {counted}
    assert verify(log).ok


def test_an_answer_in_parts_is_joined(world: World, tmp_path: Path, serve: Any) -> None:
    """Some endpoints give a list of texts."""
    body = completion("", 5, 5)
    body["choices"][0]["message"]["content"] = [
        {"type": "text", "text": "Hello "},
        {"type": "text", "text": "there."},
    ]
    log = sim.run(
        world, seed=3, models=Endpoint("m", base_url=serve(lambda _: (200, body)).url), out=tmp_path / "l"
    )
    assert next(t.text for t in log.records if isinstance(t, Turn)) == "Hello there."


def test_the_key_is_found_behind_escapes_and_in_no_chained_error(world: World, tmp_path: Path, serve: Any) -> None:
    """Neither JSON escapes nor the library's own exception carry it further."""
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    server = serve(lambda _: (200, completion(f'{{"say": "{escaped}"}}', 5, 5)))
    log = sim.run(world, seed=3, models=Endpoint("m", base_url=server.url), out=tmp_path / "live.jsonl")
    assert next(t.text for t in log.records if isinstance(t, Turn)) == "[key]"
    failing = serve(lambda _: (401, {"error": {"message": f"bad key {KEY}"}}))
    with pytest.raises(ModelError) as failure:
        sim.run(world, seed=3, models=Endpoint("m", base_url=failing.url), out=tmp_path / "failed.jsonl")
    assert (failure.value.__cause__, failure.value.__context__) == (None, None)


@pytest.mark.parametrize("url", ["127.0.0.1:9/v1", "ftp://127.0.0.1/v1"])
def test_a_url_that_is_none_is_refused_before_any_call(url: str) -> None:
    """With what it should begin with."""
    with pytest.raises(DefinitionError, match="is no URL; it begins with http"):
        Endpoint("m", base_url=url)


def test_a_chat_that_failed_cannot_be_gone_on_with(world: World, tmp_path: Path) -> None:
    """It would go on in the middle of a turn, in a log that does not verify."""

    class Failing(Scripted):
        def answer(self, request: Request) -> Reply:
            if request.turn == 3:
                raise ModelError("the line is dead")
            return super().answer(request)

    initiator, manager = sim.group_chat(world, models=Failing(), out=tmp_path / "log.jsonl")
    with pytest.raises(ModelError, match="the line is dead"):
        initiator.initiate_chat(manager, message="A rainy Monday.", silent=True)
    with pytest.raises(DefinitionError, match="this chat is over"):
        initiator.initiate_chat(manager, message="Again.", silent=True)
    assert [r.turn for r in RunLog.open(tmp_path / "log.jsonl").records if isinstance(r, Turn)] == [1, 2]


def test_an_interrupt_is_handed_to_nobody_even_if_an_agent_is_called_admin() -> None:
    """AutoGen gives the floor to an agent of that name; a run ends instead."""
    made = world_of(
        {
            "world": "office",
            "roles": {"A": "ann", "Admin": "bob", "B": "cai"},
            "states": {"hall": {"speakers": ["A", "B"], "go": [{"to": "over", "after": {"rounds": 2}}]}},
            "start": "hall",
            "ends": ["over"],
        }
    )

    def interrupt(request: Request) -> str:
        if request.turn == 2:
            raise KeyboardInterrupt
        return "Hello."

    with pytest.raises(KeyboardInterrupt):
        played(made, interrupt, in_autogen=True)
