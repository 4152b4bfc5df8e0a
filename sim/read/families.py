"""Which runs were forked from which, among those in a folder."""

from __future__ import annotations

from collections.abc import Iterator

from sim.record.log import RunLog
from sim.record.records import Fork


class Families:
    """Runs with their forks. A fork is below the run that it names, if that has the record which it names too."""

    def __init__(self) -> None:
        self._forks: dict[str, Fork | None] = {}
        self._hashes: dict[str, frozenset[str]] = {}

    def add(self, log: RunLog) -> None:
        """Take one run; they are told in the order in which they came."""
        self._forks[log.name] = log.header.fork
        self._hashes[log.name] = frozenset(record.hash for record in log.records)

    def parent(self, name: str) -> str | None:
        """The run that another was forked from, if it is here and is still that run."""
        fork = self._forks[name]
        if fork is None or fork.parent == name or fork.trace not in self._hashes.get(fork.parent, ()):
            return None
        return fork.parent

    def walk(self) -> Iterator[tuple[str, int]]:
        """Every run once, parents before their forks, with how many forks lead to it."""
        below: dict[str | None, list[str]] = {}
        for name in self._forks:
            below.setdefault(self.parent(name), []).append(name)
        seen: set[str] = set()
        ahead = [(name, 0) for name in reversed(below.get(None, []))]
        while ahead:
            name, depth = ahead.pop()
            seen.add(name)
            yield name, depth
            ahead += [(child, depth + 1) for child in reversed(below.get(name, []))]
        yield from ((name, 0) for name in self._forks if name not in seen)  # forged ones that name each other
