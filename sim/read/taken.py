"""Which way runs took through a machine: states and arrows with how often, and who spoke after whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sim.record.log import RunLog
from sim.record.records import EpisodeEnded, EpisodeStarted, Transition, Turn

Arrow = tuple[str, str, str]
"""From a state, to a state or end, under a condition; empty where it always holds."""


@dataclass
class Taken:
    """What some runs took, all their episodes together.

    ``visits`` counts how often a state was entered, and an end reached; ``turns`` those that were taken in a state;
    ``follows`` who spoke after whom in an episode, but for those who speak at once, who do not follow one another.
    """

    arrows: Counter[Arrow] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    spoke: Counter[str] = field(default_factory=Counter)
    follows: Counter[tuple[str, str]] = field(default_factory=Counter)
    path: list[str] = field(default_factory=list)
    """The states and the end of the first episode of the first run, in their order."""

    @classmethod
    def of(cls, logs: Iterable[RunLog]) -> Taken:
        """What some runs took."""
        taken = cls()
        for number, log in enumerate(logs):
            way = _Way(taken, is_first=not number)
            for record in log.records.of(*_MOVES):
                way.take(record)
        return taken


_MOVES: tuple[type[Any], ...] = (EpisodeStarted, Transition, Turn, EpisodeEnded)


class _Way:
    """The way of the episodes of one run."""

    def __init__(self, taken: Taken, *, is_first: bool) -> None:
        self._taken = taken
        self._is_first = is_first
        self._at: dict[int, str] = {}
        self._spoke: dict[int, str] = {}

    def take(self, record: EpisodeStarted | Transition | Turn | EpisodeEnded) -> None:
        """Count what a record tells."""
        taken, episode = self._taken, record.episode
        if isinstance(record, Turn):
            taken.turns[record.state] += 1
            taken.spoke[record.speaker] += 1
            is_next = record.asked is None or record.asked == record.turn - 1
            if episode in self._spoke and is_next:
                taken.follows[self._spoke[episode], record.speaker] += 1
            self._spoke[episode] = record.speaker
        elif isinstance(record, EpisodeStarted):
            self._enter(episode, record.state)
        elif isinstance(record, Transition):
            taken.arrows[record.from_, record.to, record.guard] += 1
            self._enter(episode, record.to)
        elif self._at.get(episode) != record.outcome:  # it ended by a limit, along no arrow
            self._enter(episode, record.outcome)

    def _enter(self, episode: int, name: str) -> None:
        self._at[episode] = name
        self._taken.visits[name] += 1
        if self._is_first and episode == 1:
            self._taken.path.append(name)
