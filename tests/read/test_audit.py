"""The audit of a log: true runs pass, and each kind of breach is found at its record."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine import prompt
from sim.errors import RunLogError
from sim.models.prices import Price
from sim.read.audit import Check, audit
from sim.record.log import RunLog
from sim.record.records import Usage
from sim.world.library import revive
from tests.read.forging import Json, first, forge, notary, play, records_of, stumbling
from tests.read.games import logged, scripted
from tests.worlds.players import CASES, HOSTILE_ONLY, LANGUAGES, MIXED, Manners, world_of

NAMES = ["chain", "prompts", "audience", "invariants", "money"]


def breaches(log: RunLog) -> dict[str, tuple[int | None, str]]:
    """The checks of a log that failed, with the record and what is wrong."""
    checks = audit(log).checks
    assert [c.name for c in checks] == NAMES
    return {c.name: (c.record, c.told) for c in checks if not c.ok}


def forged(log: RunLog, path: Path, edit: Callable[[list[Json]], object]) -> RunLog:
    """A log with its records changed, whose hashes all fit."""
    records = records_of(log.path)
    edit(records)
    return forge(records, path)


@pytest.mark.parametrize(("name", "variant"), CASES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_scripted_runs_of_all_worlds_are_clean(name: str, variant: str | None, language: str) -> None:
    """Every bundled world in both languages, as its script plays it."""
    log = scripted(name, variant, language)
    assert breaches(log) == {}
    calls = sum(r.type == "call" for r in log.records)
    assert audit(log).checks[1] == Check("prompts", True, f"{calls} calls, each prompt the one that was recorded")


@pytest.mark.parametrize(("name", "variant"), CASES)
@pytest.mark.parametrize("manners", [MIXED, HOSTILE_ONLY], ids=["mixed", "hostile"])
def test_runs_full_of_refusals_are_clean(name: str, variant: str | None, manners: Manners) -> None:
    """Prompts that send an answer back quote it and say why, and hold nothing of others even then."""
    assert breaches(logged(name, variant, "zh", 6, manners)) == {}


def test_a_run_whose_answers_were_all_sent_back_is_clean(tmp_path: Path) -> None:
    """What one said oneself is no secret, though it counted for nothing and nobody heard it."""
    log = play(world_of("hospital_visit"), tmp_path / "run.jsonl", seed=3, language="en", model=stumbling())
    assert breaches(log) == {}


def test_a_private_message_in_the_history_of_a_prompt_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that gives everybody all that was said is told at the first who reads what the wolves whispered."""
    sound = prompt.remembered

    def leaky(history: Any, agents: Any, *more: Any) -> Any:
        return sound(history, (), *more)

    monkeypatch.setattr(prompt, "remembered", leaky)
    log = play(world_of("werewolf"), tmp_path / "run.jsonl", seed=7)
    wolves = {r.speaker for r in log.records if r.type == "turn" and r.state == "den"}
    told = next(i for i, r in enumerate(log.records) if r.type == "call" and r.role not in wolves)
    found = breaches(log)
    assert set(found) == {"audience"}
    record, what = found["audience"]
    assert record == told
    whispered = next(r for r in log.records if r.type == "turn" and r.state == "den")
    assert f"{log.records[told].role} did not hear" in what  # type: ignore[union-attr]
    assert whispered.text[:60] in what  # type: ignore[union-attr]
    monkeypatch.undo()
    assert set(breaches(log)) == {"prompts", "audience"}
    assert breaches(log)["prompts"][0] == told


def test_a_fact_that_its_reader_does_not_know_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that tells everybody who the wolves are is told at its first prompt for one who is none."""
    monkeypatch.setattr(prompt, "knows", lambda *_: True)
    log = play(world_of("werewolf"), tmp_path / "run.jsonl", seed=7)
    record, what = breaches(log)["audience"]
    assert record == first(records_of(log.path), "call")
    assert "what it does not know: 'you are=" in what


def test_a_message_that_stands_anywhere_else_in_a_prompt_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only the history is looked at: what others are or were told is looked for in every message."""
    secret = "I have been short of change since Monday."
    resolved = records_of(scripted("hospital_visit").path)[0]["resolved"]
    cashier = resolved["world"]["roles"]["cashier"]
    name = cashier if isinstance(cashier, str) else cashier["persona"]
    resolved["personas"][name]["private"] = {"en": secret}
    sound = prompt.render
    monkeypatch.setattr(prompt, "render", lambda words, names: f"{sound(words, names)} {secret}")
    log = play(revive(resolved), tmp_path / "run.jsonl", seed=7, language="en")
    at = first(records_of(log.path), "call")
    told = f"the prompt of patient for turn 1 holds what patient may not be shown: '{secret}'"
    assert breaches(log) == {"audience": (at, told)}


def test_words_that_somebody_else_was_made_to_hear_are_found(tmp_path: Path) -> None:
    """A log in which one more heard the wolves is not what its world gives, and that is told at the turn."""
    log = scripted("werewolf")
    at = first(records_of(log.path), "turn", state="den")
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at]["heard_by"].append("P1"))
    found = breaches(other)
    assert found["prompts"][0] == found["audience"][0] == at
    assert "heard_by" in found["prompts"][1]


def test_words_that_were_never_said_are_found(tmp_path: Path) -> None:
    """The words of a turn are those of the answer that was given; others are told where they stand."""
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "turn", turn=3)
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at].update(text="Never."))
    assert breaches(other)["prompts"][0] == at


def test_a_rule_that_was_broken_is_found_at_the_turn_that_broke_it(tmp_path: Path) -> None:
    """Another fee was paid than charged: the rule is named, from the facts alone."""
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "turn", turn=5)
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at]["changed"].update(fee_paid=99))
    wrong = "'a consultation before registration' does not hold"
    assert breaches(other)["invariants"] == (at, wrong)


def test_a_breach_that_a_run_tells_of_itself_is_one(tmp_path: Path) -> None:
    """A run that ended because a rule was broken does not pass."""
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "episode_ended")
    ended = {"outcome": "invariant_broken", "kind": "failure", "breach": "no rule"}
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at].update(ended))
    assert breaches(other)["invariants"] == (at, "'no rule' does not hold at the end")


PRICE = {"input": "2", "output": "10"}
COSTS: dict[str, tuple[Json, str | None]] = {
    "what it must": ({"price": PRICE, "cost": "0.00025", "currency": "USD"}, None),
    "in another notation": ({"price": PRICE, "cost": "0.000250", "currency": "USD"}, None),
    "unknown": ({"cost": None, "currency": None}, None),
    "nothing": ({"cost": "0", "currency": "USD"}, None),
    "more": ({"price": PRICE, "cost": "0.00026", "currency": "USD"}, "is 0.00025"),
    "a digit more": ({"price": PRICE, "cost": "0.000250000000000000001", "currency": "USD"}, "is 0.00025"),
    "something without a price": ({"cost": "0.25", "currency": "USD"}, "costs 0.25 without a price"),
    "no currency": ({"price": PRICE, "cost": "0.00025", "currency": None}, "costs 0.00025 in no currency"),
    "a price and no cost": ({"price": PRICE, "cost": None, "currency": None}, "has a price and no cost"),
    "half a price": ({"price": {"input": "2"}, "cost": "0", "currency": "USD"}, "has a price that is not whole"),
}


@pytest.mark.parametrize("what", COSTS)
def test_a_cost_that_does_not_follow_is_found(what: str, tmp_path: Path) -> None:
    """Of a call that took 100 and 5 tokens: its cost is its price times its tokens, or it is told why not."""
    changes, wrong = COSTS[what]
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "call", turn=2)
    usage = {"prompt": 100, "completion": 5, "cached": 0, "is_estimated": False}
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at].update({"usage": usage, **changes}))
    found = breaches(other)
    assert set(found) == ({"money"} if wrong else set())
    if wrong:
        assert found["money"][0] == at
        assert wrong in found["money"][1]


def test_more_cached_tokens_than_there_were_are_found(tmp_path: Path) -> None:
    """Of a prompt of ten tokens no eleven can have been seen before."""
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "call", turn=2)
    usage = {"prompt": 10, "completion": 5, "cached": 11, "is_estimated": False}
    other = forged(log, tmp_path / "other.jsonl", lambda r: r[at].update(usage=usage))
    assert breaches(other) == {"money": (at, "11 tokens of a prompt of 10 were cached")}


MONEY = st.decimals(0, 10**6, places=6)
TOKENS = st.integers(0, 10**7)


@settings(max_examples=25)
@given(MONEY, MONEY, TOKENS, TOKENS, st.decimals(-1, 1, places=9))
def test_only_the_exact_cost_adds_up(
    given_: Decimal, made: Decimal, prompt_: int, completion: int, off: Decimal
) -> None:
    """Whatever the price and the tokens: the cost that the price gives passes, and no other does."""
    log = scripted("hospital_visit")
    price = Price(given_, made)
    cost = price.cost(Usage(prompt=prompt_, completion=completion, is_estimated=False))
    at = first(records_of(log.path), "call", turn=1)

    def edit(records: list[Json]) -> None:
        usage = {"prompt": prompt_, "completion": completion, "cached": 0, "is_estimated": False}
        wrong = format(abs(cost + off), "f")
        records[at] |= {"usage": usage, "price": price.as_text(), "cost": wrong, "currency": "EUR"}

    found = breaches(forged(log, Path(mkdtemp()) / "other.jsonl", edit))
    assert set(found) == (set() if abs(cost + off) == cost else {"money"})


def test_a_record_that_was_changed_is_found_in_the_chain(tmp_path: Path) -> None:
    """Words that were changed by hand, and no hash with them."""
    log = scripted("hospital_visit")
    at = first(records_of(log.path), "turn", turn=2)
    lines = log.path.read_bytes().splitlines(keepends=True)
    lines[at] = lines[at].replace(b'"minutes":', b'"minutes":1')
    (tmp_path / "other.jsonl").write_bytes(b"".join(lines))
    found = breaches(RunLog.open(tmp_path / "other.jsonl"))
    assert found["chain"] == (at, "was changed (turn); its hash does not fit")
    assert found["prompts"][0] == at


def test_a_log_that_was_cut_is_audited_as_far_as_it_goes(tmp_path: Path) -> None:
    """What is there of a run is clean, and it is told that it has no end."""
    lines = scripted("werewolf").path.read_bytes().splitlines(keepends=True)
    for length in range(1, len(lines), 25):
        (tmp_path / "cut.jsonl").write_bytes(b"".join(lines[:length]))
        log = RunLog.open(tmp_path / "cut.jsonl")
        assert breaches(log) == {}
        assert audit(log).checks[0].told.endswith("the run did not come to its end")


def test_a_log_of_format_1_cannot_be_audited(tmp_path: Path) -> None:
    """Its run cannot be played again, so nothing is vouched for."""
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl")
    with pytest.raises(RunLogError, match="has format 1; runs of format 2 and later are audited"):
        audit(forged(log, tmp_path / "old.jsonl", lambda r: r[0].update(format=1)))
