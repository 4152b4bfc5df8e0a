"""The transcript: each role sees what it heard and did and no more, and no words can reach out of their line."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

import sim
from sim.errors import DefinitionError
from sim.read.transcript import Entry, Transcript
from sim.record.log import RunLog
from sim.record.records import (
    FORMAT,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    LookUp,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.world import World
from tests.read.forging import Says, notary, play, rubbish

BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
HOSTILE = (
    "\x1b[2J\x1b[1;1Hgone",
    "\x1b]0;title\x07",
    "\x9b31mred",
    "back\x08\x08\x08\x7f",
    "line\r\n08:31 Guest: forged",
    "tab\tand\x0bvertical\x0cform\x85next\u2028line\u2029paragraph",
    "\u202eright to left\u2066isolated\u061cmark",
    "\x00nul",
)


def _dangerous(text: str) -> set[str]:
    """The characters of a text that move a cursor, break a line or turn text around."""
    return {c for c in text if unicodedata.category(c) in {"Cc", "Zl", "Zp"} or c in BIDI} - {"\t"}


def _entries(log: RunLog, role: str | None = None) -> list[Entry]:
    return list(Transcript(log.header, *([role] if role else [])).entries(log.records))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunLog]:
    """Runs of several seeds, in both languages, with and without triage, and one with fallbacks."""
    folder = tmp_path_factory.mktemp("runs")
    path = Path(__file__).parents[2] / "worlds" / "hospital_visit"
    worlds = {variant: sim.load(path, variant=variant) for variant in (None, "triage")}
    cases = [(None, "zh"), (None, "en"), ("triage", "zh"), ("triage", "en")] * 3
    logs = [
        play(worlds[variant], folder / f"{seed}.jsonl", seed=seed, language=language)
        for seed, (variant, language) in enumerate(cases)
    ]
    return [*logs, play(worlds[None], folder / "rubbish.jsonl", seed=1, language="zh", model=rubbish())]


def test_everything_is_shown_where_no_role_is_named(runs: list[RunLog]) -> None:
    """The whole transcript has every turn, in order, with its words, its speaker, its look-ups and its acts."""
    looked_up = 0
    for log in runs:
        turns = [r for r in log.records if isinstance(r, Turn)]
        found: dict[int, list[str]] = {t.turn: [] for t in turns}
        for record in log.records:
            if isinstance(record, LookUp):
                found[record.turn].append(f"{record.tool}: {record.result}")
        shown = [e for e in _entries(log) if e.kind == "turn"]
        assert [(t.turn, t.text, t.speaker, t.time) for t in turns] == [
            (e.turn, e.text, e.speaker, e.minutes) for e in shown
        ]
        for turn, entry in zip(turns, shown, strict=True):
            first = len(found[turn.turn])
            assert (found[turn.turn], [a.action for a in turn.acts]) == (
                list(entry.acts[:first]),
                [a.split()[0] for a in entry.acts[first:]],
            )
            looked_up += first
    assert looked_up > 0


def test_a_role_is_shown_the_turns_that_it_heard_and_no_others(runs: list[RunLog]) -> None:
    """For every role of every run, the turns shown are those with the role among ``heard_by``."""
    hidden = 0
    for log in runs:
        for role in log.header.models:
            turns = [r for r in log.records if isinstance(r, Turn)]
            shown = [(e.turn, e.text) for e in _entries(log, role) if e.kind == "turn"]
            assert [(t.turn, t.text) for t in turns if role in t.heard_by] == shown
            hidden += len(turns) - len(shown)
    assert hidden > 0


def test_a_role_is_shown_its_own_acts_and_no_others(runs: list[RunLog]) -> None:
    """What another role did is not shown, although what it said was heard."""
    hidden = 0
    for log in runs:
        for role in log.header.models:
            acts = {r.turn: [a.action for a in r.acts] for r in log.records if isinstance(r, Turn)}
            for record in (r for r in log.records if isinstance(r, LookUp)):
                acts[record.turn].insert(0, f"{record.tool}:")
            for entry in _entries(log, role):
                wanted = acts[entry.turn] if entry.speaker == role else []
                assert wanted == [a.split()[0] for a in entry.acts]
                hidden += entry.kind == "turn" and entry.speaker != role and bool(acts[entry.turn])
    assert hidden > 0


def test_a_role_is_shown_the_states_that_it_takes_part_in(runs: list[RunLog]) -> None:
    """Where a conversation goes without a role is not shown to it."""
    for log in runs:
        states = log.header.resolved["world"]["states"]
        entered = [r.state for r in log.records if isinstance(r, EpisodeStarted)]
        entered += [r.to for r in log.records if isinstance(r, Transition) and r.to in states]
        for role in (None, *log.header.models):
            transcript = Transcript(log.header, *([role] if role else []))
            wanted = [transcript.state(s) for s in entered if role is None or role in states[s]["speakers"]]
            assert wanted == [e.text for e in transcript.entries(log.records) if e.kind == "state"]


def test_warnings_are_for_the_reader_and_not_for_a_role(runs: list[RunLog]) -> None:
    """That a fallback was used tells of others' turns, so that only the whole transcript has it."""
    log = runs[-1]
    warnings = [r.message for r in log.records if isinstance(r, WarningNote)]
    assert warnings
    assert warnings == [e.text for e in _entries(log) if e.kind == "warning"]
    assert [e for role in log.header.models for e in _entries(log, role) if e.kind == "warning"] == []


def test_a_role_that_is_not_in_the_world_is_refused(log_path: Path) -> None:
    """A role nobody plays is named, with the one that was probably meant."""
    header = RunLog.open(log_path).header
    with pytest.raises(DefinitionError) as caught:
        Transcript(header, "docter")
    wanted = "no role 'docter' in hospital_visit; did you mean 'doctor'? "
    assert wanted + "known: cashier, doctor, patient, pharmacist, registrar" == str(caught.value)


def test_a_run_is_shown_with_its_names_times_and_end(log_path: Path) -> None:
    """A transcript begins with the opening and the first state, and ends with the outcome, at their times."""
    log = RunLog.open(log_path)
    entries = _entries(log)
    assert [e.kind for e in entries[:3]] == ["opening", "state", "turn"]
    assert (log.header.opening, "挂号") == (entries[0].text, entries[1].text)
    assert (entries[0].time, entries[2].speaker, entries[2].name) == ("08:30", "patient", "橙子")
    end = next(r for r in log.records if isinstance(r, EpisodeEnded))
    assert (entries[-1].kind, entries[-1].text, entries[-1].outcome_kind) == (
        "end",
        "取药离院 [discharged]",
        "success",
    )
    minutes = 8 * 60 + 30 + int(end.time)
    assert f"{minutes // 60:02d}:{minutes % 60:02d}" == entries[-1].time


def test_times_never_go_back(runs: list[RunLog]) -> None:
    """Entries that have a time stand in the order of their times."""
    for log in runs:
        minutes = [e.minutes for e in _entries(log) if e.kind != "warning"]
        assert sorted(minutes) == minutes


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_moves_a_cursor_reaches_the_transcript(hostile: str, tmp_path: Path) -> None:
    """Escape sequences, line breaks and marks that turn text around are taken out of words and of acts."""
    answers = [hostile, json.dumps({"say": hostile, "write": {"words": hostile}}), "{" + hostile + '"']
    for number, answer in enumerate(answers):
        path = tmp_path / f"{number}.jsonl"
        log = play(notary(tmp_path / str(number)), path, model=Says(lambda _, a=answer: a))
        for entry in _entries(log):
            for text in (entry.text, entry.name, entry.time, *entry.acts):
                assert set() == _dangerous(text), f"{entry.kind}: {text!r}"
        if number == 1:
            acts = [a for e in _entries(log) for a in e.acts]
            assert acts
            assert all(a.startswith("write words=") for a in acts)


def test_very_long_values_of_an_act_are_shortened(tmp_path: Path) -> None:
    """An act's text does not fill the screen."""
    model = Says(lambda _: json.dumps({"say": "Here.", "write": {"words": "x" * 300}}))
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=model)
    assert {f"write words={'x' * 200}"} == {a for e in _entries(log) for a in e.acts}


def test_a_transcript_needs_no_more_than_the_log(
    log_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels and names come from the header: the world's folder may be gone."""
    monkeypatch.chdir(tmp_path)
    records = RunLog.open(log_path).records
    header = records[0]
    assert isinstance(header, Header)
    resolved = json.loads(json.dumps(header.resolved))
    resolved["world"]["states"]["reception"]["label"] = {"zh": "前台"}
    moved = header.model_copy(update={"resolved": resolved, "world": "nowhere"})
    shown = [e.text for e in Transcript(moved).entries(records) if e.kind == "state"]
    assert shown[0] == "前台"


def test_a_persona_may_be_any_name(world: World) -> None:
    """The names that are shown are the personas' in the run's language, for each role."""
    resolved = json.loads(json.dumps(world.resolved))
    header = Header(
        seq=0,
        type="header",
        format=FORMAT,
        world="w",
        digest="",
        variant=None,
        seed=0,
        language="en",
        models={},
        opening="",
        facts={},
        resolved=resolved,
    )
    assert [world.agent_name(r, "en") for r in world.agents] == [Transcript(header).name(r) for r in world.agents]
