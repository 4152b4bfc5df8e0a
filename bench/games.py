"""What a game costs: 8-player werewolf, scripted and logged, against Kaggle's werewolf between random agents.

Run: python bench/games.py [--games 20], or python bench/games.py --shares 1000 for how often each side wins.

Kaggle's environment is not needed by the project: the benchmark installs the package kaggle-environments (1.6 GB
with what it needs) into a virtual environment of its own, kept in a temporary folder, and plays the games there in
another process. Both are loaded once and play one game before the clock starts. Then all play a game in turn:
Kaggle's eight random agents; our eight scripted players in an AutoGen group chat (`sim.run`); and ours in the plain
loop, without AutoGen. A game of Kaggle's is timed without its replay, and with it; ours always with their logs. No
game of ours is played twice: a loaded world remembers what its expressions came to.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sim
from sim.engine import tokens
from sim.errors import SimError
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import models_for
from sim.stage.run import Run, settings_for
from sim.world.world import World

PACKAGE = "kaggle-environments"
ROLES = ("Werewolf", "Werewolf", "Seer", "Doctor", "Villager", "Villager", "Villager", "Villager")

KAGGLE = """
import json, random, sys, time
from importlib.metadata import version
from pathlib import Path

answers, sys.stdout = sys.stdout, sys.stderr
from kaggle_environments import make

def tell(value):
    print(json.dumps(value), file=answers, flush=True)

tell({"version": version("kaggle-environments"), "loading": time.process_time()})
for line in sys.stdin:
    order = json.loads(line)
    random.seed(order["seed"])
    players = [{"id": f"P{i}", "role": role, "agent_id": "random"} for i, role in enumerate(order["roles"], 1)]
    began = time.perf_counter(), time.process_time()
    game = make("werewolf", configuration={"seed": order["seed"], "randomize_roles": True, "agents": players})
    game.run(["random"] * len(players))
    played = time.perf_counter(), time.process_time()
    Path(order["out"]).write_text(game.render(mode="json"), encoding="utf-8")
    written = time.perf_counter(), time.process_time()
    tell({
        "game": [b - a for a, b in zip(began, played)],
        "whole": [b - a for a, b in zip(began, written)],
        "turns": sum(player.status == "ACTIVE" for step in game.steps for player in step),
        "outcome": "an error" if game.info["GAME_END"]["terminated_with_agent_error"]
            else str(game.info["GAME_END"]["winner_team"]),
    })
"""
"""What the other process runs: a game for each line it is sent, and a line of figures for each game."""


@dataclass(frozen=True)
class Game:
    """What one game took: seconds (by the clock, of the processor), bytes of its log or replay, turns, its end."""

    clock: float
    processor: float
    size: int
    turns: int
    outcome: str


class Kaggle:
    """Kaggle's environment in a process of its own."""

    def __init__(self, folder: Path) -> None:
        python = _installed(folder)
        self._process = subprocess.Popen(
            [python, "-c", KAGGLE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
        )  # fmt: skip
        hello = self._answer()
        self.version = hello["version"]
        self.loading = float(hello["loading"])

    def play(self, seed: int, path: Path) -> tuple[Game, Game]:
        """Play a game and write its replay; what the game took, and what both took."""
        assert self._process.stdin is not None
        print(json.dumps({"seed": seed, "roles": ROLES, "out": str(path)}), file=self._process.stdin, flush=True)
        told = self._answer()
        size, turns, outcome = path.stat().st_size, told["turns"], told["outcome"]
        game, whole = (Game(*told[part], size, turns, outcome) for part in ("game", "whole"))
        return game, whole

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"Kaggle's process ended with code {self._process.wait()}")
        return json.loads(line)


def _installed(folder: Path) -> Path:
    """The interpreter of a virtual environment that has Kaggle's package, made here if it is not there yet."""
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    has_it = [python, "-c", "import kaggle_environments.envs.werewolf.werewolf"]
    if not python.exists() or subprocess.run(has_it, capture_output=True, check=False).returncode:
        print(f"installing {PACKAGE} into {folder}, once", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True, stdout=sys.stderr)
    return python


def chat(world: World, seed: int, path: Path) -> None:
    """Play one of our games in an AutoGen group chat."""
    sim.run(world, seed=seed, language="en", out=path)


def loop(world: World, seed: int, path: Path) -> None:
    """Play one of our games in the plain loop."""
    with LogWriter(path) as log:
        Run(world, settings_for(world, seed=seed, language="en"), models_for(world, {}), log).play()


def ours(play: Callable[[World, int, Path], None], world: World, seed: int, path: Path) -> Game:
    """Play one of our games and measure it."""
    began = time.perf_counter(), time.process_time()
    play(world, seed, path)
    ended = time.perf_counter(), time.process_time()
    *_, last = records = RunLog.open(path).records
    turns, outcome = sum(record.type == "turn" for record in records), next(iter(last.outcomes))
    return Game(ended[0] - began[0], ended[1] - began[1], path.stat().st_size, turns, outcome)


def shares(world: World, games: int) -> None:
    """Print how many of our scripted games each side wins, over the seeds from 0."""
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        for seed in range(games):
            path = Path(name) / f"{seed}.jsonl"
            ends[ours(loop, world, seed, path).outcome] += 1
            path.unlink()
    told = ", ".join(f"{outcome} {n} ({n / games:.1%})" for outcome, n in sorted(ends.items()))
    variant = f" ({world.variant})" if world.variant else ""
    print(f"{world.name}{variant}, {games} games: {told}")


def main() -> None:
    """Print the table, or the shares."""
    parser = argparse.ArgumentParser(description="Time werewolf games.")
    parser.add_argument("--games", type=int, default=20, help="how many games each plays")
    parser.add_argument("--world", default="werewolf", help="our world, by name or folder")
    parser.add_argument(
        "--venv", type=Path, default=Path(tempfile.gettempdir()) / "sim-bench-kaggle",
        help="where Kaggle's package is kept, or put if it is not there",
    )  # fmt: skip
    parser.add_argument("--shares", type=int, default=0, help="print how many of so many games each side wins")
    parser.add_argument("--variant", help="for the shares: a variant of the world")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.shares:
        shares(sim.load(options.world, variant=options.variant), options.shares)
        return
    began = time.process_time()
    world = sim.load(options.world)
    loading = time.process_time() - began
    tokens.count("load the vocabulary first: it is loaded once in a process")
    kaggle = Kaggle(options.venv.resolve())
    names = ("Kaggle, the game", "Kaggle, with its replay", "ours, AutoGen group chat", "ours, plain loop")
    rounds: list[tuple[Game, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(options.games + 1):  # the first is only to warm up
            paths = [Path(name) / f"{kind}{seed}" for kind in ("kaggle.json", "chat.jsonl", "loop.jsonl")]
            rounds.append((
                *kaggle.play(seed, paths[0]),
                ours(chat, world, seed, paths[1]),
                ours(loop, world, options.games + 1 + seed, paths[2]),
            ))  # fmt: skip
            for path in paths:
                path.unlink()
    kaggle.close()
    _, *rounds = rounds

    print("| 8 players | s a game | processor s | record, median | largest | turns | Kaggle's game / this |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for i, label in enumerate(names):
        games = [each[i] for each in rounds]
        clock, processor, size, turns = (
            statistics.median(getattr(g, field) for g in games) for field in ("clock", "processor", "size", "turns")
        )
        ratio = statistics.median(each[0].processor / each[i].processor for each in rounds)
        sizes = f"{size / 1000:,.0f} kB | {max(g.size for g in games) / 1000:,.0f} kB" if i else " | "
        print(f"| {label} | {clock:.3f} | {processor:.3f} | {sizes} | {turns:.0f} | {ratio:.1f} |")
    print(f"\n{options.games} games each; medians; the ratio is of processor time, game by game.")
    print(
        f"Loaded once, not counted: {PACKAGE} {kaggle.version} {kaggle.loading:.1f} s, our world {loading:.1f} s."
    )
    theirs, mine = (
        Counter(each[0].outcome for each in rounds),
        Counter(g.outcome for each in rounds for g in each[2:]),
    )
    told = (", ".join(f"{outcome} {n}" for outcome, n in end.most_common()) for end in (theirs, mine))
    print("Ends: Kaggle's {}; ours {}.".format(*told))


if __name__ == "__main__":
    try:
        main()
    except SimError as error:
        raise SystemExit(str(error)) from None
