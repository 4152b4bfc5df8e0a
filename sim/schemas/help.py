"""What editors show for each key of a file, read from ``words.yaml``: a sentence or two, and examples."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.world.source import read_yaml

_FILE = Path(__file__).with_name("words.yaml")

TITLES: Mapping[str, tuple[str, str]] = {
    "world": ("A world", "world.yaml: who is there, what they may do, and what leads where."),
    "persona": ("A persona", "personas/NAME.yaml: a character, or a population of several."),
    "models": ("Models", "models.yaml: the models that you name, where they are and what they cost."),
    "lines": ("Lines", "lines.yaml: what the scripted model says and does, by state and role."),
    "acts": ("Acts", "What the agents of a run say and do, turn by turn."),
    "cases": ("Cases", "tests/*.yaml: runs of a world, and what must come of them."),
    "experiment": ("An experiment", "Runs of a world in several arms with the same seeds, for sim sweep."),
}
"""The title and a line on each schema."""


@functools.cache
def _words() -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = read_yaml(_FILE).value
    return told


def help_for(model: str, key: str) -> tuple[str, list[Any]]:
    """The words on a key, and examples of what may stand there.

    Raises:
        KeyError: for a key that has no words: each must be explained.
    """
    words, *examples = _words().get(f"{model}.{key}") or _words()[key]
    return words, examples


def explained() -> frozenset[str]:
    """The keys that have words."""
    return frozenset(_words())
