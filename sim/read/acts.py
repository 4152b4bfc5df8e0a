"""A run's acts as a file that plays them again (:mod:`sim.models.acts`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sim.engine.reading import find_object, without_thoughts
from sim.errors import RunLogError
from sim.models.acts import to_yaml
from sim.read.transcript import Transcript
from sim.record.log import RunLog
from sim.record.records import Call, Intervention, Refusal, Turn
from sim.world.format import WorldFile
from sim.world.source import MAX_BYTES


def to_acts(log: RunLog, *, lines: bool = False) -> str:
    """The file of acts of a run, as YAML or as JSON lines: running it gives the same turns and transitions.

    Answers stand there as words and acts where these are all that they were, else as they came.

    Raises:
        RunLogError: if something was changed from outside, which no acts can say; or if it is too long for YAML.
    """
    head, turns = _head(log), list(_turns(log))
    if lines:
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in (head, *turns))
    text = to_yaml(head) + "turns:\n" + (to_yaml(turns) if turns else "  []\n")
    if len(text.encode()) > MAX_BYTES:
        raise RunLogError(f"{log.name} is too long for a YAML file; write JSON lines: --to acts -o FILE.jsonl")
    return text


_TOLD: tuple[type[Any], ...] = (Call, Refusal, Intervention, Turn)


def _head(log: RunLog) -> dict[str, Any]:
    header = log.header
    given = {
        "world": header.world,
        "variant": header.variant,
        "lang": header.language,
        "seed": header.seed,
        "episodes": header.episodes,
        "facts": header.facts or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _turns(log: RunLog) -> Iterator[dict[str, Any]]:
    """The turns in the order of the log."""
    spec, language = Transcript(log.header).world, log.header.language
    answers: dict[tuple[int, int], dict[int, str]] = {}
    refused: dict[tuple[int, int], set[int]] = {}
    for record in log.records.of(*_TOLD):
        place = record.episode, record.turn
        if isinstance(record, Call) and record.purpose in {"turn", "repair", "look_up"}:
            answers.setdefault(place, {})[record.attempt] = record.answer
        elif isinstance(record, Intervention):
            if record.changed or record.seed is not None or record.personas:
                raise RunLogError(
                    f"{log.name}: something was changed before turn {record.turn}; acts cannot say that"
                )
            answers.setdefault(place, {})[0] = record.say or ""
        elif isinstance(record, Refusal):
            refused.setdefault(place, set()).add(record.attempt)
        elif isinstance(record, Turn):
            said = _chain(answers.pop(place, {}), refused.pop(place, set()), record, spec, language)
            episode = {"episode": record.episode} if record.episode > 1 else {}
            yield {**episode, "speaker": record.speaker, **said}


def _chain(
    answers: Mapping[int, str], refused: set[int], turn: Turn, spec: WorldFile, language: str
) -> dict[str, Any]:
    """The answers of a turn, each in place of the one before that was refused."""
    order = sorted(answers)
    looks_up: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    for attempt in order:
        raw = answers[attempt]
        if attempt in refused:
            steps.append({**_found(looks_up), "answer": raw, "refused": True})
            looks_up = {}
        elif attempt != order[-1]:
            given = find_object(without_thoughts(raw), language)[0] or {}
            looks_up |= {name: fields for name, fields in given.items() if name in spec.tools}
        else:
            steps.append({**_found(looks_up), **_said(raw, turn, spec, language)})
    chain = steps.pop() if steps else {}
    while steps:
        chain = {**steps.pop(), "instead": chain}
    return chain


def _found(looks_up: Mapping[str, Any]) -> dict[str, Any]:
    return {"looks_up": dict(looks_up)} if looks_up else {}


def _said(raw: str, turn: Turn, spec: WorldFile, language: str) -> dict[str, Any]:
    """What counts of an answer, or all of it where it would not be read again as the same."""
    state = spec.states.get(turn.state)
    if state is not None and state.verbatim and not turn.acts and raw.strip() == turn.text:
        return {"says": turn.text}  # braces of code are no object
    given, around, fault = find_object(without_thoughts(raw), language)
    words = raw.strip() if given is None else given.get("say", around)
    meant = {n for n, v in (given or {}).items() if n != "say" and v is not None and v is not False}
    is_silent = state is not None and state.silent
    is_same = fault is None and meant == {act.action for act in turn.acts} and (is_silent or words == turn.text)
    if not is_same:
        return {"answer": raw}
    says = {} if is_silent else {"says": turn.text}
    return says | ({"does": {act.action: act.fields for act in turn.acts}} if turn.acts else {})
