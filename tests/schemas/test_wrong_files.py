"""Files that are wrong in one way each: the schema says so at its place, and so does the reader."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sim.schemas.files import MODELS, schema_of
from sim.world.source import read_yaml

WRONG = read_yaml(Path(__file__).with_name("wrong.yaml")).value
VALIDATORS = {name: Draft7Validator(schema_of(name)) for name in MODELS}
VALID: dict[str, dict[str, Any]] = {
    "world": {
        "world": "inn",
        "roles": {"guest": "ann"},
        "facts": {"paid": {"flag": False}},
        "states": {"hall": {"speakers": "guest", "go": [{"done": "paid"}]}},
        "start": "hall",
        "ends": ["done"],
    },
    "lines": {"hall": {"guest": [{"say": "Hello."}]}},
    "persona": {"persona": "ann", "name": "Ann"},
    "models": {"models": {"m": {"model": "local"}}},
    "acts": {"turns": [{"speaker": "ann", "says": "Hello."}]},
    "cases": {"cases": {"a": {"seed": 7}}},
    "experiment": {"experiment": "sale", "world": "inn", "seeds": 5, "arms": {"day": {"variant": "day"}}},
}


def changed(wrong: dict[str, Any]) -> dict[str, Any]:
    """A valid file with the one thing wrong."""
    value = copy.deepcopy(VALID[wrong["kind"]]) | wrong.get("set", {})
    return {key: each for key, each in value.items() if key not in wrong.get("without", [])}


@pytest.mark.parametrize("kind", VALID)
def test_the_files_are_valid_before_they_are_made_wrong(kind: str) -> None:
    """To the schema and to the reader."""
    assert list(VALIDATORS[kind].iter_errors(VALID[kind])) == []
    MODELS[kind].model_validate(VALID[kind])


@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: f"{w['kind']}: {w.get('set', w.get('without'))}")
def test_a_wrong_file_is_wrong_in_the_way_that_it_says(wrong: dict[str, Any]) -> None:
    """One problem, where it is, and the reader refuses the same file."""
    value = changed(wrong)
    found = [(list(e.absolute_path), e.message) for e in VALIDATORS[wrong["kind"]].iter_errors(value)]
    assert [at for at, _ in found] == [wrong["at"]], found
    assert wrong["says"] in found[0][1]
    with pytest.raises(ValueError, match="validation error"):
        MODELS[wrong["kind"]].model_validate(value)


def test_there_are_many_of_all_kinds() -> None:
    """Each kind of file has some."""
    assert len(WRONG) >= 40
    assert {wrong["kind"] for wrong in WRONG} == set(MODELS)


def test_a_key_of_a_variant_that_no_world_has_is_told() -> None:
    """The reader tells it when the patch is applied."""
    world = VALID["world"] | {"variants": {"day": {"extends": "night", "state": {}}}}
    [error] = VALIDATORS["world"].iter_errors(world)
    assert list(error.absolute_path) == ["variants", "day"]
    assert "'state' was unexpected" in error.message


@pytest.mark.parametrize("axis", ["sets", "variant.day", "set.", "langs"])
def test_an_axis_that_is_no_key_of_a_setting_is_told(axis: str) -> None:
    """The reader tells it when it makes the arms."""
    experiment = {
        "experiment": "sale",
        "world": "inn",
        "axes": {"set.fee": [15], "model.desk": ["gpt"], axis: ["a"]},
    }
    [error] = VALIDATORS["experiment"].iter_errors(experiment)
    assert list(error.absolute_path) == ["axes"]
    assert f"'{axis}' does not match" in error.message
