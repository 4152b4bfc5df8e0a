"""Commands that hold a log against something: ``diff`` against another one, ``audit`` against what must hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, RunName, app, print_json, say

if TYPE_CHECKING:
    from sim.read.diff import Diff, Sums

_SHOWN = 300
"""Characters of a value that differs; `--json` has all."""


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="A run's id or log file.", metavar="A")],
    b: Annotated[str, typer.Argument(help="Another run's.", metavar="B")],
    as_json: Json = False,
) -> None:
    """Say where two runs part, by what, and what each came to.

    Exits 1 if they differ. Example: sim diff werewolf-s7-1 werewolf-s8-1
    """
    from sim.read.diff import diff as compare  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    found = compare(RunLog.open(find_run(a)), RunLog.open(find_run(b)))
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)
    raise typer.Exit(0 if found.is_equal else 1)


def _as_json(found: Diff) -> dict[str, Any]:
    first = found.first
    return {
        "equal": found.is_equal,
        "same_world": found.is_of_one_world,
        "world_parts": list(found.worlds) if found.is_of_one_world else [],
        "settings": list(found.settings),
        "first_difference": first
        and {"episode": first.episode, "turn": first.turn, "what": first.what, "a": first.a, "b": first.b},
        "a": _sums(found.a),
        "b": _sums(found.b),
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "run": sums.run,
        "world": sums.world,
        "outcome": sums.outcome,
        "turns": sums.turns,
        "sim_minutes": sums.sim_minutes,
        "tokens": {"prompt": sums.prompt, "completion": sums.completion, "total": sums.total},
        "cost": dict(sums.cost),
        "unpriced": sums.unpriced,
    }


def _print(found: Diff) -> None:
    from sim.cli.show import console, table  # noqa: PLC0415

    a, b = found.a, found.b
    if not found.is_of_one_world:
        say(f"these are runs of different worlds: {a.world} and {b.world}")
    elif found.worlds:
        say(f"these are runs of two versions of {a.world}, which differ in: {', '.join(found.worlds)}")
    if found.settings:
        say(f"they were run with another {', '.join(found.settings)}")
    if found.first is None:
        say("every turn is the same")
    else:
        where = f"turn {found.first.turn}" if found.first.turn else "before the first turn"
        where += f" of episode {found.first.episode}" if found.first.episode > 1 else ""
        say(f"they part at {where}, by {found.first.what.replace('_', ' ')}:")
        say(f"  A  {shown(found.first.a)}")
        say(f"  B  {shown(found.first.b)}")
    rows = [
        ["run", a.run, b.run],
        ["outcome", a.outcome or "not ended", b.outcome or "not ended"],
        ["turns", str(a.turns), str(b.turns)],
        ["simulated minutes", f"{a.sim_minutes:g}", f"{b.sim_minutes:g}"],
        ["tokens", f"{a.total:,}", f"{b.total:,}"],
        ["cost", _cost(a), _cost(b)],
    ]
    console().print(table(None, ("", "A", "B"), rows))


def _cost(sums: Sums) -> str:
    known = [f"{amount} {currency}" for currency, amount in sums.cost.items()]
    unknown = [f"{sums.unpriced} calls unknown"] if sums.unpriced else []
    return " + ".join(known + unknown) or "0"


def shown(value: Any) -> str:
    """A value of a log for people, in a line."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        text = ", ".join(f"{k}={shown(v) if v is not None else 'null'}" for k, v in value.items()) or "nothing"
    elif isinstance(value, str):
        text = value or "no words"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


@app.command()
def audit(run: RunName = None, as_json: Json = False) -> None:
    """Check a log: that no prompt held what its reader may not know, that no rule was broken, that sums add up.

    A line for each check; exits 1 if one fails, and names the first record that is wrong. Example: sim audit
    """
    from sim.read.audit import audit as check_log  # noqa: PLC0415 - as above
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    found = check_log(RunLog.open(find_run(run)))
    if as_json:
        checks = [{"check": c.name, "ok": c.ok, "told": c.told, "record": c.record} for c in found.checks]
        breaches = [c for c in checks if not c["ok"]]
        print_json({"ok": found.ok, "checks": checks, "breach": breaches[0] if breaches else None})
    else:
        for check in found.checks:
            where = "" if check.record is None else f"record {check.record}: "
            say(f"{check.name:11} {'ok' if check.ok else 'BREACH'}: {where}{check.told}")
    raise typer.Exit(0 if found.ok else 1)
