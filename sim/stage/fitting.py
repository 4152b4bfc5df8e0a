"""Whether the fixed part of every prompt fits its model's window: checked before a run, not found out in it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from sim.engine import prompt
from sim.engine.machine import begin
from sim.engine.messages import TooLong
from sim.engine.room import room_of
from sim.engine.rounds import entered
from sim.errors import DefinitionError
from sim.models.model import Model
from sim.stage.run import Settings
from sim.world.templates import TemplateError
from sim.world.vocabulary import ExpressionError
from sim.world.world import StateDef, World


def check_room(world: World, settings: Settings, models: Mapping[str, Model]) -> None:
    """Check that each speaker's prompt in each state fits, with the facts at the start and nothing said before.

    Raises:
        DefinitionError: naming the first that does not, and the model whose window is too short.
    """
    start = begin(world, 1, settings.facts, settings.seed)
    for name, state in world.states.items():
        for role in _speakers(world, state):
            description = models[role].description
            room = room_of(world, description, state.context)
            if room is None:
                continue
            with contextlib.suppress(ExpressionError, TemplateError):
                there = entered(world, replace(start, state=name, outcome=None, waiting=()))
                asked = prompt.build(world, there, [], role, settings.language)
                try:
                    asked.without_history().within(room)
                except TooLong as error:
                    raise DefinitionError(
                        f"{world.name}: what {role} is told in '{name}' is too long for '{models[role].name}': "
                        f"{error}; a longer window (or context.prompt), shorter answers (limits.utterance) or "
                        "shorter texts would do"
                    ) from None


def _speakers(world: World, state: StateDef) -> list[str]:
    groups = [world.groups[g] for g in state.speakers.groups]
    named = {*state.speakers.agents, *(agent for group in groups for agent in group.of)}
    return [agent for agent in world.agents if agent in named]
