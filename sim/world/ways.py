"""Where the states of a world lead, whatever their guards: by arrows, and where a queue is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim.world.format import WorldFile


def reachable(spec: WorldFile) -> set[str]:
    """The states and ends that can be come to from the start."""
    return _ahead([spec.start], lambda state: _ways(spec, state))


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


def states_without_arrows(spec: WorldFile) -> list[str]:
    """The states that are never left, in the order of the file."""
    return [name for name, state in spec.states.items() if not state.go]


def without_end(spec: WorldFile) -> list[str]:
    """The states that lead on and on, to neither an end nor a state without arrows, in the order of the file.

    Only those that can be come to from the start.
    """
    back: dict[str, list[str]] = {}
    for state in spec.states:
        for to in _ways(spec, state):
            back.setdefault(to, []).append(state)
    ending = _ahead([*spec.ends, *states_without_arrows(spec)], lambda name: back.get(name, ()))
    known = reachable(spec)
    return [name for name in spec.states if name in known and name not in ending]


def _ahead(start: Iterable[str], ways: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    ahead = list(start)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += ways(name)
    return found


def _ways(spec: WorldFile, state: str) -> list[str]:
    return [*_arrows(spec, state), *_left(spec, state)]


def _arrows(spec: WorldFile, state: str) -> list[str]:
    return [t.to for t in spec.states[state].go] if state in spec.states else []


def _left(spec: WorldFile, state: str) -> list[str]:
    holds = spec.states[state].holds if state in spec.states else []
    return [h.otherwise for h in holds if h.otherwise is not None]
