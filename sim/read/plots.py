"""Pictures of what came out of runs: how long the queues were, and which episode was in which state when.

Matplotlib draws them; it is an extra, and imported only here.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.engine.clock import time_of_day
from sim.errors import DefinitionError
from sim.read.fonts import fonts
from sim.read.stats import Stats, Stay
from sim.world.kinds import one_line
from sim.world.stations import clock_minutes

ENDINGS = (".png", ".svg")

MANY = 60
"""Of more episodes a chart shows only the first: no line could be told from the next."""

_WORDS = {
    "en": {
        "queue": "waiting", "episode": "episode", "time": "time of day",
        "waits": "waits (pale)", "first": "the first {n} of {all} episodes",
        "nothing": "nobody waits for a resource",
        "stock": "in stock",
    },
    "zh": {
        "queue": "排队人数", "episode": "场", "time": "时刻",
        "waits": "等候（浅色）", "first": "{all}场中的前{n}场", "nothing": "没有要等候的资源",
        "stock": "存货",
    },
}  # fmt: skip


class Picture:
    """What is drawn of one run, taken down while its log is read."""

    def __init__(self) -> None:
        self.stays: list[Stay] = []
        self.episodes: dict[int, None] = {}
        self.queues: dict[str, list[tuple[float, int]]] = {}
        self.levels: dict[str, list[tuple[float, float]]] = {}

    def stay(self, stay: Stay) -> None:
        """Take down a stay of one of the first episodes."""
        if stay.episode <= MANY:
            self.stays.append(stay)

    def queue(self, resource: str, minute: float, waiting: int) -> None:
        """Take down that the queue of a resource got longer or shorter."""
        self.queues.setdefault(resource, []).append((minute, waiting))

    def level(self, resource: str, minute: float, left: float) -> None:
        """Take down that there was more or less of a stock."""
        self.levels.setdefault(resource, []).append((minute, left))


def check_plot(path: Path) -> None:
    """Make sure that a picture can be drawn and written there, before a log is read.

    Raises:
        DefinitionError: if the ending is none of a picture's, or matplotlib is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DefinitionError(f"--plot {path}: a picture ends in {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise DefinitionError(f"--plot {path}: there is no folder {path.parent}")
    try:
        import matplotlib  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise DefinitionError("--plot needs the extra 'plot': pip install 'roleplay-sim[plot]'") from None


def draw(runs: Sequence[tuple[Stats, Picture]], path: Path) -> None:
    """Draw some runs beside each other.

    Raises:
        DefinitionError: if no font has the characters that a PNG needs, or it cannot be written.
    """
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    is_svg = path.suffix.lower() == ".svg"
    settings: dict[Any, Any] = {
        "font.family": fonts(_texts(runs), is_svg=is_svg),
        "text.parse_math": False,  # what a world calls its things is no formula
        "svg.fonttype": "none",  # text stays text, and is drawn by the viewer's fonts
        "svg.hashsalt": "sim",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    # Of the fonts that an SVG names not all need be here.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        rows = max(min(MANY, found.episodes + found.unfinished) for found, _ in runs)
        height = 3.2 + max(2.0, 0.16 * rows)
        has_stock = any(place.stock is not None for found, _ in runs for place in found.resources)
        heights = [2.4, height - 2.4, *([2.4] if has_stock else [])]
        figure = Figure(figsize=(2 + 7 * len(runs), sum(heights)), layout="constrained")
        plots = figure.subplots(len(heights), len(runs), squeeze=False, height_ratios=heights)
        states = _colours(place.name for found, _ in runs for place in found.states)
        resources = _colours(place.name for found, _ in runs for place in found.resources)
        for column, (found, picture) in enumerate(runs):
            _queues(plots[0][column], found, picture, resources)
            _episodes(plots[1][column], found, picture, states)
            if has_stock:
                _levels(plots[2][column], found, picture, resources)
        _alike(plots)
        try:
            figure.savefig(path, dpi=120, metadata={"Date": None} if is_svg else None)
        except OSError as error:
            raise DefinitionError(f"cannot write {path}: {error.strerror}") from None


def _alike(plots: Any) -> None:
    """Give the charts of several runs one scale: what is shown beside each other is compared."""
    for row in [plots[0], *plots[2:]]:
        most = max(chart.get_ylim()[1] for chart in row)
        for chart in row:
            chart.set_ylim(0, most)
    for row in plots:
        last = max(chart.get_xlim()[1] for chart in row)
        for chart in row:
            chart.set_xlim(0, last)


def _words(found: Stats) -> dict[str, str]:
    return _WORDS["zh" if found.header.language.startswith("zh") else "en"]


def _texts(runs: Sequence[tuple[Stats, Picture]]) -> str:
    """All that will be written."""
    return "".join(
        text
        for found, _ in runs
        for text in (*_words(found).values(), *(p.label for p in (*found.states, *found.resources)), _title(found))
    )


def _title(found: Stats) -> str:
    variant = f" ({found.header.variant})" if found.header.variant else ""
    return _plain(f"{found.run}: {found.header.world}{variant}")


def _plain(text: str) -> str:
    """A label in one line; one that begins with ``_`` would be left out of a legend."""
    shown = one_line(text)[:60]
    return f" {shown}" if shown.startswith("_") else shown


def _queues(chart: Any, found: Stats, picture: Picture, colours: Mapping[str, str]) -> None:
    """How many waited for each resource over time, as steps."""
    words = _words(found)
    chart.set_title(_title(found), loc="left")
    chart.set_ylabel(words["queue"])
    highest = 1
    for place in found.resources:
        series = picture.queues.get(place.name, [])
        times = [0.0, *(minute for minute, _ in series), found.minutes]
        lengths = [0, *(length for _, length in series)]
        highest = max(highest, *lengths)
        chart.step(
            times, [*lengths, lengths[-1]], where="post", color=colours[place.name], label=_plain(place.label)
        )
    if found.resources:
        chart.legend(loc="upper right", fontsize="small", framealpha=0.8)
    else:
        chart.text(0.5, 0.5, words["nothing"], transform=chart.transAxes, ha="center", color="#666")
    chart.set_ylim(0, highest * 1.1)
    _times(chart, found, found.minutes)


def _levels(chart: Any, found: Stats, picture: Picture, colours: Mapping[str, str]) -> None:
    """How much there was of each stock over time, as steps."""
    chart.set_ylabel(_words(found)["stock"])
    highest = 1.0
    for place in found.resources:
        if place.stock is None:
            continue
        series = [(0.0, place.stock.start), *picture.levels.get(place.name, []), (found.minutes, place.stock.left)]
        highest = max(highest, *(left for _, left in series))
        chart.step(*zip(*series, strict=True), where="post", color=colours[place.name], label=_plain(place.label))
    if any(place.stock is not None for place in found.resources):
        chart.legend(loc="upper right", fontsize="small", framealpha=0.8)
    chart.set_ylim(0, highest * 1.1)
    chart.set_xlabel(_words(found)["time"])
    _times(chart, found, found.minutes)


def _episodes(chart: Any, found: Stats, picture: Picture, colours: Mapping[str, str]) -> None:
    """A line for each episode, in the colour of the state it is in, and pale while it waits there."""
    from matplotlib.patches import Patch  # noqa: PLC0415

    words = _words(found)
    for stay in picture.stays:
        colour, since = colours[stay.state], stay.begins
        for begins, ends in (*stay.waits, (stay.ends, stay.ends)):
            chart.barh(stay.episode, begins - since, left=since, height=0.8, color=colour)
            chart.barh(stay.episode, ends - begins, left=begins, height=0.8, color=colour, alpha=0.25)
            since = ends
    handles = [Patch(color=colours[place.name], label=_plain(place.label)) for place in found.states]
    if any(stay.waits for stay in picture.stays):
        handles.append(Patch(color="#888", alpha=0.25, label=words["waits"]))
    whole = found.episodes + found.unfinished
    chart.set_ylabel(words["episode"])
    chart.set_xlabel(words["time"])
    if whole > MANY:
        chart.set_title(words["first"].format(n=MANY, all=f"{whole:,}"), loc="left", fontsize="medium")
    chart.set_ylim(min(whole, MANY) + 0.6, 0.4)
    chart.set_yticks(_ticks(min(whole, MANY)))
    chart.legend(handles=handles, loc="lower left", fontsize="small", framealpha=0.8)
    _times(chart, found, max((stay.ends for stay in picture.stays), default=found.minutes))


def _ticks(most: int) -> list[int]:
    step = 1 if most <= 12 else 5
    return [1, *range(step, most + 1, step)] if step > 1 else list(range(1, most + 1))


def _times(chart: Any, found: Stats, until: float) -> None:
    """Write times of day along the axis, from the beginning of the run."""
    from matplotlib.ticker import FixedFormatter, FixedLocator  # noqa: PLC0415

    minutes = [tick - clock_minutes(found.start) for tick in round_times(clock_minutes(found.start), until)]
    chart.xaxis.set_major_locator(FixedLocator(minutes))
    chart.xaxis.set_major_formatter(FixedFormatter([time_of_day(found.start, minute) for minute in minutes]))
    chart.set_xlim(0, max(1.0, until))


def round_times(start: int, minutes: float) -> Iterator[int]:
    """Round times since midnight of the first day, eight at the most."""
    step = next((s for s in (5, 10, 15, 30, 60, 120, 180, 360, 720) if minutes / s <= 8), None)
    step = step or math.ceil(minutes / 8 / 1440) * 1440
    return iter(range(-(-start // step) * step, int(start + minutes) + 1, step))


def _colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, the same in all runs that stand beside each other."""
    return {name: f"C{number % 10}" for number, name in enumerate(dict.fromkeys(names))}
