"""All that is found out about the runs of a world before one is played: what can happen, and what cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.explore.examples import Example, Explored, explore, explore_further
from sim.proof.verdicts import NeverTaken, Proofs, Verdict, prove
from sim.world.world import World


@dataclass(frozen=True)
class Untried:
    """An arrow that no run was seen to take, though it is not known that none does."""

    state: str
    number: int
    to: str
    guard: str


@dataclass(frozen=True)
class Examined:
    """What can be told of every run of a world.

    Each rule is ``proved``, ``refuted`` (by an example in ``explored.broken``) or ``not decided``.
    """

    world: World
    explored: Explored
    verdicts: tuple[Verdict, ...]
    never_taken: tuple[NeverTaken, ...]
    may_go_deeper: bool

    @property
    def proved(self) -> int:
        """How many rules hold in every run."""
        return sum(v.verdict == "proved" for v in self.verdicts)

    @property
    def is_sound(self) -> bool:
        """Whether no run was found that breaks a rule or breaks off."""
        return not self.explored.stuck and all(v.verdict != "refuted" for v in self.verdicts)

    @property
    def untried(self) -> tuple[Untried, ...]:
        """The arrows of which it is not known whether a run ever takes them."""
        known = self.explored.arrows | {(a.state, a.number) for a in self.never_taken}
        return tuple(
            Untried(name, number, arrow.to, arrow.guard)
            for name, state in self.world.states.items()
            for number, arrow in enumerate(state.go)
            if (name, number) not in known
        )

    def refutation(self, verdict: Verdict) -> Example | None:
        """The run that breaks a rule; None where none was found."""
        return self.explored.broken.get((verdict.rule, verdict.outcome))


def examine(world: World, *, is_deep: bool = False) -> Examined:
    """Look for what runs of a world can come to, and prove of its rules what can be proved.

    ``is_deep`` takes longer and finds more.
    """
    explored = explore(world, is_deep=is_deep)
    broken = {rule for rule, outcome in explored.broken if outcome is None}
    proofs = prove(world, is_deep=is_deep, seen=explored.moments, taken=explored.arrows, broken=broken)
    arrows = {(name, n) for name, state in world.states.items() for n in range(len(state.go))}
    open_ = {(v.rule, v.outcome) for v in proofs.verdicts if v.verdict != "proved"}
    explore_further(world, explored, arrows - _never(proofs), open_, is_deep=is_deep)
    verdicts = tuple(
        replace(v, verdict="refuted", why="") if (v.rule, v.outcome) in explored.broken else v
        for v in proofs.verdicts
    )
    return Examined(world, explored, verdicts, proofs.never_taken, proofs.may_go_deeper)


def _never(proofs: Proofs) -> set[tuple[str, int]]:
    return {(arrow.state, arrow.number) for arrow in proofs.never_taken}
