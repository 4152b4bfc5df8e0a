"""A log is all that its commands need: the world's folder may be gone, but for code that is to be called again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Done, Sim

RULES = """
def cheapest(told, department):
    return "zhao_liu"


def doctor(told):
    return {"say": "Rest, and drink water."}
"""


READS = [
    ["replay"],
    ["replay", "--as", "patient"],
    ["show"],
    ["show", "--turn", "4", "--prompt"],
    ["show", "--turn", "4", "--json"],
    ["verify"],
    ["audit"],
    ["cost"],
    ["diff", "runs/whole.jsonl", "runs/cut.jsonl"],
    ["export", "--to", "md"],
    ["export", "--to", "csv"],
    ["export", "--to", "html", "-o", "page.html"],
    ["runs"],
]
"""Commands that read a log; diff says that one is shorter."""


def lost(sim: Sim, folder: Path, *, has_code: bool) -> None:
    """A folder with a run of a world of the user's own, whole and cut; the world and its personas are gone."""
    world = folder / "worlds" / "clinic"
    shutil.copytree(ROOT / "worlds" / "hospital_visit", world)
    shutil.copytree(ROOT / "personas", folder / "personas")
    text = (world / "world.yaml").read_text(encoding="utf-8").replace("world: hospital_visit", "world: clinic", 1)
    if has_code:
        (world / "rules.py").write_text(RULES, encoding="utf-8")
        text = text.replace("doctor: zhao_liu\n", "doctor: {persona: zhao_liu, kind: rule, function: doctor}\n", 1)
    (world / "world.yaml").write_text(text, encoding="utf-8")
    done = sim("run", "clinic", "--seed", 3, "--out", "runs/whole.jsonl")
    assert done.code == 0, done.err
    lines = (folder / "runs" / "whole.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "runs" / "cut.jsonl").write_bytes(b"".join(lines[:14]))
    shutil.move(folder / "worlds", folder / "gone")
    shutil.rmtree(folder / "personas")


@pytest.mark.parametrize(
    "has_code", [pytest.param(False, marks=pytest.mark.campaign, id="plain"), pytest.param(True, id="with code")]
)
def test_reading_a_log_needs_no_world(sim: Sim, folder: Path, has_code: bool) -> None:
    """Each command; nor is the code needed, whose results are in the log."""
    lost(sim, folder, has_code=has_code)
    shutil.rmtree(folder / "gone")
    for words in READS:
        run = [] if words[0] in {"diff", "runs"} else ["whole"]
        done = sim(words[0], *run, *words[1:])
        wanted = 1 if words[0] == "diff" else 0
        assert (words, wanted, "") == (words, done.code, done.err)
        assert "Traceback" not in done.out
    assert (folder / "page.html").is_file()


def test_a_run_goes_on_without_its_world(sim: Sim, folder: Path) -> None:
    """What comes is what would have come."""
    lost(sim, folder, has_code=False)
    shutil.rmtree(folder / "gone")
    done = sim("resume", "cut")
    assert (done.code, done.err) == (0, "")
    assert trace(sim, "cut") == trace(sim, "whole")


def trace(sim: Sim, run: str) -> str:
    done = sim("verify", run, "--json")
    assert done.json["ok"]
    return str(done.json["trace"])


def refused(done: Done) -> str:
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    return line


def test_a_run_whose_world_has_code_needs_it_to_go_on(sim: Sim, folder: Path) -> None:
    """It says so in a line; the code may be elsewhere, and must be the one whose hash is in the log."""
    lost(sim, folder, has_code=True)
    before = (folder / "runs" / "cut.jsonl").read_bytes()
    assert refused(sim("resume", "cut")) == (
        "sim: no world 'clinic' is found, and cut cannot go on without the functions of its rules.py, of which the "
        "log has the hash alone: put it back into worlds/, or give its folder with --world"
    )
    shutil.copytree(ROOT / "personas", folder / "gone" / "clinic" / "personas")
    rules = folder / "gone" / "clinic" / "rules.py"
    rules.write_text(RULES.replace("water", "tea"), encoding="utf-8")
    line = refused(sim("resume", "cut", "--world", "gone/clinic"))
    assert line.startswith("sim: gone/clinic/rules.py was changed since: its hash is not the one in the log;")
    rules.unlink()
    line = refused(sim("resume", "cut", "--world", "gone/clinic"))
    assert line == "sim: gone/clinic/rules.py is missing: cut needs its functions to go on"
    assert (folder / "runs" / "cut.jsonl").read_bytes() == before
    rules.write_text(RULES, encoding="utf-8")
    done = sim("resume", "cut", "--world", "gone/clinic")
    assert (done.code, done.err) == (0, "")
    assert trace(sim, "cut") == trace(sim, "whole")
