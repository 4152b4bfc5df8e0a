"""Boxes in rings, and lines between them that bend where another box would be in their way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Pair = tuple[str, str]

_CLEAR = 6.0  # pixels between a line and a box that it passes
_STEPS = 40
_BENDS = (0.0, 0.15, 0.3, 0.5, 0.75, -0.3, 1.0, -0.6, -1.0, 1.4)
"""How far a line bends towards the middle of the picture, as a share of the way there; the straightest first."""


@dataclass(frozen=True)
class Course:
    """A line from the edge of a box to that of another, bent towards a point."""

    start: Point
    towards: Point
    end: Point

    @property
    def path(self) -> str:
        """As an SVG path."""
        points = " ".join(f"{x:.1f} {y:.1f}" for x, y in (self.towards, self.end))
        return f"M{self.start[0]:.1f} {self.start[1]:.1f}Q{points}"

    @property
    def points(self) -> list[Point]:
        """Points along it, from its start to its end."""
        return [self._at(step / _STEPS) for step in range(_STEPS + 1)]

    def _at(self, t: float) -> Point:
        shares = ((1 - t) ** 2, 2 * (1 - t) * t, t**2)
        spots = (self.start, self.towards, self.end)
        return (
            sum(share * spot[0] for share, spot in zip(shares, spots, strict=True)),
            sum(share * spot[1] for share, spot in zip(shares, spots, strict=True)),
        )

    def from_end(self, first: float, step: float, share: float) -> Iterator[Point]:
        """Points along it from its end, ``first`` pixels away and then every ``step``, up to a share of it."""
        points = self.points[::-1]
        long = sum(math.dist(a, b) for a, b in itertools.pairwise(points))
        gone, wanted = 0.0, first
        for a, b in itertools.pairwise(points):
            far = math.dist(a, b)
            while gone + far >= wanted and wanted <= max(first, long * share):
                part = (wanted - gone) / far
                yield (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part)
                wanted += step
            gone += far


def in_rings(clusters: Sequence[Sequence[str]], pairs: Sequence[Pair], size: float) -> dict[str, Point]:
    """Places for those in each cluster in a ring, the rings in a circle.

    Who is joined with other rings stands towards the middle; ``size`` is that of the widest box, in pixels.
    """
    places: dict[str, Point] = {}
    rings = [max(size * 0.9, len(c) * size * 0.22) if len(c) > 1 else 0.0 for c in clusters]
    far = 0.0 if len(clusters) == 1 else max(rings) * (1.25 if len(clusters) < 4 else len(clusters) * 0.42) + size
    for index, names in enumerate(clusters):
        angle = -math.pi / 2 + 2 * math.pi * index / len(clusters)
        x, y = far * math.cos(angle), far * math.sin(angle)
        hub = _hub(names, pairs)
        ring = [a for a in names if a != hub]
        if hub is not None:
            places[hub] = (x, y)
        outward = [any(b not in names for a, b in pairs if a == name) for name in ring]
        start = ring.index(ring[outward.index(True)]) if True in outward else 0
        for step, name in enumerate(ring[start:] + ring[:start]):
            turn = angle + math.pi + 2 * math.pi * step / len(ring)
            places[name] = (x + rings[index] * math.cos(turn), y + rings[index] * 0.8 * math.sin(turn))
    return places


def _hub(names: Sequence[str], pairs: Sequence[Pair]) -> str | None:
    """The one with whom all others of a ring are joined, while none of them is joined with another."""
    inner = {(a, b) for a, b in pairs if a != b and a in names and b in names}
    touched = [a for a in names if all(a in pair for pair in inner)]
    return touched[0] if len(names) > 2 and len(touched) == 1 else None


def course(pair: Pair, places: Mapping[str, Point], sizes: Mapping[str, tuple[float, float]]) -> Course:
    """The line of a pair: the straightest that passes every other box; ``sizes`` are widths and heights."""
    (ax, ay), (bx, by) = places[pair[0]], places[pair[1]]
    middle = ((ax + bx) / 2, (ay + by) / 2)
    centre = tuple(sum(each) / len(places) for each in zip(*places.values(), strict=True))
    off = abs((bx - ax) * (centre[1] - ay) - (by - ay) * (centre[0] - ax)) / max(1.0, math.dist((ax, ay), (bx, by)))
    if off < 30:  # the middle is on the line itself: aside, then
        centre = (middle[0] + (by - ay) / 2, middle[1] - (bx - ax) / 2)
    others = [(*places[name], *sizes[name]) for name in places if name not in pair]
    found: list[Course] = []
    for bend in _BENDS:
        towards = (middle[0] + (centre[0] - middle[0]) * bend, middle[1] + (centre[1] - middle[1]) * bend)
        line = Course(
            _edge_of((ax, ay), towards, sizes[pair[0]]), towards, _edge_of((bx, by), towards, sizes[pair[1]])
        )
        if _is_clear(line.points, others):
            return line
        found.append(line)
    return found[0]


def _is_clear(points: Sequence[Point], boxes: Sequence[tuple[float, float, float, float]]) -> bool:
    return not any(
        abs(px - x) < width / 2 + _CLEAR and abs(py - y) < height / 2 + _CLEAR
        for x, y, width, height in boxes
        for px, py in points
    )


def _edge_of(place: Point, towards: Point, size: tuple[float, float]) -> Point:
    """Where a line from the middle of a box to a point leaves the box."""
    dx, dy = towards[0] - place[0], towards[1] - place[1]
    across = (size[0] / 2 + 3) / abs(dx) if dx else math.inf
    scale = min(across, (size[1] / 2 + 3) / abs(dy) if dy else math.inf)
    return (place[0] + dx * scale, place[1] + dy * scale)
