"""The command ``resume``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, RunName, app, say
from sim.cli.running import CacheUse, Caching, MaxCost, MaxTokens, listener, report, to_the_end, told

if TYPE_CHECKING:
    from sim.cli.person import Person
    from sim.models.budget import Budget
    from sim.models.cache import Cache
    from sim.models.model import Model
    from sim.record.log import RunLog
    from sim.world.world import World


@app.command()
def resume(
    run: RunName = None,
    base_url: Annotated[str | None, typer.Option(help="Another URL for the models of the run.")] = None,
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    allow_exec: Annotated[
        bool, typer.Option("--allow-exec", help="Let code that agents write be run, in --work-dir.")
    ] = False,
    work_dir: Annotated[
        Path | None, typer.Option(help="The folder in which code is run; work/ID if left out.")
    ] = None,
    cache: CacheUse = Caching.off,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    as_json: Json = False,
) -> None:
    """Go on with a run that stopped, from the last whole record; what was answered is not asked again.

    A budget counts what the run has spent before; with none given, that of the run holds.
    Example: sim resume hospital_visit-s7-1 --max-cost 1USD
    """
    from sim.cli.person import Person  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.models import catalog  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415
    from sim.stage.resume import (  # noqa: PLC0415
        budget_of,
        cast_again,
        check_open,
        models_before,
        spent_of,
        temperature_of,
        world_of,
    )

    log = RunLog.open(find_run(run))
    check_open(log)
    world, listed, person = world_of(log), catalog.load(), Person()
    told()
    folder = (work_dir or Path("work") / log.name) if allow_exec else None
    providers = Providers(listed, base_url, key_env, temperature_of(log.header), human=person)
    seed = log.header.last_seed
    cast = cast_again(world, log.header, providers, {}, human=person, exec_folder=folder, seed=seed)
    tokens, cost = (max_tokens, max_cost) if max_tokens or max_cost else budget_of(log)
    budget = budget_for(world, listed, tokens, cost, **spent_of(log))
    check_budget(budget, cast)
    kept = cache_for(cache.value)
    words = f"going on after record {len(log.records) - 1} of {log.path}"
    before = models_before(world, log.header, providers)
    go_on(log, world, cast, person, words, before, cache=kept, budget=budget, folder=folder, as_json=as_json)


def go_on(
    log: RunLog,
    world: World,
    cast: Mapping[str, Model],
    person: Person,
    words: str,
    before: Mapping[str, Model],
    *,
    cache: Cache | None,
    budget: Budget | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Play a run on from where its log ends, after some words, and report it; code is run in ``folder``."""
    from sim.models.outside import Live  # noqa: PLC0415 - heavy, as all that plays
    from sim.record.log import LogWriter  # noqa: PLC0415
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import
    from sim.stage.resume import resumed  # noqa: PLC0415

    people = [agent for agent in world.agents if cast[agent] is person]
    listen = (
        None if as_json else _new(log, listener(world.agents, people if len(people) < len(world.agents) else []))
    )
    with LogWriter.after(log) as writer:
        if not as_json:
            say(words)
        live = Live(person.pick)
        played = resumed(
            log, world, cast, writer, live=live, listener=listen, cache=cache, budget=budget, before=before
        )
        to_the_end(lambda: play(played), log.path)
    report(log.path, as_json, folder if folder and folder.is_dir() else None)


def _new(log: RunLog, listen: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Shows what is new; the header tells how."""

    def hear(record: dict[str, Any]) -> None:
        if record["type"] == "header" or record["seq"] >= len(log.records):
            listen(record)

    return hear
