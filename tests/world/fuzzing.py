"""Check mutated worlds one by one, each in a process of its own with limits of time and memory.

    python -m tests.world.fuzzing 0 5000

prints a line for each world that brings the checker down, takes too much, or is told what nobody understands, and
then how many were checked.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from sim.errors import SimError
from sim.proof.examining import examine
from sim.world.library import check
from tests.world.mutations import mutate

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2.0
MEGABYTES = 500
_KILLED_AFTER = 20
FOREIGN = (
    "Input should", "Value should", "extra_forbidden", "function-", "dict[", "literal[", "Traceback", "NoneType",
    "pydantic", "'str'", "'int'", "'dict'", "object has no", "rule_engine", "jinja2", "sim.world",
    "<class", " object at 0x", "unhashable", "Error(", "__",
)  # fmt: skip
"""Signs that a message is of our code or of a library, not of the world."""


def foreign(message: str) -> list[str]:
    """What in a message is of the program's inside."""
    return [sign for sign in FOREIGN if sign in message]


def judge(seed: int, folder: Path, most_s: float = float("inf")) -> str:
    """Check a mutated world as ``sim check`` does, proofs included; what is wrong with the checker, or nothing.

    More than ``most_s`` seconds of processor time are wrong, too.
    """
    what = mutate(seed, folder)
    began = time.process_time()
    try:
        problems, world = check(folder)
        checked = time.process_time()
        if world is not None:
            examine(world)
    except SimError as error:
        return f"{what}: {error}" if foreign(str(error)) else ""
    proved = time.process_time()
    if proved - began > most_s:
        took = f"{checked - began:.1f} s for its problems and {proved - checked:.1f} s for its runs and proofs"
        return f"{what}: took {took}"
    for problem in problems:
        where = problem.message
        if foreign(where) or "\n" in where or not where or problem.line < 1 or problem.column < 1:
            return f"{what}: {problem}"
    return ""


def _in_child(seed: int, folder: Path, report: int) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    space = pages * os.sysconf("SC_PAGE_SIZE") + MEGABYTES * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (_KILLED_AFTER, _KILLED_AFTER))
    try:
        said = judge(seed, folder, SECONDS)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it must not get to a user
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    os.write(report, said.encode(errors="replace")[:4000])
    os._exit(0)


def tried(seed: int) -> str:
    """What is wrong with the check of one mutated world, time and memory included; empty if nothing is."""
    with tempfile.TemporaryDirectory() as kept:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _in_child(seed, Path(kept) / "world", writing)
        os.close(writing)
        said = b"".join(iter(lambda: os.read(reading, 4096), b"")).decode()
        os.close(reading)
        _, status, used = os.wait4(child, 0)
    megabytes = used.ru_maxrss / 1000
    if not os.WIFEXITED(status):
        said = f"killed by signal {os.WTERMSIG(status)}"
    elif megabytes > MEGABYTES and not said:
        said = f"took {megabytes:.0f} MB"
    return f"{seed}: {said}" if said else ""


def main(first: int, after: int) -> int:
    """Try the worlds of some seeds; 0 if nothing is wrong."""
    wrong = 0
    for seed in range(first, after):
        said = tried(seed)
        if said:
            wrong += 1
            print(said, flush=True)
    print(f"{after - first} worlds, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2])))
