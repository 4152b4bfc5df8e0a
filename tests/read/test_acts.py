"""A run's acts as a file: playing it gives the same turns and transitions, whatever was answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import RunLogError
from sim.models.acting import ActedOutside, Script
from sim.models.acts import read_acts
from sim.read.acts import to_acts
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import alone, of
from tests.worlds.players import CASES, MIXED, play, world_of


def again(log: RunLog, world: World, folder: Path, *, lines: bool = False) -> RunLog:
    """The run of the acts of a log."""
    path = folder / f"acts.{'jsonl' if lines else 'yaml'}"
    path.write_text(to_acts(log, lines=lines), encoding="utf-8")
    acts = read_acts(path)
    spec, script = acts.spec, Script(acts, world)
    settings = settings_for(
        world, seed=spec.seed or 0, language=spec.lang, facts=spec.facts, episodes=spec.episodes
    )
    with LogWriter(folder / "again.jsonl") as sink:
        cast = script.cast(None, speakers(world))
        Run(world, settings, cast, sink, script.watch(), ActedOutside(script)).play()
        script.check_played()
    return RunLog.open(folder / "again.jsonl")


def course(log: RunLog) -> list[dict[str, Any]]:
    """What happened, without what was asked, and without the numbers of records."""
    records = [
        json.loads(r.model_dump_json(by_alias=True)) for r in log.records if r.type in {"turn", "transition"}
    ]
    return [{k: v for k, v in r.items() if k not in {"seq", "hash", "measured"}} for r in records]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_the_acts_of_a_wild_run_give_the_same_turns_and_transitions(
    name: str, variant: str | None, tmp_path: Path
) -> None:
    """Muddled, hostile and empty answers among them; and its log verifies."""
    world = world_of(name, variant)
    with LogWriter(tmp_path / "log.jsonl") as sink:
        play(world, seed=4, language="zh", manners=MIXED, log=sink)
    log = RunLog.open(tmp_path / "log.jsonl")
    played = again(log, world, tmp_path, lines=True)
    assert course(played) == course(log) != []
    assert verify(played).ok


def test_an_ordinary_run_reads_as_words_and_acts(log_path: Path, world: World, tmp_path: Path) -> None:
    """No answer stands there as it came, and the head has what the run started from."""
    log = RunLog.open(log_path)
    text = to_acts(log)
    assert text.startswith("world: hospital_visit\nlang: zh\nseed: 7\nturns:\n- speaker: patient\n  says: ")
    assert "answer:" not in text
    assert "  does:\n    pay_fee:\n      amount: 15\n" in text
    assert course(again(log, world, tmp_path)) == course(log)


def test_look_ups_are_made_again(world: World, tmp_path: Path) -> None:
    """They stand before the words of their turn."""
    log = sim.run(world, seed=0, language="en", out=tmp_path / "log.jsonl")
    assert of(log, "look_up") != []
    assert "  looks_up:\n    get_doctor_info:\n      department: orthopaedics\n" in to_acts(log)
    made = [(r.turn, r.tool, r.result) for r in of(again(log, world, tmp_path), "look_up")]
    assert made == [(r.turn, r.tool, r.result) for r in of(log, "look_up")]


def test_several_episodes_keep_their_numbers(tmp_path: Path) -> None:
    """Each turn says of which it is, but for the first."""
    world = world_of("hospital_visit", "day")
    log = sim.run(world, seed=3, episodes=3, out=tmp_path / "day.jsonl")
    assert {entry.turn.episode for entry in read_text(to_acts(log), tmp_path).entries} == {1, 2, 3}
    assert alone(world) == 1
    assert course(again(log, world, tmp_path)) == course(log)


def read_text(text: str, folder: Path) -> Any:
    (folder / "text.yaml").write_text(text, encoding="utf-8")
    return read_acts(folder / "text.yaml")


def test_what_was_changed_from_outside_cannot_be_said_as_acts(log_path: Path, tmp_path: Path) -> None:
    """Facts, seed and personas of a fork; an answer that was given for a model can."""
    log = RunLog.open(log_path)
    said = sim.fork(log, 3, say="Later.", out=tmp_path / "said.jsonl")
    assert "Later." in to_acts(said)
    changed = sim.fork(log, 3, seed=9, out=tmp_path / "changed.jsonl")
    with pytest.raises(RunLogError, match="changed: something was changed before turn 3; acts cannot say that"):
        to_acts(changed)
