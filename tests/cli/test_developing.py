"""``sim dev`` as a process of its own: files are edited, and what it prints is read."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.building import write_world
from tests.cli.running import ROOT, Sim, assert_refused

PATIENCE_S = 30.0
CHECKED = "no problem in the world and its variants"


class Dev:
    """A running ``sim dev``, and what it has printed."""

    def __init__(self, folder: Path, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from sim.cli import main; main()", "dev", *map(str, words)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line.rstrip())

    def until(self, end: str) -> list[str]:
        """The lines up to one that holds some words."""
        found: list[str] = []
        deadline = time.monotonic() + PATIENCE_S
        while not found or end not in found[-1]:
            try:
                found.append(self._lines.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no '{end}' in:\n" + "\n".join(found)) from None
        return found

    def quiet(self, seconds: float = 0.6) -> list[str]:
        """The lines that come in a while."""
        time.sleep(seconds)
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def interrupt(self, by: signal.Signals = signal.SIGINT) -> int:
        """Press Ctrl-C; gives the exit code."""
        self._process.send_signal(by)
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(PATIENCE_S)


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """A copy of the hospital visit, in a folder with a Chinese name."""
    return shutil.copytree(ROOT / "worlds" / "hospital_visit", tmp_path / "看病")


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[type[Dev]]:
    """Start ``sim dev`` in a folder of its own."""
    started: list[Dev] = []

    class Started(Dev):
        def __init__(self, *words: object) -> None:
            super().__init__(tmp_path, *words)
            started.append(self)

    yield Started
    for each in started:
        each.close()


def edit(path: Path, old: str, new: str) -> None:
    """Edit a file as an editor does, by another one that takes its place."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    other = path.with_name(path.name + ".tmp")
    other.write_text(text.replace(old, new, 1), encoding="utf-8")
    other.replace(path)


def shown(address: str, seen: int) -> dict[str, Any]:
    """What a page shows, as soon as that is something else than what was seen."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{address}state?seen={seen}") as answer:
            body = answer.read()
        if body:
            found: dict[str, Any] = json.loads(body)
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing but state {seen} is shown")


def test_a_world_is_written_save_by_save(hospital: Path, dev: type[Dev], tmp_path: Path) -> None:
    """An arrow is edited, then broken, then put right; a line is edited; Ctrl-C ends it with 0."""
    world, picture = hospital / "world.yaml", tmp_path / "map.svg"
    running = dev(hospital, "--seed", 7, "--lang", "en", "-o", picture)
    first = running.until(CHECKED)
    assert "the first run: seed 7, en" in first
    assert "path reception → consulting → till → pharmacy → discharged" in first
    assert any("● Registration" in line and "1×, 3 turns" in line for line in first)
    before = picture.read_bytes()

    edit(world, "{to: gave_up, after: {turns: 14}}", "{to: gave_up, after: {turns: 2}}")
    block = running.until(CHECKED)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  saved world\.yaml ─+", block[1])
    assert block[2:6] == [
        "changed in the world: states.reception.go",
        "as before up to turn 2; there the transition differs:",
        "  - it stays where it is",
        "  + → gave_up",
    ]
    assert not any("Finally, my turn" in line for line in block)
    assert "outcome gave_up (was discharged)" in block
    assert "turns 2 (was 15)" in block
    [took] = [line for line in block if line.endswith(" s") and "✓" not in line]
    assert float(took.removesuffix(" s").split(" ")[-1]) < 5
    taken = picture.read_bytes()
    assert taken != before
    ET.fromstring(taken)

    edit(world, "to: gave_up, after: {turns: 2}", "to: gave_upp, after: {turns: 2}")
    block = running.until("old, until this is put right")
    told = "".join(block[2 : block.index("   148 │       - {to: gave_upp, after: {turns: 2}}")]).replace(" ", "")
    assert told.startswith(f"✗{world}:148:9:states.reception.go.1:unknownstateorend'gave_upp';didyoumean'gave_up'?")
    assert "   148 │       - {to: gave_upp, after: {turns: 2}}" in block
    assert block[block.index("   148 │       - {to: gave_upp, after: {turns: 2}}") + 1] == "       │         ^"
    assert picture.read_bytes() == taken

    edit(world, "to: gave_upp, after: {turns: 2}", "to: gave_up, after: {turns: 14}")
    block = running.until(CHECKED)
    assert "  at turn 3 patient is asked, who was not asked there before" in block
    assert "outcome discharged (was gave_up)" in block
    assert picture.read_bytes() == before

    edit(hospital / "lines.yaml", "Great jump", "Terrific leap")
    block = running.until(CHECKED)
    assert "as before up to turn 5; there what is said differs:" in block
    assert "  at turn 5 the world itself answers otherwise for patient" in block
    assert any("Terrific leap" in line for line in block)
    assert "outcome discharged" in block
    assert running.interrupt() == 0
    assert running.until("ended")[-1] == "ended"


def test_half_a_file_and_a_file_that_is_gone_for_a_moment_are_not_told(
    hospital: Path, dev: type[Dev], tmp_path: Path
) -> None:
    """Only what is there in the end."""
    world = hospital / "world.yaml"
    running = dev(hospital)
    running.until(CHECKED)
    text = world.read_text(encoding="utf-8").replace("{turns: 14}", "{turns: 13}")
    world.write_text(text[: len(text) // 2], encoding="utf-8")
    time.sleep(0.05)
    world.write_text(text, encoding="utf-8")
    block = running.until(CHECKED)
    assert not any("✗" in line for line in block)
    assert any(line.startswith("the run is the same as before: ") for line in block)
    world.unlink()
    world.write_text(text.replace("{turns: 13}", "{turns: 12}"), encoding="utf-8")
    assert not any("✗" in line for line in running.until(CHECKED))
    assert running.quiet() == []
    world.unlink()
    block = running.until("old, until this is put right")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  gone: world\.yaml ─+", block[1])
    assert "".join(block[2:-1]).replace(" ", "") == f"✗{world}:thefileisnotthere"
    world.write_text(text, encoding="utf-8")
    running.until(CHECKED)
    assert running.interrupt() == 0


def test_a_world_that_is_broken_from_the_beginning_can_be_put_right(dev: type[Dev], tmp_path: Path) -> None:
    """And its rules are loaded afresh."""
    text = (
        "world: small\nlanguages: [en]\nroles: {ann: {persona: ann, kind: rule, function: words}}\n"
        "states: {hall: {speakers: [ann], go: [{to: done, after: {turns: 1}}]}}\n"
        "start: hall\nends: {done: success}\n"
    )
    place = write_world(tmp_path / "small", text, "def word(told):\n    return 'one'\n")
    for other in set((place / "personas").iterdir()) - {place / "personas" / "ann.yaml"}:
        other.unlink()  # nobody plays them, and that would be told
    running = dev(place)
    assert "✗" in running.until("nothing was played or drawn yet")[2]
    (place / "rules.py").write_text("def words(told):\n    return 'first'\n", encoding="utf-8")
    block = running.until(CHECKED)
    assert any("Ann first" in line for line in block)
    [log] = [Path(word) for line in block for word in line.split() if word.endswith(".jsonl")]
    assert log.is_file()
    (place / "rules.py").write_text("def words(told):\n    return 'second'\n", encoding="utf-8")
    block = running.until(CHECKED)
    assert ("  - first" in block, "  + second" in block) == (True, True)
    assert running.interrupt(signal.SIGTERM) == 0
    assert not log.parent.exists()


def test_the_page_shows_the_last_picture_and_what_is_wrong(hospital: Path, dev: type[Dev]) -> None:
    """Only to this computer; what was seen is not sent again."""
    running = dev(hospital, "--serve", 0, "--lang", "zh")
    address = running.until("the picture is at ")[-1].split()[-1]
    running.until(CHECKED)
    with urllib.request.urlopen(address) as page:
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert b"/state?seen=" in page.read()
    state = shown(address, -1)
    assert "挂号" in "".join(ET.fromstring(state["picture"]).itertext())
    assert "path reception" in state["text"]
    assert (state["problems"], state["old"]) == ("", "")
    with urllib.request.urlopen(f"{address}state?seen={state['number']}") as answer:
        assert answer.status == 204
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(f"{address}state", headers={"Host": "evil.test"}))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}other")
    edit(hospital / "world.yaml", "consulting: registered", "consultin: registered")
    running.until("old, until this is put right")
    broken = shown(address, state["number"])
    assert broken["picture"] == state["picture"]
    assert "consultin" in broken["problems"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", broken["old"])
    assert running.interrupt() == 0


def test_once_is_done_once(sim: Sim, folder: Path, hospital: Path) -> None:
    """It exits 0 for a world that is sound, 1 for one that is not; nothing but the picture is left."""
    done = sim("dev", hospital, "--once", "--lang", "zh", "-o", "map.png")
    assert (done.code, done.err) == (0, "")
    assert "the first run: seed 0, zh" in done.out
    assert [path.name for path in folder.iterdir()] == ["map.png"]
    edit(hospital / "world.yaml", "consulting: registered", "consultin: registered")
    done = sim("dev", hospital, "--once")
    assert done.code == 1
    assert "did you mean 'consulting'" in done.out.replace("\n", " ")
    assert "nothing was played or drawn yet" in done.out


def test_a_problem_of_a_variant_is_told_after_the_run(sim: Sim, folder: Path, hospital: Path) -> None:
    """The world itself is played all the same."""
    edit(hospital / "world.yaml", "triage:", "triage: {never: {x: nosuch > 1}}\n  other:")
    done = sim("dev", hospital, "--once")
    assert done.code == 1
    assert "outcome " in done.out
    assert "nosuch" in done.out


def test_a_run_of_a_model_is_begun_with(sim: Sim, folder: Path, hospital: Path) -> None:
    """With its seed and language; who names others is told so."""
    assert sim("run", hospital, "--seed", 5, "--lang", "zh", "--out", "a.jsonl").code == 0
    done = sim("dev", hospital, "--run", "a.jsonl", "--once")
    assert "the run is the same as before: " in done.out
    assert_refused(sim("dev", hospital, "--run", "a.jsonl", "--seed", 1), "--run brings its own seed")
    assert_refused(sim("dev", "werewolf", "--run", "a.jsonl"), "a is a run of 'hospital_visit', not of 'werewolf'")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nosuch"], "no world 'nosuch'"),
        (["hospital_visit", "-o", "x.gif"], "cannot draw '.gif'"),
    ],
)
def test_what_cannot_be_begun_is_told_in_a_line(words: list[str], told: str, sim: Sim) -> None:
    """Before anything is watched."""
    assert_refused(sim("dev", *words), told)


def test_a_world_that_runs_code_is_drawn_but_not_played(sim: Sim, folder: Path) -> None:
    """The message says how it is played."""
    done = sim("dev", "chart_desk", "--once")
    assert done.code == 1
    assert "sim run chart_desk --allow-exec does" in done.out.replace("\n", " ")
