"""What runs took, and what they would take: tables, bars and JSON of ``cost`` and ``estimate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from sim.models.model import Reply, Request
from sim.models.scripted import Scripted
from sim.read.ledger import ledger
from sim.record.log import RunLog
from tests.cli.running import Sim, assert_refused, edited, files, python

Json = dict[str, Any]
Edit = Callable[[list[Json]], None]


def _calls(records: list[Json]) -> list[Json]:
    return [r for r in records if r["type"] == "call"]


def _paid(records: list[Json]) -> None:
    """Each call cost a cent, counted by the provider."""
    for call in _calls(records):
        call["cost"] = "0.01"
        call["usage"]["is_estimated"] = False


def _in_two_currencies(records: list[Json]) -> None:
    _paid(records)
    for call in _calls(records)[:4]:
        call["currency"] = "CNY"


def _partly_unknown(records: list[Json]) -> None:
    _paid(records)
    for call in _calls(records)[:3]:
        call |= {"cost": None, "currency": None}


def _unknown(records: list[Json]) -> None:
    for call in _calls(records):
        call |= {"cost": None, "currency": None}


def _partly_cached(records: list[Json]) -> None:
    _paid(records)
    for call in _calls(records)[:2]:
        call["measured"] = {"hit": True}


def _partly_estimated(records: list[Json]) -> None:
    _paid(records)
    for call in _calls(records)[:2]:
        call["usage"]["is_estimated"] = True


@pytest.mark.parametrize(
    ("edit", "words", "told"),
    [
        (_paid, ["0.15 USD"], {"total_cost": 0.15, "currency": "USD", "costs": {"USD": "0.15"}}),
        (
            _in_two_currencies,
            ["0.04 CNY + 0.11 USD"],
            {"total_cost": None, "currency": None, "costs": {"CNY": "0.04", "USD": "0.11"}},
        ),
        (
            _partly_unknown,
            ["0.12 USD + 3 calls unknown"],
            {"total_cost": None, "costs": {"USD": "0.12"}, "unpriced_calls": 3},
        ),
        (_unknown, ["cost unknown"], {"total_cost": None, "costs": {}, "unpriced_calls": 15}),
        (
            _partly_cached,
            ["hits", "0.13 USD", "hits: 2 answers from the cache; saved", "tokens, 0.02 USD"],
            {"total_cost": 0.13, "hits": 2, "calls": 15},
        ),
        (_partly_estimated, ["reported", "estimated"], {"estimated_calls": 2}),
    ],
)
def test_what_was_paid_and_what_is_not_known_is_told(
    edit: Edit, words: list[str], told: Json, sim: Sim, log_path: Path, tmp_path: Path
) -> None:
    """Currencies side by side, unknown apart from nothing, hits apart from what was spent."""
    path = edited(log_path, tmp_path / "edited.jsonl", edit)
    shown = sim("cost", path)
    assert (shown.code, shown.err) == (0, "")
    assert [word for word in words if word not in shown.out] == []
    found = sim("cost", path, "--json").json
    assert {key: found[key] for key in told} == told
    total = ledger([RunLog.open(path)]).total
    assert found["total_tokens"] == total.total == found["estimated_tokens"] + found["reported_tokens"]
    assert found["saved"]["tokens"] == total.saved_tokens == sum(r["saved"]["tokens"] for r in found["rows"])
    for currency, text in found["costs"].items():
        assert sum(Decimal(row["costs"].get(currency, 0)) for row in found["rows"]) == Decimal(text)


def test_columns_that_tell_nothing_are_left_out(sim: Sim, log_path: Path) -> None:
    """Without hits and with all tokens counted in one way there is no column for either."""
    first = sim("cost", log_path).out.splitlines()[0].split()
    assert first == ["role", "calls", "prompt", "completion", "total", "cost"]


def _bars(out: str) -> list[list[str]]:
    """The words of each bar, without the bar itself."""
    return [[w for w in line.split() if w.strip("█▏▎▍▌▋▊▉")] for line in out.splitlines() if "█" in line]


def test_each_phase_has_a_bar_by_its_money_in_the_language_of_the_run(sim: Sim, log_path: Path) -> None:
    """In the order in which the states were met; the longest is the dearest, and all fit into the line."""
    log = RunLog.open(log_path)
    out = sim("cost", log_path, "--price-as", "gpt-4").out
    found = _bars(out)
    assert [words[0] for words in found] == ["挂号", "看病", "缴费", "取药"]
    costs = [row.cost["USD"] for row in ledger([log], "state", "gpt-4").rows]
    assert [Decimal(words[3]) for words in found] == costs
    lengths = [line.count("█") for line in out.splitlines() if "█" in line]
    assert lengths.index(max(lengths)) == costs.index(max(costs))
    assert sum(int(words[-1].strip("%<")) for words in found) == pytest.approx(100, abs=2)


def test_bars_are_by_tokens_where_not_all_money_is_known(sim: Sim, log_path: Path, tmp_path: Path) -> None:
    """A call whose price is unknown takes tokens all the same."""
    path = edited(log_path, tmp_path / "edited.jsonl", _partly_unknown)
    tokens = [row.total for row in ledger([RunLog.open(path)], "state").rows]
    found = _bars(sim("cost", path).out)
    assert [int(words[1].replace(",", "")) for words in found] == tokens
    assert [words[-1] for words in found] == [f"{n / sum(tokens):.0%}" for n in tokens]


def test_what_was_all_answered_from_a_cache_has_no_bars(sim: Sim, log_path: Path, tmp_path: Path) -> None:
    """Nothing was spent in any phase."""

    def cached(records: list[Json]) -> None:
        for call in _calls(records):
            call["measured"] = {"hit": True}

    done = sim("cost", edited(log_path, tmp_path / "edited.jsonl", cached))
    assert (done.code, "█" in done.out) == (0, False)


@pytest.mark.parametrize("columns", [80, 40])
def test_the_lines_fit_a_narrow_terminal(columns: int, sim: Sim, log_path: Path, monkeypatch: Any) -> None:
    """A bar is one line, with labels twice as wide as they are long."""
    monkeypatch.setattr("sim.cli.show.console", lambda: Console(highlight=False, width=columns))
    lines = [line for line in sim("cost", log_path).out.splitlines() if "█" in line]
    assert len(lines) == 4
    assert max(cell_len(line) for line in lines) <= columns


def test_a_table_that_does_not_fit_keeps_sums_and_breaks_no_word(
    sim: Sim, log_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that are part of another's sum are left out, before a number or a name is folded."""

    def all_at_once(records: list[Json]) -> None:
        _in_two_currencies(records)
        _calls(records)[7] |= {"cost": None, "currency": None}
        _partly_estimated(records[:20])
        _calls(records)[9]["measured"] = {"hit": True}

    path = edited(log_path, tmp_path / "edited.jsonl", all_at_once)
    heads = []
    for columns in (100, 80, 60):
        monkeypatch.setattr("sim.cli.show.console", lambda width=columns: Console(highlight=False, width=width))
        lines = sim("cost", path).out.splitlines()
        heads.append(lines[0].split())
        assert [
            role for role in ("patient", "registrar", "pharmacist") if role not in " ".join(lines).split()
        ] == []
        assert max(map(cell_len, lines[: lines.index("")])) <= max(columns, 80)
    sums = ["role", "calls", "hits", "estimated", "total", "cost"]
    assert heads[0] == [*sums[:3], "prompt", "completion", "reported", *sums[3:]]
    assert heads[1] == [*sums[:3], "prompt", "completion", *sums[3:]]
    assert heads[2] == sums


def test_a_folder_is_all_the_logs_in_it_and_each_counts_once(sim: Sim, folder: Path, log_path: Path) -> None:
    """However it is named; two runs of one name in two folders are two."""
    for name in ("a/one", "a/two", "b/one"):
        path = folder / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(log_path.read_bytes())
    one = sim("cost", log_path, "--json").json["total_tokens"]
    assert sim("cost", "a", "--json").json["total_tokens"] == 2 * one
    assert sim("cost", "a", "a/one.jsonl", "./a", "--json").json["total_tokens"] == 2 * one
    told = sim("cost", "a", "b", "--by", "run", "--json").json
    assert ([row["total"] for row in told["rows"]], told["total_tokens"]) == ([one] * 3, 3 * one)
    assert [row["key"] for row in sim("cost", "a", "b", "--by", "world", "--json").json["rows"]] == [
        "hospital_visit"
    ]


@pytest.mark.parametrize("text", ["Dear diary,\n", '{"type": "call"}\n', ""])
def test_a_log_among_many_that_cannot_be_read_is_named(text: str, sim: Sim, folder: Path, log_path: Path) -> None:
    """Nothing is added up without it."""
    for name in ("a", "b"):
        (folder / f"{name}.jsonl").write_bytes(log_path.read_bytes())
    (folder / "broken.jsonl").write_text(text, encoding="utf-8")
    assert_refused(sim("cost", "."), "broken.jsonl")
    assert_refused(sim("cost", "a.jsonl", "broken.jsonl", "--json"), "broken.jsonl")


def test_an_empty_folder_is_named(sim: Sim, folder: Path) -> None:
    """There is nothing to add up."""
    (folder / "empty").mkdir()
    assert_refused(sim("cost", "empty"), "no logs in the folder empty")


def test_a_run_is_reported_in_the_words_of_the_ledger(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known of its cost is said, and several currencies stand side by side."""
    real = Scripted.answer
    paid = {"patient": (Decimal("0.02"), "CNY"), "doctor": (None, None)}

    def answer(self: Scripted, request: Request) -> Reply:
        cost, currency = paid.get(request.role, (Decimal("0.01"), "USD"))
        measured = {"hit": True} if request.role == "cashier" else {}
        return replace(real(self, request), cost=cost, currency=currency, measured=measured)

    monkeypatch.setattr(Scripted, "answer", answer)
    told = sim("run", "hospital_visit", "--seed", 7, "--json", "--out", "a.jsonl").json
    assert told["cost"] == {"amount": None, "currency": None}
    shown = sim("run", "hospital_visit", "--seed", 7, "--out", "b.jsonl").out
    line = shown.splitlines()[-1]
    assert "· 0.16 CNY + 0.02 USD + 3 calls unknown · 2 answers from the cache ·" in line
    assert "0.16 CNY + 0.02 USD + 3 calls unknown" in sim("cost", "b.jsonl").out.splitlines()[6]


def test_an_estimate_is_told_as_a_table(sim: Sim, folder: Path) -> None:
    """Each measure with its spread, the total with its range, and what it leaves out; the same every time."""
    words = ("estimate", "hospital_visit", "--model", "gpt-4", "--episodes", 40, "--seeds", 5, "--lang", "zh")
    done = sim(*words)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "hospital_visit as gpt-4, played by its script with 5 seeds"
    assert lines[1].split() == ["an", "episode", "minimum", "median", "mean", "maximum", "sd"]
    wanted = ["turns", "calls", "prompt tokens", "completion tokens", "total tokens", "cost, USD"]
    assert [line[: len(title)] for line, title in zip(lines[2:8], wanted, strict=True)] == wanted
    assert any(line.startswith("40 episodes: ") and line.endswith("USD") for line in lines)
    assert "repairs are extra" in lines[-1]
    assert sim(*words) == done
    assert files(folder) == {}


def test_an_estimate_as_json_adds_up(sim: Sim) -> None:
    """The total is the mean of an episode, as often as there are episodes, within its range."""
    options = ("--variant", "triage", "--set", "fee=15", "--seeds", 4, "--episodes", 10)
    told = sim("estimate", "hospital_visit", "--model", "gpt-4", *options, "--json").json
    assert (told["world"], told["model"], told["seeds"], told["episodes"]) == ("hospital_visit", "gpt-4", 4, 10)
    for measure, name in (("total", "tokens"), ("cost", "cost")):
        spread, total = told["per_episode"][measure], told["total"][name]
        assert spread["min"] <= spread["median"] <= spread["max"]
        assert total["mean"] == pytest.approx(10 * spread["mean"])
        assert total["low"] < total["mean"] < total["high"]
    assert told["total"]["cost"]["currency"] == "USD"
    assert list(told["per_episode"]) == ["turns", "calls", "prompt", "completion", "total", "cost"]


def test_without_a_known_price_the_tokens_are_told_all_the_same(sim: Sim) -> None:
    """The cost is not known, which is not nothing, and it is said where a price can stand."""
    words = ("estimate", "number_chain", "--model", "abacus-9000", "--seeds", 2, "--episodes", 3)
    told = sim(*words, "--json").json
    assert told["per_episode"]["cost"] is None
    assert told["total"]["cost"] == {"low": None, "mean": None, "high": None, "currency": None}
    assert told["total"]["tokens"]["mean"] > 0
    done = sim(*words)
    assert (done.code, done.err) == (0, "")
    assert [words for words in ("unknown", "tokens, cost unknown", "models.yaml") if words not in done.out] == []


def test_one_seed_has_no_spread(sim: Sim) -> None:
    """Neither a deviation nor a range is made up."""
    words = ("estimate", "number_chain", "--model", "gpt-4", "--seeds", 1, "--episodes", 3)
    told = sim(*words, "--json").json
    assert (told["per_episode"]["cost"]["sd"], told["total"]["tokens"]["low"]) == (None, None)
    assert "in brackets" not in sim(*words).out


def test_what_is_rough_about_an_estimate_is_said(sim: Sim, folder: Path) -> None:
    """Code is not run, so what would be corrected is missing."""
    done = sim("estimate", "chart_desk", "--model", "gpt-4", "--seeds", 2)
    assert "rough: no code is run: 'desk' is taken to report a success" in done.out
    assert files(folder) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["hospital_vist", "--model", "gpt-4"], ["no world 'hospital_vist'", "did you mean 'hospital_visit'?"]),
        (["hospital_visit", "--model", "gpt-4", "--lang", "fr"], ["'fr'", "en", "zh"]),
        (["hospital_visit", "--model", "gpt-4", "--variant", "triag"], ["did you mean 'triage'?"]),
        (["hospital_visit", "--model", "gpt-4", "--set", "nosuch=1"], ["unknown fact 'nosuch'"]),
        (["hospital_visit", "--model", "gpt-4", "--set", "fee"], ["needs the form name=value"]),
        (["hospital_visit", "--model", "doctor=gpt-4"], ["--model doctor=gpt-4", "one real model"]),
        (["hospital_visit", "--model", "scripted"], ["--model scripted", "one real model"]),
    ],
)
def test_an_estimate_with_bad_options_is_refused(
    options: list[str], words: list[str], sim: Sim, folder: Path
) -> None:
    """Each mistake has one line that names it and exit code 2."""
    assert_refused(sim("estimate", *options), *words)
    assert files(folder) == {}


def test_an_estimate_needs_a_model_and_a_seed(sim: Sim) -> None:
    """Without them there is nothing to price."""
    assert sim("estimate", "hospital_visit").code == 2
    assert sim("estimate", "hospital_visit", "--model", "gpt-4", "--seeds", 0).code == 2
    assert sim("estimate", "hospital_visit", "--model", "gpt-4", "--episodes", 0).code == 2


@pytest.mark.parametrize("words", [["cost", "log"], ["estimate", "chart_desk", "--model", "gpt-4", "--seeds", "1"]])
def test_what_is_only_counted_needs_no_autogen(words: list[str], log_path: Path, folder: Path) -> None:
    """It takes long to import, and nothing is run with it."""
    given = [str(log_path) if word == "log" else word for word in words]
    code = f"import sys; sys.argv = ['sim', *{given!r}]\nfrom sim.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\nprint('autogen' in sys.modules, file=sys.stderr)"
    done = python(code, cwd=folder)
    assert done.code == 0
    assert done.err.splitlines()[-1] == "False"


def test_a_model_of_the_file_can_be_the_price(sim: Sim, folder: Path, log_path: Path) -> None:
    """Its own price, or that of its id in the list."""
    text = "models:\n  mine: {price: {input: 1, output: 1, currency: CNY}}\n  theirs: {model: gpt-4}\n"
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    mine = sim("cost", log_path, "--price-as", "mine", "--json").json
    assert mine["currency"] == "CNY"
    assert mine["total_cost"] == pytest.approx(mine["total_tokens"] / 1_000_000)
    theirs, listed = (sim("cost", log_path, "--price-as", name, "--json").json for name in ("theirs", "gpt-4"))
    assert theirs["total_cost"] == listed["total_cost"] > mine["total_cost"]
