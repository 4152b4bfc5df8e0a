"""A world that is being written: what each save comes to beside the run before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sim.errors import DefinitionError, RunLogError
from sim.read.outline import Line, outline
from sim.read.session import MOST_TURNS, Session
from sim.record.log import RunLog
from sim.record.records import Turn
from sim.world.library import load
from tests.building import write_world
from tests.read.forging import play, stumbling

WORLDS = Path(__file__).resolve().parents[2] / "worlds"

ENDLESS = """
world: endless
languages: [en]
roles: {ann: ann, bob: bob}
states: {hall: {speakers: [ann, bob], go: [{to: done, when: turns > 100000}]}}
start: hall
ends: {done: success}
limits: {turns: 9000}
lines: {hall: {ann: [{say: On and on.}], bob: [{say: And on.}]}}
"""
RULED = """
world: ruled
languages: [en]
roles: {ann: {persona: ann, kind: rule, function: words}}
states: {hall: {speakers: [ann], go: [{to: done, after: {turns: 2}}]}}
start: hall
ends: {done: success}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The world.yaml of a copy of the hospital visit, in a folder with a Chinese name."""
    return shutil.copytree(WORLDS / "hospital_visit", tmp_path / "医院") / "world.yaml"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def words(log: RunLog) -> list[str]:
    return [turn.text for turn in log.records.of(Turn)]


def test_the_first_run_is_compared_with_nothing_and_the_next_is_the_same(place: Path, runs: Path) -> None:
    """Without an edit."""
    session = Session(place, runs, seed=7, language="en")
    first = session.play()
    assert (first.before, first.against, first.misfit, first.is_stopped) == (None, None, None, False)
    second = session.play()
    assert second.before is first.log
    assert second.against is not None
    assert second.against.is_equal
    assert second.log.trace == first.log.trace
    assert session.check() == []


def test_an_edit_of_an_arrow_is_seen_where_it_bites(place: Path, runs: Path) -> None:
    """With the part of the world that was changed, and the other way that the run took."""
    session = Session(place, runs, seed=7, language="en")
    session.play()
    edit(place, "after: {turns: 14}", "after: {turns: 2}")
    play = session.play()
    assert play.against is not None
    assert "states.reception.go" in play.against.worlds
    first = play.against.first
    assert first is not None
    assert (first.turn, first.what, first.a, first.b) == (2, "transition", None, ["gave_up"])
    assert play.taken.path == ["reception", "gave_up"]


def test_what_is_broken_leaves_the_last_run_the_last(place: Path, runs: Path) -> None:
    """Also where the file is gone; and what is put right goes on from there."""
    session = Session(place, runs, seed=7, language="en")
    last = session.play()
    text = place.read_text(encoding="utf-8")
    for broken, told in (
        ("world: [", "not valid YAML"),
        ("", "a world is a mapping"),
        (text.replace("- consulting: registered", "- consultin: registered"), "did you mean 'consulting'"),
    ):
        place.write_text(broken, encoding="utf-8")
        with pytest.raises(DefinitionError, match=told):
            session.play()
        assert session.last is last
    place.unlink()
    with pytest.raises(DefinitionError, match=r"world\.yaml: the file is not there"):
        session.play()
    place.write_text(text, encoding="utf-8")
    play = session.play()
    assert play.before is last.log
    assert play.against is not None
    assert play.against.is_equal


def test_only_the_logs_of_the_last_two_runs_stay(place: Path, runs: Path) -> None:
    """They can be shown from another terminal; a session may last all day."""
    session = Session(place, runs, seed=7)
    plays = [session.play() for _ in range(4)]
    assert sorted(runs.iterdir()) == sorted(play.log.path for play in plays[-2:])


def test_a_persona_and_lines_of_a_variant_are_read_anew(place: Path, runs: Path) -> None:
    """What an edit of them changes is seen in the next run."""
    people = place.parent / "personas"
    people.mkdir()
    shutil.copy(WORLDS.parent / "personas" / "nurse_lin.yaml", people)
    session = Session(place, runs, seed=7, language="en", variant="triage")
    session.play()
    edit(people / "nurse_lin.yaml", "Nurse Lin", "Nurse Wood")
    play = session.play()
    assert play.misfit is not None
    assert play.misfit.by == "prompt"
    assert play.world.agent_name("nurse", "en") == "Nurse Wood"


def test_rules_are_loaded_afresh(tmp_path: Path, runs: Path) -> None:
    """A function that was edited says other words; one that fails is told, and nothing of the old is run again."""
    folder = write_world(tmp_path / "ruled", RULED, 'def words(told):\n    return "one"\n')
    session = Session(folder / "world.yaml", runs)
    assert words(session.play().log) == ["one", "one"]
    (folder / "rules.py").write_text('def words(told):\n    return "two"\n', encoding="utf-8")
    play = session.play()
    assert words(play.log) == ["two", "two"]
    assert play.misfit is not None
    assert (play.misfit.turn, play.misfit.by) == (1, "answer")
    (folder / "rules.py").write_text("def words(told):\n    return 1 / 0\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="words failed: ZeroDivisionError"):
        session.play()
    (folder / "rules.py").write_text("def words(told)\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"rules\.py:1:16: expected ':'"):
        session.play()
    assert session.last is play


def test_without_code_a_world_with_rules_is_refused(tmp_path: Path, runs: Path) -> None:
    """Nothing of it is run."""
    folder = write_world(tmp_path / "ruled", RULED, f"open({str(tmp_path / 'ran')!r}, 'w')\ndef words(told): ...\n")
    with pytest.raises(DefinitionError, match="which --no-code refuses to load"):
        Session(folder / "world.yaml", runs, code=False).play()
    assert not (tmp_path / "ran").exists()


def test_a_run_without_an_end_is_stopped(tmp_path: Path, runs: Path) -> None:
    """What was played of it is shown, and can be played again."""
    session = Session(write_world(tmp_path / "endless", ENDLESS) / "world.yaml", runs)
    for _ in range(2):
        play = session.play()
        assert play.is_stopped
        assert play.log.records.how_many(Turn) == MOST_TURNS
    assert play.against is not None
    assert play.against.first is None


def test_it_may_begin_with_what_a_model_said(place: Path, runs: Path) -> None:
    """Those words are kept as long as they fit; nobody is asked for others."""
    log = play(load(place), runs / "model.jsonl", seed=3, language="en", model=stumbling())
    session = Session(place, runs, run=log)
    first = session.play()
    assert first.before is log
    assert first.misfit is None
    assert words(first.log) == words(log)
    assert first.log.header.seed == 3
    session.play()
    session.play()
    assert log.path.is_file()


def test_a_fork_is_not_begun_with(place: Path, runs: Path) -> None:
    """As it is not by ``sim verify --world``."""
    import sim  # noqa: PLC0415

    log = sim.run(load(place), seed=7, out=runs / "a.jsonl")
    fork = sim.fork(log, 3, out=runs / "b.jsonl")
    with pytest.raises(RunLogError, match="is a fork"):
        Session(place, runs, run=fork)


def test_the_outline_has_the_way_of_the_run(place: Path, runs: Path) -> None:
    """States that were entered with their arrows, those taken counted; the others are named."""
    play = Session(place, runs, seed=7, language="en").play()
    found = outline(play.world, "en", play.taken)
    assert found.lines[:3] == (
        Line("Registration", "1×, 3 turns", 1),
        Line("", "registered", 1, "Consultation"),
        Line("", "after 14 turns", 0, "gave up"),
    )
    assert found.never == ("gave up",)
    assert found.path == ("Registration", "Consultation", "Cashier", "Pharmacy", "went home with the medicine")
