"""What a speaker is shown: its character, what it heard, where it stands, what it knows and what it can do.

Everything here is a pure function of the world, the situation and what was heard, so that the prompt of any turn
can be built again from a log. A message outside a speaker's audience, or a fact it does not know, never gets in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.engine import tokens
from sim.engine.machine import Situation, open_actions, scope, shown
from sim.engine.phrases import phrase
from sim.world.format import Context
from sim.world.kinds import Kind, Value, label_of
from sim.world.sheet import sheet
from sim.world.templates import render
from sim.world.world import ActionDef, World

Message = dict[str, str]


@dataclass(frozen=True)
class Utterance:
    """Something said: by whom (``""`` for the narrator), in which state visit, and who heard it."""

    turn: int
    visit: int
    speaker: str
    text: str
    heard_by: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """The messages sent to a model, and the JSON Schema of the answer where acts are open."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None

    @property
    def digest(self) -> str:
        """The first 128 bits, in hex, of the SHA-256 of the messages."""
        text = json.dumps(self.messages, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

    def then(self, answer: str, reasons: Sequence[str], language: str) -> Prompt:
        """The prompt that sends an answer back, with what was wrong with it."""
        why = phrase(language, "repair", reasons=("；" if language.startswith("zh") else "; ").join(reasons))
        again = ({"role": "assistant", "content": answer[:1500] or "…"}, {"role": "user", "content": why})
        return Prompt(self.messages + again, self.schema)


def build(world: World, situation: Situation, history: Sequence[Utterance], role: str, language: str) -> Prompt:
    """The prompt of a role's next turn."""
    state = world.states[situation.state]
    values = scope(world, situation)
    names = shown(world, role, values, language)
    system = sheet(world.personas[role], language) + "\n" + phrase(language, "rules", me=names["me"])
    parts = []
    heard = remembered(history, role, state.context, situation)
    if heard:
        lines = [_line(world, u, language) for u in heard]
        parts.append("\n".join([phrase(language, "said"), *lines]))
    told = label_of(state.tell.get(role) or state.tell.get("*") or {}, language)
    label = label_of(state.label, language) or state.name
    parts.append(
        f"{phrase(language, 'now')}{label}{'。' if language.startswith('zh') else '. '}{render(told, names)}"
    )
    known = _known(world, role, values, language)
    if known:
        parts.append(phrase(language, "know") + phrase(language, "comma").join(known))
    others = [world.role_name(r, language) for r in state.speakers if r != role]
    turn_of = phrase(language, "turn_of", me=names["me"], others=phrase(language, "comma").join(others) or "…")
    actions = open_actions(world, situation, role)
    if actions:
        parts.append(phrase(language, "acts") + _offer(world, actions, names, language))
        parts.append(turn_of + phrase(language, "json") + _shape(actions, language))
    else:
        parts.append(turn_of + phrase(language, "speak"))
    messages = ({"role": "system", "content": system}, {"role": "user", "content": "\n".join(parts)})
    return Prompt(messages, _schema(actions, language) if actions else None)


def remembered(history: Sequence[Utterance], role: str, context: Context, situation: Situation) -> list[Utterance]:
    """What a role heard and is still given, oldest first, after the state's context policy."""
    if context.of == "none":
        return []
    kept: list[Utterance] = []
    budget = context.tokens
    for utterance in reversed(history):
        if context.of == "state" and utterance.visit != situation.visit:
            break
        if context.turns is not None and len(kept) >= context.turns:
            break
        if role not in utterance.heard_by:
            continue
        if budget is not None:
            budget -= tokens.count(utterance.text)
            if budget < 0:
                break
        kept.append(utterance)
    return kept[::-1]


def _line(world: World, utterance: Utterance, language: str) -> str:
    if not utterance.speaker:
        return utterance.text
    name = world.role_name(utterance.speaker, language)
    return phrase(language, "turn", name=name, text=utterance.text)


def _known(world: World, role: str, values: Mapping[str, Value], language: str) -> list[str]:
    """The facts a role knows that are not empty."""
    items = []
    for fact in world.known(role):
        value = values[fact.name]
        if value == fact.kind.empty or value is None:
            continue
        name = label_of(fact.label, language) or fact.name
        items.append(phrase(language, "know_item", name=name, value=fact.kind.show(value, language)))
    return items


def _offer(
    world: World, actions: Sequence[tuple[ActionDef, bool]], names: Mapping[str, object], language: str
) -> str:
    offers = []
    for action, is_due in actions:
        words = render(label_of(action.about, language) or label_of(action.label, language), names)
        text = f"{action.name} {words}".strip() + (phrase(language, "must") if is_due else "")
        choices = [_choices(world, action, name, kind, language) for name, kind in action.fields.items()]
        offers.append(" ".join([text, *filter(None, choices)]))
    return ("；" if language.startswith("zh") else "; ").join(offers)


def _choices(world: World, action: ActionDef, name: str, kind: Kind, language: str) -> str:
    options = (kind.item or kind).options
    if not options:
        return ""
    shown = [world.show_option(kind.item or kind, o, action.tables.get(name), language) for o in options]
    title = label_of(action.field_labels.get(name, {}), language) or name
    if kind.name == "list":
        title += " " + phrase(
            language, "items", low=kind.low or 0, high=min(len(options), int(kind.high or len(options)))
        )
    return f"[{title}: {' | '.join(shown)}]"


def _shape(actions: Sequence[tuple[ActionDef, bool]], language: str) -> str:
    """An example of the answer, such as ``{"say": "…", "pay_fee": {"amount": number} or null}``."""
    parts = [f'"say": "{phrase(language, "say")}"']
    for action, is_due in actions:
        fields = ", ".join(f'"{n}": {_example(k, language)}' for n, k in action.fields.items())
        or_null = "" if is_due else f" ({phrase(language, 'not_now')})"
        parts.append(f'"{action.name}": {{{fields}}}{or_null}')
    return "{" + ", ".join(parts) + "}"


def _example(kind: Kind, language: str) -> str:
    if kind.name == "list":
        return f"[{_example(kind.item or kind, language)}]"
    if kind.name == "choice":
        return '"…"'
    word = phrase(language, {"money": "number"}.get(kind.name, kind.name))
    return f'"{word}"' if kind.name == "text" else word


def _schema(actions: Sequence[tuple[ActionDef, bool]], language: str) -> dict[str, Any]:
    """The JSON Schema of an answer; an act that is not due may be null."""
    properties: dict[str, Any] = {"say": {"type": "string"}}
    for action, is_due in actions:
        fields = {name: _field_schema(kind, language) for name, kind in action.fields.items()}
        act = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        properties[action.name] = act if is_due else {"anyOf": [{"type": "null"}, act]}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _field_schema(kind: Kind, language: str) -> dict[str, Any]:
    match kind.name:
        case "flag":
            return {"type": "boolean"}
        case "number" | "money":
            return {"type": "integer" if kind.is_whole else "number"}
        case "choice":
            return {"type": "string", "enum": [kind.show(o, language) for o in kind.options]}
        case "list":
            items = _field_schema(kind.item or kind, language)
            return {
                "type": "array",
                "items": items,
                "minItems": int(kind.low or 0),
                "maxItems": int(kind.high or 100),
            }
    return {"type": "string"}
