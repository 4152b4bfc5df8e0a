"""Populations: who is in them, what they bring along, and what is wrong with one, at its line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.world.library import check, load, revive
from sim.world.people import cast_as, in_episode
from sim.world.world import World
from tests.building import write_world

WORLD = """\
world: desk
languages: [en, zh]
roles: {guest: {population: folk}, clerk: ann}
facts:
  wish: {choice: [tea, soup]}
  age_group: {number: years, whole: true, from: 0, to: 150}
  poor: {flag: false}
  left: {number: cups, shared: true}
  mood: {of: clerk, flag: true}
derived: {rich: not poor}
states:
  hall: {speakers: [guest, clerk], go: [{to: over, after: {turns: 2}}]}
start: hall
ends: [over]
"""
FOLK = """\
population: folk
about: Who comes.
people:
  old: {name: {en: Olga, zh: 奥}, age: 80, facts: {wish: tea, age_group: 80}}
  young: {name: {en: Yuri, zh: 尤}, facts: {wish: soup, poor: true}}
"""


def made(world: str = WORLD, folk: str = FOLK) -> Path:
    folder = Path(tempfile.mkdtemp())
    write_world(folder, world)
    (folder / "personas" / "folk.yaml").write_text(folk, encoding="utf-8")
    return folder


def said(folder: Path) -> list[str]:
    """All problems: ``FILE:LINE: message``."""
    return sorted(f"{Path(p.file).name}:{p.line}: {p.message}" for p in check(folder)[0])


def whom(world: World, which: int) -> tuple[str, dict[str, object]]:
    there, drawn, facts = in_episode(world, lambda agent, of: which)
    assert list(drawn) == ["guest"]
    return there.agent_name("guest", "en"), dict(facts)


def test_each_episode_has_one_of_a_population_with_what_it_brings() -> None:
    """A name, and facts of the kinds that the world gives them."""
    world = load(made())
    assert [p.persona for p in world.pools["guest"]] == ["folk_old", "folk_young"]
    assert whom(world, 0) == ("Olga", {"wish": "tea", "age_group": 80})
    assert whom(world, 1) == ("Yuri", {"wish": "soup", "poor": True})
    there, _, _ = in_episode(world, lambda agent, of: 1)
    assert (there.agent_name("clerk", "en"), there.word("guest", "zh")) == ("Ann", "尤")


def test_a_world_without_populations_is_the_same_in_each_episode() -> None:
    """Nothing is drawn for it."""
    world = load(made(WORLD.replace("{population: folk}", "bob")))
    assert in_episode(world, lambda agent, of: 0) == (world, {}, {})


def test_a_population_and_single_personas_may_be_drawn_from_together() -> None:
    """In the order of the list; a persona alone brings no facts."""
    world = load(made(WORLD.replace("population: folk", "population: [bob, folk, cai]")))
    assert [p.persona for p in world.pools["guest"]] == ["bob", "folk_old", "folk_young", "cai"]
    assert whom(world, 3) == ("Cai", {})


def test_a_world_of_a_log_has_its_population_again() -> None:
    """To the digest; and who was drawn before is cast again by name."""
    world = load(made())
    again = revive(world.resolved)
    assert (again.digest, again.pools) == (world.digest, world.pools)
    assert cast_as(again, {"guest": "folk_young"}).agent_name("guest", "en") == "Yuri"


def test_outside_an_episode_who_is_drawn_is_called_by_the_role() -> None:
    """By its label, if it has one; others by their names."""
    world = load(made())
    assert (world.part_name("guest", "en"), world.part_name("clerk", "en")) == ("guest", "Ann")
    labelled = load(made(WORLD.replace("population: folk", "population: folk, label: the guest")))
    assert labelled.part_name("guest", "zh") == "the guest"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("age: 80", "age: 200", "folk.yaml:4: people.old.age: must be at most 150"),
        (
            "{en: Olga, zh: 奥}",
            "[Olga]",
            "folk.yaml:4: people.old.name: must be text, or one text for each language",
        ),
        ("name: {en: Yuri, zh: 尤}", "sex: male", "folk.yaml:5: people.young: lacks the key 'name'"),
        ("wish: soup", "wish: cake", "folk.yaml:5: people.young.facts.wish: must be one of: tea, soup"),
        (
            "age_group: 80",
            "age_group: 8.5",
            "folk.yaml:4: people.old.facts.age_group: must be a whole number from 0 to 150",
        ),
        (
            "age_group: 80",
            "age_group: 151",
            "folk.yaml:4: people.old.facts.age_group: must be a number from 0 to 150",
        ),
        (
            "poor: true",
            "pore: true",
            "folk.yaml:5: people.young.facts.pore: 'pore' is no fact of an episode; did you mean 'poor'? "
            "known: age_group, poor, wish",
        ),
        (
            "poor: true",
            "left: 3",
            "folk.yaml:5: people.young.facts.left: 'left' is no fact of an episode; known: age_group, poor, wish",
        ),
        (
            "poor: true",
            "rich: true",
            "folk.yaml:5: people.young.facts.rich: 'rich' is no fact of an episode; known: age_group, poor, wish",
        ),
        (
            "poor: true",
            "mood: true",
            "folk.yaml:5: people.young.facts.mood: 'mood' is no fact of an episode; known: age_group, poor, wish",
        ),
        (
            "en: Yuri",
            "en: Ann",
            "folk.yaml:5: people.young.name: 'Ann' may play 'guest', but is also what 'clerk' is called",
        ),
        (
            "zh: 奥",
            "zh: 张三",
            "folk.yaml:4: people.old.name: '张三' may play 'guest', but is also what 'clerk' is called",
        ),
        (
            "age: 80",
            "persona: olga",
            "folk.yaml:4: people.old.persona: a person of a population has no id but its key, 'old'",
        ),
        ("population: folk", "population: folks", "folk.yaml:1: population: 'folks' is not the file's name"),
        ("  young: {", "  old: {", "folk.yaml:5: 'old' stands twice in the same place (first on line 4)"),
        ("  young: {", "  the young: {", None),
    ],
)
def test_what_is_wrong_with_one_of_a_population_is_told_at_its_line(
    old: str, new: str, message: str | None
) -> None:
    """With the file and the key path."""
    assert FOLK.count(old) == 1
    wanted = message or (
        "folk.yaml:5: people.the young: 'the young' is no name: letters, digits and _, not starting with a digit"
    )
    assert said(made(folk=FOLK.replace(old, new))) == [wanted]


def test_a_population_without_people_is_none() -> None:
    """It is told where the file is, and the world is not played."""
    folder = made(folk="population: folk\npeople: {}\n")
    assert said(folder)[0] == "folk.yaml:2: people: must not be empty"
    with pytest.raises(DefinitionError):
        load(folder)


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("{population: flock}", "roles.guest: unknown persona 'flock'; did you mean 'folk'?"),
        ("folk", None),
        ("{count: 2, personas: [folk, bob]}", None),
        ("{population: folk, count: 2}", "roles.guest: one agent is drawn from a population; a count has personas"),
        (
            "{population: folk, persona: bob}",
            "roles.guest: needs a persona, the personas of its agents, or a population",
        ),
        ("{population: []}", "roles.guest: needs a persona, the personas of its agents, or a population"),
    ],
)
def test_a_role_names_a_population_as_one(role: str, message: str | None) -> None:
    """And has no other persona then."""
    found = said(made(WORLD.replace("{population: folk}", role)))
    wanted = message or "roles.guest: 'folk' is a population; write {population: NAME}"
    assert any(problem.startswith(f"world.yaml:3: {wanted}") for problem in found)


def test_two_roles_cannot_draw_the_same_person() -> None:
    """They might be one in an episode, and an answer would not say whom it means."""
    found = said(made(WORLD.replace("clerk: ann", "clerk: {population: folk}").replace("of: clerk", "of: guest")))
    assert len(found) == 4
    assert "folk.yaml:4: people.old.name: 'Olga' may play 'clerk', but is also what 'guest' is called" in found
