"""The scripted model: the world's own lines and policies, chosen by the seed. No key, no network, no cost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from sim.engine import tokens
from sim.engine.machine import Refused, apply
from sim.engine.situation import Act, Listed, Scope, Situation, is_in, open_actions, scope, shown
from sim.engine.streams import Draw
from sim.models.model import Reply, Request
from sim.record.records import Usage
from sim.world.expressions import Compiled
from sim.world.kinds import Kind, Value, to_json
from sim.world.templates import TemplateError, render
from sim.world.vocabulary import ExpressionError
from sim.world.world import MoveDef, Pick, PickFrom, Policy, World

NOTHING = "…"


class Scripted:
    """Answers from the lines of the world; the same for the same world, seed and situation."""

    name = "scripted"
    description: Mapping[str, Any] = {"name": "scripted"}

    def answer(self, request: Request) -> Reply:
        """Choose a move and one of its lines; a repair is answered by the same move."""
        text = _answer(request)
        prompt = tokens.count_messages(request.prompt.messages)
        usage = Usage(prompt=prompt, completion=tokens.count(text), is_estimated=True)
        return Reply(text, usage, Decimal(0), "USD")


def _answer(request: Request) -> str:
    if request.purpose == "selection":
        return request.streams.at("selection", request.situation.turn).pick(request.candidates)
    if request.purpose in {"summary", "digest"}:
        return request.draft
    values = scope(request.world, request.situation)
    moves = request.world.lines.get(request.situation.state, ())
    own = (request.role, request.world.cast[request.role])
    for name, circle, group in moves:
        if not is_in(values, request.role, circle):
            continue
        for index, move in enumerate(group):
            key = (index,) if name in own else (name, index)
            with contextlib.suppress(TemplateError, ExpressionError, ValueError):
                text = _Play(request, values, move, key).text()
                if text is not None:
                    return text
    return NOTHING


class _Play:
    """One move, tried by one agent in one situation."""

    def __init__(self, request: Request, values: Scope, move: MoveDef, key: tuple[object, ...]) -> None:
        self._world: World = request.world
        self._situation: Situation = request.situation
        self._request = request
        self._move = move
        self._key = key
        self._inner = values.about(request.role)
        self._is_valid = True
        if not request.situation.state_turns:
            self._inner["speaker"] = ""  # who spoke last elsewhere may not have been heard here

    def text(self) -> str | None:
        """The answer of the move; None where it is not taken."""
        move = self._move
        if not move.when.holds(self._inner) or not self._is_chosen():
            return None
        tools = {n: p for n, p in move.acts.items() if n in self._world.tools}
        if tools and (not self._request.has_tools or self._request.attempt):
            return None
        for name, policy in move.let.items():
            self._inner[name] = self._value(policy, name, ())
        let = {name: self._inner[name] for name in move.let}
        kinds = {o.name: o.kinds for o in open_actions(self._world, self._situation, self._request.role)}
        acts = tuple(
            Act(a, {n: self._read(p, a, n, kinds) for n, p in fields.items()})
            for a, fields in move.acts.items()
            if a in self._world.actions
        )
        asked = {t: {n: to_json(self._value(p, t, (n,))) for n, p in fields.items()} for t, fields in tools.items()}
        said = self._said(acts, let)
        if not acts and not asked and not self._state_is_silent:
            return said
        answer: dict[str, Any] = {} if self._state_is_silent else {"say": said}
        answer |= asked | {a.action: {n: to_json(v) for n, v in a.fields.items()} for a in acts}
        return json.dumps(answer, ensure_ascii=False)

    @property
    def _state_is_silent(self) -> bool:
        return self._world.states[self._situation.state].is_silent

    def _draw(self, purpose: str, *key: object) -> Draw:
        """A stream of this turn; where all speak at once, of this speaker too."""
        at_once = self._world.states[self._situation.state].is_at_once
        mine = (self._request.role,) if at_once else ()
        return self._request.streams.at(purpose, self._situation.turn, *mine, *key)

    def _is_chosen(self) -> bool:
        chance = self._move.move.chance
        return chance >= 1 or self._draw("chance", *self._key).uniform() < chance

    def _value(
        self, policy: Policy, name: str, key: tuple[object, ...], among: Mapping[str, Any] | None = None
    ) -> Value:
        """What a policy comes to; a pick for a field is made ``among`` the options that are open now."""
        if isinstance(policy, Compiled):
            value: Value = policy(self._inner)
            return value
        if isinstance(policy, Pick):
            return self._draw("pick", name, *key).weighted(policy.options)
        if isinstance(policy, PickFrom):
            options = [o for o in policy.options(self._inner) if among is None or o in among]
            weighed = [(o, self._weight(policy.weight, o)) for o in options]
            possible = [(o, w) for o, w in weighed if w > 0]
            if not possible:
                raise ValueError("nothing to pick from")
            chosen: Value = self._draw("pick", name, *key).weighted(possible)
            return chosen
        return policy

    def _weight(self, weight: Compiled | None, option: Value) -> float:
        if weight is None:
            return 1.0
        return float(weight(self._inner.extended(it=option)))

    def _read(self, policy: Policy, action: str, name: str, kinds: Mapping[str, Mapping[str, Kind]]) -> Value:
        field = self._world.actions[action].fields[name]
        kind = kinds.get(action, {}).get(name) or field.kind
        value = self._value(policy, action, (name,), kind.options if field.one_of is not None else None)
        if value is None and self._world.actions[action].ballot is not None:
            return None
        value = cast(Value, kind.rounded(value))
        try:
            return kind.read(list(value) if isinstance(value, tuple) else value)
        except ValueError:
            if value in {None, ""} or field.one_of is not None:
                raise  # there is nobody or nothing to do it with now, so another move is tried
            self._is_valid = False  # it is answered all the same, and refused where the author can see why
            return value

    def _said(self, acts: tuple[Act, ...], let: Mapping[str, Value]) -> str:
        """One of the lines, with the facts as they are after the acts."""
        request, after = self._request, self._situation
        with contextlib.suppress(Refused):
            if not self._is_valid:
                raise Refused("")
            # What is refused here the engine refuses again, where the author can see why.
            after = apply(self._world, self._situation, request.role, acts, request.language)
        said = self._move.move.say
        lines = said.get(request.language) or said.get("*") or [NOTHING]
        who = (request.role, *self._key)
        order = request.streams.at("line", self._situation.state, *who).order(len(lines))
        line = lines[order[self._situation.turn // 2 % len(lines)]]
        names = shown(self._world, request.role, scope(self._world, after), request.language)
        names.update({n: self._shown(v) for n, v in let.items()})
        return render(line, names)

    def _shown(self, value: Value) -> str | Listed:
        world, language = self._world, self._request.language
        if isinstance(value, tuple):
            return Listed((str(self._shown(v)) for v in value), language)
        if isinstance(value, str):
            return world.word(value, language)
        return Kind("number").show(value, language)
