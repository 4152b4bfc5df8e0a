"""Whether the fixed part of every prompt fits: told before the first call, and not otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import DefinitionError
from sim.models.model import Reply, Request
from sim.models.several import FirstOf
from sim.stage.fitting import check_room
from sim.stage.run import settings_for
from sim.world.world import World
from tests.building import Player, words, world_of


class Windowed(Player):
    """A model with a context window."""

    is_remote = True

    def __init__(self, window: int, vocabulary: str | None = "o200k_base", name: str = "small") -> None:
        super().__init__(words)
        self.name = name
        told = {"name": name, "window": window}
        self.description: Mapping[str, Any] = told | ({"vocabulary": vocabulary} if vocabulary else {})

    def answer(self, request: Request) -> Reply:
        raise AssertionError("asked")


def world(**more: Any) -> World:
    """A short state, and one with a long order for Bob."""
    return world_of(
        {
            "world": "fitting",
            "roles": {"ann": "ann", "bob": "bob"},
            "states": {
                "short": {"speakers": ["ann", "bob"], "go": [{"to": "long", "after": {"turns": 2}}]},
                "long": {
                    "speakers": ["ann", "bob"],
                    "tell": {"bob": "Remember this. " * 90, "ann": "Listen."},
                    "go": [{"to": "over", "after": {"turns": 2}}],
                },
            },
            "start": "short",
            "ends": ["over"],
            "limits": {"utterance": 100},
            **more,
        }
    )


def refused(made: World, model: Any) -> str:
    """What is said of a model that is too small."""
    with pytest.raises(DefinitionError) as caught:
        check_room(made, settings_for(made), dict.fromkeys(made.agents, model))
    return str(caught.value)


def test_a_window_that_is_too_short_is_refused_before_any_call(tmp_path: Path) -> None:
    """The message names who, where, which model, and what to do."""
    with pytest.raises(DefinitionError) as caught:
        sim.run(world(), models=Windowed(500), out=tmp_path / "log.jsonl")
    message = str(caught.value)
    assert message.startswith("fitting: what bob is told in 'long' is too long for 'small': the prompt needs ")
    assert message.endswith(
        "and may have 200; a longer window (or context.prompt), shorter answers (limits.utterance) or "
        "shorter texts would do"
    )
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.parametrize("window", [256, 300, 301])
def test_a_window_shorter_than_an_answer_is_refused(window: int) -> None:
    """Nothing at all would fit."""
    assert "what ann is told in 'short' is too long" in refused(world(), Windowed(window))


def test_a_window_that_is_just_long_enough_is_taken() -> None:
    """One token less is not; where the vocabulary is not known, a quarter more is needed."""
    made = world()
    needs = int(refused(made, Windowed(500)).split("needs ")[1].split(" ")[0])
    for vocabulary, window in (("o200k_base", needs + 300), (None, -(-needs * 5 // 4) + 300)):
        check_room(made, settings_for(made), dict.fromkeys(made.agents, Windowed(window, vocabulary)))
        refused(made, Windowed(window - 2, vocabulary))


def test_only_those_who_speak_there_are_looked_at() -> None:
    """Ann's prompts are short; a model without a window takes all."""
    made = world()
    check_room(made, settings_for(made), {"ann": Windowed(500), "bob": Player(words)})


def test_of_several_models_the_shortest_window_counts() -> None:
    """Any of them may be asked."""
    model = FirstOf([Windowed(9000, name="large"), Windowed(500)])
    assert "is too long for 'large,small'" in refused(world(), model)


def test_what_a_world_allows_counts_as_a_window_does() -> None:
    """Whoever answers."""
    assert "may have 100;" in refused(world(context={"prompt": 100}), Player(words))


def test_all_bundled_worlds_fit_a_window_of_eight_thousand() -> None:
    """In both languages, with a model whose vocabulary is not known."""
    for folder in sorted((Path(__file__).parents[2] / "worlds").iterdir()):
        made = sim.load(folder)
        for language in made.spec.languages:
            models = dict.fromkeys((*made.agents, "selector"), Windowed(8192, None))
            check_room(made, settings_for(made, language=language), models)
