"""The queries of docs/queries.md, each run over real logs and held against what Python reads in them."""

from __future__ import annotations

import contextlib
import io
import json
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pytest
from backports import zstd

from sim.record.log import RunLog
from sim.record.records import BallotCounted, Call, EpisodeStarted, Refusal, ResourceNote, Turn
from tests.sweep.building import swept

DOCS = Path(__file__).resolve().parent.parent / "docs"
SEEDS = (1, 2, 7)


def queries(name: str) -> dict[str, str]:
    """The blocks of a document by their names."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- query: (\w+) -->\n```\w+\n(.*?)```", text, re.DOTALL))


QUERIES = queries("queries.md")


HOSPITAL = """\
experiment: hospital
world: hospital_visit
lang: en
seeds: [1, 2, 7]
episodes: 5
arms: {one_doctor: {variant: day}, two_doctors: {variant: two_doctors}}
"""
WEREWOLF = """\
experiment: werewolf
world: werewolf
lang: en
seeds: [1, 2, 7]
arms: {plain: {}}
rotate: {role: player, models: [gpt, qwen]}
"""
MODELS = "models: {gpt: {first_of: [scripted]}, qwen: {first_of: [scripted]}}\n"


def rows(place: Path, name: str) -> list[dict[str, Any]]:
    """The rows of an experiment."""
    text = (place / "results" / name / "results.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two experiments: mornings at the hospital with their logs unpacked, and games of werewolf that cost money."""
    place = tmp_path_factory.mktemp("queries")
    (place / "models.yaml").write_text(MODELS, encoding="utf-8")
    with contextlib.chdir(place):
        for name, text in (("hospital", HOSPITAL), ("werewolf", WEREWOLF)):
            (place / f"{name}.yaml").write_text(text, encoding="utf-8")
            swept(place / f"{name}.yaml", place / "results" / name)
    for packed in (place / "results" / "hospital" / "runs").iterdir():
        packed.with_suffix("").write_bytes(zstd.decompress(packed.read_bytes()))
        packed.unlink()
    for name, old, new in (
        ("hospital", '.jsonl.zst"', '.jsonl"'),
        ("werewolf", '"cost":0.0,"curr', '"cost":0.25,"curr'),
    ):
        file = place / "results" / name / "results.jsonl"
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return place


@pytest.fixture
def ask(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Ask a query of the document by its name."""
    monkeypatch.chdir(place)
    base = duckdb.connect()
    base.execute(QUERIES["views"])
    yield lambda name: base.execute(QUERIES[name]).fetchall()
    base.close()


def logs(place: Path, name: str) -> list[RunLog]:
    folder = place / "results" / name / "runs"
    return [RunLog.open(path) for path in sorted(folder.iterdir())]


def test_both_documents_have_the_same_ten_queries() -> None:
    """The Chinese one is a translation; the two views come first, pandas and polars last."""
    assert queries("queries.zh.md") == QUERIES
    assert len(QUERIES) == 13
    assert next(iter(QUERIES)) == "views"
    assert list(QUERIES)[-2:] == ["pandas", "polars"]


def test_outcomes_are_counted_by_arm(ask: Any, place: Path) -> None:
    """As the logs end."""
    expected = Counter(next(iter(log.records[-1].outcomes)) for log in logs(place, "werewolf"))
    found = [r for r in ask("outcomes") if r[0] == "werewolf"]
    assert {r[2]: r[3] for r in found} == expected
    assert sum(r[4] for r in found) == pytest.approx(1, abs=0.002)


def test_tokens_and_cost_are_summed_by_arm(ask: Any, place: Path) -> None:
    """Over all runs."""
    tokens = sum(
        r.usage.prompt + r.usage.completion
        for log in logs(place, "werewolf") for r in log.records if isinstance(r, Call)
    )  # fmt: skip
    turns = statistics.median(log.records[-1].turns for log in logs(place, "werewolf"))
    [found] = [r for r in ask("spent") if r[0] == "werewolf"]
    assert (found[2], found[3], found[5], found[6], found[7]) == (6, turns, tokens, 1.5, "USD")


def test_cost_is_told_by_role_and_state(ask: Any, place: Path) -> None:
    """As the calls of the logs say, packed or not."""
    expected: Counter[tuple[str, str, str]] = Counter()
    for name in ("hospital", "werewolf"):
        for log in logs(place, name):
            for r in log.records:
                if isinstance(r, Call):
                    expected[log.header.world, r.state, r.role] += r.usage.prompt + r.usage.completion
    found = ask("cost_by_role_and_state")
    assert {r[:3]: r[4] for r in found} == expected
    assert {r[5] for r in found} == {Decimal(0)}


def test_the_seer_is_believed_when_a_wolf_that_was_named_is_exiled(ask: Any, place: Path) -> None:
    """Games without it are counted too."""
    turns = []
    for log in logs(place, "werewolf"):
        [started] = [r for r in log.records if isinstance(r, EpisodeStarted)]
        seer = next(f.removeprefix("card.") for f, card in started.facts.items() if card == "seer" and "card." in f)
        named: set[str] = set()
        for r in log.records:
            if isinstance(r, Turn) and r.speaker == seer:
                claims = [a.fields for a in r.acts if a.action == "claim_seer"]
                named |= {str(c["who"]) for c in claims if c["side"] == "wolf_side"}
            if isinstance(r, BallotCounted) and r.ballot == "exile" and r.winner in named:
                turns.append(r.turn)
                break
    assert turns
    assert ask("seer_believed") == [("plain", 6, len(turns), statistics.median(turns))]


def test_the_longest_runs_of_each_arm_are_named_with_their_logs(ask: Any, place: Path) -> None:
    """Two of each, and each file is there."""
    found = ask("longest")
    assert Counter(r[1] for r in found) == {"one_doctor": 2, "two_doctors": 2, "plain": 2}
    assert [r[5] for r in found if not Path(r[5]).is_file()] == []
    longest = max(logs(place, "werewolf"), key=lambda log: log.records[-1].turns)
    assert next(r for r in found if r[1] == "plain")[2] == longest.header.seed


def test_refusals_are_counted_by_reason(ask: Any, place: Path) -> None:
    """Scripted players are seldom refused."""
    expected = Counter(
        (r.role, reason)
        for name in ("hospital", "werewolf") for log in logs(place, name)
        for r in log.records if isinstance(r, Refusal) for reason in r.reasons
    )  # fmt: skip
    found: Counter[tuple[str, str]] = Counter()
    for _, _, role, reason, times in ask("refusals"):
        found[role, reason] += times
    assert found == expected


def test_waits_are_told_by_resource(ask: Any, place: Path) -> None:
    """Each visit counts, also one that did not wait."""
    expected = Counter(
        r.resource
        for log in logs(place, "hospital") for r in log.records
        if isinstance(r, ResourceNote) and r.event == "granted"
    )  # fmt: skip
    found: Counter[str] = Counter()
    for _, resource, visits, mean, p95 in ask("waits"):
        found[resource] += visits
        assert mean >= 0
        assert p95 is not None
    assert found == expected


def test_minutes_are_summed_by_state(ask: Any, place: Path) -> None:
    """Of all turns."""
    expected = sum(r.minutes for log in logs(place, "werewolf") for r in log.records if isinstance(r, Turn))
    assert sum(r[4] for r in ask("minutes_by_state") if r[0] == "werewolf") == pytest.approx(expected, abs=0.5)


def test_arms_are_held_against_each_other_by_seed(ask: Any, place: Path) -> None:
    """The wait of the one arm, of the other, and what it changed, the greatest fall first."""
    waits: dict[int, list[float]] = {}
    for row in rows(place, "hospital"):
        waits.setdefault(row["seed"], []).append(row["waited"])
    expected = [(seed, one, two, round(two - one, 2)) for seed, (one, two) in waits.items()]
    assert ask("by_seed") == sorted(expected, key=lambda found: (found[3], found[0]))
    assert min(found[3] for found in expected) < 0


def test_wins_are_told_by_model_and_card(ask: Any, place: Path) -> None:
    """Each seat counts; what was dealt to it stands in the log."""
    expected: dict[tuple[str, str], list[bool]] = {}
    for row, log in zip(rows(place, "werewolf"), logs(place, "werewolf"), strict=True):
        [started] = [r for r in log.records if isinstance(r, EpisodeStarted)]
        wolves_won = "wolves" in next(iter(log.records[-1].outcomes))
        for number in range(1, 9):
            model = ("gpt", "qwen")[(number - 1 + row["rotation"]) % 2]
            card = str(started.facts[f"card.P{number}"])
            expected.setdefault((model, card), []).append((card == "werewolf") is wolves_won)
    assert {r[:2]: (r[2], r[3]) for r in ask("wins")} == {
        key: (len(won), round(sum(won) / len(won), 3)) for key, won in expected.items()
    }


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_the_python_of_the_document_runs(place: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It prints a row for each arm."""
    monkeypatch.chdir(place)
    variables: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(QUERIES[name], variables)
    assert "one_doctor" in printed.getvalue()
    table_of_runs = pandas.read_json("results/hospital/results.jsonl", lines=True)
    if name == "pandas":
        assert variables["shares"].sum(axis=1).round(6).tolist() == [1.0, 1.0]
    else:
        table: polars.DataFrame = variables["table"]
        assert table["runs"].to_list() == [3, 3]
        assert table["turns"].to_list() == table_of_runs.groupby("arm")["turns"].median().tolist()
