"""Facts that are set from outside, checked against the world."""

from __future__ import annotations

from collections.abc import Mapping

from sim.errors import DefinitionError, did_you_mean
from sim.world.kinds import Value
from sim.world.world import World


def facts_for(world: World, given: Mapping[str, object]) -> dict[str, Value]:
    """Facts that are set from outside, each of its kind.

    Raises:
        DefinitionError: naming one that the world does not have, or that cannot have its value.
    """
    facts: dict[str, Value] = {}
    for name, value in given.items():
        fact = world.fact_at(name)
        if fact is None:
            raise DefinitionError(f"unknown fact '{name}'{did_you_mean(name, world.fact_keys())}")
        try:
            facts[name] = fact.kind.read(value)
        except ValueError as error:
            raise DefinitionError(f"the fact '{name}' {error}") from None
    return facts
