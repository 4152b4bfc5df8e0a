"""What is otherwise in a forked run, from one turn on: the world, who answers, facts, draws, one answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.engine.intervention import changed, intervene
from sim.engine.machine import Refused
from sim.engine.situation import Situation
from sim.errors import DefinitionError
from sim.models.model import Model
from sim.models.recorded import models_at_end
from sim.record.records import AnyRecord, Fork, Header
from sim.stage.exchange import Stage
from sim.stage.facts import facts_for
from sim.world.kinds import Value, to_json
from sim.world.recast import recast
from sim.world.world import World


@dataclass(frozen=True)
class Change:
    """A fork as an episode does it, when its turn has come: ``world`` and ``models`` hold from there on."""

    fork: Fork
    world: World
    models: Mapping[str, Model]
    facts: Mapping[str, Value]

    @property
    def told(self) -> dict[str, Any]:
        """What its record says; empty where nothing is changed before the turn."""
        fork = self.fork
        found = {
            "changed": {name: to_json(value) for name, value in self.facts.items()},
            "seed": fork.seed,
            "models": {agent: str(model.get("name", "")) for agent, model in fork.models.items()},
            "personas": {agent: persona.persona for agent, persona in fork.personas.items()},
        }
        return {name: value for name, value in found.items() if value not in (None, {})}


Models = Callable[[Mapping[str, Mapping[str, Any]], int, bool], Mapping[str, Model]]
"""Makes the models that are described, for what comes after so many records, and until the end or another fork."""


def changes_of(world: World, header: Header, records: Sequence[AnyRecord], models: Models) -> tuple[Change, ...]:
    """The forks of a run, to be done one after another.

    Raises:
        DefinitionError: if one does not fit the world.
    """
    found: list[Change] = []
    for number, fork in enumerate(header.forks):
        if strangers := fork.models.keys() - header.models.keys():
            raise DefinitionError(f"nobody is called '{min(strangers)}' in {world.name}")
        earlier = header.model_copy(update={"forks": header.forks[:number]})
        told = {**models_at_end(earlier, records[: fork.inherited]), **fork.models}
        is_last = number == len(header.forks) - 1
        world = recast(world, {a: (p.persona, p.sheet) for a, p in fork.personas.items()})
        found.append(Change(fork, world, models(told, fork.inherited, is_last), facts_for(world, fork.facts)))
    return tuple(found)


def world_at(world: World, header: Header, episode: int, turn: int) -> World:
    """A run's world as it was at a turn: with the personas that its forks had given it until then.

    Raises:
        DefinitionError: if they do not fit the world.
    """
    done = [f for f in header.forks if f.episode == episode and f.at <= turn]
    return recast(world, {a: (p.persona, p.sheet) for f in done for a, p in f.personas.items()})


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class View:
    """What an agent is asked with; ``changes`` are new with its turn."""

    stage: Stage
    situation: Situation
    changes: tuple[Change, ...] = ()


class Changes:
    """The changes of one episode. Each is done before its turn.

    Where all speak at once and a change falls within the round, those from its turn on are asked with it
    (:meth:`views`), while the turns before are settled without; it is done when its turn has come.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self._left = list(changes)
        self._asked: list[Change] = []
        self._said = {c.fork.at: c.fork.say for c in self._left if c.fork.say is not None}

    def due(self, turn: int) -> list[Change]:
        """The changes to be done before a turn; each is given once."""
        found = [c for c in self._left if c.fork.at <= turn]
        self._left = [c for c in self._left if c.fork.at > turn]
        return found

    def is_told(self, change: Change) -> bool:
        """Whether some were asked with a change before, so that it is in the log."""
        return change in self._asked

    def said(self, turn: int) -> str | None:
        """The answer that is given from outside for a turn."""
        return self._said.get(turn)

    def done(self, stage: Stage, situation: Situation, change: Change) -> View:
        """How things stand after a change.

        Raises:
            DefinitionError: if a rule of the world would not hold then, or nobody could speak.
        """
        if self.is_told(change):
            after = changed(situation, change.facts, change.fork.seed)
        else:
            try:
                after = intervene(change.world, situation, change.facts, change.fork.seed)
            except Refused as refusal:
                facts = ", ".join(f"{name}={_shown(value)}" for name, value in change.fork.facts.items())
                raise DefinitionError(f"turn {change.fork.at}: with {facts}, {refusal}") from None
        told = {name: model.description for name, model in change.models.items()}
        return View(replace(stage, world=change.world, models=change.models, descriptions=told), after)

    def views(self, stage: Stage, situation: Situation, roles: Sequence[str]) -> dict[str, View]:
        """What each of those who speak at once is asked with."""
        views: dict[str, View] = {}
        view = View(stage, situation)
        for turn, role in enumerate(roles, situation.turn + 1):
            new = tuple(c for c in self._left if c.fork.at == turn)
            for change in new:
                view = self.done(view.stage, view.situation, change)
            self._asked += new
            views[role] = replace(view, changes=new)
        return views
