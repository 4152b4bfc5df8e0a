"""A layered layout: boxes and labels of any size in rows, and lines that go round all of them.

A library says in which row each box stands and in what order (Sugiyama's method). A label is laid out as a box of
its own in the middle of its line, so no label can cover another, and no line can run through a box: between two
rows it is free, and through a row it goes straight, with room of its own.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import fast_sugiyama

Point = tuple[float, float]

APART = 26.0
"""The least space between two boxes of a row, in pixels."""

_LINE = 12.0
"""The space that a line has to itself in a row."""

_SWEEPS = 24
_STRAIGHTENING = 100


@dataclass(frozen=True)
class Size:
    """How large a box is, in pixels, and (``aside``, ``aside_height``) what stands beside it on its right."""

    width: float
    height: float
    aside: float = 0.0
    aside_height: float = 0.0


@dataclass(frozen=True)
class Link:
    """A line from one box to another, and the size of its label; nothing where it has none."""

    source: str
    target: str
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Route:
    """Where a line goes: straight from the first point of each pair to the second, and in curves between the pairs.

    ``label`` is the middle of its label.
    """

    stretches: tuple[tuple[Point, Point], ...]
    label: Point

    @property
    def path(self) -> str:
        """As an SVG path."""
        parts: list[str] = []
        before: Point | None = None
        for start, end in self.stretches:
            if before is not None:
                middle = (before[1] + start[1]) / 2
                curve = ((before[0], middle), (start[0], middle), start)
                parts.append("C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in curve))
            else:
                parts.append(f"M{start[0]:.1f} {start[1]:.1f}")
            if start != end:
                parts.append(f"L{end[0]:.1f} {end[1]:.1f}")
            before = end
        return "".join(parts)


@dataclass(frozen=True)
class Layout:
    """The middle of each box, and the way of each link, in their order; a link from a box to itself has none."""

    places: Mapping[str, Point]
    routes: Sequence[Route | None]


def lay_out(boxes: Mapping[str, Size], links: Sequence[Link], start: str) -> Layout:
    """Lay out boxes and the links between them, from ``start`` downwards; the same input gives the same layout."""
    names = list(boxes)
    number = {name: i for i, name in enumerate(names)}
    turned = _turned(names, links, start)
    sizes = [*boxes.values(), *(Size(link.width, link.height) for link in links)]
    edges: list[tuple[int, int]] = []
    for index, link in enumerate(links):
        if link.source != link.target:
            first, last = number[link.source], number[link.target]
            edges.append((last if index in turned else first, len(names) + index))
            edges.append((len(names) + index, first if index in turned else last))
    rows, chains = _rows(len(names), edges)
    xs = _across(rows, chains, sizes)
    ys, heights = _down(rows, chains, sizes, xs)
    row_of = {vertex: row for row, vertices in enumerate(rows) for vertex in vertices}
    places = {name: (xs[i], ys[row_of[i]]) for i, name in enumerate(names)}
    ways = _Ways(sizes, xs, ys, heights, row_of, len(names))
    return Layout(places, ways.routes(links, number, chains, turned))


def _turned(names: Sequence[str], links: Sequence[Link], start: str) -> set[int]:
    """The links that lead back to where the machine has come from: they are laid out as if they came from there."""
    out: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, link in enumerate(links):
        if link.source != link.target:
            out[link.source].append((index, link.target))
    done: set[str] = set()
    back: set[int] = set()
    for first in (start, *names):
        if first in done:
            continue
        path, stack = {first}, [(first, iter(out[first]))]
        while stack:
            name, ahead = stack[-1]
            index, target = next(ahead, (-1, ""))
            if index < 0:
                stack.pop()
                path.discard(name)
                done.add(name)
            elif target in path:
                back.add(index)
            elif target not in done:
                path.add(target)
                stack.append((target, iter(out[target])))
    return back


Chains = dict[tuple[int, int], list[int]]
"""For each edge of the graph that was laid out, the vertices between its ends, from its first to its last."""


def _rows(boxes: int, edges: list[tuple[int, int]]) -> tuple[list[list[int]], Chains]:
    """The vertices of each row from left to right; those that are on no edge stand in the last."""
    if not edges:
        return [list(range(boxes))], {}
    rows: dict[int, list[tuple[float, int]]] = defaultdict(list)
    chains: Chains = {}
    shift, extra = 0.0, max(max(edge) for edge in edges) + 1
    for points, width, _, joined in fast_sugiyama.from_edges(edges, vertex_spacing=10, dummy_vertices=True):
        real = {vertex for edge in edges for vertex in edge}
        called = {key: key if key in real else extra + i for i, (key, _) in enumerate(points)}
        extra += len(points)
        highest = max(y for _, (_, y) in points)
        for key, (x, y) in points:
            rows[round((highest - y) / 10)].append((x + shift, called[key]))
        shift += width + 10
        own = {called[key] for key, _ in points}
        chains |= _chains([e for e in edges if e[0] in own], [(called[a], called[b]) for a, b in joined], real)
    placed = {vertex for row in rows.values() for _, vertex in row}
    alone = [(shift + i, v) for i, v in enumerate(range(boxes)) if v not in placed]
    rows[max(rows)] += alone
    return [[vertex for _, vertex in sorted(rows[row])] for row in sorted(rows)], chains


def _chains(edges: list[tuple[int, int]], joined: list[tuple[int, int]], real: set[int]) -> Chains:
    near: dict[int, list[int]] = defaultdict(list)
    for a, b in joined:
        near[a].append(b)
        near[b].append(a)
    found: Chains = {}
    for first, last in edges:
        label, other, is_turned = (first, last, False) if len(near[first]) <= 2 else (last, first, True)
        for step in near[label]:
            before, here, between = label, step, []
            while here not in real:
                between.append(here)
                before, here = here, next(v for v in near[here] if v != before)
            if here == other:
                found[first, last] = between[::-1] if is_turned else between
                break
    return found


def _across(rows: list[list[int]], chains: Chains, sizes: list[Size]) -> dict[int, float]:
    """The middle of each vertex from left to right: near to those it is joined to, and clear of its neighbours.

    Each is drawn to its neighbours in the row above, then in the row below, by turns; then lines are straightened.
    """
    near: dict[int, list[int]] = defaultdict(list)
    for (first, last), between in chains.items():
        whole = [first, *between, last]
        for a, b in itertools.pairwise(whole):
            near[a].append(b)
            near[b].append(a)
    row_of = {vertex: row for row, vertices in enumerate(rows) for vertex in vertices}
    space = _space(rows, sizes)
    xs: dict[int, float] = {}
    for row in rows:
        xs |= _spread(row, dict.fromkeys(row, 0.0), dict.fromkeys(row, 1.0), space)
    for sweep in range(_SWEEPS):
        is_down = sweep % 2 == 0
        for index in range(len(rows)) if is_down else reversed(range(len(rows))):
            wanted, weights = {}, {}
            for v in rows[index]:
                ahead = [u for u in near[v] if (row_of[u] < index) == is_down]
                wanted[v] = sum(xs[u] for u in ahead) / len(ahead) if ahead else xs[v]
                weights[v] = 1.0 if ahead else 0.1
            xs |= _spread(rows[index], wanted, weights, space)
    straight = [between for between in chains.values() if between]
    for _ in range(_STRAIGHTENING):
        means = {v: sum(xs[u] for u in line) / len(line) for line in straight for v in line}
        for row in rows:
            wanted = {v: means.get(v, sum(xs[u] for u in near[v]) / max(1, len(near[v]))) for v in row}
            xs |= _spread(row, wanted, {v: 40.0 if v in means else 1.0 for v in row}, space)
    return xs


def _space(rows: list[list[int]], sizes: list[Size]) -> dict[tuple[int, int], float]:
    """How far apart the middles of neighbours must be; what is no box and no label is a line that passes."""

    def half(v: int, *, is_right: bool) -> float:
        if v >= len(sizes):
            return 0.0
        return sizes[v].width / 2 + (sizes[v].aside if is_right else 0.0)

    return {
        (a, b): half(a, is_right=True) + half(b, is_right=False) + (APART if max(a, b) < len(sizes) else _LINE)
        for row in rows
        for a, b in itertools.pairwise(row)
    }


def _spread(
    row: list[int], wanted: dict[int, float], weights: dict[int, float], space: dict[tuple[int, int], float]
) -> dict[int, float]:
    """Places as near as can be to those wanted (least squares) that keep their order and space.

    By pooling neighbours that would come too near to each other, as in isotonic regression.
    """
    offsets = [0.0]
    for a, b in itertools.pairwise(row):
        offsets.append(offsets[-1] + space[a, b])
    pools: list[tuple[float, float, int]] = []
    for v, offset in zip(row, offsets, strict=True):
        mean, weight, count = wanted[v] - offset, weights[v], 1
        while pools and pools[-1][0] >= mean:
            other, heavy, many = pools.pop()
            mean = (other * heavy + mean * weight) / (heavy + weight)
            weight, count = weight + heavy, count + many
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return {v: mean + offset for v, mean, offset in zip(row, means, offsets, strict=True)}


def _down(
    rows: list[list[int]], chains: Chains, sizes: list[Size], xs: dict[int, float]
) -> tuple[list[float], list[float]]:
    """The middle and the height of each row; rows are further apart where lines go far to the side between them."""
    highest = [max(size.height, size.aside_height) for size in sizes]
    heights = [max((highest[v] for v in row if v < len(sizes)), default=0.0) for row in rows]
    row_of = {vertex: row for row, vertices in enumerate(rows) for vertex in vertices}
    aside = [0.0] * len(rows)
    for (first, last), between in chains.items():
        whole = [first, *between, last]
        for a, b in itertools.pairwise(whole):
            upper = min(row_of[a], row_of[b])
            aside[upper] = max(aside[upper], abs(xs[a] - xs[b]))
    ys: list[float] = []
    top = 0.0
    for height, far in zip(heights, aside, strict=True):
        ys.append(top + height / 2)
        top += height + min(64.0, 24.0 + far * 0.07)
    return ys, heights


@dataclass(frozen=True)
class _Ways:
    """The lines between boxes whose places are known."""

    sizes: list[Size]
    xs: dict[int, float]
    ys: list[float]
    heights: list[float]
    row_of: dict[int, int]
    boxes: int

    def routes(
        self, links: Sequence[Link], number: Mapping[str, int], chains: Chains, turned: set[int]
    ) -> list[Route | None]:
        """The way of each link, from its source to its target."""
        ways: list[list[int] | None] = []
        for index, link in enumerate(links):
            if link.source == link.target:
                ways.append(None)
                continue
            first, label, last = number[link.source], self.boxes + index, number[link.target]
            upper, lower = (last, first) if index in turned else (first, last)
            ways.append([upper, *chains[upper, label], label, *chains[label, lower], lower])
        ports = self._ports([way for way in ways if way is not None])
        found: list[Route | None] = []
        for index, way in enumerate(ways):
            if way is None:
                found.append(None)
                continue
            stretches = [self._end(way, ports, at_top=True)]
            stretches += [self._through(v) for v in way[1:-1]]
            stretches.append(self._end(way, ports, at_top=False))
            label = self.boxes + index
            if index in turned:
                stretches = [(end, start) for start, end in reversed(stretches)]
            found.append(Route(tuple(stretches), (self.xs[label], self.ys[self.row_of[label]])))
        return found

    def _ports(self, ways: list[list[int]]) -> dict[tuple[int, int], float]:
        """Where on the edge of a box each line leaves it, by box and the next vertex: side by side, in order."""
        sides: dict[tuple[int, bool], list[int]] = defaultdict(list)
        for way in ways:
            sides[way[0], True].append(way[1])
            sides[way[-1], False].append(way[-2])
        found: dict[tuple[int, int], float] = {}
        for (box, _), others in sides.items():
            ordered = sorted(others, key=lambda v: (self.xs[v], v))
            room = max(0.0, self.sizes[box].width / 2 - 14)
            step = min(26.0, 2 * room / max(1, len(ordered) - 1))
            left, right = self.xs[box] - room, self.xs[box] + room
            wanted = {v: min(max(self.xs[v], left), right) for v in ordered}
            space = dict.fromkeys(itertools.pairwise(ordered), step)
            spread = _spread(ordered, wanted, dict.fromkeys(ordered, 1.0), space)
            last = len(ordered) - 1
            for place, v in enumerate(ordered):
                x = max(left + place * step, min(spread[v], right - (last - place) * step))
                found[box, v] = x if last else max(left, min(spread[v], right))
        return found

    def _end(self, way: list[int], ports: dict[tuple[int, int], float], *, at_top: bool) -> tuple[Point, Point]:
        """From the edge of a box straight to the edge of its row, or the other way round."""
        box, other = (way[0], way[1]) if at_top else (way[-1], way[-2])
        x, row = ports[box, other], self.row_of[box]
        half, whole = self.sizes[box].height / 2, self.heights[row] / 2
        if at_top:
            return (x, self.ys[row] + half), (x, self.ys[row] + whole)
        return (x, self.ys[row] - whole), (x, self.ys[row] - half)

    def _through(self, vertex: int) -> tuple[Point, Point]:
        row = self.row_of[vertex]
        x, half = self.xs[vertex], self.heights[row] / 2
        return (x, self.ys[row] - half), (x, self.ys[row] + half)
