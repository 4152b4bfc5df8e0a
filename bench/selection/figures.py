"""Two pictures of the measured: tokens against rounds, and the share of runs that kept the procedure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.selection.results import ARMS, Measured
from bench.selection.tables import share
from sim.errors import DefinitionError

COLOURS = ("#a23b14", "#825400", "#7a3e9d", "#1d5fa8", "#0b6b74")
SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "selection",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.facecolor": "white",
}
"""As the pictures of `sim compare` are drawn."""


def draw(measured: Measured, folder: Path, ending: str = "svg") -> None:
    """Write ``tokens`` and ``kept`` into a folder, as SVG or PNG.

    Raises:
        DefinitionError: if they cannot be written.
    """
    _save(folder / f"tokens.{ending}", (7.2, 3.4), lambda figure: _tokens(figure, measured))
    height = 0.8 + 0.9 * len(measured.rounds)
    _save(folder / f"kept.{ending}", (7.2, height), lambda figure: _kept(figure, measured))


def _save(path: Path, size: tuple[float, float], into: Callable[[Any], None]) -> None:
    with rc_context(SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        into(figure)
        empty = dict.fromkeys(("Date", "Creator", "Format", "Type")) if path.suffix == ".svg" else None
        try:
            figure.savefig(path, dpi=150, metadata=empty)
        except OSError as error:
            raise DefinitionError(f"cannot write {path}: {error.strerror}") from None


def _colour(arm: str) -> str:
    return COLOURS[ARMS.index(arm)]


def _tokens(figure: Any, measured: Measured) -> None:
    """Of the most reliable speakers, so that all visits are as long as they are meant to be."""
    chart = figure.subplots()
    for arm in measured.arms:
        means = [mean(r.tokens for r in measured.of(measured.reliabilities[0], n, arm)) for n in measured.rounds]
        chart.plot(measured.rounds, means, "o-", color=_colour(arm), markersize=4, linewidth=1.4)
        chart.annotate(
            f"{arm} {means[-1]:,.0f}", (measured.rounds[-1], means[-1]), (7, 0), textcoords="offset points",
            color=_colour(arm), va="center", fontsize=8,
        )  # fmt: skip
    chart.set_xlabel("rounds")
    chart.set_ylabel("tokens of a visit")
    chart.set_xticks(measured.rounds)
    chart.set_xlim(0, measured.rounds[-1] * 1.3)
    chart.set_ylim(0)
    chart.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    chart.grid(axis="y", color="#ddd", linewidth=0.6)


def _kept(figure: Any, measured: Measured) -> None:
    """One panel for each reliability: shares with Wilson's intervals, by rounds."""
    charts = figure.subplots(1, len(measured.reliabilities), squeeze=False, sharey=True)[0]
    step = 0.8 / len(measured.arms)
    for chart, reliability in zip(charts, measured.reliabilities, strict=True):
        for place, rounds in enumerate(measured.rounds):
            for i, arm in enumerate(measured.arms):
                found = share(measured.of(reliability, rounds, arm), "kept")
                at = place + (i - (len(measured.arms) - 1) / 2) * step
                low, high = found.interval
                if low is not None and high is not None:
                    chart.plot([low * 100, high * 100], [at, at], color=_colour(arm), linewidth=1.6)
                chart.plot([found.mean * 100], [at], "o", color=_colour(arm), markersize=4.5)
        title = measured.about["model"] if reliability is None else f"right with chance {reliability:g}"
        chart.set_title(title, loc="left", fontsize=9)
        chart.set_xlim(-3, 103)
        chart.grid(axis="x", color="#ddd", linewidth=0.6)
    figure.supxlabel("% of runs that kept the procedure", fontsize=9)
    charts[0].set_yticks(range(len(measured.rounds)), [f"{n} rounds" for n in measured.rounds])
    charts[0].set_ylim(len(measured.rounds) - 0.4, -0.6)
    handles = [charts[0].plot([], [], "o-", color=_colour(arm), label=arm)[0] for arm in measured.arms]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize="small", frameon=False)
