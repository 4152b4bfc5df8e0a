"""An experiment that was read and checked: its arms, their worlds, and what its results follow from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import DefinitionError, Problem
from sim.models import catalog
from sim.sweep.arms import arms_of
from sim.sweep.cells import Arm, count
from sim.sweep.checking import Checks
from sim.sweep.format import KEYS, MOST_RUNS, ExperimentFile
from sim.sweep.staging import Code, Stage
from sim.world.source import Source, read_yaml
from sim.world.validation import validate

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """All that running the cells needs, and can be sent to another process; no keys.

    ``decides`` is what the results follow from, ``digest`` the SHA-256 of it. The budget is not in it: with more of
    it the same experiment goes on.
    """

    file: Path
    spec: ExperimentFile
    arms: tuple[Arm, ...]
    stages: tuple[Stage, ...]
    functions: Mapping[str, tuple[Code, str]]
    models_file: Path | None
    decides: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The experiment's id."""
        return self.spec.experiment

    @property
    def digest(self) -> str:
        """The SHA-256 of what the results follow from."""
        text = json.dumps(self.decides, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def described(self) -> dict[str, Any]:
        """What ``experiment.json`` says."""
        return {
            "format": FORMAT,
            "experiment": self.name,
            "about": self.spec.about,
            "digest": self.digest,
            "cells": count(self),
            "worlds": {arm.name: self.stages[arm.stage].digest for arm in self.arms},
            "decides": self.decides,
        }


def read_plan(path: Path, *, code: bool = True) -> Plan:
    """Read an experiment and check all of it against its worlds and models; nothing is run.

    Without ``code``, worlds with a ``rules.py`` and functions that measure are refused.

    Raises:
        DefinitionError: with every problem found, each with file, line and key path.
    """
    source = read_yaml(path)
    if not source.problems and not isinstance(source.value, dict):
        source.problems.append(
            Problem(str(path), 1, 1, "experiment", "an experiment is a mapping of keys to values")
        )
    spec = validate(source, ExperimentFile)
    if spec is None:
        raise DefinitionError.of(source.problems)
    return _planned(path, source, spec, code=code)


def _planned(path: Path, source: Source, spec: ExperimentFile, *, code: bool) -> Plan:
    said = arms_of(source, spec)
    if source.problems:
        raise DefinitionError.of(source.problems)
    checks = Checks(path.resolve().parent, source, spec, catalog.load(), code=code)
    functions = checks.functions()
    checks.judge()
    stages: dict[str, tuple[int, Stage]] = {}
    arms: list[Arm] = []
    decided: dict[str, Any] = {}
    for each in said:
        checked = checks.arm(each)
        if checked is None:
            continue
        number, _ = stages.setdefault(checked.stage.digest, (len(stages), checked.stage))
        arms.append(Arm(each.name, each.setting, number))
        decided[each.name] = {"world": checked.stage.digest, **settled(arms[-1])}
    if source.problems:
        raise DefinitionError.of(source.problems)
    plan = Plan(
        path.resolve(),
        spec,
        tuple(arms),
        tuple(stage for _, stage in stages.values()),
        functions,
        checks.catalog.path.resolve() if checks.catalog.path is not None else None,
        _decides(spec, decided, checks, functions),
    )
    if count(plan) > MOST_RUNS:
        problem = source.problem(("experiment",), "runs", f"{count(plan):,} runs are more than {MOST_RUNS:,}")
        raise DefinitionError.of([problem])
    return plan


def settled(arm: Arm) -> dict[str, Any]:
    """The setting of an arm, key by key, as JSON has it; null what it does not say."""
    dumped = arm.setting.model_dump(by_alias=True, mode="json", exclude_unset=False)
    context = arm.setting.context
    dumped["context"] = context.model_dump(exclude_unset=True) if context is not None else None
    return {key: dumped[key] for key in KEYS if key != "world"}


def _decides(
    spec: ExperimentFile, arms: Mapping[str, Any], checks: Checks, functions: Mapping[str, tuple[Code, str]]
) -> dict[str, Any]:
    return {
        "experiment": spec.experiment,
        "seeds": spec.seeds,
        "repeats": spec.repeats,
        "arms": arms,
        "rotate": spec.rotate.model_dump() if spec.rotate is not None else None,
        "measure": spec.measure,
        "functions": {
            name: {"function": text, "file": functions[name][0].digest} for name, text in spec.functions.items()
        },
        **({"judge": spec.judge.model_dump()} if spec.judge is not None else {}),
        "models": {name: dict(model.description) for name, model in sorted(checks.models.items())},
    }
