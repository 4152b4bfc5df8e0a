"""A run: its header, its episodes on one clock, its end, all in one log."""

from __future__ import annotations

import functools
import platform
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.engine.arrivals import arrivals_of, how_many
from sim.engine.clock import Clock, Stuck
from sim.errors import DefinitionError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model
from sim.models.outside import Outside
from sim.record.log import Sink
from sim.record.records import FORMAT, Header
from sim.stage.casting import speakers
from sim.stage.changes import Change
from sim.stage.desk import Desk
from sim.stage.episode import Episode, Listener, drive
from sim.stage.facts import facts_for
from sim.stage.together import Together, opening_words
from sim.world.kinds import Value, to_json
from sim.world.library import in_language
from sim.world.world import World

Driver = Callable[[Episode], None]

MANY = 8
"""Of more episodes that wait for each other not all are named; those that hold something come first."""


@dataclass(frozen=True)
class Settings:
    """What a run follows from, beside its world: the same settings and answers give the same log."""

    seed: int
    language: str
    opening: str
    facts: Mapping[str, Value]
    episodes: int | None = None


def settings_for(
    world: World,
    *,
    seed: int = 0,
    language: str | None = None,
    facts: Mapping[str, object] | None = None,
    opening: str | None = None,
    episodes: int | None = None,
) -> Settings:
    """Check the options of a run against its world.

    Raises:
        DefinitionError: naming the option that does not fit.
    """
    spoken = language or world.spec.languages[0]
    if not world.is_language(spoken):
        known = ", ".join(world.spec.languages)
        raise DefinitionError(f"'{world.name}' does not speak '{spoken}'; it speaks {known}")
    words = opening if opening is not None else opening_words(world, spoken)
    given = world.spec.arrivals.at if world.spec.arrivals is not None else None
    if episodes is not None and given is not None and episodes > len(given):
        raise DefinitionError(f"'{world.name}' has {len(given)} arrivals, not {episodes}")
    return Settings(seed, spoken, words, facts_for(world, facts or {}), episodes)


def settings_of(world: World, header: Header) -> Settings:
    """The settings that a log's header names.

    Raises:
        DefinitionError: if one does not fit the world.
    """
    return settings_for(
        world,
        seed=header.seed,
        language=header.language,
        facts=header.facts,
        opening=header.opening,
        episodes=header.episodes,
    )


def parse_facts(world: World, options: Mapping[str, str]) -> dict[str, object]:
    """Facts given as words on a command line: ``true`` for a flag, a list with commas."""
    values: dict[str, object] = {}
    for name, text in options.items():
        fact = world.fact_at(name)
        kind = fact.kind.name if fact is not None else "text"
        if kind == "flag" and text in {"true", "false"}:
            values[name] = text == "true"
        elif kind == "list":
            values[name] = [t.strip() for t in re.split("[,，]", text) if t.strip()]
        else:
            values[name] = text
    return values


class Run:
    """One execution of a world: :meth:`play`, or :meth:`begin`, its episode to the end, and :meth:`finish`.

    ``parallel`` is how many calls may be in flight at once; with a ``pace`` of 1 it is played in real time.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        models: Mapping[str, Model],
        log: Sink,
        listener: Listener | None = None,
        outside: Outside | None = None,
        log_format: int = FORMAT,
        cache: Cache | None = None,
        budget: Budget | None = None,
        parallel: int | None = None,
        pace: float | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        self.world = world
        self._changes = changes
        self._format = log_format
        self.cache = cache
        self.budget = budget
        self.outside = outside
        self.settings = settings
        self.models = models
        self.log = log
        self._listener = listener
        is_alone = how_many(world.spec.arrivals, settings.episodes) == 1 and pace is None
        desk = Desk(parallel, is_alone=is_alone)
        self._together = Together(world, dict(settings.facts), log, Clock(pace), desk)
        self._outcomes: Counter[str] = Counter()
        self._turns = 0

    def begin(self, opening: str | None = None) -> Episode:
        """Write the header and give one episode, with another opening than the world's if one is given.

        For who drives a single episode; :meth:`play` begins all.
        """
        self._write_header(opening)
        return self._episode(1, opening)

    def _write_header(self, opening: str | None = None) -> None:
        world, settings = self.world, self.settings
        resolved, digest = in_language(world, settings.language)
        forks = [change.fork.model_dump(exclude_defaults=True) for change in self._changes]
        header = {
            "format": self._format,
            "world": world.name,
            "digest": digest,
            "variant": world.variant,
            "seed": settings.seed,
            "language": settings.language,
            "models": {role: dict(self.models[role].description) for role in speakers(world)},
            "opening": settings.opening if opening is None else opening,
            "facts": {name: to_json(value) for name, value in settings.facts.items()},
            **({"forks": forks} if forks else {}),
            "resolved": resolved,
            **({"episodes": settings.episodes} if settings.episodes is not None else {}),
        }
        self._note("header", header, _measured(self.log.path, self.budget))

    def _episode(self, number: int, opening: str | None = None) -> Episode:
        settings = self.settings
        return Episode(
            self.world,
            number=number,
            language=settings.language,
            seed=settings.seed,
            models=self.models,
            together=self._together,
            opening=settings.opening if opening is None else opening,
            facts=settings.facts,
            outside=self.outside,
            listener=self._listener,
            cache=self.cache,
            budget=self.budget,
            changes=self._changes,
        )

    def ended(self, episode: Episode) -> None:
        """Count an episode that came to its end."""
        situation = episode.situation
        self._outcomes[situation.outcome or ""] += 1
        self._turns += situation.turn

    def finish(self, episode: Episode | None = None) -> None:
        """Write the last record; after the one episode of :meth:`begin`, if that is given."""
        if episode is not None:
            self.ended(episode)
        record = {
            "time": self._together.clock.now,
            "turns": self._turns,
            "outcomes": dict(sorted(self._outcomes.items())),
        }
        self._note("run_ended", record)
        self._together.desk.close()

    def stop(self) -> None:
        """Let go of what is under way, after an error; answers that were paid for are kept beside the log."""
        self._together.desk.close(self.log)

    def play(self, driver: Driver = drive) -> None:
        """Play the run from header to end, each episode by the driver.

        Raises:
            DefinitionError: if episodes wait for each other for ever; who holds what is said.
        """
        spec, settings, clock = self.world.spec, self.settings, self._together.clock
        self._write_header()
        live: dict[int, Episode] = {}

        def one(number: int) -> None:
            episode = live[number] = self._episode(number)
            driver(episode)
            self.ended(live.pop(number))

        clock.begin(arrivals_of(spec.arrivals, settings.episodes, settings.seed, spec.clock.start), one)
        try:
            clock.run()
        except Stuck:
            self.stop()
            stuck = sorted((live[number].holding for number in sorted(live)), key=lambda h: not h.is_holding)
            told = "; ".join(map(str, stuck[:MANY])) + (f"; {len(live) - MANY} more wait" * (len(live) > MANY))
            raise DefinitionError(f"'{self.world.name}' is stuck at {clock.now:g} min: {told}") from None
        except BaseException:
            self.stop()
            raise
        self.finish()

    def _note(self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None) -> None:
        record = self.log.append(kind, fields, measured)
        if self._listener is not None:
            self._listener(record)


@functools.cache
def _versions() -> dict[str, str]:
    return {"sim": version("roleplay-sim"), "python": platform.python_version(), "autogen": version("autogen")}


def _measured(path: Path | None, budget: Budget | None) -> dict[str, Any]:
    """What is only told of a run: nothing follows from it."""
    return {
        "run": path.name.removesuffix(".jsonl") if path else None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        **({"budget": budget.described()} if budget is not None else {}),
    }
