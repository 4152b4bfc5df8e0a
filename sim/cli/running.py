"""Commands that play: ``run`` and ``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, NoCode, RunName, WorldName, app, pairs, print_json, say
from sim.errors import DefinitionError, ModelError


@app.command()
def run(
    world: WorldName,
    seed: Annotated[int, typer.Option(help="What all random choices follow from.")] = 0,
    lang: Annotated[str | None, typer.Option(help="One of the world's languages, such as zh.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="Start with this fact. Repeatable.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ROLE=]NAME",
            help="Who answers: 'scripted', 'human', or a model's name at its endpoint; for all, or for a role or "
            "agent. Repeatable.",
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible URL, as http://127.0.0.1:8080/v1.")
    ] = None,
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Sampling temperature of the model.")
    ] = None,
    allow_exec: Annotated[
        bool, typer.Option("--allow-exec", help="Let code that agents write be run, in --work-dir.")
    ] = False,
    work_dir: Annotated[
        Path | None, typer.Option(help="The folder in which code is run; work/ID if left out.")
    ] = None,
    no_code: NoCode = False,
    out: Annotated[Path | None, typer.Option(help="Where the log goes; runs/ID.jsonl if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Run a world and stream its transcript.

    Example: sim run hospital_visit --seed 7 --lang zh --variant triage
    """
    from sim.cli.person import Person  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.cli.show import Screen  # noqa: PLC0415
    from sim.models.outside import Live  # noqa: PLC0415
    from sim.read.transcript import Transcript  # noqa: PLC0415
    from sim.record.log import LogWriter, RunLog, free_path  # noqa: PLC0415
    from sim.record.records import READER, Header  # noqa: PLC0415
    from sim.stage.casting import models_for  # noqa: PLC0415
    from sim.stage.run import Run, parse_facts, settings_for  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    loaded = load(world, variant=variant, code=not no_code)
    facts = parse_facts(loaded, pairs(set_ or []))
    settings = settings_for(loaded, seed=seed, language=lang, facts=facts)
    path = out or free_path(Path("runs"), loaded.name, seed)
    folder = (work_dir or Path("work") / path.name.removesuffix(".jsonl")) if allow_exec else None
    person = Person()
    given = _models(model or [], person, base_url, key_env, temperature)
    cast = models_for(loaded, given, human=person, exec_folder=folder)
    from sim.stage.adapter.chat import play  # noqa: PLC0415 - AutoGen is slow to import; wrong input is told before

    people = [agent for agent in loaded.agents if cast[agent] is person]
    shown_to = people if len(people) < len(loaded.agents) else []  # who plays sees no more than its role hears
    screen = Screen(loaded.agents)
    transcript: list[Transcript] = []

    def listen(record: dict[str, Any]) -> None:
        if as_json:
            return
        parsed = READER.validate_python(record)
        if isinstance(parsed, Header):
            transcript.append(Transcript(parsed, *shown_to))
        for entry in transcript[0].of(parsed):
            screen.show(entry)

    with LogWriter(path) as log:
        try:
            play(Run(loaded, settings, cast, log, listen, Live(person.pick)))
        except (ModelError, KeyboardInterrupt) as error:
            typer.echo(f"stopped; the log keeps everything before: {path}", err=True)
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ModelError(str(error)) from None
    _report(RunLog.open(path), as_json, folder if folder and folder.is_dir() else None)


def _models(
    given: list[str], person: Any, base_url: str | None, key_env: str, temperature: float | None
) -> dict[str, Any]:
    """The models by role, agent or ``*``, as the options name them."""
    from sim.models.scripted import Scripted  # noqa: PLC0415

    if base_url is not None and not any(_name(text)[1] not in {"scripted", "human"} for text in given):
        raise DefinitionError("--base-url needs --model NAME: what the model is called there")
    made: dict[str, Any] = {"scripted": Scripted(), "human": person}
    models: dict[str, Any] = {}
    for text in given:
        role, name = _name(text)
        if name not in made:
            from sim.stage.adapter.endpoint import Endpoint  # noqa: PLC0415 - AutoGen is slow to import

            made[name] = Endpoint(name, base_url=base_url, key_name=key_env, temperature=temperature)
        models[role] = made[name]
    return models


def _name(text: str) -> tuple[str, str]:
    """``doctor=gpt`` is the model of a role, ``gpt`` that of all."""
    role, equals, name = text.partition("=")
    if equals and not (role and name):
        raise DefinitionError(f"'{text}' is no ROLE=NAME")
    return (role, name) if equals else ("*", text)


def _report(log: Any, as_json: bool, work: Path | None) -> None:
    from sim.cli.show import amount  # noqa: PLC0415
    from sim.read.ledger import ledger  # noqa: PLC0415
    from sim.record.records import EpisodeEnded, RunEnded  # noqa: PLC0415

    total = ledger([log]).total
    ends = [r for r in log.records if isinstance(r, EpisodeEnded)]
    last = log.records[-1]
    turns, minutes = (last.turns, last.time) if isinstance(last, RunEnded) else (0, 0.0)
    cost = None if total.unpriced else total.cost
    if as_json:
        print_json(
            {
                "run": log.name,
                "world": log.header.world,
                "seed": log.header.seed,
                "outcome": ends[0].outcome if ends else None,
                "episodes": len(ends),
                "turns": turns,
                "sim_minutes": minutes,
                "tokens": {
                    "prompt": total.prompt,
                    "completion": total.completion,
                    "total": total.total,
                    "estimated": bool(total.estimated),
                },
                "cost": {"amount": None if cost is None else float(cost), "currency": "USD"},
                "trace": log.trace,
                "log": str(log.path),
                "work": None if work is None else str(work),
            }
        )
    else:
        about = " (estimated)" if total.estimated else ""
        say(
            f"{turns} turns · {minutes:g} simulated minutes · {total.total:,} tokens{about} · "
            f"{amount(cost, 'USD')} · {log.path}" + (f" · files in {work}" if work else "")
        )
    if any(end.breach for end in ends):
        raise typer.Exit(1)


@app.command()
def verify(run: RunName = None, as_json: Json = False) -> None:
    """Check a log's hashes, and play the run again on its recorded answers.

    Exits 1 and names the first record that differs. Example: sim verify hospital_visit-s7-1
    """
    from sim.read.verify import verify as check_log  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    verdict = check_log(RunLog.open(find_run(run)))
    if as_json:
        answer: dict[str, Any] = {"ok": verdict.ok, "turns": verdict.turns, "trace": verdict.trace}
        if not verdict.ok:
            answer["difference"] = {"record": verdict.record, "reason": verdict.reason}
        print_json(answer)
    elif verdict.ok:
        say(f"verified: {verdict.turns} turns, trace {verdict.trace}")
    else:
        say(f"not verified: {verdict.reason}")
    raise typer.Exit(0 if verdict.ok else 1)
