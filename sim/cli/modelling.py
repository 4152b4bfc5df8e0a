"""Commands about models: ``models``, ``models --init`` and ``models test``."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from sim.cli.app import Json, app, print_json, say
from sim.errors import DefinitionError, ModelError

if TYPE_CHECKING:
    from sim.models.catalog import Catalog, Entry
    from sim.models.model import Model

models_app = typer.Typer(invoke_without_command=True, no_args_is_help=False)
app.add_typer(models_app, name="models", help="List the models of models.yaml, make one, or try one.")


@models_app.callback()
def list_models(
    context: typer.Context,
    init: Annotated[bool, typer.Option("--init", help="Write a commented models.yaml to begin with.")] = False,
    as_json: Json = False,
) -> None:
    """List the models of models.yaml, with their keys, windows, limits and prices.

    Example: sim models --init
    """
    if context.invoked_subcommand is not None:
        return
    from sim.models import catalog  # noqa: PLC0415 - needs pydantic

    if init:
        _init()
        return
    found = catalog.load()
    rows = [_row(name, entry) for name, entry in found.spec.models.items()]
    if as_json:
        print_json(rows)
    elif not rows:
        say(f"no {catalog.FILE} here or in the configuration folder; 'sim models --init' writes one")
    else:
        _print(found, rows)


def _init() -> None:
    from sim.models.catalog import EXAMPLE, FILE  # noqa: PLC0415

    path = Path(FILE)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE)
    except FileExistsError:
        raise DefinitionError(f"{path} is there already") from None
    except OSError as error:
        raise DefinitionError(f"cannot write {path}: {error.strerror}") from None
    say(f"{path}: take out what you do not use, set the keys, and try 'sim models test NAME'")


def _row(name: str, entry: Entry) -> dict[str, Any]:
    """What is known of a model; of its key only whether there is one."""
    from sim.models.catalog import without_credentials  # noqa: PLC0415
    from sim.models.prices import listed, window  # noqa: PLC0415

    of = [*entry.first_of, *entry.random]
    if of:
        return {"model": name, "kind": "first_of" if entry.first_of else "random", "of": of}
    bare = entry.model or name
    price = entry.price.price() if entry.price is not None else listed(bare)
    return {
        "model": name,
        "kind": entry.api,
        "id": bare,
        "url": without_credentials(entry.url),
        "key": _key(entry.key),
        "window": entry.window or window(bare),
        "limits": entry.limits.model_dump(exclude_none=True),
        "price": None if price is None else {**price.as_text(), "currency": price.currency},
    }


def _key(key: str | None) -> str:
    if key is None:
        return "none"
    if not key.startswith("env:"):
        return "in the file"
    name = key.removeprefix("env:").strip()
    return f"{name} ({'set' if os.environ.get(name) else 'not set'})"


def _print(found: Catalog, rows: list[dict[str, Any]]) -> None:
    from sim.cli.show import console, table  # noqa: PLC0415
    from sim.world.kinds import show_number  # noqa: PLC0415

    def number(text: str) -> str:
        return show_number(Decimal(text))

    def cells(row: dict[str, Any]) -> list[object]:
        if "of" in row:
            return [row["model"], f"{row['kind']}: {', '.join(row['of'])}", "", "", "", ""]
        price, limits = row["price"], row["limits"]
        paid = "unknown" if price is None else "/".join(number(price[k]) for k in ("input", "output"))
        shown = paid if price is None else f"{paid} {price['currency']}"
        pace = ", ".join(f"{n:,} {what}" for what, n in limits.items()) or "-"
        where = urlsplit(row["url"]).netloc if row["url"] else row["kind"]
        return [row["model"], where, row["key"], row["window"] or "unknown", pace, shown]

    columns = ("model", "where", "key", "window", "a minute", "price")
    console().print(table(None, columns, map(cells, rows)))
    say(f"from {found.path}; a price is for a million tokens in and out")


@models_app.command(name="test")
def try_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of models.yaml, or one at --base-url.")],
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible URL.")] = None,
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="The environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    as_json: Json = False,
) -> None:
    """Make one small call and say what works, what it cost and how long it took.

    Example: sim models test deepseek-chat
    """
    from sim.cli.running import told  # noqa: PLC0415
    from sim.models import catalog  # noqa: PLC0415
    from sim.stage.providers import Providers  # noqa: PLC0415

    told()
    model = Providers(catalog.load(), base_url, key_env).model(name)
    models = getattr(model, "models", (model,))
    results = [_tried(model)] if len(models) == 1 else [_tried(each, is_one_of_many=True) for each in models]
    if as_json:
        print_json(results if len(results) > 1 else results[0])
    else:
        say("\n\n".join("\n".join(f"{key:9} {value}" for key, value in result.items()) for result in results))
    if any("failed" in result for result in results):
        raise typer.Exit(3)


def _tried(model: Model, *, is_one_of_many: bool = False) -> dict[str, Any]:
    """What came of a call; of a list each is tried, whether the others work or not."""
    from sim.stage.probe import probe  # noqa: PLC0415

    try:
        return _result(probe(model))
    except ModelError as error:
        if not is_one_of_many:
            raise
        return {"model": model.name, "failed": str(error)}


def _result(done: Any) -> dict[str, Any]:
    from sim.cli.show import money  # noqa: PLC0415

    reply = done.reply
    usage = reply.usage
    return {
        "model": done.model,
        "served as": reply.measured.get("served_as", "not told"),
        "version": reply.measured.get("fingerprint", "not told"),
        "answer": reply.text,
        "valid": "yes" if not done.problems else f"no: {'; '.join(done.problems)}",
        "takes": ", ".join(k for k, v in done.takes.items() if v) or "plain text alone",
        "tokens": f"{usage.prompt} + {usage.completion}" + (" (estimated)" if usage.is_estimated else ""),
        "cost": "unknown" if reply.cost is None else money({reply.currency: reply.cost}),
        "seconds": round(done.seconds, 2),
    }
