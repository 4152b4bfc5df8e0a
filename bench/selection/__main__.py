"""``python -m bench.selection``: who speaks next, four ways, on one visit to the hospital; what each takes.

    python -m bench.selection --seeds 5                        # scripted, counted by a local server; some minutes
    python -m bench.selection --rounds 20 --seeds 1            # some seconds
    python -m bench.selection --url URL --model NAME --rounds 14 --seeds 2   # with a real model
    python -m bench.selection --show scripted                  # what was measured before, without playing

The results go to results/selection/ (or --out): results.json, results.csv, tokens.svg, kept.svg, and for each
cell a folder that `sim compare` reads.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.selection.results import ARMS, Measured, Result, read, save
from bench.selection.scene import CUT
from bench.selection.tables import told
from sim.errors import DefinitionError, SimError, did_you_mean
from sim.models import prices

KEPT = Path(__file__).with_name("measured")
"""What the page of the documentation shows: a folder for each command that was run for it."""


def main(words: Sequence[str]) -> None:
    """Play and print, or print what was measured before.

    Raises:
        SimError: if an option cannot be used, or a model fails.
    """
    given = _options(words)
    if given.show is not None:
        path = Path(given.show)
        print("\n".join(told(read((path if path.is_dir() else KEPT / given.show) / "results.json"))))
        return
    # Playing needs AutoGen, and drawing matplotlib; showing needs neither.
    from bench.selection.figures import draw  # noqa: PLC0415
    from bench.selection.running import Plan, play  # noqa: PLC0415

    price = prices.listed(given.price_as)
    if price is None:
        raise DefinitionError(f"--price-as {given.price_as}: the price list has no such model")
    unknown = next((arm for arm in given.arms if arm not in ARMS), None)
    if unknown is not None:
        raise DefinitionError(f"--arms {unknown}: no such arm{did_you_mean(unknown, ARMS)}")
    plan = Plan(
        given.rounds, range(1, given.seeds + 1), given.reliability, given.lang, price, given.url, given.model,
        given.cut, given.arms,
    )  # fmt: skip
    about = {
        "command": shlex.join(["python", "-m", "bench.selection", *words]),
        "language": given.lang, "price_as": given.price_as, "model": given.model,
    }  # fmt: skip
    measured = Measured(about, tuple(play(plan, _progress)))
    save(measured, given.out)
    draw(measured, given.out)
    print("\n".join(told(measured)))
    print(f"written to {given.out}")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.selection", description="Four ways to choose who speaks."
    )
    parser.add_argument("--rounds", type=int, nargs="+", default=[20, 40, 100], help="of a visit without errors")
    parser.add_argument("--seeds", type=int, default=5, help="how many runs of each cell")
    parser.add_argument(
        "--reliability", type=float, nargs="+", default=[1.0, 0.98, 0.9], help="chance of a call to be right"
    )
    parser.add_argument("--lang", default="zh", help="zh or en")
    parser.add_argument("--price-as", default="gpt-4o", help="the model whose price is taken")
    parser.add_argument("--url", help="of an OpenAI-compatible server: a real model instead of the script")
    parser.add_argument("--model", default="scripted", help="its name there")
    parser.add_argument("--cut", type=float, default=CUT, help="a chat is cut after so many times its rounds")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), help="which to play")
    parser.add_argument("--out", type=Path, default=Path("results/selection"), help="where the results go")
    parser.add_argument("--show", metavar="NAME", help="print results of before: scripted, or a folder")
    given = parser.parse_args(words)
    if given.seeds < 1:
        parser.error("--seeds: at least 1")
    return given


def _progress(run: Result) -> None:
    who = "" if run.reliability is None else f" {run.reliability:g}"
    print(f"{run.rounds}{who} {run.arm} seed {run.seed}: {run.tokens:,} tokens, {run.outcome}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SimError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
