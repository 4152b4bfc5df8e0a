"""The command ``fork``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.app import Json, RunName, app, pairs
from sim.cli.options import (
    AllowExec,
    BaseUrl,
    CacheUse,
    Caching,
    KeyEnv,
    MaxCost,
    MaxTokens,
    Out,
    WorkDir,
)
from sim.cli.resuming import Going, go_on
from sim.cli.running import models_of, told
from sim.errors import DefinitionError


@app.command()
def fork(
    at: Annotated[int, typer.Option(min=1, metavar="TURN", help="The first turn that is not as it was.")],
    run: RunName = None,
    episode: Annotated[
        int | None, typer.Option(min=1, help="The episode of that turn; needed where the run has several.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FACT=VALUE", help="Change this fact before the turn. Repeatable."),
    ] = None,
    say: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The answer of that turn: words, or JSON with acts.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="[ROLE=]NAME", help="Who answers from there on, as for run. Repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="What random choices follow from, from there on.")] = None,
    persona: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=PERSONA", help="Another persona from there on. Repeatable."),
    ] = None,
    world: Annotated[
        str | None, typer.Option(metavar="WORLD", help="A changed world, which must fit the turns before.")
    ] = None,
    base_url: BaseUrl = None,
    key_env: KeyEnv = "OPENAI_API_KEY",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Sampling temperature of the models named here.")
    ] = None,
    allow_exec: AllowExec = False,
    work_dir: WorkDir = None,
    cache: CacheUse = Caching.off,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Take a run another way from a turn on, in a new log: recorded answers before it, at no cost, live ones after.

    Example: sim fork hospital_visit-s7-1 --at 2 --set fee=20
    """
    from sim.cli.person import Person  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.models import catalog  # noqa: PLC0415
    from sim.record.log import RunLog, find_run, free_path  # noqa: PLC0415
    from sim.stage.fork import plan  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415
    from sim.stage.resume import models_before  # noqa: PLC0415
    from sim.stage.run import parse_facts  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    personas = _personas(persona or [])
    edited = None if world is None else load(world, variant=log.header.variant)
    planned = plan(log, at, episode, world=edited, folder=world, personas=personas)
    facts = parse_facts(planned.there, pairs(set_ or []))
    listed, person = catalog.load(), Person()
    told()
    last = planned.header.last_seed if seed is None else seed
    path = out or free_path(Path("runs"), planned.world.name, last)
    code = (work_dir or Path("work") / path.name.removesuffix(".jsonl")) if allow_exec else None
    given = models_of(model, Providers(listed, base_url, key_env, temperature, human=person)) if model else {}
    as_before = Providers(listed, base_url, key_env, human=person)
    cast = planned.cast(as_before, given, human=person, exec_folder=code, seed=seed)
    budget = budget_for(planned.there, listed, max_tokens, max_cost)
    check_budget(budget, cast)
    kept = cache_for(cache.value)
    begun = planned.begin(cast, facts=facts, say=say, seed=seed, out=out, budget=budget)
    place = planned.place
    words = f"forked from {log.name} at turn {place.at}: {place.inherited - 1} of its records are inherited"
    earlier = models_before(planned.world, begun.header, as_before)
    going = Going(begun, planned.world, cast, person, words, earlier, kept, budget, code)
    go_on(going, as_json=as_json)


def _personas(given: list[str]) -> dict[str, str]:
    """The personas by role or agent, as the options name them."""
    found: dict[str, str] = {}
    for text in given:
        role, equals, name = text.partition("=")
        if not (equals and role and name):
            raise DefinitionError(f"'--persona {text}' needs the form role=persona")
        found[role] = name
    return found
