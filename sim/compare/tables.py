"""A comparison as tables of text and as sentences: what a terminal, Markdown and a page show alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.compare.comparison import Comparison, Correction, Difference, Verdict
from sim.compare.estimates import Estimate, Interval
from sim.compare.games import Games
from sim.compare.sample import Kind
from sim.compare.words import Words, changed, number, p_value, percent, shown

MOST_SENTENCES = 8
"""More are not read; all comparisons stand in the table."""


@dataclass(frozen=True)
class Table:
    """A title, the columns and the rows; columns from ``right`` on are of numbers.

    In a grouped one the first cell is the heading of its row and of those below it that have none.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: int
    is_grouped: bool = False
    shared: int | None = None
    """The column whose cells a narrow screen shows with the heading."""


def tables(comparison: Comparison, words: Words) -> Iterator[Table]:
    """All tables, in the order in which they are shown; those that would be empty are left out."""
    for made in (_arms, _values, _differences):
        table = made(comparison, words)
        if table.rows:
            yield table
    if comparison.agreements:
        yield _agreement(comparison, words)
    if comparison.games is not None:
        yield from _games(comparison.games, words)


def summary(comparison: Comparison, words: Words) -> str:
    """How much was compared, in a line."""
    sample = comparison.sample
    seeds = {seed for arms in sample.values.values() for units in arms.values() for seed in units}
    runs = sum(tally.runs for tally in sample.arms.values())
    key = "summary" if len(sample.arms) > 1 else "summary_one"
    return words(key, arms=len(sample.arms), seeds=f"{len(seeds):,}", runs=f"{runs:,}", against=comparison.against)


def told(comparison: Comparison, words: Words) -> list[str]:
    """What the comparisons come to, a sentence each: first what differs, then outcomes, then the rest."""
    order = {Verdict.different: 0, Verdict.small: 1, Verdict.unknown: 2, Verdict.identical: 3}
    made = [d for d in comparison.differences if not d.is_twin]
    if any(d.verdict is not Verdict.identical for d in made):
        made = [d for d in made if d.verdict is not Verdict.identical]
    ranked = sorted(made, key=lambda d: (order[d.verdict], not d.measure.startswith("outcome")))
    sentences = [_sentence(d, words, comparison) for d in ranked[:MOST_SENTENCES]]
    rest = ranked[MOST_SENTENCES:]
    if rest:
        different = sum(d.verdict is Verdict.different for d in rest)
        sentences.append(words("others", n=len(rest), different=different))
    return sentences


def notes(comparison: Comparison, words: Words) -> Iterator[str]:
    """What a reader must know: how many comparisons, what is missing, failed or was left out."""
    sample = comparison.sample
    if comparison.comparisons:
        name = _CORRECTIONS.get(comparison.correction)
        key = "uncorrected" if name is None else "comparisons"
        yield words(key, n=comparison.comparisons, correction=name)
    if sample.missing:
        yield words("missing", n=f"{sample.missing:,}")
    if sample.torn:
        yield words("torn")
    yield from _losses(comparison, words)
    if sample.unread:
        yield words("unread", names=", ".join(sample.unread))
    strengths = comparison.games.strengths if comparison.games is not None else ()
    if any(not each.is_bounded for each in strengths):
        yield words("unbounded")


_CORRECTIONS = {
    Correction.holm: "Holm",
    Correction.bonferroni: "Bonferroni",
    Correction.fdr_bh: "Benjamini–Hochberg",
}


def _losses(comparison: Comparison, words: Words) -> Iterator[str]:
    for arm, tally in comparison.sample.arms.items():
        if tally.broken:
            yield words("broken", n=f"{tally.broken:,}", arm=arm)
        if tally.failed > tally.broken:
            yield words("failures", n=f"{tally.failed - tally.broken:,}", arm=arm)
        if tally.unmarked:
            yield words("unmarked", n=f"{tally.unmarked:,}", arm=arm)
    lost: dict[str, int] = {}
    for each in comparison.differences:
        lost[each.arm] = max(lost.get(each.arm, 0), each.left_out)
    for arm, count in lost.items():
        if count:
            yield words("left_out", n=f"{count:,}", arm=arm, against=comparison.against)


def _arms(comparison: Comparison, words: Words) -> Table:
    rows = tuple(
        (arm, *(f"{n:,}" for n in (tally.runs, tally.done, tally.failed, tally.over_budget)))
        for arm, tally in comparison.sample.arms.items()
    )
    columns = tuple(words(key) for key in ("arm", "runs", "done", "failed", "over_budget"))
    return Table(words("arms"), columns, rows, 1)


def _values(comparison: Comparison, words: Words) -> Table:
    rows = []
    before = ""
    for each in comparison.estimates:
        label = words.measure(each.measure, comparison.sample.currency)
        rows.append((label if each.measure != before else "", *_value_row(each)))
        before = each.measure
    columns = tuple(words(key) for key in ("measure", "arm", "n", "value", "interval", "median", "interval"))
    return Table(words("values"), columns, tuple(rows), 2, is_grouped=True)


def _value_row(each: Estimate) -> tuple[str, ...]:
    cells = (each.arm, f"{each.n:,}", shown(each.kind, each.mean), _interval(each.kind, each.interval))
    if each.median is None:
        return (*cells, "", "")
    return (*cells, shown(each.kind, each.median), _interval(each.kind, each.median_interval))


def _interval(kind: Kind, interval: Interval) -> str:
    return "" if interval == (None, None) else f"[{', '.join(shown(kind, end) for end in interval)}]"


def _changes(kind: Kind, interval: Interval) -> str:
    return "" if interval == (None, None) else f"[{', '.join(changed(kind, end) for end in interval)}]"


def _differences(comparison: Comparison, words: Words) -> Table:
    rows = []
    before = ""
    for each in comparison.differences:
        label = words.measure(each.measure, comparison.sample.currency)
        if each.kind is Kind.share:
            label += f"{words('comma')}{words('points')}"
        found = each.found
        more = each.missing if each.verdict is Verdict.unknown else None
        rows.append((
            label if each.measure != before else "",
            each.arm,
            f"{each.n[0]:,}" if each.is_paired else f"{each.n[0]:,}+{each.n[1]:,}",
            changed(each.kind, found.difference),
            _changes(each.kind, found.interval),
            f"{found.effect:+z.2f}",
            words.test(found.test),
            p_value(each.p),
            words(each.verdict.value),
            f"{more:,}" if more else "",
        ))  # fmt: skip
        before = each.measure
    keys = ("measure", "against", "n", "difference", "interval", "effect", "test", "p", "verdict", "more")
    columns = tuple(words(key, against=comparison.against) for key in keys)
    return Table(words("differences"), columns, tuple(rows), 2, is_grouped=True, shared=keys.index("test"))


def _sentence(each: Difference, words: Words, comparison: Comparison) -> str:
    unit = words("points")
    size = each.effect if each.effect is not None else abs(each.found.difference)
    said = words(
        f"says_{each.verdict.value}",
        arm=each.arm,
        against=each.against,
        measure=words.measure(each.measure, comparison.sample.currency),
        difference=changed(each.kind, each.found.difference, unit),
        interval=_changes(each.kind, each.found.interval),
        p=p_value(each.p).replace("<", "< ") if each.p is not None else "",
        n=f"{min(each.n):,}",
        size=_size(each.kind, size, unit),
    ).replace("= < ", "< ")
    if each.verdict is not Verdict.unknown:
        return said
    if each.finds is None:
        return said + words("says_none")
    said += words("says_finds", n=f"{min(each.n):,}", finds=_size(each.kind, each.finds, unit))
    if each.missing:
        said += words("says_needed", size=_size(each.kind, size, unit), more=f"{each.missing:,}")
    return said.replace(f"{unit} 的", f"{unit}的")  # no blank between Chinese characters


def _size(kind: Kind, value: float, unit: str) -> str:
    return f"{value * 100:.1f} {unit}" if kind is Kind.share else number(value)


def _agreement(comparison: Comparison, words: Words) -> Table:
    rows = tuple(
        (
            f"{each.first} · {each.second}",
            f"{each.n:,}",
            "" if each.kappa is None else f"{each.kappa:.2f}",
            "" if each.interval == (None, None) else f"[{', '.join(f'{end:.2f}' for end in each.interval)}]",
            changed(Kind.mark, each.difference),
        )
        for each in comparison.agreements
    )
    columns = tuple(words(key) for key in ("judges", "n", "kappa", "interval", "first_higher"))
    return Table(words("agreement"), columns, rows, 1)


def _games(games: Games, words: Words) -> Iterator[Table]:
    models = list(dict.fromkeys(rate.model for rate in games.rates))
    cards = sorted({rate.card for rate in games.rates if rate.card is not None})
    at = {(rate.model, rate.card): rate for rate in games.rates}
    rows = []
    for model in models:
        cells = [at.get((model, card)) for card in (None, *cards)]
        rows.append(
            (model, *("" if c is None else f"{percent(c.rate)} {_interval(Kind.share, c.interval)}" for c in cells))
        )
    counted = words("games_of", games=f"{games.games:,}", blocks=f"{games.blocks:,}")
    title = f"{words('rates')} ({counted})" if words.language == "en" else f"{words('rates')}（{counted}）"
    yield Table(title, (words("model"), words("all"), *cards), tuple(rows), 1)
    if not games.strengths:
        return
    rows = [
        (one, *(f"{games.meetings.get((one, other), 0):,.1f}" if one != other else "" for other in models))
        for one in models
    ]
    yield Table(words("wins_over"), (words("model"), *models), tuple(rows), 1)
    rows = []
    for each in games.strengths:
        low, high = each.elo_interval
        elo = "" if low is None or high is None else f"[{low:,.0f}, {high:,.0f}]"
        interval = ", ".join("…" if end is None else f"{end:+z.2f}" for end in each.interval)
        rows.append(
            (each.model, f"{each.strength:+z.2f}", f"[{interval}]", f"{each.elo:,.0f}", elo, percent(each.chance))
        )
    keys = ("model", "strength", "interval", "elo", "interval", "chance")
    yield Table(words("strengths"), tuple(words(key) for key in keys), tuple(rows), 1)
