"""A made-up experiment in which it is known what differs: to try ``sim compare`` on, and to see how often it errs.

    python bench/planted.py results/planted --seeds 400

writes the results of three arms: ``plain`` wins 50 % of its runs, ``better`` 60 %, ``same`` 50 % again. No world is
played; the rows have the form that ``sim sweep`` writes.

    python bench/planted.py --experiments 500

makes so many such experiments, compares each, and prints how often the difference was found, how often one was
found where there is none, and how often the intervals held the true values. It takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SHARES = {"plain": 0.5, "better": 0.6, "same": 0.5}
"""The chance of each arm to win."""


def row(cell: int, arm: str, seed: int, **given: Any) -> dict[str, Any]:
    """A row as ``sim sweep`` writes it; ``given`` is what differs from a dull run."""
    turns = given.get("turns", 12)
    dull: dict[str, Any] = {
        "cell": cell, "arm": arm, "block": seed - 1, "seed": seed, "repeat": 0, "rotation": 0,
        "world": "planted", "variant": None, "lang": "en", "models": {"guest": "scripted"}, "settings": {},
        "status": "done", "episodes": 1, "outcomes": {"won": 1}, "outcome": "won",
        "turns": turns, "minutes": 2.0 * turns, "waited": None,
        "calls": turns, "refusals": 0, "acts": turns, "valid": 1.0, "breaches": 0, "warnings": 0,
        "tokens": {"prompt": 90 * turns, "completion": 10 * turns, "total": 100 * turns},
        "cost": 0.0, "currency": "USD", "by_model": {}, "facts": None, "measures": None, "judged": None,
        "seats": None, "trace": f"{cell:064x}", "log": f"runs/{cell:06}.jsonl",
        "measured": {"seconds": 0.01, "worker": 1},
    }  # fmt: skip
    return dull | given


def failed(cell: int, arm: str, seed: int, error: str) -> dict[str, Any]:
    """The row of a run that failed."""
    nothing = ("episodes", "outcomes", "outcome", "turns", "minutes", "calls", "acts", "valid", "tokens", "cost")
    return row(cell, arm, seed) | dict.fromkeys(nothing) | {"status": "failed", "error": error}


def planted(
    seeds: int, shares: Mapping[str, float] = SHARES, *, number: int = 0, together: float = 0.3
) -> Iterator[dict[str, Any]]:
    """The rows of a made-up experiment.

    Args:
        seeds: how many; each is played in each arm.
        shares: the arms, each with its chance to win.
        number: of the experiment; another one is drawn anew.
        together: with this chance an arm's run hangs on the luck of its seed, which all arms share.
    """
    draw = random.Random(f"planted {number}")
    cell = 0
    for seed in range(1, seeds + 1):
        luck = draw.random()
        for arm, share in shares.items():
            own = luck if draw.random() < together else draw.random()
            turns = round(draw.lognormvariate(2.5, 0.4) + 6 * luck)
            outcome = "won" if own < share else "lost"
            minutes = round(turns * draw.uniform(1.5, 2.5), 1)
            prompt, completion = 90 * turns + draw.randrange(400), 10 * turns + draw.randrange(60)
            yield row(
                cell, arm, seed, turns=turns, minutes=minutes, outcomes={outcome: 1}, outcome=outcome,
                tokens={"prompt": prompt, "completion": completion, "total": prompt + completion},
                cost=round(prompt * 2.5e-6 + completion * 1e-5, 6),
            )  # fmt: skip
            cell += 1


def duels(blocks: int, strengths: Mapping[str, float], *, number: int = 0) -> Iterator[dict[str, Any]]:
    """The rows of made-up games of two seats, a seer and a wolf, of which one wins.

    Args:
        blocks: how many seeds; with each, every model meets every other one in both seats.
        strengths: the models, each with its log odds; the wolf has half a unit more.
        number: of the experiment; another one is drawn anew.
    """
    draw = random.Random(f"duels {number}")
    pairs = [(one, other) for one in strengths for other in strengths if one != other]
    cell = 0
    for seed in range(1, blocks + 1):
        for rotation, (seer, wolf) in enumerate(pairs):
            odds = math.exp(strengths[seer] - strengths[wolf] - 0.5)
            won = draw.random() < odds / (1 + odds)
            seats = {
                "P1": {"model": seer, "card": "seer", "won": won},
                "P2": {"model": wolf, "card": "wolf", "won": not won},
            }
            outcome = "village_wins" if won else "wolves_win"
            models = {"P1": seer, "P2": wolf}
            yield row(
                cell, "duel", seed, rotation=rotation, outcomes={outcome: 1}, outcome=outcome, seats=seats,
                models=models,
            )  # fmt: skip
            cell += 1


def write(folder: Path, rows: Sequence[dict[str, Any]], name: str = "planted") -> Path:
    """Write a results folder.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arms: dict[str, Any] = {each["arm"]: {} for each in rows}
    about = {
        "experiment": name,
        "decides": {"experiment": name, "arms": arms},
        "cells": 1 + max((each["cell"] for each in rows), default=-1),
    }
    (folder / "experiment.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)
    (folder / "results.jsonl").write_text(lines, encoding="utf-8")
    return folder


def rates(experiments: int, seeds: int, folder: Path) -> dict[str, float]:
    """Compare many experiments, and count.

    Returns:
        The shares of the experiments in which the better arm was told from the plain one (``found``), in which the
        arm that is the same was called different (``false``), and of the intervals that held the truth: of the
        arms' shares (``share``), their mean turns (``mean``), the difference of the better arm (``difference``).
    """
    from sim.compare.comparison import Verdict, compare  # noqa: PLC0415 - of an extra
    from sim.compare.reading import read  # noqa: PLC0415
    from sim.compare.rows import open_folder  # noqa: PLC0415

    truth = _mean_turns()
    counts = dict.fromkeys(("found", "false", "share", "mean", "difference"), 0.0)
    for number in range(experiments):
        write(folder, list(planted(seeds, number=number)))
        sample = read([open_folder(folder)])
        made = compare(sample, measures=["outcome:won"])
        told = {d.arm: d for d in made.differences}
        counts["found"] += told["better"].verdict is Verdict.different
        counts["false"] += told["same"].verdict is Verdict.different
        counts["difference"] += _holds(told["better"].found.interval, SHARES["better"] - SHARES["plain"])
        for each in (*made.estimates, *compare(sample, measures=["turns"]).estimates):
            is_share = each.measure == "outcome:won"
            held = _holds(each.interval, SHARES[each.arm] if is_share else truth)
            counts["share" if is_share else "mean"] += held / len(SHARES)
    return {name: count / experiments for name, count in counts.items()}


def _holds(interval: tuple[float | None, float | None], value: float) -> bool:
    low, high = interval
    return low is not None and high is not None and low <= value <= high


def _mean_turns() -> float:
    """The mean of the turns of a run, from a hundred thousand seeds."""
    found: list[int] = [each["turns"] for each in planted(100_000, {"plain": 0.5}, number=-1)]
    return sum(found) / len(found)


def main() -> None:
    """Write an experiment, or measure."""
    parser = argparse.ArgumentParser(description="A made-up experiment in which it is known what differs.")
    parser.add_argument("folder", nargs="?", type=Path, help="where to write the results")
    parser.add_argument("--seeds", type=int, help="how many; 400 if left out, or what power analysis says")
    parser.add_argument("--experiments", type=int, help="make, compare and count so many")
    given = parser.parse_args()
    if given.experiments is None:
        if given.folder is None:
            parser.error("say where to write, or --experiments")
        write(given.folder, list(planted(given.seeds or 400)))
        print(given.folder)
        return
    seeds = given.seeds or seeds_for()
    with tempfile.TemporaryDirectory() as folder:
        found = rates(given.experiments, seeds, Path(folder))
    print(f"{given.experiments:,} experiments of three arms and {seeds:,} seeds, at 5 % over both comparisons")
    for name, said in (
        ("found", "of the experiments tell the arm that wins 60 % from the one that wins 50 %"),
        ("false", "call the arm different that is not"),
        ("share", "of the intervals of shares hold the true share"),
        ("mean", "of the intervals of mean turns hold the true mean"),
        ("difference", "of the intervals of the difference hold the true one"),
    ):
        print(f"{found[name]:6.1%} {said}")


def seeds_for(together: float = 0.3) -> int:
    """The seeds that power analysis asks for, to find 60 % beside 50 % four times in five, with two comparisons."""
    from sim.compare.power import seeds_needed  # noqa: PLC0415 - of an extra

    p, q = SHARES["better"], SHARES["plain"]
    # Both hang on the seed's luck with this chance squared; else they are drawn one by one.
    both = together**2 * min(p, q) + (1 - together**2) * p * q
    spread = (p + q - 2 * both - (p - q) ** 2) ** 0.5
    return seeds_needed(p - q, spread, 2, is_paired=True) or 0


if __name__ == "__main__":
    main()
