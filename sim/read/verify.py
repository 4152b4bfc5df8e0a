"""Verification: the chain of hashes, and the run played again on its recorded answers, record for record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.engine.messages import Message
from sim.errors import DefinitionError, MismatchError, RunLogError
from sim.models.model import Model
from sim.models.outside import FromLog
from sim.models.recorded import Answers, PromptMismatch, recorded
from sim.read.wording import PartChange
from sim.record.comparison import Comparison, Difference
from sim.record.log import RunLog, Sink, check_playable
from sim.record.records import FORMAT, OLDEST, LookUp, ResumedWith, Selection, Turn
from sim.stage.casting import speakers
from sim.stage.changes import changes_of
from sim.stage.run import Run, settings_of
from sim.world.library import revive

_OLD = f"this version writes format {FORMAT} and cannot play it again; it can be replayed, shown and priced"


@dataclass(frozen=True)
class OtherPrompt:
    """A prompt that is not the recorded one. Of that the log has the hash alone, so ``prompt`` is what it is now.

    ``parts`` are the parts that differ, with their words now; none where the log does not say which.
    """

    episode: int
    turn: int
    role: str
    purpose: str
    attempt: int
    parts: tuple[PartChange, ...]
    prompt: tuple[Message, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether a log is what its world gives for its recorded answers; if not, where and why."""

    ok: bool
    turns: int
    trace: str
    record: int | None = None
    reason: str = ""
    prompt: OtherPrompt | None = None


def verify(log: RunLog) -> Verdict:
    """Check that no record was changed, and that the run gives the same records when played again.

    The world is the one in the log, the answers are the recorded ones; nothing is called. A log without an end
    (an interrupted run, or one that was cut) is not whole, and the verdict says so.

    Raises:
        RunLogError: if the log is longer than can be played again.
    """
    check_playable(log)
    turns = log.records.how_many(Turn)
    try:
        found = _checked(log)
    except RunLogError as error:
        found = _Wrong(error.record, str(error))
    except DefinitionError as error:
        found = _Wrong(0, f"record 0: its world cannot be used: {error}")
    if found is None:
        return Verdict(True, turns, log.trace)
    return Verdict(False, turns, log.trace, found.record, found.reason, found.prompt)


@dataclass(frozen=True)
class _Wrong:
    """The first thing that is wrong with a log."""

    record: int | None
    reason: str
    prompt: OtherPrompt | None = None


def _checked(log: RunLog) -> _Wrong | None:
    log.check_chain()
    if log.header.format < OLDEST:
        told = f"format {log.header.format}, from an older version: no record was changed, but {_OLD}"
        return _Wrong(0, f"record 0: {told}")
    comparison = Comparison(log)
    run = again(log, comparison)
    try:
        run.play()
    except Difference as difference:
        is_cut = difference.record >= len(log.records)
        return _Wrong(difference.record, _cut(log) if is_cut else str(difference))
    except PromptMismatch as error:
        return _Wrong(comparison.next, f"record {comparison.next}: {error}", other_prompt(error))
    except MismatchError as error:
        is_cut = comparison.next == len(log.records)
        return _Wrong(comparison.next, _cut(log) if is_cut else f"record {comparison.next}: {error}")
    except DefinitionError as error:
        missing = "missing; " if comparison.next == len(log.records) else ""
        return _Wrong(comparison.next, f"record {comparison.next}: {missing}{error}")
    if comparison.next < len(log.records):
        return _Wrong(comparison.next, f"record {comparison.next}: does not belong here; the run had ended")
    return None


def other_prompt(error: PromptMismatch) -> OtherPrompt:
    """What is known of a prompt that is not the recorded one."""
    request, now = error.request, error.request.prompt.parts
    parts = tuple(PartChange(name, None, now.get(name)) for name in error.parts or ())
    return OtherPrompt(
        request.situation.episode,
        request.turn,
        request.role,
        request.purpose,
        request.attempt,
        parts,
        request.prompt.messages,
    )


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
    for record in log.records.of(ResumedWith):
        if not set(record.models) <= set(header.models):
            raise RunLogError(
                f"record {record.seq}: names models of roles that the world does not have", record.seq
            )

    def models(told: Mapping[str, Mapping[str, Any]], since: int, is_last: bool) -> dict[str, Model]:
        return {role: watched(model) for role, model in recorded(Answers(log.records, since=since), told).items()}

    return Run(
        world,
        settings_of(world, header),
        models(header.models, 0, is_last=not header.forks),
        sink,
        outside=FromLog(log.records.of(Selection, LookUp)),
        log_format=header.format,
        changes=changes_of(world, header, log.records, models),
    )
