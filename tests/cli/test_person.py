"""A person plays a role, picks who speaks, votes and acts, by what is typed at the terminal."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim import cli
from sim.read.verify import verify
from sim.record.log import RunLog
from tests.building import of, spoken, write_world

WORLD: dict[str, Any] = {
    "world": "parlour",
    "languages": ["en", "zh"],
    "roles": {"P": {"count": 3, "personas": ["ann", "bob", "cai"]}, "guest": {"persona": "dan", "kind": "human"}},
    "facts": {
        "card": {
            "of": "P",
            "choice": {"ace": {"en": "the ace", "zh": "尖子"}, "ten": {"en": "the ten", "zh": "十"}},
            "deal": {"ace": 1, "ten": 2},
            "known_to": "self",
            "label": {"en": "your card", "zh": "你的牌"},
        },
        "paid": {"number": "coins", "from": 0, "to": 9, "whole": True},
        "loud": {"flag": False},
        "dishes": {"list": ["soup", "rice", "fish"], "at_least": 1},
        "out": {"choice": "P"},
    },
    "actions": {
        "order": {
            "by": ["P", "guest"],
            "about": {"en": "order a meal", "zh": "点菜"},
            "fields": {"dishes": {"of": "dishes"}, "coins": {"of": "paid"}, "aloud": {"of": "loud"}},
            "needs": [{"that": "act.coins > 2", "why": {"en": "it costs three", "zh": "要三个"}}],
            "sets": {"dishes": "act.dishes", "paid": "act.coins", "loud": "act.aloud"},
        }
    },
    "ballots": {
        "send": {"voters": "P", "on": "[p for p in P if p != me]", "secret": True, "sets": {"out": "result.winner"}}
    },
    "states": {
        "talk": {"speakers": "P", "order": "manual", "go": [{"to": "meal", "after": {"turns": 2}}]},
        "meal": {"speakers": "guest", "actions": "order", "go": [{"to": "vote", "after": {"turns": 1}}]},
        "vote": {
            "speakers": "P",
            "order": "simultaneous",
            "silent": True,
            "actions": "send",
            "go": [{"to": "over", "after": {"rounds": 1}}],
        },
    },
    "start": "talk",
    "ends": ["over"],
}

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run ``sim run`` of the parlour in this process, with lines that are typed; the log is log.jsonl."""
    monkeypatch.chdir(tmp_path)
    write_world(tmp_path / "parlour", WORLD)

    def run(lines: list[str], *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sim", "run", "parlour", "--out", "log.jsonl", *options])
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = 0
        try:
            cli.main()
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


MEAL = ["Fish, please.", "y", "fish, rice", "5", "y"]


def test_a_person_picks_who_speaks_and_plays_a_role(typed: Typed) -> None:
    """Words, a list with commas, a number and a flag are asked for one by one; the log verifies."""
    code, out, err = typed(["P2", "P3", *MEAL])
    log = RunLog.open("log.jsonl")
    assert (code, verify(log).reason) == (0, "")
    assert spoken(log)[:3] == ["P2", "P3", "guest"]
    assert [(s.by, s.chosen) for s in of(log, "selection")] == [("user", "P2"), ("user", "P3")]
    meal = of(log, "turn")[2]
    assert (meal.text, meal.changed) == ("Fish, please.", {"dishes": ["fish", "rice"], "paid": 5, "loud": True})
    assert {c.model for c in of(log, "call") if c.role == "guest"} == {"human"}
    assert "talk: who speaks next?" in err
    assert "Fish, please." in out
    assert "who speaks next" not in out


def test_what_cannot_be_picked_is_asked_for_again(typed: Typed) -> None:
    """Who has just spoken is no choice, nor is one who is not there."""
    code, _, err = typed(["P9", "P2", "P2", "P1", *MEAL])
    assert (code, spoken(RunLog.open("log.jsonl"))[:2]) == (0, ["P2", "P1"])
    assert err.count("Please select one of the available options") == 2


def test_an_act_that_is_refused_is_asked_for_again_with_the_reason(typed: Typed) -> None:
    """As a model is told, so is a person."""
    code, _, err = typed(["P1", "P2", "Soup!", "y", "soup", "1", "n", *MEAL])
    log = RunLog.open("log.jsonl")
    assert (code, of(log, "refusal")[0].reasons) == (0, ["order: it costs three"])
    assert "order: it costs three" in err
    assert of(log, "turn")[2].changed["paid"] == 5


def test_an_act_need_not_be_done(typed: Typed) -> None:
    """Enter alone is no."""
    typed(["P1", "P2", "Nothing, thank you.", ""])
    assert of(RunLog.open("log.jsonl"), "turn")[2].acts == []


def test_any_agent_can_be_played_by_a_person(typed: Typed) -> None:
    """`--model P3=human`: it sees its own card and no other, and votes without a word where all are silent."""
    options = ("--model", "P3=human", "--set", "card.P3=ace", "--set", "card.P1=ten", "--set", "card.P2=ten")
    code, _, err = typed(["P1", "P3", "I am Cai.", *MEAL, "Bob"], *options)
    log = RunLog.open("log.jsonl")
    assert (code, of(log, "turn")[1].text) == (0, "I am Cai.")
    assert of(log, "ballot")[0].votes["P3"] == "P2"
    assert "your card=the ace" in err
    assert "the ten" not in err
    assert "JSON" not in err
    assert "send.choice (Ann | Bob):" in err
    assert {c.role for c in of(log, "call") if c.model == "human"} == {"P3", "guest"}


def test_who_plays_sees_no_more_than_its_role_hears(typed: Typed) -> None:
    """How the others voted is not on its screen; on that of somebody who only picks it is."""
    _, playing, err = typed(["P1", "P3", "I am Cai.", "Bob"], "--model", "P3=human", "--model", "guest=scripted")
    assert "→ send choice=P2" in playing
    assert playing.count("── vote ──") == 1
    assert "⚖" not in playing + err
    assert "08:04 Ann" not in playing
    _, watching, _ = typed(["P1", "P3"], "--model", "guest=scripted", "--out", "other.jsonl")
    assert "⚖ send: Ann→no vote, Bob→no vote, Cai→no vote ⇒ no result" in watching
    assert "08:04 Ann" in watching


def test_the_role_of_a_person_can_be_given_to_a_model(typed: Typed) -> None:
    """`--model guest=scripted`; then only the picks are asked for."""
    code, _, _ = typed(["P1", "P2"], "--model", "guest=scripted")
    assert (code, {c.model for c in of(RunLog.open("log.jsonl"), "call")}) == (0, {"scripted"})


def test_in_chinese_a_person_answers_in_chinese(typed: Typed) -> None:
    """Names, a comma of the language, and 是."""
    code, _, err = typed(["P1", "P2", "来条鱼。", "y", "fish，rice", "５", "是"], "--lang", "zh")
    meal = of(RunLog.open("log.jsonl"), "turn")[2]
    assert (code, meal.changed) == (0, {"dishes": ["fish", "rice"], "paid": 5, "loud": True})
    assert "赵六" in err


@pytest.mark.parametrize("lines", [[], ["P1"], ["P1", "P2"], ["P1", "P2", "Fish, please."]])
def test_when_nothing_more_is_typed_the_run_stops_with_a_message(typed: Typed, lines: list[str]) -> None:
    """No traceback; the log keeps what was before."""
    code, _, err = typed(lines)
    assert code in {2, 130}
    assert "Traceback" not in err
    assert RunLog.open("log.jsonl").records[-1].type != "run_ended"


def test_a_person_types_at_a_real_terminal(tmp_path: Path) -> None:
    """A pseudo-terminal: what is asked appears, what is typed counts, and interrupting keeps the log."""
    pty = pytest.importorskip("pty")
    write_world(tmp_path / "parlour", WORLD)
    ours, theirs = pty.openpty()
    script = (
        "import sys; from sim.cli import main; sys.argv = ['sim', 'run', 'parlour', '--out', 'log.jsonl']; main()"
    )
    environment = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""

    def expect(text: str) -> None:
        nonlocal seen
        until = time.monotonic() + 60
        while text not in seen and time.monotonic() < until:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    seen += os.read(ours, 4096).decode("utf-8", "replace")
                except OSError:
                    break
        assert text in seen
        seen = seen.partition(text)[2]

    try:
        for question, answer in [
            ("who speaks next?", "P2"),
            ("who speaks next?", "P1"),
            ("say", "Fish, please."),
            ("order", "y"),
            ("order.dishes", "fish"),
            ("order.coins", "4"),
            ("order.aloud", "n"),
        ]:
            expect(question)
            os.write(ours, f"{answer}\n".encode())
        expect("simulated minutes")
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    log = RunLog.open(tmp_path / "log.jsonl")
    assert (spoken(log)[:3], of(log, "turn")[2].changed["paid"]) == (["P2", "P1", "guest"], 4)
