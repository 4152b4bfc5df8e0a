"""The arms of an experiment: those that are named, or one for each combination of the axes' values."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import did_you_mean
from sim.sweep.format import KEYS, ExperimentFile, Setting
from sim.world.source import KeyPath, Source
from sim.world.validation import validate

MOST_ARMS = 10_000
BY_NAME = ("model", "personas", "set", "order", "context")
"""Keys with keys of their own, for which an axis may stand alone: ``set.fee``, ``model.doctor``."""


@dataclass(frozen=True)
class Places:
    """Where a setting was said: in an arm, on axes, or for the whole experiment."""

    source: Source
    arm: KeyPath | None = None
    axes: Mapping[str, KeyPath] = field(default_factory=dict)

    def at(self, key: str, name: str | None = None) -> KeyPath:
        """The path of a key of the setting, or of a name in it; that of the arm where it was said nowhere."""
        if name is not None and f"{key}.{name}" in self.axes:
            return self.axes[f"{key}.{name}"]
        rest = () if name is None else (name,)
        roots = [self.axes[key]] if key in self.axes else []
        roots += [(*self.arm, key)] if self.arm is not None else []
        roots += [(key,)]
        for root in roots:
            for path in ((*root, *rest), root):
                if path in self.source.marks:
                    return path
        return self.arm or (key,)

    @property
    def whole(self) -> KeyPath:
        """The path of the arm."""
        return self.arm or next(iter(self.axes.values()), ("experiment",))


@dataclass(frozen=True)
class Said:
    """An arm as the file says it."""

    name: str
    setting: Setting
    places: Places


def arms_of(source: Source, spec: ExperimentFile) -> list[Said]:
    """The arms of an experiment, in the order of the file; problems are noted in the source.

    What the whole experiment says holds where an arm says nothing else; names in ``set``, ``personas``, ``order``
    and ``model`` are taken one by one, but for a model that is for all.
    """
    base = Setting.model_construct(**{name: getattr(spec, name) for name in KEYS.values()})
    if spec.axes:
        return list(_grid(source, spec, base))
    if not spec.arms:
        return [Said(spec.experiment, base, Places(source))]
    return [Said(n, _over(base, arm), Places(source, ("arms", n))) for n, arm in spec.arms.items()]


def _over(base: Setting, arm: Setting) -> Setting:
    found: dict[str, Any] = {name: getattr(base, name) for name in KEYS.values()}
    for name in arm.model_fields_set:
        value, before = getattr(arm, name), found[name]
        is_whole = name == "model" and value is not None and set(value) == {"*"}
        if isinstance(value, dict) and isinstance(before, dict) and not is_whole:
            value = {**before, **value}
        found[name] = value
    return Setting.model_construct(**found)


def _grid(source: Source, spec: ExperimentFile, base: Setting) -> Iterator[Said]:
    before = len(source.problems)
    axes = [_axis(source, key, values) for key, values in spec.axes.items()]
    for key in spec.axes:
        head, dot, _ = key.partition(".")
        if dot and head in spec.axes:
            source.problems.append(source.problem(("axes", key), "axis", f"'{head}' is an axis as well"))
    if math.prod(map(len, axes)) > MOST_ARMS:
        source.problems.append(source.problem(("axes",), "axes", f"make more than {MOST_ARMS:,} arms"))
    if len(source.problems) > before:
        return
    for point in itertools.product(*axes):
        setting, places = base, {}
        for key, path, _, part in point:
            setting = _over(setting, part)
            places[key] = path
        name = ",".join(f"{key}={shown}" for key, _, shown, _ in point)
        yield Said(name, setting, Places(source, None, places))


def _axis(source: Source, key: str, values: list[Any]) -> list[tuple[str, KeyPath, str, Setting]]:
    """The values of an axis, each as a part of a setting."""
    head, dot, name = key.partition(".")
    if head not in KEYS or (dot and head not in BY_NAME):
        known = [*KEYS, *(f"{k}.NAME" for k in BY_NAME)]
        message = f"unknown axis '{key}'{did_you_mean(key, known)}"
        source.problems.append(source.problem(("axes", key), "axis", message))
        return []
    if not values:
        source.problems.append(source.problem(("axes", key), "axis", "has no values"))
    found = []
    for i, value in enumerate(values):
        path: KeyPath = ("axes", key, i)
        given = {head: {name: value} if dot else value}
        part = Source(given, {}, [], source.name)
        setting = validate(part, Setting)
        for problem in part.problems:
            _, _, message = problem.message.rpartition(": ")
            source.problems.append(source.problem(path, problem.code, message))
        if setting is not None:
            found.append((key, path, _shown(value), setting))
    return found


def _shown(value: Any) -> str:
    """A value as it stands in the name of an arm."""
    if isinstance(value, dict):
        return "+".join(f"{k}:{_shown(v)}" for k, v in value.items()) or "{}"
    if isinstance(value, list):
        return "+".join(map(_shown, value)) or "[]"
    return value if isinstance(value, str) else json.dumps(value)
