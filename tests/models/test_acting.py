"""Acts that are played: in order, by whom they name, refused where they say so; and who goes on after them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.models.acting import ActedOutside, ActsEnded, ActsMismatch, Script
from sim.models.acts import read_acts
from sim.models.scripted import Scripted
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import of, spoken, world_of
from tests.cases.shop import SHOP

TALK = {
    "world": "talk",
    "roles": {"a": "ann", "b": "bob", "c": "cai"},
    "states": {"room": {"speakers": ["a", "b", "c"], "go": [{"to": "over", "after": {"turns": 2}}]}},
    "start": "room",
    "ends": ["over"],
}


@pytest.fixture
def shop(tmp_path: Path) -> World:
    from sim.world.library import load  # noqa: PLC0415 - personas are those of the package

    (tmp_path / "world.yaml").write_text(SHOP, encoding="utf-8")
    return load(tmp_path)


def acted(world: World, folder: Path, turns: list[object], *, then: bool = False, seed: int = 0) -> RunLog:
    """Play the acts of a file, and give the log."""
    path = folder / "acts.yaml"
    lines = "".join(f"- {json.dumps(turn)}\n" for turn in turns)
    path.write_text(f"turns:\n{lines}", encoding="utf-8")
    script = Script(read_acts(path, "acts.yaml"), world)
    others = dict.fromkeys(speakers(world), Scripted()) if then else None
    log_path = folder / "run.jsonl"
    log_path.unlink(missing_ok=True)
    with LogWriter(log_path) as log:
        cast = script.cast(others, speakers(world))
        Run(world, settings_for(world, seed=seed), cast, log, script.watch(), ActedOutside(script)).play()
        script.check_played()
    return RunLog.open(log_path)


def test_acts_are_played_word_for_word_and_their_log_verifies(shop: World, tmp_path: Path) -> None:
    """Words, acts, the neutral words where there are none, and names in the log."""
    log = acted(
        shop, tmp_path, [{"says": "One."}, {"speaker": "seller"}, {"does": {"pay": 3}, "says": "There."}, {}]
    )
    assert [(t.speaker, t.text, [a.fields for a in t.acts]) for t in of(log, "turn")] == [
        ("buyer", "One.", []),
        ("seller", "…", []),
        ("buyer", "There.", [{"amount": 3}]),
        ("seller", "…", []),
    ]
    assert {call.model for call in of(log, "call")} == {"acts"}
    assert {call.usage.prompt > 0 for call in of(log, "call")} == {True}
    assert verify(log).ok


def test_another_speaker_than_the_machine_has_is_an_error(shop: World, tmp_path: Path) -> None:
    """With turn, file and line, who was expected and who may speak."""
    with pytest.raises(ActsMismatch) as caught:
        acted(shop, tmp_path, [{"speaker": "buyer"}, {"speaker": "buyer"}])
    assert str(caught.value) == (
        "acts.yaml:3: turn 2: 'buyer' is expected to speak, but the turn is that of 'seller'; "
        "in 'counter' (alternate) speak: buyer, seller"
    )


def test_an_answer_that_is_refused_is_a_failure(shop: World, tmp_path: Path) -> None:
    """It is not repaired, and the reason is told."""
    with pytest.raises(
        ActsMismatch, match=r"acts\.yaml:2: turn 1: the answer of buyer was refused: pay: too much;"
    ):
        acted(shop, tmp_path, [{"does": {"pay": 30}}])
    assert of(RunLog.open(tmp_path / "run.jsonl"), "turn") == []


def test_a_reason_in_another_language_is_quoted_as_the_model_was_told_it(tmp_path: Path) -> None:
    """The message itself is in English, as all that the command says."""
    from sim.world.library import load  # noqa: PLC0415 - personas are those of the package

    (tmp_path / "world.yaml").write_text(SHOP.replace("why: too much", "why: 太多了"), encoding="utf-8")
    with pytest.raises(ActsMismatch, match="the answer of buyer was refused: “pay: 太多了”; 'refused: true' says"):
        acted(load(tmp_path), tmp_path, [{"does": {"pay": 30}}])


def test_a_refusal_that_is_expected_goes_on_with_what_is_said_instead(shop: World, tmp_path: Path) -> None:
    """Or with the same again, until the world's tries are used up."""
    refused = {"does": {"pay": 30}, "refused": True}
    log = acted(shop, tmp_path, [{**refused, "instead": {**refused, "instead": {"does": {"pay": 20}}}}, {}])
    assert [(r.attempt, r.reasons) for r in of(log, "refusal")] == [(0, ["pay: too much"]), (1, ["pay: too much"])]
    assert [[a.fields for a in t.acts] for t in of(log, "turn")] == [[{"amount": 20}], []]
    assert verify(log).ok
    log = acted(shop, tmp_path, [refused, {}, {}, {}])
    assert len(of(log, "refusal")) == shop.spec.limits.repairs + 1
    assert [w.code for w in of(log, "warning")] == ["fallback"]


def test_an_answer_that_should_be_refused_and_is_not_is_a_failure(shop: World, tmp_path: Path) -> None:
    """What is said instead is not reached."""
    turns = [{"does": {"pay": 3}, "refused": True, "instead": {"says": "Never mind."}}]
    with pytest.raises(
        ActsMismatch, match=r"^acts\.yaml:2: turn 1: the answer of buyer was to be refused, and was not$"
    ):
        acted(shop, tmp_path, turns)


def test_turns_that_are_left_over_are_an_error(shop: World, tmp_path: Path) -> None:
    """The log is whole, for the run had ended."""
    with pytest.raises(ActsMismatch) as caught:
        acted(shop, tmp_path, [{"does": {"pay": 3}}, {}, {"says": "Hello?"}])
    assert str(caught.value) == "acts.yaml:4: turn 3: it was not played: the run ended after turn 2 (sold)"
    assert RunLog.open(tmp_path / "run.jsonl").is_complete


def test_where_the_acts_end_the_run_stops_or_somebody_goes_on(shop: World, tmp_path: Path) -> None:
    """With the scripted model it is whole; each answer has the name of who gave it."""
    with pytest.raises(ActsEnded, match="the acts end after turn 1, and the turn of seller is next"):
        acted(shop, tmp_path, [{"says": "Hm."}])
    log = acted(shop, tmp_path, [{"says": "Hm."}], then=True)
    assert [call.model for call in of(log, "call")] == ["acts", "scripted", "scripted", "scripted"]
    assert log.header.models["buyer"] == {
        "name": "acts,scripted",
        "first_of": [{"name": "acts"}, {"name": "scripted"}],
    }
    assert verify(log).ok


def test_scripted_turns_stand_between_others(shop: World, tmp_path: Path) -> None:
    """They are what the scripted model would say there."""
    log = acted(shop, tmp_path, [{"scripted": 2}, {"says": "No thanks."}, {"scripted": 1}])
    assert [t.text for t in of(log, "turn")] == ["How much?", "Five.", "No thanks.", "Five."]


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        ({"speaker": "byer"}, "acts.yaml:2: unknown agent 'byer'; did you mean 'buyer'?"),
        ({"does": "pya"}, "acts.yaml:2: unknown action 'pya'; did you mean 'pay'?"),
        ({"looks_up": "price"}, "acts.yaml:2: unknown tool 'price'"),
        ({"refused": True, "instead": {"does": "pya"}}, "acts.yaml:2: unknown action 'pya'; did you mean 'pay'?"),
    ],
)
def test_names_that_the_world_does_not_have_are_told(shop: World, tmp_path: Path, turn: object, told: str) -> None:
    """Before anything is played."""
    with pytest.raises(DefinitionError) as caught:
        acted(shop, tmp_path, [turn])
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("order", ["manual", "auto"])
def test_the_file_says_who_is_chosen(tmp_path: Path, order: str) -> None:
    """In place of the user or a model; by the seed where it names nobody, and nobody who may not be."""
    world = world_of({**TALK, "states": {"room": {**TALK["states"]["room"], "order": order}}})  # type: ignore[index,dict-item]
    log = acted(world, tmp_path, [{"speaker": "c"}, {"speaker": "a"}])
    assert spoken(log) == ["c", "a"]
    assert verify(log).ok
    free = [spoken(acted(world, tmp_path, [{}, {}], seed=seed)) for seed in range(6)]
    assert len({tuple(each) for each in free}) > 1
    assert free[0] == spoken(acted(world, tmp_path, [{}, {}], seed=0))
    with pytest.raises(
        ActsMismatch, match=r"acts\.yaml:3: turn 2: 'c' is expected to speak, but may not be chosen"
    ):
        acted(world, tmp_path, [{"speaker": "c"}, {"speaker": "c"}])


def test_those_who_speak_at_once_are_played_in_their_order(tmp_path: Path) -> None:
    """A turn each, as in the log."""
    world = world_of({**TALK, "states": {"room": {**TALK["states"]["room"], "order": "simultaneous"}}})  # type: ignore[index,dict-item]
    log = acted(world, tmp_path, [{"speaker": s, "says": s.upper()} for s in "abc"])
    assert [(t.speaker, t.text, t.asked) for t in of(log, "turn")] == [("a", "A", 0), ("b", "B", 0), ("c", "C", 0)]
