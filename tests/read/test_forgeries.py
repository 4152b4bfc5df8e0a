"""Forgeries whose hashes all fit: what was changed is found by playing the run again, and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.read.verify import verify
from tests.read.forging import first, forge, forge_file, found, records_of

Json = dict[str, Any]


Change = Callable[[list[Json]], int]


def _set(kind: str, path: str, value: object, **having: object) -> Change:
    """Change one field, given as ``usage.prompt``, of the first record of a kind; gives the record's number."""

    def change(records: list[Json]) -> int:
        number = first(records, kind, **having)
        inner: Any = records[number]
        *steps, last = path.split(".")
        for step in steps:
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]
        assert value != inner[last]
        inner[last] = value
        return number

    return change


def _answer(records: list[Json]) -> int:
    """Change a plain answer; its call still stands, but the turn that follows does not."""
    number = next(i for i, r in enumerate(records) if r["type"] == "call" and not r["answer"].startswith("{"))
    records[number]["answer"] = "我什么都没说。"
    return number + 1


def _amount(records: list[Json]) -> int:
    """Change the amount that an answer pays: it is refused now, where the log has the turn."""
    number = next(i for i, r in enumerate(records) if r["type"] == "call" and '"pay_fee"' in r["answer"])
    records[number]["answer"] = records[number]["answer"].replace('"amount": 15', '"amount": 1')
    return number + 1


FORGERIES: dict[str, tuple[Change, str]] = {
    "a fact at the start": (_set("episode_started", "facts.fee", 99), "facts"),
    "a fact that a turn changed": (_set("turn", "changed.fee_paid", 5, changed={"fee_paid": 15}), "changed"),
    "a fact taken out of a turn": (_set("turn", "changed", {}, changed={"fee_paid": 15}), "changed"),
    "an utterance": (_set("turn", "text", "I never said that."), "text"),
    "a speaker": (_set("turn", "speaker", "doctor"), "speaker"),
    "an audience": (_set("turn", "heard_by", ["patient", "pharmacist", "registrar"]), "heard_by"),
    "the acts of a turn": (_set("turn", "acts", [], changed={"fee_paid": 15}), "acts"),
    "the time of a turn": (_set("turn", "time", 1.0), "time"),
    "the minutes of a turn": (_set("turn", "minutes", 0.01), "minutes"),
    "the state of a turn": (_set("turn", "state", "till"), "state"),
    "where a transition leads": (_set("transition", "to", "till"), "to"),
    "where a transition comes from": (_set("transition", "from", "till"), "from"),
    "a guard": (_set("transition", "guard", "true"), "guard"),
    "an outcome": (_set("episode_ended", "outcome", "gave_up"), "outcome"),
    "the kind of an outcome": (_set("episode_ended", "kind", "failure"), "kind"),
    "a breach": (_set("episode_ended", "breach", "medicine before payment"), "breach"),
    "the number of turns": (_set("run_ended", "turns", 3), "turns"),
    "the outcomes of the run": (_set("run_ended", "outcomes", {"gave_up": 1}), "outcomes"),
    "who was asked": (_set("call", "role", "doctor"), "role"),
    "which model was asked": (_set("call", "model", "gpt-4"), "model"),
    "what a call was for": (_set("call", "purpose", "repair"), "purpose"),
    "an answer": (_answer, "text"),
    "an answer with an act": (_amount, "refusal"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forgery_with_fitting_hashes_is_found_by_playing_again(what: str, log_path: Path, tmp_path: Path) -> None:
    """Whoever changes a record and all hashes after it is found: the world does not give that record."""
    change, field = FORGERIES[what]
    records = records_of(log_path)
    number = change(records)
    log = forge(records, tmp_path / "forged.jsonl")
    log.check_chain()
    verdict = verify(log)
    assert (False, number) == (verdict.ok, verdict.record)
    assert verdict.reason.startswith(f"record {number}")
    assert f"'{field}'" in verdict.reason


def test_the_reason_gives_both_values(log_path: Path, tmp_path: Path) -> None:
    """A field that differs is shown as the log has it and as the world gives it."""
    records = records_of(log_path)
    number = _set("episode_ended", "outcome", "gave_up")(records)
    verdict = verify(forge(records, tmp_path / "forged.jsonl"))
    wanted = f'record {number} (episode_ended): \'outcome\' is "gave_up", but the world gives "discharged"'
    assert wanted == verdict.reason


def test_a_forged_prompt_digest_is_found_at_its_record(log_path: Path, tmp_path: Path) -> None:
    """A call whose prompt is said to have been another one is found, and is the record that is named."""
    records = records_of(log_path)
    for number in [i for i, r in enumerate(records) if r["type"] == "call"][::4]:
        forged = [*records[:number], records[number] | {"prompt": "0" * 32}, *records[number + 1 :]]
        verdict = verify(forge(forged, tmp_path / "forged.jsonl"))
        assert (False, number) == (verdict.ok, verdict.record)
        assert verdict.reason.startswith(f"record {number}: ")
        assert "prompt" in verdict.reason


def test_a_forgery_in_a_log_that_was_cut_as_well_is_not_said_to_verify(log_path: Path, tmp_path: Path) -> None:
    """Cutting off the end does not hide what was changed before it."""
    records = records_of(log_path)
    number = first(records, "call", turn=5)
    records[number]["prompt"] = "0" * 32
    verdict = verify(forge(records[:-4], tmp_path / "forged.jsonl"))
    assert (False, number) == (verdict.ok, verdict.record)
    assert "what is there verifies" not in verdict.reason


def test_a_changed_header_is_found_by_playing_again(log_path: Path, tmp_path: Path) -> None:
    """The world, seed, language, facts and opening that a run followed from cannot be other ones."""
    changes: list[tuple[str, object]] = [
        ("seed", 8),
        ("language", "en"),
        ("opening", "Once upon a time."),
        ("facts", {"fee": 12}),
        ("facts", {"nosuch": 12}),
        ("world", "another"),
        ("digest", "0" * 64),
        ("models", {"patient": {"name": "scripted"}}),
        ("resolved", {}),
        ("format", 0),
    ]
    for field, value in changes:
        records = records_of(log_path)
        assert value != records[0][field]
        records[0][field] = value
        verdict = verify(forge(records, tmp_path / "forged.jsonl"))
        assert not verdict.ok, field
        assert verdict.record is not None, field
        assert verdict.record <= 3, field


def test_a_changed_world_in_the_log_is_found(log_path: Path, tmp_path: Path) -> None:
    """A rule taken out of the world in the header does not fit the digest that names that world."""
    records = records_of(log_path)
    records[0]["resolved"]["world"]["actions"]["pay_fee"]["needs"] = []
    verdict = verify(forge(records, tmp_path / "forged.jsonl"))
    assert verdict.reason == "record 0: the world is not the one that its digest names"
    assert (verdict.ok, verdict.record) == (False, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("facts", {"fee": "a lot"}),
        ("facts", {"fee": {"a": 1}}),
        ("facts", {"fee": None}),
        ("facts", {"prescription": "ibuprofen"}),
        ("facts", {"prescription": [["ibuprofen"]]}),
        ("facts", {"registered_with": "nobody", "fee": 15, "fee_paid": 15}),
        ("facts", {"registered": True}),
        ("facts", {"receipt": "yes"}),
        ("resolved", {"world": {}, "personas": {}}),
        ("resolved", {"world": {"world": 1}, "personas": []}),
        ("resolved", {"world": {"world": "w"}, "personas": {"a": None}}),
        ("models", {}),
        ("opening", "x\ud83d"[:1]),
        ("seed", 10**400),
        ("language", ""),
    ],
)
def test_a_header_of_nonsense_gives_a_verdict_and_no_crash(
    field: str, value: object, log_path: Path, tmp_path: Path
) -> None:
    """A forged header of well-formed nonsense is answered with no, never with an exception of another kind."""
    records = records_of(log_path)
    records[0][field] = value
    verdict = verify(forge(records, tmp_path / "forged.jsonl"))
    assert not verdict.ok
    assert verdict.reason


@pytest.mark.parametrize("cost", ["free", "NaN", "Infinity", "", "１２"])
def test_a_cost_of_nonsense_gives_a_verdict_and_no_crash(cost: str, log_path: Path, tmp_path: Path) -> None:
    """A forged price that is no number is found when the log is opened or verified, with the record named."""
    records = records_of(log_path)
    number = first(records, "call", turn=4)
    records[number]["cost"] = cost
    path = tmp_path / "forged.jsonl"
    forge_file(records, path)
    assert found(path) == (False, number)


def test_a_record_taken_out_with_fitting_hashes_is_found_at_every_place(small_path: Path, tmp_path: Path) -> None:
    """Renumbering and hashing again does not hide that a record is gone."""
    records = records_of(small_path)
    for number in range(1, len(records)):
        verdict = verify(forge([*records[:number], *records[number + 1 :]], tmp_path / "forged.jsonl"))
        assert (False, number) == (verdict.ok, verdict.record)


def test_a_record_put_in_with_fitting_hashes_is_found_at_every_place(small_path: Path, tmp_path: Path) -> None:
    """Renumbering and hashing again does not hide that a record stands twice, or stands behind the end."""
    records = records_of(small_path)
    for number in range(1, len(records)):
        forged = [*records[: number + 1], records[number], *records[number + 1 :]]
        verdict = verify(forge(forged, tmp_path / "forged.jsonl"))
        assert (False, number + 1) == (verdict.ok, verdict.record)


def test_two_records_swapped_with_fitting_hashes_are_found_at_every_place(small_path: Path, tmp_path: Path) -> None:
    """Renumbering and hashing again does not hide that two neighbours changed places."""
    records = records_of(small_path)
    for number in range(1, len(records) - 1):
        forged = [*records[:number], records[number + 1], records[number], *records[number + 2 :]]
        verdict = verify(forge(forged, tmp_path / "forged.jsonl"))
        assert (False, number) == (verdict.ok, verdict.record)


def test_a_forged_refusal_is_found(measured_path: Path, tmp_path: Path) -> None:
    """Why an answer was sent back is part of what is played again."""
    records = records_of(measured_path)
    number = first(records, "refusal")
    records[number]["reasons"] = ["I did not like it"]
    verdict = verify(forge(records, tmp_path / "forged.jsonl"))
    assert (False, number) == (verdict.ok, verdict.record)
    assert "'reasons'" in verdict.reason
