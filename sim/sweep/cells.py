"""The cells of an experiment: each is one run, found by its number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sim.sweep.format import ExperimentFile, Setting


class Design(Protocol):
    """What the cells follow from."""

    @property
    def spec(self) -> ExperimentFile:
        """The file."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The arms, in their order."""


@dataclass(frozen=True)
class Arm:
    """One of the settings that are compared; ``stage`` is the number of the world that it is played in."""

    name: str
    setting: Setting
    stage: int = 0


@dataclass(frozen=True)
class Cell:
    """One run: ``block`` is its seed and repeat, which all arms share; ``rotation`` how far models are shifted."""

    cell: int
    arm: Arm
    block: int
    seed: int
    repeat: int
    rotation: int


def rotations(design: Design) -> int:
    """How many shifts of its models each block has; 1 where none are rotated."""
    return len(design.spec.rotate.models) if design.spec.rotate is not None else 1


def count(design: Design) -> int:
    """How many cells there are."""
    seeds = design.spec.seeds
    number = seeds if isinstance(seeds, int) else len(seeds)
    return number * design.spec.repeats * len(design.arms) * rotations(design)


def cell_at(design: Design, number: int) -> Cell:
    """The cell of a number; they are counted by seed, repeat, arm and rotation, the last the fastest."""
    spec = design.spec
    rest, rotation = divmod(number, rotations(design))
    block, arm = divmod(rest, len(design.arms))
    index, repeat = divmod(block, spec.repeats)
    seed = index + 1 if isinstance(spec.seeds, int) else spec.seeds[index]
    return Cell(number, design.arms[arm], block, seed, repeat, rotation)


def cells(design: Design) -> Iterator[Cell]:
    """All cells, in their order."""
    return (cell_at(design, number) for number in range(count(design)))


def seated(models: list[str], seats: tuple[str, ...], rotation: int) -> dict[str, str]:
    """The model of each seat, where the first sits so many seats further on."""
    return {seat: models[(i + rotation) % len(models)] for i, seat in enumerate(seats)}
