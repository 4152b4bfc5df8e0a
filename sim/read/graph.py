"""A world's state machine as a graph, and as Mermaid and DOT; with what runs took of it, where that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import networkx as nx

from sim.read.drawing import PALE, TAKEN, mermaid_text, quoted
from sim.read.taken import Taken
from sim.world.kinds import label_of, one_line
from sim.world.world import TransitionDef, World

if TYPE_CHECKING:
    Graph: TypeAlias = nx.MultiDiGraph[str]


def machine(world: World, language: str, taken: Taken | None = None) -> Graph:
    """The state machine as a graph: states and ends as nodes, transitions as edges, in the order of the file.

    A node has ``title``, ``detail`` (its speakers) and ``kind``; an edge has ``guard``, ``shown`` (the guard in the
    language), and is ``dashed`` where it is taken by who leaves a queue. With what runs have ``taken``, a node also
    has ``visits`` and ``turns``, and an edge ``times``; without, they are None.
    """
    graph: Graph = nx.MultiDiGraph()
    for name, state in world.states.items():
        speakers = ", ".join(_who(world, s, language) for s in world.spec.states[name].speakers)
        speakers = speakers or ("旁白" if is_chinese(language) else "the narrator")
        title = one_line(label_of(state.label, language) or name)
        graph.add_node(name, title=title, detail=one_line(speakers), kind="state")
    for name, end in world.spec.ends.items():
        graph.add_node(name, title=one_line(label_of(end.label, language) or name), detail=name, kind=end.kind)
    for name, data in graph.nodes(data=True):
        data |= {"visits": taken and taken.visits[name], "turns": taken and taken.turns[name]}
    for name, state in world.states.items():
        arrows = [(arrow.to, arrow.guard, guard_in(arrow, language), False) for arrow in state.go]
        left = [hold for hold in state.holds if hold.otherwise is not None]
        arrows += dict.fromkeys(
            (str(h.otherwise), f"no {h.resource}", _in_vain(world, h.resource, language), True) for h in left
        )
        for target, guard, shown, is_dashed in arrows:
            times = taken and taken.arrows[name, target, one_line(guard)]
            graph.add_edge(
                name, target, guard=one_line(guard), shown=one_line(shown), dashed=is_dashed, times=times
            )
    return graph


def is_chinese(language: str) -> bool:
    """Whether words of ours are in Chinese; else they are in English."""
    return language.startswith("zh")


def guard_in(arrow: TransitionDef, language: str) -> str:
    """The condition of an arrow as it is read in a language; expressions stay as they are written."""
    if not is_chinese(language):
        return arrow.guard
    parts = [] if arrow.when.text == "true" else [arrow.when.text]
    limits = ((arrow.after_turns, "轮"), (arrow.after_rounds, "圈"), (arrow.after_minutes, "分钟"))
    parts += [f"满{least:g}{unit}" for least, unit in limits if least]
    return "，且".join(parts)


def _in_vain(world: World, resource: str, language: str) -> str:
    called = label_of(world.spec.resources[resource].label, language) or resource
    return f"等不到{called}" if is_chinese(language) else f"no {called}"


def stay_in(data: Mapping[str, Any], language: str) -> str:
    """What runs did at a node: how often they came, and the turns that they took there; empty where none did."""
    visits, turns = data["visits"] or 0, data["turns"] or 0
    if not visits:
        return ""
    if is_chinese(language):
        return f"{visits:,}次" + (f"，{turns:,}轮" if turns else "")
    return f"{visits:,}×" + (f", {turns:,} turn{'s' if turns > 1 else ''}" if turns else "")


def _who(world: World, name: str, language: str) -> str:
    """What a speaker is called: an agent by its name, a role or group by its label."""
    if name in world.cast:
        return world.part_name(name, language)
    spec = world.spec.groups.get(name) or world.spec.roles.get(name)
    return label_of(spec.label, language) or name if spec is not None else name


def to_mermaid(world: World, language: str, taken: Taken | None = None) -> str:
    """The machine as a Mermaid state diagram; what runs never entered is pale, and arrows say how often."""
    graph = machine(world, language, taken)
    ids = {node: f"s{i}" for i, node in enumerate(graph)}
    lines = ["stateDiagram-v2"]
    for node, data in graph.nodes(data=True):
        stay = stay_in(data, language)
        detail = mermaid_text(data["detail"]) + (f" · {stay}" if stay else "")
        lines.append(f'  state "{mermaid_text(data["title"])} ({detail})" as {ids[node]}')
    lines.append(f"  [*] --> {ids[world.spec.start]}")
    for source, target, data in graph.edges(data=True):
        label = mermaid_text(_told(data))
        lines.append(f"  {ids[source]} --> {ids[target]}{f': {label}' if label else ''}")
    lines += [f"  {ids[node]} --> [*]" for node, data in graph.nodes(data=True) if data["kind"] != "state"]
    if taken is not None:
        lines += [
            f"  classDef taken stroke:{TAKEN},stroke-width:3px",
            f"  classDef never stroke:{PALE},color:#888",
            *(
                f"  class {ids[node]} {'taken' if data['visits'] else 'never'}"
                for node, data in graph.nodes(data=True)
            ),
        ]
    return "\n".join(lines) + "\n"


def _told(data: Mapping[str, Any]) -> str:
    """A guard, and how often the arrow was taken if it was."""
    times = f"{data['times']:,}×" if data["times"] else ""
    return f"{times} {data['shown']}".strip()


def to_dot(world: World, language: str, taken: Taken | None = None) -> str:
    """The machine in the DOT language; what runs took is thick, the rest pale."""
    graph = machine(world, language, taken)
    lines = [f"digraph {quoted(world.name)} {{", "  node [shape=box, style=rounded];"]
    for node, data in graph.nodes(data=True):
        stay = stay_in(data, language)
        label = quoted("\n".join(filter(None, (data["title"], data["detail"], stay)))).replace("\n", "\\n")
        lines.append(f"  {quoted(node)} [label={label}{_dot_style(taken, data['visits'], is_node=True)}];")
    for source, target, data in graph.edges(data=True):
        style = ", style=dashed" if data["dashed"] else ""
        style += _dot_style(taken, data["times"])
        lines.append(f"  {quoted(source)} -> {quoted(target)} [label={quoted(_told(data))}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_style(taken: Taken | None, times: int | None, *, is_node: bool = False) -> str:
    if taken is None:
        return ""
    if times:
        return f', color="{TAKEN}", penwidth={2 if is_node else 3}'
    return f', color="{PALE}", fontcolor="#888888"'
