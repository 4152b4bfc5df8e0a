"""The measured as tables of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from bench.selection.results import Measured, Result
from sim.compare.estimates import Estimate, estimate
from sim.compare.sample import Kind

SPENT = ("rounds", "arm", "calls", "to choose", "tokens", "to choose", "prompts", "answers", "USD", "× ours")
HELD = ("rounds", "arm", "turns", "out of place", "procedure kept", "95 %", "goal reached", "95 %")
BASE = "ours"


def told(measured: Measured) -> Iterator[str]:
    """The lines of all tables."""
    for reliability in measured.reliabilities:
        yield _head(measured, reliability)
        yield ""
        yield from _table(SPENT, list(_spent(measured, reliability)))
        if len(measured.rounds) > 1:
            yield ""
            yield from _growth(measured, reliability)
        yield ""
        yield from _table(HELD, list(_held(measured, reliability)))
        yield ""


def share(runs: Sequence[Result], what: str) -> Estimate:
    """The share of runs that ``kept`` the procedure, or ``reached`` the goal, with Wilson's interval."""
    return estimate(what, runs[0].arm, Kind.share, [float(getattr(run, what)) for run in runs])


def _head(measured: Measured, reliability: float | None) -> str:
    seeds = len({run.seed for run in measured.results})
    who = measured.about["model"] if reliability is None else f"each call right with chance {reliability:g}"
    said, price = measured.about["language"], measured.about["price_as"]
    return f"{who}; {seeds} seed{'s' * (seeds != 1)}; lang {said}; priced as {price}"


def _spent(measured: Measured, reliability: float | None) -> Iterator[tuple[str, ...]]:
    for rounds in measured.rounds:
        ours = measured.of(reliability, rounds, BASE)
        for arm in measured.arms:
            runs = measured.of(reliability, rounds, arm)
            tokens = mean(run.tokens for run in runs)
            choosing = [run.selecting["prompt"] + run.selecting["completion"] for run in runs]
            yield (
                f"{rounds}" if arm == measured.arms[0] else "", arm,
                f"{mean(run.calls for run in runs):.0f}", f"{mean(run.selecting['calls'] for run in runs):.0f}",
                f"{tokens:,.0f}", f"{mean(choosing):,.0f}",
                f"{mean(run.prompt for run in runs):,.0f}", f"{mean(run.completion for run in runs):,.0f}",
                f"{mean(run.cost for run in runs):.4f}",
                f"{tokens / mean(run.tokens for run in ours):.1f}" if ours else "",
            )  # fmt: skip


def _held(measured: Measured, reliability: float | None) -> Iterator[tuple[str, ...]]:
    for rounds in measured.rounds:
        for arm in measured.arms:
            runs = measured.of(reliability, rounds, arm)
            kept, reached = share(runs, "kept"), share(runs, "reached")
            yield (
                f"{rounds}" if arm == measured.arms[0] else "", arm, f"{mean(run.turns for run in runs):.1f}",
                f"{mean(run.out_of_place for run in runs):.1f}",
                f"{kept.mean:.0%}", _interval(kept), f"{reached.mean:.0%}", _interval(reached),
            )  # fmt: skip


def _interval(found: Estimate) -> str:
    low, high = found.interval
    return "" if low is None or high is None else f"[{low:.0%}, {high:.0%}]"


def _growth(measured: Measured, reliability: float | None) -> Iterator[str]:
    """How many times the tokens of the shortest visits those of the longest are."""
    least, most = measured.rounds[0], measured.rounds[-1]
    parts = []
    for arm in measured.arms:
        few, many = (mean(r.tokens for r in measured.of(reliability, n, arm)) for n in (least, most))
        parts.append(f"{arm} × {many / few:.1f}")
    yield f"tokens from {least} to {most} rounds (× {most / least:g}): {', '.join(parts)}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    for row in (columns, *rows):
        cells = [
            cell.ljust(w) if i == 1 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
