"""The command ``verify``: a log against its own world, or against an edited one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.app import Json, NoCode, RunName, app, print_json, say

if TYPE_CHECKING:
    from sim.read.edited import Answered, TurnChange
    from sim.read.verify import OtherPrompt, Verdict
    from sim.read.wording import PartChange
    from sim.record.log import RunLog


@app.command()
def verify(
    run: RunName = None,
    world: Annotated[
        str | None, typer.Option(metavar="WORLD", help="An edited world: would it have changed this conversation?")
    ] = None,
    no_code: NoCode = False,
    as_json: Json = False,
) -> None:
    """Check a log's hashes, and play the run again on its recorded answers; no model is ever called.

    Exits 1 and names the first record that differs. With --world an edited world is played on the recorded answers:
    it says turn by turn what would have changed, up to where the conversation would have parted, and exits 1 if
    anything would. Example: sim verify hospital_visit-s7-1 --world ./my_edited_world
    """
    from sim.read.verify import verify as check_log  # noqa: PLC0415 - heavy; `sim --help` needs none of it
    from sim.record.log import RunLog, find_run  # noqa: PLC0415

    log = RunLog.open(find_run(run))
    verdict = check_log(log)
    if world is not None:
        _against(log, verdict, world, code=not no_code, as_json=as_json)
        return
    if as_json:
        print_json(_as_json(verdict))
    elif verdict.ok:
        say(f"verified: {verdict.turns} turns, trace {verdict.trace}")
    else:
        say(f"not verified: {verdict.reason}")
        if verdict.prompt is not None:
            print_prompt(verdict.prompt)
    raise typer.Exit(0 if verdict.ok else 1)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": verdict.ok, "turns": verdict.turns, "trace": verdict.trace}
    if not verdict.ok:
        answer["difference"] = {"record": verdict.record, "reason": verdict.reason}
    if verdict.prompt is not None:
        told = verdict.prompt
        answer["difference"] |= {
            "episode": told.episode,
            "turn": told.turn,
            "role": told.role,
            "purpose": told.purpose,
            "attempt": told.attempt,
            "parts": [part.part for part in told.parts],
            "prompt_now": list(told.prompt),
        }
    return answer


def print_prompt(told: OtherPrompt, *, err: bool = False) -> None:
    """Print what is known of a prompt that is not the recorded one: the parts that differ, or all of it, as now."""
    if told.parts:
        say("of the recorded prompt the log has the hash of each part alone; now they are:", err=err)
        for part in told.parts:
            say(f"  {part.part}:", err=err)
            lines = part.now.splitlines() if part.now is not None else ["(there is no such part now)"]
            for line in lines:
                say(f"    {line}", err=err)
        return
    say("of the recorded prompt the log has the hash alone; now it is:", err=err)
    for message in told.prompt:
        say(f"  [{message['role']}]", err=err)
        for line in message["content"].splitlines():
            say(f"    {line}", err=err)


def _against(log: RunLog, verdict: Verdict, name: str, *, code: bool, as_json: bool) -> None:
    from sim.read.edited import would_change  # noqa: PLC0415 - as above
    from sim.world.library import load  # noqa: PLC0415

    world = load(name, variant=log.header.variant, code=code)
    found = would_change(log, world)
    is_cut = verdict.record is not None and verdict.record >= len(log.records)
    note = "" if verdict.ok or is_cut else verdict.reason
    if as_json:
        print_json(_found_json(log, found, note))
    else:
        if note:
            say(f"by itself this log does not verify ({note}); both worlds are played as this version plays them")
        _print(found)
    raise typer.Exit(0 if found.is_same else 1)


def _found_json(log: RunLog, found: Answered, note: str) -> dict[str, Any]:
    parting = found.parting
    return {
        "ok": found.is_same,
        "run": log.name,
        "turns": sum(turn.turn > 0 for turn in found.turns),
        "parting": parting
        and {
            "episode": parting.episode,
            "turn": parting.turn,
            "by": parting.parts_by,
            "recorded": parting.recorded[parting.parts_by or ""],
            "edited": parting.edited[parting.parts_by or ""],
            "stopped": found.stopped or None,
        },
        "by_turn": [_turn_json(turn) for turn in found.turns],
        "note": note or None,
    }


def _turn_json(turn: TurnChange) -> dict[str, Any]:
    return {
        "episode": turn.episode,
        "turn": turn.turn,
        "speaker": turn.speaker,
        "same": not turn.differs,
        "differs": list(turn.differs),
        "recorded": dict(turn.recorded),
        "edited": dict(turn.edited),
        "prompts": [
            {
                "role": asking.role,
                "purpose": asking.purpose,
                "attempt": asking.attempt,
                "parts": [{"part": p.part, "recorded": p.recorded, "edited": p.now} for p in asking.parts],
            }
            for asking in turn.prompts
        ],
    }


_CALLED = {"heard_by": "who hears it", "effects": "effects of acts", "answer": "answer that the world gives itself"}


def _print(found: Answered) -> None:
    seen: set[tuple[str, str]] = set()
    several = any(turn.episode > 1 for turn in found.turns)
    for turn in found.turns:
        where = _where(turn, several=several)
        _print_turn(turn, where, seen)
    turns = sum(turn.turn > 0 for turn in found.turns)
    changed = sum(bool(turn.differs) and turn.turn > 0 for turn in found.turns)
    parting = found.parting
    if found.is_same:
        say(f"nothing would have changed: each of {turns} turns is the same")
    elif parting is None:
        say(f"{changed} of {turns} turns would have changed; who spoke, what was done and where it led would not")
    else:
        where = _where(parting, several=several)
        by = parting.parts_by or ""
        is_told = by == "speaker" or "sent_back" in dict(parting.edited.get("acts", {}))
        why = f" ({found.stopped})" if found.stopped and not is_told else ""
        say(f"the conversation would have parted at {where}, by the {_CALLED.get(by, by)}{why}")


def _where(turn: TurnChange, *, several: bool) -> str:
    episode = f"episode {turn.episode}, " if several else ""
    return episode + (f"turn {turn.turn}" if turn.turn else "the beginning")


def _print_turn(turn: TurnChange, where: str, seen: set[tuple[str, str]]) -> None:
    head = f"{where}{f' ({turn.speaker})' if turn.speaker and turn.turn else ''}"
    if not turn.differs:
        say(f"{head}: the same")
        return
    parts = list(dict.fromkeys(part.part for asking in turn.prompts for part in asking.parts))
    names = [f"prompt ({', '.join(parts)})" if a == "prompt" else _CALLED.get(a, a) for a in turn.differs]
    say(f"{head}: not the same: {', '.join(names)}")
    for asking in turn.prompts:
        which = {"repair": ", when sent back", "look_up": ", after a look-up"}.get(asking.purpose, "")
        for part in asking.parts:
            _print_part(part, f"prompt of {asking.role}{which}, {part.part}", seen)
    for name, was in turn.recorded.items():
        _print_values(_CALLED.get(name, name), was, turn.edited[name])


def _print_part(part: PartChange, title: str, seen: set[tuple[str, str]]) -> None:
    """Print what differs in a part of a prompt and did not before: a history is told again every turn."""
    lines = part.lines
    new = [line for line in lines if (part.part, line) not in seen]
    seen.update((part.part, line) for line in lines)
    say(f"    {title}:" if new else f"    {title}: as before")
    for line in new:
        say(f"      {line}")
    if new and len(new) < len(lines):
        say("      (and as before)")


def _print_values(name: str, was: Any, now: Any) -> None:
    from sim.cli.auditing import shown  # noqa: PLC0415 - not needed for `sim --help`

    if not (isinstance(was, Mapping) and isinstance(now, Mapping)):
        was, now = {"": was}, {"": now}
    for key in was:
        say(f"    {name}{f', {key}' if key else ''}:".replace("_", " "))
        say(f"      - {shown(was[key])}")
        say(f"      + {shown(now[key])}")
