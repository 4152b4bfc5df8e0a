"""Where states lead: by arrows, and where a queue is left."""

from __future__ import annotations

from typing import Any

import pytest

from sim.world.format import WorldFile
from sim.world.ways import circles, reachable


def spec(states: dict[str, Any]) -> WorldFile:
    return WorldFile.model_validate(
        {
            "world": "w",
            "roles": {"a": "ann"},
            "resources": {"r": 1},
            "states": states,
            "start": next(iter(states)),
            "ends": ["over", "left", "lost"],
        }
    )


def waits(otherwise: str, *go: str, speakers: str = "a") -> dict[str, Any]:
    hold = {"resource": "r", "queue_at_most": 0, "otherwise": otherwise}
    return {"speakers": [speakers], "holds": [hold], "go": list(go)}


def test_an_end_is_reached_by_who_leaves_a_queue() -> None:
    """No arrow leads there, and yet episodes come to it."""
    assert reachable(spec({"x": waits("left", "over")})) == {"x", "left", "over"}


def test_a_state_that_is_reached_only_by_leaving_leads_on() -> None:
    """What is behind it can be reached, too."""
    states = {"x": waits("y", "over"), "y": {"narrate": "Gone.", "go": ["left"]}, "z": {"go": ["lost"]}}
    assert reachable(spec(states)) == {"x", "y", "left", "over"}


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ({"x": waits("x", "over")}, [("x", 0)]),
        ({"x": waits("y", "over"), "y": waits("x", "over")}, [("x", 0), ("y", 0)]),
        ({"x": waits("y", "over"), "y": {"narrate": "Tea.", "go": ["x"]}}, [("x", 0)]),
        ({"x": waits("y", "over"), "y": {"speakers": ["a"], "go": ["x"]}}, []),
        ({"x": waits("left", "x"), "y": waits("x", "over")}, []),
    ],
)
def test_a_queue_that_leads_back_to_itself_is_found(states: dict[str, Any], found: list[tuple[str, int]]) -> None:
    """Unless somebody speaks on the way, which takes time and counts as a turn."""
    assert circles(spec(states)) == found
