"""Several models as one: the next is asked where one fails for good."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.errors import BudgetError, ModelError
from sim.models.model import Model, Reply, Request, answered

_LOG = logging.getLogger("sim.models")


class FirstOf:
    """The first of some models that has not failed for good; who has, is not asked again."""

    keeps_budget = True

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)
        self.name = ",".join(model.name for model in models)
        self.is_remote = any(getattr(model, "is_remote", False) for model in models)
        self._down: set[str] = set()

    @property
    def description(self) -> Mapping[str, Any]:
        """All of them, in their order."""
        return {"name": self.name, "first_of": [dict(model.description) for model in self.models]}

    def answer(self, request: Request) -> Reply:
        """The answer of the first that gives one.

        Raises:
            ModelError: if none does.
        """
        spent: tuple[Reply, ...] = ()
        failures: list[str] = []
        for model in self.models:
            if model.name in self._down and model is not self.models[-1]:
                continue
            try:
                reply = answered(model, request)
            except BudgetError as error:
                error.spent = (*spent, *_named(model, error.spent))
                raise
            except ModelError as error:
                self._down.add(model.name)
                spent += _named(model, error.spent)
                failures.append(str(error))
                if model is not self.models[-1]:
                    _LOG.warning("%s; the next model is asked from now on", error)
                continue
            measured = {**reply.measured, **({"handed_over": failures} if failures else {})}
            spent += _named(model, reply.spent)
            return replace(reply, model=reply.model or model.name, measured=measured, spent=spent)
        raise ModelError("; ".join(failures), spent)


def _named(model: Model, replies: Iterable[Reply]) -> tuple[Reply, ...]:
    return tuple(replace(reply, model=reply.model or model.name) for reply in replies)
