"""Commands for worlds and personas: ``worlds``, ``personas``, ``check`` and ``graph``."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, WorldName, app, print_json, say
from sim.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from sim.proof.verdicts import Proofs


@app.command(name="worlds")
def list_all_worlds(as_json: Json = False) -> None:
    """List the worlds: yours in ./worlds, then those that come with the package. Example: sim worlds."""
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.world.folders import list_worlds, variants_of  # noqa: PLC0415
    from sim.world.source import read_yaml  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    for name, path in list_worlds().items():
        value = read_yaml(path).value
        world = value if isinstance(value, dict) else {}
        rows.append(
            {
                "world": name,
                "title": world.get("title"),
                "languages": world["languages"] if isinstance(world.get("languages"), list) else ["en"],
                "variants": list(variants_of(path)),
                "path": str(path),
            }
        )
    if as_json:
        print_json(rows)
        return
    columns = ("world", "title", "languages", "variants")
    cells = [
        [
            r["world"],
            " / ".join(map(str, r["title"].values())) if isinstance(r["title"], dict) else r["title"] or "-",
            " ".join(map(str, r["languages"])),
            " ".join(r["variants"]) or "-",
        ]
        for r in rows
    ]
    console().print(table(None, columns, cells))


def _sheets(name: str, value: Any) -> list[tuple[str, dict[str, Any], str | None]]:
    """The character sheets of a file, each with its id and its population: one, or those of several people."""
    whole = value if isinstance(value, dict) else {}
    if "population" not in whole:
        return [(name, whole, None)]
    people = whole.get("people")
    several = people.items() if isinstance(people, dict) else ()
    return [(f"{name}_{n}", sheet if isinstance(sheet, dict) else {}, name) for n, sheet in several]


@app.command(name="personas")
def list_all_personas(as_json: Json = False) -> None:
    """List the personas: yours in ./personas, then those that come with the package, and who is in a population.

    Example: sim personas
    """
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.world.folders import list_personas  # noqa: PLC0415
    from sim.world.source import read_yaml  # noqa: PLC0415

    keys = ("name", "age", "sex", "background")
    rows = [
        {"persona": persona, **{k: sheet.get(k) for k in keys}, "population": population, "path": str(path)}
        for name, path in list_personas().items()
        for persona, sheet, population in _sheets(name, read_yaml(path).value)
    ]
    if as_json:
        print_json(rows)
        return

    def words(text: Any) -> str:
        return " / ".join(map(str, text.values())) if isinstance(text, dict) else str(text or "-")

    cells = [[r["persona"], words(r["name"]), r["age"] or "-", r["sex"] or "-"] for r in rows]
    console().print(table(None, ("persona", "name", "age", "sex"), cells))


@app.command()
def check(
    world: WorldName,
    variant: Annotated[str | None, typer.Option(help="The variant of which rules are proved.")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Take longer and prove more.")] = False,
    no_code: NoCode = False,
    as_json: Json = False,
) -> None:
    """Check a world and its variants: every problem with file, line and column; and prove that its rules hold.

    Exits 1 if there is any problem. A rule that is not proved may hold all the same.

    Example: sim check ./worlds/my_world
    """
    from sim.world.folders import variants_of  # noqa: PLC0415
    from sim.world.library import check as check_world  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415
    from sim.world.ways import reachable  # noqa: PLC0415

    problems, loaded = check_world(world, code=not no_code)
    if variant is not None and not problems:
        loaded = load(world, variant=variant, code=not no_code)
    found = sorted(reachable(loaded.spec)) if loaded is not None else []
    proofs = None
    if loaded is not None and not problems:
        from sim.proof.verdicts import prove  # noqa: PLC0415 - the solver is needed for nothing else

        proofs = prove(loaded, is_deep=deep)
    if as_json:
        states = sorted(loaded.states) if loaded is not None else []
        told = {"rules": [], "never_taken": []} if proofs is None else _told(proofs)
        rows = [asdict(p) for p in problems]
        print_json({"ok": not problems, "problems": rows, "states": states, "reachable": found, **told})
    elif loaded is None or proofs is None:
        for problem in problems:
            say(str(problem))
        say(f"{len(problems)} problem{'s' if len(problems) != 1 else ''}")
    else:
        variants = variants_of(world)
        also = f", and its variants {', '.join(variants)}" if variants else ""
        say(f"{loaded.name}: no problem{also}")
        _say_proofs(proofs, f"{loaded.name} ({variant})" if variant else loaded.name)
    raise typer.Exit(1 if problems else 0)


def _told(proofs: Proofs) -> dict[str, Any]:
    return {
        "rules": [asdict(verdict) for verdict in proofs.verdicts],
        "never_taken": [asdict(arrow) for arrow in proofs.never_taken],
    }


def _say_proofs(proofs: Proofs, name: str) -> None:
    """Print which rules hold in every run, and which are not decided and why."""
    rules = len(proofs.verdicts)
    if rules:
        say(f"{name}: {proofs.proved} of {rules} rule{'s' if rules > 1 else ''} proved for every run")
    for verdict in proofs.verdicts:
        where = "never" if verdict.outcome is None else f"at the end {verdict.outcome}"
        why = f" ({verdict.why})" if verdict.why else ""
        say(f"  {verdict.verdict:<11}  {where}: {verdict.rule}{why}")
    for arrow in proofs.never_taken:
        say(f"  never taken  {arrow.state} → {arrow.to}{f': {arrow.guard}' if arrow.guard else ''}")
    if proofs.may_go_deeper:
        say("  --deep takes longer and may prove more")


class Picture(StrEnum):
    """How the machine is drawn."""

    mmd = "mmd"
    svg = "svg"
    dot = "dot"


@app.command()
def graph(
    world: WorldName,
    to: Annotated[Picture | None, typer.Option(help="The format; else the ending of -o, else mmd.")] = None,
    lang: Annotated[str | None, typer.Option(help="The language of the labels.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    no_code: NoCode = False,
    speakers: Annotated[bool, typer.Option("--speakers", help="Draw who may speak after whom instead.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; the terminal if left out.")] = None,
) -> None:
    """Draw the state machine, or who may speak after whom. Example: sim graph hospital_visit -o visit.svg."""
    from sim.read import graph as machine  # noqa: PLC0415
    from sim.read import speakers as talk  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    loaded = load(world, variant=variant, code=not no_code)
    language = lang or loaded.spec.languages[0]
    if not loaded.is_language(language):
        raise DefinitionError(
            f"'{loaded.name}' does not speak '{language}'{did_you_mean(language, loaded.spec.languages)}"
        )
    ending = out.suffix.removeprefix(".").lower() if out is not None else "mmd"
    kind = to.value if to is not None else ending
    of = talk if speakers else machine
    makers = {"mmd": of.to_mermaid, "svg": of.to_svg, "dot": of.to_dot}
    if kind not in makers:
        raise DefinitionError(f"cannot draw '.{kind}'{did_you_mean(kind, makers)}")
    text = makers[kind](loaded, language)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DefinitionError(f"cannot write {out}: {error.strerror}") from None
    say(str(out))
