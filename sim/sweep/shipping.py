"""What a worker on another machine is given, and how it plays: no file of the driver's need be where it is."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sim.errors import DefinitionError, RunLogError, SimError
from sim.models import catalog
from sim.models.cache import Use
from sim.sweep.calls import kept_name
from sim.sweep.plan import Plan
from sim.sweep.rows import Done, log_name
from sim.sweep.worker import PARTS, Job, Worker

Played = tuple[Done, bytes | None]
"""A cell that is done, and its packed log where the worker does not write into the folder of the results."""


@dataclass(frozen=True)
class Shipment:
    """All that the workers of a sweep need: its plan with the code in it, and the text of ``models.yaml``.

    ``token`` is its own name; by a file of that name a worker sees whether it has the ``folder`` of the results.
    """

    token: str
    plan: Plan
    folder: Path
    cache: Use
    models: bytes | None
    version: str

    @classmethod
    def of(cls, token: str, plan: Plan, folder: Path, cache: Use) -> Shipment:
        """The shipment of a sweep.

        Raises:
            DefinitionError: if ``models.yaml`` cannot be read, or a key stands in it: keys are not sent.
        """
        return cls(token, plan, folder.resolve(), cache, _models(plan), version("roleplay-sim"))

    @property
    def mark(self) -> Path:
        """The file by which the folder is known."""
        return self.folder / PARTS / f"{self.token}.sweep"


def _models(plan: Plan) -> bytes | None:
    path = plan.models_file
    if path is None:
        return None
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DefinitionError(f"cannot read {path}: {error.strerror}") from None
    listed = catalog.load(path, text)
    for name, entry in listed.spec.models.items():
        if entry.key is not None and not entry.key.startswith("env:"):
            raise DefinitionError(
                f"{listed.where(name)}: the key of '{name}' stands in the file, and keys are not sent to workers; "
                "write env:NAME, and set NAME on every machine"
            )
    return text


def names_of(cell: int) -> tuple[str, str]:
    """The files of a cell in the folder of the results, until its row is written: its log, and a judge's calls."""
    return log_name(cell), kept_name(cell)


class Player:
    """Plays the cells of a shipment in one process: in the folder of the results, or in one of its own.

    ``node`` is the machine's name among all machines.
    """

    def __init__(self, shipment: Shipment, node: str) -> None:
        if version("roleplay-sim") != shipment.version:
            raise DefinitionError(
                f"{socket.gethostname()} has roleplay-sim {version('roleplay-sim')}, and the sweep is played with "
                f"{shipment.version}; all machines need the same"
            )
        self._is_shared = shipment.mark.is_file()
        self._own = None if self._is_shared else tempfile.TemporaryDirectory(prefix="sim-sweep-")
        self._folder = shipment.folder if self._own is None else Path(self._own.name)
        listed = catalog.load(shipment.plan.models_file, shipment.models)
        self._worker = Worker(
            shipment.plan,
            self._folder,
            os.getpid(),
            shipment.cache,
            process=f"{os.getpid()}-{node}",
            listed=listed,
        )
        try:
            self._worker.check_models()
        except DefinitionError as error:
            raise DefinitionError(f"{socket.gethostname()}: {error}") from None

    def play(self, job: Job, files: Mapping[str, bytes]) -> Played | SimError:
        """Play a cell, of which the driver may have ``files``; an error that is given back ends the sweep."""
        try:
            if self._is_shared:
                return self._worker.play(job), None
            return self._played_here(job, files)
        except SimError as error:
            return error
        except Exception as error:  # noqa: BLE001 - what breaks one run must not end the others
            return self._worker.lost(job.cell, f"its worker failed: {type(error).__name__}: {error}"), None

    def _played_here(self, job: Job, files: Mapping[str, bytes]) -> Played:
        path = self._folder / log_name(job.cell)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self._folder / name).write_bytes(data)
            done = self._worker.play(job)
            packed = path.read_bytes() if path.is_file() else None
            for name in names_of(job.cell):
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunLogError(f"{socket.gethostname()} cannot write {path}: {error.strerror}") from None
        return done, packed
