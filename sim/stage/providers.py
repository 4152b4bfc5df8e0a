"""From the names of models to models: those of ``models.yaml``, and those at an endpoint that is given."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from sim.engine.streams import Streams
from sim.errors import DefinitionError
from sim.models.acting import ACTS, ACTS_DESCRIPTION
from sim.models.budget import Budget, tightest
from sim.models.cache import Cache, Use
from sim.models.catalog import APP, Catalog, Entry, Sampling, key_of, without_credentials
from sim.models.limits import Limiter, Timer
from sim.models.model import Model, Reply, Request
from sim.models.scripted import Scripted
from sim.models.several import FirstOf
from sim.world.fields import Money, money
from sim.world.world import World

_LOG = logging.getLogger("sim.models")


class OneOf:
    """Several models of which each agent has one, by the seed."""

    def __init__(self, models: list[Model]) -> None:
        self.models = tuple(models)
        self.name = "random:" + ",".join(model.name for model in models)
        self.description: Mapping[str, Any] = {"name": self.name}

    def of(self, agent: str, seed: int) -> Model:
        """The model of an agent."""
        return Streams(seed, 0).at("model", agent).pick(self.models)

    def answer(self, request: Request) -> Reply:
        """The answer of the agent's model."""
        return self.of(request.role, request.streams.seed).answer(request)


@dataclass
class Providers:
    """Makes models by name, each once; ``base_url`` and ``key_env`` are for names not in the catalog."""

    catalog: Catalog
    base_url: str | None = None
    key_env: str = "OPENAI_API_KEY"
    temperature: float | None = None
    timer: Timer | None = None
    human: Model | None = None
    state: Path = field(default_factory=lambda: platformdirs.user_state_path(APP))
    _made: dict[str, Model] = field(default_factory=dict)

    def model(self, text: str) -> Model:
        """The model of a name, of names with commas (the next where one fails for good), or of ``random:`` names.

        Raises:
            DefinitionError: if there is none, or its key is not set.
        """
        if text not in self._made:
            self._made[text] = self._make(text)
        return self._made[text]

    def described(self, description: Mapping[str, Any]) -> Model:
        """The model that a log describes, where it was and as it drew its words; at ``base_url`` if that is given.

        Raises:
            DefinitionError: if there is none, or its key is not set.
        """
        text = json.dumps(description, sort_keys=True)
        if text not in self._made:
            self._made[text] = self._again(description)
        return self._made[text]

    def _again(self, description: Mapping[str, Any]) -> Model:
        name, others = str(description.get("name", "")), description.get("first_of")
        if isinstance(others, list):
            asked = [each for each in others if each != ACTS_DESCRIPTION] or others
            return self.described(asked[0]) if len(asked) == 1 else FirstOf([self.described(e) for e in asked])
        if "base_url" not in description:
            return self.model(name)
        try:
            sampling = Sampling.model_validate(description.get("sampling") or {})
        except ValueError:
            raise DefinitionError(f"how '{name}' draws its words is not known here") from None
        url = self.base_url or description["base_url"]
        entry = self.catalog.spec.models.get(name)
        if entry is not None:
            listed = without_credentials(entry.url)
            if self.base_url is None and listed != url:
                where = self.catalog.where(name)
                _LOG.warning("'%s' is asked at %s, as before; %s has %s", name, url, where, listed)
                entry = entry.model_copy(update={"url": url})
            return self._endpoint(name, entry.model_copy(update={"sampling": sampling}))
        return replace(self, base_url=url, temperature=sampling.temperature)._endpoint(name, None)

    def _make(self, text: str) -> Model:
        if text.startswith("random:"):
            return OneOf(self._each(text.removeprefix("random:")))
        if "," in text:
            return FirstOf(self._each(text))
        if not text.strip():
            raise DefinitionError("the name of a model is missing")
        if text == "scripted":
            return Scripted()
        if text == ACTS:
            raise DefinitionError("a file of acts is no model; it is played by 'sim run WORLD --acts FILE'")
        if text == "human" and self.human is not None:
            return self.human
        entry = self.catalog.entry(text) if self.base_url is None else self.catalog.spec.models.get(text)
        if entry is not None and entry.first_of:
            return FirstOf([self.model(name) for name in entry.first_of])
        if entry is not None and entry.random:
            return OneOf([self.model(name) for name in entry.random])
        return self._endpoint(text, entry)

    def _each(self, text: str) -> list[Model]:
        models = [self.model(name) for name in _names(text)]
        for name, model in zip(_names(text), models, strict=True):
            if isinstance(model, FirstOf | OneOf):
                raise DefinitionError(f"'{name}' is a list of models itself, and cannot stand in another")
        return models

    def _endpoint(self, name: str, entry: Entry | None) -> Model:
        from sim.stage.adapter.endpoint import Endpoint  # noqa: PLC0415 - AutoGen is slow to import

        if entry is None:
            return Endpoint(
                name, base_url=self.base_url, key_name=self.key_env, temperature=self.temperature, timer=self.timer
            )
        try:
            key, warning = key_of(name, entry.key)
        except DefinitionError as error:
            raise DefinitionError(f"{self.catalog.where(name)}: {error}") from None
        if warning is not None:
            _LOG.warning("%s: %s", self.catalog.where(name), warning)
        if self.temperature is not None:
            sampling = Sampling(**{**entry.sampling.model_dump(), "temperature": self.temperature})
            entry = entry.model_copy(update={"sampling": sampling})
        if self.base_url is not None:
            entry = entry.model_copy(update={"url": self.base_url})
        return Endpoint(name, entry=entry, key=key, limiter=self._limiter(name, entry), timer=self.timer)

    def _limiter(self, name: str, entry: Entry) -> Limiter | None:
        limits = entry.limits
        if limits.requests is None and limits.tokens is None:
            return None
        return Limiter(
            self.state / "limits.sqlite",
            f"{without_credentials(entry.url) or entry.api} {entry.model or name}",
            requests=limits.requests,
            tokens=limits.tokens,
            timer=self.timer,
            lease_s=2 * entry.timeout + 60,
        )


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise DefinitionError(f"'{text}' is no list of models; it looks like glm-4,deepseek-chat")
    return names


def cache_for(use: Use, path: Path | None = None) -> Cache | None:
    """The cache of the user, or the one in a file; None where it is off."""
    return None if use == "off" else Cache(path or platformdirs.user_cache_path(APP) / "answers.sqlite", use)


def budget_for(
    world: World, catalog: Catalog, max_tokens: int | None = None, max_cost: str | None = None, **spent: Any
) -> Budget | None:
    """The budget of a run: what the user says, else the tightest of what the world and ``models.yaml`` say.

    Raises:
        DefinitionError: if ``max_cost`` is no amount of money.
    """
    least_tokens, least_cost = tightest(world.spec.budget.limits(), catalog.spec.budget.limits())
    given: Money | None = None
    try:
        given = money(max_cost) if max_cost is not None else None
    except ValueError as error:
        raise DefinitionError(f"the most that a run may cost: {error}") from None
    tokens, cost = max_tokens or least_tokens, given or least_cost
    return Budget(tokens, cost, **spent) if tokens is not None or cost is not None else None


def check_budget(budget: Budget | None, models: Mapping[str, Model]) -> None:
    """Check that each model that is paid for can be held to a budget; raises ``DefinitionError``."""
    for model in {id(m): m for m in models.values()}.values():
        for each in getattr(model, "models", (model,)):
            if budget is not None and getattr(each, "is_remote", False) and hasattr(each, "price"):
                budget.check(each.name, each.price())
