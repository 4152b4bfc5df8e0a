"""The scripted model: the world's own lines and policies, chosen by the seed. No key, no network, no cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sim.engine import tokens
from sim.engine.machine import Act, Refused, Situation, apply, scope, shown
from sim.engine.streams import Streams
from sim.models.model import Reply, Request
from sim.record.records import Usage
from sim.world.expressions import Compiled, ExpressionError
from sim.world.kinds import Value, to_json
from sim.world.templates import TemplateError, render
from sim.world.world import MoveDef, Pick, Policy, World

NOTHING = "…"


class Scripted:
    """Answers from the lines of the world; the same for the same world, seed and situation."""

    name = "scripted"
    description: Mapping[str, Any] = {"name": "scripted"}

    def answer(self, request: Request) -> Reply:
        """Choose a move and one of its lines; a repair is answered by the same move."""
        text = _choose(request.world, request.situation, request.role, request.language, request.streams)
        prompt = tokens.count_messages(request.prompt.messages)
        usage = Usage(prompt=prompt, completion=tokens.count(text), is_estimated=True)
        return Reply(text, usage, Decimal(0), "USD")


def _choose(world: World, situation: Situation, role: str, language: str, streams: Streams) -> str:
    values = scope(world, situation)
    moves = world.lines.get(situation.state, {}).get(role, ())
    for index, move in enumerate(moves):
        if not move.when.holds(values):
            continue
        if move.move.chance < 1 and streams.at("chance", situation.turn, index).uniform() >= move.move.chance:
            continue
        try:
            return _play(world, situation, role, move, index, values, language, streams)
        except (TemplateError, ExpressionError, ValueError):
            continue
    return NOTHING


def _play(
    world: World,
    situation: Situation,
    role: str,
    move: MoveDef,
    index: int,
    values: Mapping[str, Any],
    language: str,
    streams: Streams,
) -> str:
    acts = tuple(
        Act(action, {n: _value(world, action, n, v, values, streams, situation) for n, v in fields.items()})
        for action, fields in move.acts.items()
    )
    after = values
    with contextlib.suppress(
        Refused
    ):  # what is refused here the engine refuses again, where the author can see why
        changed = apply(world, situation, role, acts, language)
        after = scope(world, replace(situation, facts={**situation.facts, **changed}))
    lines = move.move.say.get(language) or move.move.say.get("*") or [NOTHING]
    order = streams.at("line", situation.state, role, index).order(len(lines))
    line = lines[order[situation.turn // 2 % len(lines)]]
    text = render(line, shown(world, role, after, language))
    if not acts:
        return text
    said: dict[str, Any] = {"say": text}
    said |= {a.action: {n: to_json(v) for n, v in a.fields.items()} for a in acts}
    return json.dumps(said, ensure_ascii=False)


def _value(
    world: World,
    action: str,
    field: str,
    policy: Policy,
    values: Mapping[str, Any],
    streams: Streams,
    situation: Situation,
) -> Value:
    if isinstance(policy, Compiled):
        value = policy(values)
        given = list(value) if isinstance(value, tuple) else value
        return world.actions[action].fields[field].read(given)
    if isinstance(policy, Pick):
        return streams.at("pick", situation.turn, action, field).weighted(policy.options)
    return policy
