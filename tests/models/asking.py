"""Requests to models without a run around them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim.engine import prompt
from sim.engine.machine import begin
from sim.engine.messages import Prompt
from sim.models.model import Request
from tests.building import world_of

WORLD = world_of(
    {
        "world": "asking",
        "roles": {"ann": "ann", "bob": "bob"},
        "facts": {"said": {"flag": False}},
        "tables": {"rooms": {"hall": {"price": 3}, "yard": {"price": 5}}},
        "actions": {"greet": {"by": "ann", "due": True, "sets": {"said": True}}},
        "tools": {
            "prices": {"by": "ann", "fields": {"room": {"choice": "rooms"}}, "gives": "rooms[act.room].price"}
        },
        "states": {
            "desk": {"speakers": ["ann", "bob"], "actions": ["greet", "prices"], "go": [{"over": "said"}]},
        },
        "start": "desk",
        "ends": ["over"],
        "limits": {"utterance": 100},
    }
)
"""Ann has an act that is due, and a look-up; Bob just speaks."""

_BEGIN = begin(WORLD, 1, {}, 7)


def request(role: str = "ann", *, words: str | None = None, turn: int = 1, **more: Any) -> Request:
    """What an agent is asked for its first turn, or just some words."""
    asked = prompt.build(WORLD, _BEGIN, [], role, "en")
    if words is not None:
        asked = Prompt(({"role": "user", "content": words},))
    plain = Request(asked, WORLD, _BEGIN, role, 0, "en", _BEGIN.streams, turn=turn)
    return replace(plain, **more)
