"""The command about tokens and money: ``cost``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, app, print_json, say
from sim.errors import RunLogError


class By(StrEnum):
    """What the ledger's rows have in common."""

    role = "role"
    state = "state"
    model = "model"
    episode = "episode"
    purpose = "purpose"
    run = "run"
    world = "world"


@app.command()
def cost(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Run ids, log files or folders of logs; the latest if left out.", metavar="RUN…"),
    ] = None,
    by: Annotated[By, typer.Option(help="What a row adds up.")] = By.role,
    price_as: Annotated[
        str | None, typer.Option(metavar="MODEL", help="What the same tokens would cost at this model's price.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show where the tokens and the money went. Example: sim cost --by state --price-as gpt-4."""
    from sim.cli.show import bars, console, watched  # noqa: PLC0415
    from sim.read.ledger import ledger  # noqa: PLC0415
    from sim.record.log import RunLog  # noqa: PLC0415

    book = ledger(map(RunLog.open, watched(_logs(runs or []), "reading")), by.value, price_as)
    if as_json:
        print_json(_as_json(book, price_as))
        return
    screen = console()
    screen.print(_table(book, by.value, screen))
    _explain(book.total, price_as)
    phases = bars(book.phases, book.labels)
    if phases is not None:
        say("")
        screen.print(phases)


def _logs(runs: list[str]) -> list[Path]:
    """The logs that are named, each once; a folder names all that are in it.

    Raises:
        RunLogError: naming the one that is not there, or the folder that has none.
    """
    from sim.record.log import find_run, list_logs  # noqa: PLC0415

    if not runs:
        return [find_run(None)]
    found: dict[Path, Path] = {}
    for run in runs:
        logs = list_logs(Path(run)) if run and Path(run).is_dir() else [find_run(run)]
        if not logs:
            raise RunLogError(f"no logs in the folder {run}")
        for path in logs:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _table(book: Any, by: str, screen: Any) -> Any:
    """The rows, with the columns that tell something; where it gets narrow, sums stand for their parts."""
    total = book.total
    is_mixed = bool(total.estimated_tokens and total.reported_tokens)
    needless = (set() if total.hits else {"hits"}) | (set() if is_mixed else {"reported", "estimated"})
    made = None
    for parts in (set(), {"reported"}, {"reported", "prompt", "completion"}):
        made = _table_without(needless | parts, book, by)
        if screen.measure(made, options=screen.options.update(width=1000)).minimum <= screen.width:
            break
    return made


def _table_without(left_out: set[str], book: Any, by: str) -> Any:
    from sim.cli.show import money, table  # noqa: PLC0415

    cells = []
    shown: list[str] = []
    for row in (*book.rows, book.total):
        mark = "~" if row.estimated_tokens else ""
        cell = {
            by: row.key,
            "calls": f"{row.calls:,}",
            "hits": f"{row.hits:,}",
            "prompt": f"{row.prompt:,}",
            "completion": f"{row.completion:,}",
            "reported": f"{row.reported_tokens:,}",
            "estimated": f"{mark}{row.estimated_tokens:,}",
            "total": f"{mark}{row.total:,}",
            "cost": money(row.cost, row.unpriced),
        }
        shown = [name for name in cell if name not in left_out]
        cells.append([cell[name] for name in shown])
    made = table(None, shown, cells, right=1)
    for column in made.columns[1:-1]:
        column.no_wrap = True
    return made


def _explain(total: Any, price_as: str | None) -> None:
    """The notes under the table."""
    from sim.cli.show import counted, money  # noqa: PLC0415

    if total.estimated_tokens:
        say("~ counted here with an offline tokenizer, not by the provider")
    if total.hits:
        saved = f"{total.saved_tokens:,} tokens, {money(total.saved_cost, total.saved_unpriced)}"
        say(f"hits: {counted(total.hits, 'answer')} from the cache; saved {saved}")
    if price_as:
        say(f"cost: what these tokens would cost as {price_as}")


def amount_of(book: Any) -> float | None:
    """The cost in its one currency; None where it is not all known, or in several."""
    total = book.total
    return None if total.unpriced or book.currency is None else float(sum(total.cost.values()))


def _as_json(book: Any, price_as: str | None) -> dict[str, Any]:
    return {
        "total_tokens": book.total.total,
        "total_cost": amount_of(book),
        "currency": book.currency,
        "session_id": ",".join(book.runs),
        "price_as": price_as,
        **_sums(book.total),
        "rows": [_row(r) for r in book.rows],
    }


def _row(row: Any) -> dict[str, Any]:
    from sim.read.ledger import told  # noqa: PLC0415

    amounts = list(told(row.cost).values())
    return {
        "key": row.key,
        "prompt": row.prompt,
        "completion": row.completion,
        "cached": row.cached,
        "total": row.total,
        "cost": None if row.unpriced or len(amounts) > 1 else float(sum(amounts)),
        **_sums(row),
    }


def _sums(row: Any) -> dict[str, Any]:
    """What is told of a row and of the total alike; money is exact text."""
    return {
        "calls": row.calls,
        "hits": row.hits,
        "costs": _exact(row.cost),
        "unpriced_calls": row.unpriced,
        "estimated_calls": row.estimated,
        "estimated_tokens": row.estimated_tokens,
        "reported_tokens": row.reported_tokens,
        "saved": {
            "tokens": row.saved_tokens,
            "costs": _exact(row.saved_cost),
            "unpriced_calls": row.saved_unpriced,
        },
    }


def _exact(sums: Any) -> dict[str, str]:
    from sim.read.ledger import told  # noqa: PLC0415
    from sim.world.kinds import show_number  # noqa: PLC0415

    return {currency: show_number(amount) for currency, amount in told(sums).items()}
