"""Pictures of a comparison, drawn by matplotlib, as SVG with real text or as PNG."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from sim.compare.comparison import Comparison, Difference
from sim.compare.estimates import Estimate
from sim.compare.games import Games
from sim.compare.sample import Kind
from sim.compare.words import Words, percent
from sim.errors import DefinitionError
from sim.read.fonts import fonts
from sim.world.kinds import one_line

MOST_PANELS = 9
"""Of more measures the first are drawn; all stand in the table."""

_COLOURS = ("#1d5fa8", "#a23b14", "#2b6e3f", "#7a3e9d", "#825400", "#0b6b74", "#a8265b", "#4a5568")
_WIDTH = 7.2

_Draw = Callable[[Any], None]


@dataclass(frozen=True)
class _Panel:
    """A chart: its title, its height in inches, and what draws it."""

    title: str
    height: float
    draw: _Draw


def svgs(comparison: Comparison, words: Words) -> Iterator[tuple[str, str]]:
    """Each picture as a title and an ``<svg>`` element to stand in a page."""
    for number, panel in enumerate(_panels(comparison, words)):
        file = io.BytesIO()
        _save([panel], file, comparison, words, ending="svg", salt=f"sim {number}", is_titled=False)
        text = file.getvalue().decode("utf-8")
        yield panel.title, text[text.index("<svg") :].strip()


def draw(comparison: Comparison, words: Words, path: Path, ending: str) -> None:
    """Write all pictures into one file, below each other, as ``png`` or ``svg``.

    Raises:
        DefinitionError: if there is nothing to draw, no font has the characters of a PNG, or it cannot be written.
    """
    panels = list(_panels(comparison, words))
    if not panels:
        raise DefinitionError("nothing that was compared can be drawn")
    file = io.BytesIO()
    _save(panels, file, comparison, words, ending=ending, salt="sim", is_titled=True)
    try:
        path.write_bytes(file.getvalue())
    except OSError as error:
        raise DefinitionError(f"cannot write {path}: {error.strerror}") from None


def _save(
    panels: list[_Panel],
    file: Any,
    comparison: Comparison,
    words: Words,
    *,
    ending: str,
    salt: str,
    is_titled: bool,
) -> None:
    is_svg = ending == "svg"
    settings: dict[Any, Any] = {
        "font.family": fonts(_texts(comparison, words), is_svg=is_svg),
        "font.size": 9,
        "text.parse_math": False,  # what an experiment calls its arms is no formula
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    # Of the fonts that an SVG names not all need be here.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        heights = [panel.height for panel in panels]
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)
        for panel, part in zip(panels, parts[:, 0], strict=True):
            if is_titled:
                part.suptitle(panel.title, x=0.01, ha="left", weight="bold")
            panel.draw(part)
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type")) if is_svg else None
        figure.savefig(file, format=ending, dpi=150, metadata=empty, bbox_inches="tight")


def _texts(comparison: Comparison, words: Words) -> str:
    labels = [words.measure(m, comparison.sample.currency) for m in comparison.measures]
    games = comparison.games.rates if comparison.games else ()
    names = [name for rate in games for name in (rate.model, rate.card or "")]
    titles = [words(key, against=comparison.against) for key in ("figure_shares", "figure_points", "all", "elo")]
    return "".join([*labels, *comparison.sample.arms, *names, *titles])


def _panels(comparison: Comparison, words: Words) -> Iterator[_Panel]:
    shares = [m for m in comparison.measures if comparison.sample.kinds[m] is Kind.share][: 2 * MOST_PANELS]
    numbers = [m for m in comparison.measures if m not in shares and _varies(comparison, m)][:MOST_PANELS]
    arms = len(comparison.sample.arms)
    if shares:
        height = 0.7 + len(shares) * (0.16 * arms + 0.16)
        yield _Panel(words("figure_shares"), height, lambda part: _shares(part, comparison, shares, words))
    if numbers:
        rows = -(-len(numbers) // 3)
        height = rows * (0.9 + 0.3 * arms)
        yield _Panel(words("figure_numbers"), height, lambda part: _boxes(part, comparison, numbers, words))
    for key, is_share in (("figure_points", True), ("figure_percent", False)):
        made = [d for d in comparison.differences if (d.kind is Kind.share) is is_share and d.found.p is not None]
        made = [d for d in made if _scale(comparison, d)]
        made = made[: 3 * MOST_PANELS]
        if made:
            title = words(key, against=comparison.against)
            yield _Panel(title, 0.7 + 0.24 * len(made), _forest(comparison, made, words))
    if comparison.games is not None:
        games = comparison.games
        models = len({rate.model for rate in games.rates})
        yield _Panel(words("rates"), 0.9 + 0.4 * models, lambda part: _matrix(part, games, words))
        if games.strengths:
            height = 0.7 + 0.3 * models
            yield _Panel(words("strengths"), height, lambda part: _strengths(part, games, words))


def _varies(comparison: Comparison, measure: str) -> bool:
    return len({v for units in comparison.sample.values[measure].values() for v in units.values()}) > 1


def _colour(comparison: Comparison, arm: str) -> str:
    return _COLOURS[list(comparison.sample.arms).index(arm) % len(_COLOURS)]


def _arm_label(comparison: Comparison, arm: str) -> str:
    """An arm of a grid by its values alone: ``variant=day,lang=zh`` is ``day, zh``."""
    arms = [[part.partition("=") for part in name.split(",")] for name in comparison.sample.arms]
    if all(equals for parts in arms for _, equals, _ in parts):
        return ", ".join(part.partition("=")[2] for part in arm.split(","))
    return arm


def _label(text: str, most: int = 42) -> str:
    shown = one_line(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _whisker(chart: Any, at: float, each: Estimate, colour: str, scale: float = 1) -> None:
    low, high = each.interval
    if low is not None and high is not None:
        chart.plot([low * scale, high * scale], [at, at], color=colour, linewidth=1.6, solid_capstyle="butt")
    chart.plot([each.mean * scale], [at], "o", color=colour, markersize=4.5)


def _shares(part: Any, comparison: Comparison, measures: list[str], words: Words) -> None:
    chart = part.subplots()
    arms = list(comparison.sample.arms)
    step = 0.8 / len(arms)
    for place, measure in enumerate(measures):
        for each in comparison.of(measure):
            at = place + (arms.index(each.arm) - (len(arms) - 1) / 2) * step
            _whisker(chart, at, each, _colour(comparison, each.arm), 100)
    for arm in arms:
        chart.plot([], [], "o-", color=_colour(comparison, arm), label=f" {_label(_arm_label(comparison, arm))}")
    chart.set_yticks(range(len(measures)), [_label(words.measure(m)) for m in measures])
    chart.set_ylim(len(measures) - 0.4, -0.6)
    chart.set_xlim(-2, 102)
    chart.set_xlabel("%")
    chart.grid(axis="x", color="#ddd", linewidth=0.6)
    part.legend(loc="outside right upper", fontsize="small", frameon=False)


def _boxes(part: Any, comparison: Comparison, measures: list[str], words: Words) -> None:
    charts = part.subplots(-(-len(measures) // 3), 3, squeeze=False)
    for chart in charts.flat[len(measures) :]:
        chart.set_axis_off()
    for column, (chart, measure) in enumerate(zip(charts.flat, measures, strict=False)):
        found = comparison.of(measure)
        values = [list(comparison.sample.units(measure, each.arm).values()) for each in found]
        boxes = chart.boxplot(values, orientation="horizontal", showfliers=False, widths=0.6, patch_artist=True)
        for at, (each, box) in enumerate(zip(found, boxes["boxes"], strict=True), 1):
            colour = _colour(comparison, each.arm)
            box.set(facecolor=f"{colour}22", edgecolor=colour)
            _whisker(chart, at, each, colour)
        for line in (*boxes["medians"], *boxes["whiskers"], *boxes["caps"]):
            line.set(color="#888", linewidth=0.8)
        chart.set_title(_label(words.measure(measure, comparison.sample.currency), 24), loc="left", fontsize=9)
        names = (
            [_label(_arm_label(comparison, each.arm), 18) for each in found]
            if column % 3 == 0
            else [""] * len(found)
        )
        chart.set_yticks(range(1, len(found) + 1), names)
        chart.invert_yaxis()
        chart.locator_params(axis="x", nbins=4)


def _scale(comparison: Comparison, each: Difference) -> float:
    """By what a difference is multiplied: into points, or percents of what it is held against; 0 of nothing."""
    if each.kind is Kind.share:
        return 100
    base = next((e.mean for e in comparison.of(each.measure) if e.arm == each.against), 0)
    return 100 / base if base > 0 else 0


def _forest(comparison: Comparison, made: list[Difference], words: Words) -> _Draw:
    def draw_into(part: Any) -> None:
        chart = part.subplots()
        for at, each in enumerate(made):
            colour, scale = _colour(comparison, each.arm), _scale(comparison, each)
            low, high = each.found.interval
            if low is not None and high is not None:
                chart.plot(
                    [low * scale, high * scale], [at, at], color=colour, linewidth=1.6, solid_capstyle="butt"
                )
            is_different = each.verdict.value == "different"
            fill = colour if is_different else "white"
            chart.plot([each.found.difference * scale], [at], "o", color=colour, markerfacecolor=fill, markersize=5)
        chart.axvline(0, color="#555", linewidth=0.8)
        labels = (
            f"{words.measure(d.measure, comparison.sample.currency)} · {_arm_label(comparison, d.arm)}"
            for d in made
        )
        chart.set_yticks(range(len(made)), [_label(label) for label in labels])
        chart.set_ylim(len(made) - 0.4, -0.6)
        chart.set_xlabel(words("points") if made[0].kind is Kind.share else "%")
        chart.grid(axis="x", color="#ddd", linewidth=0.6)

    return draw_into


def _matrix(part: Any, games: Games, words: Words) -> None:
    chart = part.subplots()
    models = list(dict.fromkeys(rate.model for rate in games.rates))
    cards: list[str | None] = [None, *sorted({r.card for r in games.rates if r.card is not None})]
    at = {(rate.model, rate.card): rate.rate for rate in games.rates}
    table = [[at.get((model, card), float("nan")) for card in cards] for model in models]
    chart.imshow(table, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    for row, model in enumerate(models):
        for column, card in enumerate(cards):
            rate = at.get((model, card))
            if rate is not None:
                colour = "white" if abs(rate - 0.5) > 0.3 else "black"
                chart.text(column, row, percent(rate), ha="center", va="center", color=colour)
    chart.set_xticks(range(len(cards)), [words("all") if c is None else _label(c, 14) for c in cards])
    chart.set_yticks(range(len(models)), [_label(model) for model in models])


def _strengths(part: Any, games: Games, words: Words) -> None:
    chart = part.subplots()
    for at, each in enumerate(games.strengths):
        low, high = each.elo_interval
        if low is not None and high is not None:
            chart.plot([low, high], [at, at], color=_COLOURS[0], linewidth=1.6)
        chart.plot([each.elo], [at], "o", color=_COLOURS[0], markersize=5)
    chart.set_yticks(range(len(games.strengths)), [_label(each.model) for each in games.strengths])
    chart.set_ylim(len(games.strengths) - 0.4, -0.6)
    chart.set_xlabel(words("elo"))
    chart.grid(axis="x", color="#ddd", linewidth=0.6)


def plain_ids(svg: str, prefix: str) -> str:
    """The same picture with ids of its own, so that several can stand in one page."""
    named = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", named)
