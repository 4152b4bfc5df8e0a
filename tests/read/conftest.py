"""What the tests of verification share: logs to be changed, and the verdict on what was made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sim.models.scripted import Scripted
from sim.read.verify import Verdict, verify
from sim.record.log import RunLog
from sim.world.world import World
from tests.read.forging import Says, notary, play


@pytest.fixture
def verdict_of(tmp_path: Path) -> Callable[[Sequence[bytes]], Verdict]:
    """Write some lines as a log and verify it."""

    def of(lines: Sequence[bytes]) -> Verdict:
        path = tmp_path / "changed.jsonl"
        path.write_bytes(b"".join(lines))
        return verify(RunLog.open(path))

    return of


@pytest.fixture(scope="module")
def measured_path(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a run whose calls were measured, and of which many were sent back."""
    script = Scripted()
    model = Says(
        lambda request: script.answer(request).text if request.attempt else '{"fly": 1}',
        {"latency_s": 0.25, "id": 'a"b,"hash":"c', "nested": {"deep": [1, 2]}},
    )
    path = tmp_path_factory.mktemp("measured") / "run.jsonl"
    play(world, path, seed=3, language="en", model=model)
    return path


@pytest.fixture(scope="module")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a short run of a small world, with acts and refusals, for what is tried at every place."""
    folder = tmp_path_factory.mktemp("small")
    answers = ("Good day.", '{"say": "Half.", "divide": {"parts": 2}}', '{"say": "?", "fly": 1}', "As you wish.")
    model = Says(lambda request: answers[(request.situation.turn + request.attempt) % 4])
    play(notary(folder / "notary"), folder / "run.jsonl", model=model)
    return folder / "run.jsonl"
