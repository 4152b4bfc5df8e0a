"""The transcript of a run as scenes, turns and notes, for the terminal and for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.engine.clock import time_of_day
from sim.errors import DefinitionError, RunLogError, did_you_mean
from sim.record.records import (
    AnyRecord,
    BallotCounted,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    LookUp,
    Narration,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.cast import persona_names
from sim.world.format import Persona, WorldFile
from sim.world.kinds import label_of, one_line


@dataclass(frozen=True)
class Entry:
    """A piece of a transcript: the opening, a change of state, a turn, a vote, a warning or the end.

    ``time`` is the time of day in the simulation; ``minutes`` the simulated minutes since the run began.
    """

    kind: Literal["opening", "state", "narration", "turn", "ballot", "warning", "end"]
    time: str
    minutes: float
    text: str
    speaker: str = ""
    name: str = ""
    acts: tuple[str, ...] = ()
    turn: int = 0
    outcome_kind: str = ""


class Transcript:
    """Makes entries of records, one at a time; with ``role``, only of what that role heard or did.

    It reads the world as the header holds it, and needs neither its folder nor its expressions.
    """

    def __init__(self, header: Header, role: str | None = None) -> None:
        self.language = header.language
        self.role = role
        self.opening = header.opening
        personas = header.resolved.get("personas")
        try:
            self._world = WorldFile.model_validate(header.resolved.get("world"))
            played = {a: p for n, r in self._world.roles.items() for a, p in persona_names(n, r).items()}
            cast = {a: Persona.model_validate(dict(personas or {}).get(p)) for a, p in played.items()}
        except (ValueError, TypeError):
            raise RunLogError(
                "the log's header holds no world that can be shown; 'sim verify' says more", 0
            ) from None
        self._cast = {a: n for n, r in self._world.roles.items() for a in persona_names(n, r)}
        self._found: list[str] = []
        self._names = {role: label_of(persona.name, self.language) or role for role, persona in cast.items()}
        if role is not None and role not in self._names:
            raise DefinitionError(f"no role '{role}' in {header.world}{did_you_mean(role, self._names)}")

    def entries(self, records: list[AnyRecord]) -> Iterator[Entry]:
        """The entries of some records."""
        for record in records:
            yield from self.of(record)

    def of(self, record: AnyRecord) -> Iterator[Entry]:
        """The entries of one record: one or two for the first of an episode, else one or none."""
        if isinstance(record, EpisodeStarted):
            if self.opening:
                yield self._entry("opening", record.time, self.opening)
            if self._sees(record.state):
                yield self._entry("state", record.time, self.state(record.state))
        elif isinstance(record, Transition):
            if record.to in self._world.states and self._sees(record.to):
                yield self._entry("state", record.time, self.state(record.to))
        elif isinstance(record, EpisodeEnded):
            yield self._end(record)
        elif isinstance(record, Turn | Narration):
            yield from self._said(record)
        else:
            yield from self._behind(record)

    def _said(self, record: Turn | Narration) -> Iterator[Entry]:
        if self.role not in {None, *record.heard_by}:
            return
        yield self._turn(record) if isinstance(record, Turn) else self._entry("narration", record.time, record.text)

    def _behind(self, record: AnyRecord) -> Iterator[Entry]:
        """What is not said on the stage: look-ups, which their role knows; warnings, and how votes were counted."""
        if isinstance(record, LookUp) and self.role in {None, record.role}:
            self._found.append(f"{record.tool}: {record.result}")
        if self.role is not None:
            return
        if isinstance(record, WarningNote):
            yield self._entry("warning", 0.0, record.message)
        elif isinstance(record, BallotCounted):
            yield self._entry("ballot", record.time, self._count(record))

    def _count(self, record: BallotCounted) -> str:
        """A vote in a line, as the log has it: for who reads the run, not for who was there."""
        label = label_of(self._world.ballots[record.ballot].label, self.language)
        votes = ", ".join(f"{v}→{self.name(c) if c else '—'}" for v, c in record.votes.items())
        missing = ", ".join(f"{v}: no ballot" for v in record.missing)
        counts = f"{record.counts.get(record.winner or '', 0)} of {sum(record.counts.values())}, {record.by}"
        result = f"{self.name(record.winner)} ({counts})" if record.winner else f"nobody ({record.by})"
        return f"{label or record.ballot}: {'; '.join(filter(None, [votes, missing]))} ⇒ {result}"

    def _end(self, record: EpisodeEnded) -> Entry:
        end = self._world.ends.get(record.outcome)
        label = label_of(end.label, self.language) if end else ""
        why = f" ({record.breach})" if record.breach else ""
        text = (f"{label} [{record.outcome}]" if label else record.outcome) + why
        return self._entry("end", record.time, text, outcome_kind=record.kind)

    def _sees(self, state: str) -> bool:
        if self.role is None:
            return True
        spec = self._world.states.get(state)
        if spec is None:
            return False
        heard = spec.heard_by or (["speakers"] if spec.speakers else ["all"])
        named = [*spec.speakers, *heard]
        return "all" in heard or any(self._may_be(name) for name in named)

    def _may_be(self, name: str) -> bool:
        """Whether a name may stand for the one whose transcript it is; a group that changes is not asked here."""
        if name in {self.role, self._cast.get(self.role or "")}:
            return True
        group = self._world.groups.get(name)
        return group is not None and group.agents is not None and any(map(self._may_be, group.agents))

    def state(self, state: str) -> str:
        """What a state is called."""
        spec = self._world.states.get(state)
        return (label_of(spec.label, self.language) if spec else "") or state

    def name(self, role: str) -> str:
        """What a role's agent is called."""
        return one_line(self._names.get(role, role))

    def _turn(self, record: Turn) -> Entry:
        is_own = self.role is None or self.role == record.speaker
        acts = tuple(self._act(a.action, a.fields) for a in record.acts) if is_own else ()
        found, self._found = tuple(map(one_line, self._found)), []
        spec = self._world.states.get(record.state)
        is_verbatim = spec is not None and spec.verbatim
        return self._entry(
            "turn",
            record.time,
            record.text if is_verbatim else one_line(record.text),
            speaker=record.speaker,
            name=self.name(record.speaker),
            acts=(*found, *acts),
            turn=record.turn,
        )

    def _act(self, action: str, fields: Mapping[str, Any]) -> str:
        shown = " ".join(f"{name}={_value(value)}" for name, value in fields.items())
        return one_line(f"{action} {shown}".strip())

    def _entry(self, kind: Any, minutes: float, text: str, **more: Any) -> Entry:
        time = time_of_day(self._world.clock.start, minutes)
        words = "\n".join(map(one_line, text.split("\n"))) if kind == "turn" else one_line(text)
        return Entry(kind, time, minutes, words, **more)


def _value(value: Any) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:200]
