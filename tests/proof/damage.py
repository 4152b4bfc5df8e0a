"""Bundled worlds with something changed: a guard is gone, and a rule can be broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sim.world.library import revive
from sim.world.world import World
from tests.worlds.players import world_of

Edit = Callable[[dict[str, Any]], None]


def edited(name: str, edit: Edit, variant: str | None = None) -> World:
    """A bundled world with something changed."""
    resolved = json.loads(json.dumps(world_of(name, variant).resolved))
    edit(resolved["world"])
    return revive(resolved, variant)


def _unpaid(world: dict[str, Any]) -> None:
    world["actions"]["dispense"]["when"] = "not dispensed"


def _any_fee(world: dict[str, Any]) -> None:
    world["actions"]["pay_fee"]["needs"] = []


def _twice(world: dict[str, Any]) -> None:
    world["actions"]["protect"]["fields"]["who"]["one_of"] = "[p for p in living if p != me or doctor_self_save]"


def _own(world: dict[str, Any]) -> None:
    world["ballots"]["devour"]["on"] = "living"


def _false_vision(world: dict[str, Any]) -> None:
    world["actions"]["inspect"]["sets"]["seen_good"] = "[p for p in player if p in seen_good or p == act.who]"


def _wrong_sum(world: dict[str, Any]) -> None:
    world["actions"]["answer"]["needs"].pop(1)


DAMAGES: list[tuple[str, Edit, str]] = [
    ("hospital_visit", _unpaid, "medicine before payment"),
    ("hospital_visit", _any_fee, "another registration fee paid than charged"),
    ("werewolf", _twice, "the doctor protected the same player twice running"),
    ("werewolf", _own, "the wolves hunt one of their own"),
    ("werewolf", _false_vision, "the seer was told something false"),
    ("number_chain", _wrong_sum, "a wrong sum after the second desk"),
]
"""A world, what is changed in it, and the rule that can be broken then."""


def removals(world: dict[str, Any]) -> Iterator[tuple[str, Edit]]:
    """Every condition of an act that could be left out."""
    for name, action in world["actions"].items():
        for key in {"when", "needs", "due", "fallback"} & set(action):
            yield f"{name}.{key}", lambda w, n=name, k=key: w["actions"][n].pop(k)  # type: ignore[misc]
    for name, state in world["states"].items():
        for number, arrow in enumerate(state.get("go", [])):
            if isinstance(arrow, dict) and "when" in arrow:
                yield f"{name}.{number}", lambda w, n=name, i=number: w["states"][n]["go"][i].pop("when")  # type: ignore[misc]
