"""The comparison of an experiment's arms: what each has, how they differ, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from statsmodels.stats.multitest import multipletests

from sim.compare import testing
from sim.compare.agreement import Agreement, agreements
from sim.compare.estimates import Estimate, estimate
from sim.compare.games import Games, games_of
from sim.compare.power import ALPHA, seeds_needed, smallest_found
from sim.compare.sample import ASKED, By, Kind, Sample, Units, default_measures
from sim.compare.testing import Found
from sim.errors import DefinitionError, did_you_mean


class Correction(StrEnum):
    """How p is corrected for how many comparisons are made (statsmodels' names)."""

    holm = "holm"
    bonferroni = "bonferroni"
    fdr_bh = "fdr_bh"
    none = "none"


class Verdict(StrEnum):
    """What a comparison comes to."""

    different = "different"
    small = "small"  # a difference of the size that was asked for is ruled out
    unknown = "unknown"
    identical = "identical"  # no seed differs


@dataclass(frozen=True)
class Difference:
    """An arm against another in a measure.

    ``n`` are the pairs of an arm and the other with the same seed, or the seeds of each; ``left_out`` are the seeds
    that have no pair. ``needed`` are seeds in each arm with which a difference is found four times in five: one of
    the size that was asked for, or, where none was, of the one that was seen; ``finds`` is the difference that so
    many seeds as there are find so.
    """

    measure: str
    arm: str
    against: str
    kind: Kind
    is_paired: bool
    n: tuple[int, int]
    left_out: int
    found: Found
    p: float | None = None
    verdict: Verdict = Verdict.unknown
    needed: int | None = None
    finds: float | None = None
    effect: float | None = None
    is_twin: bool = False
    """Of two outcomes the second says what the first says: it is no comparison of its own."""

    @property
    def missing(self) -> int | None:
        """How many more seeds in each arm would tell; None where that is not known."""
        return None if self.needed is None else max(0, self.needed - min(self.n))


@dataclass(frozen=True)
class Comparison:
    """All that is told of an experiment."""

    names: tuple[str, ...]
    by: By
    against: str
    correction: Correction
    comparisons: int
    estimates: tuple[Estimate, ...]
    differences: tuple[Difference, ...]
    games: Games | None
    sample: Sample
    measures: tuple[str, ...] = field(default=())
    agreements: tuple[Agreement, ...] = ()

    def of(self, measure: str) -> list[Estimate]:
        """What each arm has of a measure."""
        return [e for e in self.estimates if e.measure == measure]


def compare(
    sample: Sample,
    *,
    by: By = By.arm,
    against: str | None = None,
    measures: Sequence[str] = (),
    correction: Correction = Correction.holm,
    effects: Mapping[str, float] | None = None,
) -> Comparison:
    """Compare the arms of what was read.

    Args:
        sample: the values of each seed.
        by: what the arms were made by, to be told.
        against: the arm that the others are held against; the first if left out.
        measures: those to compare; a name such as ``outcome`` stands for all its values.
        correction: for how many comparisons are made.
        effects: by measure, the size of a difference that would matter; under ``""``, of all shares.

    Raises:
        DefinitionError: if an arm or a measure is not there, there is one arm, or no run of an arm was done.
    """
    arms = _arms(sample, against)
    base = against if against is not None else arms[0]
    chosen = _chosen(sample, measures, effects or {})
    estimates = tuple(
        estimate(measure, arm, sample.kinds[measure], list(units.values()))
        for measure in chosen
        for arm in arms
        if (units := sample.units(measure, arm))
    )
    made = list(_held(sample, chosen, [arm for arm in arms if arm != base], base))
    tested = [d for d in made if d.found.p is not None and not d.is_twin]
    differences = _judged(made, tested, correction, effects or {})
    return Comparison(
        tuple(sample.names), by, base, correction, len(tested), estimates, tuple(differences),
        games_of(sample.games), sample, tuple(chosen), tuple(agreements(sample.pairs)),
    )  # fmt: skip


def _arms(sample: Sample, against: str | None) -> list[str]:
    if against is not None and against not in sample.arms:
        raise DefinitionError(f"--against {against}: there is no such arm{did_you_mean(against, sample.arms)}")
    if not any(tally.counted for tally in sample.arms.values()):
        tally = next(iter(sample.arms.values()))
        why = f"; the first error: {tally.error}" if tally.error else ""
        raise DefinitionError(f"{', '.join(sample.names)}: no run was done, so nothing can be compared{why}")
    if len(sample.arms) < 2 and not sample.games:
        raise DefinitionError(
            f"{', '.join(sample.names)}: there is one arm, '{next(iter(sample.arms))}', and nothing to hold it "
            "against; name another results folder, or --by variant, lang, world or model"
        )
    if against is not None and not sample.arms[against].done:
        raise DefinitionError(f"--against {against}: no run of this arm was done")
    return [arm for arm, tally in sample.arms.items() if tally.counted]


def _chosen(sample: Sample, measures: Sequence[str], effects: Mapping[str, float]) -> list[str]:
    for name in effects:
        if name and not _named(sample, name):
            raise DefinitionError(f"--effect {name}: there is no such measure{did_you_mean(name, sample.values)}")
    if not measures:
        return list(default_measures(sample))
    found: dict[str, None] = {}
    for name in measures:
        named = _named(sample, name)
        if not named:
            known = [*sample.values, *(n for n in ASKED if n not in sample.values)]
            raise DefinitionError(f"--measure {name}: there is no such measure{did_you_mean(name, known)}")
        found |= dict.fromkeys(named)
    return list(found)


def _named(sample: Sample, name: str) -> list[str]:
    return [m for m in sample.values if m == name or m.startswith(f"{name}:")]


def _held(sample: Sample, measures: Sequence[str], arms: Sequence[str], base: str) -> Iterable[Difference]:
    """The comparisons, before they are corrected."""
    for measure in measures:
        kind = sample.kinds[measure]
        family = [m for m in sample.values if kind is Kind.share and m.startswith(f"{measure.partition(':')[0]}:")]
        is_twin = len(family) == 2 and measure == family[1] and family[0] in measures
        second = sample.units(measure, base)
        sides = {arm: _sides(sample.units(measure, arm), second) for arm in arms if sample.units(measure, arm)}
        if not second:
            continue
        by_ranks = any(testing.are_few(kind, s.first, s.second, is_paired=s.is_paired) for s in sides.values())
        for arm, s in sides.items():
            test = testing.paired if s.is_paired else testing.unpaired
            found = test(kind, s.first, s.second, by_ranks=by_ranks)
            n = (len(s.first), len(s.second))
            yield Difference(measure, arm, base, kind, s.is_paired, n, s.left_out, found, is_twin=is_twin)


@dataclass(frozen=True)
class _Sides:
    """The values of two arms: of the same seeds in the same order, or of whatever seeds each has."""

    first: np.ndarray
    second: np.ndarray
    is_paired: bool
    left_out: int = 0


def _sides(first: Units, second: Units) -> _Sides:
    common = sorted(first.keys() & second.keys())
    if common and 2 * len(common) >= max(len(first), len(second)):
        a, b = (np.array([units[seed] for seed in common]) for units in (first, second))
        return _Sides(a, b, True, len(first.keys() | second.keys()) - len(common))
    a, b = (np.array(list(units.values())) for units in (first, second))
    return _Sides(a, b, False)


def _judged(
    made: list[Difference], tested: list[Difference], correction: Correction, effects: Mapping[str, float]
) -> Iterable[Difference]:
    """The comparisons with p corrected, and what each comes to."""
    raw = [d.found.p for d in tested]
    if raw and correction is not Correction.none:
        corrected = [float(p) for p in multipletests(raw, alpha=ALPHA, method=correction.value)[1]]
    else:
        corrected = [float(p) for p in raw if p is not None]
    by_pair = {(d.measure, d.arm): p for d, p in zip(tested, corrected, strict=True)}
    count = 1 if correction is Correction.none else len(tested)
    for each in made:
        p = by_pair.get((each.measure, each.arm))
        if each.is_twin:  # of two outcomes the other one was tested
            first = next(d for d in made if d.arm == each.arm and _family(d) == _family(each))
            p = by_pair.get((first.measure, first.arm))
        size = effects.get(each.measure, effects.get(_family(each)))
        if size is None and each.kind is Kind.share:
            size = effects.get("")
        spread = each.found.spread
        yield replace(
            each,
            p=p,
            effect=size,
            verdict=_verdict(each, p, size),
            needed=seeds_needed(size or each.found.difference, spread, count, is_paired=each.is_paired),
            finds=smallest_found(min(each.n), spread, count, is_paired=each.is_paired),
        )


def _family(difference: Difference) -> str:
    return difference.measure.partition(":")[0]


def _verdict(difference: Difference, p: float | None, size: float | None) -> Verdict:
    if p is not None and p < ALPHA:
        return Verdict.different
    low, high = difference.found.interval
    if size is not None and low is not None and high is not None and -size < low and high < size:
        return Verdict.small
    return Verdict.identical if difference.found.p is None and difference.is_paired else Verdict.unknown
