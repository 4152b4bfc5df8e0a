"""A morning at the hospital: whoever comes, queues, rooms, hours, money and stock are what the world says."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.engine.clock import time_of_day
from sim.models.scripted import Scripted
from sim.read.audit import audit
from sim.record.log import LogWriter, RunLog
from sim.stage.adapter.chat import play as chat
from sim.stage.run import Run, settings_for
from tests.stage.test_episode import Ledger
from tests.worlds.players import LANGUAGES, facts_after, world_of

VARIANTS = ("day", "two_doctors", "day_triage")
SEEDS = (1, 2, 3)
DAYS = [(variant, seed) for variant in VARIANTS for seed in SEEDS]
EACH = pytest.mark.parametrize(("variant", "seed"), DAYS)
Record = Mapping[str, Any]

ABOUT = {
    "sprained_ankle": ("脚", "ankle"),
    "burnt_hand": ("烫", "burn", "soup", "scald"),
    "cut_finger": ("切", "口子", "刀", "cut", "knife"),
    "sore_back": ("腰", "back"),
    "sore_knee": ("膝", "knee"),
    "hurt_wrist": ("手腕", "wrist"),
    "stiff_neck": ("脖子", "落枕", "neck"),
    "sore_shoulder": ("肩", "胳膊", "shoulder", "arm"),
}
"""How each complaint is told from the others by what is first said of it."""


@functools.cache
def day(variant: str, seed: int, language: str = "en") -> list[dict[str, Any]]:
    """The records of a whole morning."""
    world, records = world_of("hospital_visit", variant), Ledger()
    models = dict.fromkeys(world.agents, Scripted())
    Run(world, settings_for(world, seed=seed, language=language), models, records).play()
    return list(records)


def of_type(kind: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in records if r["type"] == kind]


def outcomes(records: list[dict[str, Any]]) -> dict[int, str]:
    """How each visit ended."""
    return {r["episode"]: r["outcome"] for r in of_type("episode_ended", records)}


def started(records: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {r["episode"]: r for r in of_type("episode_started", records)}


@EACH
def test_a_morning_has_some_two_dozen_visits_that_all_end(variant: str, seed: int) -> None:
    """From half past eight until noon, nobody twice, and each by an end that the world names; no rule is broken."""
    records = day(variant, seed)
    begun, ended = started(records), of_type("episode_ended", records)
    assert 12 <= len(begun) <= 24
    assert {r["episode"] for r in ended} == set(begun)
    assert {r["outcome"] for r in ended} <= {"discharged", "come_back", "left_queue"}
    assert [r["breach"] for r in ended] == [None] * len(ended)
    assert all(0 < r["time"] <= 210 for r in begun.values())
    assert len({r["cast"]["patient"] for r in begun.values()}) == len(begun)
    assert of_type("refusal", records) == []
    assert {(r["code"]) for r in of_type("warning", records)} <= {"conflict"}


@EACH
def test_a_room_has_one_patient_at_a_time_and_none_after_hours(variant: str, seed: int) -> None:
    """Nobody is called in before it opens or once it has closed; the windows have two."""
    world, records = world_of("hospital_visit", variant), day(variant, seed)
    held: Counter[str] = Counter()
    for r in of_type("resource", records):
        held[r["resource"]] += {"granted": 1, "released": -1}.get(r["event"], 0)
        spec = world.spec.resources[r["resource"]]
        assert 0 <= held[r["resource"]] <= (spec.capacity or 0)
        if r["event"] == "granted":
            [hours] = spec.open
            assert hours.open <= time_of_day("08:30", r["time"]) < hours.close
    assert set(held.values()) == {0}


@EACH
def test_the_urgent_are_seen_before_others_who_wait(variant: str, seed: int) -> None:
    """When a room falls free, nobody of a higher rank waits for it; with triage the rank is the pain score."""
    records = day(variant, seed)
    facts: dict[int, dict[str, Any]] = {}
    waiting: dict[str, dict[int, float]] = {"consulting_room": {}, "second_room": {}}
    waited = 0
    for r in records:
        if r["type"] == "episode_started":
            facts[r["episode"]] = dict(r["facts"])
        elif r.get("changed"):
            facts[r["episode"]] |= r["changed"]
        if r["type"] != "resource" or r["resource"] not in waiting:
            continue
        queue, here = waiting[r["resource"]], facts[r["episode"]]
        rank = float(here["pain"]) if variant == "day_triage" else float(here["urgent"])
        if r["event"] == "requested":
            queue[r["episode"]] = rank
        else:
            queue.pop(r["episode"], None)
        if r["event"] == "granted":
            waited += bool(r["waited"])
            assert all(rank >= other for other in queue.values())
    assert waited > 0


@EACH
def test_who_leaves_the_queue_has_waited_and_has_no_medicine(variant: str, seed: int) -> None:
    """Those who were neither short of patience nor faced with a long queue are served."""
    records = day(variant, seed)
    left = {r["episode"]: r for r in of_type("resource", records) if r["event"] in {"reneged", "balked"}}
    assert {e for e, outcome in outcomes(records).items() if outcome == "left_queue"} == set(left)
    assert all(r["event"] == "balked" or r["waited"] >= 15 for r in left.values())
    given = {r["episode"] for r in of_type("turn", records) if any(a["action"] == "dispense" for a in r["acts"])}
    assert given == {e for e, outcome in outcomes(records).items() if outcome == "discharged"}


@EACH
def test_what_is_in_stock_is_what_was_not_handed_out(variant: str, seed: int) -> None:
    """One box for each prescription that was dispensed; never fewer than none, and the log says what is left."""
    world, records = world_of("hospital_visit", variant), day(variant, seed)
    names = {"diclofenac_gel": "stock_gel", "ibuprofen": "stock_ibuprofen", "burn_ointment": "stock_ointment"}
    left = {fact: int(world.facts[fact].start) for fact in names.values()}  # type: ignore[call-overload]
    prescribed: dict[int, list[str]] = {}
    for r in of_type("turn", records):
        if "prescription" in r["changed"]:
            prescribed[r["episode"]] = r["changed"]["prescription"]
        if not any(a["action"] == "dispense" for a in r["acts"]):
            continue
        for drug in prescribed[r["episode"]]:
            if drug in names:
                left[names[drug]] -= 1
                assert int(r["changed"][names[drug]]) == left[names[drug]] >= 0
    assert min(left.values()) == 0


@EACH
def test_the_insured_pay_three_tenths(variant: str, seed: int) -> None:
    """To the cent, and the others all of it."""
    world, records = world_of("hospital_visit", variant), day(variant, seed)
    prices = {name: row["price"] for name, row in world.spec.tables["drugs"].items()}
    paid = 0
    prescribed: dict[int, list[str]] = {}
    for r in of_type("turn", records):
        if "prescription" in r["changed"]:
            prescribed[r["episode"]] = r["changed"]["prescription"]
        if "bill_paid" in r["changed"]:
            share = 0.3 if started(records)[r["episode"]]["facts"]["insured"] else 1
            whole = sum(prices[d] for d in prescribed[r["episode"]])
            assert float(r["changed"]["bill_paid"]) == round(whole * share, 2)
            paid += 1
    assert paid > 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_complaint_is_talked_about_as_what_it_is(language: str) -> None:
    """What a patient first says at the window, and what is prescribed, suit the complaint it came with."""
    complaints = world_of("hospital_visit", "day").spec.tables["complaints"]
    seen: set[str] = set()
    for seed in SEEDS:
        records = day("day", seed, language)
        here = {e: r["facts"]["complaint"] for e, r in started(records).items()}
        first: dict[int, str] = {}
        for r in of_type("turn", records):
            if r["speaker"] == "patient":
                first.setdefault(r["episode"], r["text"].lower())
            for drug in r["changed"].get("prescription", []):
                assert drug in {complaints[here[r["episode"]]][c] for c in ("usual", "also", "instead")}
        for episode, words in first.items():
            own = here[episode]
            assert any(word in words for word in ABOUT[own]), (own, words)
            seen.add(own)
    assert seen == set(ABOUT)


def test_every_complaint_of_the_population_is_one_of_the_world() -> None:
    """Three people for each, all tempers, insured or not, urgent or not."""
    [people] = world_of("hospital_visit", "day").pools.values()
    complaints = Counter(str(p.facts["complaint"]) for p in people)
    assert complaints == dict.fromkeys(ABOUT, 3)
    assert {p.facts["temper"] for p in people} == {"easygoing", "anxious", "short_tempered"}
    assert {p.facts["insured"] for p in people} == {True, False}
    assert 3 <= sum(bool(p.facts.get("urgent")) for p in people) <= 8
    assert all(p.age is not None and p.sex and p.background.keys() == {"zh", "en"} for p in people)


def test_numbers_are_given_out_one_by_one() -> None:
    """Two windows give no number twice: it is the whole morning's."""
    numbers = [
        int(r["changed"]["queue_number"]) for r in of_type("turn", day("day", 1)) if "queue_number" in r["changed"]
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 10


def test_two_doctors_are_given_patients_in_turn_and_see_their_own() -> None:
    """In their own rooms; neither hears the other's patients."""
    records = day("two_doctors", 1)
    given = [r["changed"]["registered_with"] for r in of_type("turn", records) if "registered_with" in r["changed"]]
    assert given[:4] == ["zhao_liu", "qian_qi", "zhao_liu", "qian_qi"]
    # Two windows at the same moment may see the same doctor's turn.
    assert abs(given.count("zhao_liu") - given.count("qian_qi")) <= 3
    mine: dict[int, str] = {}
    for r in records:
        if r["type"] == "turn" and "registered_with" in r["changed"]:
            mine[r["episode"]] = r["changed"]["registered_with"]
        if r["type"] == "turn" and r["state"] == "consulting":
            doctor = {"zhao_liu": "dr1", "qian_qi": "dr2"}[mine[r["episode"]]]
            assert set(r["heard_by"]) == {doctor, "patient"}
        if r["type"] == "resource" and r["event"] == "granted" and r["state"] == "consulting":
            assert r["resource"] == {"zhao_liu": "consulting_room", "qian_qi": "second_room"}[mine[r["episode"]]]


def test_a_second_doctor_spares_most_of_the_waiting() -> None:
    """The same patients come at the same times: fewer give up, and who waits waits less."""
    for seed in SEEDS:
        one, two = day("day", seed), day("two_doctors", seed)
        come = [[(r["time"], r["cast"]) for r in started(records).values()] for records in (one, two)]
        assert come[0] == come[1]
        left = [sum(o == "left_queue" for o in outcomes(records).values()) for records in (one, two)]
        waits = [
            [
                r["waited"]
                for r in of_type("resource", records)
                if r["event"] == "granted" and r["state"] == "consulting"
            ]
            for records in (one, two)
        ]
        assert left[1] <= left[0]
        assert sum(waits[1]) / len(waits[1]) < sum(waits[0]) / len(waits[0]) / 2


def test_a_morning_in_group_chats_is_the_same_as_without() -> None:
    """AutoGen changes nothing of it."""
    world, records = world_of("hospital_visit", "day"), Ledger()
    models = dict.fromkeys(world.agents, Scripted())
    chat(Run(world, settings_for(world, seed=1, language="en"), models, records))
    assert list(records)[1:] == day("day", 1)[1:]


def test_the_shared_facts_of_a_morning_agree() -> None:
    """Whoever reads them last sees what the one before left."""
    records = day("day", 2)
    given = [r for r in of_type("turn", records) if "numbers_given" in r["changed"]]
    last = facts_after([r for r in records if r.get("episode") == given[-1]["episode"]])[-1]
    assert int(last["numbers_given"]) == len(given)


def test_the_audit_of_a_morning_finds_nothing(tmp_path: Path) -> None:
    """Also where two windows register at once, and one looks something up while the other gives out a number."""
    world = world_of("hospital_visit", "day")
    models = dict.fromkeys(world.agents, Scripted())
    with LogWriter(tmp_path / "day.jsonl") as log:
        Run(world, settings_for(world, seed=5, language="zh", episodes=18), models, log).play()
    assert [c.told for c in audit(RunLog.open(tmp_path / "day.jsonl")).checks if not c.ok] == []
