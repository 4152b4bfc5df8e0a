"""What is known of a world's facts at the beginning of a run, and at any moment at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3

from sim.explore.sameness import settable
from sim.proof.conditions import Condition
from sim.proof.frames import COUNTERS, Frame, known
from sim.proof.terms import Truth, Unknown, both, either, is_same, is_term
from sim.world.world import FactDef, TransitionDef, World


def anywhere(world: World, start: Frame) -> tuple[Frame, Truth]:
    """A moment of which nothing is known but what values there can be."""
    makings = start.makings
    values: dict[str, Any] = {}
    conditions: list[Truth] = []
    for name in COUNTERS:
        values[name] = z3.Real(name) if "minutes" in name else z3.Int(name)
        conditions.append(values[name] >= 0)
    conditions += [values["turns"] >= values["state_turns"], values["minutes"] >= values["state_minutes"]]
    values["speaker"] = z3.Int("speaker")
    speakers = either(*(values["speaker"] == makings.codes.of(a) for a in ("", *world.cast)))
    for action in world.actions:
        values[f"done.{action}"] = z3.Int(f"done.{action}")
        conditions.append(values[f"done.{action}"] >= 0)
    for fact in world.facts.values():
        if fact.compute is not None:
            continue
        for key in [fact.name] if fact.of is None else [fact.key(a) for a in fact.of]:
            try:
                values[key], domain = makings.any(key, fact.kind)
            except Unknown as unknown:
                values[key], domain = unknown, True
            conditions.append(domain)
    return start.with_values(values), both(speakers, *conditions)


def beginning(world: World, start: Frame) -> tuple[Frame, Truth]:
    """The moment at which a run begins: facts as the world has them, what is dealt in any order.

    A fact that nothing sets is an option of the user's (``--set``), and may have any value.
    """
    touched = settable(world)
    makings = start.makings
    values: dict[str, Any] = {n: z3.RealVal(0) if "minutes" in n else z3.IntVal(0) for n in COUNTERS}
    values |= {f"done.{action}": z3.IntVal(0) for action in world.actions}
    values["speaker"] = makings.codes.of("")
    conditions: list[Truth] = []
    for fact in world.facts.values():
        if fact.compute is not None:
            continue
        if fact.name not in touched and not fact.deal:
            for key in [fact.name] if fact.of is None else [fact.key(a) for a in fact.of]:
                values[key] = start.values[key]
        elif fact.of is None:
            values[fact.name] = known(fact.start, fact.kind, makings)
        elif not fact.deal:
            values |= {fact.key(a): known(fact.start, fact.kind, makings) for a in fact.of}
        else:
            dealt = {fact.key(a): makings.any(fact.key(a), fact.kind) for a in fact.of}
            values |= {key: made for key, (made, _) in dealt.items()}
            conditions += [domain for _, domain in dealt.values()]
            conditions.append(dealt_out(fact, [made for made, _ in dealt.values()], makings.codes))
    return start.with_values(values, world.spec.start), both(*conditions)


def dealt_out(fact: FactDef, values: Sequence[Any], codes: Any) -> Truth:
    """Whether the values of all agents are those that are dealt, in some order; True where that is not told."""
    found: list[Truth] = []
    for value in dict.fromkeys(fact.deal):
        if not isinstance(value, str):
            return True
        same = [is_same(v, value, codes) for v in values]
        times = fact.deal.count(value)
        found.append(z3.PbEq([(s if is_term(s) else z3.BoolVal(s), 1) for s in same], times))
    return both(*found)


def keys_of(world: World, condition: Condition) -> frozenset[str]:
    """The keys of the values that a condition depends on."""
    found: set[str] = set()
    ahead, seen = list(condition.reads), set[str]()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        fact, group = world.facts.get(name), world.groups.get(name)
        if fact is not None and fact.compute is not None:
            ahead += fact.compute.reads
        elif fact is not None:
            found |= {name} if fact.of is None else {fact.key(a) for a in fact.of}
        elif group is not None:
            ahead += group.where.reads
        elif name == "done":
            found |= {f"done.{a}" for a in world.actions}
        else:
            found.add(name)
    return frozenset(found)


def waits(arrow: TransitionDef) -> bool:
    """Whether an arrow is taken only after some turns, rounds or minutes."""
    return bool(arrow.after_turns or arrow.after_rounds or arrow.after_minutes)
