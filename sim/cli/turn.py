"""How one turn is shown: what it stood on, who was asked how often, what came of it, and why."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sim.cli.app import print_json, say
from sim.errors import DefinitionError, RunLogError

if TYPE_CHECKING:
    from sim.read.fold import Moment
    from sim.record.log import RunLog
    from sim.record.records import Call
    from sim.world.world import World


def show_turn(log: RunLog, turn: int, episode: int | None = None, *, with_prompt: bool, as_json: bool) -> None:
    """Print a turn of a log, as JSON or for people.

    Raises:
        RunLogError: if the log has no such turn, or cannot be followed to it.
        DefinitionError: if the prompt is asked for and the log's world cannot be used.
    """
    gc.disable()  # much is made of a long log, and hardly any of it let go
    from sim.world.kinds import to_json  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.world.library import revive  # noqa: PLC0415 - needs the world's expressions

    try:
        world = revive(log.header.resolved, log.header.variant)
    except DefinitionError:
        if with_prompt:
            raise
        world = None
    moment = _moment(log, turn, episode, world) or (None if with_prompt else _moment(log, turn, episode, None))
    if moment is None:
        raise RunLogError(f"{log.name} cannot be followed to turn {turn}; 'sim verify' says more")
    record = moment.record
    told = {
        "episode": record.episode,
        "turn": turn,
        "state": record.state,
        "facts": {name: to_json(value) for name, value in moment.situation.facts.items()},
        "prompt": _prompt(log, world, moment) if world is not None and with_prompt else [],
        "speaker": record.speaker,
        "heard_by": record.heard_by,
        "text": record.text,
        "acts": [a.model_dump() for a in record.acts],
        "changed": record.changed,
        **_asked(log, record),
        "transitions": _crossings(log, moment, world),
        "minutes": record.minutes,
        "time": record.time,
    }
    print_json(told) if as_json else _print(told)


def _moment(log: RunLog, turn: int, episode: int | None, world: World | None) -> Moment | None:
    """What the turn stood on; None where the log's records and its world do not fit together."""
    from sim.read.fold import before_turn  # noqa: PLC0415 - as above

    try:
        return before_turn(log, turn, world, episode)
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


def _asked(log: RunLog, record: Any) -> dict[str, Any]:
    """What was asked of the speaker for its turn, what was sent back, and what it took."""
    place = (record.episode, record.turn)
    here: list[Any] = [r for _, r in log.records.at(*place)]
    calls = [r for r in here if r.type == "call" and r.role == record.speaker]
    own = [c for c in calls if c.seq >= log.header.inherited]
    hide = {"hash", "seq", "type"}
    return {
        "calls": [
            {
                **c.model_dump(mode="json", exclude=hide),
                "paid": not c.is_hit and c in own,
                "inherited": c not in own,
            }
            for c in calls
        ],
        "attempts": sum(c.purpose in {"turn", "repair", "look_up"} for c in calls),
        "refusals": [
            {"attempt": r.attempt, "role": r.role, "reasons": r.reasons} for r in here if r.type == "refusal"
        ],
        "look_ups": [
            {"role": r.role, "tool": r.tool, "fields": r.fields, "result": r.result}
            for r in here
            if r.type == "look_up"
        ],
        "warnings": [r.message for r in here if r.type == "warning"],
        "interventions": [
            r.model_dump(exclude=hide | {"measured", "episode", "turn"}, exclude_defaults=True)
            for r in here
            if r.type == "intervention"
        ],
        "selection": next(
            ({"chosen": r.chosen, "by": r.by, "candidates": r.candidates} for r in here if r.type == "selection"),
            None,
        ),
        "sums": {
            "paid": _sum(c for c in own if not c.is_hit),
            "in_vain": _sum(c for c in own if not c.is_hit and c.purpose == "retry"),
            "saved": _sum(c for c in own if c.is_hit),
            "inherited": _sum(c for c in calls if c not in own),
        },
    }


def _sum(calls: Iterable[Call]) -> dict[str, Any]:
    from decimal import Decimal  # noqa: PLC0415 - only here

    tokens, unpriced = 0, 0
    cost: dict[str, Decimal] = {}
    for call in calls:
        tokens += call.usage.prompt + call.usage.completion
        if call.cost is None:
            unpriced += 1
        else:
            currency = call.currency or ""
            cost[currency] = cost.get(currency, Decimal(0)) + Decimal(call.cost)
    return {"tokens": tokens, "cost": {c: format(a, "f") for c, a in cost.items()}, "unpriced": unpriced}


def _prompt(log: RunLog, world: World, moment: Moment) -> list[dict[str, str]]:
    from sim.engine.prompt import build  # noqa: PLC0415 - needs the world's expressions
    from sim.engine.room import room_of  # noqa: PLC0415
    from sim.models.model import place_of  # noqa: PLC0415
    from sim.models.recorded import Answers, Recorded, models_at_end  # noqa: PLC0415
    from sim.record.records import ResumedWith  # noqa: PLC0415
    from sim.stage.changes import world_at  # noqa: PLC0415
    from sim.world.people import cast_as  # noqa: PLC0415

    record, situation, header = moment.record, moment.situation, log.header
    try:
        there = cast_as(world_at(world, header, record.episode, record.turn), _drawn(log, record.episode))
        built = build(there, situation, moment.said, record.speaker, header.language, moment.digest)
        context = there.states[situation.state].context
        done = [f for f in header.forks if f.episode == record.episode and f.at <= record.turn]
        since = done[-1].inherited if done else 0
        told = models_at_end(header.model_copy(update={"forks": done}), log.records[:since])
        described: Mapping[str, Any] = told[record.speaker]
        if any(r.seq >= since for r in log.records.of(ResumedWith)):
            asked = Recorded(Answers(log.records, since=since), record.speaker, described)
            described = asked.described_at(place_of(record.episode, record.turn, 0, "turn"))
        return list(built.within(room_of(there, described, context)).messages)
    except (KeyError, ValueError, TypeError):
        raise RunLogError(
            f"the prompt of turn {record.turn} does not follow from the log; 'sim verify' says more"
        ) from None


def _drawn(log: RunLog, episode: int) -> dict[str, str]:
    """The personas that were drawn for an episode, by agent."""
    from sim.record.records import EpisodeStarted  # noqa: PLC0415 - as above

    started = next((r for r in log.records.of(EpisodeStarted) if r.episode == episode), None)
    return dict(started.cast or {}) if started is not None else {}


def _crossings(log: RunLog, moment: Moment, world: World | None) -> list[dict[str, Any]]:
    """Why the arrow that fired did; nothing where the log's world cannot be used."""
    if world is None:
        return []
    from dataclasses import asdict  # noqa: PLC0415 - only here

    from sim.read.arrows import crossings  # noqa: PLC0415

    try:
        return [asdict(crossing) for crossing in crossings(log, moment.record.turn, world, moment=moment)]
    except (KeyError, ValueError, TypeError, AttributeError, RunLogError):
        return []


def _print(told: Mapping[str, Any]) -> None:
    from sim.world.kinds import CONTROL  # noqa: PLC0415

    def line(key: str, value: object) -> None:
        say(f"{key:9} {CONTROL.sub('', str(value))}")

    if told["episode"] != 1:
        line("episode", told["episode"])
    line("turn", f"{told['turn']}, {told['minutes']:g} simulated minutes, ended at minute {told['time']:g}")
    line("state", told["state"])
    line("facts", _listed(told["facts"]))
    for change in told["interventions"]:
        line("outside", _outside(change))
    line("speaker", f"{told['speaker']}, heard by {', '.join(told['heard_by'])}")
    if told["selection"] is not None:
        line("chosen", f"by {told['selection']['by']}, of {', '.join(told['selection']['candidates'])}")
    line("text", told["text"])
    for act in told["acts"]:
        line("act", f"{act['action']} {_listed(act['fields'])}".strip())
    if told["changed"]:
        line("changed", _listed(told["changed"]))
    for crossing in told["transitions"]:
        _print_crossing(crossing, line)
    _print_calls(told, line)
    for message in told["prompt"]:
        say(f"\n[{message['role']}]\n" + "\n".join(CONTROL.sub("", m) for m in message["content"].split("\n")))


def _outside(change: Mapping[str, Any]) -> str:
    """What was changed from outside before a turn."""
    if "say" in change:
        return f"the answer of {change['role']} was given: {change['say']}"
    parts = [_listed(change["changed"])] if "changed" in change else []
    parts += [f"seed={change['seed']}"] if "seed" in change else []
    parts += [f"{name} {_listed(change[name])}" for name in ("models", "personas") if name in change]
    return "; ".join(parts)


def _print_crossing(crossing: Mapping[str, Any], line: Callable[[str, object], None]) -> None:
    if crossing["idle"]:
        line("arrows", f"of {crossing['state']}: {crossing['idle']}")
        return
    for arrow in crossing["arrows"]:
        holds = "fired" if arrow["fired"] else "held too, but comes later" if arrow["holds"] else "did not fire"
        parts = "; ".join(_part(part) for part in arrow["parts"])
        line("arrow", f"{crossing['state']} → {arrow['to']} {holds}: {parts}")


def _part(part: Mapping[str, Any]) -> str:
    if part["text"] == "true":
        return "always"
    value = {True: "is true", False: "is false", None: "cannot be computed"}[part["value"]]
    reads = f" ({_listed(part['reads'])})" if part["reads"] else ""
    return f"{part['text']} {value}{reads}"


def _print_calls(told: Mapping[str, Any], line: Callable[[str, object], None]) -> None:
    reasons = {r["attempt"]: r["reasons"] for r in told["refusals"] if r["role"] == told["speaker"]}
    for call in told["calls"]:
        usage = call["usage"]
        counted = ", estimated" if usage["is_estimated"] else ""
        price = "unknown" if call["cost"] is None else f"{call['cost']} {call['currency']}"
        why = ", paid in vain" * (call["purpose"] == "retry")
        if not call["paid"]:
            why = ", inherited: paid by the run before" if call["inherited"] else ", not paid: from the cache"
        tokens = f"{usage['prompt']}+{usage['completion']} tokens{counted}"
        line("call", f"{call['purpose']} to {call['model']}: {tokens}, cost {price}{why}")
        line("answer", call["answer"])
        if call["purpose"] in {"turn", "repair", "look_up"} and call["attempt"] in reasons:
            line("refused", "; ".join(reasons[call["attempt"]]))
    for found in told["look_ups"]:
        line("found", f"{found['tool']} {_listed(found['fields'])}: {found['result']}")
    for warning in told["warnings"]:
        line("warning", warning)
    paid = told["sums"]["paid"]
    if len(told["calls"]) > 1:
        cost = [f"{amount} {currency}" for currency, amount in paid["cost"].items()]
        cost += [f"{paid['unpriced']} of unknown price"] if paid["unpriced"] else []
        line("paid", f"{paid['tokens']} tokens, {' + '.join(cost) or '0'}, in {len(told['calls'])} calls")


def _listed(values: Mapping[str, Any]) -> str:
    """Facts or fields with their values as they stand in a world file."""
    return ", ".join(
        f"{k}={v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in values.items()
    )
