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
            raise DefinitionError(_unknown(world, name))
        try:
            facts[name] = fact.kind.read(value)
        except ValueError as error:
            raise DefinitionError(f"the fact '{name}' {error}") from None
    return facts


def _unknown(world: World, name: str) -> str:
    """Why there is no fact of a name that could be set."""
    fact = world.facts.get(name)
    if fact is not None and fact.compute is not None:
        return f"'{name}' is worked out from other facts (derived) and cannot be set; set what it reads"
    if fact is not None and fact.of:
        return f"each agent has its own '{name}'; write one of: {', '.join(map(fact.key, fact.of))}"
    return f"unknown fact '{name}'{did_you_mean(name, world.fact_keys())}"
