"""How many 8-player werewolf games a sweep plays a second, with one worker and two, and what memory it takes.

Run: python bench/sweeps.py [--games 400] [--workers 1,2]

Each game is scripted and logged, and its log packed. The rate is that between the first row and the last, so
without the second in which workers start. Processor time a game is that of all workers together; it tells more
where others use the machine. Memory is what the parent and its largest worker hold (RSS) at each tenth of them,
as /proc has it, so on Linux alone. A worker grows for its first 1,000 games or so, until its table of counted
tokens is full.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import SimError
from sim.sweep.engines import Pool
from sim.sweep.plan import read_plan
from sim.sweep.results import Results
from sim.sweep.rows import Done
from sim.sweep.running import sweep

EXPERIMENT = "experiment: games\nworld: werewolf\nlang: en\nseeds: {games}\n"


def held(process: int | None) -> float:
    """The megabytes that a process holds; 0 where that is not told."""
    path = Path(f"/proc/{process}/statm")
    if not path.is_file():
        return 0.0
    return int(path.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@dataclass
class Watch:
    """Notes when rows come, and how much memory is held at each tenth."""

    games: int
    first: float = 0.0
    last: float = 0.0
    count: int = 0
    memory: list[tuple[int, float, float]] = field(default_factory=list)

    def __call__(self, done: Done | None, _: Results) -> None:
        """Take a row."""
        if done is None:
            return
        self.count += 1
        self.last = time.perf_counter()
        self.first = self.first or self.last
        if self.count % max(1, self.games // 10) == 0:
            workers = [held(child.pid) for child in multiprocessing.active_children()]
            self.memory.append((self.count, held(os.getpid()), max(workers, default=0.0)))

    @property
    def rate(self) -> float:
        """Games a second, from the first row to the last."""
        return (self.count - 1) / (self.last - self.first)


def played(games: int, workers: int) -> tuple[Watch, float]:
    """Play so many games with so many workers; what was noted, and processor seconds of a game."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "games.yaml"
        file.write_text(EXPERIMENT.format(games=games), encoding="utf-8")
        watch, before = Watch(games), resource.getrusage(resource.RUSAGE_CHILDREN)
        sweep(read_plan(file), Path(name) / "results", Pool(workers), watch=watch)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return watch, seconds / games


def main() -> None:
    """Print a table of rates, and one of memory."""
    parser = argparse.ArgumentParser(description="Time sweeps of werewolf games.")
    parser.add_argument("--games", type=int, default=400, help="how many games each sweep has")
    parser.add_argument("--workers", default="1,2", help="how many workers, with commas")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    found = {int(n): played(options.games, int(n)) for n in options.workers.split(",")}
    slowest = next(iter(found.values()))[0].rate
    print("| workers | games a second | against the first | processor s a game |")
    print("|---:|---:|---:|---:|")
    for workers, (watch, seconds) in found.items():
        print(f"| {workers} | {watch.rate:.1f} | {watch.rate / slowest:.2f} | {seconds:.3f} |")
    print("\n| workers | games | parent, MB | largest worker, MB |")
    print("|---:|---:|---:|---:|")
    for workers, (watch, _) in found.items():
        for count, parent, worker in watch.memory:
            print(f"| {workers} | {count:,} | {parent:.0f} | {worker:.0f} |")


if __name__ == "__main__":
    try:
        main()
    except SimError as error:
        raise SystemExit(str(error)) from None
