"""Small experiments in a folder, and the rows of their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.sweep.engines import Engine, InProcess
from sim.sweep.plan import read_plan
from sim.sweep.running import Sweep, sweep
from tests.cases.shop import SHOP

VARIANTS = """\
variants:
  dear: {actions: {pay: {needs: [{that: act.amount <= 4, why: too dear}]}}}
  strict: {at_end: {sold: {ten is paid: paid == 10}}}
"""


def write(folder: Path, text: str, *, world: str = SHOP + VARIANTS) -> Path:
    """Write the shop and an experiment beside it, and give the experiment's file."""
    (folder / "shop").mkdir(parents=True, exist_ok=True)
    (folder / "shop" / "world.yaml").write_text(world, encoding="utf-8")
    file = folder / "sale.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def swept(file: Path, out: Path, engine: Engine | None = None, **options: Any) -> Sweep:
    """Run an experiment."""
    return sweep(read_plan(file), out, engine or InProcess(), **options)


def rows(out: Path) -> list[dict[str, Any]]:
    """The rows of some results, as they are."""
    return [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]


def columns(out: Path) -> list[bytes]:
    """The deterministic part of each row, byte for byte as it is written."""
    lines = (out / "results.jsonl").read_bytes().splitlines()
    parts = [line.partition(b',"measured":{') for line in lines]
    assert all(mark for _, mark, _ in parts)
    return [part for part, _, _ in parts]


def refusal(file: Path, **options: Any) -> list[str]:
    """What is said of an experiment that cannot be run: a line for each problem, from the file's name on."""
    with pytest.raises(DefinitionError) as caught:
        read_plan(file, **options)
    return [line.replace(f"{file.parent}/", "") for line in str(caught.value).splitlines()]
