"""The transcript of a run as scenes, turns and notes, for the terminal and for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.engine.clock import time_of_day
from sim.errors import DefinitionError, RunLogError, did_you_mean
from sim.record.records import AnyRecord, EpisodeEnded, EpisodeStarted, Header, Transition, Turn, WarningNote
from sim.world.format import Persona, WorldFile
from sim.world.kinds import label_of, one_line


@dataclass(frozen=True)
class Entry:
    """A piece of a transcript: the opening, a change of state, a turn, a warning or the end.

    ``time`` is the time of day in the simulation; ``minutes`` the simulated minutes since the run began.
    """

    kind: Literal["opening", "state", "turn", "warning", "end"]
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
            cast = {
                r: Persona.model_validate(dict(personas or {}).get(s.persona)) for r, s in self._world.roles.items()
            }
        except (ValueError, TypeError):
            raise RunLogError(
                "the log's header holds no world that can be shown; 'sim verify' says more", 0
            ) from None
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
        elif isinstance(record, Turn):
            if self.role in {None, *record.heard_by}:
                yield self._turn(record)
        elif isinstance(record, Transition):
            if record.to in self._world.states and self._sees(record.to):
                yield self._entry("state", record.time, self.state(record.to))
        elif isinstance(record, WarningNote) and self.role is None:
            yield self._entry("warning", 0.0, record.message)
        elif isinstance(record, EpisodeEnded):
            yield self._end(record)

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
        return spec is not None and (
            self.role in spec.speakers or spec.heard_by == ["all"] or self.role in spec.heard_by
        )

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
        return self._entry(
            "turn",
            record.time,
            record.text,
            speaker=record.speaker,
            name=self.name(record.speaker),
            acts=acts,
            turn=record.turn,
        )

    def _act(self, action: str, fields: Mapping[str, Any]) -> str:
        shown = " ".join(f"{name}={_value(value)}" for name, value in fields.items())
        return one_line(f"{action} {shown}".strip())

    def _entry(self, kind: Any, minutes: float, text: str, **more: Any) -> Entry:
        time = time_of_day(self._world.clock.start, minutes)
        return Entry(kind, time, minutes, one_line(text), **more)


def _value(value: Any) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:200]
