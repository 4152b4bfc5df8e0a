"""How much of the waiting for a model is hidden where many visits overlap: real HTTP, one second a call.

Run: python bench/waiting.py [--patients 100] [--delay 1.0] [--parallel 128] [--setting enough|day|both]

Two settings of the hospital's day: staff enough for everybody, who all come at once; and the real one, whose
patients come one by one and wait for the one doctor. A server in another process answers each call after the delay.
From the log follows the longest chain of calls each of which had to wait for the one before: of the same visit, by
handing over a resource, or because it begins at a later simulated minute than that at which the other ended. No run
can be quicker than that. Then the same run is made with one call at a time, by the same server without delay; the
two logs must be equal byte for byte but for what is measured.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import tempfile
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from server import CountingServer

from sim.models import catalog
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call, ResourceNote, Turn
from sim.stage.adapter import chat
from sim.stage.providers import Providers
from sim.stage.run import Run, settings_for
from sim.world.library import load, revive
from sim.world.world import World

KEY = "WAITING_BENCH_KEY"


class SlowServer(CountingServer):
    """Answers after a delay, which another process may change, and counts the most requests at a time."""

    def __init__(self, delay_s: Any, most: Any) -> None:
        self._delay_s = delay_s
        self._most = most
        self._open = 0
        super().__init__()

    def respond(self, handler: BaseHTTPRequestHandler, number: int, request: dict[str, Any]) -> None:
        """Answer a request."""
        begun = time.monotonic()
        with self._lock:
            self._open += 1
            self._most.value = max(self._most.value, self._open)
        answer = json.dumps(self.answer(request)).encode()
        time.sleep(max(0.0, self._delay_s.value - (time.monotonic() - begun)))
        with self._lock:
            self._open -= 1
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)


def _serve(delay_s: Any, most: Any, told: Any) -> None:
    server = SlowServer(delay_s, most)
    told.put(server.url)
    while True:
        time.sleep(3600)


@dataclass
class Other:
    """The server in another process."""

    url: str
    delay_s: Any
    most: Any


@contextmanager
def served() -> Iterator[Other]:
    """A server in another process, so that its work is not that of the run."""
    context = multiprocessing.get_context("spawn")
    delay_s, most, told = context.Value("d", 0.0), context.Value("i", 0), context.Queue()
    process = context.Process(target=_serve, args=(delay_s, most, told), daemon=True)
    process.start()
    try:
        yield Other(told.get(timeout=60), delay_s, most)
    finally:
        process.terminate()


def hospital(setting: str) -> World:
    """The hospital's day, or one with staff enough for everybody, who all come at once."""
    world = load("hospital_visit", variant="day")
    if setting == "day":
        return world
    resolved = json.loads(json.dumps(world.resolved))
    spec = resolved["world"]
    spec["arrivals"] = {"every": 0, "episodes": 1}
    for resource in spec["resources"].values():
        resource["capacity"] = 10_000
    return revive(resolved, "day")


def play(world: World, url: str, path: Path, patients: int, parallel: int) -> float:
    """Play a day into a log; the seconds that it took."""
    os.environ[KEY] = "none"
    model = Providers(catalog.load(), url, KEY).model("waiting")
    with LogWriter(path) as log:
        settings = settings_for(world, seed=1, episodes=patients)
        run = Run(world, settings, dict.fromkeys(world.agents, model), log, parallel=parallel)
        started = time.perf_counter()
        chat.play(run)
        return time.perf_counter() - started


@dataclass(frozen=True)
class Chain:
    """Calls that had to wait for each other: in all, of one visit, and the longest chain."""

    calls: int
    visit: int
    longest: int


def chain_of(log: RunLog) -> Chain:
    """What follows from a log.

    A turn begins its minutes before it ended. Within one instant it waits for its own visit, and for who handed
    over what it needs; all else of that instant may have come after it.
    """
    calls = Counter((r.episode, r.turn) for r in log.records if isinstance(r, Call))
    ends: list[float] = []
    longest: list[int] = []
    own: Counter[int] = Counter()
    visits: Counter[int] = Counter()
    before: Counter[int] = Counter()
    freed: dict[tuple[str, float], int] = {}
    for record in log.records:
        if isinstance(record, ResourceNote):
            key = (record.resource, record.time)
            if record.event == "released":
                freed[key] = max(freed.get(key, 0), own[record.episode])
            elif record.event == "granted" and record.waited:
                before[record.episode] = max(before[record.episode], freed.get(key, 0))
        elif isinstance(record, Turn):
            began = round(record.time - record.minutes, 2)
            earlier = bisect_left(ends, began)
            weight = calls[record.episode, record.turn]
            visits[record.episode] += weight
            waited = max(own[record.episode], before[record.episode], longest[earlier - 1] if earlier else 0)
            own[record.episode] = waited + weight
            ends.append(record.time)
            longest.append(max(own[record.episode], longest[-1] if longest else 0))
    return Chain(calls.total(), max(visits.values()), longest[-1])


def is_same(first: RunLog, second: RunLog) -> bool:
    """Whether two logs have the same bytes, but for what is measured."""
    return [first.line(i) for i in range(len(first.records))] == [
        second.line(i) for i in range(len(second.records))
    ]


def measure(setting: str, other: Other, folder: Path, given: argparse.Namespace) -> None:
    """Print what one setting comes to."""
    world = hospital(setting)
    other.delay_s.value, other.most.value = given.delay, 0
    paths = [folder / f"{setting}-{how}.jsonl" for how in ("together", "alone")]
    wall_s = play(world, other.url, paths[0], given.patients, given.parallel)
    in_flight = other.most.value
    log = RunLog.open(paths[0])
    chain = chain_of(log)
    chain_s = chain.longest * given.delay
    other.delay_s.value = 0.0
    play(world, other.url, paths[1], given.patients, 1)
    names = {"enough": "staff enough, all at once", "day": "the real day"}
    print(
        f"{names[setting]}: {given.patients} patients, {chain.calls:,} calls of {given.delay:g} s\n"
        f"  longest chain {chain.longest:,} calls, {chain_s:.0f} s (the longest visit alone: {chain.visit} calls)\n"
        f"  wall time {wall_s:.1f} s, {wall_s / chain_s:.2f} times the chain; "
        f"{chain.calls * given.delay / wall_s:.1f} times as fast as one at a time; "
        f"at most {in_flight} calls in flight\n"
        f"  the log {'is that' if is_same(log, RunLog.open(paths[1])) else 'IS NOT THAT'} of one call at a time",
        flush=True,
    )


def main() -> None:
    """Print what the settings come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--delay", type=float, default=1.0, help="seconds a call")
    parser.add_argument("--parallel", type=int, default=128, help="the most calls in flight")
    parser.add_argument("--setting", choices=["enough", "day", "both"], default="both")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with served() as other, tempfile.TemporaryDirectory() as folder:
        for setting in ("enough", "day") if given.setting == "both" else (given.setting,):
            measure(setting, other, Path(folder), given)


if __name__ == "__main__":
    main()
