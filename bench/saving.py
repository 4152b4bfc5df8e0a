"""How long `sim dev` takes from a save to the screen: a world is edited, and what is printed is read.

Run: python bench/saving.py [--world hospital_visit] [--saves 8]

Two times are printed, each the median and the longest: until the run that follows is on the screen and its picture
is drawn, and until the check of the world and all its variants is, which comes last.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORLDS = Path(__file__).resolve().parent.parent / "worlds"


def main() -> None:
    """Edit a copy of a world several times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--world", default="hospital_visit")
    parser.add_argument("--saves", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(WORLDS / options.world, Path(folder) / options.world))
        words = ["-c", "from sim.cli import main; main()", "dev", str(copy), "-o", str(Path(folder) / "map.svg")]
        running = subprocess.Popen([sys.executable, "-u", *words], stdout=subprocess.PIPE, encoding="utf-8")
        until(running, "no problem")
        times = [saved(running, copy / "world.yaml", number) for number in range(options.saves)]
        running.terminate()
        running.wait()
    for what, column in zip(("run and picture", "whole check"), zip(*times, strict=True), strict=True):
        print(f"{what:16} {statistics.median(column):.2f} s, longest {max(column):.2f} s")


def saved(running: subprocess.Popen[str], path: Path, number: int) -> tuple[float, float]:
    """Save another title, and wait for both."""
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in text if not line.startswith("title:")]
    path.write_text("".join([f"title: {{en: Save {number}, zh: 保存{number}}}\n", *kept]), encoding="utf-8")
    began = time.perf_counter()
    until(running, "picture ")
    shown = time.perf_counter() - began
    until(running, "no problem")
    return shown, time.perf_counter() - began


def until(running: subprocess.Popen[str], words: str) -> None:
    """Read up to a line with some words."""
    for line in running.stdout or ():
        if words in line:
            return
    raise SystemExit("sim dev has ended")


if __name__ == "__main__":
    main()
