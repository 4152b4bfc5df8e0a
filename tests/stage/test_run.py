"""What a run's header keeps of its world, where one loaded world is played more than once."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import sim
from sim.record.log import RunLog


def header(log: RunLog) -> dict[str, Any]:
    return log.records[0].model_dump()


def test_a_world_played_in_two_languages_keeps_the_lines_of_each(tmp_path: Path) -> None:
    """Each log is the one that a world loaded anew gives, and the world is as it was."""
    world = sim.load("hospital_visit")
    before = copy.deepcopy(world.resolved)
    for name, language in (("a", "zh"), ("b", "en"), ("c", "zh")):
        kept = header(sim.run(world, language=language, out=tmp_path / f"{name}.jsonl"))
        anew = header(sim.run("hospital_visit", language=language, out=tmp_path / f"{name}2.jsonl"))
        assert (kept["digest"], kept["resolved"]) == (anew["digest"], anew["resolved"])
    assert world.resolved == before


def test_the_digest_of_a_log_tells_languages_apart(tmp_path: Path) -> None:
    """The lines of another language are another world to a log."""
    world = sim.load("hospital_visit")
    logs = [sim.run(world, language=n, out=tmp_path / f"{n}.jsonl") for n in ("zh", "en")]
    assert len({header(log)["digest"] for log in logs}) == len(logs)
