"""Files of acts: what they may say, in YAML and in JSON lines, and every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.models.acts import read_acts

WHOLE = """\
world: shop
lang: en
seed: 7
facts: {asked: true}
turns:
  - {speaker: buyer, says: Hello.}
  - speaker: seller
    looks_up: {price: {of: bread}}
    does: [greet, {sell: {amount: 5}}]
    refused: true
    instead: {says: Sorry., does: wait}
  - scripted: 2
  - {speaker: buyer, does: {pay: }, episode: 2}
"""


def write(folder: Path, text: str, name: str = "acts.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_with_the_place_of_each_turn(tmp_path: Path) -> None:
    """Short forms are written out; scripted turns count one by one; episodes stand apart."""
    acts = read_acts(write(tmp_path, WHOLE), "acts.yaml")
    assert (acts.spec.world, acts.spec.lang, acts.spec.seed, acts.spec.facts) == ("shop", "en", 7, {"asked": True})
    assert [entry.place for entry in acts.episodes[1]] == [f"acts.yaml:{n}" for n in (6, 7, 12, 12)]
    assert [entry.place for entry in acts.episodes[2]] == ["acts.yaml:13"]
    assert acts.has_scripted
    second = acts.episodes[1][1]
    assert second.turn.does == {"greet": {}, "sell": {"amount": 5}}
    assert [(said.says, is_look_up) for said, is_look_up in second.answers] == [
        (None, True),
        (None, False),
        ("Sorry.", False),
    ]
    assert second.answers[2][0].does == {"wait": {}}
    assert acts.episodes[2][0].turn.does == {"pay": {}}


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    """A first line without a turn's keys is the head; places are lines."""
    lines = [{"world": "shop", "seed": 3}, {"speaker": "buyer", "says": "Hello."}, {"does": "greet"}]
    text = "\n\n".join(json.dumps(line) for line in lines)
    acts = read_acts(write(tmp_path, text, "acts.jsonl"), "acts.jsonl")
    assert (acts.spec.world, acts.spec.seed) == ("shop", 3)
    assert [(e.place, e.turn.speaker, e.turn.does) for e in acts.episodes[1]] == [
        ("acts.jsonl:3", "buyer", {}),
        ("acts.jsonl:5", None, {"greet": {}}),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "turns: [{spaeker: a}]",
            "acts.yaml:1:10: turns.0.spaeker: unknown key 'spaeker'; did you mean 'speaker'?",
        ),
        ("turn: []", "acts.yaml:1:1: turn: unknown key 'turn'; did you mean 'turns'?"),
        ("turns:\n- {instead: {says: a}}", "acts.yaml:2:3: turns.0: 'instead' follows a refusal"),
        ("turns:\n- {says: a, answer: b}", "acts.yaml:2:3: turns.0: 'answer' is the whole answer"),
        ("turns:\n- {scripted: 2, says: a}", "acts.yaml:2:3: turns.0: 'scripted' is a number of turns"),
        ("turns:\n- {does: 3}", "acts.yaml:2:4: turns.0.does: must be a mapping of keys to values"),
        ("turns: [a]", "acts.yaml:1:9: turns.0: must be a mapping of keys to values"),
        ("- a", "acts.yaml:1:1: a file of acts is a mapping with 'turns'; this file is not"),
        ("turns: [", "acts.yaml:2:1: not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """And with what was probably meant."""
    with pytest.raises(DefinitionError) as caught:
        read_acts(write(tmp_path, text + "\n"), "acts.yaml")
    assert str(caught.value).startswith(told)


def test_every_broken_line_of_json_is_told(tmp_path: Path) -> None:
    """All of them at once."""
    path = write(tmp_path, '{"says": "a"}\n{"says": \n[]\n', "acts.jsonl")
    with pytest.raises(DefinitionError) as caught:
        read_acts(path, "acts.jsonl")
    assert str(caught.value) == "acts.jsonl:2:10: not valid JSON: Expecting value"
    twice = write(tmp_path, '{"says": "a", "says": "b"}\n', "acts.jsonl")
    with pytest.raises(
        DefinitionError, match=r"acts\.jsonl:1:1: not valid JSON: a key stands twice in the same object"
    ):
        read_acts(twice, "acts.jsonl")
    with pytest.raises(DefinitionError) as caught:
        read_acts(write(tmp_path, '{"says": "a"}\n{"syas": "b"}\n', "acts.jsonl"), "acts.jsonl")
    assert str(caught.value).startswith("acts.jsonl:2:1: turns.1.syas: unknown key 'syas'; did you mean 'says'?")


def test_too_many_turns_are_refused_before_they_are_counted_out(tmp_path: Path) -> None:
    """A line can stand for thousands."""
    text = "turns:\n" + "- {scripted: 10000}\n" * 11
    with pytest.raises(DefinitionError, match=r"^acts\.yaml:1:1: turns: more than 100,000 turns$"):
        read_acts(write(tmp_path, text), "acts.yaml")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """In one line."""
    for name in ("nix.yaml", "nix.jsonl"):
        with pytest.raises(DefinitionError, match=rf"{name}:1:1: cannot read the file: No such file"):
            read_acts(tmp_path / name, name)
