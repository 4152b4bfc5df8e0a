"""How long it takes to list and to cost 1,000 logs of 100 turns, and to show a turn of a log of 100,000 records.

Also how much smaller such logs get when they are packed.

Run: python bench/reading.py [--logs 1000] [--records 100000] [--folder DIR]

The 1,000 logs are a scripted game of werewolf for twelve, its turns repeated until there are 100 of them, numbered
and hashed as one run, in as many files. The long log is a scripted talk of five. Each command is a process of its
own, as a user runs it, so the time has all the imports in it. With ``--folder`` the logs are kept there, and used
again.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backports import zstd
from overhead import talk

from sim.models.scripted import Scripted
from sim.record.log import LogWriter
from sim.stage.run import Run, settings_for
from sim.world.library import load

TURNS = 100


def write(records: Iterable[dict[str, Any]], path: Path) -> None:
    """Write records as a log whose numbers and hashes all fit."""
    previous = ""
    with path.open("w", encoding="utf-8") as file:
        for number, record in enumerate(records):
            fields = {k: v for k, v in record.items() if k not in {"seq", "hash", "measured"}}
            body = json.dumps({"seq": number, **fields}, ensure_ascii=False, separators=(",", ":"))[:-1]
            previous = hashlib.sha256((previous + body).encode()).hexdigest()
            file.write(f'{body},"hash":"{previous}"}}\n')


def repeated(records: list[dict[str, Any]], turns: int) -> list[dict[str, Any]]:
    """A run's records with those between its beginning and its end repeated, up to so many turns."""
    first = [r for r in records if r["type"] in {"header", "episode_started"}]
    last = [r for r in records if r["type"] in {"episode_ended", "run_ended"}]
    middle = [r for r in records if r not in first and r not in last]
    played = sum(r["type"] == "turn" for r in middle)
    found = first
    for lap in range(-(-turns // played)):
        for record in middle:
            if record["turn"] + lap * played <= turns:
                found = [*found, record | {"turn": record["turn"] + lap * played}]
    return [*found, *({**r, "turns": turns} for r in last)]


def many(folder: Path, count: int) -> None:
    """The logs that are listed."""
    world = load("werewolf", variant="twelve")
    game = folder / "game.jsonl"
    with LogWriter(game) as log:
        Run(world, settings_for(world, seed=7), dict.fromkeys(world.agents, Scripted()), log).play()
    records = [json.loads(line) for line in game.read_bytes().splitlines()]
    game.unlink()
    for number in range(count):
        header = records[0] | {"seed": number}
        write(repeated([header, *records[1:]], TURNS), folder / f"werewolf-s{number}-1.jsonl")


def long(folder: Path, records: int) -> Path:
    """The log of which a turn is shown."""
    world = load(talk(folder / "world", records // 2 - 2))
    path = folder / "long.jsonl"
    with LogWriter(path) as log:
        Run(world, settings_for(world), dict.fromkeys(world.agents, Scripted()), log).play()
    return path


def measured(folder: Path, *words: str) -> str:
    """The best of three: seconds, and the memory of the largest process so far."""
    command = [sys.executable, "-c", "from sim.cli import main; main()", *words]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - started)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return f"{min(times):5.2f} s, at most {memory:,} MB so far"


def packed(path: Path) -> str:
    """How many times smaller a log is when it is packed, as the programs do it when nothing else is said."""
    data = path.read_bytes()
    sizes = {"gzip": len(gzip.compress(data, 6)), "zstd": len(zstd.compress(data, 3))}
    return ", ".join(f"{name} {len(data) / size:.1f} times smaller" for name, size in sizes.items())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=int, default=1000)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        runs = folder / "runs"
        if not runs.is_dir():
            runs.mkdir(parents=True)
            many(runs, given.logs)
        path = folder / "long.jsonl"
        if not path.is_file():
            long(folder, given.records)
        logs = list(runs.iterdir())
        size = sum(p.stat().st_size for p in logs) / 1e6
        print(f"{len(logs):,} logs of {TURNS} turns, {size:.0f} MB")
        print("  one of them, packed:", packed(logs[0]))
        print("  sim runs            ", measured(folder, "runs"))
        print("  sim cost runs       ", measured(folder, "cost", "runs"))
        with path.open("rb") as file:
            lines = sum(1 for _ in file)
        print(f"one log of {lines:,} records, {path.stat().st_size / 1e6:.0f} MB")
        print("  packed:", packed(path))
        for turn in (10, lines // 2 - 2):
            for more in ([], ["--prompt"]):
                words = ["show", str(path), "--turn", str(turn), *more]
                print(f"  sim {words[0]} {' '.join(words[2:]):24}", measured(folder, *words))


if __name__ == "__main__":
    main()
