"""A run of an edited world takes the answers of the last one until the edit bites, and goes on by itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.models.scripted import Scripted
from sim.record.log import LogWriter, RunLog
from sim.record.records import Call, Turn
from sim.stage.casting import speakers
from sim.stage.replaying import Fit, Misfit, played, replayed
from sim.stage.run import Run, settings_for
from sim.world.library import load
from sim.world.world import World
from tests.building import world_of as made_of
from tests.read.forging import Says
from tests.worlds.players import CASES, WORLDS, world_of

Edit = tuple[str, str]

RULES = """
world: ruled
languages: [en]
roles: {ann: ann, bob: {persona: bob, kind: rule, function: echo}}
states: {hall: {speakers: [ann, bob], order: rule, rule: pick, go: [{to: done, after: {turns: 6}}]}}
start: hall
ends: {done: success}
lines: {hall: {ann: [{say: Yes?}]}}
"""
CODE = """
def echo(told):
    return "SAID"

def pick(told, candidates):
    return candidates[PLACE]
"""


class Remote(Says):
    """A model that is somewhere else, of whose prompts a log has the parts."""

    is_remote = True


def run(world: World, path: Path, *, seed: int = 7, language: str = "en") -> RunLog:
    """A run in which nobody is asked from outside."""
    with LogWriter(path) as log:
        played(world, settings_for(world, seed=seed, language=language), log).play()
    return RunLog.open(path)


def again(log: RunLog, world: World, path: Path) -> tuple[RunLog, Fit]:
    """The same run in a world that may be another."""
    fit = Fit()
    with LogWriter(path) as then:
        replayed(log, world, then, fit).play()
    return RunLog.open(path), fit


def by_a_model(world: World, path: Path, words: str = "Indeed, number {}.") -> RunLog:
    """A run in which a model gives other words than the script, with the acts of that."""
    script = Scripted()

    def say(request: object) -> str:
        text = script.answer(request).text  # type: ignore[arg-type]
        return text if text.startswith("{") else words.format(request.turn)  # type: ignore[attr-defined]

    with LogWriter(path) as log:
        cast = dict.fromkeys(speakers(world), Remote(say))
        Run(world, settings_for(world, seed=7, language="en"), cast, log).play()
    return RunLog.open(path)


def edited(folder: Path, *edits: Edit, file: str = "world.yaml", name: str = "hospital_visit") -> World:
    """A copy of a bundled world with some words replaced."""
    place = folder / "edited"
    shutil.copytree(WORLDS / name, place)
    text = (place / file).read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (place / file).write_text(text, encoding="utf-8")
    return load(place)


def said(log: RunLog) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in log.records.of(Turn)]


def taken(log: RunLog) -> list[int]:
    """The turns whose answers were taken from the other run."""
    return [call.turn for call in log.records.of(Call) if call.measured.get("hit")]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("name", "variant"), [c for c in CASES if c[0] != "chart_desk"])
def test_without_an_edit_a_replay_is_the_run(name: str, variant: str | None, language: str, tmp_path: Path) -> None:
    """Record by record, in every world, and nothing fits not."""
    world = world_of(name, variant)
    first = run(world, tmp_path / "first.jsonl", seed=3, language=language)
    second, fit = again(first, world, tmp_path / "second.jsonl")
    assert second.trace == first.trace
    assert fit.misfits == {}
    assert fit.taken == sum(1 for call in first.records.of(Call) if call.purpose != "retry") > 0


def test_a_replay_of_what_a_model_said_asks_nobody(tmp_path: Path) -> None:
    """Every answer is taken, and none is paid for again."""
    world = world_of("hospital_visit", None)
    first = by_a_model(world, tmp_path / "first.jsonl")
    second, fit = again(first, world, tmp_path / "second.jsonl")
    assert said(second) == said(first)
    assert fit.misfits == {}
    assert taken(second) == [call.turn for call in first.records.of(Call)]


def test_an_edit_that_does_not_bite_changes_nothing(tmp_path: Path) -> None:
    """A limit that no prompt tells of, and that the run does not come to."""
    first = by_a_model(world_of("hospital_visit", None), tmp_path / "first.jsonl")
    second, fit = again(first, edited(tmp_path, ("turns: 14", "turns: 13")), tmp_path / "second.jsonl")
    assert said(second) == said(first)
    assert fit.misfits == {}


def test_the_first_prompt_that_differs_is_named_with_its_parts(tmp_path: Path) -> None:
    """What was said before is the model's; what is said from there on is the script's."""
    first = by_a_model(world_of("hospital_visit", None), tmp_path / "first.jsonl")
    world = edited(tmp_path, ("Introduce yourself, ask", "Ask"))
    second, fit = again(first, world, tmp_path / "second.jsonl")
    misfit = fit.misfits[1]
    assert (misfit.by, misfit.role, misfit.parts != ()) == ("prompt", said(first)[misfit.turn - 1][0], True)
    assert misfit.turn > 1
    assert said(second)[: misfit.turn - 1] == said(first)[: misfit.turn - 1]
    assert taken(second) == [c.turn for c in first.records.of(Call) if c.turn < misfit.turn]
    assert not any(text.startswith("Indeed") for _, text in said(second)[misfit.turn - 1 :])


def test_a_line_that_was_edited_is_heard(tmp_path: Path) -> None:
    """The prompt is the same there, but the world now answers otherwise."""
    first = run(world_of("hospital_visit", None), tmp_path / "first.jsonl")
    world = edited(tmp_path, ("Great jump", "Terrific leap"), file="lines.yaml")
    second, fit = again(first, world, tmp_path / "second.jsonl")
    number = next(i for i, (_, text) in enumerate(said(first)) if "Great jump" in text)
    assert fit.misfits == {1: Misfit(1, number + 1, "patient", "answer")}
    assert said(second)[:number] == said(first)[:number]
    assert "Terrific leap" in said(second)[number][1]


def test_who_was_not_asked_before_is_told(tmp_path: Path) -> None:
    """A run that was cut short goes on where the world no longer ends."""
    short = edited(tmp_path, ("after: {turns: 14}", "after: {turns: 2}"))
    first = run(short, tmp_path / "first.jsonl")
    assert len(said(first)) == 2
    second, fit = again(first, world_of("hospital_visit", None), tmp_path / "second.jsonl")
    assert fit.misfits == {1: Misfit(1, 3, "patient", "asked")}
    assert second.trace == run(world_of("hospital_visit", None), tmp_path / "third.jsonl").trace


def test_each_episode_parts_by_itself(tmp_path: Path) -> None:
    """A morning of patients: those whom the edit does not reach go on with what was said."""
    world = world_of("hospital_visit", "day")
    first = run(world, tmp_path / "first.jsonl")
    place = tmp_path / "edited"
    shutil.copytree(WORLDS / "hospital_visit", place)
    text = (place / "lines.yaml").read_text(encoding="utf-8")
    assert "Great jump" in text
    (place / "lines.yaml").write_text(text.replace("Great jump", "Terrific leap"), encoding="utf-8")
    second, fit = again(first, load(place, variant="day"), tmp_path / "second.jsonl")
    reached = {t.episode for t in first.records.of(Turn) if "Great jump" in t.text}
    assert set(fit.misfits) == reached
    texts = [t.text.replace("Great jump", "Terrific leap") for t in first.records.of(Turn)]
    assert [t.text for t in second.records.of(Turn)] == texts


@pytest.mark.parametrize(
    ("words", "place", "speakers_now"),
    [("said", 0, ["ann", "bob"] * 3), ("other", 0, ["ann", "bob"] * 3), ("said", -1, ["bob", "ann"] * 3)],
)
def test_functions_of_the_rules_are_called_anew(
    words: str, place: int, speakers_now: Sequence[str], tmp_path: Path
) -> None:
    """For who speaks next and for what a role of theirs says, where they were changed."""
    first = run(made_of(RULES, CODE.replace("SAID", "said").replace("PLACE", "0")), tmp_path / "first.jsonl")
    world = made_of(RULES, CODE.replace("SAID", words).replace("PLACE", str(place)))
    second, _ = again(first, world, tmp_path / "second.jsonl")
    assert [speaker for speaker, _ in said(second)] == list(speakers_now)
    straight = run(world, tmp_path / "third.jsonl")
    assert said(second) == said(straight)


def test_code_of_agents_is_not_run(tmp_path: Path) -> None:
    """A world that runs such code is refused, and the message says how to play it."""
    world = world_of("chart_desk", None)
    with pytest.raises(DefinitionError, match="sim run chart_desk --allow-exec does"):
        run(world, tmp_path / "first.jsonl")
