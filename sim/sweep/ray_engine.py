"""Where cells are played on many machines: on a Ray cluster that is there, or on one of this machine alone.

Each cell is a task. One whose worker or machine dies is begun again by Ray itself, wherever there is room; an actor
would bind it to its own machine. What the workers share is put into Ray's object store once. Ray is an extra, and
imported only here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from sim.errors import DefinitionError, RunLogError, SimError
from sim.models.cache import Use
from sim.sweep.engines import TRIES, Source
from sim.sweep.plan import Plan
from sim.sweep.rows import Done, log_name
from sim.sweep.shipping import Played, Player, Shipment, names_of
from sim.sweep.worker import Job, Worker

CONNECT_S = 5.0
"""How long the port of a cluster is waited for."""

ANSWER_S = 30.0
"""How long a cluster may take to let a driver in; left to itself, Ray tries for minutes."""

STORE_BYTES = 100_000_000
"""The object store of a cluster of our own: it holds a plan, and rows on their way."""

_LOOK_S = 5.0
"""How often it is asked how many processors a cluster has, for it may grow."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what its daemons print of a worker that died; its row tells
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a change to come
}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""With this a cluster is one machine's, and all its ports are on the loopback interface."""


class Ray:
    """Plays cells as tasks of a Ray cluster; entered, it is connected, and left, it is gone.

    With no ``address`` (and none in ``RAY_ADDRESS``) a cluster of this machine alone is begun for as long, with
    ``workers`` processes. ``address`` is ``HOST:PORT``, or ``auto`` for a cluster that this machine belongs to; as
    many cells are then played at once as it has processors, or ``workers``.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS") or None
        self._ray: Any = None
        self._places, self._looked = 0, 0.0

    def __enter__(self) -> Ray:
        """Connect.

        Raises:
            DefinitionError: if Ray is not installed, no cluster answers, or it has no processor.
        """
        self._ray = _imported(is_local=self._address is None)
        own: dict[str, Any] = {}
        if self._address is None:
            own = {"num_cpus": self._workers, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        else:
            _check_answers(self._address)
        self._connect(own)
        if self._most() < 1:
            self._ray.shutdown()
            raise DefinitionError(
                f"the cluster at {self._address} has no processor; -j says how many there will be"
            )
        return self

    def _connect(self, own: dict[str, Any], tries: int = 2) -> None:
        """Connect; once more if that failed, for Ray gives its daemons 30 s, and a busy machine may need longer."""
        try:
            self._ray.init(self._address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:  # noqa: BLE001 - Ray raises plain ones
            self._ray.shutdown()
            if tries > 1:
                self._connect(own, tries - 1)
                return
            where = f"at {self._address} cannot be used" if self._address else "of this machine cannot be begun"
            raise DefinitionError(f"the Ray cluster {where}: {_reason(error)}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; a cluster that was begun here ends."""
        self._ray.shutdown()

    def play(self, plan: Plan, folder: Path, jobs: Source, cache: Use = "off") -> Iterator[Done]:
        """The cells as they are done.

        Raises:
            SimError: what a worker cannot go on after; DefinitionError if none can play.
        """
        shipment = Shipment.of(secrets.token_hex(8), plan, folder, cache)
        _put(shipment.mark, b"")
        under_way: dict[Any, Job] = {}
        try:
            sent = self._ray.put(shipment)
            serve = self._ray.remote(num_cpus=1, max_retries=TRIES - 1)(_serve)
            while True:
                while len(under_way) < self._most() and (job := jobs.take()) is not None:
                    # It may have been begun, by a worker that died; in a list the shipment is not read each time.
                    again = replace(job, is_again=True)
                    under_way[serve.remote([sent], shipment.token, again, _files_of(shipment, job))] = job
                if not under_way:
                    return
                for reference in self._ready(list(under_way)):
                    yield self._received(reference, under_way.pop(reference), shipment)
        finally:
            for reference in under_way:
                self._ray.cancel(reference, force=True)
            shipment.mark.unlink(missing_ok=True)

    def _most(self) -> int:
        """How many cells may be under way: as many as are played at once, and those that wait for their turn."""
        if time.monotonic() - self._looked > _LOOK_S or not self._places:
            self._places = int(self._ray.cluster_resources().get("CPU", 0))
            self._looked = time.monotonic()
        workers = self._workers if self._workers is not None else self._places
        return workers if workers < self._places else workers + self._places

    def _ready(self, references: list[Any]) -> list[Any]:
        """Those that are done, one at least; so few that the list is not gone through for each of many."""
        self._ray.wait(references, num_returns=1)
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return list(ready)

    def _received(self, reference: Any, job: Job, shipment: Shipment) -> Done:
        errors = self._ray.exceptions
        try:
            told: Played | SimError = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError):
            worker = Worker(shipment.plan, shipment.folder, 0)
            return worker.lost(job.cell, f"the process of its worker died, {TRIES} times")
        except errors.RayError as error:
            raise DefinitionError(f"the workers of the cluster cannot play: {_reason(error)}") from None
        if isinstance(told, SimError):
            raise told
        done, log = told
        if log is not None:
            _put(shipment.folder / log_name(done.cell), log)
        return done


def _serve(sent: list[Any], token: str, job: Job, files: Mapping[str, bytes]) -> Played | SimError:
    """What runs in a worker: a process keeps the worlds that it has compiled from one cell to the next."""
    import ray  # noqa: PLC0415 - an extra

    try:
        if token not in _PLAYERS:
            _PLAYERS.clear()
            _PLAYERS[token] = Player(ray.get(sent[0]), ray.get_runtime_context().get_node_id())
    except SimError as error:
        return error
    return _PLAYERS[token].play(job, files)


_PLAYERS: dict[str, Player] = {}
"""What this process plays, where it is a worker: of the last sweep alone."""


def _files_of(shipment: Shipment, job: Job) -> dict[str, bytes]:
    """What there is of a cell that was played before, for a worker that has no folder of the results."""
    found: dict[str, bytes] = {}
    for name in names_of(job.cell) if job.is_again else ():
        with contextlib.suppress(OSError):
            found[name] = (shipment.folder / name).read_bytes()
    return found


def _put(path: Path, data: bytes) -> None:
    """Write a file, which is there whole or not at all."""
    part = path.with_suffix(".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise RunLogError(f"cannot write {path}: {error.strerror}") from None


def _imported(*, is_local: bool) -> Any:
    """Ray, which reads how it is to be when it is imported."""
    os.environ.update(_QUIET | (_LOOPBACK if is_local else {}))
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError:
        raise DefinitionError("--engine ray needs the extra 'ray': pip install 'roleplay-sim[ray]'") from None
    return ray


_PROBE = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR')"


def _check_answers(address: str) -> None:
    """Check that a cluster lets a driver in: another process tries, for it could not be stopped in this one.

    Raises:
        DefinitionError: if none does.
    """
    if address.startswith("ray://"):
        raise DefinitionError(
            f"{address} is for interactive sessions, and a sweep would end with its connection; run it on a "
            "machine of the cluster with --address auto, by hand or by 'ray job submit'"
        )
    host, _, port = address.rpartition(":")
    if address != "auto":
        if not host or not port.isdecimal():
            raise DefinitionError(
                f"'{address}' is no address of a Ray cluster; it looks like 10.0.0.1:6379, or auto"
            )
        try:
            socket.create_connection((host, int(port)), CONNECT_S).close()
        except (OSError, OverflowError) as error:
            raise DefinitionError(f"no Ray cluster answers at {address}: {_reason(error)}") from None
    try:
        command = [sys.executable, "-c", _PROBE, address]
        subprocess.run(command, capture_output=True, check=True, timeout=ANSWER_S)  # noqa: S603 - this Python
    except subprocess.TimeoutExpired:
        raise DefinitionError(f"no Ray cluster answers at {address} within {ANSWER_S:.0f} s") from None
    except subprocess.CalledProcessError as error:
        told = _reason(error.stderr.decode("utf-8", "replace"))
        if address == "auto" and told.startswith("ConnectionError"):
            told = "this machine belongs to none; 'ray start --head' begins one, --address HOST:PORT names another"
        elif "Failed to connect" in told:
            told += "; one that asks for a token needs RAY_AUTH_MODE=token here too"
        raise DefinitionError(f"no Ray cluster is at {address}: {told}") from None


def _reason(error: object) -> str:
    """The last line of what Ray says, which comes after a trace where there is one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
