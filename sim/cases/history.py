"""What happened in a run, read once: paths, conditions before each turn, messages and who heard them, acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.cases.format import Heard
from sim.engine.situation import Situation, scope
from sim.read.fold import Fold
from sim.record.log import RunLog
from sim.record.records import (
    AnyRecord,
    Call,
    EpisodeEnded,
    EpisodeStarted,
    Narration,
    Refusal,
    Transition,
    Turn,
    WarningNote,
)
from sim.world.expressions import Compiled
from sim.world.world import World

Where = tuple[str, int]
"""The key of a condition among what is expected, and its number."""


@dataclass
class Episode:
    """What happened in an episode.

    ``path`` has each state and the end with the turns that had been taken; ``broken`` the conditions that failed,
    with the turns taken when they first did; ``situation`` is the last.
    """

    number: int
    world: World
    path: list[tuple[str, int]] = field(default_factory=list)
    broken: dict[Where, int] = field(default_factory=dict)
    acts: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    situation: Situation | None = None
    outcome: str | None = None
    breach: str | None = None
    turns: int = 0
    began: float = 0.0
    minutes: float = 0.0


@dataclass(frozen=True)
class Message:
    """Words of an agent, or of the narrator (no speaker), and the situation in which they were said."""

    episode: Episode
    turn: int
    state: str
    speaker: str
    text: str
    heard_by: tuple[str, ...]
    situation: Situation

    def fits(self, wanted: Heard) -> bool:
        """Whether it is one of those that an expectation is about."""
        return (
            wanted.turn in (None, self.turn)
            and wanted.state in (None, self.state)
            and wanted.speaker in (None, self.speaker)
            and (wanted.says is None or wanted.says in self.text)
        )

    @property
    def told(self) -> str:
        """The message in a few words."""
        short = self.text if len(self.text) <= 40 else self.text[:40] + "…"
        return f"'{short}' of {self.speaker or 'the narrator'} in '{self.state}' is"


class History:
    """What happened in a run; ``conditions`` are those of a case, by where they stand."""

    def __init__(self, world: World, log: RunLog, conditions: Mapping[Where, Compiled]) -> None:
        self.conditions = conditions
        self.episodes: dict[int, Episode] = {}
        self.messages: list[Message] = []
        self.refusals: list[int] = []
        self.warnings: list[int] = []
        self.tokens = self.prompt_tokens = 0
        self._world = world
        self._fold = Fold(log.header, world)
        for record in log.records:
            self._take(record)
        for episode in self.episodes.values():
            if episode.outcome is None:
                self._stopped(episode)

    def _take(self, record: AnyRecord) -> None:
        if isinstance(record, Call):
            self.prompt_tokens += record.usage.prompt
            self.tokens += record.usage.prompt + record.usage.completion
            return
        if isinstance(record, Refusal | WarningNote):
            (self.refusals if isinstance(record, Refusal) else self.warnings).append(record.turn)
            return
        number = getattr(record, "episode", None)
        if number is None:
            return
        before = self._fold.now(number)
        if before is not None:
            self._before(self.episodes[number], before, record)
        after = self._fold.take(record)
        if isinstance(record, EpisodeStarted):
            world = self._fold.world_of(number) or self._world
            self.episodes[number] = Episode(number, world, [(record.state, 0)], began=record.time)
        self._after(self.episodes[number], record, after)

    def _before(self, episode: Episode, before: Situation, record: AnyRecord) -> None:
        if isinstance(record, Turn):
            self._check(episode, before)
        if isinstance(record, Narration) or (isinstance(record, Turn) and record.text):
            speaker = record.speaker if isinstance(record, Turn) else ""
            heard = tuple(record.heard_by)
            message = Message(episode, record.turn, record.state, speaker, record.text, heard, before)
            self.messages.append(message)

    def _after(self, episode: Episode, record: AnyRecord, after: Situation | None) -> None:
        if isinstance(record, Turn):
            episode.turns, episode.minutes = record.turn, record.time - episode.began
            episode.acts += [(record.turn, act.action, act.fields) for act in record.acts]
        elif isinstance(record, Transition):
            episode.path.append((record.to, record.turn))
        elif isinstance(record, EpisodeEnded):
            if episode.path[-1][0] != record.outcome:
                episode.path.append((record.outcome, record.turns))
            episode.outcome, episode.breach = record.outcome, record.breach
            episode.minutes = record.time - episode.began
            episode.situation = after
            if after is not None:
                self._check(episode, after)

    def _stopped(self, episode: Episode) -> None:
        """The end of an episode whose acts came to theirs before."""
        episode.situation = self._fold.now(episode.number)
        if episode.situation is not None:
            self._check(episode, episode.situation)

    def _check(self, episode: Episode, there: Situation) -> None:
        values = scope(episode.world, there)
        for (key, index), condition in self.conditions.items():
            if key == "at_end" or (key, index) in episode.broken:
                continue
            if condition.holds(values) != (key == "always"):
                episode.broken[key, index] = there.turn
