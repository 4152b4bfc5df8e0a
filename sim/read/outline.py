"""A state machine in a few lines of text: the states that a run came through, and what led out of them."""

from __future__ import annotations

from dataclasses import dataclass

from sim.read.graph import machine, stay_in
from sim.read.taken import Taken
from sim.world.world import World


@dataclass(frozen=True)
class Line:
    """A state (``target`` is empty) or an arrow out of the last state before it, with how often it was taken."""

    title: str
    note: str
    times: int
    target: str = ""


@dataclass(frozen=True)
class Outline:
    """The states and ends that were entered, with their arrows, and the titles of those that were not."""

    lines: tuple[Line, ...]
    never: tuple[str, ...]
    path: tuple[str, ...]
    """The titles of the states and the end of the first episode."""


def outline(world: World, language: str, taken: Taken) -> Outline:
    """The machine as a run went through it, in the order of the file.

    An end that was reached has no line of its own: it stands behind the arrows, and in the path.
    """
    graph = machine(world, language, taken)
    titles = {name: data["title"] for name, data in graph.nodes(data=True)}
    lines: list[Line] = []
    for name, data in graph.nodes(data=True):
        if data["kind"] != "state" or not data["visits"]:
            continue
        lines.append(Line(titles[name], stay_in(data, language), data["visits"]))
        lines += [
            Line("", arrow["shown"], arrow["times"], titles[target])
            for _, target, arrow in graph.out_edges(name, data=True)
        ]
    never = tuple(titles[name] for name, data in graph.nodes(data=True) if not data["visits"])
    return Outline(tuple(lines), never, tuple(titles.get(name, name) for name in taken.path))
