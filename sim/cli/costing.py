"""Commands about tokens and money: ``cost``, of runs that were, and ``estimate``, before one is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.cli.app import Json, NoCode, WorldName, app, pairs, print_json, say
from sim.errors import DefinitionError, RunLogError

MOST_ROWS = 1000
"""Rows of a table; `--json` has all."""

MEASURES = {
    "turns": "turns",
    "calls": "calls",
    "prompt": "prompt tokens",
    "completion": "completion tokens",
    "total": "total tokens",
    "cost": "cost",
}


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
    from sim.models import catalog  # noqa: PLC0415
    from sim.read.ledger import ledger  # noqa: PLC0415
    from sim.record.log import RunLog  # noqa: PLC0415

    priced = catalog.price_as(price_as) if price_as is not None else None
    logs = (RunLog.open(path, check=False) for path in watched(_logs(runs or []), "reading"))
    book = ledger(logs, by.value, priced)
    if as_json:
        print_json(_as_json(book, price_as))
        return
    screen = console()
    screen.print(_table(book, by.value, screen))
    if len(book.rows) > MOST_ROWS:
        say(f"the first {MOST_ROWS:,} of {len(book.rows):,} rows; --json has all")
    _explain(book.total, price_as)
    phases = bars(book.phases[:MOST_ROWS], book.labels)
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
    needless |= set() if total.inherited else {"inherited"}
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
    for row in (*book.rows[:MOST_ROWS], book.total):
        mark = "~" if row.estimated_tokens else ""
        cell = {
            by: row.key,
            "calls": f"{row.calls:,}",
            "hits": f"{row.hits:,}",
            "inherited": f"{row.inherited:,}",
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
    if total.inherited:
        spent = f"{total.inherited_tokens:,} tokens, {money(total.inherited_cost, total.inherited_unpriced)}"
        answers = counted(total.inherited, "answer")
        say(f"inherited: {answers} from the run that was forked, at no cost here; there they took {spent}")
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
        "inherited": {
            "calls": row.inherited,
            "tokens": row.inherited_tokens,
            "costs": exact(row.inherited_cost),
            "unpriced_calls": row.inherited_unpriced,
        },
        "costs": exact(row.cost),
        "unpriced_calls": row.unpriced,
        "estimated_calls": row.estimated,
        "estimated_tokens": row.estimated_tokens,
        "reported_tokens": row.reported_tokens,
        "saved": {
            "tokens": row.saved_tokens,
            "costs": exact(row.saved_cost),
            "unpriced_calls": row.saved_unpriced,
        },
    }


def exact(sums: Any) -> dict[str, str]:
    """Sums of money as text, to the last digit."""
    from sim.read.ledger import told  # noqa: PLC0415
    from sim.world.kinds import show_number  # noqa: PLC0415

    return {currency: show_number(amount) for currency, amount in told(sums).items()}


@app.command()
def estimate(
    world: WorldName,
    model: Annotated[str, typer.Option(metavar="NAME", help="The model that would play all roles.")],
    episodes: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many episodes are to be paid.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="How many seeds are tried.")] = 20,
    lang: Annotated[str | None, typer.Option(help="One of the world's languages, such as zh.")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant of the world.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FACT=VALUE", help="Start with this fact. Repeatable.")
    ] = None,
    no_code: NoCode = False,
    as_json: Json = False,
) -> None:
    """Say what a world would take with a model, before anything is paid: it is played by its script.

    Example: sim estimate hospital_visit --model gpt-4 --episodes 40
    """
    from sim.cli.show import watched  # noqa: PLC0415
    from sim.models import catalog  # noqa: PLC0415
    from sim.models.prices import listed  # noqa: PLC0415
    from sim.read import estimate as reckoning  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.stage.run import parse_facts, settings_for  # noqa: PLC0415
    from sim.world.library import load  # noqa: PLC0415

    if model in {"scripted", "human"} or "=" in model or "," in model:
        raise DefinitionError(f"--model {model}: name the one real model that would play all roles")
    loaded = load(world, variant=variant, code=not no_code)
    facts = parse_facts(loaded, pairs(set_ or []))
    settings = [settings_for(loaded, seed=seed, language=lang, facts=facts) for seed in range(seeds)]
    entry = catalog.load().entry(model)
    own = (
        None if entry is None else entry.price.price() if entry.price is not None else listed(entry.model or model)
    )
    found = reckoning.estimate(loaded, watched(settings, "playing"), model, own)
    if as_json:
        print_json(_estimate_as_json(found, episodes))
    else:
        _tell_estimate(found, episodes)


def _estimate_as_json(found: Any, episodes: int) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    per_episode = {name: found.spread(name) for name in MEASURES}
    tokens, money = found.sum("total", episodes), found.sum("cost", episodes)
    unknown = {"low": None, "mean": None, "high": None}
    return {
        "world": found.world,
        "model": found.model,
        "seeds": len(found.played),
        "episodes": episodes,
        "per_episode": {name: None if spread is None else asdict(spread) for name, spread in per_episode.items()},
        "total": {
            "tokens": asdict(tokens),
            "cost": {**(unknown if money is None else asdict(money)), "currency": found.currency},
        },
        "notes": list(found.rough),
    }


def _tell_estimate(found: Any, episodes: int) -> None:
    from sim.cli.show import console, counted, table  # noqa: PLC0415

    cells = []
    for name, title in MEASURES.items():
        spread = found.spread(name)
        words = f"{title}, {found.currency}" if name == "cost" and found.currency else title
        numbers = (spread.min, spread.median, spread.mean, spread.max, spread.sd) if spread else ("unknown",) * 5
        cells.append([words, *(_number(n, name) for n in numbers)])
    seeds = len(found.played)
    columns = ("an episode", "minimum", "median", "mean", "maximum", "sd")
    say(f"{found.world} as {found.model}, played by its script with {counted(seeds, 'seed')}")
    console().print(table(None, columns, cells, right=1))
    if episodes > 1:
        say(f"\n{counted(episodes, 'episode')}: {_sum(found, 'total', episodes)} tokens, {_cost(found, episodes)}")
        if seeds > 1:
            rule = f"N × mean ± 1.645 sd √(N + N²/{seeds})"
            say(f"in brackets: where 90 % of such totals lie, by the normal approximation {rule}")
    say("")
    for note in found.rough:
        say(f"rough: {note}")
    say("tokens are counted here; a real model's answers may be longer or shorter, and repairs are extra")
    if found.currency is None:
        say(f"no price is known for the model '{found.model}'; models.yaml can give one")


def _cost(found: Any, episodes: int) -> str:
    return f"{_sum(found, 'cost', episodes)} {found.currency}" if found.currency else "cost unknown"


def _sum(found: Any, measure: str, episodes: int) -> str:
    """A sum with its range."""
    part = found.sum(measure, episodes)
    mean = _number(part.mean, measure)
    return mean if part.low is None else f"{mean} ({_number(part.low, measure)} to {_number(part.high, measure)})"


def _number(value: float | str | None, measure: str) -> str:
    """Money to four digits; a count with one decimal where it is small and not whole."""
    from decimal import Context, Decimal  # noqa: PLC0415

    from sim.world.kinds import show_number  # noqa: PLC0415

    if value is None or isinstance(value, str):
        return value or "-"
    if measure == "cost":
        return show_number(Context(prec=4).create_decimal(Decimal(value)))
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.1f}"
