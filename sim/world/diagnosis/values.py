"""Values that are written out, and that what they are for can never have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.errors import brief
from sim.world.diagnosis.study import Findings, Study
from sim.world.expressions import Compiled
from sim.world.kinds import Kind
from sim.world.source import KeyPath
from sim.world.vocabulary import ExpressionError
from sim.world.world import Policy


def find(study: Study) -> Findings:
    """Fields of scripted acts and of fallbacks, and effects of acts, with a fixed value that is never valid."""
    for path, kind, policy, so in (*_scripted(study), *_of_acts(study)):
        wrong = _misfit(kind, policy)
        if wrong is not None:
            given, why = wrong
            yield study.finding(path, "never-valid", f"{given} is never valid, so {so}; it {why}")


_Given = tuple[KeyPath, Kind, Policy, str]


def _scripted(study: Study) -> Iterator[_Given]:
    world = study.world
    for state, groups in world.lines.items():
        for key, _, moves in groups:
            for index, move in enumerate(moves):
                for name, fields in move.acts.items():
                    known = (world.actions.get(name) or world.tools[name]).fields
                    for field, policy in fields.items():
                        if known[field].one_of is not None:
                            continue  # what can be chosen then is not known here
                        path = ("lines", state, key, index, "do", name, field)
                        yield path, known[field].kind, policy, f"'{name}' is refused"


def _of_acts(study: Study) -> Iterator[_Given]:
    for name, action in study.world.actions.items():
        if action.ballot is not None:
            continue
        for field, value in (action.fallback or {}).items():
            if action.fields[field].one_of is None:
                yield ("actions", name, "fallback", field), action.fields[field].kind, value, "nothing is done"
        for effect, target in zip(action.sets, study.world.spec.actions[name].sets, strict=True):
            kind = study.world.facts[effect.fact].kind
            yield ("actions", name, "sets", target), kind, effect.value, f"'{name}' is refused"


def _misfit(kind: Kind, policy: Policy) -> tuple[str, str] | None:
    """What is written and what it must be instead; None where it fits, or varies, or empties what may be empty."""
    if not isinstance(policy, Compiled) or policy.reads:
        return None
    nothing: Mapping[str, object] = {}
    try:
        value = kind.rounded(policy(nothing))
        if value is not None:
            kind.read(list(value) if isinstance(value, tuple) else value)
    except ExpressionError:
        return None
    except ValueError as error:
        return brief(policy.text), str(error)
    return None
