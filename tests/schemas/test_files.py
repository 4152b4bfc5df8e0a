"""The schemas take every file that people were given, explain every key, and are what the models say today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sim.creating.scaffold import Plan, create_world
from sim.creating.templates import list_templates
from sim.schemas.files import MODELS, kind_of, reference, schema_of, schema_texts
from sim.schemas.help import explained
from sim.world.library import load
from sim.world.source import read_yaml

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = sorted([*ROOT.glob("worlds/**/*.yaml"), *ROOT.glob("personas/*.yaml"), *ROOT.glob("experiments/*.yaml")])
SCHEMAS = {name: schema_of(name) for name in MODELS}
VALIDATORS = {name: Draft7Validator(schema) for name, schema in SCHEMAS.items()}


def problems(path: Path) -> list[str]:
    """What a file's schema has against it."""
    kind = kind_of(path)
    assert kind is not None
    return [
        f"{path}: {list(e.absolute_path)}: {e.message}" for e in VALIDATORS[kind].iter_errors(read_yaml(path).value)
    ]


def parts() -> list[tuple[str, str, dict[str, Any]]]:
    """Every part with keys: its schema, its name, and itself."""
    found = [(name, "", schema) for name, schema in SCHEMAS.items() if "properties" in schema]
    return found + [
        (n, m, part) for n, schema in SCHEMAS.items() for m, part in schema.get("definitions", {}).items()
    ]


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_one(name: str) -> None:
    """Of the dialect that language servers of YAML read."""
    Draft7Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("path", BUNDLED, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_bundled_file_is_valid_and_names_its_schema(path: Path) -> None:
    """In the first line, by a way that leads to it from there."""
    assert problems(path) == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    place = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert place is not None
    assert (path.parent / place[1]).resolve() == ROOT / ".schemas" / f"{kind_of(path)}.json"


@pytest.mark.parametrize("template", list_templates())
def test_what_a_template_writes_is_valid(template: str, tmp_path: Path) -> None:
    """World, lines, personas and cases."""
    made = create_world(Plan("w", template=template, out=tmp_path / "worlds"))
    assert [problem for path in made.files if path.suffix == ".yaml" for problem in problems(path)] == []


def test_the_files_that_editors_read_here_are_current() -> None:
    """``sim schema -o .schemas`` writes them anew."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / ".schemas").iterdir()}
    assert kept == schema_texts()


def test_every_key_is_explained_with_a_sentence_and_nearly_all_with_an_example() -> None:
    """As help for an author; one that a model gains must be given words."""
    told = [(m or n, key, field) for n, m, part in parts() for key, field in part["properties"].items()]
    assert len(told) > 250
    assert [where for *where, field in told if not re.match(r".{5,}[.:…]$", field["description"])] == []
    assert {tuple(where) for *where, field in told if "examples" not in field} == {("world", "selection")}


def test_no_words_are_kept_for_keys_that_there_are_not() -> None:
    """A key that was renamed leaves none behind."""
    keys = {key for _, _, part in parts() for key in part["properties"]}
    models = {model.__name__ for model in MODELS.values()} | {m for _, m, _ in parts()}
    stray = [name for name in explained() if name.rpartition(".")[2] not in keys]
    assert stray == []
    assert [name for name in explained() if "." in name and name.partition(".")[0] not in models] == []


def test_every_example_is_valid_where_it_stands() -> None:
    """What editors show can be written so."""
    wrong = [
        (name, model, key, example, error.message)
        for name, model, part in parts()
        for key, field in part["properties"].items()
        for example in field.get("examples", [])
        for error in Draft7Validator({**field, "definitions": SCHEMAS[name].get("definitions", {})}).iter_errors(
            example
        )
    ]
    assert wrong == []


def test_nothing_is_shown_that_only_pydantic_says() -> None:
    """No made titles, no input and output, no reST; nothing is left that nothing refers to."""
    for name, schema in SCHEMAS.items():
        text = json.dumps(schema)
        assert (
            re.findall(r'"title": "[^"]*"', json.dumps({k: v for k, v in schema.items() if k != "title"})) == []
        ), name
        assert "``" not in text
        assert not re.search("-Input|-Output|__", text)
        assert all(f'"#/definitions/{part}"' in text for part in schema.get("definitions", {}))


@pytest.mark.parametrize("world", sorted(path.parent.name for path in ROOT.glob("worlds/*/world.yaml")))
def test_the_line_that_names_a_schema_changes_no_world(world: str, tmp_path: Path) -> None:
    """Its digest is that of the same files without it."""
    for path in (ROOT / "worlds" / world).rglob("*.yaml"):
        copy = tmp_path / path.relative_to(ROOT / "worlds" / world)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    assert load(tmp_path).digest == load(ROOT / "worlds" / world).digest


def test_names_in_chinese_are_checked_and_completed_too() -> None:
    """The pattern means the same in editors, whose sign for a letter is ASCII alone: their keys are no strays."""
    for name, schema in SCHEMAS.items():
        text = json.dumps(schema)
        assert "\\\\w" not in text, name
        assert "patternProperties" not in text, name
    world = {
        "world": "签证大厅", "roles": {"签证官": "bob"}, "states": {"窗口": {"speaker": ["签证官"]}},
        "start": "窗口", "ends": ["办完"],
    }  # fmt: skip
    assert [list(e.absolute_path) for e in VALIDATORS["world"].iter_errors(world)] == [
        ["states", "窗口", "speaker"]
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("world.yaml", "world"),
        ("lines.yaml", "lines"),
        ("lines-day.yaml", "lines"),
        ("personas/bob.yaml", "persona"),
        ("tests/visit.yaml", "cases"),
        ("tests/acts/unpaid.yaml", "acts"),
        ("models.yaml", "models"),
        ("experiments/second_doctor.yaml", "experiment"),
        ("README.md", None),
        ("notes.yaml", None),
    ],
)
def test_which_schema_a_file_has_is_known_by_its_place(path: str, kind: str | None) -> None:
    """And only what has one is given the comments that name it."""
    assert kind_of(Path(path)) == kind
    comments = reference(Path("worlds/w") / path, Path(".schemas"), Path(path))
    assert (comments == "") == (kind is None)
    if kind is not None:
        assert comments.endswith(f"../.schemas/{kind}.json\n")
