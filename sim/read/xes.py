"""A run as an event log in XES (IEEE 1849), for process mining: a case for each episode, events for turns and acts.

A turn has two events, ``start`` and ``complete``; an act has one, ``complete``, at the end of its turn. The
simulation knows times of day and no date, so a fixed one stands for its first day.
"""

from __future__ import annotations

import datetime
import re
from array import array
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from sim.errors import RunLogError
from sim.read.export import Spending, Spent
from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Call, EpisodeEnded, EpisodeStarted, Turn
from sim.world.cast import agents_of
from sim.world.kinds import one_line

FIRST_DAY = datetime.date(2000, 1, 3)
"""A Monday, the day on which every run begins."""

_EXTENSIONS = (
    ("Concept", "concept"),
    ("Time", "time"),
    ("Lifecycle", "lifecycle"),
    ("Organizational", "org"),
    ("Cost", "cost"),
)

_RECORDS: tuple[type[Any], ...] = (EpisodeStarted, Call, Turn, EpisodeEnded)

_NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")

_NO_NAME = re.compile(r"[^\w.:-]")

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
{extensions}
  <global scope="trace">
    <string key="concept:name" value="-"/>
  </global>
  <global scope="event">
    <string key="concept:name" value="-"/>
    <date key="time:timestamp" value="2000-01-01T00:00:00.000+00:00"/>
    <string key="lifecycle:transition" value="complete"/>
    <string key="org:resource" value="-"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
  <classifier name="Activity and transition" keys="concept:name lifecycle:transition"/>
  <classifier name="Resource" keys="org:resource"/>
"""


def to_xes(log: RunLog, language: str | None = None) -> str:
    """The event log of a run.

    With a ``language``, one of the world's, agents, states and acts are called by their names in it.

    Raises:
        DefinitionError: if the world does not have that language.
        RunLogError: if a time is beyond all dates.
    """
    return "".join(events(log, language))


def events(log: RunLog, language: str | None = None) -> Iterator[str]:
    """The pieces of :func:`to_xes`."""
    made = _Maker(log, language)
    lines = (
        f'  <extension name="{name}" prefix="{prefix}" uri="http://www.xes-standard.org/{prefix}.xesext"/>'
        for name, prefix in _EXTENSIONS
    )
    yield _HEAD.format(extensions="\n".join(lines))
    header = log.header
    yield _attribute("concept:name", log.name, "  ")
    yield _attribute("world", header.world, "  ")
    yield _attribute("seed", header.seed, "  ")
    for episode, places in _episodes(log).items():
        yield from made.trace(episode, places)
    yield "</log>\n"


def _episodes(log: RunLog) -> dict[int, array[int]]:
    """The places of each episode's records in the log; they may stand between those of others."""
    found: dict[int, array[int]] = {}
    for place, record in log.records.placed(*_RECORDS):
        found.setdefault(record.episode, array("Q")).append(place)
    return found


class _Maker:
    """Makes the cases of a log."""

    def __init__(self, log: RunLog, language: str | None) -> None:
        self._log = log
        self._told = Transcript(log.header, language=language)
        self._is_named = language is not None
        start = datetime.time.fromisoformat(self._told.world.clock.start)
        self._start = datetime.datetime.combine(FIRST_DAY, start, datetime.UTC)
        roles = self._told.world.roles.items()
        self._roles = {agent: name for name, role in roles for agent in agents_of(name, role)}

    def trace(self, episode: int, places: array[int]) -> Iterator[str]:
        """The case of an episode, its events in the order of their times."""
        yield "  <trace>\n"
        yield _attribute("concept:name", f"{self._log.name}-{episode}", "    ")
        yield _attribute("episode", episode, "    ")
        times, turns = array("d"), array("Q")
        spending, spent = Spending(), dict[int, Spent]()
        for place in places:
            record = self._log.records[place]
            if isinstance(record, Call):
                spending.add(record)
            elif isinstance(record, EpisodeEnded):
                yield _attribute("outcome", record.outcome, "    ")
            elif isinstance(record, Turn):
                times.extend((record.time - record.minutes, record.time))
                turns.append(place)
                spent[place] = spending.until(record)
        for at in sorted(range(len(times)), key=times.__getitem__):
            record = self._log.records[turns[at // 2]]
            if isinstance(record, Turn):
                yield from self._events(record, times[at], is_end=at % 2 == 1, spent=spent[turns[at // 2]])
        yield "  </trace>\n"

    def _events(self, turn: Turn, minutes: float, *, is_end: bool, spent: Spent) -> Iterator[str]:
        state = self._told.state(turn.state) if self._is_named else turn.state
        yield self._event(turn, state, minutes, "complete" if is_end else "start", self._more(turn, spent, is_end))
        for act in turn.acts if is_end else ():
            name = self._told.action(act.action) if self._is_named else act.action
            fields = {f"field.{k}": v for k, v in act.fields.items()}
            yield self._event(turn, name, minutes, "complete", {"state": state, **fields})

    def _more(self, turn: Turn, spent: Spent, is_end: bool) -> dict[str, object]:
        """What is told of a turn at its end: the words, who heard them, and what they took."""
        if not is_end:
            return {}
        more: dict[str, object] = {"text": turn.text, "heard_by": " ".join(turn.heard_by)}
        more |= {"prompt_tokens": spent.prompt, "completion_tokens": spent.completion}
        if spent.cost is not None and len(spent.currencies) == 1:
            more |= {"cost:total": float(spent.cost), "cost:currency": next(iter(spent.currencies))}
        return more

    def _event(self, turn: Turn, name: str, minutes: float, transition: str, more: dict[str, object]) -> str:
        speaker = turn.speaker
        given: dict[str, object] = {
            "concept:name": name,
            "concept:instance": str(turn.turn),
            "time:timestamp": self._time(minutes, turn),
            "lifecycle:transition": transition,
            "org:resource": self._told.name(speaker) if self._is_named else speaker,
            "org:role": self._roles.get(speaker, speaker),
            **more,
        }
        return f"    <event>\n{''.join(_attribute(k, v, '      ') for k, v in given.items())}    </event>\n"

    def _time(self, minutes: float, turn: Turn) -> datetime.datetime:
        try:
            return self._start + datetime.timedelta(minutes=minutes)
        except (OverflowError, ValueError):
            raise RunLogError(
                f"{self._log.name}: turn {turn.turn} has a time that no calendar has: minute {minutes:g}"
            ) from None


def _attribute(key: str, value: object, indent: str) -> str:
    """An attribute of XES with the type that its value has."""
    match value:
        case bool():
            kind, text = "boolean", "true" if value else "false"
        case int() if abs(value) < 2**63:
            kind, text = "int", str(value)
        case float():
            kind, text = "float", repr(value)
        case datetime.datetime():
            kind, text = "date", value.isoformat(timespec="milliseconds")
        case _:
            kind, text = "string", str(value)
    name = _NO_NAME.sub("_", key)
    return f'{indent}<{kind} key="{name}" value={quoteattr(_NO_XML.sub("", one_line(text)))}/>\n'
