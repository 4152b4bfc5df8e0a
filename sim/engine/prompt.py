"""What a speaker is shown: its character, what it heard, where it stands, what it knows and what it can do.

Everything here is a pure function of the world, the situation and what was heard, so that the prompt of any turn
can be built again from a log. A message outside a speaker's audience, or a fact it does not know, never gets in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.engine.memory import Digest, Utterance, carried_over, remembered
from sim.engine.messages import Heard, Prompt
from sim.engine.phrases import number, phrase
from sim.engine.situation import (
    Offer,
    Situation,
    knows,
    members,
    names_of,
    open_actions,
    open_tools,
    scope,
    shown,
    shown_value,
)
from sim.world.circles import Circle
from sim.world.format import Persona
from sim.world.kinds import Kind, label_of, to_json
from sim.world.sheet import sheet
from sim.world.templates import render
from sim.world.world import FactDef, StateDef, World


def build(
    world: World,
    situation: Situation,
    history: Sequence[Utterance],
    role: str,
    language: str,
    digest: Digest | None = None,
) -> Prompt:
    """The prompt of an agent's next turn; a ``digest`` stands for what it sums up of the history."""
    state = world.states[situation.state]
    values = scope(world, situation)
    names = shown(world, role, values, language)
    system = opening(world.personas[role], language, str(names["me"]), is_verbatim=state.is_verbatim)
    kept = digest if digest is not None and digest.holds(state.context, situation) else None
    earlier = [line(world, u, language) for u in carried_over(history, role, state.context)]
    earlier += [kept.text] if kept is not None else []
    said = [line(world, u, language) for u in remembered(history, (role,), state.context, situation, kept)]
    told = next((label_of(text, language) for circle, text in state.tell if _is_told(values, role, circle)), "")
    label = label_of(state.label, language) or state.name
    stop = "。" if language.startswith("zh") else ". "
    parts = [("instruction", f"{phrase(language, 'now')}{label}{stop}{render(told, names)}")]
    known = _known(world, role, values, language)
    if known:
        parts.append(("facts", phrase(language, "know") + phrase(language, "comma").join(known)))
    offers, tools = open_actions(world, situation, role), open_tools(world, situation, role)
    parts += _asked(world, state, offers, tools, names, _others(world, situation, role, language), language)
    blocks = ((phrase(language, "carried"), tuple(earlier)), (phrase(language, "said"), tuple(said)))
    heard = Heard(blocks, "\n".join(text for _, text in parts), parts=tuple(parts))
    messages = ({"role": "system", "content": system}, {"role": "user", "content": heard.text()})
    return Prompt(messages, schema(offers, tools, language, is_silent=state.is_silent), heard)


def opening(persona: Persona, language: str, me: str, *, is_verbatim: bool = False) -> str:
    """The system prompt of an agent called ``me``: its character sheet, and how it is to speak."""
    rules = phrase(language, "rules_verbatim" if is_verbatim else "rules", me=me)
    return sheet(persona, language) + "\n" + rules


def _asked(
    world: World,
    state: StateDef,
    offers: Sequence[Offer],
    tools: Sequence[Offer],
    names: Mapping[str, object],
    others: Sequence[str],
    language: str,
) -> list[tuple[str, str]]:
    """What the speaker can do, and in which form it answers."""
    comma = "names" if world.prompts > 1 else "comma"
    whom = phrase(language, comma).join(others) or ("" if world.prompts > 1 else "…")
    turn_of = phrase(language, "turn_of" if whom else "turn_alone", me=names["me"], others=whom)
    if state.is_silent:
        turn_of = phrase(language, "act_only", me=names["me"])
    if not offers and not tools:
        return [("form", turn_of + phrase(language, "write" if state.is_verbatim else "speak"))]
    parts = [("look-ups", phrase(language, "look_ups") + _offer(world, tools, names, language))] if tools else []
    if offers:
        parts.append(("actions", phrase(language, "acts") + _offer(world, offers, names, language)))
    is_told = world.prompts > 1
    example = _shape([*tools, *offers], language, is_silent=state.is_silent, is_told=is_told)
    return [*parts, ("form", turn_of + phrase(language, "json") + example)]


def _is_told(values: Mapping[str, Any], role: str, circle: Circle) -> bool:
    return role in circle.agents or any(role in values[group] for group in circle.groups)


def _others(world: World, situation: Situation, role: str, language: str) -> list[str]:
    """The names of those who are spoken to: the other speakers of the state, else those who hear it.

    None where one may not know who they are.
    """
    state = world.states[situation.state]
    values = scope(world, situation)
    if any(not knows(values, role, world.groups[g]) for g in state.speakers.groups):
        return []
    others = [a for a in members(world, values, state.speakers) if a != role]
    if others or world.prompts < 2:
        return [world.agent_name(a, language) for a in others]
    if state.is_team or any(not knows(values, role, world.groups[g]) for g in state.heard_by.groups):
        return []
    hearing = [a for a in members(world, values, state.heard_by) if a != role]
    if len(hearing) > 1 and len(hearing) == len(world.cast) - 1:
        return [phrase(language, "everyone")]
    return [world.agent_name(a, language) for a in hearing]


def line(world: World, utterance: Utterance, language: str) -> str:
    """An utterance as it stands in a prompt."""
    if not utterance.speaker:
        return utterance.text
    name = world.agent_name(utterance.speaker, language)
    return phrase(language, "turn", name=name, text=utterance.text)


def _known(world: World, role: str, values: Mapping[str, Any], language: str) -> list[str]:
    """What an agent knows that is not empty: facts, and who is in a group."""
    items = []
    for fact in world.facts.values():
        value = _value(world, fact, role, values, language) if fact.is_shown else None
        if value:
            name = label_of(fact.label, language) or fact.name
            items.append(phrase(language, "know_item", name=name, value=value))
    for group in world.groups.values():
        if group.is_shown and group.label and values[group.name] and knows(values, role, group):
            value = names_of(world, values[group.name], language)
            items.append(phrase(language, "know_item", name=label_of(group.label, language), value=value))
    return items


def _value(world: World, fact: FactDef, role: str, values: Mapping[str, Any], language: str) -> str | None:
    """A fact as the list of what an agent knows has it; of a fact that each agent has, all that it may see."""
    if fact.of is None:
        value = values[fact.name]
        return (
            None if value is None or value == fact.kind.empty else shown_value(world, fact, role, values, language)
        )
    if not knows(values, role, fact):
        own = values[fact.key(role)] if role in fact.of else None
        return None if own in (None, fact.kind.empty) else shown_value(world, fact, role, values, language)
    theirs = [a for a in fact.of if values[fact.key(a)] not in (None, fact.kind.empty)]
    if fact.kind.name == "flag":
        return names_of(world, tuple(theirs), language)
    pairs = (f"{world.agent_name(a, language)} {fact.kind.show(values[fact.key(a)], language)}" for a in theirs)
    return ("、" if language.startswith("zh") else ", ").join(pairs)


def _offer(world: World, offers: Sequence[Offer], names: Mapping[str, object], language: str) -> str:
    shown_offers = []
    for offer in offers:
        about, label = (
            label_of(offer.action.about, language),
            label_of(getattr(offer.action, "label", {}), language),
        )
        name = offer.name
        if world.prompts > 1 and about and label.casefold() not in {"", name.casefold()} and label not in about:
            name = phrase(language, "called", name=name, label=label)
        text = f"{name} {render(about or label, names)}".strip() + (
            phrase(language, "must") if offer.is_due else ""
        )
        choices = [_choices(world, offer, name, kind, language) for name, kind in offer.kinds.items()]
        shown_offers.append(" ".join([text, *filter(None, choices)]))
    return ("；" if language.startswith("zh") else "; ").join(shown_offers)


def _choices(world: World, offer: Offer, name: str, kind: Kind, language: str) -> str:
    options = (kind.item or kind).options
    if not options:
        return ""
    given = offer.action.fields[name]
    shown_options = [world.show_option(kind.item or kind, o, given.table, language) for o in options]
    title = label_of(given.label, language) or ("" if name == "choice" else name)
    if kind.name == "list":
        title += " " + phrase(
            language, "items", low=kind.low or 0, high=min(len(options), int(kind.high or len(options)))
        )
    return f"[{title}: {' | '.join(shown_options)}]" if title else f"[{' | '.join(shown_options)}]"


def _shape(offers: Sequence[Offer], language: str, *, is_silent: bool, is_told: bool) -> str:
    """An example of the answer, such as ``{"say": "…", "pay_fee": {"amount": number} or null}``."""
    parts = [] if is_silent else [f'"say": "{phrase(language, "say")}"']
    for offer in offers:
        fields = ", ".join(f'"{n}": {_example(k, language, is_told=is_told)}' for n, k in offer.kinds.items())
        is_vote = getattr(offer.action, "ballot", None) is not None  # one that is not due may be abstained from
        or_null = "" if offer.is_due else f" ({phrase(language, 'abstain' if is_vote else 'not_now')})"
        parts.append(f'"{offer.name}": {{{fields}}}{or_null}')
    return "{" + ", ".join(parts) + "}"


def _example(kind: Kind, language: str, *, is_told: bool) -> str:
    """What a field is to be; where ``is_told``, a number with its bounds and its unit."""
    if kind.name == "list":
        return f"[{_example(kind.item or kind, language, is_told=is_told)}]"
    if kind.name in {"number", "money"} and is_told:
        return number(language, kind, has_unit=True)
    if kind.name == "choice":
        return '"…"'
    word = phrase(language, {"money": "number"}.get(kind.name, kind.name))
    return f'"{word}"' if kind.name == "text" else word


def schema(
    offers: Sequence[Offer], tools: Sequence[Offer], language: str, *, is_silent: bool
) -> dict[str, Any] | None:
    """The JSON Schema of an answer; an act that is not due may be null. None where plain words are asked for."""
    if not offers and not tools:
        return None
    properties: dict[str, Any] = {} if is_silent else {"say": {"type": "string"}}
    for offer in (*tools, *offers):
        fields = {name: field_schema(kind, language) for name, kind in offer.kinds.items()}
        act = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        properties[offer.name] = act if offer.is_due else {"anyOf": [{"type": "null"}, act]}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def field_schema(kind: Kind, language: str) -> dict[str, Any]:
    """The JSON Schema of a field."""
    match kind.name:
        case "flag":
            return {"type": "boolean"}
        case "number" | "money":
            return _number_schema(kind)
        case "choice":
            return {"type": "string", "enum": [kind.show(o, language) for o in kind.options]}
        case "list":
            items = field_schema(kind.item or kind, language)
            return {
                "type": "array",
                "items": items,
                "minItems": int(kind.low or 0),
                "maxItems": int(kind.high or 100),
            }
    return {"type": "string"}


def _number_schema(kind: Kind) -> dict[str, Any]:
    bounds = {"minimum": kind.low, "maximum": kind.high}
    given = {name: to_json(bound) for name, bound in bounds.items() if bound is not None}
    unit = {"description": kind.unit} if kind.unit else {}
    return {"type": "integer" if kind.is_whole else "number", **given, **unit}
