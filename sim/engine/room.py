"""How long a prompt may be: what a model's context window leaves beside the answer, and what a state allows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.engine.tokens import USUAL, count, count_messages
from sim.world.phases import Context
from sim.world.world import World

ROOM_FOR_ACTS = 200
"""Tokens of an answer beyond its words (a character is at most a token or so): a model that never stops is cut."""

MARGIN = 0.25
"""By how much the tokens of a model whose own vocabulary is not known may be more than are counted here."""


@dataclass(frozen=True)
class Room:
    """At most so many tokens, counted with this vocabulary."""

    tokens: int
    vocabulary: str = USUAL

    def count(self, messages: Sequence[dict[str, str]], schema: Mapping[str, Any] | None = None) -> int:
        """The tokens of a prompt, with the schema of its answer, which some providers add to it."""
        extra = count(json.dumps(schema, ensure_ascii=False), self.vocabulary) if schema is not None else 0
        return count_messages(messages, self.vocabulary) + extra


def answer_tokens(world: World, description: Mapping[str, Any]) -> int:
    """The most tokens of an answer: as many as the model's settings say, else as the world's words need."""
    given = dict(description.get("sampling") or {}).get("max_tokens")
    return int(given) if given else world.spec.limits.utterance + ROOM_FOR_ACTS


def room_of(world: World, description: Mapping[str, Any], context: Context | None = None) -> Room | None:
    """The room of a prompt to a model that a log describes so; None where nothing limits it."""
    rooms = [_of(world, each, context) for each in description.get("first_of") or [description]]
    found = [room for room in rooms if room is not None]
    return min(found, key=lambda room: room.tokens) if found else None


def _of(world: World, description: Mapping[str, Any], context: Context | None) -> Room | None:
    window, vocabulary = description.get("window"), description.get("vocabulary")
    limits = [context.prompt] if context is not None and context.prompt is not None else []
    if window is not None:
        left = max(0, int(window) - answer_tokens(world, description))
        limits.append(left if vocabulary is not None else int(left / (1 + MARGIN)))
    return Room(min(limits), vocabulary or USUAL) if limits else None
