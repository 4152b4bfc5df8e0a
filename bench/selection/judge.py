"""What came of a chat, by the world's own rules: of a plain chat, in which nothing was checked, as of ours.

Each act that was done changes the facts as the world says it does, whether or not it was open; the arrows of the
world lead on; and its rules (`never`, `at_end`) are held against what there is then. Where a mark leaves out the
fields of its act, they are taken to be right: a chat is not blamed for sums that nobody asked it for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.selection.scene import PLACED, Mark, Scene
from sim.engine.machine import Refused, begin, effects, settle
from sim.engine.situation import scope
from sim.world.expressions import Compiled
from sim.world.rows import Row
from sim.world.vocabulary import ExpressionError
from sim.world.world import ActionDef, World

OWED = {"pay_fee": "fee", "pay_bill": "bill"}
"""What is paid by an act, by the fact that says how much is owed."""

REACHED = "discharged"
UNFINISHED = "unfinished"
FAILED = "failed"
"""Of a model that gave no answer."""


@dataclass
class Verdict:
    """What came of a chat.

    ``out_of_place`` counts turns of those who have no part in the state that the visit is in, ``early`` acts that
    were not open when they were done; ``broken`` has the rules that did not hold at some time, or at the end.
    """

    turns: int = 0
    out_of_place: int = 0
    early: int = 0
    acts: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    outcome: str = UNFINISHED

    @property
    def kept(self) -> bool:
        """Whether the procedure was kept: no rule was broken."""
        return not self.broken

    @property
    def reached(self) -> bool:
        """Whether the patient went home with the medicine, and no rule was broken."""
        return self.kept and self.outcome == REACHED


class Judge:
    """Follows one chat, turn by turn."""

    def __init__(self, scene: Scene) -> None:
        self._rules = scene.world
        # The machine stops at the first rule that does not hold; a plain chat goes on.
        self._world: World = replace(scene.world, never={}, at_end={})
        self._language = scene.language
        self._scene = scene
        self._situation = begin(self._world, 1)
        self.verdict = Verdict()

    @property
    def state(self) -> str:
        """The state that the visit is in."""
        return self._situation.state

    @property
    def is_over(self) -> bool:
        """Whether the visit has come to an end of the world."""
        return self._situation.outcome is not None

    def hear(self, agent: str, acts: Sequence[Mark]) -> None:
        """Take a turn: who spoke, and what was done by it; acts of somebody else are not done by naming them."""
        if self.is_over:
            return
        verdict, world = self.verdict, self._world
        verdict.turns += 1
        speakers = world.states[self._situation.state].speakers
        verdict.out_of_place += agent not in speakers.agents
        for mark in acts:
            if self._scene.does(agent, mark.action):
                self._do(agent, mark)
        self._hold()
        self._situation = settle(world, self._situation, agent, (), 1.0, self._language).situation
        self._hold()
        if self.is_over:
            verdict.outcome = str(self._situation.outcome)

    def _do(self, agent: str, mark: Mark) -> None:
        world, situation = self._world, self._situation
        action = world.actions[mark.action]
        values = scope(world, situation)
        inner = values.about(agent, act=Row(self._fields(action, mark, values)))
        is_here = mark.action in world.states[situation.state].actions
        is_open = is_here and action.when.holds(inner) and all(need.that.holds(inner) for need in action.needs)
        self.verdict.early += not is_open
        self.verdict.acts.append(mark.action)
        try:
            changes = effects(world, action.sets, inner)
        except Refused:  # nothing that a fact could be
            return
        done = {**situation.done, mark.action: situation.done[mark.action] + 1}
        self._situation = situation.having(facts={**situation.facts, **changes}, done=done)

    def _fields(self, action: ActionDef, mark: Mark, values: Mapping[str, Any]) -> dict[str, Any]:
        if action.name in OWED:
            return {"amount": values[OWED[action.name]]}
        if action.name in PLACED:
            options = tuple(action.fields[PLACED[action.name]].kind.options)
            return {PLACED[action.name]: mark.place if mark.place in options else options[0]}
        if action.fallback is not None:
            return {name: compiled(values) for name, compiled in action.fallback.items()}
        items = {name: given.kind.item or given.kind for name, given in action.fields.items()}
        first = {name: next(iter(item.options)) for name, item in items.items()}
        return {n: (v,) if action.fields[n].kind.name == "list" else v for n, v in first.items()}

    def _hold(self) -> None:
        """Hold the rules against what there is now; a condition that cannot be computed counts as broken."""
        values, outcome, rules = scope(self._world, self._situation), self._situation.outcome, self._rules
        broken = {name for name, condition in rules.never.items() if _is_true(condition, values, default=True)}
        for end in (outcome, "any") if outcome is not None else ():
            musts = rules.at_end.get(end, {})
            broken |= {name for name, condition in musts.items() if not _is_true(condition, values, default=False)}
        self.verdict.broken |= broken


def _is_true(condition: Compiled, values: Mapping[str, Any], *, default: bool) -> bool:
    try:
        return bool(condition(values))
    except ExpressionError:
        return default


def judged(scene: Scene, turns: Sequence[tuple[str, Sequence[Mark]]]) -> Verdict:
    """What came of some turns, each a speaker and what was done."""
    judge = Judge(scene)
    for agent, acts in turns:
        judge.hear(agent, acts)
    return judge.verdict
