"""Commands that need no run: help, and what there is, is sound, and looks like."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli.app import app
from tests.cli.running import ROOT, Done, Sim, files, process, python


def test_help_imports_neither_autogen_nor_the_rest_of_what_is_heavy(folder: Path) -> None:
    """``sim --help`` answers at once: no AutoGen, no SimPy, no networkx, no price list, no tokenizer."""
    heavy = ["autogen", "simpy", "networkx", "genai_prices", "bpe_openai", "rule_engine", "jinja2"]
    code = (
        "import sys\nfrom sim.cli import main\nsys.argv = ['sim', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        f"print('heavy', sorted(set({heavy}) & set(sys.modules)))"
    )
    done = python(code, cwd=folder)
    assert done.out.splitlines()[-2:] == ["code 0", "heavy []"]
    assert done.err == ""


@pytest.mark.parametrize("command", [["replay"], ["cost"], ["show"], ["runs"], ["export"]])
def test_reading_a_log_imports_no_autogen(command: list[str], log_path: Path, folder: Path) -> None:
    """Commands that read logs do not wait for AutoGen."""
    words = command if command == ["runs"] else [*command, str(log_path)]
    code = (
        f"import sys\nfrom sim.cli import main\nsys.argv = ['sim', *{words}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        "print('autogen' in sys.modules)"
    )
    assert python(code, cwd=folder).out.splitlines()[-2:] == ["code 0", "False"]


def test_every_command_has_help_with_an_example() -> None:
    """``--help`` of each command says what it does and how it is used."""
    runner = CliRunner()
    names = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    assert {
        "run",
        "verify",
        "replay",
        "show",
        "cost",
        "runs",
        "export",
        "worlds",
        "personas",
        "check",
        "graph",
    } <= set(names)
    for name in names:
        done = runner.invoke(app, [name, "--help"])
        assert (name, 0) == (name, done.exit_code)
        assert "Example: " in " ".join(done.output.split()), name


def test_sim_alone_shows_its_commands(sim: Sim) -> None:
    """With no command the help is shown, and the exit code says that there was none."""
    done = sim()
    assert done.code == 2
    assert "verify" in done.out + done.err


def test_worlds_are_listed(sim: Sim, folder: Path) -> None:
    """The worlds of the package are listed, with their languages and variants, and the user's own before them."""
    row = next(r for r in sim("worlds", "--json").json if r["world"] == "hospital_visit")
    variants = ["day", "two_doctors", "day_triage", "triage"]
    assert ({"en", "zh"}, variants) == (set(row["languages"]), row["variants"])
    assert "hospital_visit" in sim("worlds").out
    (folder / "worlds" / "mine").mkdir(parents=True)
    (folder / "worlds" / "mine" / "world.yaml").write_text("world: mine\ntitle: My own\n", encoding="utf-8")
    assert "My own" in {r["title"] for r in sim("worlds", "--json").json if isinstance(r["title"], str)}


def test_a_broken_world_does_not_hide_the_others(sim: Sim, folder: Path) -> None:
    """A world of yours that is no YAML, or no world, is no reason to list none."""
    for name, text in (
        ("torn", "a: [1"),
        ("list", "- 1\n- 2\n"),
        ("odd", "title: [1]\nlanguages: 5\nvariants: x\n"),
    ):
        (folder / "worlds" / name).mkdir(parents=True)
        (folder / "worlds" / name / "world.yaml").write_text(text, encoding="utf-8")
    done = sim("worlds")
    assert (done.code, done.err) == (0, "")
    assert "hospital_visit" in done.out
    assert "hospital_visit" in {r["world"] for r in sim("worlds", "--json").json}


def test_personas_are_listed(sim: Sim) -> None:
    """The personas of the package are listed by name."""
    rows = {r["persona"]: r for r in sim("personas", "--json").json}
    assert (rows["chengzi"]["name"], rows["chengzi"]["age"]) == ({"zh": "橙子", "en": "Chengzi"}, 25)
    assert "橙子 / Chengzi" in sim("personas").out


def test_the_people_of_a_population_are_listed(sim: Sim) -> None:
    """Each in a row of its own, under the id that logs have; others are in none."""
    rows = {r["persona"]: r for r in sim("personas", "--json").json}
    assert (rows["patients_lin_yue"]["name"]["en"], rows["patients_lin_yue"]["age"]) == ("Lin Yue", 20)
    assert rows["patients_lin_yue"]["population"] == "patients"
    assert (rows["chengzi"]["population"], "patients" in rows) == (None, False)
    assert "林悦 / Lin Yue" in sim("personas").out


def test_a_broken_population_is_listed_as_far_as_it_can_be_read(sim: Sim, folder: Path) -> None:
    """`sim check` says what is wrong with it."""
    (folder / "personas").mkdir()
    text = "population: odd\npeople: {one: {name: One}, two: 2}\n"
    (folder / "personas" / "odd.yaml").write_text(text, encoding="utf-8")
    (folder / "personas" / "none.yaml").write_text("population: none\npeople: 3\n", encoding="utf-8")
    rows = {r["persona"]: r["name"] for r in sim("personas", "--json").json}
    assert {n: rows[n] for n in rows if n.startswith(("odd", "none"))} == {"odd_one": "One", "odd_two": None}


def test_a_sound_world_is_checked(sim: Sim) -> None:
    """A world without problems gives its states and what can be reached, and exit code 0."""
    done = sim("check", "hospital_visit", "--json")
    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    assert {"reception", "consulting", "till", "pharmacy"} == set(done.json["states"])
    assert {*done.json["states"], "discharged", "gave_up"} == set(done.json["reachable"])
    assert (sim("check", "hospital_visit").code, sim("check", "hospital_visit").err) == (0, "")


def test_an_unsound_world_has_its_problems_listed(sim: Sim, folder: Path) -> None:
    """A world with problems gives each with its place, and exit code 1."""
    text = (ROOT / "worlds" / "hospital_visit" / "world.yaml").read_text(encoding="utf-8")
    (folder / "world.yaml").write_text(text.replace("start: reception", "start: recpetion"), encoding="utf-8")
    done = sim("check", folder / "world.yaml", "--json")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("start:"))
    assert (done.code, done.json["ok"]) == (1, False)
    assert line in {p["line"] for p in done.json["problems"]}
    assert "recpetion" in sim("check", folder / "world.yaml").out


@pytest.mark.parametrize("ending", ["svg", "mmd", "dot"])
def test_a_picture_is_drawn_into_a_file_by_its_ending(ending: str, sim: Sim, folder: Path) -> None:
    """``-o`` writes the picture, in the format of the file's ending, and says where."""
    done = sim("graph", "hospital_visit", "-o", f"visit.{ending}", "--lang", "zh")
    assert Done(0, f"visit.{ending}\n", "") == done
    text = (folder / f"visit.{ending}").read_text(encoding="utf-8")
    assert {"svg": "<svg", "mmd": "stateDiagram-v2", "dot": "digraph"}[ending] == text.split("\n")[0].split(" ")[0]
    assert "看病" in text
    if ending == "svg":
        assert ET.fromstring(text).tag.endswith("svg")


def test_a_picture_is_printed_where_no_file_is_named(sim: Sim, folder: Path) -> None:
    """Without ``-o`` the picture goes to the terminal, and ``--to`` says in what format."""
    assert sim("graph", "hospital_visit").out.startswith("stateDiagram-v2\n")
    assert sim("graph", "hospital_visit", "--to", "dot").out.startswith("digraph ")
    assert "Triage" in sim("graph", "hospital_visit", "--variant", "triage").out
    assert files(folder) == {}


@pytest.mark.parametrize("command", ["run", "check", "graph"])
def test_code_that_a_world_brings_is_refused_where_it_is_not_wanted(command: str, tmp_path: Path) -> None:
    """With --no-code nothing of its rules.py is run, by no command that loads a world."""
    folder = Path(shutil.copytree(ROOT / "tests" / "worlds" / "duel", tmp_path / "duel"))
    (folder / "rules.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    done = process(command, folder, "--no-code", cwd=tmp_path)
    assert "--no-code refuses" in done.out + done.err
    assert not (tmp_path / "ran").exists()
