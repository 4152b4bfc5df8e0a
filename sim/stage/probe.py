"""One small call to a model, as a run would make it: what comes back, what the endpoint takes, what it costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.engine import answers, prompt
from sim.engine.machine import begin
from sim.models.model import Model, Reply, Request
from sim.world.library import revive

_WORLD: dict[str, Any] = {
    "world": {
        "world": "probe",
        "roles": {"clerk": "clerk"},
        "facts": {"greeted": {"flag": False}},
        "actions": {"greet": {"by": "clerk", "due": True, "about": "say hello", "sets": {"greeted": True}}},
        "states": {
            "desk": {"speakers": ["clerk"], "order": "single", "actions": ["greet"], "tell": "Say hello in a word."}
        },
        "start": "desk",
        "ends": {"done": "success"},
        "limits": {"utterance": 100},
    },
    "personas": {"clerk": {"persona": "clerk", "name": "Clerk"}},
}
_WORLD["world"]["states"]["desk"]["go"] = [{"done": "greeted"}]


@dataclass(frozen=True)
class Probe:
    """What came of a call: the answer, whether it is valid, what the endpoint takes, and seconds until it came."""

    model: str
    reply: Reply
    problems: tuple[str, ...]
    takes: Mapping[str, bool]
    seconds: float


def probe(model: Model) -> Probe:
    """Ask a model to say hello and to do one act.

    Raises:
        ModelError: if it cannot answer.
    """
    world = revive(_WORLD)
    situation = begin(world, 1, {}, 0)
    asked = prompt.build(world, situation, [], "clerk", "en")
    started = time.perf_counter()
    reply = model.answer(Request(asked, world, situation, "clerk", 0, "en", situation.streams))
    seconds = time.perf_counter() - started
    read = answers.read(world, situation, "clerk", reply.text, 1.0, "en")
    return Probe(model.name, reply, read.problems, getattr(model, "takes", {}), seconds)
