"""What an endpoint takes of a request: as ``models.yaml`` says, else as it is learned from what it refuses."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sim.engine.prompt import field_schema
from sim.engine.situation import open_tools, scope, shown
from sim.models.catalog import Entry
from sim.models.model import Request
from sim.stage.adapter.wire import ANSWER
from sim.world.kinds import label_of
from sim.world.templates import render

_LONGER = "max_completion_tokens"
"""What newer models call the limit of an answer."""

_NAMED = (
    ("json_schema", ("json_schema", "response_format", "structured output")),
    ("json_mode", ("json_object", "response_format", "json mode")),
    ("tools", ("tool", "function")),
    ("max_tokens", ("max_tokens", _LONGER)),
    ("seed", ("seed",)),
)
"""What may be refused, in the order in which it is given up, and how an error names it."""


class Abilities:
    """What one endpoint takes; ``max_tokens`` may have to be called otherwise."""

    def __init__(self, entry: Entry) -> None:
        told = entry.supports
        # What AutoGen's clients for Anthropic and Gemini do not pass on is not sent.
        self.json_schema = told.json_schema is not False and entry.api != "anthropic"
        self.json_mode = told.json_mode is not False and entry.api in {"openai", "azure"}
        self.tools = told.tools is not False
        self.seed = told.seed is not False and entry.api != "anthropic"
        self.max_tokens = told.max_tokens is not False
        self.limit_name = "max_tokens"

    def options(self, request: Request, most: int, sampling: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a request, as far as the endpoint takes them.

        Acts are asked for by the JSON Schema of the answer, else by JSON mode, else as a function; the prompt says
        how an answer looks, so that an endpoint which takes none of these can give it as text.
        """
        prompt = request.prompt
        options: dict[str, Any] = {"messages": [dict(m) for m in prompt.messages], **copy.deepcopy(dict(sampling))}
        if self.seed:
            options["seed"] = request.streams.seed
        if self.max_tokens:
            options[self.limit_name] = most
        functions = look_ups(request) if request.has_tools and self.tools else []
        if prompt.schema is not None and self.json_schema:
            options["response_format"] = copy.deepcopy(dict(prompt.schema))
        elif prompt.schema is not None and self.json_mode:
            options["response_format"] = {"type": "json_object"}
        elif prompt.schema is not None and self.tools:
            functions.append(function(ANSWER, "", copy.deepcopy(dict(prompt.schema))))
        if functions:
            options["tools"] = functions
        return options

    def give_up(self, options: Mapping[str, Any], message: str) -> bool:
        """Give up what a message refuses, else the first of what was sent; False where there is nothing left."""
        said = message.lower()
        if _LONGER in said and self.limit_name in options and self.limit_name == "max_tokens":
            self.limit_name = _LONGER
            return True
        sent = self._sent(options)
        named = [name for name, words in _NAMED if name in sent and any(word in said for word in words)]
        for name in [*named, *sent][:1]:
            setattr(self, name, False)
            return True
        return False

    def both(self, other: Abilities) -> Abilities:
        """What both know to be taken: calls side by side may have learned different things."""
        known = copy.copy(self)
        for name, _ in _NAMED:
            setattr(known, name, getattr(self, name) and getattr(other, name))
        if _LONGER in {self.limit_name, other.limit_name}:
            known.limit_name = _LONGER
        return known

    def _sent(self, options: Mapping[str, Any]) -> list[str]:
        """What of the options may be given up; tools first, for they are the most often refused."""
        form = options.get("response_format")
        sent = ["tools"] if "tools" in options else []
        if form is not None:
            sent.append("json_mode" if form == {"type": "json_object"} else "json_schema")
        sent += ["max_tokens"] if self.limit_name in options else []
        return sent + (["seed"] if "seed" in options else [])


def look_ups(request: Request) -> list[dict[str, Any]]:
    """The look-ups that are open to the speaker, as functions."""
    found = []
    for offer in open_tools(request.world, request.situation, request.role):
        fields = {name: field_schema(kind, request.language) for name, kind in offer.kinds.items()}
        parameters = {"type": "object", "properties": fields, "required": list(fields)}
        names = shown(request.world, request.role, scope(request.world, request.situation), request.language)
        about = render(label_of(offer.action.about, request.language), names)
        found.append(function(offer.name, about, parameters))
    return found


def function(name: str, about: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A function as the chat format has it."""
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}
