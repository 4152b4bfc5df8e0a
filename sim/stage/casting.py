"""Who answers for whom: the models of a run, by agent, from what the user gives and what the world says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.errors import DefinitionError, did_you_mean
from sim.models.model import Model
from sim.models.ruled import Ruled
from sim.models.scripted import Scripted
from sim.stage.providers import OneOf
from sim.stage.selector import SELECTOR
from sim.world.world import World

EVERYONE = "*"


def speakers(world: World) -> tuple[str, ...]:
    """Who needs a model: the agents, and the selector where a model chooses who speaks."""
    is_auto = any(state.order == "auto" for state in world.states.values())
    return (*world.agents, *((SELECTOR,) if is_auto else ()))


def models_for(
    world: World,
    given: Mapping[str, Model],
    *,
    human: Model | None = None,
    exec_folder: Path | None = None,
    seed: int = 0,
) -> dict[str, Model]:
    """The model of each agent: the one given for it or its role, else what its kind asks for, else that for ``*``.

    ``human`` answers for the roles of the kind human; in ``exec_folder`` code of the roles of the kind executor is
    run, and without it none is. Where an agent has one of several models, ``seed`` says which.

    Raises:
        DefinitionError: if a name is not in the cast, or a role needs a person, a function or a permission that is
            not there.
    """
    known = {*speakers(world), *world.spec.roles, EVERYONE}
    for name in given:
        if name not in known:
            raise DefinitionError(f"no agent or role '{name}' in {world.name}{did_you_mean(name, known)}")
    cast = {a: _model(world, a, given, human, exec_folder) for a in speakers(world)}
    return {a: model.of(a, seed) if isinstance(model, OneOf) else model for a, model in cast.items()}


def _model(
    world: World, agent: str, given: Mapping[str, Model], human: Model | None, exec_folder: Path | None
) -> Model:
    role = world.cast.get(agent, agent)
    chosen = given.get(agent) or given.get(role)
    if chosen is not None:
        return chosen
    spec = world.spec.roles.get(role)
    if spec is not None and spec.kind == "rule":
        if spec.function not in world.rules:
            raise DefinitionError(f"'{role}' is played by a function of rules.py, which is not loaded")
        return Ruled(spec.function or "")
    if spec is not None and spec.kind == "executor":
        if exec_folder is None:
            raise DefinitionError(
                f"{world.name} runs code that '{role}' is given; allow it with --allow-exec (it runs in a folder "
                "of its own, with limits on time and memory)"
            )
        from sim.stage.adapter.code import Executor  # noqa: PLC0415 - AutoGen is slow to import

        return Executor(world.spec.executor, spec.reports, exec_folder)
    if spec is not None and spec.kind == "human":
        if human is None:
            raise DefinitionError(f"'{role}' is played by a person; run it in a terminal, or give --model {role}=…")
        return human
    return given.get(EVERYONE) or Scripted()
