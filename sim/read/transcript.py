"""The transcript of a run as scenes, turns and notes, for the terminal and for exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.engine.clock import time_of_day
from sim.engine.phrases import phrase
from sim.errors import DefinitionError, RunLogError, did_you_mean
from sim.record.records import (
    AnyRecord,
    BallotCounted,
    EpisodeEnded,
    EpisodeStarted,
    Header,
    Intervention,
    LookUp,
    Narration,
    ResourceNote,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.cast import agents_of, persona_names
from sim.world.format import Persona, WorldFile
from sim.world.kinds import label_of, one_line

_BY = ("lot", "nobody", "quorum", "revote")
"""What decides a vote, when it is neither the votes nor an agent."""


@dataclass(frozen=True)
class Entry:
    """A piece of a transcript: the opening, a change of state, a turn, a vote, a warning, the end, and so on.

    ``time`` is the time of day in the simulation; ``minutes`` the simulated minutes since the run began;
    ``episode`` is 0 where the run has only one.
    """

    kind: Literal["opening", "state", "narration", "turn", "ballot", "queue", "warning", "intervention", "end"]
    time: str
    minutes: float
    text: str
    speaker: str = ""
    name: str = ""
    acts: tuple[str, ...] = ()
    turn: int = 0
    outcome_kind: str = ""
    episode: int = 0


def agents_as(header: Header, role: str) -> tuple[str, ...]:
    """The agents who play a role, by what the log says of its world; none where there is no such role."""
    try:
        roles = WorldFile.model_validate(header.resolved.get("world")).roles
    except ValueError:
        return ()
    return agents_of(role, roles[role]) if role in roles else ()


def no_agent(header: Header, role: str, known: Iterable[str]) -> str:
    """That no agent has the name of a role, and whom it may mean."""
    several = agents_as(header, role)
    if several:
        return f"the role '{role}' in {header.world} has several agents; write one of: {', '.join(several)}"
    return f"no role '{role}' in {header.world}{did_you_mean(role, known)}"


class Transcript:
    """Makes entries of records, one at a time; with ``roles``, only of what those agents heard or did.

    A scene in which they hear nothing is not shown to them either. It reads the world as the header holds it, and
    needs neither its folder nor its expressions. With ``language``, one of the world's, names, states, acts and
    what is ours are in it; what was said stays as it was said.
    """

    def __init__(self, header: Header, *roles: str, language: str | None = None) -> None:
        self.language = language or header.language
        self._is_translated = language is not None
        self.roles = frozenset(roles)
        self._scenes: dict[int, Entry] = {}
        self._episode = 0
        self.opening = header.opening
        personas = header.resolved.get("personas")
        try:
            self._world = WorldFile.model_validate(header.resolved.get("world"))
            played = {a: p for n, r in self._world.roles.items() for a, p in persona_names(n, r).items()}
            self._personas: Mapping[str, Any] = dict(personas or {})
            cast = {a: Persona.model_validate(self._personas.get(p)) for a, p in played.items()}
            recast = {
                (f.episode, f.at): {a: Persona.model_validate(p.sheet) for a, p in f.personas.items()}
                for f in header.forks
            }
        except (ValueError, TypeError):
            raise RunLogError(
                "the log's header holds no world that can be shown; 'sim verify' says more", 0
            ) from None
        self._found: dict[tuple[int, str], list[str]] = {}
        self._drawn: dict[int, dict[str, str]] = {}
        arrivals = self._world.arrivals
        self.is_many = (header.episodes or 1) > 1 or (arrivals is not None and header.episodes is None)
        self._names = {role: label_of(persona.name, self.language) or role for role, persona in cast.items()}
        self._renamed = {
            place: {a: label_of(p.name, self.language) or a for a, p in sheets.items() if a in self._names}
            for place, sheets in recast.items()
        }
        spoken = (*self._world.languages, header.language)
        if language is not None and language not in spoken:
            raise DefinitionError(f"'{header.world}' does not speak '{language}'{did_you_mean(language, spoken)}")
        for role in roles:
            if role not in self._names:
                raise DefinitionError(no_agent(header, role, self._names))

    def entries(self, records: Iterable[AnyRecord]) -> Iterator[Entry]:
        """The entries of some records."""
        for record in records:
            yield from self.of(record)

    def of(self, record: AnyRecord) -> Iterator[Entry]:
        """The entries of one record: none, one, or two where a scene begins with it."""
        self._episode = getattr(record, "episode", 0)
        if isinstance(record, EpisodeStarted):
            self._drawn[record.episode] = {a: self._name(a, p) for a, p in (record.cast or {}).items()}
            words = self.opening if record.opening is None else record.opening
            if words:
                yield self._entry("opening", record.time, words)
            yield from self._begun(record.state, record.time)
        elif isinstance(record, Transition):
            if record.to in self._world.states:
                yield from self._begun(record.to, record.time)
        elif isinstance(record, EpisodeEnded):
            yield self._end(record)
            self._scenes.pop(record.episode, None)
            self._drawn.pop(record.episode, None)
        elif isinstance(record, Turn | Narration):
            yield from self._said(record)
        else:
            yield from self._behind(record)

    def _begun(self, state: str, time: float) -> Iterator[Entry]:
        """A scene; where only some agents' part is shown, it waits until they hear something in it."""
        scene = self._entry("state", time, self.state(state))
        if self.roles:
            self._scenes[self._episode] = scene
        else:
            yield scene

    def _said(self, record: Turn | Narration) -> Iterator[Entry]:
        if self.roles and self.roles.isdisjoint(record.heard_by):
            return
        if isinstance(record, Turn) and self.roles and record.speaker not in self.roles:
            spec = self._world.states.get(record.state)
            if spec is not None and spec.silent:
                return
        scene = self._scenes.pop(self._episode, None)
        if scene is not None:
            yield scene
        yield self._turn(record) if isinstance(record, Turn) else self._entry("narration", record.time, record.text)

    def _behind(self, record: AnyRecord) -> Iterator[Entry]:
        """What is not said on the stage: look-ups, which their role knows; warnings, and how votes were counted."""
        if isinstance(record, LookUp) and (not self.roles or record.role in self.roles):
            self._found.setdefault((record.episode, record.role), []).append(f"{record.tool}: {record.result}")
        if isinstance(record, Intervention) and record.personas:
            renamed = self._renamed.get((record.episode, record.turn), {})
            self._drawn[record.episode] = {**self._drawn.get(record.episode, {}), **renamed}
        if self.roles:
            return
        if isinstance(record, WarningNote):
            yield self._entry("warning", 0.0, record.message)
        elif isinstance(record, Intervention):
            yield self._entry("intervention", 0.0, self._outside(record))
        elif isinstance(record, BallotCounted):
            yield self._entry("ballot", record.time, self._count(record))
        elif isinstance(record, ResourceNote) and record.event not in {"granted", "released"}:
            yield self._entry("queue", record.time, self._queue(record))

    def _queue(self, record: ResourceNote) -> str:
        spec = self._world.resources.get(record.resource)
        label = (label_of(spec.label, self.language) if spec else "") or record.resource.replace("_", " ")
        ahead = max(0, record.waiting - 1)
        return phrase(self.language, f"queue_{record.event}", name=label, ahead=ahead)

    def _name(self, role: str, persona: str) -> str:
        """What a drawn persona is called; the role's usual name where the header does not have it."""
        try:
            found = Persona.model_validate(self._personas.get(persona))
        except ValueError:
            return self._names.get(role, role)
        return label_of(found.name, self.language) or role

    def _outside(self, record: Intervention) -> str:
        if record.say is not None:
            return phrase(self.language, "outside_say", name=self.name(record.role or ""))
        parts = [f"{name}={_value(value)}" for name, value in record.changed.items()]
        parts += [] if record.seed is None else [f"seed={record.seed}"]
        parts += [f"{agent}={name}" for agent, name in (*record.models.items(), *record.personas.items())]
        return phrase(self.language, "outside", what=phrase(self.language, "comma").join(parts))

    def _count(self, record: BallotCounted) -> str:
        """A vote in a line, as the log has it: for who reads the run, not for who was there."""
        label = label_of(self._world.ballots[record.ballot].label, self.language)
        comma, is_chinese = phrase(self.language, "comma"), self.language.startswith("zh")
        votes = [
            self._vote(v, self.name(c) if c else phrase(self.language, "nobody")) for v, c in record.votes.items()
        ]
        votes += [self._vote(v, phrase(self.language, "missing_vote")) for v in record.missing]
        is_agent = record.by not in _BY
        words = phrase(self.language, "by_agent" if is_agent else f"by_{record.by}", name=self.name(record.by))
        if record.winner:
            counts = record.counts.get(record.winner, 0), sum(record.counts.values())
            result = f"{self.name(record.winner)} " + phrase(
                self.language, "votes_of", count=counts[0], cast=counts[1]
            )
            result += "" if record.by == "votes" else f"{'，' if is_chinese else ', '}{words}"
        else:
            result = words
        return f"{label or record.ballot}{'：' if is_chinese else ': '}{comma.join(votes)} ⇒ {result}"

    def _vote(self, voter: str, choice: str) -> str:
        return phrase(self.language, "vote_item", voter=self.name(voter), choice=choice)

    def _end(self, record: EpisodeEnded) -> Entry:
        end = self._world.ends.get(record.outcome)
        label = label_of(end.label, self.language) if end else ""
        why = f" ({record.breach})" if record.breach and not self.roles else ""
        text = (f"{label} [{record.outcome}]" if label else record.outcome) + why
        return self._entry("end", record.time, text, outcome_kind=record.kind)

    @property
    def world(self) -> WorldFile:
        """The world as the header holds it, read and not compiled."""
        return self._world

    @property
    def agents(self) -> tuple[str, ...]:
        """Everybody in the run, in the order of the world's file."""
        return tuple(self._names)

    def state(self, state: str) -> str:
        """What a state is called."""
        spec = self._world.states.get(state)
        return (label_of(spec.label, self.language) if spec else "") or state

    def name(self, role: str) -> str:
        """What a role's agent is called, in the episode of the last record."""
        drawn = self._drawn.get(self._episode, {})
        return one_line(drawn.get(role) or self._names.get(role, role))

    def is_drawn(self, role: str) -> bool:
        """Whether a role's agent may be another person in each episode."""
        spec = self._world.roles.get(role)
        return spec is not None and bool(spec.population)

    def action(self, action: str) -> str:
        """What an action or a vote is called, where a language was asked for; else its name in the world's file."""
        spec = self._world.actions.get(action) or self._world.ballots.get(action)
        return (label_of(spec.label, self.language) if spec and self._is_translated else "") or action

    def time(self, minutes: float) -> str:
        """The time of day at a simulated minute."""
        return time_of_day(self._world.clock.start, minutes)

    def _turn(self, record: Turn) -> Entry:
        is_own = not self.roles or record.speaker in self.roles
        acts = tuple(self._act(a.action, a.fields) for a in record.acts) if is_own else ()
        found = tuple(map(one_line, self._found.pop((record.episode, record.speaker), [])))
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
        return one_line(f"{self.action(action)} {shown}".strip())

    def _entry(self, kind: Any, minutes: float, text: str, **more: Any) -> Entry:
        time = self.time(minutes)
        words = "\n".join(map(one_line, text.split("\n"))) if kind == "turn" else one_line(text)
        return Entry(kind, time, minutes, words, episode=self._episode if self.is_many else 0, **more)


def _value(value: Any) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:200]
