"""An edited world played on a log: recorded answers as long as their prompts are the same, live ones from then on.

Nothing is asked live unless the user said so. The new log is that of a run of the edited world; what it took over
from the other log stands in it as answers that were not paid for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sim.engine.situation import Situation
from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model, Reply, Request, answered
from sim.models.outside import FromLog, Live
from sim.models.recorded import Answers, Recorded
from sim.record.log import LogWriter, RunLog
from sim.record.records import OLDEST, Header
from sim.stage.casting import speakers
from sim.stage.episode import Listener
from sim.stage.providers import Providers
from sim.stage.resume import live_models
from sim.stage.run import Run, Settings, settings_for
from sim.world.kinds import Value
from sim.world.library import revive
from sim.world.world import World


class Parting:
    """From where on each episode is live: the turns that had been taken when a prompt first was another one."""

    def __init__(self) -> None:
        self.at: dict[int, int] = {}
        self._lock = threading.Lock()

    def is_before(self, situation: Situation) -> bool:
        """Whether recorded answers are still taken; all who speak at once are asked alike."""
        at = self.at.get(situation.episode)
        return at is None or situation.turn <= at

    def part(self, situation: Situation) -> None:
        """Note that a prompt is another one."""
        with self._lock:
            self.at.setdefault(situation.episode, situation.turn)


class Diverging:
    """The recorded answers of an agent to the same prompts; from the first other prompt on, its model's."""

    keeps_budget = True

    def __init__(self, recorded: Recorded, description: Mapping[str, Any], live: Model, parting: Parting) -> None:
        self.name = live.name
        self.description = description
        self.is_remote = getattr(live, "is_remote", False)
        self._recorded = recorded
        self._live = live
        self._parting = parting

    def answer(self, request: Request) -> Reply:
        """The recorded answer, which is not paid for again, or the model's.

        Raises:
            ModelError: if the model cannot answer.
        """
        if self._parting.is_before(request.situation):
            call = self._recorded.call(request)
            if call is not None and (call.role, call.prompt) == (request.role, request.prompt.digest):
                return replace(self._recorded.reply(request), measured={"hit": True})
            self._parting.part(request.situation)
        return answered(self._live, request)


class DivergingOutside:
    """The recorded choices and look-ups as long as they fit; the functions of a changed ``rules.py`` are called."""

    def __init__(self, recorded: FromLog, live: Live, parting: Parting, *, is_changed: bool) -> None:
        self._recorded = recorded
        self._live = live
        self._parting = parting
        self._is_changed = is_changed

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The agent who speaks next."""
        is_ours = self._is_changed and world.states[situation.state].order == "rule"
        if not is_ours and self._parting.is_before(situation) and self._recorded.has_choice(situation):
            try:
                return self._recorded.choose(world, situation, candidates)
            except MismatchError:
                self._parting.part(situation)
        return self._live.choose(world, situation, candidates)

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """The answer of a tool."""
        is_known = self._recorded.has_look_up(situation, role, tool, fields, at)
        is_recorded = is_known and not self._is_changed and self._parting.is_before(situation)
        which = self._recorded if is_recorded else self._live
        return which.look_up(world, situation, role, tool, fields, at)


class _FirstTold:
    """A log that is written, whose first record also tells something."""

    def __init__(self, log: LogWriter, told: Mapping[str, Any]) -> None:
        self.path = log.path
        self.keep = log.keep
        self._log = log
        self._told = told

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write a record."""
        told, self._told = self._told, {}
        return self._log.append(kind, fields, {**(measured or {}), **told})


def check_divergence(log: RunLog) -> None:
    """Check that a log can be played on with another world.

    Raises:
        RunLogError: if not.
    """
    log.check_chain()
    header = log.header
    if header.format < OLDEST:
        raise RunLogError(f"{log.name} has format {header.format}; runs of format {OLDEST} and later can go on")
    if header.forks:
        raise RunLogError(f"{log.name} is a fork; only a run that was not forked can be taken over")
    if any(record.type == "resumed" for record in log.records):
        raise RunLogError(
            f"{log.name} went on with other models than it began with; only one set can be taken over"
        )


def models_like(world: World, header: Header, providers: Providers) -> dict[str, Model]:
    """The models that the agents of an edited world had in a log; who is new gets that of all, where it is one.

    Raises:
        DefinitionError: if one is not known here, or who is new could have any of several.
    """
    known = {agent: told for agent, told in header.models.items() if agent in speakers(world)}
    models = live_models(world, header.model_copy(update={"models": known}), providers)
    for agent in speakers(world):
        spec = world.spec.roles.get(world.cast.get(agent, ""))
        if agent in models or (spec is not None and spec.kind in {"rule", "executor", "human"}):
            continue
        if len({model.name for model in models.values()}) != 1:
            raise DefinitionError(f"'{agent}' is new, and the run had several models: who answers is not known")
        models[agent] = next(iter(models.values()))
    return models


def diverging(
    log: RunLog,
    world: World,
    cast: Mapping[str, Model],
    then: LogWriter,
    parting: Parting,
    *,
    live: Live,
    listener: Listener | None = None,
    cache: Cache | None = None,
    budget: Budget | None = None,
) -> Run:
    """A run of an edited world that takes over recorded answers as long as their prompts are the same.

    Raises:
        DefinitionError: if the settings of the run do not fit the edited world.
    """
    header = log.header
    models, answers = {}, Answers(log.records)
    for agent in speakers(world):
        description = header.models.get(agent, cast[agent].description)
        recorded = Recorded(answers, agent, description)
        models[agent] = Diverging(recorded, description, cast[agent], parting)
    is_changed = world.resolved.get("rules") != header.resolved.get("rules")
    return Run(
        world,
        settings_in(header, world),
        models,
        _FirstTold(then, {"taken_from": {"run": log.name, "trace": log.trace}}),
        listener,
        DivergingOutside(FromLog(log.records), live, parting, is_changed=is_changed),
        cache=cache,
        budget=budget,
    )


def settings_in(header: Header, world: World) -> Settings:
    """The settings of a log in an edited world: its opening, unless the user had given another one.

    Raises:
        DefinitionError: naming the one that does not fit.
    """
    usual = settings_for(revive(header.resolved, header.variant), language=header.language).opening
    return settings_for(
        world,
        seed=header.seed,
        language=header.language,
        facts=header.facts,
        opening=None if header.opening == usual else header.opening,
        episodes=header.episodes,
    )
