"""What the reader checks across the keys of a part, as far as JSON Schema can say it."""

from __future__ import annotations

from typing import Any

_KINDS = ("flag", "number", "money", "text", "choice", "list")


def _one_of(*keys: str) -> dict[str, Any]:
    """Exactly one of these keys."""
    return {"oneOf": [{"required": [key]} for key in keys]}


def _some_of(*keys: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [key]} for key in keys]}


def _needs(**keys: list[str]) -> dict[str, Any]:
    return {"dependencies": keys}


RULES: dict[str, dict[str, Any]] = {
    "Group": _one_of("agents", "where"),
    "Tool": _one_of("gives", "rule"),
    "Transitions": _one_of("allowed", "disallowed"),
    "Minutes": _one_of(
        "fixed", "uniform", "normal", "lognormal", "exponential", "triangular", "empirical", "words"
    ),
    "Resource": {**_one_of("capacity", "stock"), **_needs(refill=["stock"], most=["stock"])},
    "Arrivals": _one_of("at", "every", "per_hour", "schedule", "file"),
    "Hold": _needs(patience=["otherwise"], queue_at_most=["otherwise"]),
    "After": _some_of("turns", "rounds", "minutes"),
    "Fact": {**_one_of(*_KINDS), **_needs(deal=["of", "choice"])},
    "ActionField": {"anyOf": [_one_of(*_KINDS), *_some_of("of", "one_of")["anyOf"]]},
    "Role": _some_of("persona", "personas", "population"),
    "Heard": {"allOf": [_some_of("by", "never_by"), _some_of("turn", "state", "speaker", "says")]},
    "Said": _needs(instead=["refused"]),
    "ActedTurn": _needs(instead=["refused"]),
    "Case": {"not": {"required": ["acts", "turns"]}},
    "ExperimentFile": {"not": {"required": ["arms", "axes"]}},
}
"""By the name of the model."""
