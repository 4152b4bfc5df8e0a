"""The fold: a log gives the situation and the history before any turn exactly as they were when it was live."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.engine import prompt
from sim.engine.prompt import Utterance
from sim.engine.situation import Situation
from sim.errors import RunLogError
from sim.models.model import Model
from sim.models.recorded import Answers, Recorded
from sim.models.scripted import Scripted
from sim.read.fold import before_turn, step
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call
from sim.stage.run import Run, settings_for
from sim.world.library import revive
from sim.world.world import World
from tests.read.forging import Says, notary, play, rubbish, stumbling

Live = list[tuple[Situation, list[Utterance], str, str]]


@functools.cache
def _world(variant: str | None) -> World:
    return sim.load(Path(__file__).parents[2] / "worlds" / "hospital_visit", variant=variant)


def _live(
    world: World, path: Path, model: Model, *, seed: int, language: str, opening: str | None = None
) -> tuple[Live, Situation]:
    """Run a world, and note before each turn the situation, what was said, who speaks, and its prompt's digest."""
    path.unlink(missing_ok=True)
    seen: Live = []
    with LogWriter(path) as log:
        run = Run(world, settings_for(world, seed=seed, language=language), dict.fromkeys(world.agents, model), log)
        episode = run.begin(opening)
        episode.start()
        while (role := episode.next_speaker()) is not None:
            seen.append((episode.situation, list(episode.history), role, episode.prompt(role).digest))
            episode.speak(role)
        run.finish(episode)
    return seen, episode.situation


def _from_the_log(situation: Situation) -> Situation:
    """A situation without what is known by the world's compiled expressions alone: who waits to speak."""
    return replace(situation, waiting=(), rounds=0)


def _assert_folds(seen: Live, log: RunLog, world: World) -> None:
    for number, (situation, said, role, digest) in enumerate(seen, 1):
        moment, plain = before_turn(log, number, world), before_turn(log, number)
        assert situation == moment.situation, f"turn {number}"
        assert _from_the_log(situation) == _from_the_log(plain.situation), f"turn {number}"
        assert said == moment.said == plain.said, f"turn {number}"
        assert (number, role) == (moment.record.turn, moment.record.speaker) == (plain.record.turn, role)
        asked = next(c for c in log.records if isinstance(c, Call) and c.turn == number and c.attempt == 0)
        assert (role, digest) == (asked.role, asked.prompt), f"turn {number}"


def _last(log: RunLog, world: World) -> Situation | None:
    return functools.reduce(lambda now, record: step(now, record, log.header, world), log.records, None)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**63),
    language=st.sampled_from(["zh", "en"]),
    variant=st.sampled_from([None, "triage"]),
)
def test_the_fold_gives_every_situation_as_it_was_live(
    seed: int, language: str, variant: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Before each turn of any run the folded facts, counters, clock and history equal the live ones."""
    path = tmp_path_factory.getbasetemp() / "fold.jsonl"
    seen, end = _live(_world(variant), path, Scripted(), seed=seed, language=language)
    log = RunLog.open(path)
    _assert_folds(seen, log, _world(variant))
    assert end == _last(log, _world(variant))
    assert len(seen) == sum(r.type == "turn" for r in log.records)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**63),
    language=st.sampled_from(["zh", "en"]),
    variant=st.sampled_from([None, "triage"]),
)
def test_a_run_on_its_recorded_answers_gives_the_same_log(
    seed: int, language: str, variant: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Played again with the world in its header and the answers in its log, a run has the same trace."""
    path = tmp_path_factory.getbasetemp() / "again.jsonl"
    path.unlink(missing_ok=True)
    log = play(_world(variant), path, seed=seed, language=language)
    world = revive(log.header.resolved, log.header.variant)
    models = {r: Recorded(Answers(log.records), r, d) for r, d in log.header.models.items()}
    with LogWriter(None) as again:
        Run(world, settings_for(world, seed=seed, language=language), models, again).play()
    assert (log.trace, len(log.records)) == (again.trace, again.seq)


@pytest.mark.parametrize("make", [rubbish, stumbling])
def test_the_fold_passes_over_what_was_sent_back(make: type, world: World, tmp_path: Path) -> None:
    """Refusals and fallbacks leave the fold as right as a smooth run does."""
    path = tmp_path / "run.jsonl"
    seen, end = _live(world, path, make(), seed=2, language="zh")
    log = RunLog.open(path)
    assert "refusal" in {r.type for r in log.records}
    _assert_folds(seen, log, world)
    assert end == _last(log, world)


@pytest.mark.parametrize("opening", ["", "门开了。"])
def test_the_fold_begins_with_the_opening_of_the_run(opening: str, world: World, tmp_path: Path) -> None:
    """An opening other than the world's is the first thing heard; with none, nothing is."""
    path = tmp_path / "run.jsonl"
    seen, _ = _live(world, path, Scripted(), seed=1, language="zh", opening=opening)
    log = RunLog.open(path)
    _assert_folds(seen, log, world)
    assert ([opening] if opening else []) == [u.text for u in before_turn(log, 1).said]


def test_a_folded_prompt_is_the_recorded_one(world: World, tmp_path: Path) -> None:
    """From the folded situation and history the exact prompt of each turn can be built again."""
    path = tmp_path / "run.jsonl"
    seen, _ = _live(world, path, Scripted(), seed=9, language="en")
    log = RunLog.open(path)
    again = revive(log.header.resolved, log.header.variant)
    for number, (_, _, role, digest) in enumerate(seen, 1):
        moment = before_turn(log, number, again)
        assert digest == prompt.build(again, moment.situation, moment.said, role, "en").digest


def test_a_number_keeps_all_its_digits_through_the_log(tmp_path: Path) -> None:
    """A third has more digits than a float; the fold gives the fact that the engine had."""
    path = tmp_path / "run.jsonl"
    model = Says(lambda _: '{"say": "In three.", "divide": {"parts": 3}}')
    office = notary(tmp_path / "w")
    seen, end = _live(office, path, model, seed=0, language="en")
    log = RunLog.open(path)
    _assert_folds(seen, log, office)
    assert end == _last(log, office)


def test_a_log_that_was_cut_folds_up_to_its_end(log_path: Path, tmp_path: Path) -> None:
    """The turns that a broken-off log has can be folded; the next one is not there."""
    lines = log_path.read_bytes().splitlines(keepends=True)
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(lines[:12]))
    whole, cut = RunLog.open(log_path), RunLog.open(path)
    turns = [r.turn for r in cut.records if r.type == "turn"]
    assert turns
    for turn in turns:
        assert before_turn(whole, turn) == before_turn(cut, turn)
    with pytest.raises(RunLogError) as caught:
        before_turn(cut, turns[-1] + 1)
    assert f"cut has no turn {turns[-1] + 1}; it has 1 to {turns[-1]}" == str(caught.value)


@pytest.mark.parametrize("turn", [0, -1, 16, 10**30])
def test_a_turn_that_is_not_there_is_refused_with_those_that_are(turn: int, log_path: Path) -> None:
    """A turn outside the run is named with the turns of the run."""
    with pytest.raises(RunLogError) as caught:
        before_turn(RunLog.open(log_path), turn)
    assert f"visit has no turn {turn}; it has 1 to 15" == str(caught.value)


def test_a_log_without_turns_says_so(log_path: Path, tmp_path: Path) -> None:
    """A log that was cut before its first turn has none to fold."""
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(log_path.read_bytes().splitlines(keepends=True)[:3]))
    with pytest.raises(RunLogError) as caught:
        before_turn(RunLog.open(path), 1)
    assert str(caught.value) == "cut has no turn 1; it has none"
