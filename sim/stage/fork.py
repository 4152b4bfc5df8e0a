"""A run that goes another way from a turn on: its log begins with the records of another, up to that turn.

The life of a fork: :func:`plan` says where and in which world, :meth:`Plan.cast` who answers from there on, and
:meth:`Plan.begin` writes the records that are inherited, all or none. Then it goes on like any run that stopped:
:func:`sim.stage.resume.resumed`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.errors import DefinitionError, RunLogError
from sim.models.budget import Budget
from sim.models.model import Model
from sim.record.log import LogWriter, RunLog, free_path
from sim.record.records import (
    OLDEST,
    AnyRecord,
    Call,
    EpisodeEnded,
    Fork,
    Header,
    Intervention,
    Recast,
    Selection,
    SummaryMade,
    Turn,
)
from sim.stage.casting import speakers
from sim.stage.exchange import MAX_ANSWER
from sim.stage.facts import facts_for
from sim.stage.fitting import check_room
from sim.stage.inheritance import Inheritance, inherit
from sim.stage.providers import Providers
from sim.stage.resume import cast_again, header_at_end, world_of
from sim.stage.run import settings_for
from sim.stage.selector import SELECTOR
from sim.world.kinds import to_json
from sim.world.library import in_language, revive
from sim.world.recast import Sheets, find_sheets, recast
from sim.world.world import World


@dataclass(frozen=True)
class Place:
    """A turn of an episode of a log, and how many records stand before it was asked for."""

    episode: int
    at: int
    inherited: int


def place_of(log: RunLog, at: int, episode: int | None = None, *, with_choice: bool = False) -> Place:
    """Where a fork at a turn begins; ``with_choice``, after it was chosen who speaks.

    Raises:
        RunLogError: if the log was changed, cannot be played again, or has no such turn.
    """
    log.check_chain()
    if log.header.format < OLDEST:
        raise RunLogError(
            f"{log.name} has format {log.header.format}; runs of format {OLDEST} and later can be forked"
        )
    episodes = sorted({r.episode for r in log.records if isinstance(r, Turn)}) or [1]
    if episode is None and len(episodes) > 1:
        raise RunLogError(f"{log.name} has {len(episodes)} episodes; which of them is to be forked?")
    number = episodes[0] if episode is None else episode
    turns = sum(isinstance(r, Turn) and r.episode == number for r in log.records)
    is_over = any(isinstance(r, EpisodeEnded) and r.episode == number for r in log.records)
    if not turns and number not in episodes:
        raise RunLogError(f"{log.name} has no episode {number}; it has {', '.join(map(str, episodes))}")
    if not 1 <= at <= turns + (not is_over):
        raise RunLogError(f"{log.name} has no turn {at}; it can be forked at 1 to {turns + (not is_over)}")
    return Place(number, at, _inherited(log.records, number, at, with_choice))


def _inherited(records: Sequence[AnyRecord], episode: int, at: int, with_choice: bool) -> int:
    """How many records stand before a turn was asked for.

    Where all speak at once, what was heard is summed up for all before the first is asked: that is kept as long as
    an answer of one who spoke before is to be kept.
    """
    own = [(i, r) for i, r in enumerate(records) if getattr(r, "episode", None) == episode]
    later = [(i, r) for i, r in own if getattr(r, "turn", 0) >= at and not _stands_before(r, at, with_choice)]
    if not later:
        return len(records)
    first = 1 + max((i for i, _ in own if i < later[0][0]), default=later[0][0] - 1)
    if any(isinstance(r, Call) and r.turn < at for i, r in own if i > first):
        first = next(i for i, r in later if not _is_digest(r))
    return first


def _stands_before(record: AnyRecord, at: int, with_choice: bool) -> bool:
    """Whether a record with the number of a turn belongs to what was before it."""
    if getattr(record, "turn", 0) > at:
        return False
    if isinstance(record, Intervention):
        return record.say is None
    is_choice = isinstance(record, Selection) or (isinstance(record, Call) and record.purpose == "selection")
    return with_choice and is_choice


def _is_digest(record: AnyRecord) -> bool:
    if isinstance(record, Call):
        return record.purpose == "digest"
    return isinstance(record, SummaryMade) and record.until is not None


@dataclass(frozen=True)
class Plan:
    """A fork that is not written yet.

    ``header`` is the parent's with those of its own forks that came before; ``world`` is what the run begins in,
    ``there`` the same with the personas that it has from the fork on.
    """

    log: RunLog
    place: Place
    header: Header
    world: World
    there: World
    personas: Sheets

    def cast(
        self,
        providers: Providers,
        given: Mapping[str, Model],
        *,
        human: Model | None = None,
        exec_folder: Path | None = None,
        seed: int | None = None,
    ) -> dict[str, Model]:
        """Who answers from the fork on: those given, by agent, role or ``*``; for all others who did before.

        Raises:
            DefinitionError: if somebody cannot.
        """
        draws = self.header.last_seed if seed is None else seed
        return cast_again(
            self.there, self._as_it_was(), providers, given, human=human, exec_folder=exec_folder, seed=draws
        )

    def _as_it_was(self) -> Header:
        """The header with the models that the parent had at the fork."""
        return header_at_end(self.log, self.place.inherited, self.header)

    def begin(
        self,
        cast: Mapping[str, Model],
        *,
        facts: Mapping[str, object] | None = None,
        say: str | None = None,
        seed: int | None = None,
        out: Path | None = None,
        budget: Budget | None = None,
    ) -> RunLog:
        """Write the log as far as it is inherited: all of that, or nothing.

        Args:
            cast: who answers from the fork on.
            facts: those that are set when the turn is about to be taken.
            say: the answer of the turn itself, in place of its model's.
            seed: what is drawn by from there on.
            out: where it goes; the first free name in ``runs/`` where not given.
            budget: what the new turns may take.

        Raises:
            DefinitionError: if a fact or the answer does not fit the world, or the recorded turns do not.
            RunLogError: if the log cannot be written.
        """
        place = self.place
        if say is not None and not facts and self._keeps_choice(cast):
            place = place_of(self.log, place.at, place.episode, with_choice=True)
        header = self._header(place, cast, facts or {}, say, seed)
        settings = settings_for(self.there, seed=header.last_seed, language=header.language, facts=header.facts)
        check_room(self.there, settings, cast)
        for path in _paths(out, self.world.name, header.last_seed):
            draft = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                with LogWriter(draft) as writer:
                    inherit(
                        self.log, header, self.world, Inheritance(self.log, place.inherited, writer, path), budget
                    )
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
                _publish(draft, path)
            except FileExistsError:
                continue  # another process was faster
            finally:
                draft.unlink(missing_ok=True)
            return RunLog.open(path)
        raise RunLogError(f"{out} is there already; a log is never overwritten")

    def _keeps_choice(self, cast: Mapping[str, Model]) -> bool:
        """Whether who speaks was chosen by one who would choose now, so that it need not be chosen again."""
        chooser = cast.get(SELECTOR)
        told = None if chooser is None else dict(chooser.description)
        return not self.personas and told == self._as_it_was().models.get(SELECTOR)

    def _header(
        self,
        place: Place,
        cast: Mapping[str, Model],
        facts: Mapping[str, object],
        say: str | None,
        seed: int | None,
    ) -> Header:
        """The header of the parent with one more fork."""
        header, before, models = self.log.header, self.header, self._as_it_was().models
        given = facts_for(self.there, facts)
        made = Fork(
            parent=self.log.name,
            trace=self.log.records[place.inherited - 1].hash,
            inherited=place.inherited,
            episode=place.episode,
            at=place.at,
            facts={name: to_json(value) for name, value in given.items()},
            say=None if say is None else say[:MAX_ANSWER].encode("utf-8", "replace").decode(),
            seed=seed if seed != before.last_seed else None,
            models={a: dict(m.description) for a, m in cast.items() if dict(m.description) != models.get(a)},
            personas={a: Recast(persona=name, sheet=dict(sheet)) for a, (name, sheet) in self.personas.items()},
            world=header.digest if in_language(self.world, header.language)[1] != header.digest else None,
        )
        opening = _opening(header, self.world)
        return header.model_copy(update={"forks": [*before.forks, made], "opening": opening})


def plan(
    log: RunLog,
    at: int,
    episode: int | None = None,
    *,
    world: World | None = None,
    folder: str | Path | None = None,
    personas: Mapping[str, str] | None = None,
) -> Plan:
    """Where a fork begins, and in which world: another version of it if one is given, with other personas.

    ``folder`` is where that version is: it may bring personas of its own.

    Raises:
        DefinitionError: if the world or a persona cannot be used.
        RunLogError: if the log was changed, cannot be played again, or has no such turn.
    """
    place = place_of(log, at, episode)
    header = log.header
    before = [f for f in header.forks if f.episode != place.episode or f.at <= place.at]
    before = [f if f.at < place.at else f.model_copy(update={"say": None}) for f in before]
    base = world or world_of(log)
    if set(speakers(base)) != set(header.models):
        raise DefinitionError(f"{base.name} has another cast than {log.name}: {', '.join(speakers(base))}")
    sheets = find_sheets(base, personas or {}, folder)
    old = {a: (p.persona, p.sheet) for f in before for a, p in f.personas.items()}
    there = recast(base, {**old, **sheets})
    return Plan(log, place, header.model_copy(update={"forks": before}), base, there, sheets)


def _paths(out: Path | None, world: str, seed: int) -> Iterator[Path]:
    """Where the log may go: where it is told to, or under the first name that is free when it is written."""
    if out is not None:
        yield from [] if os.path.lexists(out) else [out]
        return
    while True:
        yield free_path(Path("runs"), world, seed)


def _publish(draft: Path, path: Path) -> None:
    """Give a file its name, all at once, unless another has it."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError from None
        try:
            draft.rename(path)
        except OSError as error:
            raise RunLogError(f"cannot write {path}: {error.strerror}") from None


def _opening(header: Header, world: World) -> str:
    """What opens the scene: if that was the world's own opening, the one of its new version."""
    if in_language(world, header.language)[1] == header.digest:
        return header.opening
    parents = revive(header.resolved, header.variant)
    is_own = settings_for(parents, language=header.language).opening == header.opening
    return settings_for(world, language=header.language).opening if is_own else header.opening
