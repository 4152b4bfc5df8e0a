"""A judge at a local server: what it is asked, what its marks come to, and that nothing is asked twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from server import completion

from sim.engine import tokens
from sim.errors import DefinitionError
from sim.sweep.engines import Pool
from sim.sweep.estimating import MARK, estimates
from sim.sweep.plan import read_plan
from sim.sweep.shipping import Player, Shipment, names_of
from sim.sweep.worker import Job
from tests import role_play
from tests.faults import Fault
from tests.provider import KEY, Provider
from tests.sweep.building import columns, rows, swept, write

Serve = Callable[..., Provider]

HEAD = "experiment: sale\nworld: shop\nlang: en\n"
JUDGE = "judge: {model: small, rubric: Is the buyer polite?}\n"
ARMS = "arms: {plain: {}, dear: {variant: dear}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def models(folder: Path, server: Provider, more: str = "") -> None:
    """Two models at a server, which cost a dollar a thousand tokens, and whatever else the first has."""
    rest = f"url: {server.url}, key: 'env:OPENAI_API_KEY', price: {{input: 1000, output: 1000}}"
    text = f"models:\n  small: {{{rest}{more}}}\n  other: {{{rest}}}\n"
    (folder / "models.yaml").write_text(text, encoding="utf-8")


def asked(request: dict[str, Any]) -> str:
    """What a request says."""
    return "\n".join(message["content"] for message in request["messages"])


def marking(*scores: Any) -> Callable[[dict[str, Any]], Any]:
    """Gives these scores one after another, and then the last again and again."""
    left = list(scores)

    def answer(request: dict[str, Any]) -> Any:
        score = left.pop(0) if len(left) > 1 else left[0]
        said = score if isinstance(score, str) else json.dumps({"why": f"It is {score}.", "score": score})
        return 200, completion(said, role_play.asked(request), tokens.count(said))

    return answer


def by_price(request: dict[str, Any]) -> Any:
    """Marks by what is paid: a sale is a 5, none is a 2; so the same transcript has the same mark."""
    return marking(5 if "amount=5" in asked(request) else 2)(request)


def ledger(out: Path) -> list[dict[str, Any]]:
    """The calls of the judge."""
    return [json.loads(line) for line in (out / "judged.jsonl").read_text(encoding="utf-8").splitlines()]


def unmeasured(out: Path) -> list[bytes]:
    """The deterministic part of each call, byte for byte."""
    parts = [line.partition(b',"measured":{') for line in (out / "judged.jsonl").read_bytes().splitlines()]
    assert all(mark for _, mark, _ in parts)
    return [part for part, _, _ in parts]


def test_each_run_is_marked_and_the_call_is_in_the_ledger(folder: Path, serve: Serve) -> None:
    """With its tokens, its price and its prompt's hash; the row has the score and why; the key is nowhere."""
    server = serve(answer=by_price)
    models(folder, server)
    done = swept(write(folder, HEAD + ARMS + JUDGE), folder / "out")
    plain, dear = rows(folder / "out")
    first, second = ledger(folder / "out")
    (tokens_plain, tokens_dear) = (sum(billed) for billed in server.billed)
    assert plain["judged"] == {
        "status": "done", "score": 5.0, "why": "It is 5.", "n": 1, "unmarked": 0, "criteria": None, "judges": None,
        "calls": 1, "tokens": tokens_plain, "cost": pytest.approx(tokens_plain / 1000), "currency": "USD",
    }  # fmt: skip
    assert (dear["judged"]["score"], plain["tokens"]["total"]) == (2.0, sum(plain["by_model"]["scripted"].values()))
    assert [*first] == [
        "cell", "episode", "judge", "time", "attempt", "purpose", "model", "prompt", "answer", "scores", "refused",
        "usage", "cost", "currency", "measured",
    ]  # fmt: skip
    assert [(call["cell"], call["episode"], call["purpose"], call["scores"]) for call in (first, second)] == [
        (0, 1, "mark", {"score": 5}),
        (1, 1, "mark", {"score": 2}),
    ]
    assert (first["judge"], first["model"], first["answer"]) == (
        "small",
        "small",
        '{"why": "It is 5.", "score": 5}',
    )
    assert re.fullmatch(r"[0-9a-f]{32}", first["prompt"])
    assert first["prompt"] != second["prompt"]
    assert first["usage"]["prompt"] + first["usage"]["completion"] == tokens_plain
    assert first["measured"]["latency_s"] >= 0
    scripted = sum(row["tokens"]["total"] for row in (plain, dear))
    assert done.totals.tokens == scripted + tokens_plain + tokens_dear
    assert done.totals.paid_tokens == tokens_plain + tokens_dear
    assert plain["measured"]["paid"]["tokens"] == tokens_plain
    assert not (folder / "out" / "runs" / ".judged").exists()
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_several_judges_mark_several_times_with_seeds_of_their_own(folder: Path, serve: Serve) -> None:
    """What they come to stands beside what each of them says."""
    server = serve(answer=marking(1, 2, 3, 5))
    models(folder, server)
    judge = "judge: {model: [small, other], rubric: Is the buyer polite?, times: 2, combine: median}\n"
    swept(write(folder, HEAD + judge), folder / "out")
    [row] = rows(folder / "out")
    assert (row["judged"]["score"], row["judged"]["judges"]) == (2.5, {"small": 1.5, "other": 4.0})
    assert [(call["judge"], call["time"]) for call in ledger(folder / "out")] == [
        ("small", 1), ("small", 2), ("other", 1), ("other", 2)
    ]  # fmt: skip
    seeds = [request["seed"] for _, request in server.requests]
    assert len({*seeds}) == 2
    assert seeds[:2] == seeds[2:]


def test_criteria_are_asked_for_in_one_call(folder: Path, serve: Serve) -> None:
    """By a schema that has them all."""
    said = json.dumps({"manners": {"why": "Kind.", "score": 5}, "sense": {"why": "Odd.", "score": 2}})
    server = serve(answer=marking(said))
    models(folder, server)
    judge = "judge: {model: small, rubric: The buyer., criteria: {manners: Polite?, sense: Sensible?}}\n"
    swept(write(folder, HEAD + judge), folder / "out")
    [row] = rows(folder / "out")
    assert (row["judged"]["score"], row["judged"]["criteria"]) == (3.5, {"manners": 5.0, "sense": 2.0})
    assert ledger(folder / "out")[0]["scores"] == {"manners": 5, "sense": 2}
    [(_, request)] = server.requests
    schema = request["response_format"]["json_schema"]["schema"]
    assert [*schema["properties"]["sense"]["properties"]] == ["why", "score"]


def test_an_answer_that_is_no_mark_is_sent_back_and_at_last_the_row_says_why(folder: Path, serve: Serve) -> None:
    """The run is done all the same."""
    server = serve(answer=marking("Lovely.", 9, 3, 9))
    models(folder, server)
    swept(write(folder, HEAD + "seeds: 2\n" + JUDGE), folder / "out")
    first, second = rows(folder / "out")
    told = "'score' must be a whole number from 1 to 5, and is 9"
    assert (first["judged"]["score"], first["judged"]["calls"]) == (3.0, 3)
    assert [call["refused"] for call in ledger(folder / "out")[:3]] == [["answer with JSON"], [told], None]
    assert [call["purpose"] for call in ledger(folder / "out")[:3]] == ["mark", "repair", "repair"]
    assert server.requests[1][1]["messages"][-1]["content"] == (
        "That answer cannot be used: answer with JSON. Answer again."
    )
    assert second["status"] == "done"
    assert {key: second["judged"][key] for key in ("status", "score", "why", "n", "unmarked", "calls")} == {
        "status": "failed", "score": None, "why": f"no valid answer of small in 3 tries: {told}",
        "n": 0, "unmarked": 1, "calls": 3,
    }  # fmt: skip


def test_a_judge_that_fails_loses_no_run(folder: Path, serve: Serve) -> None:
    """One that the server does not know gives no mark; what was paid for in vain is in the ledger."""

    def faults(number: int, request: dict[str, Any]) -> Fault | None:
        return Fault.no_choices() if number == 0 else Fault.error(404, "no such model") if number > 1 else None

    server = serve(answer=marking(4), faults=faults)
    models(folder, server)
    file = write(folder, HEAD + "seeds: 2\n" + JUDGE)
    assert swept(file, folder / "out").totals.unmarked == 1
    assert swept(file, folder / "out", resume=True).totals.unmarked == 1
    first, second = rows(folder / "out")
    assert [row["status"] for row in (first, second)] == ["done", "done"]
    assert (first["judged"]["score"], first["judged"]["calls"]) == (4.0, 2)
    assert [call["purpose"] for call in ledger(folder / "out")] == ["retry", "mark"]
    assert first["judged"]["tokens"] == sum(map(sum, server.billed))
    assert (second["judged"]["status"], second["judged"]["score"]) == ("failed", None)
    assert "no such model" in second["judged"]["why"]
    assert second["judged"]["calls"] == 0


def test_a_transcript_that_the_window_does_not_hold_is_not_cut_but_said(folder: Path, serve: Serve) -> None:
    """With its tokens and what is left for it; nothing is asked."""
    server = serve(answer=marking(4))
    models(folder, server, ", window: 913")
    plan = read_plan(write(folder, HEAD + JUDGE))
    swept(plan.file, folder / "out")
    [row] = rows(folder / "out")
    assert (row["status"], row["judged"]["score"], row["judged"]["calls"]) == ("done", None, 0)
    assert re.fullmatch(
        r"the transcript with the rubric has \d+ tokens, and the window of small leaves 250 for them",
        row["judged"]["why"],
    )
    assert server.requests == []
    assert estimates(plan)["sale"].marks == 0


def test_a_judge_sees_what_a_role_saw(folder: Path, serve: Serve) -> None:
    """The buyer has left before the seller says goodbye."""
    server = serve(answer=marking(4))
    models(folder, server)
    swept(write(folder, HEAD + "judge: {model: small, rubric: Polite?, of: buyer}\n"), folder / "out")
    assert "as Chengzi saw and heard it" in asked(server.requests[0][1])
    assert "Bye." not in asked(server.requests[0][1])


def test_each_episode_is_marked_and_the_row_has_the_mean(folder: Path, serve: Serve) -> None:
    """And how many there are."""
    server = serve(answer=marking(2, 5))
    models(folder, server)
    day = "experiment: day\nworld: hospital_visit\nvariant: day\nlang: zh\nepisodes: 2\n"
    (folder / "day.yaml").write_text(
        day + "judge: {model: small, rubric: {zh: 医生有礼貌吗？}}\n", encoding="utf-8"
    )
    swept(folder / "day.yaml", folder / "out")
    [row] = rows(folder / "out")
    assert (row["judged"]["score"], row["judged"]["n"], row["judged"]["unmarked"]) == (3.5, 2, 0)
    assert [call["episode"] for call in ledger(folder / "out")] == [1, 2]
    assert "评分标准：医生有礼貌吗？" in asked(server.requests[0][1])


def test_two_processes_mark_as_one_does_and_answers_that_were_paid_for_come_from_the_cache(
    folder: Path, serve: Serve
) -> None:
    """Rows and ledger byte for byte, but for what is measured; nothing is asked the second time."""
    server = serve(answer=by_price)
    models(folder, server)
    file = write(folder, HEAD + "seeds: 3\n" + ARMS + JUDGE)
    swept(file, folder / "here", cache="write")
    asked_for = len(server.requests)
    done = swept(file, folder / "two", Pool(2), cache="write")
    assert 0 < len(server.requests) == asked_for
    assert columns(folder / "two") == columns(folder / "here")
    assert len(unmeasured(folder / "two")) == 6
    assert unmeasured(folder / "two") == unmeasured(folder / "here")
    assert done.totals.paid_tokens == 0
    assert {row["measured"]["hits"] for row in rows(folder / "two")} == {1}


@pytest.mark.parametrize("kept", [0, 3, 5])
def test_results_that_were_cut_anywhere_go_on_and_nothing_is_marked_twice(
    kept: int, folder: Path, serve: Serve
) -> None:
    """Rows that were lost take their marks from the ledger, and no run is played again."""
    server = serve(answer=by_price)
    models(folder, server)
    file, out = write(folder, HEAD + "seeds: 3\n" + ARMS + JUDGE), folder / "out"
    before = swept(file, out).totals
    whole, calls = columns(out), unmeasured(out)
    lines = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:40])
    asked_for = len(server.requests)
    done = swept(file, out, resume=True)
    assert len(server.requests) == asked_for == 6
    assert (columns(out), unmeasured(out)) == (whole, calls)
    assert (done.totals.tokens, done.totals.paid, done.played) == (before.tokens, before.paid, 6 - kept)


def test_a_stop_amid_the_marks_of_a_run_loses_none_of_them(folder: Path, serve: Serve) -> None:
    """Those that were made are taken from their file, whose last line may be torn; the others are asked for."""
    server = serve(answer=marking(1, 2, 3, 4, 5, 5))
    models(folder, server)
    file, out = write(folder, HEAD + "seeds: 2\njudge: {model: small, rubric: Polite?, times: 3}\n"), folder / "out"
    swept(file, out)
    whole, calls = columns(out), unmeasured(out)
    lines = (out / "judged.jsonl").read_bytes().splitlines(keepends=True)
    (out / "judged.jsonl").write_bytes(b"".join(lines[:3]))
    (out / "runs" / ".judged").mkdir()
    (out / "runs" / ".judged" / "000001.jsonl").write_bytes(b"".join(lines[3:5]) + lines[5][:30])
    rest = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(rest[0])
    swept(file, out, resume=True)
    assert len(server.requests) == 7
    assert (columns(out), unmeasured(out)) == (whole, calls)
    assert not (out / "runs" / ".judged").exists()


def test_a_stop_between_the_ledger_and_the_row_leaves_no_call_twice(folder: Path, serve: Serve) -> None:
    """Its calls are in both files then."""
    server = serve(answer=by_price)
    models(folder, server)
    file, out = write(folder, HEAD + ARMS + JUDGE), folder / "out"
    swept(file, out)
    whole, calls = columns(out), unmeasured(out)
    lines = (out / "judged.jsonl").read_bytes().splitlines(keepends=True)
    (out / "runs" / ".judged").mkdir()
    (out / "runs" / ".judged" / "000001.jsonl").write_bytes(lines[1])
    rest = (out / "results.jsonl").read_bytes().splitlines(keepends=True)
    (out / "results.jsonl").write_bytes(rest[0])
    swept(file, out, resume=True)
    assert len(server.requests) == 2
    assert (columns(out), unmeasured(out)) == (whole, calls)


def test_another_rubric_makes_another_experiment(folder: Path, serve: Serve) -> None:
    """Its results do not go on."""
    models(folder, serve(answer=marking(4)))
    file, out = write(folder, HEAD + JUDGE), folder / "out"
    swept(file, out)
    write(folder, HEAD + JUDGE.replace("buyer", "seller"))
    with pytest.raises(DefinitionError) as caught:
        swept(file, out, resume=True)
    assert "has the results of another experiment: judge.rubric.* was" in str(caught.value)


def test_the_marks_are_in_the_estimate(folder: Path, serve: Serve) -> None:
    """The prompt as it is sent; of the answer, what one of a sentence or two takes."""
    server = serve(answer=marking(4))
    models(folder, server)
    plan = read_plan(write(folder, HEAD + ARMS + JUDGE.replace("rubric", "times: 3, rubric")))
    found = estimates(plan)
    swept(plan.file, folder / "out")
    plain = [call["usage"]["prompt"] for call in ledger(folder / "out") if call["cell"] == 0]
    assert (found["plain"].marks, len(plain)) == (3, 3)
    assert found["plain"].paid == sum(plain) + 3 * MARK
    assert found["plain"].cost == Decimal(found["plain"].paid) / 1000
    assert found["plain"].tokens == rows(folder / "out")[0]["tokens"]["total"]


def test_a_mark_that_might_break_the_budget_is_not_asked_for_and_is_with_more(folder: Path, serve: Serve) -> None:
    """The run stays as it was played; a budget that cannot hold one run with its marks is refused."""
    long = json.dumps({"why": "word " * 900, "score": 4})
    server = serve(answer=marking(long))
    models(folder, server)
    times = JUDGE.replace("rubric", "times: 3, rubric")
    one = estimates(read_plan(write(folder, HEAD + times)))["sale"]
    budget = one.paid + one.room
    swept(write(folder, HEAD + times + f"budget: {{tokens: {budget}}}\n"), folder / "out")
    [row] = rows(folder / "out")
    assert (row["status"], row["judged"]["status"], row["judged"]["score"]) == ("done", "over_budget", None)
    assert row["judged"]["why"].startswith("stopped before a call of small that could exceed the budget of")
    assert 0 < len(server.requests) == row["judged"]["calls"] < 3
    assert sum(map(sum, server.billed)) <= budget
    log = (folder / "out" / row["log"]).stat().st_mtime_ns
    done = swept(write(folder, HEAD + times), folder / "out", resume=True)
    [row] = rows(folder / "out")
    assert (row["judged"]["score"], len(server.requests)) == (4.0, 3)
    assert (folder / "out" / row["log"]).stat().st_mtime_ns == log
    assert done.totals.paid_tokens == sum(map(sum, server.billed))
    with pytest.raises(DefinitionError) as caught:
        swept(write(folder, HEAD + times + "budget: {tokens: 500}\n"), folder / "less")
    assert "500 tokens cannot hold one run of 'sale'" in str(caught.value)


def test_a_worker_on_another_machine_is_sent_the_marks_that_were_made(folder: Path, serve: Serve) -> None:
    """With the log; it asks for none of them again, and leaves nothing behind."""
    server = serve(answer=marking(1, 2, 3))
    models(folder, server)
    file, out = write(folder, HEAD + "judge: {model: small, rubric: Polite?, times: 3}\n"), folder / "out"
    swept(file, out)
    log, marks = names_of(0)
    files = {log: (out / log).read_bytes(), marks: (out / "judged.jsonl").read_bytes()}
    apart = Player(Shipment.of("mark", read_plan(file), folder / "elsewhere", "off"), "there")
    told = apart.play(Job(0, is_again=True), files)
    assert isinstance(told, tuple)
    assert told[0].line.partition(b',"measured":')[0] == columns(out)[0]
    assert told[0].calls == files[marks]
    assert len(server.requests) == 3
    assert isinstance(apart.play(Job(0, is_again=True), {log: files[log]}), tuple)
    assert len(server.requests) == 6
