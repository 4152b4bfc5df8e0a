"""Reading a model's answer: the words, the acts, and what is wrong with either."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.engine.machine import Act, Refused, Situation, open_actions, scope, settle
from sim.engine.phrases import phrase
from sim.world.expressions import ExpressionError
from sim.world.kinds import CONTROL, Value, label_of
from sim.world.world import ActionDef, World

_FENCE = "```"
MAX_PROBLEMS = 8
"""A model is sent so many reasons at most; more would not help it, and a hostile one could make thousands."""
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Answer:
    """What an answer says and does; it counts only if there are no ``problems``."""

    text: str
    acts: tuple[Act, ...] = ()
    problems: tuple[str, ...] = ()
    is_cut: bool = False


def read(world: World, situation: Situation, role: str, raw: str, minutes: float, language: str) -> Answer:
    """Read a raw answer of a role in a situation.

    The answer is plain words, or a JSON object with ``say`` and an entry for each act, alone, in a fenced block
    or with words around it. The acts are tried on the situation, with the simulated minutes that
    the turn will take, so that one which would be refused, or would break an invariant, is a problem here.
    """
    actions = open_actions(world, situation, role)
    given, around, fault = _find_object(raw)
    if fault is not None:
        return Answer("", problems=(phrase(language, "bad_json", detail=fault),))
    if given is None:
        text, is_cut = _clean(world, role, raw, language)
        return _checked(world, situation, role, Answer(text, is_cut=is_cut), actions, minutes, language)
    said = given.pop("say", None)
    text, is_cut = _clean(world, role, said if isinstance(said, str) else around, language)
    acts, problems = _acts(world, given, actions, language)
    answer = Answer(text, acts, tuple(problems[:MAX_PROBLEMS]), is_cut)
    return answer if problems else _checked(world, situation, role, answer, actions, minutes, language)


def fall_back(world: World, situation: Situation, role: str, text: str, minutes: float, language: str) -> Answer:
    """What is done when no valid answer came: the declared fallback of each due act, as far as it may be."""
    values = scope(world, situation)
    acts: list[Act] = []
    for action, is_due in open_actions(world, situation, role):
        if not is_due or action.fallback is None:
            continue
        try:
            fields = {n: action.fields[n].read(_plain(c(values))) for n, c in action.fallback.items()}
        except (ExpressionError, ValueError):
            continue
        tried = (*acts, Act(action.name, fields))
        if not _trial(world, situation, role, tried, minutes, language):
            acts.append(tried[-1])
    return Answer(text, tuple(acts))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _find_object(raw: str) -> tuple[dict[str, Any] | None, str, str | None]:
    """The JSON object of an answer, the words around it, and what is wrong with it."""
    text = raw.strip()
    start = text.find("{")
    if start < 0 or (_FENCE not in text and '"' not in text[start:]):
        return None, text, None
    try:
        value, end = json.JSONDecoder(object_pairs_hook=_unique).raw_decode(text, start)
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return None, text, _scrubbed(detail)
    except RecursionError:
        return None, text, "nested too deeply"
    around = f"{text[:start]} {text[end:]}".replace("```json", "").replace(_FENCE, "")
    return _scrubbed(value), around.strip(), None


def _scrubbed(value: Any) -> Any:
    """A JSON value without halves of characters, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in value.items()}
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [k for k, _ in pairs]
        twice = next(k for k, count in Counter(keys).items() if count > 1)
        raise ValueError(f"the key '{twice[:60]}' stands twice")
    return result


def _acts(
    world: World, given: Mapping[str, Any], actions: Sequence[tuple[ActionDef, bool]], language: str
) -> tuple[tuple[Act, ...], list[str]]:
    open_now = {a.name: a for a, _ in actions}
    acts: list[Act] = []
    problems: list[str] = []
    for name, value in given.items():
        if value is None or value is False:
            continue
        if name in open_now:
            fields, wrong = _fields(open_now[name], value, language)
            problems += wrong
            acts.append(Act(name, fields))
        elif name in world.actions:
            problems.append(phrase(language, "not_open", name=name))
        else:
            known = ", ".join(open_now) or phrase(language, "nothing")
            problems.append(phrase(language, "unknown", name=name[:60], known=known))
    order = list(open_now)
    return tuple(sorted(acts, key=lambda a: order.index(a.action))), problems


def _fields(action: ActionDef, value: Any, language: str) -> tuple[dict[str, Value], list[str]]:
    known = ", ".join(action.fields) or phrase(language, "nothing")
    if not isinstance(value, dict):
        if not action.fields:
            return {}, []
        if len(action.fields) != 1 or value is True:
            return {}, [phrase(language, "no_fields", name=action.name, known=known)]
        value = {next(iter(action.fields)): value}
    problems = [
        phrase(language, "unknown_field", action=action.name, name=name[:60], known=known)
        for name in value
        if name not in action.fields
    ]
    fields: dict[str, Value] = {}
    for name, kind in action.fields.items():
        if value.get(name) is None:
            problems.append(phrase(language, "missing_field", action=action.name, name=name))
            continue
        try:
            fields[name] = kind.read(value[name])
        except ValueError as error:
            item = kind.item or kind
            shown = " | ".join(item.show(o, language) for o in item.options)
            is_size = kind.name == "list" and isinstance(value[name], list) and not kind.fits(len(value[name]))
            why = phrase(language, "options", options=shown) if shown and not is_size else str(error)
            problems.append(f"{action.name}.{name}: {why}")
    return fields, problems


def _checked(
    world: World,
    situation: Situation,
    role: str,
    answer: Answer,
    actions: Sequence[tuple[ActionDef, bool]],
    minutes: float,
    language: str,
) -> Answer:
    problems = [] if answer.text or answer.acts else [phrase(language, "empty")]
    done = {act.action for act in answer.acts}
    for action, is_due in actions:
        if is_due and action.name not in done:
            words = label_of(action.label, language)
            problems.append(phrase(language, "due", name=f"{action.name}({words})" if words else action.name))
    if not problems:
        wrong = _trial(world, situation, role, answer.acts, minutes, language)
        problems += [wrong] if wrong else []
    return Answer(answer.text, answer.acts, tuple(problems), answer.is_cut)


def _trial(
    world: World, situation: Situation, role: str, acts: tuple[Act, ...], minutes: float, language: str
) -> str | None:
    """What speaks against some acts, or None."""
    try:
        step = settle(world, situation, role, acts, minutes, language)
    except Refused as refusal:
        return str(refusal)
    if step.breach is None or not acts:
        return None
    return phrase(language, "breach", name=step.breach)


def _clean(world: World, role: str, text: str, language: str) -> tuple[str, bool]:
    """One line of words, without the speaker's own name before them, cut to the world's limit."""
    words = _SPACES.sub(" ", CONTROL.sub("", text)).strip()
    for name in (world.role_name(role, language), role):
        for colon in ("：", ":"):
            words = words.removeprefix(f"{name}{colon}").strip()
    for left, right in ("“”", "「」", '""'):
        if words.startswith(left) and words.endswith(right) and len(words) > 1 and left not in words[1:-1]:
            words = words[1:-1].strip()
    most = world.spec.limits.utterance
    return (words[: most - 1] + "…", True) if len(words) > most else (words, False)
