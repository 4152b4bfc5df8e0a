"""The JSON Schema of ``experiment.yaml``, made from its models."""

from __future__ import annotations

from typing import Any

from sim.cases.schema import DIALECT
from sim.sweep.format import ExperimentFile


def schema() -> dict[str, Any]:
    """The schema in its long forms; editors may also be given the short ones."""
    return {"$schema": DIALECT, **ExperimentFile.model_json_schema(by_alias=True)}
