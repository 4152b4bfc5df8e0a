"""The record types: all of a real log are read and written back alike, and nothing unknown gets in."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import sim
from sim.models.model import Reply, Request
from sim.record.records import READER, Usage
from sim.world.world import World

KINDS = {
    "header",
    "episode_started",
    "call",
    "refusal",
    "look_up",
    "selection",
    "turn",
    "narration",
    "ballot",
    "summary",
    "transition",
    "warning",
    "episode_ended",
    "run_ended",
}
SINCE_FORMAT_2 = {("turn", "asked")}
"""Fields that logs of format 1 do not have."""

PARTY = """
world: party
roles: {host: chengzi, guest: cashier}
tables: {dishes: {soup: {price: 3}, cake: {price: 4}}}
facts: {dish: {choice: dishes}}
tools:
  menu:
    by: [host, guest]
    fields: {at_most: {number: yuan}}
    gives: "[d for d in dishes if dishes[d].price <= act.at_most]"
ballots:
  meal: {voters: [host, guest], on: "[d for d in dishes]", sets: {dish: result.winner}}
states:
  hall:
    speakers: [host, guest]
    order: auto
    actions: menu
    narrate: The bell rings.
    summary: last_message
    go: [{to: table, after: {turns: 2}}]
  table:
    speakers: [host, guest]
    order: simultaneous
    silent: true
    actions: meal
    go: [{to: fed, after: {rounds: 1}}]
start: hall
ends: [fed]
"""


class _Clumsy:
    """A model whose answers are too long or no answers, and which is priced and measured."""

    name = "clumsy"
    description = {"name": "clumsy"}  # noqa: RUF012 - the protocol's own form

    def answer(self, request: Request) -> Reply:
        """Answer with a long speech, or with nothing of use where the turn is odd."""
        usage = Usage(prompt=5, completion=3, cached=1, is_estimated=False)
        text = '{"say": ' if request.situation.turn % 2 else "so " * 400
        return Reply(text, usage, Decimal("0.00000012"), "USD", {"latency_s": 0.25})


class _Guest(_Clumsy):
    """A model that names the host where it selects, looks something up before it speaks, and votes."""

    def answer(self, request: Request) -> Reply:
        """Answer what is asked for, without a fault."""
        given = {"selection": "host", "turn": '{"menu": {"at_most": 3}}', "look_up": "There is soup."}
        is_vote = request.situation.state == "table"
        text = '{"meal": {"choice": "soup"}}' if is_vote else given[request.purpose]
        return dataclasses.replace(super().answer(request), text=text)


@pytest.fixture(scope="module")
def records(world: World, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of two runs in which everything happens.

    One has refusals, fallbacks, cuts, transitions and an end, the other look-ups, selections, narrations, votes
    and summaries.
    """
    folder = tmp_path_factory.mktemp("clumsy")
    sim.run(world, seed=1, models=_Clumsy(), out=folder / "run.jsonl")
    (folder / "world.yaml").write_text(PARTY, encoding="utf-8")
    sim.run(folder, seed=1, models=_Guest(), out=folder / "party.jsonl")
    texts = [(folder / name).read_text(encoding="utf-8") for name in ("run.jsonl", "party.jsonl")]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_a_run_can_hold_every_kind_of_record(records: list[dict[str, Any]]) -> None:
    """The logs that these tests read have all kinds, so that none goes untested."""
    assert {r["type"] for r in records} == KINDS


def test_every_record_of_a_clumsy_run_is_written_back_as_it_was_read(records: list[dict[str, Any]]) -> None:
    """Reading a record and writing it again gives the same fields with the same values."""
    for record in records:
        read = READER.validate_python(record)
        assert record == read.model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_every_record_of_a_scripted_run_is_written_back_as_it_was_read(log_path: Path) -> None:
    """The same holds for the log of a scripted run, read from its very bytes."""
    for line in log_path.read_bytes().splitlines():
        read = READER.validate_json(line)
        assert json.loads(line) == json.loads(read.model_dump_json(by_alias=True, exclude_unset=True))


def test_only_what_is_measured_may_be_anything(records: list[dict[str, Any]]) -> None:
    """Any value may stand under ``measured``."""
    for record in records:
        measured = {"anything": [1, {"deep": None}]}
        assert measured == READER.validate_python(record | {"measured": measured}).measured


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_unknown_field_is_refused(kind: str, records: list[dict[str, Any]]) -> None:
    """No record may have a field that its kind does not have."""
    record = next(r for r in records if r["type"] == kind)
    with pytest.raises(ValidationError) as caught:
        READER.validate_python(record | {"extra": 1})
    assert [("extra_forbidden", (kind, "extra"))] == [(e["type"], e["loc"]) for e in caught.value.errors()]


@pytest.mark.parametrize(("kind", "field", "inner"), [("call", "usage", "thought"), ("turn", "acts", "why")])
def test_an_unknown_field_inside_a_record_is_refused(
    kind: str, field: str, inner: str, records: list[dict[str, Any]]
) -> None:
    """Usage and acts are as closed as the records they stand in."""
    record = next(r for r in records if r["type"] == kind and r[field])
    changed = [{**record[field][0], inner: 1}] if isinstance(record[field], list) else {**record[field], inner: 1}
    with pytest.raises(ValidationError) as caught:
        READER.validate_python(record | {field: changed})
    assert {"extra_forbidden"} == {e["type"] for e in caught.value.errors()}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_missing_field_is_refused(kind: str, records: list[dict[str, Any]]) -> None:
    """Every deterministic field of a record has to be there."""
    record = next(r for r in records if r["type"] == kind)
    for field in set(record) - {"hash", "measured", "type"} - {f for k, f in SINCE_FORMAT_2 if k == kind}:
        with pytest.raises(ValidationError) as caught:
            READER.validate_python({k: v for k, v in record.items() if k != field})
        assert [("missing", (kind, field))] == [(e["type"], e["loc"]) for e in caught.value.errors()]


@pytest.mark.parametrize(("kind", "field"), sorted(SINCE_FORMAT_2))
def test_what_the_first_format_did_not_have_may_be_missing(
    kind: str, field: str, records: list[dict[str, Any]]
) -> None:
    """A log of format 1 can be read; what it does not say is None, and not a guess."""
    record = next(r for r in records if r["type"] == kind)
    assert record[field] is not None
    assert getattr(READER.validate_python({k: v for k, v in record.items() if k != field}), field) is None


def test_an_unknown_kind_is_refused(records: list[dict[str, Any]]) -> None:
    """A record of a kind that there is not cannot be read."""
    with pytest.raises(ValidationError) as caught:
        READER.validate_python(records[0] | {"type": "rumour"})
    assert [e["type"] for e in caught.value.errors()] == ["union_tag_invalid"]


def test_a_record_does_not_change_once_it_was_read(records: list[dict[str, Any]]) -> None:
    """Records are frozen: who reads a log cannot edit it by accident."""
    record = READER.validate_python(next(r for r in records if r["type"] == "turn"))
    with pytest.raises(ValidationError):
        record.text = "something else"  # type: ignore[union-attr]


@pytest.mark.parametrize("field", ["prompt", "completion", "cached"])
def test_tokens_are_never_negative(field: str) -> None:
    """A usage cannot take tokens away."""
    given = {"prompt": 1, "completion": 1, "cached": 1, "is_estimated": False, field: -1}
    with pytest.raises(ValidationError) as caught:
        Usage.model_validate(given)
    assert [("greater_than_equal", (field,))] == [(e["type"], e["loc"]) for e in caught.value.errors()]
