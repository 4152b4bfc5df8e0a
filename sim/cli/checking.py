"""``sim check``: every problem of a world, what its runs can come to, and what is proved of its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, WorldName, app, print_json, say
from sim.cli.problems import Shape, as_row, say_problems
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.explore.examples import Example
    from sim.proof.examining import Examined

_APART = re.compile(r"[^\w-]+")
"""What is no part of a file's name."""


@app.command()
def check(
    world: WorldName,
    variant: Annotated[str | None, typer.Option(help="The variant whose runs are looked at.")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Take longer, find and prove more.")] = False,
    examples: Annotated[
        Path | None, typer.Option(help="Write an acts file here for each end, and each rule that can be broken.")
    ] = None,
    no_code: NoCode = False,
    shape: Annotated[
        Shape, typer.Option("--format", help="text for people, or lines: a problem a line, as editors read them.")
    ] = Shape.TEXT,
    as_json: Json = False,
) -> None:
    """Check a world and its variants: every problem with file, line and column; what runs come to; what is proved.

    Exits 1 if there is any problem, be it an error (the world cannot be run) or a warning; if a run can break a
    rule, or if one can break off. A rule that is neither proved nor refuted may hold all the same.

    Example: sim check ./worlds/my_world
    """
    from sim.world.folders import variants_of  # noqa: PLC0415
    from sim.world.library import check as check_world  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415
    from sim.world.ways import reachable  # noqa: PLC0415

    problems, loaded = check_world(world, code=not no_code)
    if variant is not None and loaded is not None:
        loaded = load(world, variant=variant, code=not no_code)
    examined = None
    if loaded is not None:
        from sim.proof.examining import examine  # noqa: PLC0415 - the solver is needed for nothing else

        examined = examine(loaded, is_deep=deep)
    if as_json:
        rows = [as_row(p) for p in problems]
        states = sorted(loaded.states) if loaded is not None else []
        found = sorted(reachable(loaded.spec)) if loaded is not None else []
        told = {"ends": [], "rules": [], "never_taken": []} if examined is None else _told(examined)
        print_json({"ok": not problems, "problems": rows, "states": states, "reachable": found, **told})
    elif problems:
        say_problems(problems, shape)
    elif loaded is not None and shape is Shape.TEXT:
        variants = variants_of(world)
        also = f", and its variants {', '.join(variants)}" if variants else ""
        say(f"{loaded.name}: no problem{also}")
    if examined is not None and shape is Shape.TEXT and not as_json:
        for line in _lines(examined, f"{examined.world.name} ({variant})" if variant else examined.world.name):
            say(line)
    if examined is not None and examples is not None:
        for path in _write(examined, examples):
            say(f"{path}", err=as_json)
    raise typer.Exit(0 if examined is not None and examined.is_sound and not problems else 1)


def _told(examined: Examined) -> dict[str, Any]:
    """What is found out, as JSON."""
    from sim.explore.writing import as_acts  # noqa: PLC0415

    def example(given: Example | None) -> dict[str, Any] | None:
        if given is None:
            return None
        return {
            "turns": given.length,
            "is_shortest": given.is_shortest,
            "hangs_on_others": given.hangs_on_others,
            "acts": as_acts(examined.world, given),
        }

    explored = examined.explored
    return {
        "ends": [
            {"end": name, "is_reached": name in explored.ends, "example": example(explored.ends.get(name))}
            for name in examined.world.spec.ends
        ],
        "rules": [{**asdict(v), "example": example(examined.refutation(v))} for v in examined.verdicts],
        "breaks_off": [{"why": why, "example": example(given)} for why, given in explored.stuck.items()],
        "never_ends": example(explored.endless),
        "never_taken": [asdict(arrow) for arrow in examined.never_taken],
        "not_taken": [asdict(arrow) for arrow in examined.untried],
        "is_whole": explored.is_whole,
        "turns_tried": explored.tried,
    }


def _lines(examined: Examined, name: str) -> Iterator[str]:
    """What is found out, for people."""
    yield from _ends(examined, name)
    rules = len(examined.verdicts)
    if rules:
        yield f"{name}: {examined.proved} of {rules} rule{'s' if rules > 1 else ''} proved for every run"
    for verdict in examined.verdicts:
        where = "never" if verdict.outcome is None else f"at the end {verdict.outcome}"
        why = f" ({verdict.why})" if verdict.why else ""
        yield f"  {verdict.verdict:<11}  {where}: {verdict.rule}{why}"
        yield from _example(examined.refutation(verdict))
    if any(verdict.verdict == "not decided" for verdict in examined.verdicts):
        yield f"  not decided: not proved, and not broken in any of the {examined.explored.tried:,} turns tried"
    for why, given in examined.explored.stuck.items():
        yield f"  breaks off   {why}"
        yield from _example(given)
    for taken in examined.never_taken:
        yield f"  never taken  {taken.state} → {taken.to}{f': {taken.guard}' if taken.guard else ''}"
    if examined.may_go_deeper:
        yield "  --deep takes longer and may prove more"


def _ends(examined: Examined, name: str) -> Iterator[str]:
    explored, spec = examined.explored, examined.world.spec
    reached = sum(end in explored.ends for end in spec.ends)
    ends = f"{reached} of {len(spec.ends)} end{'s' if len(spec.ends) > 1 else ''} reached"
    yield f"{name}: {ends}; every run ends by its limit of {spec.limits.turns} turns"
    for end in spec.ends:
        given = explored.ends.get(end)
        if given is None:
            why = "by no run of seed 1" if explored.is_whole else "no way there was found"
            yield f"  not reached  {end}: {why}"
            continue
        least = " and no fewer" if given.is_shortest else ""
        others = " if others do their part" if given.hangs_on_others else ""
        options = "".join(f" --set {key}={value}" for key, value in given.facts.items())
        yield f"  reached      {end}: in {given.length} turns{least}{others}{f' with{options}' if options else ''}"
    if explored.endless is not None:
        state = explored.endless.place.situation.state
        yield f"  never ends   but by the limit of turns, once it is in {state} so:"
        yield from _example(explored.endless)


def _example(given: Example | None) -> Iterator[str]:
    from sim.explore.writing import as_lines  # noqa: PLC0415

    if given is not None:
        yield from (f"       {line}" for line in as_lines(given))


def _write(examined: Examined, folder: Path) -> Iterator[Path]:
    """Write the examples that a run can play again; what hangs on other episodes no file can say."""
    from sim.explore.writing import as_acts  # noqa: PLC0415
    from sim.models.acts import to_yaml  # noqa: PLC0415

    explored = examined.explored
    named = [(f"end-{end}", given) for end, given in explored.ends.items()]
    named += [(f"breaks-{rule}", given) for (rule, _), given in explored.broken.items()]
    named += [(f"breaks-off-{why}", given) for why, given in explored.stuck.items()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, given in named:
            if given.hangs_on_others:
                continue
            path = folder / f"{_APART.sub('-', name).strip('-')[:80]}.yaml"
            path.write_text(to_yaml(as_acts(examined.world, given)), encoding="utf-8")
            yield path
    except OSError as error:
        raise DefinitionError(f"cannot write {error.filename or folder}: {error.strerror}") from None
