"""What an experiment would take: each arm is played once by the script, and priced as its models would be.

So are the calls of a judge, who would mark that run.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import Any

from sim.engine import tokens
from sim.engine.room import MARGIN, answer_tokens
from sim.errors import DefinitionError, MismatchError, Problem
from sim.models import catalog
from sim.models.model import Model
from sim.models.prices import EXACT, Price
from sim.models.scripted import Scripted
from sim.record.log import LogWriter
from sim.record.records import READER, Header, Usage
from sim.stage.casting import models_for, speakers
from sim.stage.providers import OneOf, Providers
from sim.stage.run import Run, settings_for
from sim.sweep.asking import desk, overflow, prompts_of
from sim.sweep.cells import Arm, cell_at, rotations, seated
from sim.sweep.checking import model_name, seats_of
from sim.sweep.plan import Plan
from sim.world.world import World

MARK = 100
"""Tokens that an answer of a judge is reckoned with for each criterion: a sentence or two, and a number."""

AS_MUCH = 10
"""A run under a budget is stopped where it takes so many times what was estimated."""


@dataclass(frozen=True)
class Estimate:
    """One scripted run of an arm; ``paid`` are tokens that are paid for, and ``cost`` is what they cost.

    Both have those of the judge in them, which are ``marks`` calls; an answer of it that must be sent back is not
    reckoned with, nor a transcript that no window holds.

    ``room`` and ``room_cost`` are what a call may take beyond that: it is made if its longest answer fits.
    Costs are None where a price is not known. With a ``failure`` the script could not play it to its end.
    """

    arm: str
    turns: int = 0
    tokens: int = 0
    paid: int = 0
    room: int = 0
    cost: Decimal | None = Decimal(0)
    room_cost: Decimal = Decimal(0)
    currency: str = "USD"
    seconds: float = 0.0
    failure: str | None = None
    marks: int = 0


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
    most, cost = plan.spec.budget.limits()
    for each in found.values():
        if most is not None and each.paid + each.room > most:
            told = f"takes about {each.paid:,}, and a call up to {each.room:,} more"
            raise _problem(plan, "tokens", f"{most:,} tokens cannot hold one run of '{each.arm}': it {told}")
        if cost is not None and each.cost is not None and each.cost + each.room_cost > cost.amount:
            about, more = (c.quantize(Decimal("0.0001"), ROUND_UP) for c in (each.cost, each.room_cost))
            told = f"costs about {about:f} {each.currency}, and a call up to {more:f} more"
            raise _problem(plan, "cost", f"{cost} cannot hold one run of '{each.arm}': it {told}")


def _problem(plan: Plan, key: str, message: str) -> DefinitionError:
    from sim.world.source import read_yaml  # noqa: PLC0415 - read again for the place alone

    problem: Problem = read_yaml(plan.file).problem(("budget", key), "budget", message)
    return DefinitionError.of([problem])


def _estimate(plan: Plan, arm: Arm, world: World, providers: Providers) -> Estimate:
    calls: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    turns = 0

    def listen(record: dict[str, Any]) -> None:
        nonlocal turns
        turns += record["type"] == "turn"
        if record["type"] == "call":
            calls.append(record)
        elif plan.spec.judge is not None:
            others.append(record)

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
    taken = sum(c["usage"]["prompt"] + c["usage"]["completion"] for c in calls)
    priced = [_priced(plan, arm, world, providers, calls, shift) for shift in range(rotations(plan))]
    marks = _marked(plan, world, providers, others, priced) if plan.spec.judge is not None else 0
    known = [p.cost for p in priced if p.cost is not None]
    return Estimate(
        arm.name,
        turns,
        taken,
        max(p.paid for p in priced),
        max(p.room for p in priced),
        max(known) if len(known) == len(priced) else None,
        max(p.room_cost for p in priced),
        priced[-1].currency,
        seconds,
        marks=marks,
    )


@dataclass
class _Priced:
    """What the calls of a run would take of the models of one rotation."""

    paid: int = 0
    room: int = 0
    cost: Decimal | None = Decimal(0)
    room_cost: Decimal = Decimal(0)
    currency: str = "USD"

    def add(self, usage: Usage, most: int, price: Price | None) -> None:
        """Count a call, of which the answer may have so many tokens."""
        room = Usage(prompt=math.ceil(MARGIN * usage.prompt), completion=most, is_estimated=True)
        self.paid += usage.prompt + usage.completion
        self.room = max(self.room, room.prompt + room.completion)
        if price is None:
            self.cost = None
            return
        self.currency = price.currency
        self.cost = None if self.cost is None else EXACT.add(self.cost, price.cost(usage))
        self.room_cost = max(self.room_cost, price.cost(room))


def _marked(
    plan: Plan, world: World, providers: Providers, records: list[dict[str, Any]], priced: list[_Priced]
) -> int:
    """How many marks are asked for of a run with such records, which are added to what it would take."""
    judge, header = plan.spec.judge, READER.validate_python(records[0])
    if judge is None or not isinstance(header, Header):
        return 0
    prompts = prompts_of(judge, header, map(READER.validate_python, records), world)
    marks = 0
    for name in judge.model:
        model = _first(providers.model(name), "judge", 1)
        most = answer_tokens(desk(judge), model.description)
        for prompt in prompts.values():
            if overflow(judge, prompt, model) is not None:
                continue
            marks += judge.times
            asked = tokens.count_messages(prompt.messages)
            price = model.price(asked) if hasattr(model, "price") else None
            usage = Usage(prompt=asked, completion=min(most, MARK * max(1, len(judge.criteria))), is_estimated=True)
            for each in priced * judge.times:
                each.add(usage, most, price)
    return marks


def _priced(
    plan: Plan, arm: Arm, world: World, providers: Providers, calls: list[dict[str, Any]], shift: int
) -> _Priced:
    rotate = plan.spec.rotate
    seats = seated(rotate.models, seats_of(world, rotate.role), shift) if rotate is not None else {}
    found, seed = _Priced(), cell_at(plan, 0).seed
    for call in calls:
        name = seats.get(call["role"]) or model_name(world, arm.setting, call["role"])
        model = None if name.startswith("rules.py:") else _first(providers.model(name), call["role"], seed)
        if model is None or not getattr(model, "is_remote", False):
            continue
        usage = Usage.model_validate(call["usage"])
        price = model.price(usage.prompt) if hasattr(model, "price") else None
        found.add(usage, answer_tokens(world, model.description), price)
    return found


def _first(model: Model, agent: str, seed: int) -> Model:
    """The model that is asked first."""
    chosen = model.of(agent, seed) if isinstance(model, OneOf) else model
    several = getattr(chosen, "models", ())
    first: Model = several[0] if several else chosen
    return first
