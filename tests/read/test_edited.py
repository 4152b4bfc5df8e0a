"""An edited world is played on the recorded answers: what it would have changed, and where it would have parted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import DefinitionError, RunLogError
from sim.models.model import Request
from sim.read.edited import Answered, would_change
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.library import load
from sim.world.world import World
from tests.building import Player, acts, played, words
from tests.building import world_of as made_of
from tests.read.forging import play, stumbling
from tests.worlds.players import CASES, MIXED, world_of
from tests.worlds.players import play as play_game

WORLDS = Path(__file__).resolve().parents[2] / "worlds"

Edit = tuple[str, str]


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    """A visit in English that a model played, so that nothing is known of what it would say otherwise."""
    world = world_of("hospital_visit")
    return play(world, tmp_path_factory.mktemp("visit") / "run.jsonl", seed=7, language="en", model=stumbling())


def edited(folder: Path, *edits: Edit, name: str = "hospital_visit") -> World:
    """A copy of a bundled world with some words replaced."""
    place = folder / "edited"
    shutil.copytree(WORLDS / name, place, dirs_exist_ok=True)
    text = (place / "world.yaml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (place / "world.yaml").write_text(text, encoding="utf-8")
    return load(place)


def differing(found: Answered) -> dict[int, tuple[str, ...]]:
    return {turn.turn: turn.differs for turn in found.turns if turn.differs}


def parts(found: Answered) -> dict[int, list[str]]:
    return {t.turn: [p.part for asking in t.prompts for p in asking.parts] for t in found.turns if t.prompts}


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_a_world_that_was_not_edited_changes_nothing(name: str, variant: str | None, tmp_path: Path) -> None:
    """Whoever plays, and however badly; also of a log that was cut anywhere."""
    world, path = world_of(name, variant), tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        play_game(world, seed=5, language="en", manners=MIXED, log=log)
    found = would_change(RunLog.open(path), world)
    assert (found.is_same, found.parting, found.stopped) == (True, None, "")
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(2, len(lines), max(1, len(lines) // 3)):
        path.write_bytes(b"".join(lines[:kept]))
        assert would_change(RunLog.open(path), world).is_same


def test_all_turns_are_told(visit: RunLog, tmp_path: Path) -> None:
    """In their order, the beginning first, each with who spoke."""
    found = would_change(visit, edited(tmp_path))
    turns = [(r.turn, r.speaker) for r in visit.records if r.type == "turn"]
    assert [(t.turn, t.speaker) for t in found.turns] == [(0, ""), *turns]


def test_words_of_an_instruction_change_the_prompts_that_have_them(visit: RunLog, tmp_path: Path) -> None:
    """And nothing else; the lines say what is gone and what is new."""
    found = would_change(visit, edited(tmp_path, ("treat it, then prescribe", "treat it, then joke")))
    turns = [r.turn for r in visit.records if r.type == "turn" and r.speaker == "doctor"]
    assert parts(found) == {turn: ["instruction"] * len(_asked(visit, turn)) for turn in turns}
    assert differing(found) == dict.fromkeys(turns, ("prompt",))
    change = found.turns[turns[0]].prompts[0].parts[0]
    assert change.lines[0].startswith("- ")
    assert "then prescribe." in change.lines[0]
    assert "then joke." in change.lines[1]
    assert found.parting is None


def _asked(log: RunLog, turn: int) -> list[Call]:
    return [r for r in log.records if isinstance(r, Call) and r.turn == turn]


def test_a_persona_and_who_hears_it_are_told_apart(visit: RunLog, tmp_path: Path) -> None:
    """The character changes the system prompt of its agent alone; a name changes what others heard too."""
    folder = tmp_path / "edited" / "personas"
    folder.mkdir(parents=True)
    text = (WORLDS.parent / "personas" / "zhao_liu.yaml").read_text(encoding="utf-8")
    (folder / "zhao_liu.yaml").write_text(text.replace("Calm and patient", "Brisk"), encoding="utf-8")
    found = would_change(visit, edited(tmp_path))
    assert {part for named in parts(found).values() for part in named} == {"persona"}
    assert {t.speaker for t in found.turns if t.prompts} == {"doctor"}
    (folder / "zhao_liu.yaml").write_text(text.replace("Dr Zhao Liu", "Dr Zhao"), encoding="utf-8")
    found = would_change(visit, edited(tmp_path))
    assert {"persona", "heard", "form"} <= {part for named in parts(found).values() for part in named}
    assert {t.speaker for t in found.turns if t.prompts} >= {"doctor", "patient"}


def test_what_acts_do_is_told(visit: RunLog, tmp_path: Path) -> None:
    """A fee that is another one is an effect; who then pays the old one has its answer sent back."""
    found = would_change(visit, edited(tmp_path, ("orthopaedics, fee: 15", "orthopaedics, fee: 18")))
    at = next(t for t in found.turns if "effects" in t.differs)
    assert (at.recorded["effects"], at.edited["effects"]) == ({"fee": 15}, {"fee": 18})
    parting = found.parting
    assert parting is not None
    assert (parting.parts_by, parting.turn, found.turns[-1]) == ("acts", at.turn + 1, parting)
    assert "pay exactly that" in str(parting.edited["acts"]["sent_back"])
    assert "prompt" in parting.differs


def test_an_act_that_was_sent_back_and_is_valid_now_parts(tmp_path: Path) -> None:
    """And the other way round: whether acts hold is a part of what was done."""
    values = _talk(fields={"amount": {"number": "yuan", "from": 1, "to": 10}})
    log = played(made_of(values), lambda r: _pay(12 if r.attempt == 0 else 5), is_whole=False)
    wider = _talk(fields={"amount": {"number": "yuan", "from": 1, "to": 20}})
    found = would_change(log, made_of(wider)).parting
    assert found is not None
    assert (found.turn, found.parts_by) == (1, "acts")
    assert found.recorded["acts"]["done"] == [{"action": "pay", "fields": {"amount": 5}}]
    assert found.edited["acts"]["done"] == [{"action": "pay", "fields": {"amount": 12}}]
    assert (bool(found.recorded["acts"]["sent_back"]), found.edited["acts"]["sent_back"]) == (True, [])
    narrower = _talk(fields={"amount": {"number": "yuan", "from": 1, "to": 4}})
    found = would_change(log, made_of(narrower)).parting
    assert found is not None
    assert (found.turn, found.parts_by, found.edited["acts"]["done"]) == (1, "acts", [])


def _pay(amount: int) -> str:
    return acts(say="Here you are.", pay={"amount": amount})


AMOUNT = {"fields": {"amount": {"number": "yuan", "from": 1}}}


def _talk(**action: Any) -> dict[str, Any]:
    return {
        "world": "talk",
        "roles": {"ann": "ann", "bob": "bob"},
        "facts": {"paid": {"number": "yuan"}},
        "actions": {"pay": {"by": ["ann", "bob"], "sets": {"paid": "act.amount"}, **AMOUNT, **action}},
        "states": {
            "talk": {"speakers": ["ann", "bob"], "actions": "pay", "go": [{"to": "over", "after": {"turns": 4}}]}
        },
        "start": "talk",
        "ends": ["over"],
    }


@pytest.mark.parametrize(
    ("edit", "by", "recorded", "now"),
    [
        (("speakers: [patient, registrar]", "speakers: [registrar, patient]"), "speaker", "patient", "registrar"),
        (("consulting: registered", "till: registered"), "transition", ["consulting"], ["till"]),
        (("start: reception", "start: pharmacy"), "transition", ["reception"], ["pharmacy"]),
        (("limits: {turns: 60", "limits: {turns: 2"), "transition", [], ["the end: gave_up"]),
    ],
)
def test_a_conversation_parts_by_its_speaker_or_its_way(
    edit: Edit, by: str, recorded: Any, now: Any, visit: RunLog, tmp_path: Path
) -> None:
    """It is said by what, and nothing after it."""
    found = would_change(visit, edited(tmp_path, edit))
    assert found.parting is not None
    assert found.parting.parts_by == by
    assert (found.parting.recorded[by], found.parting.edited[by]) == (recorded, now)
    assert found.turns[-1] == found.parting
    assert not any(turn.differs and turn.parts_by for turn in found.turns[:-1])


def test_what_a_script_would_say_now_is_known(tmp_path: Path) -> None:
    """A scripted run parts where its script gives another answer, though the prompt may be the same."""
    log = play(world_of("hospital_visit"), tmp_path / "run.jsonl", seed=7, language="en")
    place = tmp_path / "edited"
    shutil.copytree(WORLDS / "hospital_visit", place)
    text = (place / "lines.yaml").read_text(encoding="utf-8")
    said = next(r for r in log.records if r.type == "turn" and r.speaker == "patient").text
    assert said in text
    (place / "lines.yaml").write_text(text.replace(said, "I fell down the stairs."), encoding="utf-8")
    found = would_change(log, load(place))
    assert found.parting is not None
    assert (found.parting.turn, found.parting.differs) == (1, ("answer",))
    assert found.parting.edited["answer"] == {"patient": "I fell down the stairs."}


RULES = """
def pick(told, candidates):
    return candidates[{index}]


def weigh(told, what):
    return {found!r}
"""


def _ruled(index: int, found: str) -> World:
    values = {
        "world": "ruled",
        "roles": {"ann": "ann", "bob": "bob", "cai": "cai"},
        "tools": {"weigh": {"by": ["ann", "bob", "cai"], "rule": "weigh", "fields": {"what": {"text": 20}}}},
        "states": {
            "talk": {
                "speakers": ["ann", "bob", "cai"],
                "order": "rule",
                "rule": "pick",
                "repeat": True,
                "actions": "weigh",
                "go": [{"to": "over", "after": {"turns": 3}}],
            }
        },
        "start": "talk",
        "ends": ["over"],
    }
    return made_of(values, RULES.format(index=index, found=found))


def _weighing(request: Request) -> str:
    return acts(weigh={"what": "gold"}) if request.attempt == 0 else acts(say=words(request))


def test_the_functions_of_a_changed_rules_file_are_called() -> None:
    """What they give now is held against what the log has; of an unchanged file the log is taken."""
    log = played(_ruled(1, "9 grams"), _weighing)
    assert would_change(log, _ruled(1, "9 grams")).is_same
    found = would_change(log, _ruled(1, "8 grams"))
    assert found.turns[1].recorded["effects"] == {"weigh 1": "9 grams"}
    assert found.turns[1].edited["effects"] == {"weigh 1": "8 grams"}
    assert parts(found)[1] == ["sent back"]
    parting = would_change(log, _ruled(2, "9 grams")).parting
    assert parting is not None
    assert (parting.turn, parting.parts_by, parting.edited["speaker"]) == (1, "speaker", "cai")


def test_a_world_with_other_people_parts_where_one_of_them_speaks() -> None:
    """It is said who."""
    log = played(made_of(_talk()))
    values = _talk()
    values["roles"] |= {"cai": "cai"}
    values["states"]["talk"]["speakers"] = ["ann", "cai", "bob"]
    parting = would_change(log, made_of(values)).parting
    assert parting is not None
    assert (parting.turn, parting.recorded, parting.edited) == (2, {"speaker": "bob"}, {"speaker": "cai"})


def test_a_new_fact_that_nobody_is_told_changes_nothing() -> None:
    """Nor does a label that is not shown, or a limit that is not reached."""
    log, values = played(made_of(_talk())), _talk()
    values["facts"]["mood"] = {"text": 20}
    values["limits"] = {"turns": 50}
    assert would_change(log, made_of(values)).is_same


def test_all_at_once_are_told_one_by_one() -> None:
    """Each with its own prompt."""
    values = {
        "world": "votes",
        "roles": {"P": {"count": 3, "personas": ["ann", "bob", "cai"]}},
        "states": {
            "all": {
                "speakers": "P",
                "order": "simultaneous",
                "tell": {"P1": {"en": "Speak."}, "P2": {"en": "Sing."}},
                "go": [{"to": "over", "after": {"rounds": 2}}],
            }
        },
        "start": "all",
        "ends": ["over"],
        "languages": ["en"],
    }
    log = played(made_of(values))
    assert would_change(log, made_of(values)).is_same
    values["states"]["all"]["tell"]["P2"] = {"en": "Hum."}  # type: ignore[index]
    assert parts(would_change(log, made_of(values))) == {2: ["instruction"], 5: ["instruction"]}


def test_a_summary_that_the_log_does_not_have_is_told() -> None:
    """The world cannot be played beyond it."""
    values = _talk()
    values["states"]["talk"]["go"] = [{"to": "more", "after": {"turns": 2}}]
    values["states"]["more"] = {"speakers": ["ann", "bob"], "go": [{"to": "over", "after": {"turns": 2}}]}
    log = played(made_of(values))
    values["states"]["talk"]["summary"] = "reflection"
    found = would_change(log, made_of(values))
    assert found.parting is not None
    assert (found.parting.turn, found.stopped) == (2, "the log has no summary of bob for turn 2")


def test_settings_that_do_not_fit_are_refused(visit: RunLog, tmp_path: Path) -> None:
    """As they would be by a run."""
    with pytest.raises(DefinitionError, match="does not speak 'en'"):
        would_change(visit, made_of({**_talk(), "languages": ["zh"]}))
    log = played(made_of(_talk()), facts={"paid": 3})
    other = _talk()
    other["facts"] = {"owed": {"number": "yuan"}}
    other["actions"]["pay"]["sets"] = {"owed": "act.amount"}
    with pytest.raises(DefinitionError, match="unknown fact 'paid'"):
        would_change(log, made_of(other))


def test_an_opening_of_the_users_own_is_kept(tmp_path: Path) -> None:
    """The world's own is that of the edited world."""
    made = made_of({**_talk(), "opening": "It rains."})
    paths = [tmp_path / "own.jsonl", tmp_path / "given.jsonl"]
    for path, opening in zip(paths, (None, "It snows."), strict=True):
        with LogWriter(path) as log:
            settings = settings_for(made, opening=opening)
            Run(made, settings, dict.fromkeys(speakers(made), Player(words)), log).play()
    sunny = made_of({**_talk(), "opening": "The sun shines."})
    assert parts(would_change(RunLog.open(paths[0]), sunny))[1] == ["heard"]
    assert would_change(RunLog.open(paths[1]), sunny).is_same


@pytest.mark.parametrize("name", ["hospital_visit-format-2", "company_meeting-format-2"])
def test_an_old_log_is_compared_as_well(name: str) -> None:
    """With its own world as this version plays it."""
    log = RunLog.open(Path(__file__).parent / "old" / f"{name}.jsonl")
    assert would_change(log, sim.world.library.revive(log.header.resolved, log.header.variant)).is_same  # type: ignore[attr-defined]


def test_a_changed_log_is_refused(visit: RunLog, tmp_path: Path) -> None:
    """What it would have been is not asked of a log that is not what was written."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(visit.path.read_bytes().replace(b'"speaker":"doctor"', b'"speaker":"patient"', 1))
    with pytest.raises(RunLogError, match="was changed"):
        would_change(RunLog.open(path), edited(tmp_path))
