"""What was measured, by arm and seed: the rows of a sweep as the numbers that statistics are made of.

The unit is a seed. Repeats and rotations with one seed are not independent of each other, so their mean counts
once; with one run a seed, which is usual, a unit is a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

MANY_VALUES = 12
"""A text with more values than this is an identifier, not a result."""

MOST_RUNS = 20_000
"""Of more runs a report lists the first."""

SHOWN = ("turns", "minutes", "waited", "tokens", "cost", "valid", "breaches")
"""What is compared where nothing is asked for, beside outcomes, facts, measures and marks."""

ASKED = ("calls", "refusals", "acts", "warnings", "prompt_tokens", "completion_tokens")
"""What is compared where it is asked for: most of it goes with the tokens, and each comparison costs the others."""


class Kind(StrEnum):
    """What kind of value a measure has."""

    share = "share"  # of episodes that came to an outcome, or of runs in which a flag was set
    number = "number"
    mark = "mark"  # of a judge: an order, without a distance


class By(StrEnum):
    """What makes an arm."""

    arm = "arm"
    variant = "variant"
    lang = "lang"
    world = "world"
    model = "model"


@dataclass
class Tally:
    """How the runs of an arm ended; ``broken`` are those of the failed that broke a rule, which count.

    ``unmarked`` are the episodes to which the judge gave no mark.
    """

    runs: int = 0
    failed: int = 0
    broken: int = 0
    over_budget: int = 0
    unmarked: int = 0
    error: str | None = None

    @property
    def done(self) -> int:
        """The runs that neither failed nor were over the budget."""
        return self.runs - self.failed - self.over_budget

    @property
    def counted(self) -> int:
        """The runs that are measured."""
        return self.done + self.broken


@dataclass(frozen=True)
class Game:
    """The seats of a game whose end says who won: model, card, whether it won."""

    seed: int
    seats: tuple[tuple[str, str | None, bool], ...]


@dataclass(frozen=True)
class RunLine:
    """A run as a report lists it; ``log`` is its file."""

    arm: str
    seed: int
    repeat: int
    rotation: int
    status: str
    outcome: str
    turns: int | None
    tokens: int | None
    log: Path | None


Pair = tuple[float, float]
"""The scores that two judges gave a run."""

Units = dict[int, float]
"""The value of each seed."""


@dataclass
class Sample:
    """All that was read: for each measure and arm the value of each seed."""

    arms: dict[str, Tally] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    values: dict[str, dict[str, Units]] = field(default_factory=dict)
    games: list[Game] = field(default_factory=list)
    pairs: dict[tuple[str, str], Counter[Pair]] = field(default_factory=dict)
    runs: list[RunLine] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    missing: int = 0
    torn: bool = False
    unread: list[str] = field(default_factory=list)
    currency: str = ""

    def units(self, measure: str, arm: str) -> Units:
        """The values of a measure in an arm by seed; empty where it was not measured."""
        return self.values.get(measure, {}).get(arm, {})


def default_measures(sample: Sample) -> Iterator[str]:
    """What is compared where nothing is asked for."""
    return (name for name in sample.values if name not in ASKED)
