"""``sim stats``: one run, several side by side, and pictures of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from sim.read import fonts
from tests.building import write_world
from tests.cli.running import Sim, assert_refused


def hall(servers: int, seats: str) -> str:
    """A world in which three come, one in each minute, and sit for five."""
    return (
        "world: hall\nlanguages: [en, zh]\nroles: {clerk: ann}\narrivals: {at: [0, 1, 2]}\n"
        f"resources: {{seat: {{capacity: {servers}, label: {seats}}}}}\n"
        "states:\n  wait:\n    {label: {zh: 等候, en: Waiting}, speakers: [clerk], tell: Wait., silent: true,\n"
        "     turn: 5, holds: seat, go: [{to: over, after: {turns: 1}}]}\n"
        "start: wait\nends: [over]\nlines: {wait: {clerk: [{do: {}}]}}\n"
    )


@pytest.fixture
def runs(sim: Sim, folder: Path) -> list[str]:
    """Runs with one server and with two, in both languages."""
    names = []
    for number in (1, 2):
        write_world(folder / f"hall{number}", hall(number, "{zh: 座位, en: seats}"))
        for language in ("en", "zh"):
            names.append(f"{language}{number}")
            assert sim("run", f"hall{number}", "--lang", language, "--out", f"runs/{names[-1]}.jsonl").code == 0
    return names


def test_a_run_as_json(sim: Sim, runs: list[str]) -> None:
    """The numbers of a run, exactly."""
    told = sim("stats", "en1", "--json").json
    waited = {"mean": 4, "median": 4, "p95": pytest.approx(7.6), "most": 8}
    wait, seat = told["states"]["wait"], told["resources"]["seat"]
    assert (wait["label"], wait["visits"], wait["waited"]) == ("Waiting", 3, waited)
    assert (seat["label"], seat["utilisation"], seat["waited"], seat["per_hour"]) == ("seats", 1.0, waited, 12)
    assert seat["queue"] == {"mean": pytest.approx(12 / 15), "median": 1, "p95": 2, "most": 2}
    assert told["outcomes"]["over"]["episodes"] == 3
    assert (told["run"], told["whole"], told["sim_minutes"], told["episodes"]) == ("en1", True, 15, 3)
    assert told["tokens"] == told["episode"]["tokens"]["mean"] * 3


def test_a_run_as_a_table(sim: Sim, runs: list[str]) -> None:
    """Means with median and 95th percentile; columns in which nothing happened are left out."""
    done = sim("stats", "en1")
    assert (done.code, done.err) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.out.splitlines() if line.strip()}
    assert lines["Waiting"] == "3 4.0 (4.0, 7.6) 5.0 (5.0, 5.0) 0.80 (1.00, 2.00) 12.0"
    assert lines["seats"] == "3 4.0 (4.0, 7.6) 5.0 (5.0, 5.0) 0.80 (1.00, 2.00) 12.0 100%"
    assert "gave up" not in done.out


def test_two_runs_side_by_side(sim: Sim, runs: list[str]) -> None:
    """Each measure of both, and how much more the second has."""
    told = sim("stats", "en1", "en2", "--json").json
    measures = {(m["of"], m["name"], m["measure"]): m for m in told["measures"]}
    waited = measures["resource", "seat", "waited"]
    assert [v["mean"] for v in waited["values"]] == [4, 1]
    assert waited["difference"]["mean"] == -3
    assert measures["run", None, "minutes"]["difference"] == -5
    assert [run["run"] for run in told["runs"]] == ["en1", "en2"]
    shown = sim("stats", "en1", "en2").out
    assert "B - A" in shown
    row = next(line for line in shown.splitlines() if line.startswith("  waited"))
    assert row.split() == ["waited", "4.0", "(4.0,", "7.6)", "1.0", "(0.0,", "2.7)", "-3", "(-75%)"]


def test_three_runs_have_no_difference(sim: Sim, runs: list[str]) -> None:
    """They stand side by side alone; a run may have what another has not."""
    sim("run", "hospital_visit", "--out", "runs/visit.jsonl")
    told = sim("stats", "en1", "en2", "visit", "--json").json
    assert all("difference" not in measure for measure in told["measures"])
    shown = sim("stats", "en1", "en2", "visit").out
    assert "different worlds: hall, hospital_visit" in shown
    assert "B - A" not in shown
    assert_refused(sim("stats", *["en1"] * 7), "at most 6")


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture_of_two_runs(sim: Sim, runs: list[str], folder: Path, ending: str) -> None:
    """It is a picture, is the same each time, and an SVG has its labels as text."""
    for name in ("a", "b"):
        done = sim("stats", "en1", "en2", "--plot", f"{name}.{ending}")
        assert (done.code, done.err) == (0, "")
        assert done.out.endswith(f"drawn: {name}.{ending}\n")
    data = (folder / f"a.{ending}").read_bytes()
    assert data == (folder / f"b.{ending}").read_bytes()
    if ending == "svg":
        text = data.decode()
        assert all(f">{label}<" in text for label in ("seats", "Waiting", "episode", "time of day"))
    else:
        with Image.open(folder / "a.png") as picture:
            assert picture.width > picture.height
            assert len(picture.getcolors(1 << 20) or []) > 10


def test_a_state_has_one_colour_in_all_runs(sim: Sim, runs: list[str], folder: Path) -> None:
    """Even where it is not in the same place: the second world has a state before it."""
    text = hall(2, "seats").replace(
        "states:\n",
        "states:\n  door: {speakers: [clerk], tell: In., silent: true, turn: 1,\n"
        "   go: [{to: wait, after: {turns: 1}}]}\n",
    )
    write_world(
        folder / "porch",
        text.replace("start: wait", "start: door").replace("{wait:", "{door: {clerk: [{do: {}}]}, wait:"),
    )
    assert sim("run", "porch", "--lang", "en", "--out", "porch.jsonl").code == 0
    assert sim("stats", "en1", "porch.jsonl", "--plot", "a.svg").code == 0
    svg = (folder / "a.svg").read_text(encoding="utf-8")
    legend = re.findall(r"fill: (#\w+)[^>]*/>\s*</g>\s*<g id=\"text_\d+\">\s*<text[^>]*>([^<]*)<", svg)
    waiting = [colour for colour, label in legend if label == "Waiting"]
    (door,) = [colour for colour, label in legend if label == "door"]
    assert len(waiting) == 2
    assert set(waiting).isdisjoint({door})
    assert len(set(waiting)) == 1


def test_chinese_labels(sim: Sim, runs: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SVG keeps them as text; a PNG is drawn with a font that has them, and refused where there is none."""
    assert sim("stats", "zh1", "--plot", "a.svg").code == 0
    text = (folder / "a.svg").read_text(encoding="utf-8")
    assert all(f">{label}<" in text for label in ("座位", "等候", "排队人数", "时刻"))
    assert "Noto Sans CJK SC" in text
    wanted = {ord(c) for c in "座位等候排队人数时刻"}
    found = [name for name, path in fonts._installed() if wanted <= fonts._characters(path)]
    done = sim("stats", "zh1", "--plot", "a.png")
    assert (done.code, bool(found)) in {(0, True), (2, False)}
    monkeypatch.setattr(fonts, "_installed", lambda: iter(()))
    assert_refused(sim("stats", "zh1", "--plot", "b.png"), "no font here has the Chinese characters", ".svg")
    assert not (folder / "b.png").exists()


def test_what_cannot_be_drawn_is_told_first(
    sim: Sim, runs: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong ending, no folder, no matplotlib."""
    assert_refused(sim("stats", "en1", "--plot", "a.pdf"), "a picture ends in .png or .svg")
    assert_refused(sim("stats", "en1", "--plot", "no/a.svg"), "there is no folder no")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert_refused(sim("stats", "en1", "--plot", "a.svg"), "pip install 'roleplay-sim[plot]'")


def test_a_label_is_no_formula(sim: Sim, folder: Path) -> None:
    """What a world calls its things is drawn as it stands."""
    write_world(folder / "hall", hall(1, "{en: '_ a $\\bad{ <b>', zh: x}"))
    sim("run", "hall", "--out", "a.jsonl")
    done = sim("stats", "a.jsonl", "--plot", "a.svg")
    assert (done.code, done.err) == (0, "")
    assert "_ a $\\bad{ &lt;b&gt;" in (folder / "a.svg").read_text(encoding="utf-8")


def test_a_stock_is_told_in_the_table_as_json_and_drawn(sim: Sim, folder: Path) -> None:
    """Two seats, of which three take one each; one more comes in each seven minutes."""
    for number, stock in enumerate((2, 3), 1):
        goods = f"stock: {stock}, refill: {{amount: 1, every: 7}}"
        write_world(folder / "hall", hall(1, "{zh: 座位, en: seats}").replace("capacity: 1", goods))
        assert sim("run", "hall", "--lang", "en", "--out", f"{number}.jsonl").code == 0
    told = sim("stats", "1.jsonl", "--json").json["resources"]["seat"]["stock"]
    assert told == {
        "start": 2, "mean": pytest.approx((1 + 0) / 12), "least": 0, "left": 0, "taken": 3, "filled": 1,
        "refills": 1, "empty": 11,
    }  # fmt: skip
    lines = [" ".join(line.split()) for line in sim("stats", "1.jsonl").out.splitlines()]
    place = lines.index("stock at first mean least left taken came in refills minutes empty")
    assert lines[place + 1] == "seats 2 0.08 0 0 3 1 1 11.0"
    measures = sim("stats", "1.jsonl", "2.jsonl", "--json").json["measures"]
    assert {m["measure"]: m["values"] for m in measures if m["name"] == "seat"}["minutes empty"] == [11, 5]
    assert sim("stats", "1.jsonl", "--plot", "a.svg").code == 0
    svg = (folder / "a.svg").read_text(encoding="utf-8")
    assert ">in stock<" in svg
    assert svg.count(">seats<") == 2
