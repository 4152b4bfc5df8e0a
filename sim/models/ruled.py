"""A role that a Python function plays: its answers come from the world's rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sim.errors import DefinitionError
from sim.models.model import Reply, Request
from sim.models.outside import call
from sim.record.records import Usage


class Ruled:
    """Answers with what a function of ``rules.py`` gives: ``{"say": …, ACTION: {…}}``, or words."""

    keeps_budget = True

    def __init__(self, function: str) -> None:
        self.name = f"rules.py:{function}"
        self._function = function

    @property
    def description(self) -> Mapping[str, Any]:
        """The function's name."""
        return {"name": self.name}

    def _words(self, given: Any) -> str:
        if not isinstance(given, str | dict):
            raise DefinitionError(f"rules.py: {self._function} must give words or a mapping")
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)

    def answer(self, request: Request) -> Reply:
        """Call the function; it costs nothing.

        Raises:
            DefinitionError: if it fails or gives neither words nor a mapping.
        """
        text = call(request.world, self._function, request.situation, request.role, self._words)
        return Reply(text, Usage(prompt=0, completion=0, is_estimated=False), Decimal(0), "USD")
