"""Pictures of who may speak after whom: by the orders of the states, the arrows between them, and the lists."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from sim.read.drawing import ARROW, FONT, mermaid_text, quoted, text_width
from sim.world.circles import Circle
from sim.world.kinds import label_of, one_line
from sim.world.world import StateDef, World

Edge = tuple[str, str]
_COLOURS = ("#2f6fab", "#3c8a4a", "#b5483e", "#8a5fa8", "#b07a1e", "#2b8c8c")
_FILLS = ("#eaf2fb", "#e3f5e6", "#fbe6e4", "#f3eaf8", "#fbf1df", "#e1f4f4")


def speaker_edges(world: World) -> list[Edge]:
    """The pairs ``(a, b)`` where b may be the next speaker after a, in the order of the cast.

    Who speaks at once does not follow one another. Of groups that change, all who may ever be in them are counted.
    """
    found: set[Edge] = set()
    for state in world.states.values():
        if not state.is_at_once:
            found |= _within(world, state)
        last = _may_speak(world, state)
        for following in _following(world, state):
            found |= {(a, b) for a in last for b in _first(world, following)}
    agents = world.agents
    lists = world.next_speakers
    return [(a, b) for a in agents for b in agents if (a, b) in found and (lists is None or b in lists[a])]


def _may_speak(world: World, state: StateDef) -> tuple[str, ...]:
    """All who may speak in a state, in the order in which they are named."""
    return _all(world, state.speakers)


def _all(world: World, circle: Circle) -> tuple[str, ...]:
    found: list[str] = []
    for name in circle.order or world.agents:
        found += world.groups[name].of if name in circle.groups else [name] if name in circle.agents else []
    return tuple(dict.fromkeys(found))


def _within(world: World, state: StateDef) -> set[Edge]:
    speakers = _may_speak(world, state)
    may_repeat = set(_all(world, state.repeat)) if state.repeat.agents or state.repeat.groups else set()
    if state.order in {"single", "named"} or len(speakers) < 2:
        return {(a, a) for a in speakers} if len(_stays(state)) else set()
    if state.order == "alternate" and not state.speakers.groups and world.next_speakers is None:
        return set(zip(speakers, (*speakers[1:], speakers[0]), strict=True))
    return {(a, b) for a in speakers for b in speakers if a != b or a in may_repeat}


def _stays(state: StateDef) -> list[str]:
    """Whether a state may be stayed in: one whose first arrow always fires after a turn is left at once."""
    always = any(
        t.when.text == "true" and not (t.after_turns or t.after_rounds or t.after_minutes) for t in state.go
    )
    return [] if always or any(t.after_rounds == 1 and t.when.text == "true" for t in state.go) else [state.name]


def _first(world: World, state: StateDef) -> tuple[str, ...]:
    speakers = _may_speak(world, state)
    is_fixed = not state.speakers.groups and world.next_speakers is None
    return speakers[:1] if state.order == "single" or (state.order == "alternate" and is_fixed) else speakers


def _following(world: World, state: StateDef) -> Iterable[StateDef]:
    """The states in which somebody speaks that arrows lead to, also through those in which nobody does."""
    seen: set[str] = set()
    ahead = [t.to for t in state.go]
    while ahead:
        name = ahead.pop(0)
        if name in seen or name not in world.states:
            continue
        seen.add(name)
        there = world.states[name]
        if there.speakers.agents or there.speakers.groups:
            yield there
        may_be_empty = not there.speakers.agents or there.order == "named"
        ahead += [t.to for t in there.go] if may_be_empty else []


def _names(world: World, language: str) -> dict[str, str]:
    return {a: one_line(world.part_name(a, language)) for a in world.agents}


def _clusters(world: World) -> dict[str, list[str]]:
    """The agents by role; roles of one agent are taken together."""
    clusters: dict[str, list[str]] = {}
    for agent, role in world.cast.items():
        clusters.setdefault(role if world.spec.roles[role].count else "", []).append(agent)
    return clusters


def to_mermaid(world: World, language: str) -> str:
    """Who may speak after whom, as a Mermaid flowchart."""
    names = _names(world, language)
    ids = {a: f"a{i}" for i, a in enumerate(world.agents)}
    lines = ["flowchart LR"]
    for role, agents in _clusters(world).items():
        boxes = [f'{ids[a]}["{mermaid_text(names[a])} ({mermaid_text(a)})"]' for a in agents]
        lines += (
            [f"  subgraph {role}", *(f"    {b}" for b in boxes), "  end"] if role else [f"  {b}" for b in boxes]
        )
    edges = speaker_edges(world)
    for a, b in edges:
        if (b, a) not in edges or a == b:
            lines.append(f"  {ids[a]} --> {ids[b]}")
        elif world.agents.index(a) < world.agents.index(b):
            lines.append(f"  {ids[a]} <--> {ids[b]}")
    return "\n".join(lines) + "\n"


def to_dot(world: World, language: str) -> str:
    """Who may speak after whom, in the DOT language."""
    names = _names(world, language)
    lines = [f"digraph {quoted(world.name)} {{", "  node [shape=box, style=rounded];"]
    for role, agents in _clusters(world).items():
        nodes = [f"{quoted(a)} [label={quoted(names[a])}];" for a in agents]
        inner = [f"    {n}" for n in nodes]
        cluster = [f"  subgraph {quoted('cluster_' + role)} {{", f"    label={quoted(role)};", *inner, "  }"]
        lines += cluster if role else [f"  {n}" for n in nodes]
    lines += [f"  {quoted(a)} -> {quoted(b)};" for a, b in speaker_edges(world)]
    return "\n".join([*lines, "}"]) + "\n"


Point = tuple[float, float]


def _places(world: World, edges: list[Edge], size: float) -> dict[str, Point]:
    """Agents of a role in a ring, the rings in a circle; who speaks with other rings stands towards the middle."""
    clusters = list(_clusters(world).values())
    places: dict[str, Point] = {}
    rings = [max(size * 0.9, len(c) * size * 0.22) if len(c) > 1 else 0.0 for c in clusters]
    far = 0.0 if len(clusters) == 1 else max(rings) * (1.25 if len(clusters) < 4 else len(clusters) * 0.42) + size
    for index, agents in enumerate(clusters):
        angle = -math.pi / 2 + 2 * math.pi * index / len(clusters)
        x, y = far * math.cos(angle), far * math.sin(angle)
        hub = _hub(agents, edges)
        ring = [a for a in agents if a != hub]
        if hub is not None:
            places[hub] = (x, y)
        outward = [any(b not in agents for a, b in edges if a == agent) for agent in ring]
        start = ring.index(ring[outward.index(True)]) if True in outward else 0
        for step, agent in enumerate(ring[start:] + ring[:start]):
            turn = angle + math.pi + 2 * math.pi * step / len(ring)
            places[agent] = (x + rings[index] * math.cos(turn), y + rings[index] * 0.8 * math.sin(turn))
    return places


def _hub(agents: list[str], edges: list[Edge]) -> str | None:
    """The one whom all others of a ring speak with, while none of them speaks with another."""
    pairs = {(a, b) for a, b in edges if a != b and a in agents and b in agents}
    touched = [a for a in agents if all(a in pair for pair in pairs)]
    return touched[0] if len(agents) > 2 and len(touched) == 1 else None


def to_svg(world: World, language: str) -> str:
    """Who may speak after whom, as an SVG picture: a ring for each role, a line for each pair."""
    names = _names(world, language)
    edges = speaker_edges(world)
    widths = {a: max(text_width(n, 14), text_width(a, 11)) + 22 for a, n in names.items()}
    places = _places(world, edges, max(widths.values()) + 30)
    margin = max(widths.values()) / 2 + 30
    left, top = min(x for x, _ in places.values()) - margin, min(y for _, y in places.values()) - 50
    width = max(x for x, _ in places.values()) + margin - left
    height = max(y for _, y in places.values()) + 50 - top
    title = escape(one_line(label_of(world.spec.title, language) or world.name))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" {FONT}>',
        f"<title>{title}</title>",
        ARROW,
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    roles = list(_clusters(world))
    colour = {a: roles.index(r if world.spec.roles[r].count else "") % 6 for a, r in world.cast.items()}
    for a, b in edges:
        if a != b and not ((b, a) in edges and world.agents.index(b) < world.agents.index(a)):
            parts.append(_line(places[a], places[b], widths, (a, b), is_both=(b, a) in edges))
    parts += [_node(places[a], widths[a], names[a], a, colour[a], (a, a) in edges) for a in world.agents]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(first: Point, last: Point, widths: dict[str, float], pair: Edge, *, is_both: bool) -> str:
    start, end = _edge_of(first, last, widths[pair[0]]), _edge_of(last, first, widths[pair[1]])
    both = ' marker-start="url(#arrow)"' if is_both else ""
    return (
        f'<path d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}" stroke="#888" stroke-width="1.1" '
        f'fill="none" marker-end="url(#arrow)"{both}/>'
    )


def _edge_of(box: Point, towards: Point, width: float) -> Point:
    """Where a line from the middle of a box to a point leaves the box."""
    dx, dy = towards[0] - box[0], towards[1] - box[1]
    scale = min((width / 2 + 3) / abs(dx) if dx else math.inf, 23 / abs(dy) if dy else math.inf)
    return (box[0] + dx * scale, box[1] + dy * scale)


def _node(place: Point, width: float, name: str, agent: str, colour: int, repeats: bool) -> str:
    x, y = place
    dash = ' stroke-width="2.5"' if repeats else ' stroke-width="1.4"'
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - 20:.1f}" width="{width:.1f}" height="40" rx="9" '
        f'fill="{_FILLS[colour]}" stroke="{_COLOURS[colour]}"{dash}/>'
        f'<text x="{x:.1f}" y="{y - 1:.1f}" font-size="14" text-anchor="middle" fill="#111">{escape(name)}</text>'
        f'<text x="{x:.1f}" y="{y + 14:.1f}" font-size="11" text-anchor="middle" fill="#555">{escape(agent)}</text>'
    )
