"""Episodes that overlap on one clock: the log does not depend on what happens in real time."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.engine.prompt import build
from sim.errors import DefinitionError, ModelError
from sim.models.model import Reply, Request
from sim.models.scripted import Scripted
from sim.read.audit import audit
from sim.read.fold import before_turn
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog, spare_path
from sim.stage.casting import models_for
from sim.stage.episode import drive
from sim.stage.resume import resumed, world_of
from sim.stage.run import Run, settings_for
from sim.world.library import revive
from sim.world.world import World
from tests.building import Player, acts, of
from tests.building import world_of as made_of

WORLDS = Path(__file__).resolve().parents[2] / "worlds"


class Far:
    """The scripted model as if it were far away: its answers take some real time, and it can fail."""

    name = "far"
    description: Mapping[str, Any] = {"name": "far", "base_url": "http://127.0.0.1:1/v1"}
    is_remote = True

    def __init__(self, delay: float = 0.0, failing: set[tuple[int, int]] | None = None) -> None:
        self.asked: list[tuple[int, int]] = []
        self.most = 0
        self._near = Scripted()
        self._delay = delay
        self._failing = failing or set()
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """Answer as a script would, after a while."""
        place = (request.situation.episode, request.turn)
        with self._lock:
            self.asked.append(place)
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(random.random() * self._delay)
        with self._lock:
            self._now -= 1
        if place in self._failing:
            raise ModelError("far: is down")
        return self._near.answer(request)


def hospital(variant: str | None = "day") -> World:
    return sim.load(WORLDS / "hospital_visit", variant=variant)


def play(path: Path | None, world: World, model: Any, *, episodes: int = 8, parallel: int | None = None) -> str:
    """Play some episodes in a plain loop and give the trace."""
    with LogWriter(path) as log:
        run = Run(
            world,
            settings_for(world, seed=3, episodes=episodes),
            models_for(world, {"*": model}, seed=3),
            log,
            parallel=parallel,
        )
        run.play(drive)
        return log.trace


def go_on(path: Path, model: Any) -> RunLog:
    log = RunLog.open(path)
    world = world_of(log)
    with LogWriter.after(log) as writer:
        resumed(log, world, models_for(world, {"*": model}, seed=3), writer).play(drive)
    return RunLog.open(path)


def bare(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(x).items() if k != "measured"} for x in path.read_bytes().splitlines()]


def test_the_log_does_not_depend_on_which_answer_comes_first(tmp_path: Path) -> None:
    """One call at a time, or as many as there are."""
    world, traces, most = hospital(), set(), []
    for parallel in (1, 2, 32, 32):
        far = Far(0.004)
        traces.add(play(None, world, far, parallel=parallel))
        most.append(far.most)
    assert len(traces) == 1
    assert most[0] == 1
    assert most[1] == 2
    assert max(most[2:]) > 2


def test_a_run_of_several_episodes_is_verified_and_audited(tmp_path: Path) -> None:
    """And AutoGen's chats, each with a stack of its own, come to the same."""
    path, world = tmp_path / "run.jsonl", hospital()
    trace = play(path, world, Scripted())
    log = RunLog.open(path)
    assert verify(log).reason == ""
    assert [c.told for c in audit(log).checks if not c.ok] == []
    chats = tmp_path / "chats.jsonl"
    with LogWriter(chats) as writer:
        from sim.stage.adapter.chat import play as in_chats  # noqa: PLC0415 - slow to import

        settings = settings_for(world, seed=3, episodes=8)
        in_chats(Run(world, settings, models_for(world, {}, seed=3), writer))
    assert RunLog.open(chats).trace == trace
    assert {r.episode for r in log.records if r.type == "turn"} == set(range(1, 9))


@pytest.mark.parametrize("part", range(4))
def test_episodes_cut_anywhere_go_on_to_the_same_log(tmp_path: Path, part: int) -> None:
    """Queues, timers and turns that were under way are taken up as they were."""
    straight, path, world = tmp_path / "straight.jsonl", tmp_path / "run.jsonl", hospital()
    play(straight, world, Far(), episodes=5)
    whole = straight.read_bytes()
    first, rng = whole.index(b"\n"), random.Random(part)
    for _ in range(3):
        path.write_bytes(whole[: rng.randrange(first, len(whole) - 1)])
        assert go_on(path, Far(0.002)).is_complete
        assert bare(path) == bare(straight)


def test_an_error_in_one_call_keeps_the_answers_of_the_others(tmp_path: Path) -> None:
    """Nothing that was answered is asked for again; the rest is as if nothing had happened."""
    straight, path, world = tmp_path / "straight.jsonl", tmp_path / "run.jsonl", hospital()
    play(straight, world, Far())
    stopping = Far(0.01, failing={(4, 3)})
    with pytest.raises(ModelError, match="is down"):
        play(path, world, stopping)
    stopped = RunLog.open(path)
    logged = [(c.episode, c.turn) for c in (*of(stopped, "call"), *stopped.spare)]
    again = Far()
    go_on(path, again)
    assert not set(logged) & set(again.asked)
    assert bare(path) == bare(straight)
    assert not spare_path(path).exists()


SHARED = {
    "world": "shop",
    "roles": {"a": "ann", "b": "bob"},
    "facts": {
        "cakes": {"number": "cakes", "start": 3, "from": 0, "whole": True, "shared": True},
        "mine": {"number": "cakes", "from": 0, "whole": True},
    },
    "actions": {"buy": {"by": "a", "needs": "cakes > 0", "sets": {"cakes": "cakes - 1", "mine": "mine + 1"}}},
    "turn": 2,
    "states": {"shop": {"speakers": ["a", "b"], "actions": ["buy"], "go": [{"over": "turns >= 4"}]}},
    "start": "shop",
    "ends": {"over": "neutral"},
    "arrivals": {"every": 1, "episodes": 3},
}


def buys(request: Request) -> str:
    return acts(buy={}) if request.role == "a" else "here"


def test_shared_facts_are_those_of_all_episodes(tmp_path: Path) -> None:
    """What another took meanwhile is gone; who asked for it is told, and its own facts are its own."""
    path, world = tmp_path / "run.jsonl", made_of(SHARED)
    with LogWriter(path) as log:
        models = dict.fromkeys(world.agents, Player(buys))
        Run(world, settings_for(world, seed=1), models, log).play(drive)
    opened = RunLog.open(path)
    assert verify(opened).reason == ""
    assert [c.told for c in audit(opened).checks if not c.ok] == []
    left = [t.changed["cakes"] for t in of(opened, "turn") if "cakes" in t.changed]
    assert [str(n) for n in left] == ["2", "1", "0"]
    assert sum("mine" in t.changed for t in of(opened, "turn")) == 3


def knot() -> dict[str, Any]:
    """A world in which each takes one thing first and the other then, and keeps the first."""
    there = {"speakers": ["a", "b"], "turn": 5}
    return {
        "world": "knot",
        "roles": {"a": "ann", "b": "bob"},
        "facts": {"is_odd": {"flag": False, "shared": True}, "odd": {"flag": False}},
        "resources": {"pen": 1, "ink": 1},
        "arrivals": {"at": [0, 1]},
        "states": {
            "door": {"speakers": ["a"], "turn": 1, "go": [
                {"to": "first", "when": "not is_odd", "sets": {"is_odd": "true"}}, "second"]},
            "first": {**there, "holds": ["pen"], "go": [{"both": "state_turns >= 1"}]},
            "second": {**there, "holds": ["ink"], "go": [{"both": "state_turns >= 1"}]},
            "both": {**there, "holds": ["pen", "ink"], "go": [{"over": "state_turns >= 1"}]},
        },
        "start": "door",
        "ends": {"over": "neutral"},
    }  # fmt: skip


def test_episodes_that_wait_for_each_other_for_ever_are_told(tmp_path: Path) -> None:
    """Who holds what and who waits for it; the log keeps all before."""
    path, world = tmp_path / "run.jsonl", made_of(knot())
    with pytest.raises(DefinitionError) as stuck, LogWriter(path) as log:
        Run(world, settings_for(world), models_for(world, {}), log).play(drive)
    assert str(stuck.value) == (
        "'knot' is stuck at 7 min: episode 1 holds pen and waits for ink; episode 2 holds ink and waits for pen"
    )
    assert not RunLog.open(path).is_complete


@pytest.mark.parametrize("part", range(2))
def test_a_fork_of_one_episode_among_several(tmp_path: Path, part: int) -> None:
    """With nothing changed the others go on as they did; what was before is not asked for again."""
    path, chance = tmp_path / "run.jsonl", random.Random(part)
    log = sim.run(WORLDS / "hospital_visit", variant="day", seed=3, episodes=4, out=path)
    turns = of(log, "turn")
    for number, turn in enumerate(chance.sample(turns, 3)):
        far = Far()
        found = sim.fork(
            path, at=turn.turn, episode=turn.episode, models={"*": far}, out=tmp_path / f"fork-{number}.jsonl"
        )
        assert verify(found).reason == ""
        assert [c.told for c in audit(found).checks if not c.ok] == []
        before = {(c.episode, c.turn) for c in of(log, "call") if c.seq < found.header.inherited}
        assert not before & {(e, t) for e, t in far.asked if e == turn.episode}
        said = [(t.episode, t.turn, t.time, t.text, t.acts) for t in of(found, "turn")]
        assert said == [(t.episode, t.turn, t.time, t.text, t.acts) for t in turns]
        same = sim.fork(path, at=turn.turn, episode=turn.episode, out=tmp_path / f"same-{number}.jsonl")
        assert same.course == log.course
    changed = sim.fork(
        path, at=2, episode=3, facts={"urgent": True} if "urgent" in log.records[1].facts else {}, seed=99,
        out=tmp_path / "changed.jsonl",
    )  # fmt: skip
    assert verify(changed).reason == ""
    assert [c.told for c in audit(changed).checks if not c.ok] == []


def test_the_prompts_of_overlapping_episodes_are_built_again_from_the_log(tmp_path: Path) -> None:
    """Each with the personas and the shared facts of its time."""
    path = tmp_path / "run.jsonl"
    log = sim.run(WORLDS / "hospital_visit", variant="day", seed=11, episodes=6, out=path)
    world = revive(log.header.resolved, log.header.variant)
    first = {(c.episode, c.turn): c.prompt for c in reversed(of(log, "call")) if c.purpose == "turn"}
    for turn in of(log, "turn"):
        moment = before_turn(log, turn.turn, world, turn.episode)
        whose = moment.world or world
        built = build(whose, moment.situation, moment.said, turn.speaker, log.header.language, moment.digest)
        assert built.digest == first[turn.episode, turn.turn], (turn.episode, turn.turn)


@pytest.mark.campaign
def test_forks_of_a_day_at_every_turn(tmp_path: Path) -> None:
    """Of each episode among eight that overlap: with nothing changed it goes as it went."""
    log = sim.run(WORLDS / "hospital_visit", variant="day", seed=3, episodes=8, out=tmp_path / "run.jsonl")
    for turn in of(log, "turn"):
        found = sim.fork(
            log, at=turn.turn, episode=turn.episode, out=tmp_path / f"{turn.episode}-{turn.turn}.jsonl"
        )
        assert found.course == log.course, (turn.episode, turn.turn)
        assert verify(found).reason == ""
