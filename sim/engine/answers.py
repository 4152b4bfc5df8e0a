"""Reading a model's answer: the words, the acts, and what is wrong with either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.engine.machine import Refused, settle
from sim.engine.phrases import misfit, phrase
from sim.engine.reading import find_object, without_thoughts
from sim.engine.situation import Act, Offer, Situation, knows, open_actions, open_tools, scope
from sim.world.kinds import CONTROL, Misfit, Value, label_of
from sim.world.vocabulary import ExpressionError
from sim.world.world import World

MAX_PROBLEMS = 8
"""A model is sent so many reasons at most; more would not help it, and a hostile one could make thousands."""
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Answer:
    """What an answer says and does; it counts only if there are no ``problems``.

    Where it asks for ``look_ups``, it is not the turn yet: they are made, and the speaker is asked again.
    """

    text: str
    acts: tuple[Act, ...] = ()
    problems: tuple[str, ...] = ()
    is_cut: bool = False
    look_ups: tuple[Act, ...] = ()


def read(
    world: World,
    situation: Situation,
    role: str,
    raw: str,
    minutes: float,
    language: str,
    *,
    has_tools: bool = False,
) -> Answer:
    """Read a raw answer of an agent in a situation.

    The answer is plain words, or a JSON object with ``say`` and an entry for each act, alone, in a fenced block
    or with words around it. The acts are tried on the situation, with the simulated minutes that
    the turn will take, so that one which would be refused, or would break an invariant, is a problem here.
    With ``has_tools`` it may ask for look-ups instead.
    """
    raw = without_thoughts(raw)
    offers = open_actions(world, situation, role)
    tools = open_tools(world, situation, role) if has_tools else []
    is_code = world.states[situation.state].is_verbatim and not offers and not tools
    given, around, fault = (None, raw, None) if is_code else find_object(raw, language)
    if fault is not None:
        return Answer("", problems=(phrase(language, "bad_json", detail=fault),))
    if given is None:
        text, is_cut = _clean(world, situation, role, raw, language)
        if offers and world.states[situation.state].is_silent:
            return Answer("", problems=(phrase(language, "no_object"),))
        return _checked(world, situation, role, Answer(text, is_cut=is_cut), offers, minutes, language)
    said = given.pop("say", None)
    if isinstance(said, list) and said and all(isinstance(part, str) for part in said):
        said = "\n".join(said)
    text, is_cut = _clean(world, situation, role, said if isinstance(said, str) else around, language)
    asked, wrong = _acts(world, {k: v for k, v in given.items() if k in {t.name for t in tools}}, tools, language)
    if asked or wrong:
        return Answer("", problems=tuple(wrong[:MAX_PROBLEMS]), look_ups=asked)
    left = {k: v for k, v in given.items() if k not in world.tools}
    acts, problems = _acts(world, left, offers, language)
    answer = Answer(text, acts, tuple(problems[:MAX_PROBLEMS]), is_cut)
    return answer if problems else _checked(world, situation, role, answer, offers, minutes, language)


def fall_back(world: World, situation: Situation, role: str, text: str, minutes: float, language: str) -> Answer:
    """What is done when no valid answer came: the declared fallback of each due act, as far as it may be."""
    inner = scope(world, situation).about(role)
    acts: list[Act] = []
    for offer in open_actions(world, situation, role):
        fallback = world.actions[offer.name].fallback
        if not offer.is_due or fallback is None:
            continue
        try:
            fields = {n: offer.kinds[n].read(_plain(c(inner))) for n, c in fallback.items()}
        except (ExpressionError, ValueError):
            continue
        tried = (*acts, Act(offer.name, fields))
        if not _trial(world, situation, role, tried, minutes, language):
            acts.append(tried[-1])
    return Answer(text, tuple(acts))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _acts(
    world: World, given: Mapping[str, Any], offers: Sequence[Offer], language: str
) -> tuple[tuple[Act, ...], list[str]]:
    open_now = {o.name: o for o in offers}
    acts: list[Act] = []
    problems: list[str] = []
    for name, value in given.items():
        if value is None or value is False or _is_nothing(value, open_now.get(name)):
            if value is None and name in open_now and _is_abstention(open_now[name]):
                acts.append(Act(name, {"choice": None}))
            continue
        if name in open_now:
            fields, wrong = _fields(open_now[name], value, language, is_reworded=world.prompts > 1)
            problems += wrong
            acts.append(Act(name, fields))
        elif name in world.actions:
            problems.append(phrase(language, "not_open", name=name))
        else:
            known = ", ".join(open_now) or phrase(language, "nothing")
            problems.append(phrase(language, "unknown", name=name[:60], known=known))
    order = list(open_now)
    return tuple(sorted(acts, key=lambda a: order.index(a.action))), problems


def _is_nothing(value: Any, offer: Offer | None) -> bool:
    """Whether an act that need not be done has nothing but nulls in it: so small models say that they do not."""
    is_bare = isinstance(value, dict) and bool(value) and all(v is None for v in value.values())
    return is_bare and offer is not None and not offer.is_due and not _is_abstention(offer)


def _is_abstention(offer: Offer) -> bool:
    ballot = getattr(offer.action, "ballot", None)
    return ballot is not None and ballot.abstain


def _fields(offer: Offer, value: Any, language: str, *, is_reworded: bool) -> tuple[dict[str, Value], list[str]]:
    known = ", ".join(offer.kinds) or phrase(language, "nothing")
    if not isinstance(value, dict):
        if not offer.kinds:
            return {}, []
        if len(offer.kinds) != 1 or value is True:
            return {}, [phrase(language, "no_fields", name=offer.name, known=known)]
        value = {next(iter(offer.kinds)): value}
    problems = [
        phrase(language, "unknown_field", action=offer.name, name=name[:60], known=known)
        for name in value
        if name not in offer.kinds
    ]
    fields: dict[str, Value] = {}
    for name, kind in offer.kinds.items():
        if value.get(name) is None:
            if _is_abstention(offer) and name in value:
                fields[name] = None
                continue
            problems.append(phrase(language, "missing_field", action=offer.name, name=name))
            continue
        try:
            fields[name] = kind.read(value[name])
        except Misfit as error:
            item = kind.item or kind
            shown = " | ".join(item.show(o, language) for o in item.options)
            is_size = error.reason in {"few", "many"}
            why = misfit(language, error, item if error.reason == "number" else kind) if is_reworded else str(error)
            why = phrase(language, "options", options=shown) if shown and not is_size else why
            problems.append(f"{offer.name}.{name}: {why}")
    return fields, problems


def _checked(
    world: World,
    situation: Situation,
    role: str,
    answer: Answer,
    offers: Sequence[Offer],
    minutes: float,
    language: str,
) -> Answer:
    is_silent = world.states[situation.state].is_silent
    problems = [] if answer.text or answer.acts or is_silent else [phrase(language, "empty")]
    done = {act.action for act in answer.acts}
    for offer in offers:
        if offer.is_due and offer.name not in done:
            words = label_of(world.actions[offer.name].label, language)
            problems.append(phrase(language, "due", name=f"{offer.name}({words})" if words else offer.name))
    if not problems:
        wrong = _trial(world, situation, role, answer.acts, minutes, language)
        problems += [wrong] if wrong else []
    text = "" if is_silent else answer.text
    return Answer(text, answer.acts, tuple(problems), answer.is_cut and not is_silent)


def _trial(
    world: World, situation: Situation, role: str, acts: tuple[Act, ...], minutes: float, language: str
) -> str | None:
    """What speaks against some acts, or None."""
    try:
        step = settle(world, situation, role, acts, minutes, language)
    except Refused as refusal:
        return str(refusal)
    if step.breach is None or not is_theirs(world, situation, role, minutes, language):
        return None
    return phrase(language, "breach", name=_named(world, situation, role, step.breach))


def _named(world: World, situation: Situation, role: str, rule: str) -> str:
    """A rule as an agent may be told it: not by name where it reads what the agent does not know."""
    conditions = [c for given in (world.never, *world.at_end.values()) if (c := given.get(rule)) is not None]
    reads = {name for c in conditions for name in c.reads}
    if not conditions or reads & {"done", "speaker"}:
        return "…"
    read = [k for name in reads if (k := world.facts.get(name) or world.groups.get(name)) is not None]
    values = scope(world, situation)
    return rule if all(knows(values, role, k) for k in read) else "…"


def is_theirs(world: World, situation: Situation, role: str, minutes: float, language: str) -> bool:
    """Whether a rule that a turn breaks is broken by its acts: without them it would not be."""
    return settle(world, situation, role, (), minutes, language).breach is None


def _clean(world: World, situation: Situation, role: str, text: str, language: str) -> tuple[str, bool]:
    """The words without the speaker's own name before them, in one line unless the state is verbatim, and cut."""
    most = world.spec.limits.utterance
    if world.states[situation.state].is_verbatim:
        kept = "\n".join(CONTROL.sub("", line).rstrip() for line in text.expandtabs(4).splitlines()).strip()
        return (kept[: most - 1] + "…", True) if len(kept) > most else (kept, False)
    words = _SPACES.sub(" ", CONTROL.sub("", text)).strip()
    for name in (world.agent_name(role, language), role):
        for colon in ("：", ":"):
            words = words.removeprefix(f"{name}{colon}").strip()
    for left, right in ("“”", "「」", '""'):
        if words.startswith(left) and words.endswith(right) and len(words) > 1 and left not in words[1:-1]:
            words = words[1:-1].strip()
    return (words[: most - 1] + "…", True) if len(words) > most else (words, False)
