"""A comparison for other programs and for documents: JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from typing import Any

from sim.compare.comparison import Comparison, Difference
from sim.compare.estimates import LEVEL, Estimate
from sim.compare.games import Games
from sim.compare.methods import methods
from sim.compare.power import ALPHA, POWER
from sim.compare.tables import Table, notes, summary, tables, told
from sim.compare.words import Words


def as_json(comparison: Comparison, words: Words) -> dict[str, Any]:
    """All numbers; shares between 0 and 1, intervals as two numbers, null where there is none."""
    sample = comparison.sample
    return {
        "experiments": list(comparison.names),
        "by": comparison.by.value,
        "against": comparison.against,
        "level": LEVEL,
        "alpha": ALPHA,
        "power": POWER,
        "correction": comparison.correction.value,
        "comparisons": comparison.comparisons,
        "arms": [{"arm": arm, **vars(tally), "done": tally.done} for arm, tally in sample.arms.items()],
        "values": [_value(each) for each in comparison.estimates],
        "differences": [_difference(each) for each in comparison.differences],
        "agreement": [vars(each) | {"interval": list(each.interval)} for each in comparison.agreements],
        "games": None if comparison.games is None else _games(comparison.games),
        "told": told(comparison, words),
        "notes": list(notes(comparison, words)),
        "methods": list(methods(comparison, words.language)),
    }


def _value(each: Estimate) -> dict[str, Any]:
    return {
        "measure": each.measure,
        "kind": each.kind.value,
        "arm": each.arm,
        "n": each.n,
        "mean": each.mean,
        "interval": list(each.interval),
        "method": each.method,
        "median": each.median,
        "median_interval": list(each.median_interval),
    }


def _difference(each: Difference) -> dict[str, Any]:
    found = each.found
    return {
        "measure": each.measure,
        "kind": each.kind.value,
        "arm": each.arm,
        "against": each.against,
        "paired": each.is_paired,
        "n": list(each.n),
        "left_out": each.left_out,
        "test": found.test,
        "estimate": found.estimate,
        "difference": found.difference,
        "interval": list(found.interval),
        "effect": found.effect,
        "p": found.p,
        "p_corrected": each.p,
        "verdict": each.verdict.value,
        "needed": each.needed,
        "more": each.missing,
        "finds": each.finds,
    }


def _games(games: Games) -> dict[str, Any]:
    return {
        "games": games.games,
        "blocks": games.blocks,
        "rates": [
            {"model": r.model, "card": r.card, "seats": r.seats, "wins": r.wins, "rate": r.rate,
             "interval": list(r.interval)}
            for r in games.rates
        ],
        "meetings": [{"model": one, "over": other, "wins": wins} for (one, other), wins in games.meetings.items()],
        "strengths": [
            {"model": s.model, "strength": s.strength, "interval": list(s.interval), "elo": s.elo,
             "elo_interval": list(s.elo_interval), "bounded": s.is_bounded}
            for s in games.strengths
        ],
    }  # fmt: skip


COLUMNS = (
    "section", "measure", "arm", "against", "n", "value", "low", "high", "method", "p", "p_corrected", "effect",
    "verdict", "needed",
)  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """One table, a number and its interval a row.

    Sections: ``value`` (share or mean), ``median``, ``difference``; ``agreement`` (kappa) has two judges as its
    arms; ``win_rate`` and ``strength`` have a model as their arm, and a card as their measure. The columns have
    English names in any language.
    """
    file = io.StringIO()
    rows = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()

    def write(
        section: str, measure: str, arm: str, n: int, value: float | None, ends: Any, method: str, **more: Any
    ) -> None:
        low, high = ends
        cells = {
            "section": section,
            "measure": measure,
            "arm": arm,
            "n": n,
            "value": value,
            "low": low,
            "high": high,
        }
        rows.writerow({key: _plain(cell) for key, cell in (cells | {"method": method} | more).items()})

    for e in comparison.estimates:
        write("value", e.measure, e.arm, e.n, e.mean, e.interval, e.method)
        if e.median is not None:
            write("median", e.measure, e.arm, e.n, e.median, e.median_interval, "quantile_test")
    for d in comparison.differences:
        found = d.found
        write(
            "difference", d.measure, d.arm, min(d.n), found.difference, found.interval, found.test,
            against=d.against, p=found.p, p_corrected=d.p, effect=found.effect, verdict=d.verdict.value,
            needed=d.needed,
        )  # fmt: skip
    for a in comparison.agreements:
        write("agreement", "judged", a.first, a.n, a.kappa, a.interval, "weighted_kappa", against=a.second)
    for r in comparison.games.rates if comparison.games else ():
        write("win_rate", r.card or "", r.model, r.seats, r.rate, r.interval, "bootstrap")
    for s in comparison.games.strengths if comparison.games else ():
        write("strength", "", s.model, comparison.games.games if comparison.games else 0, s.strength, s.interval,
              "bradley_terry")  # fmt: skip
    return file.getvalue()


def _plain(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t" and cell else "" if cell is None else cell


def to_markdown(comparison: Comparison, words: Words) -> str:
    """The sentences and the tables, with the methods below them."""
    parts = [f"# {words('title', names=', '.join(comparison.names))}", summary(comparison, words)]
    said = told(comparison, words)
    if said:
        parts += [f"## {words('told')}", "\n".join(f"- {_cell(each)}" for each in said)]
    remarks = list(notes(comparison, words))
    if remarks:
        parts.append("\n".join(f"- {_cell(each)}" for each in remarks))
    for table in tables(comparison, words):
        parts += [f"## {_cell(table.title)}", _markdown(table)]
    parts += [f"## {words('methods')}", "\n".join(f"- {each}" for each in methods(comparison, words.language))]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    rule = ("---" if n < table.right else "--:" for n in range(len(table.columns)))
    lines = (table.columns, tuple(rule), *table.rows)
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    """A text that Markdown shows as it is."""
    for sign in "\\|<*`":
        text = text.replace(sign, f"\\{sign}")
    return text
