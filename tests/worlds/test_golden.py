"""Every bundled world, in each language and variant, plays its golden transcript.

``SIM_UPDATE_GOLDEN=1 pytest tests/worlds`` writes them again; read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import sim
from sim.read.export import to_markdown
from sim.read.verify import verify
from sim.world.folders import variants_of

GOLDEN = Path(__file__).parent / "golden"
WORLDS = Path(__file__).resolve().parent.parent.parent / "worlds"
CASES = [
    (path.name, variant, language)
    for path in sorted(WORLDS.iterdir())
    if (path / "world.yaml").is_file()
    for variant in (None, *variants_of(path))
    for language in ("en", "zh")
]


@pytest.mark.parametrize(("name", "variant", "language"), CASES)
def test_a_world_plays_its_golden_transcript(name: str, variant: str | None, language: str, tmp_path: Path) -> None:
    """Seed 7, scripted, byte for byte, six episodes where many arrive; and its log verifies."""
    world = sim.load(WORLDS / name, variant=variant)
    log = sim.run(
        world,
        seed=7,
        language=language,
        allow_exec=tmp_path / "work",
        episodes=6 if world.spec.arrivals is not None else None,
        out=tmp_path / f"{name}.jsonl",
    )
    golden = GOLDEN / f"{name}{f'-{variant}' if variant else ''}-{language}.md"
    played = to_markdown(log)
    if os.environ.get("SIM_UPDATE_GOLDEN"):
        golden.write_text(played, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == played
    assert verify(log).ok
