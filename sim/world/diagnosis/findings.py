"""All diagnoses of a world and its variants together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.errors import Problem
from sim.world.diagnosis import arrows, facts, openings, queues, speech, values
from sim.world.diagnosis.study import Finding, Findings, Study

_DIAGNOSES: tuple[Callable[[Study], Findings], ...] = (
    arrows.find,
    openings.find,
    facts.find,
    speech.find,
    queues.find,
    values.find,
)


def diagnose(studies: Sequence[Study], *, is_whole: bool) -> list[Problem]:
    """What is odd in a world and its variants, each problem once.

    What one of them uses is not called unused, whatever the others do; unless they are ``is_whole``, as where one
    cannot be read, nothing is.
    """
    found: list[tuple[Study, list[Finding]]] = [(s, [f for find in _DIAGNOSES for f in find(s)]) for s in studies]
    used: set[tuple[str, str]] = set()
    for study, findings in found:
        unused = {finding.unused for finding in findings}
        declared = {(section, name) for section in _SECTIONS for name in getattr(study.world.spec, section)}
        used |= declared - unused
    everything = [f for _, findings in found for f in findings]
    problems = [f.problem for f in everything if f.unused is None or (is_whole and f.unused not in used)]
    return list(dict.fromkeys(problems))


_SECTIONS = ("roles", "groups", "facts", "derived", "tables", "actions", "ballots", "tools", "resources")
