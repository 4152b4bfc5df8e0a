"""The command ``stats``: waiting, service, queues and what episodes took, of one run or of several side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, app, print_json, say
from sim.errors import DefinitionError

if TYPE_CHECKING:
    from sim.read.spread import Spread
    from sim.read.stats import Place, Stats
    from sim.read.stock import Stock

MOST = 6
"""Runs that fit side by side."""


@app.command()
def stats(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Run ids or log files; the latest if left out.", metavar="RUN…")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw queues and episodes over time, as .png or .svg."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how long was waited, how long things took, and how much was used; of two runs, how they differ.

    Example: sim stats hospital_visit-s7-1 hospital_visit-s7-2 --plot day.png
    """
    from sim.read.plots import Picture, check_plot  # noqa: PLC0415 - not needed for `sim --help`
    from sim.read.stats import read  # noqa: PLC0415
    from sim.record.log import RunLog, find_run  # noqa: PLC0415
    from sim.record.packed import run_id  # noqa: PLC0415

    named: list[str | None] = [*runs] if runs else [None]
    paths = [find_run(run) for run in named]
    if len(paths) > MOST:
        raise DefinitionError(f"{len(paths)} runs do not fit side by side; name at most {MOST}")
    if plot is not None:
        check_plot(plot)
    found, pictures = [], []
    for path in paths:
        name = run_id(path)
        picture = Picture()
        pictures.append(picture)
        watch = (picture.stay, picture.queue, picture.level) if plot is not None else ()
        found.append(read(name, iter(RunLog.open(path).records), *watch))
    if plot is not None:
        from sim.read.plots import draw  # noqa: PLC0415 - matplotlib is an extra, and slow to import

        draw(list(zip(found, pictures, strict=True)), plot)
    if as_json:
        print_json(_as_json(found[0]) if len(found) == 1 else _compared_as_json(found))
    elif len(found) == 1:
        _print(found[0])
    else:
        _print_compared(found)
    if plot is not None and not as_json:
        say(f"drawn: {plot}")


def _as_json(found: Stats) -> dict[str, Any]:
    from sim.cli.costing import exact  # noqa: PLC0415

    header = found.header
    return {
        "run": found.run,
        "world": header.world,
        "variant": header.variant,
        "seed": header.seed,
        "whole": found.is_complete,
        "sim_minutes": found.minutes,
        "episodes": found.episodes,
        "unfinished": found.unfinished,
        "states": {place.name: _place(place) for place in found.states},
        "resources": {
            place.name: {
                **_place(place),
                "preempted": place.preempted,
                "utilisation": place.used,
                "overtime": place.overtime,
                "stock": None if place.stock is None else dict(vars(place.stock)),
            }
            for place in found.resources
        },
        "outcomes": {o.name: {"label": o.label, "episodes": o.episodes, **vars(o.stay)} for o in found.outcomes},
        "episode": {
            "minutes": _spread(found.stay),
            "turns": _spread(found.turns),
            "tokens": _spread(found.tokens),
            "cost": {currency or None: vars(spread) for currency, spread in found.cost.items()},
            "unpriced": found.unpriced,
        },
        "tokens": found.total.total,
        "costs": exact(found.total.cost),
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "label": place.label,
        "visits": place.visits,
        "waited": _spread(place.waited),
        "took": _spread(place.took),
        "queue": _spread(place.queue),
        "per_hour": place.per_hour,
        "reneged": place.reneged,
        "balked": place.balked,
    }


def _spread(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else dict(vars(spread))


def _print(found: Stats) -> None:
    from sim.cli.show import console, counted, table  # noqa: PLC0415

    screen = console()
    say(f"{_titled(found)}, {counted(found.episodes, 'episode')}, {found.minutes:g} minutes")
    if not found.is_complete:
        say(f"the run did not come to its end; {counted(found.unfinished, 'episode')} had not ended")
    say(f"{_LEGEND}\n")
    for title, places in (("state", found.states), ("resource", found.resources)):
        if places:
            rows = [_row(place) for place in places]
            shown = [i for i in range(len(_COLUMNS)) if i == 0 or any(row[i] for row in rows)]
            columns = [title if i == 0 else _COLUMNS[i] for i in shown]
            made = table(None, columns, ([row[i] for i in shown] for row in rows), right=1)
            for column in made.columns[1:]:
                column.no_wrap = True
            screen.print(made)
            say("")
    rows = [_stock_row(place.label, place.stock) for place in found.resources if place.stock is not None]
    if rows:
        screen.print(table(None, _STOCK_COLUMNS, rows, right=1))
        say("")
    rows = [[o.label, f"{o.episodes:,}", _three(o.stay)] for o in found.outcomes]
    screen.print(table(None, ("outcome", "episodes", "from end to end"), rows, right=1))
    say("")
    rows = [["turns", _three(found.turns, 0)], ["tokens", _three(found.tokens, 0)]]
    rows += [[f"cost, {currency}" if currency else "cost", _three(s, 4)] for currency, s in found.cost.items()]
    rows += [["cost", f"unknown of {counted(found.unpriced, 'episode')}"]] if found.unpriced else []
    screen.print(table(None, ("an episode", ""), rows, right=1))


_LEGEND = "mean (median, 95th percentile), in simulated minutes; a queue in episodes, over the whole time"


def _titled(found: Stats) -> str:
    variant = f" ({found.header.variant})" if found.header.variant else ""
    return f"{found.run}: {found.header.world}{variant}"


_COLUMNS = (
    "", "visits", "waited", "took", "queue", "an hour", "in use", "overtime",
    "interrupted", "gave up", "turned away",
)  # fmt: skip


def _row(place: Place) -> list[str]:
    return [
        place.label,
        f"{place.visits:,}",
        _three(place.waited),
        _three(place.took),
        _three(place.queue, 2),
        f"{place.per_hour:.1f}",
        "" if place.used is None else f"{place.used:.0%}",
        f"{place.overtime:.1f}" if place.overtime else "",
        _count(place.preempted),
        _count(place.reneged),
        _count(place.balked),
    ]


_STOCK_COLUMNS = ("stock", "at first", "mean", "least", "left", "taken", "came in", "refills", "minutes empty")


def _stock_row(label: str, stock: Stock) -> list[str]:
    amounts = (stock.start, stock.mean, stock.least, stock.left, stock.taken, stock.filled)
    return [label, *map(_number, amounts), f"{stock.refills:,}", f"{stock.empty:,.1f}"]


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _three(spread: Spread | None, digits: int = 1) -> str:
    if spread is None:
        return ""
    digits = 0 if spread.mean >= 1000 else digits
    return f"{spread.mean:,.{digits}f} ({spread.median:,.{digits}f}, {spread.p95:,.{digits}f})"


Measure = tuple[str, str, str]
"""A section, what in it, and what of that."""

_SECTIONS = ("", "state", "resource", "outcome", "an episode")
_COUNTS = ("interrupted", "gave up", "turned away")


def _measures(found: Stats) -> Iterator[tuple[Measure, Spread | float | None]]:
    """Everything that can be held against another run, in the order in which it is shown."""
    yield ("", "", "episodes"), found.episodes
    yield ("", "", "minutes"), found.minutes
    for section, places in (("state", found.states), ("resource", found.resources)):
        for place in places:
            for name, value in _of_place(place):
                yield (section, place.name, name), value
    for outcome in found.outcomes:
        yield ("outcome", outcome.name, "episodes"), outcome.episodes
        yield ("outcome", outcome.name, "from end to end"), outcome.stay
    yield ("an episode", "", "from end to end"), found.stay
    yield ("an episode", "", "turns"), found.turns
    yield ("an episode", "", "tokens"), found.tokens
    for currency, spread in found.cost.items():
        yield ("an episode", "", f"cost, {currency}" if currency else "cost"), spread


def _of_place(place: Place) -> Iterator[tuple[str, Spread | float | None]]:
    yield "visits", place.visits
    yield "waited", place.waited
    yield "took", place.took
    yield "queue", place.queue
    yield "an hour", place.per_hour
    yield "in use, %", None if place.used is None else place.used * 100
    if place.stock is not None:
        for name, of in _STOCK_MEASURES.items():
            yield name, getattr(place.stock, of)
    for name, count in zip(_COUNTS, (place.preempted, place.reneged, place.balked), strict=True):
        yield name, count or None


_STOCK_MEASURES = {
    "stock, mean": "mean",
    "stock, least": "least",
    "stock, left": "left",
    "taken": "taken",
    "refills": "refills",
    "minutes empty": "empty",
}


def _side_by_side(runs: list[Stats]) -> dict[Measure, list[Spread | float | None]]:
    """Each measure with its value in each run; those that no run has are left out."""
    values = [dict(_measures(found)) for found in runs]
    order = dict.fromkeys(measure for each in values for measure in each)
    ranks = {key: n for n, key in enumerate(dict.fromkeys(measure[:2] for measure in order))}
    ordered = sorted(order, key=lambda m: (_SECTIONS.index(m[0]), ranks[m[:2]]))
    rows = {measure: [each.get(measure) for each in values] for measure in ordered}
    # Nobody who gave up is 0, as long as the place is there; a place that is not there has no number.
    for measure, row in rows.items():
        if measure[2] in _COUNTS:
            there = [(*measure[:2], "visits") in each for each in values]
            rows[measure] = [v if v is not None or not has else 0 for v, has in zip(row, there, strict=True)]
    return {m: row for m, row in rows.items() if any(v is not None and (v or m[2] not in _COUNTS) for v in row)}


def _mean(value: Spread | float | None) -> float | None:
    return value if value is None or isinstance(value, int | float) else value.mean


def _difference(row: list[Spread | float | None]) -> Any:
    """How much more the second of two runs has, of a spread in each of its numbers."""
    first, second = row
    if first is None or second is None:
        return None
    if isinstance(first, int | float) or isinstance(second, int | float):
        return round((_mean(second) or 0.0) - (_mean(first) or 0.0), 6)
    return {name: round(value - vars(first)[name], 6) for name, value in vars(second).items()}


def _compared_as_json(runs: list[Stats]) -> dict[str, Any]:
    measures = []
    for (section, name, what), row in _side_by_side(runs).items():
        values = [v if v is None or isinstance(v, int | float) else vars(v) for v in row]
        measure = {"of": section or "run", "name": name or None, "measure": what, "values": values}
        measures.append(measure | ({"difference": _difference(row)} if len(row) == 2 else {}))
    return {"runs": [_as_json(found) for found in runs], "measures": measures}


def _print_compared(runs: list[Stats]) -> None:
    from sim.cli.show import console, table  # noqa: PLC0415

    worlds = {found.header.world for found in runs}
    if len(worlds) > 1:
        say(f"these are runs of different worlds: {', '.join(sorted(worlds))}")
    letters = [chr(ord("A") + n) for n in range(len(runs))]
    for letter, found in zip(letters, runs, strict=True):
        whole = "" if found.is_complete else f"; did not come to its end, {found.unfinished} episodes had not ended"
        say(f"{letter}  {_titled(found)}, seed {found.header.seed}{whole}")
    say(f"{_LEGEND}\n")
    labels = {
        (section, each.name): each.label
        for found in reversed(runs)
        for section, those in (
            ("state", found.states), ("resource", found.resources), ("outcome", found.outcomes)
        )
        for each in those
    }  # fmt: skip
    rows: list[list[str]] = []
    before = ("", "")
    for (section, name, what), row in _side_by_side(runs).items():
        if before != (section, name):
            before = (section, name)
            rows.append([f"{section} {labels[before]}" if name else section, *[""] * len(runs)])
        cells = ["-" if v is None else _number(v) if isinstance(v, int | float) else _three(v) for v in row]
        rows.append([f"  {what}" if section else what, *cells, *([_change(row)] if len(runs) == 2 else [])])
    columns = ("", *letters, *(["B - A"] if len(runs) == 2 else []))
    console().print(table(None, columns, (row + [""] * (len(columns) - len(row)) for row in rows), right=1))


def _change(row: list[Spread | float | None]) -> str:
    """The difference of two numbers, or of two means, and the share of the first that it is."""
    first, second = (_mean(value) for value in row)
    if first is None or second is None:
        return ""
    more = round(second - first, 4)
    share = f" ({more / first:+.0%})" if first and more else ""
    return f"{'+' if more > 0 else ''}{_number(more)}{share}"


def _number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.2g}"
