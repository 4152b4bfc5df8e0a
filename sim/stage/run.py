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

from sim.engine.clock import Clock
from sim.errors import DefinitionError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model
from sim.models.outside import Outside
from sim.record.log import Sink
from sim.record.records import FORMAT
from sim.stage.casting import speakers
from sim.stage.changes import Change
from sim.stage.episode import Episode, Listener, drive
from sim.stage.facts import facts_for
from sim.world.kinds import Value, label_of, to_json
from sim.world.library import in_language
from sim.world.templates import render
from sim.world.world import World

Driver = Callable[[Episode], None]


@dataclass(frozen=True)
class Settings:
    """What a run follows from, beside its world: the same settings and answers give the same log."""

    seed: int
    language: str
    opening: str
    facts: Mapping[str, Value]


def settings_for(
    world: World,
    *,
    seed: int = 0,
    language: str | None = None,
    facts: Mapping[str, object] | None = None,
    opening: str | None = None,
) -> Settings:
    """Check the options of a run against its world.

    Raises:
        DefinitionError: naming the option that does not fit.
    """
    spoken = language or world.spec.languages[0]
    if not world.is_language(spoken):
        known = ", ".join(world.spec.languages)
        raise DefinitionError(f"'{world.name}' does not speak '{spoken}'; it speaks {known}")
    names = {a: world.agent_name(a, spoken) for a in world.agents}
    words = opening if opening is not None else render(label_of(world.spec.opening, spoken), names)
    return Settings(seed, spoken, words, facts_for(world, facts or {}))


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
    """One execution of a world: :meth:`begin`, its episode to the end, :meth:`finish`."""

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
        self._clock = Clock()
        self._outcomes: Counter[str] = Counter()
        self._turns = 0

    def begin(self, opening: str | None = None) -> Episode:
        """Write the header and give the first episode, with another opening than the world's if one is given."""
        world, settings = self.world, self.settings
        resolved, digest = in_language(world, settings.language)
        words = settings.opening if opening is None else opening
        forks = [change.fork.model_dump(exclude_defaults=True) for change in self._changes]
        header = {
            "format": self._format,
            "world": world.name,
            "digest": digest,
            "variant": world.variant,
            "seed": settings.seed,
            "language": settings.language,
            "models": {role: dict(self.models[role].description) for role in speakers(world)},
            "opening": words,
            "facts": {name: to_json(value) for name, value in settings.facts.items()},
            **({"forks": forks} if forks else {}),
            "resolved": resolved,
        }
        self._note("header", header, _measured(self.log.path, self.budget))
        return Episode(
            world,
            number=1,
            language=settings.language,
            seed=settings.seed,
            models=self.models,
            clock=self._clock,
            log=self.log,
            opening=words,
            facts=settings.facts,
            outside=self.outside,
            listener=self._listener,
            cache=self.cache,
            budget=self.budget,
            changes=self._changes,
        )

    def finish(self, episode: Episode) -> None:
        """Write the last record."""
        situation = episode.situation
        self._outcomes[situation.outcome or ""] += 1
        self._turns += situation.turn
        record = {"time": self._clock.now, "turns": self._turns, "outcomes": dict(sorted(self._outcomes.items()))}
        self._note("run_ended", record)

    def play(self, driver: Driver = drive) -> None:
        """Play the run from header to end."""
        episode = self.begin()
        driver(episode)
        self.finish(episode)

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
