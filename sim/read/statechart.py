"""A world's state machine as an SVG picture: states with their speakers, arrows with their guards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sim.read.drawing import ARROW, ARROWS, FONT, GREY, PALE, TAKEN, text_lines, text_width, wrapped
from sim.read.graph import machine, stay_in
from sim.read.layers import Layout, Link, Point, Size, lay_out
from sim.read.taken import Taken
from sim.world.kinds import label_of, one_line
from sim.world.world import World

if TYPE_CHECKING:
    from sim.read.graph import Graph

_FILL = {"state": "#eaf2fb", "success": "#e3f5e6", "failure": "#fbe6e4", "neutral": "#f1f1f1"}
_STROKE = {"state": "#2f6fab", "success": "#3c8a4a", "failure": "#b5483e", "neutral": "#777777"}

TITLE, DETAIL, GUARD = 15.0, 12.0, 11.0
"""The sizes of letters, in pixels."""

_LEADING = 15.0
_LOOP = 30.0
_ENTRY = ""  # no state is called so


@dataclass(frozen=True)
class _Note:
    """One guard of an arrow, in lines, and how often it was taken: None where nobody asked."""

    text: str
    lines: list[str]
    times: int | None


@dataclass(frozen=True)
class _Arrow:
    """All arrows from one state to another that are drawn as one line."""

    source: str
    target: str
    is_dashed: bool
    notes: list[_Note]
    times: int | None

    @property
    def width(self) -> float:
        """How wide its label is."""
        return max((text_width(line, GUARD) + 8 for note in self.notes for line in note.lines), default=0.0)

    @property
    def height(self) -> float:
        """How high its label is."""
        lines = sum(len(note.lines) for note in self.notes)
        return lines * _LEADING + 4 * (len(self.notes) - 1) + 4 if lines else 0.0


@dataclass(frozen=True)
class _Box:
    """A state or an end: what is written in it, and how large it is."""

    title: list[str]
    detail: list[str]
    stay: str
    kind: str
    visits: int | None

    @property
    def width(self) -> float:
        """In pixels."""
        titles = [text_width(line, TITLE) for line in self.title]
        others = [text_width(line, DETAIL) for line in (*self.detail, self.stay)]
        return max(*titles, *others, 44.0) + 26

    @property
    def height(self) -> float:
        """In pixels."""
        return 18 * len(self.title) + 16 * (len(self.detail) + bool(self.stay)) + 18


def to_svg(world: World, language: str, taken: Taken | None = None) -> str:
    """The machine as an SVG picture; with what runs have ``taken``, that is thick, and what none took is pale."""
    graph = machine(world, language, taken)
    boxes = {name: _box(data, language) for name, data in graph.nodes(data=True)}
    arrows = list(_arrows(graph, taken))
    sizes = {name: _size(name, box, arrows) for name, box in boxes.items()}
    links = [Link(arrow.source, arrow.target, arrow.width, arrow.height) for arrow in arrows]
    links.append(Link(_ENTRY, world.spec.start))
    found = lay_out({_ENTRY: Size(12, 12), **sizes}, links, _ENTRY)
    lines, labels = _drawn(arrows, found, boxes)
    entry = found.routes[-1]
    assert entry is not None  # noqa: S101 - it does not lead to itself
    x, y = found.places[_ENTRY]
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#333"/>'
    start = _line(entry.path, None if taken is None else len(taken.path), is_dashed=False, more="")
    nodes = [_node(name, box, found.places[name]) for name, box in boxes.items()]
    left, top, width, height = _frame(found, sizes, arrows)
    frame = f'x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" {FONT}>',
        f"<title>{escape(one_line(label_of(world.spec.title, language) or world.name))}</title>",
        ARROW + (ARROWS if taken is not None else ""),
        f'<rect class="paper" {frame} fill="white"/>',
    ]
    return "\n".join([*parts, *lines, dot, start, *nodes, *labels, "</svg>"]) + "\n"


def _box(data: dict[str, Any], language: str) -> _Box:
    title = wrapped(data["title"], TITLE, 250)
    return _Box(title, wrapped(data["detail"], DETAIL, 230), stay_in(data, language), data["kind"], data["visits"])


def _arrows(graph: Graph, taken: Taken | None) -> Iterator[_Arrow]:
    """The lines to draw: one for each pair that is joined, and one more for those who leave its queue."""
    pairs: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for source, target, data in graph.edges(data=True):
        pairs.setdefault((source, target, data["dashed"]), []).append(data)
    for (source, target, is_dashed), several in pairs.items():
        notes: list[_Note] = []
        for data in several:
            head = f"{data['times']:,}× " if data["times"] else ""
            if head or data["shown"]:
                shown = (head + data["shown"]).strip()
                notes.append(_Note(data["shown"], wrapped(shown, GUARD, 230), data["times"]))
        times = sum(data["times"] for data in several) if taken is not None else None
        yield _Arrow(source, target, is_dashed, notes, times)


def _loops(name: str, arrows: Sequence[_Arrow]) -> list[_Arrow]:
    return [arrow for arrow in arrows if arrow.source == arrow.target == name]


def _size(name: str, box: _Box, arrows: Sequence[_Arrow]) -> Size:
    """The size of a box, and of the labels beside it: those of the arrows that lead back to it, in a stack."""
    loops = _loops(name, arrows)
    aside = max((_LOOP + loop.width + 8 for loop in loops), default=0.0)
    return Size(box.width, box.height, aside, sum(loop.height + 6 for loop in loops))


def _drawn(arrows: list[_Arrow], found: Layout, boxes: dict[str, _Box]) -> tuple[list[str], list[str]]:
    """The lines of the arrows and their labels; those that were taken are on top."""
    lines: list[tuple[bool, str]] = []
    labels: list[str] = []
    for arrow, route in zip(arrows, found.routes, strict=False):
        more = f'class="edge" data-from="{escape(arrow.source)}" data-to="{escape(arrow.target)}" '
        path, at = (route.path, route.label) if route is not None else _loop(arrow, arrows, found, boxes)
        lines.append((bool(arrow.times), _line(path, arrow.times, is_dashed=arrow.is_dashed, more=more)))
        labels += _label(arrow, at)
    return [line for _, line in sorted(lines, key=lambda each: each[0])], labels


def _loop(arrow: _Arrow, arrows: list[_Arrow], found: Layout, boxes: dict[str, _Box]) -> tuple[str, Point]:
    """The path of an arrow that leads back to its state, and the middle of its label, to the right of the box."""
    loops = _loops(arrow.source, arrows)
    x, y = found.places[arrow.source]
    x += boxes[arrow.source].width / 2
    top = y - sum(loop.height + 6 for loop in loops) / 2
    for loop in loops[: loops.index(arrow)]:
        top += loop.height + 6
    if len(loops) > 1:
        y += -9 if arrow is loops[0] else 9
    near, far = (6, 14) if len(loops) > 1 else (10, 26)
    path = f"M{x:.1f} {y - near:.1f}C{x + 36:.1f} {y - far:.1f} {x + 36:.1f} {y + far:.1f} {x:.1f} {y + near:.1f}"
    return path, (x + _LOOP + arrow.width / 2, top + 3 + arrow.height / 2)


def _line(path: str, times: int | None, *, is_dashed: bool, more: str) -> str:
    colour, width, head = (GREY, "1.2", "arrow")
    if times is not None:
        colour, width, head = (TAKEN, "3", "taken") if times else (PALE, "1.2", "pale")
    dashes = ' stroke-dasharray="5 4"' if is_dashed else ""
    return (
        f'<path {more}d="{path}" stroke="{colour}" stroke-width="{width}"{dashes} stroke-linejoin="round" '
        f'fill="none" marker-end="url(#{head})"/>'
    )


def _label(arrow: _Arrow, at: Point) -> list[str]:
    """The guards of an arrow below each other, on a ground that hides the line."""
    if not arrow.notes:
        return []
    (x, middle), width, height = at, arrow.width, arrow.height
    y = middle - height / 2
    parts = [
        f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="white" '
        'class="halo"/>'
    ]
    y += 2
    for note in arrow.notes:
        colour = "#444" if note.times is None else TAKEN if note.times else "#999"
        more = f' fill="{colour}"' + (' font-weight="bold"' if note.times else "")
        text = text_lines(note.lines, x, y + 11, GUARD, _LEADING, more)
        parts.append(text + (f"<title>{escape(note.text)}</title></text>" if note.text else "</text>"))
        y += len(note.lines) * _LEADING + 4
    return parts


def _node(name: str, box: _Box, place: Point) -> str:
    x, y = place
    fill, stroke, thick = _FILL[box.kind], _STROKE[box.kind], "1.5"
    ink, soft = "#111", "#555"
    if box.visits:
        thick = "3"
    elif box.visits is not None:
        fill, stroke, ink, soft = "#fafafa", PALE, "#888", "#888"
    top = y - box.height / 2 + 24
    parts = [
        f'<g class="node {box.kind}" data-state="{escape(name)}">'
        f'<rect x="{x - box.width / 2:.1f}" y="{y - box.height / 2:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="9" fill="{fill}" stroke="{stroke}" stroke-width="{thick}"/>',
        text_lines(box.title, x, top, TITLE, 18, f' fill="{ink}"') + "</text>",
    ]
    top += 18 * (len(box.title) - 1) + 17
    parts.append(text_lines(box.detail, x, top, DETAIL, 16, f' fill="{soft}"') + "</text>")
    if box.stay:
        top += 16 * len(box.detail)
        parts.append(text_lines([box.stay], x, top, DETAIL, 16, f' fill="{TAKEN}" font-weight="bold"') + "</text>")
    return "".join(parts) + "</g>"


def _frame(found: Layout, sizes: dict[str, Size], arrows: list[_Arrow]) -> tuple[float, float, float, float]:
    """Left, top, width and height of all that is drawn, with a margin."""
    xs, ys = [found.places[_ENTRY][0]], [found.places[_ENTRY][1] - 6]
    for name, size in sizes.items():
        x, y = found.places[name]
        xs += [x - size.width / 2, x + size.width / 2 + size.aside]
        half = max(size.height, size.aside_height) / 2
        ys += [y - half, y + half]
    for arrow, route in zip(arrows, found.routes, strict=False):
        if route is not None:
            x, y = route.label
            xs += [
                x - arrow.width / 2,
                x + arrow.width / 2,
                *(p[0] for stretch in route.stretches for p in stretch),
            ]
            ys += [y - arrow.height / 2, y + arrow.height / 2]
    left, top = min(xs) - 24, min(ys) - 24
    return left, top, max(xs) + 24 - left, max(ys) + 24 - top
