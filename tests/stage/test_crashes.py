"""Whatever stops a run, and whenever: what comes out in the end is what the straight run gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import RunLogError
from sim.record.log import RunLog
from sim.record.records import EpisodeEnded, EpisodeStarted
from sim.stage.resume import check_open
from tests.stage.crashing import bare, go_on

ROOT = Path(__file__).resolve().parents[2]

CASES = [
    ("hospital_visit", "", "en", 0),
    ("hospital_visit", "day", "zh", 8),
    ("company_meeting", "", "zh", 0),
    ("three_departments", "", "en", 0),
    ("werewolf", "", "zh", 0),
    ("number_chain", "", "en", 0),
    ("chart_desk", "", "en", 0),
]


def stopped(folder: Path, case: tuple[str, str, str, int], kills: int, how: str = "kill", seed: int = 1) -> int:
    """How often runs were stopped; every log that they left was gone on with, and compared."""
    command = [sys.executable, "-m", "tests.stage.crashing", folder, *case, kills, seed, how]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["different"] == []
    return int(told["stopped"])


@pytest.mark.parametrize("case", [CASES[1], CASES[4]], ids=lambda c: f"{c[0]}-{c[1] or 'plain'}")
def test_a_killed_run_goes_on_to_the_same_log(tmp_path: Path, case: tuple[str, str, str, int]) -> None:
    """SIGKILL, at any instant, again and again."""
    assert stopped(tmp_path, case, 4) >= 4


def test_a_full_disk_is_gone_on_from(tmp_path: Path) -> None:
    """The last record may be torn."""
    assert stopped(tmp_path, CASES[1], 4, "full") >= 4


@pytest.mark.campaign
@pytest.mark.parametrize("how", ["kill", "full"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1] or 'plain'}")
def test_every_world_killed_thirty_times(tmp_path: Path, case: tuple[str, str, str, int], how: str) -> None:
    """Seven cases: more than two hundred kills, and nearly as many full disks."""
    if how == "full" and case[0] == "chart_desk":
        pytest.skip("the limit of the log's size would be one of the chart's too")
    assert stopped(tmp_path, case, 30, how, seed=2) >= 30


@pytest.mark.campaign
@pytest.mark.parametrize("how", ["kill", "full"])
def test_forty_overlapping_episodes_killed_twenty_times(tmp_path: Path, how: str) -> None:
    """Forty patients who all come at once, and wait for the same staff."""
    world = shutil.copytree(ROOT / "worlds" / "hospital_visit", tmp_path / "rush") / "world.yaml"
    text = world.read_text(encoding="utf-8")
    text, many = re.subn(r"(    arrivals:)\n(?:      .*\n)+", r"\1 {every: 0, episodes: 40}\n", text)
    text, most = re.subn(r"queue_at_most: \d+", "queue_at_most: 40", text)
    assert (many, most) == (1, 1)
    world.write_text(text, encoding="utf-8")
    assert stopped(tmp_path, (str(world.parent), "day", "en", 40), 20, how, seed=3) >= 20
    log = RunLog.open(tmp_path / "straight.jsonl")
    last = max(n for n, r in enumerate(log.records) if isinstance(r, EpisodeStarted))
    first = min(n for n, r in enumerate(log.records) if isinstance(r, EpisodeEnded))
    assert (log.records.how_many(EpisodeStarted), last < first) == (40, True)


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1] or 'plain'}")
def test_any_number_of_last_bytes_may_be_lost(tmp_path: Path, case: tuple[str, str, str, int]) -> None:
    """From 1 to 400; what is left is a log, and is gone on from."""
    stopped(tmp_path, case, 0)
    straight, path = tmp_path / "straight.jsonl", tmp_path / "cut.jsonl"
    whole, wanted = straight.read_bytes(), bare(straight)
    for lost in range(1, 401):
        path.write_bytes(whole[: len(whole) - lost])
        log = RunLog.open(path)
        try:
            check_open(log)
        except RunLogError:
            assert lost == 1  # the line break alone
        else:
            go_on(path, tmp_path / "work")
        assert bare(path) == wanted
