"""The records that a fork has from its parent: played again on the recorded answers, and written anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, MismatchError
from sim.models.budget import Budget
from sim.models.model import Model
from sim.models.outside import FromLog
from sim.models.recorded import Answers, recorded
from sim.record.comparison import Difference, compared
from sim.record.log import LogWriter, RunLog
from sim.record.records import Header
from sim.stage.changes import changes_of
from sim.stage.run import Run, settings_of
from sim.world.world import World


class _Parted(Exception):
    """The first record that is not inherited; ``refused`` says why the answer that was given is not valid."""

    def __init__(self, refused: str = "") -> None:
        super().__init__(refused)
        self.refused = refused


class Inheritance:
    """Takes the records of a fork as long as they are its parent's, and stops where the two part."""

    def __init__(self, parent: RunLog, count: int, then: LogWriter, path: Path) -> None:
        self.path: Path | None = path
        self.next = 0
        self._parent = parent
        self._count = count
        self._then = then

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write a record that is inherited.

        Raises:
            Difference: if the parent has another one in its place.
        """
        if self.next == 0:
            self.next = 1
            return self._then.append(kind, fields, measured)
        if self.next >= self._count:
            if kind == "intervention":  # what is changed is told when the run goes on
                return {"seq": self.next, "type": kind, **fields}
            raise _Parted("; ".join(fields["reasons"]) if kind == "refusal" else "")
        compared(self._parent, self.next, kind, fields)
        written = self._then.append(kind, fields, self._parent.records[self.next].measured)
        self.next += 1
        return written

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Nothing is kept: nobody is asked."""


def inherit(log: RunLog, header: Header, world: World, sink: Inheritance, budget: Budget | None) -> None:
    """Play a run on recorded answers up to its fork, so that what is inherited fits what comes after.

    Raises:
        DefinitionError: if it does not, or the answer that is given for the turn is not valid.
    """
    made = header.forks[-1]
    records = log.records[: made.inherited]

    def models(told: Mapping[str, Mapping[str, Any]], since: int, is_last: bool) -> dict[str, Model]:
        return dict(recorded(Answers(records, since=since), told))

    run = Run(
        world,
        settings_of(world, header),
        models(header.models, 0, is_last=False),
        sink,
        outside=FromLog(records),
        budget=budget,
        changes=changes_of(world, header, records, models),
    )
    try:
        run.play()
    except _Parted as parted:
        if parted.refused:
            raise DefinitionError(f"what is to be said at turn {made.at} is not valid: {parted.refused}") from None
        return
    except MismatchError as error:
        if sink.next >= made.inherited:
            return
        where = "" if isinstance(error, Difference) else f"record {sink.next}: "
        its = f"that version of {world.name}" if made.world is not None else "their world"
        raise DefinitionError(f"the recorded turns do not fit {its}: {where}{error}") from None
    raise DefinitionError(f"the run ended before turn {made.at}")
