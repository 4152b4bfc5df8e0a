"""Going on with a run that stopped: its recorded answers again up to where the log ends, live ones from there."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sim.engine.situation import Situation
from sim.errors import DefinitionError, ModelError, RunLogError
from sim.models.acting import ACTS
from sim.models.budget import Budget
from sim.models.cache import Cache
from sim.models.model import Model, Reply, Request, answered
from sim.models.outside import FromLog, Live
from sim.models.recorded import Answers, Recorded, models_at_end, recorded
from sim.models.scripted import Scripted
from sim.record.comparison import Comparison
from sim.record.log import LogWriter, RunLog, check_plain
from sim.record.records import OLDEST, AnyRecord, Call, Header, PlaceOf, ResumedWith
from sim.stage.casting import EVERYONE, models_for, speakers
from sim.stage.changes import changes_of
from sim.stage.episode import Listener
from sim.stage.providers import Providers
from sim.stage.run import Run, settings_of
from sim.world.folders import find_world, list_worlds
from sim.world.kinds import Value
from sim.world.library import in_language, load, revive
from sim.world.rules import digest_of
from sim.world.world import World


class Resumed:
    """The recorded answers of an agent, and its model's where the log has none."""

    def __init__(self, recorded: Recorded, live: Model, *, is_other: bool = False) -> None:
        self.name = live.name if is_other else recorded.name
        self.description = recorded.description
        self.described_at = recorded.described_at
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
    fork = log.header.fork
    if fork is not None and len(log.records) < fork.inherited:
        raise RunLogError(
            f"{log.name} has lost records that it inherited: it has {len(log.records)} of {fork.inherited}; "
            f"fork again: sim fork {fork.parent} --at {fork.at}"
        )


def world_of(log: RunLog, place: str | Path | None = None) -> World:
    """The world of a log; one with a ``rules.py`` is loaded, by its name or from a place.

    The log has the hash of that code alone; no other code is run.

    Raises:
        DefinitionError: if it is not there, or not the same world any more.
    """
    header = log.header
    if place is None and "rules" not in header.resolved:
        return revive(header.resolved, header.variant)
    path = _found(log, place)
    rules = path.parent / "rules.py"
    if rules.is_file() and digest_of(rules) != header.resolved.get("rules"):
        raise DefinitionError(
            f"{rules} was changed since: its hash is not the one in the log; {log.name} cannot go on with it"
        )
    if "rules" in header.resolved and not rules.is_file():
        raise DefinitionError(f"{rules} is missing: {log.name} needs its functions to go on")
    world = load(path, variant=header.variant)
    _, digest = in_language(world, header.language)
    if digest != header.digest:
        raise DefinitionError(
            f"the world '{header.world}' was changed since; {log.name} cannot go on with it. 'sim verify --world' "
            "says what the change would do, and --live-on-mismatch plays it on from there in a new log"
        )
    return world


def _found(log: RunLog, place: str | Path | None) -> Path:
    if place is not None:
        return find_world(place)
    worlds = list_worlds()
    if log.header.world in worlds:
        return worlds[log.header.world]
    raise DefinitionError(
        f"no world '{log.header.world}' is found, and {log.name} cannot go on without the functions of its "
        "rules.py, of which the log has the hash alone: put it back into worlds/, or give its folder with --world"
    )


def header_at_end(log: RunLog, end: int | None = None, header: Header | None = None) -> Header:
    """The header of a log with the models that the run had where it ends, or after so many records."""
    told = header or log.header
    return told.model_copy(update={"models": models_at_end(told, log.records[:end]), "forks": []})


def others(world: World, given: Mapping[str, Model]) -> dict[str, Model]:
    """The agents that are given another model: by name or role, or by ``*`` all that do not play by themselves."""
    found: dict[str, Model] = {}
    for agent in speakers(world):
        spec = world.spec.roles.get(world.cast.get(agent, ""))
        is_model = spec is None or spec.kind == "llm"
        model = (
            given.get(agent)
            or given.get(world.cast.get(agent, agent))
            or (given.get(EVERYONE) if is_model else None)
        )
        if model is not None:
            found[agent] = model
    return found


def live_models(
    world: World, header: Header, providers: Providers, without: Collection[str] = ()
) -> dict[str, Model]:
    """The models that the agents of a run had last, as far as the world does not say itself who answers.

    Those of the agents in ``without`` are left out.

    Raises:
        DefinitionError: if one is not known here.
    """
    models: dict[str, Model] = {}
    for agent, description in header.last_models.items():
        if agent in without:
            continue
        name = str(description.get("name", ""))
        spec = world.spec.roles.get(world.cast.get(agent, ""))
        if "base_url" in description or "first_of" in description:
            models[agent] = providers.described(description)
        elif name == "scripted":
            models[agent] = Scripted()
        elif name == "human" and providers.human is not None:
            models[agent] = providers.human
        elif spec is None or spec.kind not in {"rule", "executor"}:
            if name == ACTS:
                raise DefinitionError("the run was played from a file of acts; say who goes on: --model scripted")
            raise DefinitionError(f"who answered for '{agent}' ('{name}') is not known here")
    return models


def cast_again(
    world: World,
    header: Header,
    providers: Providers,
    given: Mapping[str, Model],
    *,
    human: Model | None = None,
    exec_folder: Path | None = None,
    seed: int = 0,
) -> dict[str, Model]:
    """Who answers from now on: those given, by agent, role or ``*``, and for all others who answered last.

    Raises:
        DefinitionError: as :func:`live_models` and :func:`~sim.stage.casting.models_for`.
    """
    named = others(world, given)
    kept = live_models(world, header, providers, without=named)
    return models_for(world, {**given, **kept, **named}, human=human, exec_folder=exec_folder, seed=seed)


def models_before(world: World, header: Header, providers: Providers) -> dict[str, Model]:
    """Who answers in the episodes that were not forked, where a fork gave its own episode other models.

    Raises:
        DefinitionError: as :func:`live_models`.
    """
    is_many = (header.episodes or 1) > 1 or (world.spec.arrivals is not None and header.episodes is None)
    if not is_many or header.models == header.last_models:
        return {}
    found = live_models(world, header.model_copy(update={"forks": []}), providers)
    return models_for(world, found, human=providers.human)


def temperature_of(header: Header) -> float | None:
    """The temperature that all models of a run drew at; None where they had several, or none was said."""
    told = [model for each in header.last_models.values() for model in each.get("first_of") or [each]]
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
    before: Mapping[str, Model] | None = None,
    changed: Collection[str] = (),
    told: Mapping[str, Any] | None = None,
) -> Run:
    """A run that goes on where a log ends, in the same file.

    ``cast`` are those who answer from there on: of a fork, not those who answered ``before`` it, who go on to
    answer in the other episodes, where there are any. That agents among those ``changed`` have other models than
    before is noted in the log, before what they answer; what is ``told`` stands under ``measured`` in the first new
    record.

    Raises:
        RunLogError: if a record was changed, or the run has ended.
    """
    check_open(log)
    header, spare = log.header, log.spare
    note = _other_models(log, {agent: cast[agent] for agent in header.models if agent in changed}, spare)
    new: list[AnyRecord] = [*spare, *([note] if note is not None else [])]
    is_one = not any(fork.models for fork in header.forks)

    def models(described: Mapping[str, Mapping[str, Any]], since: int, is_last: bool) -> dict[str, Model]:
        live = cast if is_last or is_one else before or {}
        given = note.models if note is not None else {}
        return {
            a: Resumed(r, live[a], is_other=a in given) if a in live else r
            for a, r in recorded(Answers(log.records, new, since=since), described).items()
        }

    changes = changes_of(world, header, log.records, models)
    outside = ResumedOutside(FromLog(log.records), live or Live())
    fields = note.model_dump(include={"models", "kept"}, exclude_defaults=True) if note is not None else None
    return Run(
        world,
        settings_of(world, header),
        models(header.models, 0, is_last=not header.forks),
        Comparison(log, then, fields, told),
        listener,
        outside,
        header.format,
        cache,
        budget,
        changes=changes,
    )


def _other_models(log: RunLog, given: Mapping[str, Model], spare: Sequence[Call]) -> ResumedWith | None:
    """The record that says who has another model from here on; None where nobody has."""
    before = models_at_end(log.header, log.records)
    models = {agent: dict(model.description) for agent, model in given.items()}
    models = {agent: description for agent, description in models.items() if description != before[agent]}
    if not models:
        return None
    kept = [
        PlaceOf(episode=c.episode, turn=c.turn, attempt=c.attempt, role=c.role, purpose=c.purpose)
        for c in spare
        if c.purpose != "retry"
    ]
    return ResumedWith(seq=len(log.records), type="resumed", models=models, kept=kept)


def budget_of(log: RunLog) -> tuple[int | None, str | None]:
    """The budget that a run had, or was last resumed with: tokens and an amount of money."""
    told = next((r.measured["budget"] for r in reversed(log.records) if "budget" in r.measured), None)
    given = told if isinstance(told, dict) else {}
    tokens, cost = given.get("tokens"), given.get("cost")
    return tokens if isinstance(tokens, int) else None, cost if isinstance(cost, str) else None


def spent_of(log: RunLog) -> dict[str, Any]:
    """What the calls of a log took, as a budget counts it: what was inherited was paid for by another run."""
    inherited, tokens, cost = log.header.inherited, 0, Decimal(0)
    own = (call for number, call in log.records.placed(Call) if number >= inherited)
    for call in itertools.chain(own, log.spare):
        if not call.measured.get("hit"):
            tokens += call.usage.prompt + call.usage.completion
            cost += Decimal(call.cost or 0)
    return {"spent_tokens": tokens, "spent": cost}
