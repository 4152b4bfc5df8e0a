"""``sim test``, ``sim coverage``, ``sim run --acts`` and ``sim export --to acts``: what is printed and returned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.shop import write_shop
from tests.cli.running import Sim, assert_refused

CASES = """\
cases:
  a sale: {expect: {outcome: sold}}
  no sale:
    turns: [{}, {}, {}, {}]
    expect: {outcome: left}
"""
BAD = "cases: {a sale: {expect: {outcome: left, refusals: 1}}}\n"
ACTS = "turns:\n- {speaker: buyer, says: Hello.}\n- {speaker: seller, says: Five.}\n"


@pytest.fixture
def shop(folder: Path) -> Path:
    """The shop in the working folder, with cases."""
    write_shop(folder / "worlds" / "shop", CASES)
    return folder / "worlds" / "shop"


def write(folder: Path, text: str, name: str = "acts.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_the_cases_of_a_world_are_told_a_line_each(sim: Sim, shop: Path) -> None:
    """Exit 0 where all pass."""
    done = sim("test", "shop")
    assert (done.code, done.err) == (0, "")
    assert done.out == "ok    shop: a sale, 4 turns\nok    shop: no sale, 4 turns\n2 passed\n"
    assert sim("test", "shop", "-k", "no sale").out == "ok    shop: no sale, 4 turns\n1 passed\n"
    assert not (shop.parent.parent / "runs").exists()


def test_a_failure_is_told_with_its_place_and_exits_1(sim: Sim, shop: Path) -> None:
    """All of what failed; as JSON too."""
    write_shop(shop, BAD, "bad.yaml")
    done = sim("test", "shop", "-k", "sale")
    assert done.code == 1
    assert done.out.splitlines()[:3] == [
        "FAIL  shop: a sale",
        "      worlds/shop/tests/bad.yaml:1: turn 4: the end is 'sold', not 'left'",
        "      worlds/shop/tests/bad.yaml:1: there are 0 refusals, not 1",
    ]
    assert done.out.splitlines()[-1] == "2 passed, 1 failed"
    told = sim("test", "shop", "--json")
    assert told.code == 1
    assert {key: told.json[key] for key in ("ok", "passed", "failed")} == {"ok": False, "passed": 2, "failed": 1}
    assert told.json["cases"][0]["failures"][0] == {
        "place": "worlds/shop/tests/bad.yaml:1",
        "episode": None,
        "turn": 4,
        "message": "the end is 'sold', not 'left'",
    }


def test_broken_files_and_missing_cases_are_wrong_input(sim: Sim, shop: Path) -> None:
    """Exit 2, in one line for each mistake, before anything is played."""
    assert_refused(sim("test", "shop", "-k", "theft"), "no case has 'theft' in its name")
    write_shop(shop, "cases: {a: {sed: 1}}", "bad.yaml")
    assert_refused(sim("test", "shop"), "worlds/shop/tests/bad.yaml:1:13: cases.a.sed: unknown key 'sed'", "'seed'")


def test_golden_transcripts_are_updated_on_request(sim: Sim, shop: Path) -> None:
    """And held against afterwards."""
    write_shop(shop, "cases: {a: {golden: a.txt}}")
    assert sim("test", "shop").out.splitlines()[1] == (
        "      worlds/shop/tests/sale.yaml:1: there is no worlds/shop/tests/a.txt yet; --update-golden writes it"
    )
    assert sim("test", "shop", "--update-golden").code == 0
    assert sim("test", "shop").code == 0


def test_coverage_names_what_was_never_seen(sim: Sim, shop: Path, folder: Path) -> None:
    """Of cases and of runs; with a least share as exit code."""
    whole = sim("test", "shop", "--coverage", "--fail-under", "100")
    assert whole.code == 0
    assert whole.out.splitlines()[-1] == "100% of shop in 2 runs: 2 of 2 states, 2 of 2 ends, 3 of 3 arrows"
    less = sim("test", "shop", "-k", "a sale", "--fail-under", "80")
    assert (less.code, less.err) == (1, "71.4% of shop is covered, less than 80%\n")
    assert less.out.splitlines()[-3:] == [
        "71.4% of shop in 1 run: 2 of 2 states, 1 of 2 ends, 2 of 3 arrows",
        "      never: end left",
        "      never: arrow counter → left (after 4 turns)",
    ]
    assert sim("test", "shop", "--keep", "kept").code == 0
    kept = sorted(str(path) for path in (folder / "kept").iterdir())
    assert sim("coverage", *kept).out.splitlines() == whole.out.splitlines()[-1:]
    [row] = sim("coverage", kept[0], "--json").json
    assert (row["world"], row["runs"], row["percent"]) == ("shop", 1, 71.4)
    assert row["arrows"][0] == {"from": "counter", "to": "farewell", "guard": "paid > 0", "taken": 1}
    assert_refused(sim("coverage"), "no runs in runs/")


def test_acts_are_played_and_stop_where_they_end(sim: Sim, shop: Path, folder: Path) -> None:
    """The log can be gone on with, and with --then it is whole."""
    acts = write(folder, ACTS)
    done = sim("run", "shop", "--acts", acts)
    assert done.code == 0
    assert "Hello." in done.out
    assert "2 turns · 2 simulated minutes" in done.out
    assert done.err == (
        "the acts end after turn 2, and the turn of buyer is next; "
        "'sim resume runs/shop-s0-1.jsonl --model scripted' goes on\n"
    )
    assert_refused(
        sim("resume", "shop-s0-1"), "the run was played from a file of acts; say who goes on: --model scripted"
    )
    assert sim("resume", "shop-s0-1", "--model", "scripted", "--json").json["outcome"] == "sold"
    assert sim("verify", "shop-s0-1").code == 0
    whole = sim("run", "shop", "--acts", acts, "--then", "scripted", "--json").json
    assert (whole["outcome"], whole["turns"]) == ("sold", 4)
    assert sim("verify").code == 0
    assert sim("fork", "shop-s0-2", "--at", "2", "--json").json["outcome"] == "sold"


def test_what_does_not_fit_the_run_is_told(sim: Sim, shop: Path, folder: Path) -> None:
    """In one line, with the file's."""
    wrong = write(folder, "turns:\n- {speaker: seller}\n")
    done = sim("run", "shop", "--acts", wrong, "--json")
    assert_refused(done, "acts.yaml:2: turn 1: 'seller' is expected to speak, but the turn is that of 'buyer'")
    refused = write(folder, "turns:\n- {does: {pay: 30}}\n")
    assert_refused(
        sim("run", "shop", "--acts", refused, "--json"), "acts.yaml:2: turn 1:", "refused: pay: too much"
    )
    assert_refused(sim("run", "shop", "--then", "scripted"), "--then", "--acts FILE")
    acts = write(folder, ACTS)
    assert_refused(sim("run", "shop", "--acts", acts, "--model", "scripted"), "--then MODEL")
    other = write(folder, "world: hospital_visit\n" + ACTS)
    assert_refused(sim("run", "shop", "--acts", other), "the acts are for the world 'hospital_visit', not 'shop'")


def test_the_file_says_what_a_run_starts_from_and_options_say_otherwise(sim: Sim, shop: Path, folder: Path) -> None:
    """Seed, language and facts."""
    acts = write(folder, "seed: 4\nlang: zh\nfacts: {paid: 7}\nturns: [{}, {}]\n")
    sim("run", "shop", "--acts", acts)
    told = sim("show", "shop-s4-1", "--json").json
    assert (told["seed"], told["language"], told["facts"], told["outcomes"]) == (4, "zh", {"paid": 7}, ["sold"])
    sim("run", "shop", "--acts", acts, "--seed", "0", "--lang", "en", "--set", "paid=8")
    told = sim("show", "shop-s0-1", "--json").json
    assert (told["seed"], told["language"], told["facts"]) == (0, "en", {"paid": 8})


@pytest.mark.parametrize("name", ["acts.yaml", "acts.jsonl"])
def test_a_run_is_exported_as_acts_and_played_again(sim: Sim, shop: Path, name: str) -> None:
    """As YAML or as JSON lines; turn for turn the same."""
    sim("run", "shop", "--out", "a.jsonl")
    assert sim("export", "a.jsonl", "--to", "acts", "-o", name).code == 0
    assert sim("run", "shop", "--acts", name, "--out", "b.jsonl").code == 0
    assert "every turn is the same" in sim("diff", "a.jsonl", "b.jsonl").out


def test_the_schemas_of_both_files_are_printed(sim: Sim, folder: Path) -> None:
    """Made from the models."""
    assert set(sim("schema", "acts").json["properties"]) >= {"world", "seed", "facts", "turns"}
    assert set(sim("schema", "cases").json["properties"]) == {"cases"}
