"""Role-play worlds as checked state machines, run as AutoGen group chats, logged so that nothing is lost.

``sim.load`` reads a world, ``sim.run`` runs one, ``sim.fork`` takes a run another way from a turn on, ``sim.open``
opens a run's log, ``sim.stats`` says what was waited for, ``sim.group_chat`` gives the initiator and the
manager of a run to plain AutoGen code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.models.cache import Cache
    from sim.models.model import Model
    from sim.read.stats import Stats
    from sim.record.log import LogWriter, RunLog
    from sim.stage.run import Run
    from sim.world.world import World

    Models = str | Model | Mapping[str, str | Model]

__all__ = ["fork", "group_chat", "load", "open", "run", "stats"]

# Imports stand inside the functions: AutoGen and the expression language take most of a second to import,
# and `sim --help`, `sim replay` and `sim cost` need neither.


def load(world: str | Path, *, variant: str | None = None, code: bool = True) -> World:
    """Load and check a world, by name, folder or file; raises ``sim.errors.DefinitionError`` with all problems.

    A ``rules.py`` beside it is run when it is loaded; with ``code=False`` such a world is refused.
    """
    from sim.world.library import load as load_world  # noqa: PLC0415

    return load_world(world, variant=variant, code=code)


def run(
    world: str | Path | World,
    *,
    seed: int = 0,
    language: str | None = None,
    variant: str | None = None,
    facts: Mapping[str, object] | None = None,
    models: Models | None = None,
    human: Model | None = None,
    allow_exec: str | Path | None = None,
    cache: Cache | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
    episodes: int | None = None,
    parallel: int | None = None,
    pace: float | None = None,
    out: str | Path | None = None,
) -> RunLog:
    """Run a world to its end in an AutoGen group chat and give the log.

    Args:
        world: a world, or its name, folder or file.
        seed: what all random choices follow from.
        language: one of the world's; its first where none is given.
        variant: the variant of the world to load.
        facts: facts to start with, by name.
        models: who answers, for all or by agent or role (``"*"`` for the others): models, or their names in
            ``models.yaml``; scripted where none is given.
        human: who answers for the roles that a person plays.
        allow_exec: the folder in which code that agents write may be run; without it a world that does is refused.
        cache: answers that were paid for before; none where not given.
        max_tokens: tokens that the run may take.
        max_cost: what it may cost, such as ``0.50USD``.
        episodes: how many conversations begin; as the world's arrivals say where not given.
        parallel: the most calls in flight at once, where episodes overlap.
        pace: 1 plays in real time, 60 a simulated minute in a second; as fast as it goes where not given.
        out: where the log goes; the first free name in ``runs/`` where not given.

    Raises:
        sim.errors.DefinitionError: if the world or an option cannot be used.
        sim.errors.ModelError: if a model failed, or the budget is used up (``BudgetError``); the log keeps all
            before, and ``sim resume`` goes on from there.
    """
    from sim.record.log import LogWriter, RunLog, free_path  # noqa: PLC0415
    from sim.stage.adapter.chat import play  # noqa: PLC0415

    loaded = _loaded(world, variant)
    path = Path(out) if out is not None else free_path(Path("runs"), loaded.name, seed)
    prepared = _prepare(
        loaded, seed, language, facts, models, human, allow_exec, cache, max_tokens, max_cost, episodes
    )
    with LogWriter(path) as log:
        play(prepared(log, parallel, pace))
    return RunLog.open(path)


def stats(run: str | Path | RunLog) -> Stats:
    """How long was waited in a run and for what, how long things took and how much was used; reads the log alone.

    ``states`` and ``resources`` have a place each, with ``waited`` and ``took`` in simulated minutes and the length
    of the ``queue`` over time; ``outcomes``, ``stay``, ``turns``, ``tokens`` and ``cost`` are of episodes.

    Raises:
        sim.errors.RunLogError: if there is no such run, or a record cannot be read.
    """
    from sim.read import stats as reading  # noqa: PLC0415
    from sim.record.log import RunLog  # noqa: PLC0415

    log = run if isinstance(run, RunLog) else open(run)
    return reading.read(log.name, iter(log.records))


def fork(
    run: str | Path | RunLog,
    at: int,
    *,
    episode: int | None = None,
    facts: Mapping[str, object] | None = None,
    say: str | None = None,
    seed: int | None = None,
    models: Models | None = None,
    personas: Mapping[str, str] | None = None,
    world: str | Path | World | None = None,
    human: Model | None = None,
    allow_exec: str | Path | None = None,
    cache: Cache | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
    out: str | Path | None = None,
) -> RunLog:
    """Take a run another way from a turn on, in a log of its own; no model is asked for what was before.

    Args:
        run: a log, its path or its id; it stays as it is.
        at: the turn from which on answers are new. Of those who speak at once, the ones before it keep theirs.
        episode: of which episode; needed where the log has several.
        facts: facts that are set when the turn is about to be taken, by name (``card.P1`` for one agent's).
        say: the answer of that turn, in place of its model's; acts in it are checked like those of any answer.
        seed: what random choices follow from, from there on.
        models: who answers from there on, as in :func:`run`; whoever is not named answers as before.
        personas: another persona from there on, by role or agent.
        world: another version of the world; it must give the same prompts and records before the turn.
        human: who answers for the roles that a person plays.
        allow_exec: as in :func:`run`.
        cache: as in :func:`run`.
        max_tokens: tokens that the new turns may take.
        max_cost: what they may cost.
        out: where the log goes; the first free name in ``runs/`` where not given.

    Raises:
        sim.errors.DefinitionError: if an option cannot be used, or the recorded turns do not fit the world.
        sim.errors.RunLogError: if the log was changed, or has no such turn.
        sim.errors.ModelError: as in :func:`run`.
    """
    from sim.models import catalog  # noqa: PLC0415
    from sim.record.log import LogWriter, RunLog  # noqa: PLC0415
    from sim.stage import fork as forking  # noqa: PLC0415
    from sim.stage.adapter.chat import play  # noqa: PLC0415
    from sim.stage.casting import EVERYONE  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, check_budget  # noqa: PLC0415
    from sim.stage.resume import models_before, resumed  # noqa: PLC0415

    log = run if isinstance(run, RunLog) else open(run)
    edited = None if world is None else _loaded(world, log.header.variant)
    folder = world if isinstance(world, str | Path) else None
    plan = forking.plan(log, at, episode, world=edited, folder=folder, personas=personas)
    listed = catalog.load()
    providers = Providers(listed, human=human)
    given = models if isinstance(models, Mapping) else {EVERYONE: models} if models is not None else {}
    made = {name: providers.model(m) if isinstance(m, str) else m for name, m in given.items()}
    code = Path(allow_exec) if allow_exec is not None else None
    cast = plan.cast(providers, made, human=human, exec_folder=code, seed=seed)
    budget = budget_for(plan.there, listed, max_tokens, max_cost)
    check_budget(budget, cast)
    path = Path(out) if out is not None else None
    begun = plan.begin(cast, facts=facts, say=say, seed=seed, out=path, budget=budget)
    before = models_before(plan.world, begun.header, providers)
    with LogWriter.after(begun) as writer:
        play(resumed(begun, plan.world, cast, writer, cache=cache, budget=budget, before=before))
    return RunLog.open(begun.path)


def open(run: str | Path | None = None) -> RunLog:  # noqa: A001 - it is `sim.open`, as it reads
    """Open a run's log by path or id, or the latest in ``runs/``; raises ``sim.errors.RunLogError``."""
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    return RunLog.open(find_run(None if run is None else str(run)))


def group_chat(
    world: str | Path | World,
    *,
    seed: int = 0,
    language: str | None = None,
    variant: str | None = None,
    facts: Mapping[str, object] | None = None,
    models: Models | None = None,
    human: Model | None = None,
    allow_exec: str | Path | None = None,
    cache: Cache | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
    out: str | Path | None = None,
) -> tuple[Any, Any]:
    """The ``(initiator, manager)`` of a run, for ``initiator.initiate_chat(manager, message=…)``.

    The message opens the scene in place of the world's own opening. The turns are those of :func:`run` with the
    same arguments; the log goes to ``out`` if it is given.
    """
    from sim.record.log import LogWriter  # noqa: PLC0415
    from sim.stage.adapter.chat import group_chat as make  # noqa: PLC0415

    loaded = _loaded(world, variant)
    log = LogWriter(Path(out) if out is not None else None)
    prepared = _prepare(loaded, seed, language, facts, models, human, allow_exec, cache, max_tokens, max_cost)
    return make(prepared(log))


def _loaded(world: str | Path | World, variant: str | None) -> World:
    return load(world, variant=variant) if isinstance(world, str | Path) else world


def _prepare(
    world: World,
    seed: int,
    language: str | None,
    facts: Mapping[str, object] | None,
    models: Models | None,
    human: Model | None,
    allow_exec: str | Path | None,
    cache: Cache | None,
    max_tokens: int | None,
    max_cost: str | None,
    episodes: int | None = None,
) -> Callable[..., Run]:
    from sim.models import catalog  # noqa: PLC0415
    from sim.stage.casting import EVERYONE, models_for  # noqa: PLC0415
    from sim.stage.fitting import check_room  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, check_budget  # noqa: PLC0415
    from sim.stage.run import Run, settings_for  # noqa: PLC0415

    settings = settings_for(world, seed=seed, language=language, facts=facts, episodes=episodes)
    listed = catalog.load()
    providers = Providers(listed, human=human)
    given = models if isinstance(models, Mapping) else {EVERYONE: models} if models is not None else {}
    made = {name: providers.model(m) if isinstance(m, str) else m for name, m in given.items()}
    folder = Path(allow_exec) if allow_exec is not None else None
    cast = models_for(world, made, human=human, exec_folder=folder, seed=seed)
    budget = budget_for(world, listed, max_tokens, max_cost)
    check_budget(budget, cast)
    check_room(world, settings, cast)

    def prepare(log: LogWriter, parallel: int | None = None, pace: float | None = None) -> Run:
        return Run(world, settings, cast, log, cache=cache, budget=budget, parallel=parallel, pace=pace)

    return prepare
