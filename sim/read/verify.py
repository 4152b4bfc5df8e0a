"""Verification: the chain of hashes, and the run played again on its recorded answers, record for record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.model import Model
from sim.models.outside import FromLog
from sim.models.recorded import Recorded
from sim.record.comparison import Comparison, Difference
from sim.record.log import RunLog, Sink, check_length
from sim.record.records import FORMAT, OLDEST, Call, LookUp, Selection, Turn
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.library import revive

_OLD = f"this version writes format {FORMAT} and cannot play it again; it can be replayed, shown and priced"


@dataclass(frozen=True)
class Verdict:
    """Whether a log is what its world gives for its recorded answers; if not, where and why."""

    ok: bool
    turns: int
    trace: str
    record: int | None = None
    reason: str = ""


def verify(log: RunLog) -> Verdict:
    """Check that no record was changed, and that the run gives the same records when played again.

    The world is the one in the log, the answers are the recorded ones; nothing is called. A log without an end
    (an interrupted run, or one that was cut) is not whole, and the verdict says so.

    Raises:
        RunLogError: if the log is longer than can be held.
    """
    check_length(log)
    turns = log.records.how_many(Turn)

    def no(record: int | None, reason: str) -> Verdict:
        return Verdict(False, turns, log.trace, record, reason)

    try:
        log.check_chain()
        if log.header.format < OLDEST:
            return no(
                0, f"record 0: format {log.header.format}, from an older version: no record was changed, but {_OLD}"
            )
        comparison = Comparison(log)
        run = again(log, comparison)
    except RunLogError as error:
        return no(error.record, str(error))
    except DefinitionError as error:
        return no(0, f"record 0: its world cannot be used: {error}")
    try:
        run.play()
    except Difference as difference:
        if difference.record >= len(log.records):
            return no(difference.record, _cut(log))
        return no(difference.record, str(difference))
    except MismatchError as error:
        if comparison.next == len(log.records):
            return no(comparison.next, _cut(log))
        return no(comparison.next, f"record {comparison.next}: {error}")
    if comparison.next < len(log.records):
        return no(comparison.next, f"record {comparison.next}: does not belong here; the run had ended")
    return Verdict(True, turns, log.trace)


def _cut(log: RunLog) -> str:
    last = len(log.records) - 1
    torn = ", and its last line is torn" if log.is_torn else ""
    return f"record {last + 1}: missing; the run was interrupted or the log was cut{torn}; what is there verifies"


def again(log: RunLog, sink: Sink, watched: Callable[[Model], Model] = lambda model: model) -> Run:
    """The run of a log, to be played again on its recorded answers; ``watched`` may stand before each model.

    Raises:
        RunLogError: if the header does not fit its world.
        DefinitionError: if that world cannot be used.
    """
    header = log.header
    world = revive(header.resolved, header.variant)
    if world.digest != header.digest:
        raise RunLogError("record 0: the world is not the one that its digest names", 0)
    if set(header.models) != set(speakers(world)):
        raise RunLogError("record 0: the models are not those of the world's roles", 0)
    if not world.is_language(header.language):
        raise RunLogError("record 0: its language is not the world's", 0)
    calls = list(log.records.of(Call))
    models = {
        role: watched(Recorded(calls, str(description.get("name", "")), description))
        for role, description in header.models.items()
    }
    settings = settings_for(
        world, seed=header.seed, language=header.language, facts=header.facts, opening=header.opening
    )
    return Run(
        world, settings, models, sink, outside=FromLog(log.records.of(Selection, LookUp)), log_format=header.format
    )
