"""What a row says of a run, held against its log; and runs that fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.read.stats import read
from sim.record.log import RunLog
from sim.record.records import Call, Turn
from tests.sweep.building import rows, swept, write

HEAD = "experiment: sale\nworld: shop\n"

KEYS = [
    "cell", "arm", "block", "seed", "repeat", "rotation", "world", "variant", "lang", "models", "settings",
    "status", "error", "episodes", "outcomes", "outcome", "turns", "minutes", "waited", "calls", "refusals", "acts",
    "valid", "breaches", "warnings", "tokens", "cost", "currency", "by_model", "facts", "measures", "judged",
    "seats", "trace", "log", "measured",
]  # fmt: skip


def test_a_row_says_what_was_played_and_what_came_of_it(tmp_path: Path) -> None:
    """Every key in its place; what is not there is null."""
    text = HEAD + "lang: zh\nset: {asked: true}\nmeasure: [paid, asked, {late: turns > 2}, {sum: paid + 1}]\n"
    swept(write(tmp_path, text), tmp_path / "out")
    [row] = rows(tmp_path / "out")
    assert list(row) == KEYS
    log = RunLog.open(tmp_path / "out" / row["log"])
    calls = list(log.records.of(Call))
    total = sum(c.usage.prompt + c.usage.completion for c in calls)
    assert {key: row[key] for key in KEYS[:25]} == {
        "cell": 0, "arm": "sale", "block": 0, "seed": 1, "repeat": 0, "rotation": 0,
        "world": "shop", "variant": None, "lang": "zh", "models": {"buyer": "scripted", "seller": "scripted"},
        "settings": {"personas": None, "set": {"asked": True}, "context": None, "order": None, "episodes": None},
        "status": "done", "error": None, "episodes": 1, "outcomes": {"sold": 1}, "outcome": "sold",
        "turns": 4, "minutes": 4.0, "waited": None, "calls": 4, "refusals": 0, "acts": 1, "valid": 1.0,
        "breaches": 0, "warnings": 0,
    }  # fmt: skip
    assert row["tokens"]["total"] == row["tokens"]["prompt"] + row["tokens"]["completion"] == total > 0
    assert (row["cost"], row["currency"]) == (0.0, "USD")
    assert row["by_model"] == {"scripted": {"tokens": total, "cost": 0.0}}
    assert row["facts"] == {"paid": 5, "asked": True, "late": True, "sum": 6}
    assert (row["measures"], row["judged"], row["seats"]) == (None, None, None)
    assert (row["trace"], row["log"]) == (log.trace, "runs/000000.jsonl.zst")


def test_refused_answers_fallbacks_and_breaches_are_counted(tmp_path: Path) -> None:
    """Against an arm in which nothing is refused; a broken rule is a failed run with its row."""
    arms = "arms: {plain: {}, dear: {variant: dear}, strict: {variant: strict}}\n"
    swept(write(tmp_path, HEAD + arms), tmp_path / "out")
    plain, dear, strict = rows(tmp_path / "out")
    assert (plain["refusals"], plain["warnings"], plain["valid"]) == (0, 0, 1.0)
    assert dear["outcome"] == "left"
    assert (dear["refusals"], dear["warnings"], dear["valid"], dear["turns"]) == (3, 1, 0.75, 4)
    assert (strict["status"], strict["error"]) == ("failed", "the rule 'ten is paid' is broken in episode 1")
    assert (strict["breaches"], strict["outcome"]) == (1, "invariant_broken")
    assert strict["trace"] == RunLog.open(tmp_path / "out" / strict["log"]).trace


def test_of_several_episodes_means_shares_and_what_they_share_are_told(tmp_path: Path) -> None:
    """Held against the statistics of the log."""
    file = tmp_path / "day.yaml"
    file.write_text(
        "experiment: day\nworld: hospital_visit\nvariant: day\nlang: en\nepisodes: 6\n"
        "measure: [stock_gel, fee, {paid: bill_paid > 0}]\n",
        encoding="utf-8",
    )
    swept(file, tmp_path / "out")
    [row] = rows(tmp_path / "out")
    log = RunLog.open(tmp_path / "out" / row["log"])
    stats = read(log.name, iter(log.records))
    assert (row["episodes"], row["settings"]["episodes"]) == (6, 6)
    assert row["outcomes"] == {o.name: o.episodes for o in stats.outcomes}
    assert row["turns"] == sum(1 for _ in log.records.of(Turn))
    assert row["minutes"] == stats.minutes
    waits = [place.waited.mean * place.visits for place in stats.resources if place.waited is not None]
    assert sum(place.reneged for place in stats.resources) == 0
    assert row["waited"] == pytest.approx(sum(waits) / 6, abs=1e-3)
    assert row["waited"] > 0
    assert row["facts"]["paid"] == pytest.approx(row["outcomes"]["discharged"] / 6, abs=1e-6)
    assert row["facts"]["stock_gel"] == int(row["facts"]["stock_gel"])


def test_rotated_seats_say_their_model_what_was_dealt_and_who_won(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A side wins or loses together, and the game does not depend on who sits where."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.yaml").write_text(
        "models: {red: {first_of: [scripted]}, blue: {first_of: [scripted]}}\n", encoding="utf-8"
    )
    file = tmp_path / "game.yaml"
    file.write_text(
        "experiment: game\nworld: werewolf\nseeds: [7]\nrotate: {role: player, models: [red, blue]}\n",
        encoding="utf-8",
    )
    swept(file, tmp_path / "out")
    first, second = rows(tmp_path / "out")
    assert [seat["model"] for seat in first["seats"].values()] == ["red", "blue"] * 4
    assert [seat["model"] for seat in second["seats"].values()] == ["blue", "red"] * 4
    assert first["models"] == {seat: told["model"] for seat, told in first["seats"].items()}
    for row in (first, second):
        cards = sorted(seat["card"] for seat in row["seats"].values())
        assert cards == ["doctor", "seer", "villager", "villager", "villager", "villager", "werewolf", "werewolf"]
        winners = {seat["card"] == "werewolf" for seat in row["seats"].values() if seat["won"]}
        assert winners == {row["outcome"] == "wolves_win"}
        assert sum(seat["won"] for seat in row["seats"].values()) == (2 if row["outcome"] == "wolves_win" else 6)
    assert first["outcome"] == second["outcome"]


def test_functions_measure_the_log_and_one_that_fails_fails_its_run_alone(tmp_path: Path) -> None:
    """A number, a text or a flag; all else is a failed row with an error line."""
    (tmp_path / "measures.py").write_text(
        "from decimal import Decimal\n\n\ndef turns(log):\n    return log.records[-1].turns\n\n\n"
        "def price(log):\n    return Decimal('1.5')\n\n\n"
        "def odd(log):\n    seed = log.header.seed\n    return {1: 2} if seed == 2 else seed // (seed - 3) > 0\n",
        encoding="utf-8",
    )
    text = HEAD + (
        "seeds: 4\nfunctions: {turns: measures.py:turns, price: measures.py:price, odd: measures.py:odd}\n"
    )
    swept(write(tmp_path, text), tmp_path / "out")
    told = [(row["status"], row["error"], row["measures"]) for row in rows(tmp_path / "out")]
    assert told == [
        ("done", None, {"turns": 4, "price": 1.5, "odd": False}),
        ("failed", "odd: gives a dict, not a number, a text or a flag", {"turns": 4, "price": 1.5, "odd": None}),
        ("failed", "odd: ZeroDivisionError: integer division or modulo by zero",
         {"turns": 4, "price": 1.5, "odd": None}),
        ("done", None, {"turns": 4, "price": 1.5, "odd": True}),
    ]  # fmt: skip


def test_a_function_of_the_world_that_fails_is_a_failed_run_and_not_the_end(tmp_path: Path) -> None:
    """The others are played, and the log of the one that failed is kept."""
    world = (
        "world: shop\nroles: {buyer: chengzi, till: {persona: cashier, kind: rule, function: ring}}\n"
        "states: {counter: {speakers: [buyer, till], go: [{to: sold, after: {turns: 2}}]}}\n"
        "start: counter\nends: [sold]\nlines: {counter: {buyer: [{say: Hello.}]}}\n"
    )
    file = write(tmp_path, HEAD + "seeds: 3\n", world=world)
    (tmp_path / "shop" / "rules.py").write_text(
        "def ring(told):\n    return f'{6 // (told[\"seed\"] - 2)}'\n", encoding="utf-8"
    )
    swept(file, tmp_path / "out")
    first, second, third = rows(tmp_path / "out")
    assert [row["status"] for row in (first, second, third)] == ["done", "failed", "done"]
    assert second["error"] == "rules.py: ring failed: ZeroDivisionError: integer division or modulo by zero"
    assert (second["turns"], second["outcome"], second["trace"]) == (1, None, None)
    assert len(RunLog.open(tmp_path / "out" / second["log"]).records) > 1
    assert first["models"] == {"buyer": "scripted", "till": "rules.py:ring"}
