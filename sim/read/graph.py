"""Pictures of a world's state machine: Mermaid, DOT and SVG.

The layered layout is computed by a library; the drawing is a few boxes and lines.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TypeAlias

import fast_sugiyama
import networkx as nx

from sim.read.drawing import ARROW, FONT, mermaid_text, quoted, text_width
from sim.world.kinds import label_of, one_line
from sim.world.world import World

if TYPE_CHECKING:
    Graph: TypeAlias = nx.MultiDiGraph[str]

_FILL = {"state": "#eaf2fb", "success": "#e3f5e6", "failure": "#fbe6e4", "neutral": "#f1f1f1"}
_EDGE = {"state": "#2f6fab", "success": "#3c8a4a", "failure": "#b5483e", "neutral": "#777777"}


def machine(world: World, language: str) -> Graph:
    """The state machine as a graph: states and ends as nodes, transitions as edges, in the order of the file.

    A node has ``title``, ``detail`` (its speakers) and ``kind``; an edge has ``guard``, and is ``dashed`` where it
    is taken by who leaves a queue.
    """
    graph: Graph = nx.MultiDiGraph()
    for name, state in world.states.items():
        speakers = ", ".join(_who(world, s, language) for s in world.spec.states[name].speakers)
        speakers = speakers or ("旁白" if language.startswith("zh") else "the narrator")
        graph.add_node(
            name, title=one_line(label_of(state.label, language) or name), detail=one_line(speakers), kind="state"
        )
    for name, end in world.spec.ends.items():
        graph.add_node(name, title=one_line(label_of(end.label, language) or name), detail=name, kind=end.kind)
    for name, state in world.states.items():
        for transition in state.go:
            graph.add_edge(name, transition.to, guard=one_line(transition.guard), dashed=False)
        left = [(hold.otherwise, f"no {hold.resource}") for hold in state.holds if hold.otherwise is not None]
        for target, guard in dict.fromkeys(left):
            graph.add_edge(name, target, guard=guard, dashed=True)
    return graph


def _who(world: World, name: str, language: str) -> str:
    """What a speaker is called: an agent by its name, a role or group by its label."""
    if name in world.cast:
        return world.part_name(name, language)
    spec = world.spec.groups.get(name) or world.spec.roles.get(name)
    return label_of(spec.label, language) or name if spec is not None else name


def to_mermaid(world: World, language: str) -> str:
    """The machine as a Mermaid state diagram."""
    graph = machine(world, language)
    ids = {node: f"s{i}" for i, node in enumerate(graph)}
    lines = ["stateDiagram-v2"]
    for node, data in graph.nodes(data=True):
        lines.append(f'  state "{mermaid_text(data["title"])} ({mermaid_text(data["detail"])})" as {ids[node]}')
    lines.append(f"  [*] --> {ids[world.spec.start]}")
    for source, target, data in graph.edges(data=True):
        guard = f": {mermaid_text(data['guard'])}" if data["guard"] else ""
        lines.append(f"  {ids[source]} --> {ids[target]}{guard}")
    lines += [f"  {ids[node]} --> [*]" for node, data in graph.nodes(data=True) if data["kind"] != "state"]
    return "\n".join(lines) + "\n"


def to_dot(world: World, language: str) -> str:
    """The machine in the DOT language."""
    graph = machine(world, language)

    lines = [f"digraph {quoted(world.name)} {{", "  node [shape=box, style=rounded];"]
    for node, data in graph.nodes(data=True):
        label = quoted(f"{data['title']}\n{data['detail']}").replace("\n", "\\n")
        lines.append(f"  {quoted(node)} [label={label}];")
    for source, target, data in graph.edges(data=True):
        style = ", style=dashed" if data["dashed"] else ""
        lines.append(f"  {quoted(source)} -> {quoted(target)} [label={quoted(data['guard'])}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def to_svg(world: World, language: str) -> str:
    """The machine as an SVG picture: states with their speakers, arrows with their guards."""
    graph = machine(world, language)
    size = {n: max(text_width(d["title"], 15), text_width(d["detail"], 12)) + 28 for n, d in graph.nodes(data=True)}
    places, bends = _layout(graph, max(size.values()) + 60)
    xs = [x for x, _ in places.values()] + [x for line in bends.values() for x, _ in line]
    ys = [y for _, y in places.values()]
    left, top = min(xs) - max(size.values()) / 2 - 140, min(ys) - 70
    width, height = max(xs) - left + max(size.values()) / 2 + 140, max(ys) - top + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" {FONT}>',
        f"<title>{escape(one_line(label_of(world.spec.title, language) or world.name))}</title>",
        ARROW,
        f'<rect class="paper" x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'fill="white"/>',
    ]
    lines, labels = _edges(graph, places, bends, size)
    start_x, start_y = places[world.spec.start]
    dot = f'<circle cx="{start_x:.0f}" cy="{start_y - 52:.0f}" r="6" fill="#333"/>'
    entry = (
        f'<path d="M{start_x:.0f} {start_y - 46:.0f}L{start_x:.0f} {start_y - 26:.0f}" stroke="#666" '
        'fill="none" marker-end="url(#arrow)"/>'
    )
    boxes = [_box(n, graph.nodes[n], places[n], size[n]) for n in graph]
    return "\n".join([*parts, *lines, dot, entry, *boxes, *labels, "</svg>"]) + "\n"


Point = tuple[float, float]


def _layout(graph: Graph, spacing: float) -> tuple[dict[str, Point], dict[tuple[str, str], list[Point]]]:
    """Places of the nodes, and for each pair that is joined the points that its line goes through."""
    names = list(graph)
    edges = list(dict.fromkeys((names.index(a), names.index(b)) for a, b in graph.edges() if a != b))
    if not edges:
        return {n: (i * spacing, 0.0) for i, n in enumerate(names)}, {}
    found = fast_sugiyama.from_edges(edges, vertex_spacing=spacing, dummy_vertices=True)
    places: dict[str, Point] = {}
    dummies: dict[int, Point] = {}
    hops: list[tuple[int, int]] = []
    shift = 0.0
    for points, width, _, joined in found:
        for key, (x, y) in points:
            spot = (x * 1.15 + shift, -y * 130 / spacing)
            if key < len(names):
                places[names[key]] = spot
            else:
                dummies[key] = spot
        hops += list(joined)
        shift += width * 1.15 + spacing
    for index, name in enumerate(n for n in names if n not in places):
        places[name] = (shift + index * spacing, 0.0)
    return places, {(names[a], names[b]): _through(a, b, hops, dummies) for a, b in edges}


def _through(start: int, end: int, hops: list[tuple[int, int]], dummies: dict[int, Point]) -> list[Point]:
    """The dummy vertices between two nodes, in either direction."""
    for first, last, turned in ((start, end, False), (end, start, True)):
        for a, b in hops:
            path, here = [], b
            if a != first or (b != last and b not in dummies):
                continue
            while here in dummies:
                path.append(dummies[here])
                here = next((d for c, d in hops if c == here), last)
            if here == last:
                return path[::-1] if turned else path
    return []


def _edges(
    graph: Graph,
    places: dict[str, Point],
    bends: dict[tuple[str, str], list[Point]],
    size: dict[str, float],
) -> tuple[list[str], list[str]]:
    guards: dict[tuple[str, str, bool], list[str]] = {}
    for source, target, data in graph.edges(data=True):
        guards.setdefault((source, target, data["dashed"]), []).append(data["guard"])
    lines, labels = [], []
    taken: list[tuple[Point, float]] = []
    for (source, target, is_dashed), texts in guards.items():
        is_back = graph.has_edge(target, source) and places[target][1] < places[source][1]
        aside = 26 if is_back else (-26 if graph.has_edge(target, source) else 0)
        aside += 40 if is_dashed and (source, target, False) in guards else 0
        first, last = places[source], places[target]
        if source == target:
            middle = [(first[0] + 110, first[1] - 30), (first[0] + 110, first[1] + 30)]
        else:
            middle = [(x + aside, y) for x, y in bends.get((source, target), [])]
            middle = middle or [((first[0] + last[0]) / 2 + aside, (first[1] + last[1]) / 2)]
        points = [_border(first, middle[0], size[source]), *middle, _border(last, middle[-1], size[target])]
        dashes = ' stroke-dasharray="5 4"' if is_dashed else ""
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(
            f'<path class="edge" data-from="{escape(source)}" data-to="{escape(target)}" d="{path}" stroke="#666" '
            f'stroke-width="1.2"{dashes} stroke-linejoin="round" fill="none" marker-end="url(#arrow)"/>'
        )
        for text in filter(None, texts):
            spot = _free_spot(text, middle[0], taken)
            labels.append(_label(text, *spot))
    return lines, labels


def _free_spot(text: str, at: Point, taken: list[tuple[Point, float]]) -> Point:
    """The nearest place below or above where a label covers no other; it is taken then."""
    width = text_width(_shortened(text), 11) + 6
    x, y = at
    for step in (0, 16, -16, 32, -32, 48, -48):
        if all(abs(x - px) * 2 > width + w or abs(y + step - py) > 15 for (px, py), w in taken):
            y += step
            break
    taken.append(((x, y), width))
    return x, y


def _shortened(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"


def _border(node: Point, towards: Point, width: float) -> Point:
    """Where a line leaves a box: above or below its middle."""
    x, y = node
    dy = 26.0 if towards[1] >= y else -26.0
    most = min(40.0, width / 2 - 8)
    dx = max(-most, min(most, (towards[0] - x) * 0.25))
    return (x + dx, y + dy)


def _label(text: str, x: float, y: float) -> str:
    shown = _shortened(text)
    width = text_width(shown, 11) + 6
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="15" fill="white" '
        f'class="halo" fill-opacity="0.85"/><text x="{x:.1f}" y="{y + 3:.1f}" font-size="11" text-anchor="middle" '
        f'fill="#444">{escape(shown)}<title>{escape(text)}</title></text>'
    )


def _box(name: str, data: dict[str, str], place: Point, width: float) -> str:
    x, y = place
    kind = data["kind"]
    return (
        f'<g class="node {kind}" data-state="{escape(name)}">'
        f'<rect x="{x - width / 2:.1f}" y="{y - 26:.1f}" width="{width:.1f}" height="52" rx="9" '
        f'fill="{_FILL[kind]}" stroke="{_EDGE[kind]}" stroke-width="1.5"/>'
        f'<text x="{x:.1f}" y="{y - 3:.1f}" font-size="15" text-anchor="middle" fill="#111">'
        f"{escape(data['title'])}</text>"
        f'<text x="{x:.1f}" y="{y + 15:.1f}" font-size="12" text-anchor="middle" fill="#555">'
        f"{escape(data['detail'])}</text></g>"
    )
