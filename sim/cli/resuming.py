"""The command ``resume``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    WorkDir,
)
from sim.cli.running import listener, models_of, report, to_the_end, told

if TYPE_CHECKING:
    from sim.models.model import Model
    from sim.record.log import RunLog
    from sim.stage.providers import Providers
    from sim.world.world import World


@app.command()
def resume(
    run: RunName = None,
    model: ModelNames = None,
    base_url: BaseUrl = None,
    key_env: KeyEnv = "OPENAI_API_KEY",
    world: Annotated[
        str | None,
        typer.Option(metavar="WORLD", help="Where its world is, if that has a rules.py and is not found."),
    ] = None,
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
    from sim.cli.person import Person  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.models import catalog  # noqa: PLC0415
    from sim.models.outside import Live  # noqa: PLC0415
    from sim.record.log import LogWriter, RunLog, find_run  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415
    from sim.stage.resume import (  # noqa: PLC0415
        budget_of,
        check_open,
        header_at_end,
        resumed,
        spent_of,
        temperature_of,
        world_of,
    )

    log = RunLog.open(find_run(run))
    check_open(log)
    loaded, listed, person = world_of(log, world), catalog.load(), Person()
    told()
    folder = (work_dir or Path("work") / log.name) if allow_exec else None
    providers = Providers(listed, base_url, key_env, temperature_of(header_at_end(log)), human=person)
    cast, changed = _cast(log, loaded, providers, model or [], folder)
    is_new = max_tokens is not None or max_cost is not None
    budget = budget_for(loaded, listed, *((max_tokens, max_cost) if is_new else budget_of(log)), **spent_of(log))
    check_budget(budget, cast)
    kept = cache_for(cache.value)
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import

    people = [agent for agent in loaded.agents if cast[agent] is person]
    shown_to = people if len(people) < len(loaded.agents) else []
    listen = None if as_json else _new(log, listener(loaded.agents, shown_to))
    if not as_json:
        say(f"going on after record {len(log.records) - 1} of {log.path}")
    with LogWriter.after(log) as writer:
        played = resumed(
            log,
            loaded,
            cast,
            writer,
            live=Live(person.pick),
            listener=listen,
            cache=kept,
            budget=budget,
            changed=changed,
            told={"budget": budget.described()} if is_new and budget is not None else None,
        )
        to_the_end(lambda: play(played), log.path)
    report(log.path, as_json, folder if folder and folder.is_dir() else None)


def _cast(
    log: RunLog, world: World, providers: Providers, named: list[str], folder: Path | None
) -> tuple[dict[str, Model], set[str]]:
    """The models of the agents, and which of them are given another one."""
    from sim.stage.casting import models_for, speakers  # noqa: PLC0415 - as above
    from sim.stage.fitting import check_room  # noqa: PLC0415
    from sim.stage.resume import header_at_end, live_models, others, settings_of  # noqa: PLC0415

    given = models_of(named, providers)
    changed = others(world, given)
    unknown = {name: m for name, m in given.items() if name not in speakers(world)}
    before = live_models(world, header_at_end(log), providers, changed)
    cast = models_for(
        world, {**unknown, **before, **changed}, human=providers.human, exec_folder=folder, seed=log.header.seed
    )
    if changed:
        check_room(world, settings_of(log.header, world), cast)
    return cast, set(changed)


def _new(log: Any, listen: Any) -> Any:
    """Shows what is new; the header tells how."""

    def hear(record: dict[str, Any]) -> None:
        if record["type"] == "header" or record["seq"] >= len(log.records):
            listen(record)

    return hear
