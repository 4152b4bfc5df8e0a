"""The JSON Schema of files of acts and of cases, made from their models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sim.cases.format import CasesFile
from sim.models.acts import ActsFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILES: dict[str, type[BaseModel]] = {"acts": ActsFile, "cases": CasesFile}


def schema(name: str) -> dict[str, Any]:
    """The schema of ``acts`` or ``cases`` in their long forms; editors may also be given the short ones."""
    return {"$schema": DIALECT, **FILES[name].model_json_schema(by_alias=True)}
