"""How many 8-player werewolf games a sweep plays a second, with one worker and two, and what memory it takes.

Run: python bench/sweeps.py [--games 400] [--workers 1,2] [--engine local|ray]

Each game is scripted and logged, and its log packed. The rate is that between the first row and the last, so
without the second in which workers start. Processor time a game is that of all workers together; it tells more
where others use the machine. Memory is what the parent and its largest worker hold (RSS) at each tenth of them,
as /proc has it, so on Linux alone. A worker grows for its first 1,000 games or so, until its table of counted
tokens is full. On a local Ray cluster neither the workers' memory nor their processor time is seen from here.

At last it prints what a million games would take with so many workers, each with a processor of its own (on Ray: at
the rate that was measured). They share nothing but the driver, which writes the rows: how many a second it can is
reckoned from the processor time that it takes for one.
"""

from __future__ import annotations

import argparse
import contextlib
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
from sim.sweep.ray_engine import Ray
from sim.sweep.results import Results
from sim.sweep.rows import Done
from sim.sweep.running import sweep

MANY = 1_000_000
LIMIT = 200_000
"""Tokens a minute that a model may be asked for: what an account of a provider often has."""

EXPERIMENT = "experiment: games\nworld: werewolf\nlang: en\nseeds: {games}\n"


def held(process: int | None) -> float:
    """The megabytes that a process holds; 0 where that is not told."""
    path = Path(f"/proc/{process}/statm")
    if not path.is_file():
        return 0.0
    return int(path.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@dataclass
class Watch:
    """Notes when rows come, what the parent takes meanwhile, and how much memory is held at each tenth."""

    games: int
    first: float = 0.0
    last: float = 0.0
    began: float = 0.0
    parent_s: float = 0.0
    count: int = 0
    memory: list[tuple[int, float, float]] = field(default_factory=list)

    def __call__(self, done: Done | None, _: Results) -> None:
        """Take a row."""
        if done is None:
            return
        self.count += 1
        self.last, spent = time.perf_counter(), time.process_time()
        self.first, self.began = self.first or self.last, self.began or spent
        self.parent_s = spent - self.began
        if self.count % max(1, self.games // 10) == 0:
            workers = [held(child.pid) for child in multiprocessing.active_children()]
            self.memory.append((self.count, held(os.getpid()), max(workers, default=0.0)))

    @property
    def rate(self) -> float:
        """Games a second, from the first row to the last."""
        return (self.count - 1) / (self.last - self.first)

    @property
    def most(self) -> float:
        """The rows a second for which the parent would need a whole processor."""
        return (self.count - 1) / self.parent_s


@dataclass(frozen=True)
class Played:
    """A sweep: what was noted, and of one game the processor seconds, the bytes on disk and the tokens."""

    watch: Watch
    seconds: float
    size: float
    tokens: float


def played(games: int, workers: int, engine: str) -> Played:
    """Play so many games with so many workers."""
    with tempfile.TemporaryDirectory() as name:
        file, out = Path(name) / "games.yaml", Path(name) / "results"
        file.write_text(EXPERIMENT.format(games=games), encoding="utf-8")
        watch, before = Watch(games), resource.getrusage(resource.RUSAGE_CHILDREN)
        with Ray(workers) if engine == "ray" else contextlib.nullcontext(Pool(workers)) as plays:
            done = sweep(read_plan(file), out, plays, watch=watch)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Played(watch, seconds / games, size / games, done.totals.tokens / games)


def estimate(found: dict[int, Played], engine: str) -> None:
    """Print what many games would take, by the sweep whose workers were the slowest."""

    def rate_of(workers: int) -> float:
        one = found[workers]
        return 1 / one.seconds if engine == "local" else one.watch.rate / workers

    slowest = min(found, key=rate_of)
    one, rate, most = found[slowest], rate_of(slowest), found[slowest].watch.most
    print(f"\n{MANY:,} games, at {rate:.1f} a second and worker and at most {most:,.0f} a second in all:\n")
    print("| workers | hours |")
    print("|---:|---:|")
    for number in sorted({*found, 16, 128, 1024}):
        print(f"| {number:,} | {MANY / min(number * rate, most) / 3600:,.1f} |")
    print(
        f"\nOn disk they take {MANY * one.size / 1e9:,.0f} GB. From a model that answers {LIMIT:,} tokens a minute,"
    )
    print(f"such games, of {one.tokens:,.0f} tokens each, would take {MANY * one.tokens / LIMIT / 1440:,.0f} days.")


def main() -> None:
    """Print a table of rates, one of memory, and one of what many games would take."""
    parser = argparse.ArgumentParser(description="Time sweeps of werewolf games.")
    parser.add_argument("--games", type=int, default=400, help="how many games each sweep has")
    parser.add_argument("--workers", default="1,2", help="how many workers, with commas")
    parser.add_argument("--engine", choices=["local", "ray"], default="local", help="what plays")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    found = {int(n): played(options.games, int(n), options.engine) for n in options.workers.split(",")}
    slowest = next(iter(found.values())).watch.rate
    print("| workers | games a second | against the first | processor s a game | of the parent, ms |")
    print("|---:|---:|---:|---:|---:|")
    for workers, one in found.items():
        rate, own = one.watch.rate, "" if options.engine == "ray" else f"{one.seconds:.3f}"
        print(f"| {workers} | {rate:.1f} | {rate / slowest:.2f} | {own} | {1000 / one.watch.most:.2f} |")
    print("\n| workers | games | parent, MB | largest worker, MB |")
    print("|---:|---:|---:|---:|")
    for workers, one in found.items():
        for count, parent, worker in one.watch.memory:
            print(f"| {workers} | {count:,} | {parent:.0f} | {f'{worker:.0f}' if worker else ''} |")
    estimate(found, options.engine)


if __name__ == "__main__":
    try:
        main()
    except SimError as error:
        raise SystemExit(str(error)) from None
