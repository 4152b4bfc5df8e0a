"""Pictures of the machine: every state and arrow is in each of them, and no label can break out of its place."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import sim
from sim.errors import DefinitionError
from sim.read.graph import machine, to_dot, to_mermaid
from sim.read.statechart import to_svg
from sim.world.kinds import label_of
from sim.world.world import World

SVG = "{http://www.w3.org/2000/svg}"
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)

LOOPS = """
world: loops
languages: [en]
title: TITLE
roles: {clerk: {persona: clerk}, guest: {persona: guest}}
facts: {n: {number: steps}, word: {text: 20}}
states:
  first:
    label: TITLE
    speakers: [clerk, guest]
    go:
      - {to: first, when: n == 1}
      - {to: second, when: n == 2}
      - {to: second, when: n == 3}
      - {to: done, when: 'word == "\\"; evil -> \\"" or n > 9'}
      - {to: second, after: {turns: 5, minutes: 2.5}}
  second:
    speakers: [guest]
    go: [{to: first, when: n == 4}, second_to_last, {to: done, after: {turns: 2}}]
  second_to_last:
    speakers: [guest, clerk]
    go: [done]
start: first
ends:
  done: {kind: success, label: TITLE}
"""

TITLES = (
    'He said "no"',
    "a < b & c > d",
    "</text><script>alert(1)</script>",
    "]]> --> <!--",
    "back\\slash \\n \\",
    "semi; colon: #35; #quot; %% comment",
    "two\nlines\n  [*] --> s1",
    "tab\tand\rreturn",
    "bell\x07 escape\x1b[2J nul-like\x0b",
    "\u202eturned around\u2028line",
    "it's {{braces}} [brackets] (round) | pipe `tick`",
)


def _loops(folder: Path, title: str, persona: str | None = None) -> World:
    (folder / "personas").mkdir(parents=True)
    (folder / "world.yaml").write_text(LOOPS.replace("TITLE", json.dumps(title)), encoding="utf-8")
    for number, name in enumerate(("clerk", "guest"), 1):
        called = json.dumps(f"{persona or title} {number}")
        (folder / "personas" / f"{name}.yaml").write_text(f"persona: {name}\nname: {called}\n", encoding="utf-8")
    return sim.load(folder)


def _draw(make: Callable[[World, str], str], folder: Path, title: str) -> str | None:
    """A picture of the world of loops under some title; None if such a title is refused, which is as good."""
    try:
        loaded = _loops(folder, title)
    except DefinitionError:
        return None
    return make(loaded, "en")


def _arrows(world: World) -> list[tuple[str, str, str]]:
    return [(name, t.to, t.guard) for name, state in world.states.items() for t in state.go]


@pytest.fixture(params=[None, "triage", "loops"])
def drawn(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """The hospital visit, its variant, and a world with loops, double arrows and arrows without a guard."""
    if request.param == "loops":
        return _loops(tmp_path, "Plain", "Ann")
    return sim.load(Path(__file__).parents[2] / "worlds" / "hospital_visit", variant=request.param)


def test_the_graph_is_the_machine(drawn: World) -> None:
    """Nodes are the states and ends, edges the transitions with their guards, none more and none fewer."""
    graph = machine(drawn, "en")
    assert [*drawn.states, *drawn.spec.ends] == list(graph)
    assert Counter(_arrows(drawn)) == Counter((a, b, d["guard"]) for a, b, d in graph.edges(data=True))
    kinds = {**dict.fromkeys(drawn.states, "state"), **{n: e.kind for n, e in drawn.spec.ends.items()}}
    assert kinds == {n: d["kind"] for n, d in graph.nodes(data=True)}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_labels_are_those_of_the_language(language: str, world: World) -> None:
    """States are called by their label and show their speakers' names in the language asked for."""
    graph = machine(world, language)
    for name, state in world.states.items():
        assert label_of(state.label, language) == graph.nodes[name]["title"]
        assert ", ".join(world.agent_name(a, language) for a in state.speakers.order) == graph.nodes[name]["detail"]


def test_mermaid_has_every_state_and_arrow(drawn: World) -> None:
    """Each state is declared once, each transition is a line, the start has an arrow in and each end one out."""
    text = to_mermaid(drawn, "en")
    ids = dict(re.findall(r'^  state "(.*) \([^()]*\)" as (s\d+)$', text, re.MULTILINE))
    graph = machine(drawn, "en")
    assert text.splitlines()[0] == "stateDiagram-v2"
    assert {d["title"] for _, d in graph.nodes(data=True)} == set(ids)
    names = re.findall(r'^  state ".*" as (s\d+)$', text, re.MULTILINE)
    assert len(graph) == len(set(names)) == len(names)
    at = dict(zip(graph, names, strict=True))
    arrows = Counter(re.findall(r"^  (s\d+) --> (s\d+)(?:: .*)?$", text, re.MULTILINE))
    assert Counter((at[a], at[b]) for a, b, _ in _arrows(drawn)) == arrows
    assert [at[drawn.spec.start]] == re.findall(r"^  \[\*\] --> (s\d+)$", text, re.MULTILINE)
    assert [at[e] for e in drawn.spec.ends] == re.findall(r"^  (s\d+) --> \[\*\]$", text, re.MULTILINE)


def test_dot_has_every_state_and_arrow(drawn: World) -> None:
    """Each state is a node and each transition an edge with its guard."""
    text = to_dot(drawn, "en")
    arrows = [line for line in text.splitlines() if " -> " in QUOTED.sub('""', line)]
    found = Counter(tuple(w.replace('\\"', '"').replace("\\\\", "\\") for w in QUOTED.findall(a)) for a in arrows)
    assert Counter(_arrows(drawn)) == found
    nodes = [QUOTED.findall(line)[0] for line in text.splitlines() if re.match(r'^  "[^"]*" \[', line)]
    assert [*drawn.states, *drawn.spec.ends] == nodes


def test_svg_has_every_state_and_arrow(drawn: World) -> None:
    """Each state is a box with its title, each joined pair a line with an arrow head, each guard a label."""
    root = ET.fromstring(to_svg(drawn, "en"))
    graph = machine(drawn, "en")
    texts = Counter((t.text or "") for t in root.iter(f"{SVG}text"))
    titles = Counter(d["title"] for _, d in graph.nodes(data=True))
    assert titles == Counter({t: n for t, n in texts.items() if t in titles})
    lines = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    assert len({(a, b) for a, b, _ in _arrows(drawn)}) + 1 == len(lines)
    guards = Counter(
        t.findtext(f"{SVG}title") for t in root.iter(f"{SVG}text") if t.find(f"{SVG}title") is not None
    )
    assert Counter(g for _, _, g in _arrows(drawn) if g) == guards


def test_svg_shows_everything_inside_its_frame(drawn: World) -> None:
    """No box and no label stands outside the picture."""
    root = ET.fromstring(to_svg(drawn, "en"))
    left, top, width, height = map(float, (root.get("viewBox") or "").split())
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(k) or "nan") for k in ("x", "y", "width", "height"))
        assert left - 1 <= x <= x + w <= left + width + 1
        assert top - 1 <= y <= y + h <= top + height + 1


def test_states_do_not_cover_each_other(drawn: World) -> None:
    """No two boxes of the picture overlap."""
    root = ET.fromstring(to_svg(drawn, "en"))
    boxes = [
        [float(r.get(k) or "nan") for k in ("x", "y", "width", "height")]
        for r in root.iter(f"{SVG}rect")
        if r.get("rx")
    ]
    assert len(drawn.states) + len(drawn.spec.ends) == len(boxes)
    for i, (x, y, w, h) in enumerate(boxes):
        for other_x, other_y, other_w, other_h in boxes[:i]:
            assert x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y


def test_the_same_world_gives_the_same_pictures(drawn: World) -> None:
    """A picture drawn twice is the same to the byte."""
    for make in (to_mermaid, to_dot, to_svg):
        assert make(drawn, "en") == make(drawn, "en")


def _elements(root: ET.Element) -> Counter[str]:
    """How many elements there are of each kind, but for the lines of a text that is wrapped."""
    return Counter(e.tag for e in root.iter() if e.tag != f"{SVG}tspan")


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_does_not_break_the_svg(title: str, tmp_path: Path) -> None:
    """Whatever a label holds, the picture is well-formed XML, with no element that was not drawn."""
    text = _draw(to_svg, tmp_path / "hostile", title)
    if text is None:
        return
    root = ET.fromstring(text)
    plain = ET.fromstring(to_svg(_loops(tmp_path / "plain", "Plain"), "en"))
    assert _elements(plain) == _elements(root)
    shown = {c for c in title if c.isprintable() and not c.isspace()}
    assert shown <= {c for t in root.iter(f"{SVG}text") for c in "".join(t.itertext())}


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_does_not_break_the_mermaid(title: str, tmp_path: Path) -> None:
    """Whatever a label holds, each line is a state or an arrow, and there are as many as before."""
    text = _draw(to_mermaid, tmp_path / "hostile", title)
    if text is None:
        return
    lines = text.removesuffix("\n").split("\n")
    plain = to_mermaid(_loops(tmp_path / "plain", "Plain"), "en").splitlines()
    line = re.compile(r'^(stateDiagram-v2|  state "[^"]*" as s\d+|  (\[\*\]|s\d+) --> (\[\*\]|s\d+)(: [^\n]*)?)$')
    assert [found for found in lines if not line.match(found)] == []
    assert len(plain) == len(lines)


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_does_not_break_the_dot(title: str, tmp_path: Path) -> None:
    """Whatever a label holds, what stands outside the quotes is the same as for a plain one."""
    hostile, plain = (_draw(to_dot, tmp_path / str(i), t) for i, t in enumerate((title, "Plain")))
    assert plain is not None
    assert hostile is None or QUOTED.sub('""', plain) == QUOTED.sub('""', hostile)


@pytest.mark.parametrize("make", [to_mermaid, to_dot, to_svg])
def test_no_control_characters_reach_a_picture(make: Callable[[World, str], str], tmp_path: Path) -> None:
    """A picture that is printed to a terminal moves no cursor and turns no text around."""
    text = _draw(make, tmp_path, "bell\x07 escape\x1b[2J C1\x9b1m \u202eturned") or ""
    assert set() == {c for c in text if unicodedata.category(c) == "Cc" or c == "\u202e"} - {"\n"}


QUEUES = """
world: queues
languages: [en, zh]
roles: {guest: {population: [clerk, guest], label: {en: a guest, zh: 客人}}}
facts: {hurry: {flag: false}}
resources: {desk: 1, room: 1}
states:
  hall:
    speakers: guest
    holds:
      - {resource: desk, patience: 5, otherwise: left}
      - {resource: room, when: hurry, patience: 5, otherwise: left}
      - {resource: room, when: not hurry, patience: 9, otherwise: left}
    go: [{to: left, after: {turns: 9}}, {to: done, after: {turns: 2}}]
start: hall
ends: [done, left]
"""


def test_who_leaves_a_queue_goes_along_a_dashed_arrow(tmp_path: Path) -> None:
    """Once for each resource and target, beside the arrows; and who is drawn is called by the role."""
    _loops(tmp_path / "x", "x")
    (tmp_path / "x" / "world.yaml").write_text(QUEUES, encoding="utf-8")
    world = sim.load(tmp_path / "x")
    edges = [(a, b, d["guard"], d["dashed"]) for a, b, d in machine(world, "en").edges(data=True)]
    assert sorted(edges) == [
        ("hall", "done", "after 2 turns", False),
        ("hall", "left", "after 9 turns", False),
        ("hall", "left", "no desk", True),
        ("hall", "left", "no room", True),
    ]
    dashed = [line for line in to_dot(world, "en").splitlines() if "style=dashed" in line]
    assert [re.findall(QUOTED, line)[-1] for line in dashed] == ["no desk", "no room"]
    assert [line for line in to_mermaid(world, "zh").splitlines() if "等不到" in line] == [
        "  s0 --> s2: 等不到desk",
        "  s0 --> s2: 等不到room",
    ]
    assert 'state "hall (客人)" as s0' in to_mermaid(world, "zh")
    paths = ET.fromstring(to_svg(world, "en")).findall(f".//{SVG}path[@class='edge']")
    assert sorted((p.get("data-to"), p.get("stroke-dasharray") is not None) for p in paths) == [
        ("done", False),
        ("left", False),
        ("left", True),
    ]
    assert len({p.get("d") for p in paths}) == 3
