"""Many visits in one run: the hospital's day with 100, 1,000 and 10,000 scripted episodes, each in its group chat.

Run: python bench/episodes.py [--most 10000] [--folder DIR]

Each size is played as `sim run` plays it, in a process of its own, and its log is verified in another; so the peak
memory is that of one run. Turns a second are by the processor's time, which other work on the machine disturbs
less; the wall clock is printed beside it. Nothing closes, and patients arrive at a rate that the one doctor can
serve for ever, not at the morning's, at which the queue grows until nobody comes any more.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = (100, 1_000, 10_000)
PER_HOUR = 3


def play(path: Path, episodes: int) -> dict[str, Any]:
    """Play so many episodes into a log; how many turns were taken, and the most episodes at a time."""
    from sim.engine import tokens  # noqa: PLC0415 - each process loads what it needs
    from sim.models.scripted import Scripted  # noqa: PLC0415
    from sim.record.log import LogWriter  # noqa: PLC0415
    from sim.stage.adapter import chat  # noqa: PLC0415
    from sim.stage.run import Run, settings_for  # noqa: PLC0415
    from sim.world.library import load, revive  # noqa: PLC0415

    logging.disable(logging.WARNING)
    resolved = json.loads(json.dumps(load("hospital_visit", variant="day").resolved))
    resolved["world"]["arrivals"] = {"per_hour": PER_HOUR, "episodes": 1}
    for queue in resolved["world"]["resources"].values():
        queue.pop("open")
    world = revive(resolved, "day")
    tokens.count("load the vocabulary first: it is loaded once in a process")
    counts = {"turns": 0, "open": 0, "most": 0}
    outcomes: Counter[str] = Counter()

    def listen(record: dict[str, Any]) -> None:
        counts["turns"] += record["type"] == "turn"
        counts["open"] += (record["type"] == "episode_started") - (record["type"] == "episode_ended")
        counts["most"] = max(counts["most"], counts["open"])
        outcomes.update([record["outcome"]] if record["type"] == "episode_ended" else [])

    with LogWriter(path) as log:
        settings = settings_for(world, seed=1, episodes=episodes)
        run = Run(world, settings, dict.fromkeys(world.agents, Scripted()), log, listen)
        taken = timed(lambda: chat.play(run))
    return {**counts, **taken, "outcomes": ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.items())}


def verified(path: Path) -> dict[str, Any]:
    """Verify a log."""
    from sim.read.verify import verify  # noqa: PLC0415
    from sim.record.log import RunLog  # noqa: PLC0415

    found: list[Any] = []
    taken = timed(lambda: found.append(verify(RunLog.open(path))))
    return {"ok": found[0].ok, "reason": found[0].reason, **taken}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """The seconds that it takes, by the processor and by the clock, and the megabytes before and at the most."""
    before = _peak()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_s": cpu, "wall_s": wall, "before_mb": before, "peak_mb": _peak()}


def _peak() -> float:
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def in_its_own_process(*words: object) -> dict[str, Any]:
    """What this file prints when it is run with some words."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest number of episodes")
    parser.add_argument("--folder", type=Path, help="where the logs are kept; nowhere if left out")
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS, metavar=("WHAT", "LOG", "EPISODES"))
    given = parser.parse_args()
    if given.part:
        what, log, episodes = given.part
        print(json.dumps(play(Path(log), int(episodes)) if what == "play" else verified(Path(log))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        rates = []
        for episodes in (n for n in SIZES if n <= given.most):
            log = folder / f"day-{episodes}.jsonl"
            run = in_its_own_process("--part", "play", log, episodes)
            check = in_its_own_process("--part", "verify", log, 0)
            rates.append(run["turns"] / run["cpu_s"])
            print(
                f"{episodes:6,} visits: {run['outcomes']}, {run['turns']:,} turns, "
                f"{rates[-1]:,.0f} turns a second of the processor "
                f"({run['turns'] / run['wall_s']:,.0f} by the clock), at most {run['most']} at a time, "
                f"{run['peak_mb']:.0f} MB at the most ({run['before_mb']:.0f} MB when it began), "
                f"log {log.stat().st_size / 1e6:.1f} MB\n"
                f"               {'verified' if check['ok'] else 'NOT VERIFIED: ' + check['reason']} in "
                f"{check['cpu_s']:.1f} s of the processor, {check['peak_mb']:.0f} MB at the most",
                flush=True,
            )
        print(f"largest against smallest: {rates[0] / rates[-1]:.2f} times the cost of a turn")


if __name__ == "__main__":
    main()
