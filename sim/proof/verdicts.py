"""What came of trying to prove the rules of a world."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from sim.engine.situation import Situation
from sim.proof.claims import guesses
from sim.proof.induction import Induction
from sim.proof.terms import Exhausted, Unknown
from sim.world.expressions import Compiled
from sim.world.world import World

MOST_GUESSED = 16_000
"""Steps times guesses up to which moments within a state are told apart without being asked: half a second."""


@dataclass(frozen=True)
class Verdict:
    """Whether a rule holds in every run: ``proved``, ``refuted`` by a run, or ``not decided`` and why.

    ``outcome`` is the end at which it must hold, None where it must never be broken.
    """

    rule: str
    outcome: str | None
    verdict: Literal["proved", "refuted", "not decided"]
    why: str = ""


@dataclass(frozen=True)
class NeverTaken:
    """An arrow that no run takes, whoever answers; ``guard`` is its condition."""

    state: str
    number: int
    to: str
    guard: str


@dataclass(frozen=True)
class Proofs:
    """What was found of a world; ``may_go_deeper`` where a closer look was left out."""

    verdicts: tuple[Verdict, ...]
    never_taken: tuple[NeverTaken, ...]
    may_go_deeper: bool = False

    @property
    def proved(self) -> int:
        """How many rules hold in every run."""
        return sum(v.verdict == "proved" for v in self.verdicts)


def prove(
    world: World,
    *,
    is_deep: bool = False,
    seen: Sequence[Situation] = (),
    taken: Set[tuple[str, int]] = frozenset(),
    broken: Set[str] = frozenset(),
) -> Proofs:
    """Try to prove that each rule of a world holds in every run, whoever answers and whatever they say.

    A proof is of one episode, with the facts as they begin in the world (what nothing sets may have any value), the
    cards dealt in any order, and other episodes that do with shared facts what they like. What forks change by hand
    is left out. Where it takes longer, ``is_deep`` looks closer at moments within a state. Situations that were
    ``seen`` in runs, arrows that were ``taken`` and rules that were ``broken`` make it faster: what did not hold
    there is not tried.
    """
    try:
        found = Induction(world, is_deep=is_deep, seen=seen, broken=bool(broken))
        found.run()
        verdicts = _verdicts(found)
        arrows = tuple(_never_taken(found, taken))
    except Exhausted:
        return _undecided(world, "the world takes more work than is done" + ("" if is_deep else " without --deep"))
    except Unknown:
        return _undecided(world, "more may be done in one turn of a state than is looked at")
    work = sum(map(len, found.steps.values())) * len(guesses(world, is_fine=True))
    is_open = any(v.verdict != "proved" for v in verdicts)
    if is_open and (is_deep or work <= MOST_GUESSED):
        closer = Induction(world, is_deep=is_deep, seen=seen, broken=bool(broken))
        with contextlib.suppress(Exhausted):
            closer.run(is_fine=True)
            both = zip(verdicts, _verdicts(closer), strict=True)
            verdicts = tuple(first if first.verdict == "proved" else second for first, second in both)
    return Proofs(verdicts, arrows, is_open and not is_deep and work > MOST_GUESSED)


def _undecided(world: World, why: str) -> Proofs:
    rules = tuple(Verdict(name, outcome, "not decided", why) for name, outcome, _ in _rules(world))
    return Proofs(rules, (), may_go_deeper=True)


def _never_taken(found: Induction, taken: Set[tuple[str, int]]) -> Iterator[NeverTaken]:
    for name, state in found.world.states.items():
        for number, arrow in enumerate(state.go):
            if (name, number) not in taken and not found.may_be_taken(name, number):
                yield NeverTaken(name, number, arrow.to, arrow.guard)


def _rules(world: World) -> list[tuple[str, str | None, Compiled]]:
    rules: list[tuple[str, str | None, Compiled]] = [(name, None, rule) for name, rule in world.never.items()]
    return rules + [(n, outcome, c) for outcome, given in world.at_end.items() for n, c in given.items()]


def _verdicts(found: Induction) -> tuple[Verdict, ...]:
    held = {claim.rule for claim in found.claims if claim.rule is not None}
    told: list[Verdict] = []
    for name, outcome, condition in _rules(found.world):
        is_proved = name in held if outcome is None else found.holds_at_ends(name, outcome, condition)
        why = "" if is_proved else _why(found, name, outcome)
        told.append(Verdict(name, outcome, "proved" if is_proved else "not decided", why))
    return tuple(told)


def _why(found: Induction, name: str, outcome: str | None) -> str:
    if outcome is None and name in found.untold:
        return "it reads what is not looked into"
    step = found.fell.get((name, outcome))
    if step is None:
        return "it does not follow from the other rules and conditions of the world"
    return f"by conditions and rules alone, {step} might break it"
