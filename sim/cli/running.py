"""The command ``run``, and what all commands that play a run share."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, WorldName, app, pairs, print_json, say
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
from sim.errors import DefinitionError, ModelError

if TYPE_CHECKING:
    from sim.models.acting import Script
    from sim.models.acts import Acts, ActsFile
    from sim.models.model import Model
    from sim.read.ledger import Row
    from sim.record.log import RunLog
    from sim.record.records import Header
    from sim.stage.providers import Providers
    from sim.world.world import World


@app.command()
def run(
    world: WorldName,
    seed: Annotated[
        int | None, typer.Option(help="What all random choices follow from; 0 if left out.", show_default=False)
    ] = None,
    lang: Annotated[str | None, typer.Option(help="One of the world's languages, such as zh.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="Start with this fact. Repeatable.")
    ] = None,
    acts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What agents say and do, turn by turn (docs/testing.md).")
    ] = None,
    then: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Who goes on where the acts end, such as 'scripted'.")
    ] = None,
    model: ModelNames = None,
    base_url: BaseUrl = None,
    key_env: KeyEnv = "OPENAI_API_KEY",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Sampling temperature of the model.")
    ] = None,
    allow_exec: AllowExec = False,
    work_dir: WorkDir = None,
    no_code: NoCode = False,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="How many episodes begin; as the world's arrivals say if left out.")
    ] = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, help="The most calls in flight at once, where episodes overlap.")
    ] = None,
    pace: Annotated[
        float | None, typer.Option(min=0.001, help="1 plays in real time, 60 a simulated minute in a second.")
    ] = None,
    cache: CacheUse = Caching.off,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Run a world and stream its transcript.

    Example: sim run hospital_visit --seed 7 --lang zh --variant triage
    """
    from sim.cli.person import Person  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.models import catalog  # noqa: PLC0415
    from sim.models.acting import ActedOutside  # noqa: PLC0415
    from sim.models.outside import Live  # noqa: PLC0415
    from sim.record.log import LogWriter, free_path  # noqa: PLC0415
    from sim.stage.casting import models_for, speakers  # noqa: PLC0415
    from sim.stage.fitting import check_room  # noqa: PLC0415
    from sim.stage.providers import Providers, budget_for, cache_for, check_budget  # noqa: PLC0415
    from sim.stage.run import Run, parse_facts, settings_for  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    plan = acted(acts, then, model)
    loaded = load(world, variant=variant or plan.spec.variant, code=not no_code)
    seed = seed if seed is not None else plan.spec.seed or 0
    facts = {**plan.spec.facts, **parse_facts(loaded, pairs(set_ or []))}
    settings = settings_for(
        loaded, seed=seed, language=lang or plan.spec.lang, facts=facts, episodes=episodes or plan.spec.episodes
    )
    path = out or free_path(Path("runs"), loaded.name, seed)
    folder = (work_dir or Path("work") / path.name.removesuffix(".jsonl")) if allow_exec else None
    person = Person()
    listed = catalog.load()
    told()
    providers = Providers(listed, base_url, key_env, temperature, human=person)
    given = models_of([then] if then is not None else model or [], providers)
    script = plan.script(loaded)
    others = None
    if script is None or then is not None:
        others = models_for(loaded, given, human=person, exec_folder=folder, seed=seed)
    cast = script.cast(others, speakers(loaded)) if script is not None else others or {}
    budget = budget_for(loaded, listed, max_tokens, max_cost)
    check_budget(budget, cast)
    check_room(loaded, settings, cast)
    kept = cache_for(cache.value)
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import; wrong input is told before

    people = [agent for agent in loaded.agents if getattr(cast[agent], "then", cast[agent]) is person]
    shown_to = people if len(people) < len(loaded.agents) else []  # who plays sees no more than its role hears
    listen = None if as_json else listener(loaded.agents, shown_to)
    with LogWriter(path) as log:
        played = Run(
            loaded,
            settings,
            cast,
            log,
            listen if script is None else script.watch(listen),
            Live(person.pick) if script is None else ActedOutside(script, person.pick if then else None),
            cache=kept,
            budget=budget,
            parallel=parallel,
            pace=pace,
        )
        to_the_end(lambda: play(played), path, script)
    report(path, as_json, folder if folder and folder.is_dir() else None)


def listener(agents: Iterable[str], shown_to: Iterable[str] = ()) -> Callable[[dict[str, Any]], None]:
    """What prints the transcript as records come, to all or only what some of the agents hear."""
    from sim.cli.show import console  # noqa: PLC0415
    from sim.read.screen import Screen  # noqa: PLC0415
    from sim.read.transcript import Transcript  # noqa: PLC0415
    from sim.record.records import READER, Header  # noqa: PLC0415

    screen = Screen(console(), agents)
    transcript: list[Transcript] = []

    def listen(record: dict[str, Any]) -> None:
        parsed = READER.validate_python(record)
        if isinstance(parsed, Header):
            transcript.append(Transcript(parsed, *shown_to))
        for entry in transcript[0].of(parsed):
            screen.show(entry)

    return listen


@dataclass(frozen=True)
class Acted:
    """What a run takes from a file of acts, if there is one."""

    acts: Acts | None
    spec: ActsFile

    def script(self, world: World) -> Script | None:
        """The acts for a world; raises ``DefinitionError`` if they do not fit it."""
        from sim.models.acting import Script  # noqa: PLC0415 - as in `run`

        return Script(self.acts, world) if self.acts is not None else None


def acted(path: Path | None, then: str | None, models: list[str] | None) -> Acted:
    """Read the file of acts, and refuse options that do not go with it.

    Raises:
        DefinitionError: naming the option, or with every problem of the file.
    """
    from sim.models.acts import ActsFile, read_acts  # noqa: PLC0415 - as in `run`

    if path is None:
        if then is not None:
            raise DefinitionError("--then says who goes on where a file of acts ends; it goes with --acts FILE")
        return Acted(None, ActsFile())
    if models:
        raise DefinitionError("with --acts the file answers for all; --then MODEL says who goes on where it ends")
    acts = read_acts(path)
    return Acted(acts, acts.spec)


def to_the_end(play: Callable[[], None], path: Path, script: Script | None = None) -> None:
    """Play, and say how to go on should it stop before the end; acts must all be played, and may end before."""
    from sim.models.acting import ActsEnded  # noqa: PLC0415 - as in `run`

    try:
        play()
        if script is not None:
            script.check_played()
    except ActsEnded as ended:
        typer.echo(f"{ended}; 'sim resume {path} --model scripted' goes on", err=True)
    except (ModelError, KeyboardInterrupt) as error:
        typer.echo(
            f"stopped; the log keeps everything before, and 'sim resume {path}' goes on from there", err=True
        )
        if isinstance(error, KeyboardInterrupt):
            raise
        raise type(error)(str(error)) from None


def told() -> None:
    """Let waits, retries and hand-overs of models be told on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("sim: %(message)s"))
    logging.getLogger("sim.models").handlers = [handler]


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        from sim.world.kinds import one_line  # noqa: PLC0415

        return one_line(super().format(record))


def models_of(given: list[str], providers: Providers) -> dict[str, Model]:
    """The models by role, agent or ``*``, as the options name them."""
    named = [_name(text) for text in given]
    if providers.base_url is not None and all(name in {"scripted", "human"} for _, name in named):
        raise DefinitionError("--base-url needs --model NAME: what the model is called there")
    return {role: providers.model(name) for role, name in named}


def _name(text: str) -> tuple[str, str]:
    """``doctor=gpt`` is the model of a role, ``gpt`` that of all."""
    role, equals, name = text.partition("=")
    if equals and not (role and name):
        raise DefinitionError(f"'{text}' is no ROLE=NAME")
    return (role, name) if equals else ("*", text)


def report(path: Path, as_json: bool, work: Path | None) -> None:
    """Print what a run came to; exits 1 where a rule of the world was broken."""
    from sim.cli.costing import amount_of  # noqa: PLC0415
    from sim.cli.show import counted, money  # noqa: PLC0415
    from sim.read.ledger import ledger  # noqa: PLC0415
    from sim.record.log import RunLog  # noqa: PLC0415
    from sim.record.records import EpisodeEnded, RunEnded  # noqa: PLC0415

    log = RunLog.open(path)
    book = ledger([log])
    total = book.total
    ends = [r for r in log.records if isinstance(r, EpisodeEnded)]
    last = log.records[-1]
    turns, minutes = (last.turns, last.time) if isinstance(last, RunEnded) else _so_far(log)
    outcomes = dict(Counter(str(end.outcome) for end in ends).most_common())
    if as_json:
        print_json(
            {
                "run": log.name,
                "world": log.header.world,
                "seed": log.header.last_seed,
                "outcome": ends[0].outcome if ends else None,
                "episodes": len(ends),
                "outcomes": outcomes,
                "turns": turns,
                "sim_minutes": minutes,
                "tokens": {
                    "prompt": total.prompt,
                    "completion": total.completion,
                    "total": total.total,
                    "estimated": bool(total.estimated),
                },
                "cost": {"amount": amount_of(book), "currency": book.currency},
                "trace": log.trace,
                "course": log.course,
                **family(log.header, total),
                "log": str(log.path),
                "work": None if work is None else str(work),
            }
        )
    else:
        part = "" if total.estimated_tokens == total.total else f"{total.estimated_tokens:,} of them "
        about = f" ({part}estimated)" if total.estimated else ""
        inherited = f" · {counted(total.inherited, 'answer')} inherited" if total.inherited else ""
        cached = f" · {counted(total.hits, 'answer')} from the cache" if total.hits else ""
        if len(ends) > 1:
            say(f"{len(ends):,} episodes: " + ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.items()))
        say(
            f"{turns} turns · {minutes:g} simulated minutes · {total.total:,} tokens{about} · "
            f"{money(total.cost, total.unpriced)}{cached}{inherited} · {log.path}"
            + (f" · files in {work}" if work else "")
        )
    if any(end.breach for end in ends):
        raise typer.Exit(1)


def _so_far(log: RunLog) -> tuple[int, float]:
    """The turns that were taken in a run without an end, and the simulated minutes of the last."""
    from sim.record.records import Turn  # noqa: PLC0415 - as in `run`

    turns = list(log.records.of(Turn))
    return len(turns), max((turn.time for turn in turns), default=0.0)


def family(header: Header, total: Row | None = None) -> dict[str, Any]:
    """What is told of a fork beside what is told of every run; nothing of others."""
    fork = header.fork
    if fork is None:
        return {}
    told = {"parent": fork.parent, "episode": fork.episode, "at": fork.at}
    return told if total is None else {**told, "inherited": {"calls": total.inherited}}
