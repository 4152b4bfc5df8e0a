"""Where the states of a world lead, whatever their guards: by arrows, and where a queue is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim.world.format import WorldFile


def reachable(spec: WorldFile) -> set[str]:
    """The states and ends that can be come to from the start."""
    return _ahead([spec.start], lambda state: [*_arrows(spec, state), *_left(spec, state)])


def circles(spec: WorldFile) -> list[tuple[str, int]]:
    """The places (state, number of what it holds) whose queue, when left, leads back to it before anybody speaks.

    A queue that is too long is left at once, so such an episode could go round for ever while no time passes.
    """

    def passed(state: str) -> list[str]:
        is_passed = state in spec.states and not spec.states[state].speakers
        return [*_left(spec, state), *(_arrows(spec, state) if is_passed else ())]

    return [
        (name, index)
        for name, state in spec.states.items()
        for index, hold in enumerate(state.holds)
        if hold.otherwise is not None and name in _ahead([hold.otherwise], passed)
    ]


def _ahead(start: Iterable[str], ways: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += ways(name)
    return found


def _arrows(spec: WorldFile, state: str) -> list[str]:
    return [t.to for t in spec.states[state].go] if state in spec.states else []


def _left(spec: WorldFile, state: str) -> list[str]:
    holds = spec.states[state].holds if state in spec.states else []
    return [h.otherwise for h in holds if h.otherwise is not None]
