"""The statistics on the page: the tables of ``sim stats`` in the page's words, and each episode by state over time.

All numbers are those of ``sim.read.stats``; here they are only written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim.engine.clock import time_of_day
from sim.read.plots import MANY, round_times
from sim.read.spread import Spread
from sim.read.stats import Place, Stats, Stay, read
from sim.record.log import RunLog
from sim.record.records import EpisodeStarted
from sim.world.kinds import one_line
from sim.world.stations import clock_minutes

MOST_STAYS = 3_000
"""Stays in a state that are drawn; of more, fewer episodes are."""

COLOURS = 12
ROW = 14
"""The height of an episode, in pixels."""


class Column(NamedTuple):
    """A heading, and the headings below it where it has several columns."""

    head: str
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table as it is shown: the rows begin with a label, the cells are texts; ``use`` has shares for bars."""

    title: str
    columns: list[Column]
    rows: list[list[str]]
    use: list[float | None]


class Bar(NamedTuple):
    """A part of a stay: its left edge and width in percent, the colour, whether it is a wait, and what it is."""

    left: float
    width: float
    colour: int
    waits: bool
    told: str


@dataclass(frozen=True)
class Gantt:
    """The episodes that are drawn, each with its bars; times of day with their places in percent; the legend."""

    rows: list[tuple[int, list[Bar]]]
    times: list[tuple[float, str]]
    legend: list[tuple[int, str]]
    minutes: float
    height: int
    has_waits: bool
    first: str


@dataclass(frozen=True)
class Numbers:
    """What the page has of the statistics."""

    tables: list[Table]
    gantt: Gantt | None
    is_whole: bool
    unfinished: int


def numbers(log: RunLog, words: Mapping[str, str]) -> Numbers | None:
    """The statistics of a run; None of one with a single episode and nothing to wait for.

    Raises:
        RunLogError: if its records do not follow from each other.
    """
    stays: list[Stay] = []
    if log.records.how_many(EpisodeStarted) <= 1 and not log.header.resolved.get("world", {}).get("resources"):
        return None
    found = read(log.name, iter(log.records), on_stay=lambda s: stays.append(s) if s.episode <= MANY else None)
    tables = [
        _places(words["by_state"], found.states, words),
        _places(words["by_resource"], found.resources, words),
        _stocks(found, words),
        _outcomes(found, words),
        _episode(found, words),
    ]
    shown = [table for table in tables if table.rows]
    return Numbers(shown, _gantt(found, stays, words), found.is_complete, found.unfinished)


def _places(title: str, places: Sequence[Place], words: Mapping[str, str]) -> Table:
    three = (words["mean"], words["median"], words["p95"])
    columns = [
        Column(words["visits"]),
        Column(words["waited"], three),
        Column(words["took"], three),
        Column(words["queue"], (*three, words["most"])),
        Column(words["per_hour"]),
        Column(words["used"]),
        Column(words["overtime"]),
        Column(words["preempted"]),
        Column(words["reneged"]),
        Column(words["balked"]),
    ]
    cells = [
        [
            [f"{place.visits:,}"],
            _three(place.waited),
            _three(place.took),
            [*_three(place.queue, 2), "" if place.queue is None else f"{place.queue.most:,.0f}"],
            [f"{place.per_hour:,.1f}"],
            ["" if place.used is None else f"{place.used:.0%}"],
            [f"{place.overtime:,.1f}" if place.overtime else ""],
            *([f"{count:,}" if count else ""] for count in (place.preempted, place.reneged, place.balked)),
        ]
        for place in places
    ]
    kept = [i for i in range(len(columns)) if any("".join(row[i]) for row in cells)]
    rows = [
        [_label(place.label), *(cell for i in kept for cell in row[i])]
        for place, row in zip(places, cells, strict=True)
    ]
    return Table(title, [columns[i] for i in kept], rows, [place.used for place in places])


def _three(spread: Spread | None, digits: int = 1) -> list[str]:
    if spread is None:
        return ["", "", ""]
    return [f"{value:,.{digits}f}" for value in (spread.mean, spread.median, spread.p95)]


def _four(spread: Spread, digits: int) -> list[str]:
    return [*_three(spread, digits), f"{spread.most:,.{digits}f}"]


def _stocks(found: Stats, words: Mapping[str, str]) -> Table:
    names = ("start", "mean", "least", "left", "taken", "filled", "refills", "empty")
    rows = [
        [_label(place.label), *(_amount(getattr(place.stock, name)) for name in names)]
        for place in found.resources
        if place.stock is not None
    ]
    columns = [Column(words["mean" if name == "mean" else f"stock_{name}"]) for name in names]
    return Table(words["by_stock"], columns, rows, [None] * len(rows))


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _outcomes(found: Stats, words: Mapping[str, str]) -> Table:
    rows = [[_label(o.label), f"{o.episodes:,}", *_four(o.stay, 1)] for o in found.outcomes]
    four = (words["mean"], words["median"], words["p95"], words["most"])
    return Table(words["by_outcome"], [Column(words["n"]), Column(words["stay"], four)], rows, [None] * len(rows))


def _episode(found: Stats, words: Mapping[str, str]) -> Table:
    rows = [
        [name, *_four(spread, digits)]
        for name, spread, digits in ((words["turns"], found.turns, 0), (words["tokens"], found.tokens, 0))
        if spread is not None
    ]
    rows += [[f"{words['cost']} ({c})" if c else words["cost"], *_four(s, 4)] for c, s in found.cost.items()]
    if found.unpriced:
        rows.append([words["unpriced"], f"{found.unpriced:,}", "", "", ""])
    columns = [Column(words[name]) for name in ("mean", "median", "p95", "most")]
    return Table(words["by_episode"], columns, rows, [None] * len(rows))


def _gantt(found: Stats, stays: list[Stay], words: Mapping[str, str]) -> Gantt | None:
    """The first episodes, as many as can be told apart; None where none came to an end of anything."""
    by_episode: dict[int, list[Stay]] = {}
    for stay in sorted(stays, key=lambda s: s.episode):
        by_episode.setdefault(stay.episode, []).append(stay)
    drawn = len(stays)
    while drawn > MOST_STAYS and len(by_episode) > 1:
        drawn -= len(by_episode.popitem()[1])
    until = max((stay.ends for each in by_episode.values() for stay in each), default=0.0)
    if not until:
        return None
    colours = {place.name: n % COLOURS for n, place in enumerate(found.states)}
    labels = {place.name: _label(place.label) for place in found.states}
    seen = {stay.state for each in by_episode.values() for stay in each}
    start, whole = found.start, found.episodes + found.unfinished
    rows = [
        (number, [bar for stay in each for bar in _bars(stay, until, start, colours[stay.state], labels, words)])
        for number, each in by_episode.items()
    ]
    begin = clock_minutes(start)
    ticks = [tick - begin for tick in round_times(begin, until)]
    return Gantt(
        rows,
        [(_percent(minute, until), time_of_day(start, minute)) for minute in ticks],
        [(colours[name], labels[name]) for name in labels if name in seen],
        until,
        ROW * len(rows),
        any(stay.waits for each in by_episode.values() for stay in each),
        words["first"].format(n=f"{len(rows):,}", all=f"{whole:,}") if whole > len(rows) else "",
    )


def _bars(
    stay: Stay, until: float, start: str, colour: int, labels: Mapping[str, str], words: Mapping[str, str]
) -> list[Bar]:
    span = f"{time_of_day(start, stay.begins)}–{time_of_day(start, stay.ends)}"
    told = f"#{stay.episode} {labels[stay.state]} {span}"
    waited = sum(ends - begins for begins, ends in stay.waits)
    told += f", {words['waited']}: {waited:,.1f}" if waited else ""
    bars, since = [], stay.begins
    for begins, ends in (*stay.waits, (stay.ends, stay.ends)):
        for left, right, waits in ((since, begins, False), (begins, ends, True)):
            if right > left:
                left_at = _percent(left, until)
                bars.append(Bar(left_at, round(_percent(right, until) - left_at, 3), colour, waits, told))
        since = ends
    return bars


def _percent(minute: float, until: float) -> float:
    return round(100 * minute / until, 3)


def _label(text: str) -> str:
    return one_line(text)[:80]
