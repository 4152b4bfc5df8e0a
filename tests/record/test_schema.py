"""The JSON Schema of the log: every record of every world is valid, what is broken is not, all is explained."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import sim
from sim.record.log import RunLog
from sim.record.schema import schema
from tests.read.games import logged
from tests.worlds.players import MIXED, POLITE, Manners

OLD = sorted((Path(__file__).parents[1] / "read" / "old").glob("*.jsonl*"))
VALIDATOR = Draft202012Validator(schema())

Json = dict[str, Any]


def lines(path: Path) -> list[Json]:
    """The records of a log, packed or not, as other programs read them."""
    log = RunLog.open(path)
    return [json.loads(line) for _, line in log.records.numbered()]


def test_the_schema_is_one() -> None:
    """It is itself valid, by the dialect that it names."""
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", OLD, ids=lambda p: p.name)
def test_every_record_of_every_world_is_valid(path: Path) -> None:
    """One run of each world in today's format, and those of the format before it."""
    records = lines(path)
    assert records[-1]["type"] == "run_ended"
    assert [(r["seq"], e.message) for r in records for e in VALIDATOR.iter_errors(r)] == []


@pytest.mark.parametrize("manners", [POLITE, MIXED], ids=["polite", "mixed"])
def test_records_of_answers_that_were_sent_back_are_valid(manners: Manners) -> None:
    """Of agents who look things up, and of those who often answer badly."""
    for world in ("werewolf", "hospital_visit"):
        records = lines(logged(world, manners=manners).path)
        assert [(r["seq"], e.message) for r in records for e in VALIDATOR.iter_errors(r)] == []


def test_the_logs_have_records_of_almost_all_types(tmp_path: Path) -> None:
    """Selections and look-ups are in few worlds, other models come in later; other tests make them."""
    paths = [*OLD, logged("werewolf", manners=MIXED).path]
    day = sim.run("hospital_visit", variant="day", seed=1, episodes=6, out=tmp_path / "day.jsonl")
    fork = sim.fork(day, at=2, episode=3, facts={"urgent": True}, out=tmp_path / "fork.jsonl")
    paths += [day.path, fork.path]
    assert [(r["seq"], e.message) for r in lines(fork.path) for e in VALIDATOR.iter_errors(r)] == []
    kinds = {record["type"] for path in paths for record in lines(path)}
    known = {part["properties"].get("type", {}).get("const") for part in schema()["$defs"].values()} - {None}
    assert known - kinds <= {"selection", "resumed"}


def broken(record: Json) -> list[tuple[str, Json]]:
    """A record with one thing wrong in it, in every way that a schema can see."""
    found: list[tuple[str, Json]] = [("a field too many", record | {"more": 1})]
    for name in record:
        other = copy.deepcopy(record)
        if name not in {"measured", "price", "asked", "until"}:
            del other[name]
            found.append((f"without {name}", other))
        found.append((f"{name} of another type", record | {name: [None] if record[name] != [None] else 0}))
    found.append(("another type of record", record | {"type": "intermission"}))
    found.append(("a number below 0", record | {"seq": -1}))
    found.append(("a hash that is none", record | {"hash": "0" * 63}))
    return found


@pytest.mark.parametrize("path", OLD[:4], ids=lambda p: p.name)
def test_what_is_broken_is_not_valid(path: Path) -> None:
    """The first record of each type, with a field gone, added or of another type."""
    first = {record["type"]: record for record in reversed(lines(path))}
    wrong = [(kind, what) for kind, r in first.items() for what, other in broken(r) if VALIDATOR.is_valid(other)]
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("call", {"purpose": "chat"}),
        ("call", {"cost": "1e3"}),
        ("call", {"cost": "-1"}),
        ("call", {"currency": "dollars"}),
        ("call", {"usage": {"prompt": -1, "completion": 0, "cached": 0, "is_estimated": True}}),
        ("call", {"usage": {"prompt": 1, "completion": 0, "cached": 0, "is_estimated": True, "total": 1}}),
        ("header", {"format": 99}),
        ("header", {"models": {"doctor": "scripted"}}),
        ("turn", {"acts": [{"action": "pay_fee"}]}),
        ("turn", {"heard_by": "everyone"}),
    ],
)
def test_values_that_no_run_writes_are_not_valid(kind: str, change: Json) -> None:
    """Inside a field too."""
    record = next(r for r in lines(OLD[-1]) if r["type"] == kind)
    assert VALIDATOR.is_valid(record)
    assert not VALIDATOR.is_valid(record | change)


def test_every_record_and_field_is_explained() -> None:
    """A description stands at each; one that a record gains must be given one."""
    parts = schema()["$defs"]
    without = [(p, f) for p, part in parts.items() for f, d in part["properties"].items() if "description" not in d]
    assert without == []
    assert all(part["description"] for part in parts.values())
    assert "``" not in json.dumps(parts)
