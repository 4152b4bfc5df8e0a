"""What a world would take with a real model: it is played by the script with several seeds, and nothing is paid.

A scripted run asks the model as often as a real one whose every answer is valid, with the same prompts but for what
was said. So its tokens are counted as they are, and priced as those of the model that is asked about.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sim.engine.streams import Streams
from sim.errors import DefinitionError
from sim.models.model import Model, Reply, Request
from sim.models.outside import Live, Picker
from sim.models.prices import EXACT, Price, price_of
from sim.models.ruled import Ruled
from sim.models.scripted import Scripted
from sim.record.log import LogWriter
from sim.record.records import Usage
from sim.stage.casting import speakers
from sim.stage.run import Run, Settings
from sim.world.world import World

NOTHING = Usage(prompt=0, completion=0, is_estimated=True)


@dataclass(frozen=True)
class Played:
    """One scripted episode: what would be paid for; ``cost`` is None where no price is known.

    ``fallbacks`` counts the turns for which the script had no valid answer.
    """

    seed: int
    turns: int
    calls: int
    prompt: int
    completion: int
    cost: Decimal | None
    fallbacks: int

    @property
    def total(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt + self.completion


@dataclass(frozen=True)
class Spread:
    """How a number differs between seeds; ``sd`` is the sample's standard deviation, None with one seed."""

    min: float
    median: float
    mean: float
    max: float
    sd: float | None


@dataclass(frozen=True)
class Range:
    """A sum over episodes and, with two seeds or more, between what it lies in nine cases of ten."""

    low: float | None
    mean: float
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """The scripted episodes of a world, at the price of a model; ``currency`` is None where none is known.

    ``rough`` says in what a real run would differ, beyond its answers.
    """

    world: str
    model: str
    currency: str | None
    played: tuple[Played, ...]
    rough: tuple[str, ...] = ()

    def spread(self, measure: str) -> Spread | None:
        """How one of the measures differs between seeds; None for a cost that is not known."""
        values = self._values(measure)
        if values is None:
            return None
        sd = statistics.stdev(values) if len(values) > 1 else None
        return Spread(min(values), statistics.median(values), statistics.fmean(values), max(values), sd)

    def sum(self, measure: str, episodes: int) -> Range | None:
        """What some episodes would come to, and the range in which 90 % of such sums lie.

        The sum of N episodes is taken as normal about N times the mean. Its variance has two parts: that of the N
        episodes, N sd², and that of the mean, which is known from n seeds only, (N sd)² / n.
        """
        spread = self.spread(measure)
        if spread is None:
            return None
        mean = episodes * spread.mean
        if spread.sd is None:
            return Range(None, mean, None)
        width = statistics.NormalDist().inv_cdf(0.95) * spread.sd
        width *= math.sqrt(episodes + episodes**2 / len(self.played))
        return Range(max(0.0, mean - width), mean, mean + width)

    def _values(self, measure: str) -> list[float] | None:
        values = [getattr(each, measure) for each in self.played]
        return None if None in values else [float(v) if isinstance(v, Decimal) else v for v in values]


class _Unpaid:
    """Answers for those whom no model plays: it takes no tokens."""

    name = "unpaid"
    description: Mapping[str, Any] = {"name": "unpaid"}

    def answer(self, request: Request) -> Reply:
        """What the script has."""
        return Reply(self._text(request), NOTHING, Decimal(0), "USD")

    def _text(self, request: Request) -> str:
        return Scripted().answer(request).text


class _CodeThatWorks(_Unpaid):
    """Stands in for an executor: no code is run, and any that is there is taken to leave a good picture."""

    def __init__(self, reports: str | None) -> None:
        self._reports = reports or ""

    def _text(self, request: Request) -> str:
        is_code = "```" in request.heard
        found = {"exit": 0, "picture": "chart.png", "good": True} if is_code else {"exit": 1, "good": False}
        answer: dict[str, Any] = {"say": f"exit code: {found['exit']}"}
        action = request.world.actions.get(self._reports)
        if action is not None:
            answer[action.name] = {n: v for n, v in found.items() if n in action.fields}
        return json.dumps(answer)


def estimate(world: World, settings: Iterable[Settings], model: str, own: Price | None = None) -> Estimate:
    """Play an episode for each of some settings, which differ in their seeds, and price it as a model's.

    ``own`` is a price that goes before the list's. Nothing is written and no model is called.

    Raises:
        DefinitionError: if the world cannot be played by its script.
    """
    cast, rough = _cast(world)
    played = tuple(_play(world, each, cast, model, own) for each in settings)
    lost = sum(1 for each in played if each.fallbacks)
    if lost:
        rough.append(
            f"in {lost} of {len(played)} episodes the script had no valid answer for some turn; the repairs of it "
            "are counted"
        )
    price = price_of(model, NOTHING, own)
    return Estimate(world.name, model, price.currency if price else None, played, tuple(rough))


def _cast(world: World) -> tuple[dict[str, Model], list[str]]:
    """Who answers for whom, and what is rough about it."""
    models = {agent: _model(world, agent) for agent in speakers(world)}
    rough = []
    kinds = {role.kind: name for name, role in world.spec.roles.items()}
    if "executor" in kinds:
        rough.append(
            f"no code is run: '{kinds['executor']}' is taken to report a success, so corrections are extra"
        )
    if "human" in kinds:
        rough.append(
            f"'{kinds['human']}' is played by a person, whose answers take no tokens; the script stands in"
        )
    if any(state.order == "manual" for state in world.states.values()):
        rough.append("where the user picks who speaks, it is drawn by lot")
    return models, rough


def _model(world: World, agent: str) -> Model:
    role = world.cast.get(agent, agent)
    spec = world.spec.roles.get(role)
    if spec is None or spec.kind == "llm":
        return Scripted()
    if spec.kind == "rule":
        if spec.function not in world.rules:
            raise DefinitionError(f"'{role}' is played by a function of rules.py, which is not loaded")
        return Ruled(spec.function or "")
    return _CodeThatWorks(spec.reports) if spec.kind == "executor" else _Unpaid()


def _play(world: World, settings: Settings, cast: Mapping[str, Model], model: str, own: Price | None) -> Played:
    records: list[dict[str, Any]] = []
    Run(world, settings, cast, LogWriter(None), records.append, Live(_picker(settings.seed))).play()
    calls = [r for r in records if r["type"] == "call" and r["model"] == Scripted.name]
    usages = [Usage.model_validate(call["usage"]) for call in calls]
    cost: Decimal | None = Decimal(0)
    for usage in usages:
        price = price_of(model, usage, own)
        cost = None if cost is None or price is None else EXACT.add(cost, price.cost(usage))
    return Played(
        settings.seed,
        turns=sum(r["type"] == "turn" for r in records),
        calls=len(calls),
        prompt=sum(usage.prompt for usage in usages),
        completion=sum(usage.completion for usage in usages),
        cost=cost,
        fallbacks=sum(r["type"] == "warning" and r["code"] == "fallback" for r in records),
    )


def _picker(seed: int) -> Picker:
    """Picks who speaks where the user would: by lot, and the same with the same seed."""
    streams, numbers = Streams(seed, 1), itertools.count()

    def pick(_: str, candidates: tuple[str, ...]) -> str:
        return streams.at("user", next(numbers)).pick(candidates)

    return pick
