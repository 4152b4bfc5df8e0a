"""``sim verify``: what is said of a prompt that is another one, and of an edited world; no model is ever asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.engine import phrases
from tests.cli.running import ROOT, Sim, assert_refused
from tests.provider import Provider

Serve = Callable[..., Provider]


@pytest.fixture
def provider(serve: Serve) -> Provider:
    return serve()


@pytest.fixture
def visit(sim: Sim, folder: Path, provider: Provider) -> Path:
    """A finished run against a server that counts."""
    run = ("run", "hospital_visit", "--seed", 7, "--model", "m", "--base-url", provider.url)
    assert sim(*run).code == 0
    return folder / "runs" / "hospital_visit-s7-1.jsonl"


def edit(folder: Path, old: str, new: str) -> Path:
    """The hospital with some words replaced."""
    place = folder / "edited"
    shutil.copytree(ROOT / "worlds" / "hospital_visit", place)
    text = (place / "world.yaml").read_text(encoding="utf-8")
    assert old in text
    (place / "world.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return place


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that builds prompts otherwise."""
    monkeypatch.setitem(phrases._PHRASES["en"], "now", "At present: ")


def test_a_prompt_that_is_another_one_is_shown(sim: Sim, visit: Path, provider: Provider, newer: None) -> None:
    """Which turn, who was asked, which part of it, and how that part is now."""
    asked = len(provider.requests)
    done = sim("verify")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0] == (
        "not verified: record 2: turn 1: the prompt of patient is not the recorded one; it differs in: instruction"
    )
    assert lines[1:3] == [
        "of the recorded prompt the log has the hash of each part alone; now they are:",
        "  instruction:",
    ]
    assert lines[3].startswith("    At present: Registration. ")
    assert len(lines) == 4
    told = sim("verify", "--json").json["difference"]
    place = {k: told[k] for k in ("record", "episode", "turn", "role", "purpose", "attempt", "parts")}
    assert place == {
        "record": 2,
        "episode": 1,
        "turn": 1,
        "role": "patient",
        "purpose": "turn",
        "attempt": 0,
        "parts": ["instruction"],
    }
    assert [m["role"] for m in told["prompt_now"]] == ["system", "user"]
    assert len(provider.requests) == asked


def test_where_the_log_has_one_hash_alone_the_whole_prompt_is_shown(sim: Sim, folder: Path, newer: None) -> None:
    """As the log of a script has, or one of an older version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(phrases._PHRASES["en"], "now", "Now: ")
        assert sim("run", "hospital_visit", "--seed", 7).code == 0
    lines = sim("verify").out.splitlines()
    assert lines[0].endswith("turn 1: the prompt of patient is not the recorded one")
    assert lines[1:3] == ["of the recorded prompt the log has the hash alone; now it is:", "  [system]"]
    assert "  [user]" in lines


def test_a_run_does_not_go_on_with_another_prompt(sim: Sim, visit: Path, provider: Provider, newer: None) -> None:
    """It shows which, asks nobody, and the log stays as it was."""
    lines = visit.read_bytes().splitlines(keepends=True)
    visit.write_bytes(b"".join(lines[:12]))
    before, asked = visit.read_bytes(), len(provider.requests)
    done = sim("resume")
    assert done.code == 2
    assert "At present: Registration." in done.err
    assert done.err.splitlines()[-1] == (
        "sim: turn 1: the prompt of patient is not the recorded one; it differs in: instruction"
    )
    assert (visit.read_bytes(), len(provider.requests)) == (before, asked)


def test_a_world_that_was_not_edited_is_the_same_at_every_turn(
    sim: Sim, folder: Path, visit: Path, provider: Provider
) -> None:
    """A line for each; exit code 0."""
    asked = len(provider.requests)
    done = sim("verify", "--world", "hospital_visit")
    turns = [r for r in map(json.loads, visit.read_text().splitlines()) if r["type"] == "turn"]
    wanted = [f"turn {r['turn']} ({r['speaker']}): the same" for r in turns]
    last = f"nothing would have changed: each of {len(turns)} turns is the same"
    assert (done.code, done.out.splitlines()) == (0, ["the beginning: the same", *wanted, last])
    told = sim("verify", "--world", "hospital_visit", "--json").json
    assert (told["ok"], told["turns"], told["parting"], told["note"]) == (True, len(turns), None, None)
    assert all(turn["same"] for turn in told["by_turn"])
    assert len(provider.requests) == asked


def test_an_edited_instruction_is_shown_where_it_is_read(
    sim: Sim, folder: Path, visit: Path, provider: Provider
) -> None:
    """With what is gone and what is new, once; exit code 1."""
    place = edit(folder, "treat it, then prescribe", "treat it, then joke")
    asked = len(provider.requests)
    done = sim("verify", "hospital_visit-s7-1", "--world", place)
    assert (done.code, done.err) == (1, "")
    assert done.out.count("then joke") == 1
    assert "    prompt of doctor, instruction: as before" in done.out.splitlines()
    assert done.out.splitlines()[-1].endswith(
        "turns would have changed; who spoke, what was done and where it led would not"
    )
    assert len(provider.requests) == asked


def test_where_a_conversation_parts_is_told(sim: Sim, folder: Path, visit: Path, provider: Provider) -> None:
    """How, and nothing after it; as JSON too."""
    place = edit(folder, "orthopaedics, fee: 15", "orthopaedics, fee: 18")
    asked = len(provider.requests)
    done = sim("verify", "--world", place)
    assert done.code == 1
    assert "      + 18" in done.out.splitlines()
    assert done.out.splitlines()[-1].startswith("the conversation would have parted at turn ")
    assert done.out.splitlines()[-1].endswith(", by the acts")
    told = sim("verify", "--world", place, "--json").json
    assert (told["ok"], told["parting"]["by"]) == (False, "acts")
    assert told["by_turn"][-1]["turn"] == told["parting"]["turn"] == told["turns"]
    change = next(p for turn in told["by_turn"] for asking in turn["prompts"] for p in asking["parts"])
    assert "fee 15" in change["recorded"]
    assert "fee 18" in change["edited"]
    assert len(provider.requests) == asked


@pytest.mark.parametrize("world", ["nowhere", "broken", "."])
def test_what_is_no_world_is_refused(sim: Sim, folder: Path, visit: Path, world: str) -> None:
    """As by a run."""
    (folder / "broken").mkdir()
    (folder / "broken" / "world.yaml").write_text("world: [", encoding="utf-8")
    assert sim("verify", "--world", world).code == 2


def test_a_changed_log_is_refused(sim: Sim, folder: Path, visit: Path) -> None:
    """There is nothing to compare with."""
    visit.write_bytes(visit.read_bytes().replace(b'"speaker":"patient"', b'"speaker":"doctor"', 1))
    assert_refused(sim("verify", "--world", "hospital_visit"), "was changed")


def test_code_of_an_edited_world_can_be_refused(sim: Sim, folder: Path, visit: Path) -> None:
    """As by a run."""
    place = edit(folder, "Half past eight", "Half past nine")
    (place / "rules.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    assert_refused(sim("verify", "--world", place, "--no-code"), "--no-code refuses")


def test_escapes_in_an_answer_do_not_reach_the_terminal(sim: Sim, folder: Path, serve: Serve) -> None:
    """Nor those in what an edited world makes of it."""
    said = "Well \x1b[2J\u202e" + "now, this is a rather long story. " * 3
    provider = serve(lambda request: (200, {"choices": [{"message": {"content": said}}]}))
    run = ("run", "hospital_visit", "--model", "patient=m", "--base-url", provider.url, "--out", "run.jsonl")
    assert sim(*run).code == 0
    done = sim("verify", "run.jsonl", "--world", edit(folder, "utterance: 600", "utterance: 30"))
    assert done.code == 1
    assert "Well" in done.out
    assert not {"\x1b", "\u202e"} & set(done.out)


def test_a_run_goes_on_live_where_an_edited_world_asks_otherwise(
    sim: Sim, folder: Path, visit: Path, provider: Provider
) -> None:
    """Only if told to, in a new log, which pays for what is new alone; the old one stays as it was."""
    place, before = edit(folder, "orthopaedics, fee: 15", "orthopaedics, fee: 18"), visit.read_bytes()
    asked = len(provider.requests)
    assert_refused(sim("resume", "--world", place), "has come to its end")
    assert len(provider.requests) == asked
    done = sim("resume", "hospital_visit-s7-1", "--world", place, "--live-on-mismatch", "--out", "new.jsonl")
    assert (done.code, done.err) == (0, "")
    new = [json.loads(line) for line in (folder / "new.jsonl").read_text(encoding="utf-8").splitlines()]
    calls = [r for r in new if r["type"] == "call"]
    taken = [r for r in calls if r["measured"].get("hit")]
    first = min(c["turn"] for c in calls if not c["measured"].get("hit"))
    assert f"live from turn {first} on" in done.out
    assert taken
    assert taken == calls[: len(taken)]
    assert len(provider.requests) - asked == len(calls) - len(taken)
    assert new[0]["measured"]["taken_from"]["run"] == "hospital_visit-s7-1"
    assert visit.read_bytes() == before
    assert sim("verify", "new.jsonl").code == 0
    assert sim("audit", "new.jsonl").code == 0
    cost = sim("cost", "new.jsonl", "--json").json
    assert cost["total_tokens"] == sum(map(sum, provider.billed[asked:]))


def test_where_every_prompt_is_the_same_nothing_is_asked_live(
    sim: Sim, folder: Path, visit: Path, provider: Provider
) -> None:
    """The new log is that of the same conversation."""
    asked = len(provider.requests)
    done = sim("resume", "--world", "hospital_visit", "--live-on-mismatch", "--out", "new.jsonl")
    assert done.code == 0
    assert "every prompt was the same: nothing was asked live" in done.out
    assert len(provider.requests) == asked
    assert sim("diff", visit, "new.jsonl").out.splitlines()[0] == "every turn is the same"


@pytest.mark.parametrize(
    "options",
    [
        ["--live-on-mismatch"],
        ["--live-on-mismatch", "--world", "hospital_visit", "--model", "other"],
        ["--out", "new.jsonl"],
    ],
)
def test_options_that_do_not_go_together_are_refused(
    sim: Sim, folder: Path, visit: Path, options: list[str]
) -> None:
    """Before anything is asked or written."""
    assert_refused(sim("resume", *options), "goes with")
    assert not (folder / "new.jsonl").exists()
