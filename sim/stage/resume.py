"""Going on with a run that stopped: its recorded answers again up to where the log ends, live ones from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.engine.situation import Situation
from sim.errors import DefinitionError, ModelError, RunLogError
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model, Reply, Request, answered
from sim.models.outside import FromLog, Live
from sim.models.recorded import Recorded
from sim.models.scripted import Scripted
from sim.record.comparison import Comparison
from sim.record.log import LogWriter, RunLog, check_plain
from sim.record.records import OLDEST, Call, Header
from sim.stage.episode import Listener
from sim.stage.providers import Providers
from sim.stage.run import Run, settings_for
from sim.world.kinds import Value
from sim.world.library import in_language, load, revive
from sim.world.world import World


class Resumed:
    """The recorded answers of an agent, and its model's where the log has none."""

    def __init__(self, recorded: Recorded, live: Model) -> None:
        self.name = recorded.name
        self.description = recorded.description
        self.is_remote = getattr(live, "is_remote", False)
        self.keeps_budget = True  # an answer that is recorded was paid for before
        self._recorded = recorded
        self._live = live

    def answer(self, request: Request) -> Reply:
        """The recorded answer; where there is none, the model's, after what was paid for in vain.

        Raises:
            MismatchError: if the prompt is not the recorded one.
            ModelError: if the model cannot answer.
        """
        found = self._recorded.find(request)
        if found is not None:
            return found
        spent = self._recorded.spent(request)
        try:
            reply = answered(self._live, request)
        except ModelError as error:
            error.spent = (*spent, *error.spent)
            raise
        return replace(reply, spent=(*spent, *reply.spent))


class ResumedOutside:
    """The recorded choices and look-ups, and live ones where the log has none."""

    def __init__(self, recorded: FromLog, live: Live) -> None:
        self._recorded = recorded
        self._live = live

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The agent who speaks next."""
        which = self._recorded if self._recorded.has_choice(situation) else self._live
        return which.choose(world, situation, candidates)

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """The answer of a tool."""
        which = self._recorded if self._recorded.has_look_up(situation, role, tool, fields, at) else self._live
        return which.look_up(world, situation, role, tool, fields, at)


def check_open(log: RunLog) -> None:
    """Check that a log is whole as far as it goes, is not packed, and that its run has not ended.

    Raises:
        RunLogError: if not.
    """
    log.check_chain()
    if log.header.format < OLDEST:
        raise RunLogError(f"{log.name} has format {log.header.format}; runs of format {OLDEST} and later can go on")
    if log.is_complete:
        raise RunLogError(f"{log.name} has come to its end; there is nothing to go on with")
    check_plain(log.path)


def world_of(log: RunLog) -> World:
    """The world of a log; one with a ``rules.py`` is loaded by its name, for its code is not in the log.

    Raises:
        DefinitionError: if that is not the same world any more.
    """
    header = log.header
    if "rules" not in header.resolved:
        return revive(header.resolved, header.variant)
    world = load(header.world, variant=header.variant)
    _, digest = in_language(world, header.language)
    if digest != header.digest:
        raise DefinitionError(f"the world '{header.world}' was changed since; {log.name} cannot go on with it")
    return world


def live_models(world: World, header: Header, providers: Providers) -> dict[str, Model]:
    """The models that the agents of a run had, as far as the world does not say itself who answers.

    Raises:
        DefinitionError: if one is not known here.
    """
    models: dict[str, Model] = {}
    for agent, description in header.models.items():
        name = str(description.get("name", ""))
        spec = world.spec.roles.get(world.cast.get(agent, ""))
        if "base_url" in description or "first_of" in description:
            models[agent] = providers.described(description)
        elif name == "scripted":
            models[agent] = Scripted()
        elif name == "human" and providers.human is not None:
            models[agent] = providers.human
        elif spec is None or spec.kind not in {"rule", "executor"}:
            raise DefinitionError(f"who answered for '{agent}' ('{name}') is not known here")
    return models


def temperature_of(header: Header) -> float | None:
    """The temperature that all models of a run drew at; None where they had several, or none was said."""
    told = [model for each in header.models.values() for model in each.get("first_of") or [each]]
    found = {dict(model.get("sampling") or {}).get("temperature") for model in told if "base_url" in model}
    return found.pop() if len(found) == 1 else None


def resumed(
    log: RunLog,
    world: World,
    cast: Mapping[str, Model],
    then: LogWriter,
    *,
    live: Live | None = None,
    listener: Listener | None = None,
    cache: Cache | None = None,
    budget: Budget | None = None,
) -> Run:
    """A run that goes on where a log ends, in the same file.

    Raises:
        RunLogError: if a record was changed, or the run has ended.
    """
    check_open(log)
    header = log.header
    answers = [*log.records, *log.spare]
    models = {
        agent: Resumed(Recorded(answers, str(description.get("name", "")), description), cast[agent])
        for agent, description in header.models.items()
    }
    settings = settings_for(
        world, seed=header.seed, language=header.language, facts=header.facts, opening=header.opening
    )
    outside = ResumedOutside(FromLog(log.records), live or Live())
    return Run(
        world,
        settings,
        models,
        Comparison(log, then),
        listener,
        outside,
        header.format,
        cache,
        budget,
    )


def budget_of(log: RunLog) -> tuple[int | None, str | None]:
    """The budget that a run had: tokens and an amount of money."""
    told = log.header.measured.get("budget")
    given = told if isinstance(told, dict) else {}
    tokens, cost = given.get("tokens"), given.get("cost")
    return tokens if isinstance(tokens, int) else None, cost if isinstance(cost, str) else None


def spent_of(log: RunLog) -> dict[str, Any]:
    """What the calls of a log took, as a budget counts it."""
    calls = [c for c in (*log.records, *log.spare) if isinstance(c, Call) and not c.measured.get("hit")]
    return {
        "spent_tokens": sum(c.usage.prompt + c.usage.completion for c in calls),
        "spent": sum((Decimal(c.cost) for c in calls if c.cost is not None), Decimal(0)),
    }
