"""Facts that nothing sets or nothing reads, and other names that are declared and never used.

What prompts list is read by whom they are for, and a fact whose kind a field takes is used for that. A fact with
``shown: false`` that nothing sets is an option, which ``--set`` and variants give. With a rules.py, whose functions
are given all facts, every fact is read.
"""

from __future__ import annotations

from sim.world.diagnosis.study import Findings, Study
from sim.world.diagnosis.uses import Uses, uses_of
from sim.world.format import Action, Tool
from sim.world.world import FactDef


def find(study: Study) -> Findings:
    """Facts that are never set or read, and derived values, groups and tables that are never used."""
    uses = uses_of(study)
    for name, fact in study.world.facts.items():
        if fact.compute is None:
            yield from _fact(study, uses, fact)
        elif not _is_used(study, uses, name) and not _is_listed(study, fact):
            yield study.finding(("derived", name), "never-read", _UNREAD, ("derived", name))
    yield from _sets(study, uses)


_UNREAD = (
    "is never read: no condition, effect, text or rule uses it, and no prompt shows it; take it away, or use it"
)


def _fact(study: Study, uses: Uses, fact: FactDef) -> Findings:
    name = fact.name
    spec = study.world.spec.facts[name]
    if spec.flag is not None and spec.start not in (None, spec.flag):
        message = (
            f"a flag begins as its own value, so this start is not read; write flag: {str(not spec.flag).lower()}"
        )
        yield study.finding(("facts", name, "start"), "ignored", message)
    has_start = spec.start is not None or spec.flag is True or not fact.is_shown
    if name not in uses.set_ and not has_start and name not in uses.asked:
        given = "" if fact.start in (None, ()) else fact.kind.show(fact.start, study.world.spec.languages[0])
        always = "false" if fact.kind.name == "flag" else given or "empty"
        start = "write start: false" if fact.kind.name == "flag" else "give it a start"
        message = f"nothing sets it, so it is always {always}; set it under sets, or {start} if --set does"
        yield study.finding(("facts", name), "never-set", message, ("facts", name))
    elif not _is_used(study, uses, name) and not _is_listed(study, fact):
        yield study.finding(("facts", name), "never-read", _UNREAD, ("facts", name))


def _acting(study: Study) -> list[Action | Tool]:
    spec = study.world.spec
    return [*spec.actions.values(), *spec.tools.values()]


def _is_listed(study: Study, fact: FactDef) -> bool:
    """Whether the prompts of those who know a fact show it."""
    knows = fact.known_to
    return fact.is_shown and bool(knows.agents or knows.groups or knows.own)


def _is_used(study: Study, uses: Uses, name: str) -> bool:
    is_kind = any(field.of == name for part in _acting(study) for field in part.fields.values())
    return name in uses.read or is_kind or bool(study.world.rules)


def _sets(study: Study, uses: Uses) -> Findings:
    """Groups and tables that nobody names."""
    spec = study.world.spec
    named = _named(study) | uses.read | uses.words
    for name, group in spec.groups.items():
        if name not in named and not group.label:
            message = "no state, act or condition names this group; take it away, or use it"
            yield study.finding(("groups", name), "unused", message, ("groups", name))
    kinds = [*spec.facts.values(), *(f for a in _acting(study) for f in a.fields.values())]
    chosen = {o.table for kind in kinds for o in (kind.choice, kind.list_) if o is not None}
    for name in spec.tables:
        if name not in named | chosen:
            message = "nothing reads this table; take it away, or use it"
            yield study.finding(("tables", name), "unused", message, ("tables", name))


def _named(study: Study) -> set[str]:
    """The names that stand in lists of names: speakers, actors, audiences, knowers and the like."""
    world, spec = study.world, study.world.spec
    lists = [part.by for part in _acting(study)]
    lists += [ballot.voters for ballot in spec.ballots.values()]
    lists += [fact.known_to for fact in spec.facts.values()]
    lists += [value.known_to or [] for value in spec.derived.values()]
    for name, group in spec.groups.items():
        lists += [group.agents or [], group.of or [], [n for n in group.known_to or [] if n != name]]
    for state in spec.states.values():
        lists += [state.speakers, state.heard_by, list(state.tell)]
        lists += [state.repeat] if isinstance(state.repeat, list) else []
        lists += [state.summary.heard_by] if state.summary else []
    lists += [list(roles) for roles in spec.lines.values()]
    given = spec.speaker_transitions
    for ways in (given.allowed, given.disallowed) if given else ():
        lists += [[before, *after] for before, after in (ways or {}).items()]
    found = {name for names in lists for name in names}
    found |= {str(fact.of) for fact in spec.facts.values() if fact.of}
    kinds = [*spec.facts.values(), *(f for a in spec.actions.values() for f in a.fields.values())]
    found |= {o.table for kind in kinds for o in (kind.choice, kind.list_) if o is not None and o.table}
    return found | {agent for agent in world.agents if world.cast[agent] in found}
