"""``sim persona show`` and ``import``, and ``sim new persona``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sim.cli.app import app
from tests.cli.running import ROOT, Sim, assert_refused, files
from tests.world.imports.making import MIRA, TESS, WEI, encoded, picture, text, v3, written


def test_a_persona_is_shown_with_the_prompt_it_makes(sim: Sim) -> None:
    """In the first language of its name, or the one asked for."""
    shown = sim("persona", "show", "chengzi", "--json").json
    assert (shown["language"], shown["languages"], shown["name"], shown["age"]) == ("zh", ["zh", "en"], "橙子", 25)
    done = sim("persona", "show", "chengzi", "--lang", "en")
    assert (done.code, done.err) == (0, "")
    assert "traits     Cheerful, a little afraid of pain.\n" in done.out
    assert done.out.endswith(
        "the system prompt, in 'en' (also: zh):\n\n"
        "You are Chengzi (male, 25). Works at an internet company; landed badly at basketball yesterday and "
        "sprained his right ankle, which is swollen today. He limps. Cheerful, a little afraid of pain. Talks "
        "casually, a sentence or two.\n"
        "This is a conversation face to face. You are Chengzi: speak as 'I', a sentence or two.\n"
    )


def test_the_prompt_that_is_shown_is_the_one_with_which_a_run_begins(sim: Sim) -> None:
    """Word for word, where the world does not change it."""
    sim("run", "hospital_visit", "--seed", 7, "--lang", "en", "--out", "a.jsonl")
    turn = sim("show", "a.jsonl", "--turn", 1, "--prompt", "--json").json
    shown = sim("persona", "show", "chengzi", "--lang", "en", "--json").json
    assert turn["prompt"][0]["content"] == shown["prompt"]


def test_one_of_a_population_is_shown_too(sim: Sim) -> None:
    """By the id that it has in logs, with the facts that it brings."""
    shown = sim("persona", "show", "patients_emma", "--lang", "en", "--json").json
    assert (shown["population"], shown["name"], shown["age"]) == ("patients", "Emma Clarke", 29)
    assert shown["facts"] == {"complaint": "sprained_ankle", "temper": "anxious", "insured": False}


def test_what_cannot_be_shown_is_refused_with_what_was_meant(sim: Sim, folder: Path) -> None:
    """A name that nobody has, a population, a language, a file that is not sound."""
    assert_refused(sim("persona", "show", "chengz"), "no persona 'chengz'; did you mean 'chengzi'?")
    assert_refused(sim("persona", "show", "patients"), "'patients' is a population")
    assert_refused(sim("persona", "show", "chengzi", "--lang", "fr"), "'chengzi' has no words in 'fr'")
    assert_refused(sim("persona", "show", "none.yaml"), "none.yaml:1:1: cannot read the file")
    (folder / "bo.yaml").write_text("persona: bob\nname: Bo\n", encoding="utf-8")
    assert_refused(sim("persona", "show", "bo.yaml"), "bo.yaml:1:1: persona: 'bob' is not the file's name")
    (folder / "bo.yaml").write_text("persona: bo\nname: Bo\nstile: loud\n", encoding="utf-8")
    assert_refused(
        sim("persona", "show", "bo.yaml"), "bo.yaml:3:1: stile: unknown key 'stile'; did you mean 'style'?"
    )


def test_an_imported_card_is_reported_field_by_field(sim: Sim, folder: Path) -> None:
    """For people and as JSON; then it is one of the personas."""
    card = written(folder, v3({**MIRA, "creator": "A. N.", "character_book": {"entries": []}, "tags": ["sea"]}))
    done = sim("persona", "import", card)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "personas/mira_vale.yaml: Mira Vale, in English (by its letters)\n"
        "kept  name\n"
        "kept  description as background\n"
        "kept  personality as traits\n"
        "kept  mes_example as style\n"
        "kept  creator as a comment\n"
        "left  scenario: a world sets the scene, with its opening and what its states tell\n"
        "left  first_mes: who speaks first, and what is said, is for a world and its model\n"
        "left  character_book: a lorebook of 0 entries: a persona has no texts that come up by keyword\n"
        "left  tags: about the card, not the character\n"
    )
    head = (folder / "personas" / "mira_vale.yaml").read_text(encoding="utf-8").splitlines()[:2]
    assert head == [
        "# From card.json (chara_card_v3), by A. N.",
        "# Not kept: scenario, first_mes, character_book, tags",
    ]
    assert "mira_vale" in {row["persona"] for row in sim("personas", "--json").json}
    assert sim("persona", "show", "mira_vale", "--json").json["traits"] == MIRA["personality"]


def test_the_report_as_json(sim: Sim, folder: Path) -> None:
    """What was made, where, and what of each field came of it."""
    told = sim("persona", "import", written(folder, TESS), "--out", "people", "--name", "tess", "--json").json
    assert told == {
        "persona": "tess",
        "file": "people/tess.yaml",
        "kept": [
            *("name", "age", "gender", "occupation", "nationality", "personality"),
            *("long_term_goals", "style", "skills"),
        ],
        "left": [
            {"field": "style", "reason": "kept as it is written, and never evaluated: {{char}}"},
            {"field": "shoe_size", "reason": "not a field that a persona has"},
            {
                "field": "mental_faculties (outside persona)",
                "reason": "what an agent can do is for a world: its actions and tools",
            },
        ],
        "keys": {
            "name": "name",
            "age": "age",
            "gender": "sex",
            "occupation": "background",
            "nationality": "background",
            "personality": "traits",
            "long_term_goals": "goals",
            "style": "style",
            "skills": "knowledge",
        },
        "format": "TinyPerson",
        "language": "en",
        "guessed": True,
    }
    assert set(files(folder)) == {"card.json", "people/tess.yaml"}


def test_where_a_sheet_is_written(sim: Sim, folder: Path) -> None:
    """A file is called like its persona; nothing is written over, and nothing beside."""
    card = written(folder, WEI)
    assert sim("persona", "import", card, "--json").json["file"] == "personas/魏三娘.yaml"
    assert_refused(sim("persona", "import", card), "personas/魏三娘.yaml is there already")
    assert sim("persona", "import", card, "--out", "a/wei.yaml", "--json").json["persona"] == "wei"
    assert_refused(sim("persona", "import", card, "--out", "my wei.yaml"), "like its id: my_wei.yaml")
    assert_refused(sim("persona", "import", card, "--out", "wei.yml"), "like its id: wei.yaml")
    assert_refused(sim("persona", "import", card, "--out", "wei.yaml", "--name", "x"), "--name says 'x'")
    path = written(folder, {**MIRA, "name": "../../up"}, "b.json")
    assert sim("persona", "import", path, "--json").json["file"] == "personas/up.yaml"
    made = {"card.json", "b.json", "a/wei.yaml", "personas/up.yaml", "personas/魏三娘.yaml"}
    assert set(files(folder.parent)) == {f"work/{name}" for name in made}


def test_a_persona_of_the_package_is_not_hidden_in_silence(sim: Sim, folder: Path) -> None:
    """Worlds look in ./personas first."""
    done = sim("persona", "import", written(folder, {**MIRA, "name": "Chengzi"}))
    assert done.out.endswith("\nworlds here now take this 'chengzi' in place of the package's\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89PNG\r\n\x1a\n", picture(text(b"chara", b"?")), b'{"a":NaN}', b"[" * 99_999, b"PK\x03\x04"],
)
def test_a_file_that_is_none_is_refused_and_nothing_is_written(sim: Sim, folder: Path, data: bytes) -> None:
    """One line, exit code 2."""
    (folder / "a.png").write_bytes(data)
    assert_refused(sim("persona", "import", "a.png"), "a.png")
    assert list(files(folder)) == ["a.png"]


def test_no_terminal_obeys_a_card(sim: Sim, folder: Path) -> None:
    """Control characters of names, fields and texts reach neither the report nor the sheet."""
    evil = "\x1b[31m\u202e"
    card = {
        **MIRA,
        "name": f"Mi{evil}ra",
        "personality": f"a{evil}",
        f"x{evil}": f"y{evil}",
        "creator": f"c{evil}\nd",
    }
    done = sim("persona", "import", written(folder, card))
    shown = sim("persona", "show", "mi_31mra")
    sheet = (folder / "personas" / "mi_31mra.yaml").read_text(encoding="utf-8")
    for output in (done.out, done.err, shown.out, shown.err, sheet):
        assert "\x1b" not in output
        assert "\u202e" not in output
    assert "name       Mi[31mra\n" in shown.out


BRACES = "{{ 7 * 7 }} {% if x %} {# no #} {{char.__class__}} {text} {me} {name} <BOT> {{"

WORLD: dict[str, Any] = {
    "world": "inn",
    "languages": ["en"],
    "roles": {"guest": "braces", "host": "cashier"},
    "states": {
        "hall": {
            "speakers": ["guest", "host"],
            "tell": "{{ me }} is in the hall with {{ guest }}.",
            "go": [{"to": "over", "when": "state_turns > 3"}],
        }
    },
    "start": "hall",
    "ends": ["over"],
    "lines": {"hall": {"guest": [{"say": "Evening."}], "host": [{"say": "Good evening, {{ guest }}."}]}},
}


def test_braces_of_a_card_come_out_of_a_run_as_they_were(sim: Sim, folder: Path) -> None:
    """In the prompts of the one who has them, in what others hear, and in the transcript: nothing is evaluated."""
    card = {**MIRA, "name": "{text} {{ 7*7 }}", "description": BRACES, "personality": "", "mes_example": BRACES}
    (folder / "card.png").write_bytes(picture(text(b"ccv3", encoded(v3(card)))))
    told = sim("persona", "import", "card.png", "--name", "braces", "--lang", "en", "--json").json
    assert told["kept"] == ["name", "description", "mes_example"]
    written(folder, WORLD, "world.yaml")
    assert sim("check", "world.yaml").code == 0
    assert sim("run", "world.yaml", "--seed", 1, "--out", "a.jsonl").code == 0
    own, others = (sim("show", "a.jsonl", "--turn", n, "--prompt", "--json").json["prompt"] for n in (1, 2))
    name = card["name"]
    assert own[0]["content"] == (
        f"You are {name}. {BRACES} {BRACES}\n"
        f"This is a conversation face to face. You are {name}: speak as 'I', a sentence or two."
    )
    assert f"{name} is in the hall with {name}." in own[1]["content"]
    assert f"{name}: Evening." in others[1]["content"]
    assert f"Good evening, {name}." in sim("replay", "a.jsonl").out
    assert sim("verify", "a.jsonl").code == 0


def test_a_new_persona_is_valid_at_once(sim: Sim, folder: Path) -> None:
    """With what is given; its name may be Chinese."""
    done = sim("new", "persona", "小明", "--age", 9, "--sex", "male", "--traits", "好动。")
    assert (
        done.out == "personas/小明.yaml: fill in what you like; 'sim persona show 小明' shows the prompt it makes\n"
    )
    assert sim("persona", "show", "小明", "--json").json["prompt"].startswith("你是小明（男，9岁）。好动。\n")
    made = sim("new", "persona", "Dr. Li", "--style", "Few words.", "--json").json
    assert made == {"persona": "dr_li", "file": "personas/dr_li.yaml", "language": "en"}
    sim("new", "persona", "li", "--name", "老李", "--lang", "zh")
    assert sim("persona", "show", "li", "--json").json["name"] == "老李"


def test_a_new_persona_is_written_where_it_is_wanted(sim: Sim, folder: Path) -> None:
    """Into the folder of a world, or a file; the one is named like its id."""
    done = sim("new", "persona", "tiao_shui", "--name", "水生", "--out", "worlds/inn/personas")
    made = folder / "worlds" / "inn" / "personas" / "tiao_shui.yaml"
    assert (done.code, made.is_file()) == (0, True)
    assert "'sim persona show worlds/inn/personas/tiao_shui.yaml'" in done.out
    assert "你就是水生" in sim("persona", "show", made).out
    assert sim("new", "persona", "水生", "--out", "here/shui.yaml").code == 0
    assert (folder / "here" / "shui.yaml").is_file()


def test_a_sheet_of_one_language_for_all_is_shown_in_that_of_its_letters(sim: Sim, folder: Path) -> None:
    """Its prompt is not begun in English around Chinese words."""
    sheet = folder / "shui.yaml"
    sheet.write_text("persona: shui\nname: 水生\nbackground: 挑了二十年水。\n", encoding="utf-8")
    assert "the system prompt, in 'zh':\n\n你是水生" in sim("persona", "show", sheet).out
    assert "the system prompt, in 'en':\n\nYou are 水生" in sim("persona", "show", sheet, "--lang", "en").out


def test_an_id_for_a_name_is_told_which_way_round_it_is(sim: Sim, folder: Path) -> None:
    """Or the world that names the id would not find the persona."""
    told = "NAME is the id and --name is what they are called; write: sim new persona ana_lima --name 安娜"
    assert_refused(sim("new", "persona", "安娜", "--name", "ana_lima"), told)
    assert not (folder / "personas").exists()


def test_a_new_persona_is_never_written_over_another(sim: Sim, folder: Path) -> None:
    """Nor is one made of what is not valid."""
    sim("new", "persona", "li")
    before = files(folder)
    assert_refused(sim("new", "persona", "li", "--age", 3), "personas/li.yaml is there already")
    assert_refused(sim("new", "persona", " "), "a persona needs a name")
    assert_refused(sim("new", "persona", "bo", "--traits", "a\x1bb"), "holds control characters")
    assert sim("new", "persona", "bo", "--age", 200).code == 2
    assert files(folder) == before


def test_at_a_terminal_what_is_not_given_is_asked_for(
    sim: Sim, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer leaves it out."""
    answers = iter(["44", "", "A cooper.", "", "", "Gruff.", "", ""])
    asked: list[str] = []

    def answer(what: str, **_: object) -> str:
        asked.append(what)
        return next(answers)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", answer)
    assert sim("new", "persona", "Bo").code == 0
    assert asked[0] == "age, in years"
    assert asked[2:] == ["background", "traits", "goals", "style", "knowledge", "private"]
    shown = sim("persona", "show", "Bo", "--json").json
    assert (shown["age"], shown["sex"], shown["background"], shown["style"]) == (44, None, "A cooper.", "Gruff.")
    assert "traits" not in shown


@pytest.mark.parametrize("command", [["persona", "show"], ["persona", "import"], ["new", "persona"]])
def test_each_command_has_help_with_an_example(command: list[str]) -> None:
    """``--help`` says what it does and how it is used."""
    done = CliRunner().invoke(app, [*command, "--help"])
    assert (done.exit_code, "Example: sim " in " ".join(done.output.split())) == (0, True)


def test_every_persona_of_the_package_can_be_shown(sim: Sim) -> None:
    """In both languages."""
    names = [path.stem for path in sorted((ROOT / "personas").glob("*.yaml")) if path.stem != "patients"]
    for name in names[::6]:
        for language in ("zh", "en"):
            shown = sim("persona", "show", name, "--lang", language, "--json").json
            assert json.dumps(shown["name"]) in json.dumps(shown), name
            assert shown["name"] in shown["prompt"]


def test_a_new_sheet_names_its_schema_where_there_is_one(sim: Sim, folder: Path) -> None:
    """So that an editor completes it; without schemas there is nothing to name."""
    assert sim("new", "persona", "Bo").code == 0
    assert not (folder / "personas" / "Bo.yaml").read_text(encoding="utf-8").startswith("# yaml")
    assert sim("schema", "-o", ".schemas").code == 0
    assert sim("new", "persona", "Cai").code == 0
    first, second, *_ = (folder / "personas" / "Cai.yaml").read_text(encoding="utf-8").splitlines()
    assert (first, second) == (
        "# yaml-language-server: $schema=../.schemas/persona.json",
        "# $schema: ../.schemas/persona.json",
    )
    assert sim("persona", "show", "Cai").code == 0
