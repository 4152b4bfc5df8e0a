"""Four ways to choose who speaks: all are asked alike, counted alike, and held against the same rules."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.selection import judge, ours, plain
from bench.selection.__main__ import KEPT, main
from bench.selection.figures import draw
from bench.selection.judge import FAILED, judged
from bench.selection.results import ARMS, Measured, Result, read, save
from bench.selection.running import Plan, play
from bench.selection.scene import Mark, Pace, Scene, make, marks_of
from bench.selection.server import Count, SelectionServer, count_request, is_selecting
from bench.selection.speakers import Cast, Talk, right_next
from bench.selection.tables import told
from bench.server import ChatServer, completion
from sim.compare.comparison import compare
from sim.compare.reading import read as read_rows
from sim.compare.rows import open_folder
from sim.engine import tokens
from sim.errors import DefinitionError
from sim.models.prices import listed
from sim.world import library

IN_ORDER = ["register", "pay_fee", "prescribe", "leave_for", "pay_bill", "give_receipt", "dispense"]
GPT_4O = listed("gpt-4o")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A visit of 20 rounds, in Chinese."""
    return make(20, "zh", tmp_path_factory.mktemp("visit"))


@pytest.fixture
def server(scene: Scene) -> Iterator[SelectionServer]:
    """Answers by the script, and nobody errs."""
    started = SelectionServer()
    started.begin(scene, Cast(scene, 1, 1.0), 1)
    yield started
    started.close()


@dataclass
class Heard:
    """An arm as its server heard it: the messages of each request, and what came of it."""

    verdict: judge.Verdict
    order: list[str]
    count: Count
    choosing: list[list[dict[str, Any]]]
    speaking: list[list[dict[str, Any]]]


@pytest.fixture(scope="module")
def faultless(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Heard]:
    """Three arms at 20 rounds, in which nobody errs."""
    heard = {}
    server = SelectionServer()
    for arm in ("auto", "function", "ours"):
        server.begin(scene, Cast(scene, 1, 1.0), 1)
        log = tmp_path_factory.mktemp("log") / "ours.jsonl"
        found = ours.play(scene, server.url, 1, log) if arm == "ours" else plain.play(scene, arm, server.url)
        asked = [request["messages"] for _, request in server.requests]
        choosing = [messages for messages in asked if is_selecting(messages)]
        speaking = [messages for messages in asked if not is_selecting(messages)]
        heard[arm] = Heard(*found, server.count, choosing, speaking)
    server.close()
    return heard


@pytest.fixture(scope="module")
def played() -> list[Result]:
    """All arms but `auto` at 20 rounds with one seed, without errors and with some."""
    return play(Plan(rounds=[20], seeds=[1], reliabilities=[1.0, 0.9], price=GPT_4O, arms=ARMS[1:]))


def of(results: list[Result], arm: str, reliability: float) -> Result:
    [found] = [r for r in results if (r.arm, r.reliability) == (arm, reliability)]
    return found


def ask(server: SelectionServer, messages: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    """Send a request as a client does."""
    body = json.dumps({"model": "m", "messages": messages, **more}).encode()
    call = urllib.request.Request(f"{server.url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_a_chat_is_counted_with_what_its_format_adds_its_names_and_its_schema() -> None:
    """3 for the reply, 3 and the words for each message, 1 and the name where one stands beside it."""
    messages = [
        {"role": "system", "content": "hello"},
        {"role": "user", "name": "patient", "content": "hello world"},
    ]
    assert count_request({"messages": messages}) == 3 + (3 + 1) + (3 + 2) + (1 + 1)
    form = {"type": "json_object"}
    assert count_request({"messages": messages, "response_format": form}) == 14 + tokens.count(json.dumps(form))


def test_the_server_counts_speaking_and_choosing_apart_and_says_so_in_its_answers(
    scene: Scene, server: SelectionServer
) -> None:
    """What it answers is what it counts."""
    opening = {"role": "user", "name": "narrator", "content": scene.opening}
    spoken = ask(server, [{"role": "system", "content": scene.plain("patient")}, opening])
    said = spoken["choices"][0]["message"]["content"]
    assert spoken["usage"]["completion_tokens"] == server.count.speaking.completion == tokens.count(said)
    assert spoken["usage"]["prompt_tokens"] == server.count.speaking.prompt
    choice = "Read the above conversation. Then select the next role from ['patient', 'doctor'] to play."
    chosen = ask(server, [{"role": "system", "content": "…"}, opening, {"role": "system", "content": choice}])
    assert chosen["choices"][0]["message"]["content"] == "patient"
    assert (server.count.speaking.calls, server.count.selecting.calls) == (1, 1)
    assert server.count.total == spoken["usage"]["total_tokens"] + chosen["usage"]["total_tokens"]


def test_all_arms_play_the_same_visit_where_nobody_errs(faultless: dict[str, Heard]) -> None:
    """`auto`, a function and our stage let the same agents speak in turn, for 20 rounds with the opening."""
    order = faultless["ours"].order
    assert len(order) == 19
    for arm in faultless.values():
        assert arm.order == order
        assert arm.verdict.acts == IN_ORDER
        assert (arm.verdict.reached, arm.verdict.out_of_place, arm.verdict.early) == (True, 0, 0)


def test_all_arms_have_the_system_prompts_of_the_world(faultless: dict[str, Heard]) -> None:
    """Those of the plain chats go on with what our stage says turn by turn."""
    systems = {name: [m[0]["content"] for m in arm.speaking] for name, arm in faultless.items()}
    assert systems["auto"] == systems["function"]
    assert all(p.startswith(s) for p, s in zip(systems["auto"], systems["ours"], strict=True))


def test_auto_asks_who_speaks_before_each_turn_with_the_whole_chat_and_ours_never_asks(
    faultless: dict[str, Heard],
) -> None:
    """A question has all messages between its first and its last."""
    assert [len(messages) for messages in faultless["auto"].choosing] == [2 + said for said in range(1, 20)]
    counts = {name: (arm.count.selecting.calls, arm.count.speaking.calls) for name, arm in faultless.items()}
    assert counts == {"auto": (19, 19), "function": (0, 19), "ours": (0, 19)}
    assert faultless["ours"].choosing == []


def test_a_reader_counts_again_what_was_measured(played: list[Result], faultless: dict[str, Heard]) -> None:
    """The figures of the page are exact: these runs are the same, to the token."""
    kept = read(KEPT / "scripted" / "results.json")
    assert len(played) == 2 * 4
    assert played == [run for r in (1.0, 0.9) for arm in ARMS[1:] for run in kept.of(r, 20, arm) if run.seed == 1]
    [auto] = [run for run in kept.of(1.0, 20, "auto") if run.seed == 1]
    assert {"selecting": auto.selecting, "speaking": auto.speaking} == faultless["auto"].count.as_json()


def test_twice_the_same_arms_give_the_same_numbers() -> None:
    """Nothing is drawn but by the seed."""
    plan = Plan(rounds=[14], seeds=[3], reliabilities=[0.8], arms=["round_robin", "function", "ours"], price=GPT_4O)
    assert play(plan) == play(plan)


def test_errors_break_the_procedure_of_a_plain_chat_and_cost_ours_a_call(played: list[Result]) -> None:
    """With seed 1 a cashier gives a receipt too early: the function lets it pass, our stage asks again."""
    function, here = of(played, "function", 0.9), of(played, "ours", 0.9)
    assert function.broken == ("a receipt without payment", "medicine before payment")
    assert (here.kept, here.reached, here.turns, here.calls) == (True, True, 19, 20)
    assert of(played, "ours", 1.0).calls == 19
    assert of(played, "round_robin", 1.0).out_of_place > 0


def test_the_judge_holds_the_rules_of_the_world_against_what_was_done(scene: Scene) -> None:
    """Acts count whether or not they were open; those of somebody else are only words."""
    turns = [
        ("patient", [Mark("dispense")]),
        ("doctor", [Mark("prescribe")]),
        ("registrar", [Mark("register")]),
        ("patient", [Mark("pay_fee")]),
        ("patient", [Mark("leave_for", "pharmacy")]),
        ("pharmacist", [Mark("dispense")]),
        ("patient", []),
        ("patient", []),
    ]
    verdict = judged(scene, turns)
    assert verdict.acts == ["prescribe", "register", "pay_fee", "leave_for", "dispense"]
    assert verdict.broken == {
        "a prescription before registration",
        "everything was paid for and handed out",
        "medicine before payment",
        "medicine without a receipt",
    }
    assert (verdict.outcome, verdict.kept, verdict.reached) == ("discharged", False, False)
    assert (verdict.turns, verdict.out_of_place, verdict.early) == (7, 1, 2)


def test_what_our_arm_keeps_is_proved_for_every_run(scene: Scene, tmp_path: Path) -> None:
    """The rules that are added for the plain chats hold on our stage as the bundled ones do."""
    make(20, "zh", tmp_path)
    assert library.check(tmp_path)[0] == []
    assert {"medicine without a receipt", "a prescription before registration"} <= set(scene.world.never)


def test_a_patient_who_goes_to_the_pharmacy_first_is_sent_back(scene: Scene) -> None:
    """The way of a chat is read from its marks alone."""
    said = ["…", "[register]", "[pay_fee]", "[prescribe]", "[leave_for pharmacy]"]
    assert Talk.of(said).counterpart == "pharmacist"
    assert Talk.of([*said, "[send_to_cashier]"]).counterpart == "cashier"
    assert right_next(Talk.of(said), "patient") == "pharmacist"
    assert right_next(Talk.of(said), "pharmacist") == "patient"
    assert marks_of("Thanks. [leave_for till] [pay_bill]") == [Mark("leave_for", "till"), Mark("pay_bill")]


@pytest.mark.parametrize("rounds", [14, 20, 40, 100])
def test_the_states_of_a_visit_add_up_to_its_rounds(rounds: int) -> None:
    """The opening is the first round."""
    pace = Pace.of(rounds)
    assert pace.reception + pace.consulting + pace.till + pace.pharmacy == rounds - 1


def test_a_real_model_is_asked_with_one_seed_and_counted_as_it_says(tmp_path: Path) -> None:
    """And a run in which it fails is a failed run."""
    answers = {"error": False}

    def answer(request: dict[str, Any]) -> tuple[int, Any]:
        if answers["error"]:
            return 400, {"error": {"message": "the prompt is too long", "code": 400}}
        return 200, completion("我的脚踝扭了。", 1000, 7)

    model = ChatServer(answer)
    plan = Plan(rounds=[14], seeds=[5], arms=["function"], price=GPT_4O, url=model.url, model="qwen", cut=1.0)
    try:
        [run] = play(plan)
        answers["error"] = True
        [failed] = play(plan)
    finally:
        model.close()
    assert {(r["seed"], r["model"], r["max_tokens"]) for _, r in model.requests} == {(5, "qwen", 160)}
    assert (run.reliability, run.outcome, run.turns) == (None, "gave_up", 13)
    assert run.speaking == {"calls": 13, "prompt": 13_000, "completion": 91}
    assert (failed.outcome, failed.failures) == (FAILED, 1)


def test_results_are_read_again_drawn_and_compared(played: list[Result], tmp_path: Path) -> None:
    """`sim compare` reads each cell as an experiment."""
    about = {"command": "…", "language": "zh", "price_as": "gpt-4o", "model": "scripted"}
    measured = Measured(about, tuple(played))
    save(measured, tmp_path)
    assert read(tmp_path / "results.json") == measured
    draw(measured, tmp_path)
    for name in ("tokens", "kept"):
        text = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert all(f">{arm}" in text or f"> {arm}" in text for arm in ("round_robin", "function", "ours"))
    comparison = compare(
        read_rows([open_folder(tmp_path / "r20-0.9")]), measures=["tokens", "kept"], against="ours"
    )
    assert {e.arm: e.mean for e in comparison.of("kept")} == {
        run.arm: float(run.kept) for run in played if run.reliability == 0.9
    }
    table = list(told(measured))
    assert table[0] == "each call right with chance 1; 1 seed; lang zh; priced as gpt-4o"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "21"], "--rounds 21: an even number from 14 on"),
        (["--lang", "fr"], "--lang fr: one of en, zh"),
        (
            ["--arms", "autos"],
            r"--arms autos: no such arm; did you mean 'auto'\? known: auto, function, ours, ours_whole, round",
        ),
        (["--price-as", "nobody"], "--price-as nobody: the price list has no such model"),
        (["--show", "nothing"], "cannot read .*nothing/results.json: No such file or directory"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_in_a_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is played."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError, match=f"^{message}") as caught:
        main(words)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
