"""Small worlds made in a test, models that answer as a test says, and runs of them that are verified."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from sim.models.model import Reply, Request
from sim.models.outside import Live, Outside
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Usage
from sim.stage.episode import Episode, drive
from sim.stage.run import Run, settings_for
from sim.stage.selector import SELECTOR
from sim.world.library import load
from sim.world.world import World

NAMES = {
    "ann": "张三",
    "bob": "李四",
    "cai": "王五",
    "dan": "赵六",
    "eve": "孙七",
    "fay": "周八",
    "gus": "吴九",
    "hal": "郑十",
}
"""The personas of the small worlds, and what they are called in Chinese."""

FREE = Usage(prompt=1, completion=1, is_estimated=True)

Say = Callable[[Request], str]


def write_world(folder: Path, text: str | Mapping[str, Any], rules: str | None = None) -> Path:
    """Write a world, its personas and its rules into a folder."""
    (folder / "personas").mkdir(parents=True, exist_ok=True)
    for name, chinese in NAMES.items():
        persona = f"persona: {name}\nname: {{zh: {chinese}, en: {name.capitalize()}}}\n"
        (folder / "personas" / f"{name}.yaml").write_text(persona, encoding="utf-8")
    written = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    (folder / "world.yaml").write_text(written, encoding="utf-8")
    if rules is not None:
        (folder / "rules.py").write_text(rules, encoding="utf-8")
    return folder


def world_of(text: str | Mapping[str, Any], rules: str | None = None) -> World:
    """A checked world from the text of its file, or from its values."""
    with tempfile.TemporaryDirectory() as folder:
        return load(write_world(Path(folder), text, rules))


class Player:
    """A model in this process that answers as a function says, and keeps what it was asked."""

    name = "player"
    description: Mapping[str, Any] = {"name": "player"}

    def __init__(self, say: Say, *, is_remote: bool = False) -> None:
        self.say = say
        self.is_remote = is_remote
        self.asked: list[Request] = []
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.asked.append(request)
        return Reply(self.say(request), FREE, Decimal(0), "USD")


def acts(**given: Any) -> str:
    """An answer with acts and no words."""
    return json.dumps(given, ensure_ascii=False)


def words(request: Request) -> str:
    """Say one's own name and the turn, or, as selector, choose the first."""
    return request.candidates[0] if request.role == SELECTOR else f"{request.role} {request.turn}"


def alone(world: World) -> int | None:
    """How many episodes to ask for where a test is of one: none is asked for where the world has but one."""
    return 1 if world.spec.arrivals is not None else None


def played(
    world: World,
    say: Say | Player = words,
    *,
    seed: int = 1,
    language: str = "en",
    facts: Mapping[str, object] | None = None,
    outside: Outside | None = None,
    in_autogen: bool = False,
    is_whole: bool = True,
) -> RunLog:
    """Run a world with one model for all, in a plain loop or in AutoGen's chat, and verify the log."""
    player = say if isinstance(say, Player) else Player(say)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        with LogWriter(path) as log:
            models = dict.fromkeys((*world.agents, SELECTOR), player)
            settings = settings_for(world, seed=seed, language=language, facts=facts)
            run = Run(world, settings, models, log, outside=outside or Live())
            if in_autogen:
                from sim.stage.adapter.chat import play  # noqa: PLC0415 - slow to import, and few tests need it

                play(run)
            else:
                run.play(drive)
        opened = RunLog.open(path)
    if is_whole:
        assert verify(opened).reason == ""
    return opened


def started(world: World, say: Say | Player = words, *, seed: int = 1, language: str = "en") -> Episode:
    """The episode of a run that goes nowhere, before it is started."""
    player = say if isinstance(say, Player) else Player(say)
    models = dict.fromkeys((*world.agents, SELECTOR), player)
    settings = settings_for(world, seed=seed, language=language, episodes=alone(world))
    return Run(world, settings, models, LogWriter(None)).begin()


def of(log: RunLog, kind: str) -> list[Any]:
    """The records of one type."""
    return [r for r in log.records if r.type == kind]


def spoken(log: RunLog) -> list[str]:
    """Who took the turns, in order."""
    return [turn.speaker for turn in of(log, "turn")]


def ending(log: RunLog) -> tuple[str, str | None]:
    """How the episode ended: the outcome, and the rule that was broken."""
    end = of(log, "episode_ended")[0]
    return end.outcome, end.breach
