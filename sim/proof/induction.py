"""What holds in every run, by induction: at the beginning, and after each step if it held before.

Rules alone are seldom enough: that medicine is handed out only against a receipt needs it to be known that there is
no receipt before the till. Such help is guessed from the conditions that the world itself names, and whatever does
not hold by itself is dropped until all that is left holds together (the Houdini algorithm: Flanagan and Leino,
2001).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import z3

from sim.engine.situation import Situation
from sim.proof.claims import ENTERED, OPEN, RESTING, Claim, guesses
from sim.proof.conditions import Condition
from sim.proof.frames import Frame, Makings
from sim.proof.moments import anywhere, beginning, keys_of
from sim.proof.seen import Seen
from sim.proof.steps import Step, Steps
from sim.proof.terms import Exhausted, Truth, Unknown, both, either, no, tell, truth
from sim.world.world import OUT_OF_LIMITS, World

MOST_STEPS = 2_000_000
"""Steps of the solver (its ``rlimit``) for one question; what it cannot tell by then is not proved."""

MOST_MS = 10_000
"""What one question may take in any case; the steps are used up long before."""

MOST_WORK = 3_000_000
"""Steps of the solver for a world: about a second. A werewolf game of eight takes two thirds of it."""

MOST_PARTS = 30_000
"""Parts of expressions that are translated for a world. A werewolf game of eight takes half of it."""

DEEPER = 20
"""How many times as much is done where that is asked for."""


class Induction:
    """The claims of a world that hold together; :meth:`run` drops those that do not."""

    def __init__(
        self, world: World, *, is_deep: bool = False, seen: Sequence[Situation] = (), broken: bool = False
    ) -> None:
        self.world = world
        self._is_forced = not (broken and any(map(self._may_fall_back, world.states)))
        self.steps: dict[str, list[Step]] = {}
        self._seen = Seen(world, seen)
        self._most = MOST_WORK * (DEEPER if is_deep else 1)
        makings = Makings(MOST_PARTS * (DEEPER if is_deep else 1))
        bare = Frame(world, makings, world.spec.start, {})
        self.anywhere, self._domain = anywhere(world, bare)
        self.beginning, self._first = beginning(world, self.anywhere)
        self._first = both(self._first, self._domain)
        self.steps = self._stepped(is_forced=self._is_forced)
        self.rules = [Claim(name, None, c, True, keys_of(world, c), rule=name) for name, c in world.never.items()]
        self.work = 0
        self._begun: int | None = None
        self.untold: set[str] = set()
        self.fell: dict[tuple[str, str | None], str] = {}
        self.claims: list[Claim] = []
        self._gone: list[Claim] = []
        self._looked_at: dict[int, int] = {}
        self._known: dict[tuple[int, bool], tuple[int, z3.BoolRef]] = {}
        self._here = {name: self.anywhere.with_values({}, name) for name in world.states}
        self._terms: dict[tuple[Any, ...], Truth] = {}

    def _stepped(self, *, is_forced: bool) -> dict[str, list[Step]]:
        steps = self._made = Steps(self.world, self.anywhere, is_forced=is_forced)
        names = [n for n in self.world.states if n not in self.steps or self._may_fall_back(n)]
        return self.steps | {name: list(steps.of(name)) for name in names}

    def _may_fall_back(self, state: str) -> bool:
        """Whether something is done in a state for whoever does not do it."""
        opened = (self.world.actions.get(name) for name in self.world.states[state].actions)
        return any(action is not None and action.fallback for action in opened)

    def run(self, *, is_fine: bool = False) -> None:
        """Find what holds; ``is_fine`` tells moments within a state apart, which takes longer and proves more.

        What is due is surely done only as long as its fallback breaks no rule: where one is left that is not
        proved, or is ``broken`` for sure, that is not relied upon.
        """
        self.untold = {rule.text for rule in self.rules if not self._is_told(rule)}
        likely = self._seen.left(guesses(self.world, is_fine=is_fine))
        helps = [claim for claim in likely if self._is_told(claim)]
        told = [rule for rule in self.rules if rule.text not in self.untold]
        self.claims = self._at_first([*told, *helps])
        self._settle()
        is_open = self._is_forced and not set(self.rules) <= set(self.claims)
        if is_open and any(map(self._may_fall_back, self.world.states)):
            self._kept = self.steps  # moments and their values are known by what they are: none may go
            self.steps = self._stepped(is_forced=False)
            self._settle()

    def _settle(self) -> None:
        is_less = True
        while is_less:
            is_less = bool(sum(self._drop(name) for name in self.world.states))

    def _at(self, claim: Claim, frame: Frame) -> Truth:
        """A claim at a moment; translated once for all moments at which what it reads is the same."""
        if claim.state is not None and claim.state != frame.state:
            return True
        state = frame.state if "state" in claim.reads or claim.when in {RESTING, OPEN} else ""
        key = (claim, state, *(id(frame.values.get(name)) for name in claim.order))
        if key not in self._terms:
            self._terms[key] = claim.at(frame)
        return self._terms[key]

    def _is_told(self, claim: Claim) -> bool:
        try:
            for name in self.world.states if claim.state is None else (claim.state,):
                self._at(claim, self._here[name])
        except (Unknown, KeyError):
            return False
        return True

    def _at_first(self, claims: list[Claim]) -> list[Claim]:
        """Those that hold at the beginning."""
        solver = _solver(truth(self._first))
        return self._holding(solver, claims, self.beginning, claims)

    def _drop(self, name: str) -> bool:
        """Drop what does not hold after some step from a state; whether there was any."""
        before = len(self.claims)
        for step in self.steps[name]:
            if step.when is False:
                continue
            there = step.after
            affected = [
                c
                for c in self.claims
                if (c.state is None or c.state == there.state)
                and (c.reads & step.changed or (there.state != name and c.state is not None) or c.when == ENTERED)
            ]
            if not affected or not self._knows_less(step):
                continue
            self._looked_at[id(step)] = len(self._gone)
            solver, asked = self._before(step), self.claims
            self.claims = self._holding(solver, asked, there, affected)
            kept = set(self.claims)
            self._gone += [c for c in asked if c not in kept]
            for claim in affected:
                if claim.rule is not None and claim not in kept:
                    self.fell.setdefault((claim.rule, None), step.what)
        return len(self.claims) < before

    def _knows_less(self, step: Step) -> bool:
        """Whether something was dropped, since a step was looked at, that was known before it."""
        since = self._looked_at.get(id(step))
        states = {None, step.before.state, *(frame.state for frame in step.assumed)}
        return since is None or any(claim.state in states for claim in self._gone[since:])

    def _before(self, step: Step) -> z3.Solver:
        """A solver that knows what holds before a step, and that it is taken."""
        known = [self._assumed(step.before, is_midway=step.is_midway), *map(self._assumed, step.assumed)]
        return _solver(truth(self._domain), *known, truth(step.when))

    def _assumed(self, frame: Frame, *, is_midway: bool = False) -> z3.BoolRef:
        """What is known at a moment: all rules, for a run stops where one is broken, and what is left of the rest.

        Midway rules are not looked at, so only what is left is known.
        """
        place = (id(frame), is_midway)
        if self._known.get(place, (None, None))[0] != len(self.claims):
            kept = self.claims if is_midway else dict.fromkeys((*self.rules, *self.claims))
            told = both(*(self._at(c, frame) for c in kept if c.text not in self.untold))
            self._known[place] = (len(self.claims), truth(told))
        return self._known[place][1]

    def _holding(self, solver: z3.Solver, claims: list[Claim], frame: Frame, asked: Iterable[Claim]) -> list[Claim]:
        """The claims without those that may not hold at a moment."""
        open_: dict[Claim, Truth] = {}
        fallen: set[Claim] = set()
        for claim in asked:
            try:
                term = self._at(claim, frame)
            except Unknown:
                fallen.add(claim)
                continue
            if term is False:
                open_[claim] = z3.BoolVal(False)
            elif term is not True:
                open_[claim] = term
        while open_:
            # Those that are left say more than all did before, so nothing has to be taken back.
            tell(solver, [truth(either(*(no(t) for t in open_.values())))])
            answer = self._check(solver)
            if answer == z3.unsat:
                break
            if answer == z3.unknown:
                gone = set(open_) if len(open_) == 1 else self._one_by_one(solver, open_)
                fallen |= gone
                break
            model = solver.model()
            gone = {c for c, t in open_.items() if not z3.is_true(model.eval(truth(t), model_completion=True))}
            fallen |= gone
            open_ = {c: t for c, t in open_.items() if c not in gone}
        return [c for c in claims if c not in fallen]

    def _check(self, solver: z3.Solver) -> z3.CheckSatResult:
        """What the solver says; raises ``Exhausted`` when it has taken too long over the world."""
        answer = solver.check()
        done = solver.statistics().get_key_value("rlimit count")  # of all solvers of the process
        self._begun = done if self._begun is None else self._begun
        self.work = done - self._begun
        if self.work > self._most:
            raise Exhausted
        return answer

    def _one_by_one(self, solver: z3.Solver, asked: dict[Claim, Truth]) -> set[Claim]:
        """Those that are not known to hold, each asked for alone."""
        gone = set()
        for claim, term in asked.items():
            solver.push()
            solver.add(z3.Not(truth(term)))
            if self._check(solver) != z3.unsat:
                gone.add(claim)
            solver.pop()
        return gone

    def _in(self, frame: Frame) -> z3.Solver:
        """A solver that knows what holds where a limit may be reached: after a turn, if no arrow was taken."""
        still = self._made.is_still(frame, self.world.states[frame.state])
        return _solver(truth(self._domain), self._assumed(frame), truth(still))

    def may_be_taken(self, state: str, arrow: int) -> bool:
        """Whether an arrow of a state may ever be taken, as far as is known."""
        return any(
            self._check(self._before(step)) != z3.unsat
            for step in self.steps[state]
            if step.arrow == arrow and step.when is not False
        )

    def ends(self) -> Iterator[tuple[str, Step | None, Frame]]:
        """Every way in which a run may end: the outcome, the step (None where a limit is reached), the moment."""
        for steps in self.steps.values():
            yield from ((s.outcome, s, s.after) for s in steps if s.outcome is not None)
        limit = self.world.spec.limits.ends or OUT_OF_LIMITS
        yield from ((limit, None, self._here[name]) for name in self.world.states)

    def holds_at_ends(self, name: str, outcome: str, condition: Condition) -> bool:
        """Whether a rule's condition holds whenever a run comes to an outcome; ``any`` is every one."""
        for found, step, frame in self.ends():
            if outcome not in {found, "any"}:
                continue
            if step is None and not self.world.states[frame.state].speakers.order:
                continue  # a limit is reached after a turn, or where somebody may speak
            solver = self._before(step) if step is not None else self._in(frame)
            try:
                solver.add(z3.Not(truth(frame.holds(condition))))
            except Unknown:
                return False
            if self._check(solver) != z3.unsat:
                self.fell[name, outcome] = step.what if step is not None else f"the limit reached in {frame.state}"
                return False
        return True


def _solver(*known: z3.BoolRef) -> z3.Solver:
    solver = z3.SimpleSolver()
    solver.set("rlimit", MOST_STEPS)
    solver.set("timeout", MOST_MS)
    solver.set("random_seed", 0)
    tell(solver, known)
    return solver
