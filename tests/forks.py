"""Forks in tests: from a log that was played once in a process, by the script or by models that a test gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.models import catalog
from sim.models.model import Model
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call
from sim.stage.casting import EVERYONE
from sim.stage.episode import drive
from sim.stage.fork import plan
from sim.stage.providers import Providers
from sim.stage.resume import resumed
from sim.stage.run import Driver
from sim.world.world import World


def forked(
    log: RunLog,
    at: int,
    out: Path,
    *,
    models: Mapping[str, Model] | Model | None = None,
    world: World | None = None,
    personas: Mapping[str, str] | None = None,
    driver: Driver = drive,
    **changes: Any,
) -> RunLog:
    """Fork a log and play it to its end, in a plain loop if nothing else is said.

    A ``world`` that is the log's own saves compiling it again.
    """
    given = models if isinstance(models, Mapping) else {} if models is None else {EVERYONE: models}
    planned = plan(log, at, world=world, personas=personas)
    cast = planned.cast(Providers(catalog.load()), given, seed=changes.get("seed"))
    begun = planned.begin(cast, out=out, **changes)
    with LogWriter.after(begun) as writer:
        resumed(begun, planned.world, cast, writer).play(driver)
    return RunLog.open(begun.path)


def own_calls(log: RunLog) -> list[Call]:
    """The calls that a fork made itself."""
    return [r for r in log.records if isinstance(r, Call) and r.seq >= log.header.inherited]


def turns_of(log: RunLog) -> int:
    """How many turns a log has."""
    return sum(r.type == "turn" for r in log.records)


def before(log: RunLog, at: int) -> list[bytes]:
    """What a log says of the turns before one: all but the hashes, and but the calls of later turns."""
    wanted = []
    for index, record in enumerate(log.records[1:], 1):
        turn = getattr(record, "turn", None)
        if turn is None and index > 1:
            continue
        if (turn or 0) < at:
            body = log.line(index)
            wanted.append(body[body.index(b",") :])  # without its number
    return wanted
