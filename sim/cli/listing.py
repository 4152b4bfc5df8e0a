"""Lists of what there is to play with: ``worlds`` and ``personas``."""

from __future__ import annotations

from typing import Any

from sim.cli.app import Json, app, print_json


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
