"""Nothing in a picture lies on anything else: boxes, labels and lines, by the coordinates of the SVG."""

from __future__ import annotations

import itertools
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import sim
from sim.read import speakers
from sim.read.drawing import text_width, wrapped
from sim.read.graph import guard_in, machine, to_dot, to_mermaid
from sim.read.layers import Link, Size, lay_out
from sim.read.raster import check_raster, to_png
from sim.read.speakers import speaker_edges
from sim.read.statechart import to_svg
from sim.read.taken import Taken
from sim.record.log import RunLog
from sim.world.folders import variants_of
from sim.world.world import World

SVG = "{http://www.w3.org/2000/svg}"
WORLDS = Path(__file__).resolve().parents[2] / "worlds"
CASES = [
    (path.parent.name, variant)
    for path in sorted(WORLDS.glob("*/world.yaml"))
    for variant in (None, *variants_of(path))
]

Box = tuple[float, float, float, float]


@cache
def bundled(name: str, variant: str | None) -> World:
    return sim.load(WORLDS / name, variant=variant)


def procedure(folder: Path, states: int = 30) -> World:
    """A long procedure with loops, steps back and guards of 60 characters and more."""
    rng = random.Random(1)
    (folder / "personas").mkdir(parents=True)
    for name, called in (("clerk", "办事员"), ("guest", "客人")):
        text = f"persona: {name}\nname: {{en: {name.title()}, zh: {called}}}\n"
        (folder / "personas" / f"{name}.yaml").write_text(text, encoding="utf-8")
    papers = [f"document_{i}_checked" for i in range(8)]
    lines = ["world: procedure", "languages: [en, zh]", "roles: {clerk: clerk, guest: guest}", "facts:"]
    lines += [*(f"  {paper}: {{flag: false}}" for paper in papers), "  attempts: {number: steps}", "states:"]
    for i in range(states):
        one, other = rng.sample(papers, 2)
        go = [f"{{to: {f's{i + 1}' if i + 1 < states else 'done'}, when: {one} and {other} and state_turns > {i}}}"]
        if i > 3 and i % 4 == 0:
            go.append(f"{{to: s{i - rng.randrange(1, 4)}, when: not {one} and attempts < {i} and turns < 200}}")
        if i % 5 == 2 and i + 3 < states:
            go.append(f"{{to: s{i + 3}, when: {rng.choice(papers)} and state_turns > 4}}")
        if i % 7 == 3:
            go.append(f"{{to: s{i}, when: attempts == {i}, after: {{turns: 2}}}}")
        if i % 6 == 5:
            go.append("{to: refused, after: {turns: 9}}")
        label = f"{{en: Step {i + 1} of the procedure, zh: 第{i + 1}步手续}}"
        lines.append(f"  s{i}: {{label: {label}, speakers: [clerk, guest], go: [{', '.join(go)}]}}")
    lines += ["start: s0", "ends: {done: success, refused: failure}", "limits: {turns: 300, ends: refused}"]
    (folder / "world.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sim.load(folder)


def crowd(folder: Path, agents: int = 15) -> World:
    """Many agents of one role, with long names, who may all speak after one another."""
    (folder / "personas").mkdir(parents=True)
    names = [f"member_{i}" for i in range(agents)]
    for number, name in enumerate(names):
        text = f"persona: {name}\nname: {{en: Councillor Montgomery {number}, zh: 欧阳议员{number}}}\n"
        (folder / "personas" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "world.yaml").write_text(
        "world: crowd\nlanguages: [en, zh]\n"
        f"roles: {{member: {{count: {agents}, personas: [{', '.join(names)}]}}}}\n"
        "states: {hall: {speakers: member, order: random, go: [{to: done, after: {turns: 90}}]}}\n"
        "start: hall\nends: {done: success}\n"
        "lines: {hall: {member: [{say: {en: So it is., zh: 是这样。}}]}}\n",
        encoding="utf-8",
    )
    return sim.load(folder)


def box_of(rect: ET.Element) -> Box:
    x, y, width, height = (float(rect.get(key) or "nan") for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def boxes_of(root: ET.Element) -> list[Box]:
    return [box_of(rect) for rect in root.iter(f"{SVG}rect") if rect.get("rx")]


def labels_of(root: ET.Element) -> list[Box]:
    return [box_of(rect) for rect in root.iter(f"{SVG}rect") if rect.get("class") == "halo"]


def overlapping(found: list[Box]) -> list[tuple[Box, Box]]:
    return [
        (a, b)
        for a, b in itertools.combinations(found, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def points_of(path: str) -> list[tuple[float, float]]:
    """Points along a path of straight lines and cubic curves, a pixel or so apart."""
    found: list[tuple[float, float]] = []
    for command, rest in re.findall(r"([MLCQ])([^MLCQ]*)", path):
        values = [float(value) for value in rest.split()]
        spots = list(zip(values[::2], values[1::2], strict=True))
        if command == "M":
            found += spots
            continue
        control = [found[-1], *spots] if command == "C" else [found[-1], found[-1], spots[-1], spots[-1]]
        if command == "Q":  # as a cubic curve
            ends = (found[-1], spots[1])
            inner = [tuple(e + (c - e) * 2 / 3 for e, c in zip(end, spots[0], strict=True)) for end in ends]
            control = [ends[0], (inner[0][0], inner[0][1]), (inner[1][0], inner[1][1]), ends[1]]
        for step in range(1, 101):
            t = step / 100
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
            found.append(
                (
                    sum(w * p[0] for w, p in zip(weights, control, strict=True)),
                    sum(w * p[1] for w, p in zip(weights, control, strict=True)),
                )
            )
    return found


def is_within(point: tuple[float, float], box: Box, inset: float = 1.0) -> bool:
    return box[0] + inset < point[0] < box[2] - inset and box[1] + inset < point[1] < box[3] - inset


def is_on_edge(point: tuple[float, float], box: Box) -> bool:
    return is_within(point, box, -1.5) and not is_within(point, box, 1.5)


def assert_clear(svg: str) -> None:
    """Boxes and labels apart, in the frame, no line through any of them, and each line from box to box."""
    root = ET.fromstring(svg)
    boxes, labels = boxes_of(root), labels_of(root)
    assert overlapping(boxes + labels) == []
    left, top, width, height = map(float, (root.get("viewBox") or "").split())
    for box in boxes + labels:
        assert left <= box[0] < box[2] <= left + width
        assert top <= box[1] < box[3] <= top + height
    nodes = {
        group.get("data-state") or "": box_of(rect)
        for group in root.iter(f"{SVG}g")
        for rect in group.findall(f"{SVG}rect")
    }
    for path in root.findall(f".//{SVG}path[@class='edge']"):
        points = points_of(path.get("d") or "")
        assert is_on_edge(points[0], nodes[path.get("data-from") or ""])
        assert is_on_edge(points[-1], nodes[path.get("data-to") or ""])
        assert [box for box in boxes if any(is_within(point, box) for point in points)] == []
        assert len([box for box in labels if any(is_within(point, box) for point in points)]) <= 1
        assert all(left < x < left + width and top < y < top + height for x, y in points)


def assert_clear_talk(svg: str) -> None:
    """Boxes and numbers apart, and no line through a box: each begins and ends beside one."""
    root = ET.fromstring(svg)
    boxes = boxes_of(root)
    assert overlapping(boxes + labels_of(root)) == []
    left, top, width, height = map(float, (root.get("viewBox") or "").split())
    for path in root.iter(f"{SVG}path"):
        if path.get("marker-end"):
            points = points_of(path.get("d") or "")
            assert all(left < x < left + width and top < y < top + height for x, y in points)
            assert [box for box in boxes if any(is_within(point, box) for point in points)] == []
            for end in (points[0], points[-1]):
                assert len([box for box in boxes if is_within(end, box, -4)]) == 1


def runs_of(world: World, folder: Path, language: str, seeds: tuple[int, ...] = (1,)) -> list[RunLog]:
    return [sim.run(world, seed=seed, language=language, out=folder / f"run-{seed}.jsonl") for seed in seeds]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("name", "variant"), CASES)
def test_nothing_lies_on_anything_else(name: str, variant: str | None, language: str) -> None:
    """In the pictures of the machine and of who may speak after whom, of all worlds that come with the package."""
    world = bundled(name, variant)
    assert_clear(to_svg(world, language))
    assert_clear_talk(speakers.to_svg(world, language))


@pytest.mark.parametrize("name", ["hospital_visit", "werewolf", "company_meeting", "three_departments"])
def test_nothing_lies_on_anything_else_where_a_run_is_drawn(name: str, tmp_path: Path) -> None:
    """With the numbers, which are drawn beside their lines."""
    world = bundled(name, None)
    taken = Taken.of(runs_of(world, tmp_path, "zh", (1, 7)))
    assert_clear(to_svg(world, "zh", taken))
    talk = speakers.to_svg(world, "zh", taken)
    assert_clear_talk(talk)
    labels = labels_of(ET.fromstring(talk))
    assert len(labels) == sum(1 for a, b in taken.follows if a != b)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_thirty_states_with_long_guards_lie_clear_of_each_other(language: str, tmp_path: Path) -> None:
    """With arrows back, over three states, and to themselves."""
    world = procedure(tmp_path / "procedure")
    svg = to_svg(world, language)
    assert_clear(svg)
    root = ET.fromstring(svg)
    assert len(boxes_of(root)) == 32
    drawn = [t.findtext(f"{SVG}title") for t in root.iter(f"{SVG}text") if t.find(f"{SVG}title") is not None]
    guards = [guard_in(arrow, language) for state in world.states.values() for arrow in state.go]
    assert max(map(len, guards)) > 60
    assert Counter(drawn) == Counter(guards)


def test_fifteen_agents_lie_clear_of_each_other(tmp_path: Path) -> None:
    """Each may speak after each; and the numbers of a long run find their places."""
    world = crowd(tmp_path / "crowd")
    assert len(speaker_edges(world)) == 15 * 14
    taken = Taken.of(runs_of(world, tmp_path, "en", (1, 2)))
    for svg in (speakers.to_svg(world, "en"), speakers.to_svg(world, "zh", taken)):
        assert_clear_talk(svg)
        assert len(boxes_of(ET.fromstring(svg))) == 15
    assert len(labels_of(ET.fromstring(speakers.to_svg(world, "zh", taken)))) == len(taken.follows) > 60


def test_any_graph_is_laid_out_clear(tmp_path: Path) -> None:
    """Boxes of any size, joined at random, in circles, several times, and not at all."""
    for seed in range(40):
        rng = random.Random(seed)
        names = [f"n{i}" for i in range(rng.randrange(1, 12))]
        boxes = {name: Size(rng.uniform(30, 300), rng.uniform(20, 90), rng.choice([0, 0, 80])) for name in names}
        links = [
            Link(rng.choice(names), rng.choice(names), rng.choice([0.0, 60.0, 220.0]), rng.choice([0.0, 18.0]))
            for _ in range(rng.randrange(0, 18))
        ]
        found = lay_out(boxes, links, names[0])
        places = [
            (
                x - boxes[n].width / 2,
                y - boxes[n].height / 2,
                x + boxes[n].width / 2 + boxes[n].aside,
                y + boxes[n].height / 2,
            )
            for n, (x, y) in found.places.items()
        ]
        routes = list(zip(links, found.routes, strict=True))
        labels = [
            (
                r.label[0] - k.width / 2,
                r.label[1] - k.height / 2,
                r.label[0] + k.width / 2,
                r.label[1] + k.height / 2,
            )
            for k, r in routes
            if r is not None and k.width and k.height
        ]
        assert overlapping(places + labels) == []
        for link, route in routes:
            assert (route is None) == (link.source == link.target)
            if route is not None:
                points = points_of(route.path)
                assert [box for box in places if any(is_within(point, box) for point in points)] == []


def test_what_a_run_took_is_thick_and_numbered_and_the_rest_is_pale(tmp_path: Path) -> None:
    """Arrows and states, as the log has them."""
    world = bundled("hospital_visit", None)
    taken = Taken.of(runs_of(world, tmp_path, "en", (7,)))
    root = ET.fromstring(to_svg(world, "en", taken))
    thick = {
        (p.get("data-from"), p.get("data-to"))
        for p in root.findall(f".//{SVG}path[@class='edge']")
        if p.get("stroke-width") == "3"
    }
    assert thick == {(a, b) for a, b, _ in taken.arrows} != set()
    shown = [
        " ".join(t.text or "" for t in text.iter() if t.tag != f"{SVG}title") for text in root.iter(f"{SVG}text")
    ]
    assert "1× registered" in shown
    assert "1×, 3 turns" in shown
    pale = {
        g.get("data-state") for g in root.iter(f"{SVG}g") if g.find(f"{SVG}rect[@stroke='#c4c4c4']") is not None
    }
    assert pale == {*world.states, *world.spec.ends} - set(taken.visits)
    assert '"reception" -> "consulting" [label="1× registered", color="#1f62c4", penwidth=3]' in to_dot(
        world, "en", taken
    )
    assert "  s0 --> s1: 1× registered" in to_mermaid(world, "en", taken).splitlines()


def test_what_is_taken_is_counted_over_all_episodes(tmp_path: Path) -> None:
    """A morning of patients: as many come in as go out, and each arrow into a state is a visit of it."""
    world = bundled("hospital_visit", "day")
    [log] = runs_of(world, tmp_path, "en")
    taken = Taken.of([log])
    episodes = sum(taken.visits[end] for end in world.spec.ends)
    assert episodes == world.spec.arrivals.episodes == 24  # type: ignore[union-attr]
    for name in (*world.states, *world.spec.ends):
        begun = episodes if name == world.spec.start else 0
        assert taken.visits[name] == begun + sum(n for (_, to, _), n in taken.arrows.items() if to == name)
    turns = sum(record.type == "turn" for record in log.records)
    assert sum(taken.turns.values()) == sum(taken.spoke.values()) == turns
    assert sum(taken.follows.values()) == turns - episodes
    assert taken.path[0] == world.spec.start
    assert taken.path[-1] in world.spec.ends


def test_who_speaks_at_once_does_not_follow_one_another(tmp_path: Path) -> None:
    """So a picture has no line that the world does not allow."""
    for name in ("werewolf", "three_departments"):
        world = bundled(name, None)
        taken = Taken.of(runs_of(world, tmp_path / name, "en", (1, 2, 3)))
        assert set(taken.follows) <= set(speaker_edges(world))


def test_limits_of_arrows_are_told_in_the_language() -> None:
    """Expressions stay as they are written."""
    world = bundled("hospital_visit", "day")
    shown = {lang: [d["shown"] for *_, d in machine(world, lang).edges(data=True)] for lang in ("en", "zh")}
    assert "after 14 turns" in shown["en"]
    assert "满14轮" in shown["zh"]
    assert "no consulting room" in shown["en"]
    assert "等不到诊室" in shown["zh"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("registered and fee_paid and not left", ["registered and", "fee_paid and not", "left"]),
        ("挂号之后去看病开药，然后缴费", ["挂号之后去看病开", "药，然后缴费"]),
        ("a_name_that_is_longer_than_any_line", ["a_name_that_is_l", "onger_than_any_l", "ine"]),
    ],
)
def test_a_long_text_is_wrapped_by_how_wide_it_is(text: str, lines: list[str]) -> None:
    """At spaces, between Chinese characters, and a word too long for a line within it."""
    found = wrapped(text, 12, 110)
    assert found == lines
    assert all(text_width(line, 12) <= 110 for line in found)


def test_of_a_text_of_too_many_lines_the_rest_is_left_out() -> None:
    """With a sign that there was more."""
    assert wrapped("one two three four five six", 12, 40, most=2) == ["one", "tw…"]


def test_a_png_is_drawn_with_chinese_letters() -> None:
    """It is twice as large as the SVG, and not the same as with other letters."""
    check_raster()
    svg = to_svg(bundled("company_meeting", None), "zh")
    drawn = to_png(svg)
    width, height = (int(v) for v in re.findall(r' (?:width|height)="(\d+)"', svg)[:2])
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(drawn[16:20], "big"), int.from_bytes(drawn[20:24], "big")) == (2 * width, 2 * height)
    title = next(node["title"] for _, node in machine(bundled("company_meeting", None), "zh").nodes(data=True))
    assert to_png(svg.replace(title, title[::-1])) != drawn
