"""XES: a case for each episode, times that follow each other, and XML whatever was said."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sim.errors import DefinitionError, RunLogError
from sim.read.ledger import ledger
from sim.read.xes import to_xes
from sim.record.log import RunLog
from sim.record.records import Turn
from tests.read.forging import Says, forge, notary, play, records_of
from tests.read.games import logged, scripted

SPACE = "{http://www.xes-standard.org/}"
TYPES = {"string", "date", "int", "float", "boolean"}
ORDER = ["extension", "global", "classifier", "attribute", "trace"]
WORLDS = ["hospital_visit", "werewolf", "company_meeting", "three_departments", "number_chain", "chart_desk"]


def parsed(text: str) -> ET.Element:
    """The log, held against the structure that the standard's schema gives."""
    root = ET.fromstring(text)
    assert root.tag == SPACE + "log"
    assert {"xes.version", "xes.features"} == set(root.attrib)
    names = [child.tag.removeprefix(SPACE) for child in root]
    ranks = [
        3 if name in TYPES else ["extension", "global", "classifier", "", "trace"].index(name) for name in names
    ]
    assert sorted(ranks) == ranks
    prefixes = {e.get("prefix") for e in root.iter(SPACE + "extension")}
    for element in root.iter():
        name = element.tag.removeprefix(SPACE)
        if name in TYPES:
            assert {"key", "value"} == set(element.attrib)
            key, value = element.attrib["key"], element.attrib["value"]
            assert re.fullmatch(r"[\w.:-]+", key)
            assert ":" not in key or key.partition(":")[0] in prefixes
            assert _fits(name, value)
        elif name in {"trace", "event"}:
            keys = [child.get("key") for child in element if child.get("key")]
            assert len(set(keys)) == len(keys)
            assert {child.tag.removeprefix(SPACE) for child in element} <= TYPES | {"event"}
    return root


def _fits(kind: str, value: str) -> bool:
    if kind == "date":
        return datetime.datetime.fromisoformat(value).tzinfo is not None
    return kind == "string" or (value in {"true", "false"} if kind == "boolean" else float(value) is not None)


def attributes(element: ET.Element) -> dict[str, str]:
    return {child.attrib["key"]: child.attrib["value"] for child in element if "value" in child.attrib}


def events(trace: ET.Element) -> list[dict[str, str]]:
    return [attributes(event) for event in trace.iter(SPACE + "event")]


@pytest.mark.parametrize("world", WORLDS)
def test_each_turn_and_act_is_an_event_of_its_case(world: str) -> None:
    """Turns begin and end, acts end, each by its agent, and the times of a case do not go back."""
    log = scripted(world)
    root = parsed(to_xes(log))
    [trace] = root.iter(SPACE + "trace")
    assert attributes(trace)["concept:name"] == f"{log.name}-1"
    found, turns = events(trace), [r for r in log.records if isinstance(r, Turn)]
    ended = [e for e in found if e["lifecycle:transition"] == "complete"]
    spoken = sorted((str(t.turn), t.state, t.speaker) for t in turns)
    keys = ("concept:instance", "concept:name", "org:resource")
    assert spoken == sorted(tuple(e[k] for k in keys) for e in found if e["lifecycle:transition"] == "start")
    acts = sorted((str(t.turn), a.action, t.speaker) for t in turns for a in t.acts)
    assert sorted(spoken + acts) == sorted(tuple(e[k] for k in keys) for e in ended)
    times = [e["time:timestamp"] for e in found]
    assert sorted(times) == times


def test_times_stand_on_a_fixed_day_at_the_worlds_hour() -> None:
    """The first turn begins when the world's clock does; the same log gives the same bytes."""
    log = scripted("hospital_visit")
    [trace] = parsed(to_xes(log)).iter(SPACE + "trace")
    assert events(trace)[0]["time:timestamp"] == "2000-01-03T08:30:00.000+00:00"
    assert to_xes(log) == to_xes(RunLog.open(log.path))


def test_tokens_add_up_to_the_ledger() -> None:
    """Those of calls that were sent back stand at the turn that came of them."""
    log = scripted("hospital_visit")
    [trace] = parsed(to_xes(log)).iter(SPACE + "trace")
    ends = [e for e in events(trace) if "prompt_tokens" in e]
    total = ledger([log]).total
    assert total.prompt == sum(int(e["prompt_tokens"]) for e in ends)
    assert total.completion == sum(int(e["completion_tokens"]) for e in ends)


def test_names_are_in_the_language_that_was_asked_for() -> None:
    """Agents, states and acts; one that the world does not speak is refused."""
    [trace] = parsed(to_xes(scripted("hospital_visit"), "zh")).iter(SPACE + "trace")
    assert "挂号" in {e["concept:name"] for e in events(trace)}
    assert "药房" in {e["org:resource"] for e in events(trace)}
    with pytest.raises(DefinitionError, match="does not speak 'fr'; known: en, zh"):
        to_xes(scripted("hospital_visit"), "fr")


def test_episodes_that_ran_at_the_same_time_are_cases_of_their_own(tmp_path: Path) -> None:
    """Their records stand between each other's; each case has its own, with turns counted from 1."""
    records = records_of(logged("hospital_visit").path)
    middle = records[1:-1]
    mixed = [r | {"episode": episode} for r in middle for episode in (1, 2)]
    log = forge([records[0], *mixed, records[-1]], tmp_path / "two.jsonl")
    one, two = parsed(to_xes(log)).iter(SPACE + "trace")
    assert [attributes(t)["concept:name"] for t in (one, two)] == ["two-1", "two-2"]
    assert events(one) == events(two) != []


@pytest.mark.parametrize(
    "said", ['<event/> & "quoted" ]]>', "a\x00b\x1b[31m\ufffe\u202e", "\n\r\t", "你好 <![CDATA["]
)
def test_whatever_is_said_stays_text(said: str, tmp_path: Path) -> None:
    """Markup and characters that XML cannot hold make no XML of their own."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=Says(lambda _: said))
    [trace] = parsed(to_xes(log)).iter(SPACE + "trace")
    assert len(events(trace)) == 8


def test_a_time_beyond_all_dates_is_refused(tmp_path: Path) -> None:
    """A log made by hand may hold any number."""
    records = records_of(logged("hospital_visit").path)
    turn = next(i for i, r in enumerate(records) if r["type"] == "turn")
    records[turn]["time"] = 1e300
    with pytest.raises(RunLogError, match="turn 1 has a time that no calendar has"):
        to_xes(forge(records, tmp_path / "run.jsonl"))
