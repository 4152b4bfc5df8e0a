"""The statistics on the page are those of ``sim.stats``, escaped, and no more than can be looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.read.page import numbers as of_page
from sim.read.page.numbers import numbers
from sim.read.page.page import to_html
from sim.read.page.words import words
from sim.record.log import RunLog
from tests.building import write_world
from tests.read.test_page import HOSTILE, Page

WORDS = words("en")

CLINIC = """
world: clinic
roles: {guest: chengzi, clerk: registration_desk}
facts: {served: {flag: false}}
actions: {serve: {by: clerk, due: true, sets: {served: true}, fallback: {}}}
resources: {desk: {capacity: 1, label: LABEL}}
arrivals: {every: 1, episodes: 5}
states:
  hall: {label: LABEL, speakers: clerk, actions: serve, turn: 3, holds: desk, go: [{over: served}]}
start: hall
ends: {over: {kind: success, label: LABEL}}
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> RunLog:
    """A morning of patients."""
    return sim.run("hospital_visit", variant="day", seed=1, out=tmp_path_factory.mktemp("day") / "day.jsonl")


def test_the_cells_of_the_tables_are_the_statistics(day: RunLog) -> None:
    """One computation, written down."""
    shown, found = numbers(day, WORDS), sim.stats(day)
    assert shown is not None
    by_title = {table.title: table for table in shown.tables}
    states = by_title[WORDS["by_state"]]
    assert [row[:2] for row in states.rows] == [[p.label, f"{p.visits:,}"] for p in found.states]
    consulting = found.states[1]
    assert consulting.waited is not None
    assert states.rows[1][2:5] == [
        f"{value:.1f}" for value in (consulting.waited.mean, consulting.waited.median, consulting.waited.p95)
    ]
    resources = by_title[WORDS["by_resource"]]
    assert resources.use == [place.used for place in found.resources]
    outcomes = by_title[WORDS["by_outcome"]]
    assert [row[:2] for row in outcomes.rows] == [[o.label, str(o.episodes)] for o in found.outcomes]


def test_the_bars_of_an_episode_are_its_stays(day: RunLog) -> None:
    """In the order of time, none wider than the whole, and waits told apart."""
    shown = numbers(day, WORDS)
    assert shown is not None
    assert shown.gantt is not None
    assert [number for number, _ in shown.gantt.rows] == list(range(1, 25))
    for _, bars in shown.gantt.rows:
        lefts = [bar.left for bar in bars]
        assert lefts == sorted(lefts)
        assert all(bar.left >= 0 and bar.width >= 0 and bar.left + bar.width <= 100.01 for bar in bars)
    assert any(bar.waits for _, bars in shown.gantt.rows for bar in bars)


def test_of_many_stays_as_many_episodes_are_drawn_as_can_be(day: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said how many of how many."""
    monkeypatch.setattr(of_page, "MOST_STAYS", 20)
    shown = numbers(day, WORDS)
    assert shown is not None
    assert shown.gantt is not None
    assert 1 < len(shown.gantt.rows) < 24
    assert shown.gantt.first == WORDS["first"].format(n=len(shown.gantt.rows), all=24)


@pytest.mark.parametrize("hostile", HOSTILE[:4])
def test_labels_are_words_and_never_markup(hostile: str, tmp_path: Path) -> None:
    """In tables, tooltips and legends."""
    pages = []
    for label in ("harmless", hostile):
        folder = tmp_path / str(len(pages))
        folder.mkdir()
        quoted = "'" + label.replace("'", "''") + "'"
        write_world(folder, CLINIC.replace("LABEL", quoted))
        log = sim.run(folder, out=folder / "run.jsonl")
        pages.append(Page(to_html(log)))
    harmless, strange = pages
    wrapped = "tspan"  # a long title takes several lines of the picture
    assert [t for t, _ in strange.elements if t != wrapped] == [t for t, _ in harmless.elements if t != wrapped]
    assert "harmless" in harmless.texts
    assert any("alert(1)" in text or "&lt;b&gt;" in text for text in strange.texts)


def test_a_single_conversation_with_nothing_to_wait_for_has_none(tmp_path: Path) -> None:
    """Its page is as it was."""
    log = sim.run("hospital_visit", seed=7, out=tmp_path / "run.jsonl")
    assert numbers(log, WORDS) is None
    assert 'id="stats"' not in to_html(log)


def test_a_page_of_one_role_has_no_statistics(day: RunLog) -> None:
    """Who waited for what is not what one role knows."""
    assert 'id="stats"' in to_html(day)
    assert 'id="stats"' not in to_html(day, "doctor")
