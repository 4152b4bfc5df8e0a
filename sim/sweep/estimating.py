"""What an experiment would take: each arm is played once by the script, and priced as its models would be."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any

from sim.errors import DefinitionError, MismatchError, Problem
from sim.models import catalog
from sim.models.model import Model
from sim.models.prices import EXACT
from sim.models.scripted import Scripted
from sim.record.log import LogWriter
from sim.record.records import Usage
from sim.stage.casting import models_for, speakers
from sim.stage.providers import OneOf, Providers
from sim.stage.run import Run, settings_for
from sim.sweep.cells import Arm, cell_at, rotations, seated
from sim.sweep.checking import model_name, seats_of
from sim.sweep.plan import Plan
from sim.world.world import World

AS_MUCH = 10
"""A run under a budget is stopped where it takes so many times what was estimated."""


@dataclass(frozen=True)
class Estimate:
    """One scripted run of an arm; ``paid`` are tokens that are paid for, and ``cost`` is what they cost.

    ``cost`` is None where a price is not known. With a ``failure`` the script could not play it to its end.
    """

    arm: str
    turns: int = 0
    tokens: int = 0
    paid: int = 0
    cost: Decimal | None = Decimal(0)
    currency: str = "USD"
    seconds: float = 0.0
    failure: str | None = None


def estimates(plan: Plan) -> dict[str, Estimate]:
    """An estimate for each arm; nothing is written and no model is called."""
    providers = Providers(catalog.load(plan.models_file))
    worlds: dict[int, World] = {}
    found = {}
    for arm in plan.arms:
        if arm.stage not in worlds:
            worlds = {arm.stage: plan.stages[arm.stage].world()}
        found[arm.name] = _estimate(plan, arm, worlds[arm.stage], providers)
    return found


def check_budget_holds(plan: Plan, found: dict[str, Estimate]) -> None:
    """Check that the budget holds one run of each arm.

    Raises:
        DefinitionError: naming the first arm that it does not hold.
    """
    tokens, cost = plan.spec.budget.limits()
    for each in found.values():
        if tokens is not None and each.paid > tokens:
            told = f"{tokens:,} tokens cannot hold one run of '{each.arm}', which takes about {each.paid:,}"
            raise _problem(plan, "tokens", told)
        if cost is not None and each.cost is not None and each.cost > cost.amount:
            about = each.cost.quantize(Decimal("0.0001"), ROUND_UP)
            raise _problem(
                plan,
                "cost",
                f"{cost} cannot hold one run of '{each.arm}', which costs about {about:f} {each.currency}",
            )


def _problem(plan: Plan, key: str, message: str) -> DefinitionError:
    from sim.world.source import read_yaml  # noqa: PLC0415 - read again for the place alone

    problem: Problem = read_yaml(plan.file).problem(("budget", key), "budget", message)
    return DefinitionError.of([problem])


def _estimate(plan: Plan, arm: Arm, world: World, providers: Providers) -> Estimate:
    calls: list[dict[str, Any]] = []
    turns = 0

    def listen(record: dict[str, Any]) -> None:
        nonlocal turns
        turns += record["type"] == "turn"
        if record["type"] == "call":
            calls.append(record)

    setting, seed = arm.setting, cell_at(plan, 0).seed
    settings = settings_for(
        world, seed=seed, language=setting.lang, facts=setting.set_ or {}, episodes=setting.episodes
    )
    rules = {a for a in speakers(world) if model_name(world, setting, a).startswith("rules.py:")}
    cast = models_for(world, {a: Scripted() for a in speakers(world) if a not in rules})
    began = time.perf_counter()
    try:
        Run(world, settings, cast, LogWriter(None), listen).play()
    except (DefinitionError, MismatchError) as error:
        return Estimate(arm.name, failure=str(error))
    seconds = time.perf_counter() - began
    tokens = sum(c["usage"]["prompt"] + c["usage"]["completion"] for c in calls)
    paid, costs, currency = 0, [], "USD"
    for shift in range(rotations(plan)):
        taken, cost, currency = _priced(plan, arm, world, providers, calls, seed, shift)
        paid = max(paid, taken)
        costs.append(cost)
    known = [c for c in costs if c is not None]
    most = max(known) if len(known) == len(costs) else None
    return Estimate(arm.name, turns, tokens, paid, most, currency, seconds)


def _priced(
    plan: Plan, arm: Arm, world: World, providers: Providers, calls: list[dict[str, Any]], seed: int, shift: int
) -> tuple[int, Decimal | None, str]:
    """The tokens that are paid for in one rotation, their cost, and its currency."""
    rotate = plan.spec.rotate
    seats = seated(rotate.models, seats_of(world, rotate.role), shift) if rotate is not None else {}
    paid, cost, currency = 0, Decimal(0), "USD"
    is_known = True
    for call in calls:
        name = seats.get(call["role"]) or model_name(world, arm.setting, call["role"])
        if name.startswith("rules.py:"):
            continue
        model = _first(providers.model(name), call["role"], seed)
        if not getattr(model, "is_remote", False):
            continue
        usage = Usage.model_validate(call["usage"])
        paid += usage.prompt + usage.completion
        price = model.price(usage.prompt) if hasattr(model, "price") else None
        if price is None:
            is_known = False
        else:
            currency, cost = price.currency, EXACT.add(cost, price.cost(usage))
    return paid, cost if is_known else None, currency


def _first(model: Model, agent: str, seed: int) -> Model:
    """The model that is asked first."""
    chosen = model.of(agent, seed) if isinstance(model, OneOf) else model
    several = getattr(chosen, "models", ())
    first: Model = several[0] if several else chosen
    return first


def cap(estimated: int, budget: int) -> int:
    """The most tokens of one run under a budget: far more than is estimated, and not next to nothing."""
    return min(budget, max(AS_MUCH * estimated, math.ceil(budget / 100)))
