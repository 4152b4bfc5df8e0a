"""Runs that are killed: a process of its own that plays a world in children and kills them at random instants.

Called as ``python -m tests.stage.crashing FOLDER WORLD VARIANT LANGUAGE EPISODES KILLS SEED HOW``; prints as JSON
how many were stopped before their end, and of which logs what came out was not the straight run's.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import sim
from sim.errors import SimError
from sim.models import catalog
from sim.record.log import LogWriter, RunLog
from sim.stage.adapter.chat import play
from sim.stage.casting import models_for
from sim.stage.providers import Providers
from sim.stage.resume import live_models, resumed, world_of
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.stage.test_resume import bare

WORLDS = Path(__file__).resolve().parents[2] / "worlds"


def whole(world: World, path: Path, language: str, episodes: int | None, work: Path) -> None:
    """Play a run to its end."""
    cast = models_for(world, {}, exec_folder=work, seed=5)
    with LogWriter(path) as log:
        play(Run(world, settings_for(world, seed=5, language=language, episodes=episodes), cast, log))


def go_on(path: Path, work: Path) -> None:
    """Go on with a log that was not ended."""
    log = RunLog.open(path)
    if log.is_complete:
        return
    world = world_of(log)
    cast = models_for(world, live_models(world, log.header, Providers(catalog.load())), exec_folder=work, seed=5)
    with LogWriter.after(log) as writer:
        play(resumed(log, world, cast, writer))


def child(task: Any, most: int | None = None) -> int:
    """Do something in a child process, which may write files of so many bytes; gives its number."""
    pid = os.fork()
    if pid:
        return pid
    if most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        task()
    except SimError:
        os._exit(3)
    except BaseException:  # noqa: BLE001 - it must not go on as if it were its parent
        os._exit(4)
    os._exit(0)


def killed(pid: int, path: Path, size: int) -> bool:
    """Wait until a log has grown to a size, and kill who writes it; whether it was still at it."""
    while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
        if path.exists() and path.stat().st_size >= size:
            time.sleep(random.random() * 0.002)
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            return os.WIFSIGNALED(status)
        time.sleep(0.0002)
    assert os.waitstatus_to_exitcode(done[1]) == 0, "a child failed of itself"
    return False


def main() -> None:
    """Play once straight; then kill, go on, kill again, and compare."""
    folder, name, variant, language, episodes, kills, seed, how = sys.argv[1:]
    there, chance = Path(folder), random.Random(int(seed))
    world, many = sim.load(WORLDS / name, variant=variant or None), int(episodes) or None
    straight = there / "straight.jsonl"
    work = there / "work"
    whole(world, straight, language, many, work)
    wanted, length = bare(straight), straight.stat().st_size
    first = straight.read_bytes().index(b"\n") + 1
    stopped, different, number = 0, [], 0
    while stopped < int(kills):
        number += 1
        path = there / f"run-{number}.jsonl"
        begun = False
        while not begun or not RunLog.open(path).is_complete:
            now = path.stat().st_size if begun else first
            size = chance.randrange(now, length)
            play_on = partial(go_on, path, work)
            task = play_on if begun else partial(whole, world, path, language, many, work)
            if how == "full":
                status = os.waitpid(child(task, max(size, first)), 0)[1]
                assert os.waitstatus_to_exitcode(status) in {0, 3}, "a child failed of itself"
                stopped += os.waitstatus_to_exitcode(status) == 3
            else:
                stopped += killed(child(task), path, size)
            begun = True
            if chance.random() < 0.5:
                os.waitpid(child(play_on), 0)
        if bare(path) != wanted:
            different.append(number)
        path.unlink()
    print(json.dumps({"stopped": stopped, "runs": number, "different": different}))


if __name__ == "__main__":
    main()
