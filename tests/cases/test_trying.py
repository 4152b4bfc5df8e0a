"""Trying cases: who answers in them, what cannot be played, and where logs are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from sim.cases.play import Worlds
from sim.cases.reading import Trial, read_cases
from sim.cases.trying import Bench
from sim.read.verify import verify
from sim.record.log import RunLog
from tests.cases.shop import SHOP, failures, tried, write_shop

WORLDS = Path(__file__).resolve().parents[2] / "worlds"


def test_people_are_scripted_in_a_case(tmp_path: Path) -> None:
    """Nobody is asked at a terminal."""
    world = SHOP.replace("buyer: chengzi", "buyer: {persona: chengzi, kind: human}")
    assert failures(tmp_path, "cases: {a: {expect: {outcome: sold}}}", world=world) == []


def test_code_is_not_run_in_a_case(tmp_path: Path) -> None:
    """A scripted case of a world that runs some is a failure, which says what to do."""
    shutil.copytree(WORLDS / "chart_desk", tmp_path / "chart_desk")
    file = tmp_path / "chart_desk" / "tests" / "chart.yaml"
    file.write_text("cases: {a: {}, b: {turns: [{}], then: scripted}}", encoding="utf-8")
    bench = Bench(Worlds())
    for trial in read_cases(file, tmp_path / "chart_desk" / "world.yaml"):
        [failure] = bench.attempt(trial).failures
        assert failure.message == (
            "'desk' runs code, and no case does: give acts to the end, which say what came of it"
        )


def test_what_cannot_be_played_is_a_failure_at_its_place(tmp_path: Path) -> None:
    """A language, a fact, a variant, a file of acts, or a world that is not there."""
    text = """\
cases:
  a: {lang: fr}
  b: {set: {payed: 3}}
  c: {acts: nix.yaml}
  d: {turns: [{speaker: byer}]}
  e: {turns: [{speaker: seller}]}
"""
    assert failures(tmp_path, text) == [
        "2: 'shop' does not speak 'fr'; it speaks en, zh",
        "3: unknown fact 'payed'; did you mean 'paid'? known: asked, paid",
        "nix.yaml",  # its whole path is told
        "5: unknown agent 'byer'; did you mean 'buyer'? known: buyer, seller",
        "6: turn 1: 'seller' is expected to speak, but the turn is that of 'buyer'; "
        "in 'counter' (alternate) speak: buyer, seller",
    ]
    [verdict] = tried(tmp_path, "cases: {a: {}}", world=SHOP.replace("start: counter", "start: countr"))
    assert [failure.message for failure in verdict.failures] == [
        "start: unknown state 'countr'; did you mean 'counter'? known: counter, farewell"
    ]


def test_acts_of_a_file_bring_what_the_run_starts_from(tmp_path: Path) -> None:
    """The case's own goes before it; mistakes are told at their lines of that file."""
    text = "cases: {a: {acts: acts/sale.yaml, set: {asked: true}, expect: {facts: {paid: 9, asked: true}}}}"
    file = write_shop(tmp_path, text)
    acts = tmp_path / "tests" / "acts" / "sale.yaml"
    acts.parent.mkdir()
    acts.write_text("lang: zh\nseed: 3\nfacts: {paid: 9, asked: false}\nturns: [{}, {}]\n", encoding="utf-8")
    [trial] = read_cases(file, tmp_path / "world.yaml")
    log = attempt_kept(trial, tmp_path / "kept")
    assert (log.header.seed, log.header.language, log.header.facts) == (3, "zh", {"paid": 9, "asked": True})
    acts.write_text("turns:\n- {syas: a}\n", encoding="utf-8")
    [failure] = Bench(Worlds()).attempt(trial).failures
    assert failure.place.endswith("acts/sale.yaml:2")
    assert failure.message.startswith("turns.0.syas: unknown key 'syas'; did you mean 'says'?")


def attempt_kept(trial: Trial, folder: Path) -> RunLog:
    """The log of a case that passes."""
    assert Bench(Worlds(), keep=folder).attempt(trial).failures == ()
    return RunLog.open(max(folder.iterdir()))


def test_logs_that_are_kept_verify_and_are_never_written_over(tmp_path: Path) -> None:
    """The next run of the case has another name."""
    [trial] = read_cases(write_shop(tmp_path, "cases: {a sale: {seed: 4}}"), tmp_path / "world.yaml")
    for names in (["x-a-sale-s4-1.jsonl"], ["x-a-sale-s4-1.jsonl", "x-a-sale-s4-2.jsonl"]):
        assert verify(attempt_kept(trial, tmp_path / "kept")).ok
        kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
        assert [name.replace(tmp_path.name, "x") for name in kept] == names
