"""Resources, what states hold of them, arrivals and durations: how they are written, and what may not be."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sim.errors import DefinitionError
from sim.world.durations import Minutes
from sim.world.library import check, load
from sim.world.stations import Arrivals, Hold, Resource, arrival_times
from tests.building import write_world

WORLD = """\
world: desk
clock: {start: "08:30"}
roles: {guest: bob, clerk: ann}
facts: {rank: {number: of 3}, first: {flag: false}}
resources:
  counter: 2
  room: {capacity: 1, queue: priority}
  bed: {capacity: 1, queue: priority, preempt: true}
  soup: {stock: 9}
arrivals: {per_hour: 6, episodes: 4}
states:
  hall: {speakers: [guest, clerk], holds: counter, go: [{to: over, after: {turns: 2}}]}
  rest: {narrate: Later., go: [over]}
start: hall
ends: [over, left]
"""


def made(*replaced: tuple[str, str], **files: str) -> Path:
    text = WORLD
    for old, new in replaced:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    folder = Path(tempfile.mkdtemp())
    write_world(folder, text)
    for name, words in files.items():
        (folder / f"{name}.csv").write_text(words, encoding="utf-8")
    return folder


def said(folder: Path) -> list[str]:
    """All problems but those of states and ends to which nothing leads."""
    return [f"{p.line}: {p.message}" for p in check(folder)[0] if p.severity == "error"]


def test_short_forms_are_written_out() -> None:
    """A number is a capacity, a name is held as long as it takes, hours are a text."""
    world = load(made())
    assert world.spec.resources["counter"].capacity == 2
    [held] = world.states["hall"].holds
    assert (held.resource, held.amount, held.patience, held.otherwise) == ("counter", 1, None, None)
    hours = Resource.model_validate(
        {"capacity": 1, "open": ["08:30-12:00", {"open": "13:30", "close": "17:00"}]}
    ).open
    assert [(h.open, h.close) for h in hours] == [("08:30", "12:00"), ("13:30", "17:00")]


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        (Resource, {}, "needs either a capacity or a stock"),
        (Resource, {"capacity": 1, "stock": 1}, "needs either a capacity or a stock"),
        (Resource, {"capacity": 1, "most": 3}, "refill and most are for a stock"),
        (Resource, {"stock": 1, "queue": "priority"}, "a stock has no hours and no priorities"),
        (Resource, {"stock": 1, "open": "08:00-09:00"}, "a stock has no hours and no priorities"),
        (Resource, {"stock": 5, "most": 3}, "the stock is more than there can be (most)"),
        (Resource, {"capacity": 1, "preempt": True}, "preempt needs queue: priority"),
        (Resource, {"capacity": 1, "open": "12:00-08:00"}, "closes at 08:00, before it opens at 12:00"),
        (Hold, {"resource": "a", "patience": 3}, "patience and queue_at_most need otherwise"),
        (Hold, {"resource": "a", "otherwise": "b"}, "patience and queue_at_most need otherwise"),
        (Minutes, {}, "needs exactly one of fixed, uniform, normal"),
        (Minutes, {"fixed": 1, "words": 100}, "needs exactly one of fixed, uniform, normal"),
        (Minutes, {"uniform": [3.0, 1.0]}, "uniform needs its numbers in order, the smallest first"),
        (Minutes, {"triangular": [1.0, 5.0, 2.0]}, "triangular needs its numbers in order, the smallest first"),
        (Minutes, {"normal": {"mean": 3.0}}, "normal needs a mean and an sd"),
        (Arrivals, {"episodes": 3}, "needs exactly one of at, every, per_hour, schedule, file"),
        (Arrivals, {"at": [1.0], "per_hour": 3}, "needs exactly one of at, every, per_hour, schedule, file"),
        (Arrivals, {"per_hour": 3}, "needs an end: episodes (how many), or until (a time of day)"),
        (Arrivals, {"every": 3}, "needs an end: episodes (how many), or until (a time of day)"),
        (Arrivals, {"every": 0, "until": "09:00"}, "no time between two: all would come at once"),
        (Arrivals, {"every": {"uniform": [0.0, 0.0]}, "until": "09:00"}, "no time between two"),
        (Arrivals, {"every": {"empirical": [0.0, 0.0]}, "until": "09:00"}, "no time between two"),
        (Arrivals, {"every": {"words": 3}, "episodes": 2}, "words are how long a turn takes"),
        (
            Arrivals,
            {"schedule": [{"from": "08:00", "to": "09:00", "per_hour": 0}]},
            "nobody ever comes by this schedule",
        ),
        (
            Arrivals,
            {
                "schedule": [
                    {"from": "08:00", "to": "10:00", "per_hour": 1},
                    {"from": "09:00", "to": "11:00", "per_hour": 1},
                ]
            },
            "two parts of the schedule overlap",
        ),
        (
            Arrivals,
            {"schedule": [{"from": "10:00", "to": "09:00", "per_hour": 1}]},
            "ends at 09:00, before it begins",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(model: Any, given: dict[str, Any], message: str) -> None:
    """The rule, in words."""
    with pytest.raises(ValidationError) as error:
        model.model_validate(given)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "holds: counter",
            "holds: conter",
            "12: states.hall.holds: unknown resource 'conter'; did you mean 'counter'?",
        ),
        (
            "holds: counter",
            "holds: [counter, counter]",
            "12: states.hall.holds: names 'counter' twice; each needs a",
        ),
        (
            "holds: counter",
            "holds: {resource: counter, priority: rank}",
            "12: states.hall.holds.0: 'counter' has no priorities (queue: priority)",
        ),
        (
            "holds: counter",
            "holds: {resource: room, priority: first}",
            "12: states.hall.holds.0.priority: 'first' is true or false, but a number is needed",
        ),
        (
            "holds: counter",
            "holds: {resource: room, when: rank}",
            "12: states.hall.holds.0.when: 'rank' is a number, but true or false is needed",
        ),
        (
            "holds: counter",
            "holds: {resource: room, amount: 2}",
            "12: states.hall.holds.0: 'room' is no stock; one at a time is held of it",
        ),
        (
            "holds: counter",
            "holds: [bed, counter]",
            "12: states.hall.holds: 'bed' can be taken away (preempt), so it is held alone",
        ),
        (
            "holds: counter",
            "holds: {resource: room, patience: 5, otherwise: gone}",
            "12: states.hall.holds.0.otherwise: unknown state or end 'gone'; known: hall, left",
        ),
        (
            "holds: counter",
            "holds: {resource: room, patience: {words: 9}, otherwise: left}",
            "12: states.hall.holds.0.patience: nothing is said while one waits; words are of turns",
        ),
        (
            "holds: counter",
            "holds: {resource: room, queue_at_most: 0, otherwise: hall}",
            "12: states.hall.holds.0.otherwise: leads back here before anybody speaks",
        ),
        ("narrate: Later.,", "holds: soup,", "13: states.rest.holds: nobody speaks here, so nothing is held"),
        ("capacity: 1, queue: priority}", "capacity: 0}", "7: resources.room.capacity: must be at least 1"),
        ("queue: priority}", "open: 8-12}", "7: resources.room.open.0: must be hours such as 08:30-12:00"),
        ("{per_hour: 6, episodes: 4}", "{at: []}", "10: arrivals.at: must not be empty"),
        (
            "{per_hour: 6, episodes: 4}",
            '{per_hour: 6, until: "08:00"}',
            "10: arrivals.until: is before the clock's",
        ),
        (
            "{per_hour: 6, episodes: 4}",
            '{schedule: [{from: "07:00", to: "08:30", per_hour: 9}]}',
            "10: arrivals.schedule: is over before the clock's start, 08:30",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(old: str, new: str, message: str) -> None:
    """With its key path, and what would be right."""
    found = said(made((old, new)))
    assert [problem for problem in found if problem.startswith(message)] == found[:1] != []


def test_a_resource_may_be_named_again_with_another_condition() -> None:
    """Some wait longer than others."""
    twice = "holds: [{resource: room, when: first}, {resource: room, when: not first}]"
    assert said(made(("holds: counter", twice))) == []


def test_a_file_of_arrivals_becomes_part_of_the_world() -> None:
    """A log needs the file no more; other columns are not read, and a byte order mark is none of the name."""
    text = "\ufefftime,who\n08:45,a\n3.5,b\n 09:00 ,c\n"
    world = load(made(("{per_hour: 6, episodes: 4}", "{file: day.csv}"), day=text))
    assert world.spec.arrivals is not None
    assert world.spec.arrivals.at == ["08:45", 3.5, "09:00"]
    assert world.resolved["world"]["arrivals"] == {"at": ["08:45", 3.5, "09:00"]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("day.csv", "when\n08:30\n", "'day.csv': has no column 'time'"),
        ("day.csv", "", "'day.csv': has no column 'time'"),
        ("day.csv", "time\n", "'day.csv': has no times"),
        ("day.csv", "time\n08:30\nnoon\n", "'day.csv': line 3: 'noon' is neither a time such as 08:30 nor minutes"),
        ("day.csv", "time\n24:30\n", "'day.csv': line 2: '24:30' is neither a time such as 08:30 nor minutes"),
        ("day.csv", "time\n-3\n", "'day.csv': line 2: '-3' is neither a time such as 08:30 nor minutes"),
        ("day.csv", "time\nnan\n", "'day.csv': line 2: 'nan' is neither a time such as 08:30 nor minutes"),
        ("day.csv", "time\ninf\n", "'day.csv': line 2: 'inf' is neither a time such as 08:30 nor minutes"),
        ("day.csv", "who,time\na\n", "'day.csv': line 2: '' is neither a time such as 08:30 nor minutes"),
        ("other.csv", "time\n1\n", "'other.csv': there is no such file beside the world"),
        ("../day.csv", "time\n1\n", "'../day.csv': must be the name of a file beside the world"),
    ],
)
def test_a_file_of_arrivals_that_cannot_be_used_is_told(name: str, text: str, message: str) -> None:
    """With the line in it that is no time."""
    folder = made(("{per_hour: 6, episodes: 4}", f"{{file: {name}}}"), day=text)
    assert said(folder)[0] == f"10: arrivals.file: {message}"
    with pytest.raises(DefinitionError):
        load(folder)


def test_times_are_kept_as_they_are_written() -> None:
    """Which come first is for the run to say."""
    assert arrival_times("time\n10:00\n08:45\n7\n") == ["10:00", "08:45", 7.0]
