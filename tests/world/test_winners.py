"""Who has won by an end: a condition on each agent, checked when the world is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.world.library import check, load, revive
from tests.building import world_of

TEXT = """\
world: duel
roles: {P: {count: 2, personas: [ann, bob]}}
facts: {strong: {of: P, flag: true}}
states: {hall: {speakers: P, go: [over]}}
start: hall
ends: {over: {kind: success, won_by: "CONDITION"}, draw: neutral}
"""


def test_winners_are_those_for_whom_the_condition_of_an_end_holds() -> None:
    """An end without one has none; a world that is made again from a log has them too."""
    world = world_of(TEXT.replace("CONDITION", "strong[me] and me != P2"))
    assert set(world.won_by) == {"over"}
    for made in (world, revive(world.resolved)):
        scope = {"strong": {"P1": True, "P2": True}}
        assert [made.won_by["over"].holds({**scope, "me": agent}) for agent in made.agents] == [True, False]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("strnog[me]", "ends.over.won_by: unknown name 'strnog' in 'strnog[me]'; did you mean 'strong'?"),
        ("me", "ends.over.won_by: 'me' is a word, but true or false is needed"),
    ],
)
def test_a_condition_that_cannot_be_one_is_told_with_its_place(condition: str, told: str) -> None:
    """When the world is loaded."""
    with pytest.raises(DefinitionError) as caught:
        world_of(TEXT.replace("CONDITION", condition))
    assert told in str(caught.value)


def test_a_fact_that_only_says_who_has_won_is_of_use(tmp_path: Path) -> None:
    """It is read, so no check warns of it."""
    text = TEXT.replace("flag: true", "flag: true, known_to: nobody")
    (tmp_path / "world.yaml").write_text(text.replace("ann, bob", "chengzi, cashier"), encoding="utf-8")

    def told(condition: str) -> list[str]:
        world = (tmp_path / "world.yaml").read_text(encoding="utf-8").replace("CONDITION", condition)
        (tmp_path / condition).mkdir()
        (tmp_path / condition / "world.yaml").write_text(world, encoding="utf-8")
        return [p.message for p in check(tmp_path / condition)[0] if "strong" in p.message]

    assert told("strong[me]") == []
    assert len(told("me == P1")) == 1


@pytest.mark.parametrize("variant", [None, "twelve"])
def test_both_sides_of_werewolf_have_an_end_of_their_own(variant: str | None) -> None:
    """In every variant."""
    assert set(load("werewolf", variant=variant).won_by) == {"village_wins", "wolves_win"}
