"""``sim new world``: a world to begin with, from a template, in the user's own words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.app import Json, new_app, print_json, say
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.creating.scaffold import Plan, Written

_DEFAULT = "procedure"
_BOTH = "en,zh"


@new_app.command(name="world")
def new_world(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What it is called, in any script.")] = None,
    template: Annotated[
        str | None, typer.Option("--from", metavar="TEMPLATE", help=f"The shape of it; {_DEFAULT} if left out.")
    ] = None,
    lang: Annotated[
        str | None, typer.Option(help=f"Its languages, the first one first; {_BOTH} if left out.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="ID[=NAME]", help="A role, in place of the template's. Repeatable.")
    ] = None,
    phase: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=ROLE]", help="A phase, in place of the template's; whose it is. Repeatable."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="What people read for it.")] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where its folder is made.")] = Path("worlds"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; what is not given is the template's.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="List the templates.")] = False,
    as_json: Json = False,
) -> None:
    """Write a world that checks, runs and passes its test. At a terminal, asks for what is not given.

    Example: sim new world visa_counter --from procedure --role applicant --role clerk --role officer
    """
    if show:
        _list(as_json, "zh" if (lang or "").startswith("zh") else "en")
        return
    may_ask = sys.stdin.isatty() and not (yes or as_json)
    if name is None and may_ask:
        name = str(typer.prompt("what is it called")).strip()
    if name is None:
        raise DefinitionError("a world needs a name: sim new world NAME; --list shows the templates")
    from sim.creating.scaffold import Plan, create_world  # noqa: PLC0415 - heavy; `sim --help` needs none of it

    plan = Plan(
        name, template or _DEFAULT, _split(lang or _BOTH), tuple(role or ()), tuple(phase or ()), title or "", out
    )
    is_whole = template is not None and lang is not None and bool(role)
    if may_ask and not is_whole:
        plan = _asked(plan, template, lang)
    written = create_world(plan)
    if as_json:
        print_json(
            {
                "world": written.world,
                "folder": str(written.folder),
                "template": plan.template,
                "languages": list(plan.languages),
                "files": [str(path) for path in written.files],
            }
        )
        return
    _tell(written, plan)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip())


def _list(as_json: bool, language: str = "en") -> None:
    from sim.creating.templates import find_template, list_templates  # noqa: PLC0415 - as above

    found = [find_template(name) for name in list_templates()]
    if as_json:
        print_json([{"template": each.name, "about": dict(each.about)} for each in found])
        return
    for each in found:
        say(f"{each.name:13} {each.about[language]}")


def _asked(plan: Plan, template: str | None, lang: str | None) -> Plan:
    """Ask for what was not given; an empty answer takes what is shown."""
    from dataclasses import replace  # noqa: PLC0415 - used nowhere else

    from sim.creating.templates import find_template  # noqa: PLC0415

    def ask(what: str, default: str) -> str:
        return str(typer.prompt(what, default=default)).strip()

    if template is None:
        _list(as_json=False)
        plan = replace(plan, template=ask("from which template", _DEFAULT))
    shape = find_template(plan.template)
    if lang is None:
        plan = replace(plan, languages=_split(ask("languages, the first one first", _BOTH)))
    own = "the template's"
    if not plan.title:
        given = ask("title", own)
        plan = replace(plan, title="" if given == own else given)
    if not plan.roles:
        known = ", ".join(part.id for part in shape.roles)
        given = ask(f"roles, with commas between ({shape.role_range.what['en']})", known)
        plan = replace(plan, roles=() if given == known else _split(given))
    if not plan.phases and shape.phases:
        known = own if plan.roles else ", ".join(part.id for part in shape.phases)
        given = ask(f"phases, with commas between ({shape.phase_range.what['en']})", known)
        plan = replace(plan, phases=() if given == known else _split(given))
    return plan


def _tell(written: Written, plan: Plan) -> None:
    """Say what was written, and what to do next."""
    for path in written.files:
        say(f"wrote {path}")
    place = written.place
    spoken = " --lang zh" if plan.languages[0] != "zh" and "zh" in plan.languages else ""
    say(f"\nit checks, runs and passes its test; what to do next stands in {written.folder / 'README.md'}:")
    commands = [
        f"sim run {place} --seed 7{spoken}",
        f"sim check {place}",
        f"sim test {place}",
        f"sim graph {place}",
    ]
    for command in commands:
        say(f"  {command}")
    from sim.world.folders import search_path  # noqa: PLC0415

    own, bundled = search_path("worlds")
    if written.folder.parent == own and (bundled / written.world).is_dir() and own.resolve() != bundled.resolve():
        say(f"commands here now take this '{written.world}' in place of the package's")
