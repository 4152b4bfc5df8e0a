"""What the marks of a run come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.sweep.asking import ALL, Mark
from sim.sweep.format import Judge

MOST_WHY = 500
"""Characters of the reason that a row has; all of it is in the answer."""


@dataclass
class Marked:
    """The marks of an episode by judge, each mark by criterion; a ``fault`` says why it has none of some judge."""

    marks: dict[str, list[dict[str, Mark]]] = field(default_factory=dict)
    fault: str | None = None


def summed(judge: Judge, episodes: Sequence[Marked]) -> dict[str, Any]:
    """The score of a run: of each criterion what all marks of an episode come to, then the mean over both."""
    keys = [*judge.criteria] or [ALL]
    marked = [each for each in episodes if each.fault is None]
    by_key = {key: _mean([_combined(judge, each, key) for each in marked]) for key in keys}
    by_judge = {
        name: _mean([_mean([_combined(judge, each, key, name) for key in keys]) for each in marked])
        for name in judge.model
    }
    fault = next((each.fault for each in episodes if each.fault is not None), None)
    why = _why(judge, marked[0]) if marked else fault or "there is nothing to be marked"
    return {
        "score": _mean(list(by_key.values())),
        "why": why,
        "n": len(marked),
        "unmarked": len(episodes) - len(marked),
        "criteria": by_key if judge.criteria else None,
        "judges": by_judge if len(judge.model) > 1 else None,
    }


def _combined(judge: Judge, episode: Marked, key: str, name: str | None = None) -> float:
    """What the marks of an episode come to, those of one judge or of all."""
    lists = episode.marks.values() if name is None else [episode.marks[name]]
    scores = [marks[key].score for given in lists for marks in given]
    return float(statistics.median(scores) if judge.combine == "median" else statistics.fmean(scores))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.fmean(known), 6) if known else None


def _why(judge: Judge, episode: Marked) -> str:
    """Why the first judge gave its first mark."""
    marks = episode.marks[judge.model[0]][0]
    told = [f"{name}: {mark.why}" if judge.criteria else mark.why for name, mark in marks.items()]
    return "; ".join(told)[:MOST_WHY]
