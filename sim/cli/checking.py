"""``sim check``: every problem of a world, and what is proved of its rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, WorldName, app, print_json, say
from sim.cli.problems import Shape, as_row, say_problems

if TYPE_CHECKING:
    from sim.proof.verdicts import Proofs


@app.command()
def check(
    world: WorldName,
    variant: Annotated[str | None, typer.Option(help="The variant of which rules are proved.")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Take longer and prove more.")] = False,
    no_code: NoCode = False,
    shape: Annotated[
        Shape, typer.Option("--format", help="text for people, or lines: a problem a line, as editors read them.")
    ] = Shape.TEXT,
    as_json: Json = False,
) -> None:
    """Check a world and its variants: every problem with file, line and column; and prove that its rules hold.

    Exits 1 if there is any problem, be it an error (the world cannot be run) or a warning. A rule that is not
    proved may hold all the same.

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
        rows = [as_row(p) for p in problems]
        print_json({"ok": not problems, "problems": rows, "states": states, "reachable": found, **told})
    elif loaded is None or proofs is None:
        say_problems(problems, shape)
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
