"""The command ``resume``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sim.cli.app import Json, RunName, app, say
from sim.cli.options import (
    AllowExec,
    BaseUrl,
    CacheUse,
    Caching,
    KeyEnv,
    MaxCost,
    MaxTokens,
    ModelNames,
    Out,
    WorkDir,
)
from sim.cli.running import listener, models_of, report, to_the_end, told
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.cli.person import Person
    from sim.models.budget import Budget
    from sim.models.cache import Cache
    from sim.models.model import Model
    from sim.models.recorded import PromptMismatch
    from sim.record.log import RunLog
    from sim.stage.providers import Providers
    from sim.world.world import World


class _Options(NamedTuple):
    """What is given to a run that goes on."""

    model: list[str]
    base_url: str | None
    key_env: str
    allow_exec: bool
    work_dir: Path | None
    cache: Caching
    max_tokens: int | None
    max_cost: str | None
    as_json: bool


@app.command()
def resume(
    run: RunName = None,
    model: ModelNames = None,
    base_url: BaseUrl = None,
    key_env: KeyEnv = "OPENAI_API_KEY",
    world: Annotated[
        str | None,
        typer.Option(metavar="WORLD", help="Where its world is, if that has a rules.py; or an edited world."),
    ] = None,
    live_on_mismatch: Annotated[
        bool,
        typer.Option(
            "--live-on-mismatch",
            help="With an edited world: ask live from the first other prompt on, in a new log.",
        ),
    ] = False,
    out: Out = None,
    allow_exec: AllowExec = False,
    work_dir: WorkDir = None,
    cache: CacheUse = Caching.off,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    as_json: Json = False,
) -> None:
    """Go on with a run that stopped, from the last whole record; what was answered is not asked again.

    With the models that it had, or with others from here on. A budget counts what the run has spent before; with
    none given, that of the run holds. Example: sim resume hospital_visit-s7-1 --max-cost 1USD
    """
    from sim.record.log import RunLog, find_run  # noqa: PLC0415 - heavy; `sim --help` needs none of it

    options = _Options(
        model or [], base_url, key_env, allow_exec, work_dir, cache, max_tokens, max_cost, as_json=as_json
    )
    log = RunLog.open(find_run(run))
    if live_on_mismatch:
        if world is None or model:
            raise DefinitionError(
                "--live-on-mismatch goes with --world, an edited world, and with the models that the run had"
            )
        _diverge(log, world, out, options)
        return
    if out is not None:
        raise DefinitionError("--out goes with --live-on-mismatch; without it a run goes on in its own log")
    _go_on(log, world, options)


def _go_on(log: RunLog, world: str | None, options: _Options) -> None:
    """Go on with a run in its own log."""
    from sim.cli.person import Person  # noqa: PLC0415 - as above
    from sim.models import catalog  # noqa: PLC0415
    from sim.stage import resume as stage  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415

    stage.check_open(log)
    loaded, listed, person = stage.world_of(log, world), catalog.load(), Person()
    told()
    folder = _folder(log.name, options)
    temperature = stage.temperature_of(stage.header_at_end(log))
    providers = Providers(listed, options.base_url, options.key_env, temperature, human=person)
    cast, changed = _cast(log, loaded, providers, options.model, folder)
    limits = (options.max_tokens, options.max_cost)
    is_new = limits != (None, None)
    budget = budget_for(loaded, listed, *(limits if is_new else stage.budget_of(log)), **stage.spent_of(log))
    check_budget(budget, cast)
    going = Going(
        log,
        loaded,
        cast,
        person,
        f"going on after record {len(log.records) - 1} of {log.path}",
        stage.models_before(loaded, log.header, providers),
        cache_for(options.cache.value),
        budget,
        folder,
        changed,
        {"budget": budget.described()} if is_new and budget is not None else None,
    )
    go_on(going, as_json=options.as_json)


class Going(NamedTuple):
    """A run that goes on where its log ends, after some words; code is run in ``folder``."""

    log: RunLog
    world: World
    cast: Mapping[str, Model]
    person: Person
    words: str
    before: Mapping[str, Model]
    cache: Cache | None
    budget: Budget | None
    folder: Path | None
    changed: Collection[str] = ()
    told: Mapping[str, Any] | None = None


def go_on(going: Going, *, as_json: bool) -> None:
    """Play a run on, and report it."""
    from sim.models.outside import Live  # noqa: PLC0415 - heavy, as all that plays
    from sim.models.recorded import PromptMismatch  # noqa: PLC0415
    from sim.record.log import LogWriter  # noqa: PLC0415
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import
    from sim.stage.resume import resumed  # noqa: PLC0415

    log, world, cast, person = going.log, going.world, going.cast, going.person
    listen = None if as_json else _new(log, _listener(world, cast, person))
    with LogWriter.after(log) as writer:
        if not as_json:
            say(going.words)
        played = resumed(
            log,
            world,
            cast,
            writer,
            live=Live(person.pick),
            listener=listen,
            cache=going.cache,
            budget=going.budget,
            before=going.before,
            changed=going.changed,
            told=going.told,
        )
        try:
            to_the_end(lambda: play(played), log.path)
        except PromptMismatch as error:
            _tell_prompt(error)
            raise
    report(log.path, as_json, going.folder if going.folder and going.folder.is_dir() else None)


def _diverge(log: RunLog, name: str, out: Path | None, options: _Options) -> None:
    """Play an edited world in a new log: on the recorded answers, and live from the first other prompt on."""
    from sim.cli.person import Person  # noqa: PLC0415 - as above
    from sim.models import catalog  # noqa: PLC0415
    from sim.models.outside import Live  # noqa: PLC0415
    from sim.record.log import LogWriter, free_path  # noqa: PLC0415
    from sim.stage.casting import models_for  # noqa: PLC0415
    from sim.stage.diverging import Parting, check_divergence, diverging, models_like, settings_in  # noqa: PLC0415
    from sim.stage.fitting import check_room  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415
    from sim.stage.resume import temperature_of  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    check_divergence(log)
    header = log.header
    world, listed, person = load(name, variant=header.variant), catalog.load(), Person()
    path = out or free_path(Path("runs"), world.name, header.seed)
    told()
    folder = _folder(path.name.removesuffix(".jsonl"), options)
    providers = Providers(listed, options.base_url, options.key_env, temperature_of(header), human=person)
    given = models_like(world, header, providers)
    cast = models_for(world, given, human=person, exec_folder=folder, seed=header.seed)
    budget = budget_for(world, listed, options.max_tokens, options.max_cost)
    check_budget(budget, cast)
    check_room(world, settings_in(header, world), cast)
    kept, parting = cache_for(options.cache.value), Parting()
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import

    listen = None if options.as_json else _listener(world, cast, person)
    with LogWriter(path) as writer:
        played = diverging(
            log, world, cast, writer, parting, live=Live(person.pick), listener=listen, cache=kept, budget=budget
        )
        to_the_end(lambda: play(played), path)
    if not options.as_json:
        turns = ", ".join(f"turn {at + 1}" + (f" of episode {e}" if e > 1 else "") for e, at in parting.at.items())
        say(f"live from {turns} on" if turns else "every prompt was the same: nothing was asked live")
    report(path, options.as_json, folder if folder and folder.is_dir() else None)


def _folder(name: str, options: _Options) -> Path | None:
    return (options.work_dir or Path("work") / name) if options.allow_exec else None


def _listener(world: World, cast: Mapping[str, Model], person: Person) -> Callable[[dict[str, Any]], None]:
    people = [agent for agent in world.agents if cast[agent] is person]
    return listener(world.agents, people if len(people) < len(world.agents) else [])


def _tell_prompt(error: PromptMismatch) -> None:
    from sim.cli.verifying import print_prompt  # noqa: PLC0415 - rarely needed
    from sim.read.verify import other_prompt  # noqa: PLC0415

    print_prompt(other_prompt(error), err=True)


def _cast(
    log: RunLog, world: World, providers: Providers, named: list[str], folder: Path | None
) -> tuple[dict[str, Model], set[str]]:
    """The models of the agents, and which of them are given another one."""
    from sim.stage.fitting import check_room  # noqa: PLC0415 - as above
    from sim.stage.resume import cast_again, header_at_end, others  # noqa: PLC0415
    from sim.stage.run import settings_of  # noqa: PLC0415

    given = models_of(named, providers) if named else {}
    changed = others(world, given)
    seed = log.header.last_seed
    cast = cast_again(
        world, header_at_end(log), providers, given, human=providers.human, exec_folder=folder, seed=seed
    )
    if changed:
        check_room(world, settings_of(world, log.header), cast)
    return cast, set(changed)


def _new(log: RunLog, listen: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Shows what is new; the header tells how."""

    def hear(record: dict[str, Any]) -> None:
        if record["type"] == "header" or record["seq"] >= len(log.records):
            listen(record)

    return hear
