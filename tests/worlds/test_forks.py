"""Every bundled world forked: with nothing changed it goes as its parent went; with a fact changed, from there on.

Two runs went the same way if all their records after the header are the same, byte by byte, but for hashes and what
was measured: that is their ``course``.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from sim.errors import DefinitionError
from sim.models.model import Model, Request
from sim.models.scripted import Scripted
from sim.read.audit import audit
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Intervention, Turn
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import Player, alone
from tests.forks import before, forked, own_calls, turns_of
from tests.worlds.players import CASES, LANGUAGES, world_of


def _ran(request: Request) -> str:
    """What one who runs code might report; the same for the same turn."""
    picture = "chart.png" if request.turn > 2 else ""
    return json.dumps({"say": "exit code: 0", "ran": {"exit": 0, "picture": picture, "good": bool(picture)}})


def _desks(world: World) -> dict[str, Model]:
    """Who answers where code would be run."""
    executors = [a for a in world.agents if world.spec.roles[world.cast[a]].kind == "executor"]
    return dict.fromkeys(executors, Player(_ran))


@cache
def _played(name: str, variant: str | None, language: str = "en") -> RunLog:
    """The log of a scripted run; read it, never change it."""
    world, path = world_of(name, variant), Path(mkdtemp()) / f"{name}-s7.jsonl"
    models: dict[str, Model] = {**dict.fromkeys(speakers(world), Scripted()), **_desks(world)}
    with LogWriter(path) as log:
        settings = settings_for(world, seed=7, language=language, episodes=alone(world))
        Run(world, settings, models, log).play()
    return RunLog.open(path)


def _within_rounds(log: RunLog) -> list[int]:
    """The turns of those who spoke at once with others, but were not the first."""
    turns = [r for r in log.records if isinstance(r, Turn)]
    return [t.turn for t in turns if t.asked is not None and t.asked < t.turn - 1]


def _check_unchanged(log: RunLog, world: World, at: int, out: Path) -> RunLog:
    found = forked(log, at, out, world=world, models=_desks(world))
    assert found.course == log.course
    fork = found.header.fork
    assert fork is not None
    assert (fork.parent, fork.at, fork.trace) == (log.name, at, log.records[fork.inherited - 1].hash)
    changes = (fork.facts, fork.models, fork.personas, fork.say, fork.seed, fork.world)
    assert changes == ({}, {}, {}, None, None, None)
    assert all(call.turn >= at for call in own_calls(found))
    return found


def _settable(world: World) -> list[tuple[str, object]]:
    """Facts with another value: flags, numbers and words, of the world and of each agent."""
    values = {"flag": True, "number": 3, "text": "other words"}
    facts = [(key, world.fact_at(key)) for key in world.fact_keys()]
    return [(key, values[fact.kind.name]) for key, fact in facts if fact is not None and fact.kind.name in values]


def _check_changed(log: RunLog, world: World, at: int, out: Path) -> bool:
    """Fork with the first fact that may be changed there; false where the rules of the world allow none."""
    for name, value in _settable(world):
        try:
            found = forked(log, at, out, world=world, models=_desks(world), facts={name: value})
        except DefinitionError:
            assert not out.exists()
            continue
        assert before(found, at) == before(log, at)
        [change] = [r for r in found.records if isinstance(r, Intervention)]
        assert (change.turn, list(change.changed)) == (at, [name])
        assert all(call.turn >= at for call in own_calls(found))
        assert verify(found).reason == ""
        assert audit(found).ok
        return True
    return False


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_a_fork_with_nothing_changed_goes_as_its_parent_went(
    name: str, variant: str | None, tmp_path: Path
) -> None:
    """At the last turn, one before, and within a round in which all speak at once; it verifies."""
    log, world = _played(name, variant), world_of(name, variant)
    last = turns_of(log)
    found = None
    for at in sorted({last // 2, last, *_within_rounds(log)[1:2]}):
        found = _check_unchanged(log, world, at, tmp_path / f"{at}.jsonl")
    assert found is not None
    assert verify(found).reason == ""


@pytest.mark.parametrize("name", ["hospital_visit", "werewolf"])
def test_with_a_fact_changed_all_before_is_as_it_was(name: str, tmp_path: Path) -> None:
    """The change is an event of its own; the log verifies, and no prompt holds what its reader may not know."""
    log, world = _played(name, None), world_of(name)
    [at] = _within_rounds(log)[1:2] or [2]
    assert _check_changed(log, world, at, tmp_path / "fork.jsonl")


@pytest.mark.campaign
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "variant"), CASES)
def test_forks_at_every_turn(name: str, variant: str | None, language: str, tmp_path: Path) -> None:
    """Of every world, with nothing changed and with one fact changed, and of a fork again."""
    log, world = _played(name, variant, language), world_of(name, variant)
    changed = 0
    for at in range(1, turns_of(log) + 1):
        found = _check_unchanged(log, world, at, tmp_path / f"{at}.jsonl")
        assert verify(found).reason == ""
        again = forked(found, max(1, at - 1), tmp_path / f"{at}-again.jsonl", world=world, models=_desks(world))
        assert again.course == log.course
        changed += _check_changed(log, world, at, tmp_path / f"{at}-changed.jsonl")
    print(f"\n{name} {variant or ''} {language}: {turns_of(log)} turns, {changed} of them with a fact changed")
    assert changed
