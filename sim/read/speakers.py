"""Pictures of who may speak after whom: by the orders of the states, the arrows between them, and the lists."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from sim.read.drawing import ARROW, ARROWS, FONT, GREY, PALE, TAKEN, mermaid_text, quoted, text_width
from sim.read.graph import is_chinese
from sim.read.rings import Course, Point, course, in_rings
from sim.read.taken import Taken
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


def _pairs(world: World, taken: Taken | None) -> list[Edge]:
    """Who may speak after whom, and who did, though it may not be so in this version of the world."""
    edges = speaker_edges(world)
    did = [pair for pair in (taken.follows if taken is not None else ()) if set(pair) <= set(world.agents)]
    return edges + sorted(set(did) - set(edges))


def to_mermaid(world: World, language: str, taken: Taken | None = None) -> str:
    """Who may speak after whom, as a Mermaid flowchart; with what runs have taken, how often each did."""
    names = _names(world, language)
    ids = {a: f"a{i}" for i, a in enumerate(world.agents)}
    lines = ["flowchart LR"]
    for role, agents in _clusters(world).items():
        boxes = [f'{ids[a]}["{mermaid_text(names[a])} ({mermaid_text(a)})"]' for a in agents]
        if role:
            title = mermaid_text(_role(world, role, language))
            lines += [f'  subgraph r{len(lines)}["{title}"]', *(f"    {b}" for b in boxes), "  end"]
        else:
            lines += [f"  {b}" for b in boxes]
    edges = _pairs(world, taken)
    drawn = 0
    for a, b in edges:
        times = taken.follows[a, b] if taken is not None else 0
        is_one = taken is not None or (b, a) not in edges or a == b
        if not is_one and world.agents.index(a) >= world.agents.index(b):
            continue
        line = "-->" if is_one else "<-->"
        lines.append(f"  {ids[a]} {line}{f'|{times:,}×|' if times else ''} {ids[b]}")
        if taken is not None:
            style = f"stroke:{TAKEN},stroke-width:3px" if times else f"stroke:{PALE}"
            lines.append(f"  linkStyle {drawn} {style}")
        drawn += 1
    return "\n".join(lines) + "\n"


def to_dot(world: World, language: str, taken: Taken | None = None) -> str:
    """Who may speak after whom, in the DOT language; with what runs have taken, how often each did."""
    names = _names(world, language)
    lines = [f"digraph {quoted(world.name)} {{", "  node [shape=box, style=rounded];"]
    for role, agents in _clusters(world).items():
        nodes = [f"{quoted(a)} [label={quoted(names[a])}];" for a in agents]
        if role:
            title = quoted(_role(world, role, language))
            inner = [f"    {n}" for n in nodes]
            lines += [f"  subgraph {quoted('cluster_' + role)} {{", f"    label={title};", *inner, "  }"]
        else:
            lines += [f"  {n}" for n in nodes]
    for a, b in _pairs(world, taken):
        times = taken.follows[a, b] if taken is not None else 0
        style = f' [label="{times:,}×", color="{TAKEN}", penwidth=3]' if times else f' [color="{PALE}"]'
        lines.append(f"  {quoted(a)} -> {quoted(b)}{style if taken is not None else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _role(world: World, role: str, language: str) -> str:
    """What a role of several agents is called."""
    return one_line(label_of(world.spec.roles[role].label, language) or role)


def to_svg(world: World, language: str, taken: Taken | None = None) -> str:
    """Who may speak after whom, as an SVG picture: a ring for each role, a line for each pair.

    With what runs have ``taken``, the lines say how often one spoke after the other, beside the head that points to
    who spoke; they are the thicker the more often.
    """
    names = _names(world, language)
    edges = _pairs(world, taken)
    boxes = {a: _box(a, n, language, taken) for a, n in names.items()}
    widest = max(box.width for box in boxes.values()) + 30
    places, courses, labels = _laid_out(world, edges, boxes, widest, taken)
    left, top, width, height = _frame(places, courses, widest)
    title = escape(one_line(label_of(world.spec.title, language) or world.name))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" {FONT}>',
        f"<title>{title}</title>",
        ARROW + (ARROWS if taken is not None else ""),
        f'<rect class="paper" x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'fill="white"/>',
    ]
    roles = list(_clusters(world))
    colour = {a: roles.index(r if world.spec.roles[r].count else "") % 6 for a, r in world.cast.items()}
    lines: list[tuple[int, str]] = []
    for (a, b), way in courses.items():
        is_both = (b, a) in edges
        times = _times(taken, a, b), _times(taken, b, a) if is_both else None
        lines.append((sum(filter(None, times)), _line(way, times, is_both=is_both)))
    parts += [line for _, line in sorted(lines, key=lambda each: each[0])]
    parts += [_node(places[a], boxes[a], colour[a], (a, a) in edges) for a in world.agents]
    return "\n".join([*parts, *labels, "</svg>"]) + "\n"


def _frame(
    places: dict[str, Point], courses: dict[Edge, Course], widest: float
) -> tuple[float, float, float, float]:
    """Left, top, width and height of all that is drawn, with a margin."""
    bent = [point for way in courses.values() for point in way.points]
    xs, ys = [x for x, _ in places.values()], [y for _, y in places.values()]
    left = min(min(xs) - widest / 2 - 15, *(x - 15 for x, _ in bent), math.inf)
    right = max(max(xs) + widest / 2 + 15, *(x + 15 for x, _ in bent), -math.inf)
    top = min(min(ys) - 50, *(y - 15 for _, y in bent), math.inf)
    bottom = max(max(ys) + 50, *(y + 15 for _, y in bent), -math.inf)
    return left, top, right - left, bottom - top


def _laid_out(
    world: World, edges: list[Edge], boxes: dict[str, _Box], widest: float, taken: Taken | None
) -> tuple[dict[str, Point], dict[Edge, Course], list[str]]:
    """Places of the agents, lines between them, and numbers beside these; where they find no room it gets wider."""
    order = {agent: number for number, agent in enumerate(world.agents)}
    pairs = [(a, b) for a, b in edges if a != b and not ((b, a) in edges and order[b] < order[a])]
    sizes = {agent: (box.width, box.height) for agent, box in boxes.items()}
    small = in_rings(list(_clusters(world).values()), edges, widest)
    places, courses = small, {}
    for larger in (1.0, 1.3, 1.7, 2.2, 3.0):
        places = {agent: (x * larger, y * larger) for agent, (x, y) in small.items()}
        courses = {pair: course(pair, places, sizes) for pair in pairs}
        labels = _numbers(places, boxes, courses, taken)
        if labels is not None:
            return places, courses, labels
    return places, courses, []


@dataclass(frozen=True)
class _Box:
    """An agent: its name, its id, and how often it spoke, where that was asked."""

    name: str
    agent: str
    spoke: str
    times: int | None

    @property
    def width(self) -> float:
        """In pixels."""
        return max(text_width(self.name, 14), text_width(self.agent, 11), text_width(self.spoke, 11)) + 22

    @property
    def height(self) -> float:
        """In pixels."""
        return 54.0 if self.spoke else 40.0


def _box(agent: str, name: str, language: str, taken: Taken | None) -> _Box:
    if taken is None:
        return _Box(name, agent, "", None)
    times, again = taken.spoke[agent], taken.follows[agent, agent]
    if is_chinese(language):
        spoke = f"{times:,}轮" + (f"，连续{again:,}次" if again else "")
    else:
        spoke = f"{times:,} turn{'' if times == 1 else 's'}" + (f", {again:,}× again" if again else "")
    return _Box(name, agent, spoke, times)


def _times(taken: Taken | None, a: str, b: str) -> int | None:
    return None if taken is None else taken.follows[a, b]


def _numbers(
    places: dict[str, Point], boxes: dict[str, _Box], courses: dict[Edge, Course], taken: Taken | None
) -> list[str] | None:
    """How often who spoke after whom, each near the head of its line where it is free; None if nowhere is."""
    full = [(x, y, boxes[a].width + 4, boxes[a].height + 4) for a, (x, y) in places.items()]
    found: list[str] = []
    for (a, b), times in (taken.follows if taken is not None else {}).items():
        line = courses.get((a, b)) or courses.get((b, a))
        if not times or line is None:
            continue
        if (a, b) not in courses:
            line = Course(line.end, line.towards, line.start)
        text = f"{times:,}"
        width = text_width(text, 11) + 6
        spot = next((at for at in line.from_end(24, 6, 0.48) if _is_free(at, width, full)), None)
        if spot is None:
            return None
        full.append((*spot, width, 14))
        x, y = spot
        found.append(
            f'<rect class="halo" x="{x - width / 2:.1f}" y="{y - 7:.1f}" width="{width:.1f}" height="14" '
            'fill="white"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" font-size="11" text-anchor="middle" font-weight="bold" '
            f'fill="{TAKEN}">{text}</text>'
        )
    return found


def _is_free(at: Point, width: float, full: list[tuple[float, float, float, float]]) -> bool:
    return all(abs(at[0] - x) * 2 >= width + w or abs(at[1] - y) * 2 >= 14 + h for x, y, w, h in full)


def _line(way: Course, times: tuple[int | None, int | None], *, is_both: bool) -> str:
    """A line with a head at each end to which speaking went, or may go."""
    there, back = times
    most = sum(filter(None, times))
    colour = "#888" if there is None else TAKEN if most else PALE
    width = min(5.0, 1.5 + 0.35 * most) if most else 1.1
    heads = ["arrow" if count is None else "taken" if count else "pale" for count in (there, back)]
    both = f' marker-start="url(#{heads[1]})"' if is_both else ""
    return (
        f'<path d="{way.path}" stroke="{colour}" stroke-width="{width:.1f}" fill="none" '
        f'marker-end="url(#{heads[0]})"{both}/>'
    )


def _node(place: Point, box: _Box, colour: int, repeats: bool) -> str:
    x, y = place
    fill, stroke = _FILLS[colour], _COLOURS[colour]
    ink, soft = ("#111", "#555") if box.times != 0 else ("#888", "#888")
    if box.times == 0:
        fill, stroke = "#fafafa", PALE
    dash = ' stroke-width="2.5"' if repeats else ' stroke-width="1.4"'
    top = y - box.height / 2
    parts = [
        f'<rect x="{x - box.width / 2:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.0f}" rx="9" '
        f'fill="{fill}" stroke="{stroke}"{dash}/>'
    ]
    rows = [(box.name, 14, ink, 19), (box.agent, 11, soft, 34), (box.spoke, 11, TAKEN if box.times else GREY, 48)]
    parts += [
        f'<text x="{x:.1f}" y="{top + down:.1f}" font-size="{size}" text-anchor="middle" fill="{colour_of}">'
        f"{escape(text)}</text>"
        for text, size, colour_of, down in rows
        if text
    ]
    return "".join(parts)
