"""Where worlds and personas are looked for, and by what they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import DefinitionError
from sim.world.folders import find_world, list_personas, list_worlds, variants_of
from sim.world.library import load

BUNDLED = sorted(p.parent.name for p in (Path(__file__).parents[2] / "worlds").glob("*/world.yaml"))
KNOWN = ", ".join(BUNDLED)

WORLD = """\
world: shop
roles: {buyer: chengzi, seller: cashier}
states: {counter: {speakers: [buyer, seller], go: [sold]}}
start: counter
ends: [sold]
variants: {rush: {limits: {turns: 3}}, calm: {limits: {turns: 9}}}
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, as a user's first command does."""
    monkeypatch.chdir(tmp_path)


def write(name: str) -> Path:
    """Put a world into ./worlds."""
    path = Path("worlds") / name / "world.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(WORLD.replace("shop", name), encoding="utf-8")
    return path


def test_a_world_is_found_by_name_by_folder_and_by_file() -> None:
    """All three ways lead to the same file."""
    path = write("shop").resolve()
    ways = ["shop", path.parent, str(path.parent), path, str(path), Path("worlds/shop")]
    assert {path} == {find_world(way).resolve() for way in ways}


def test_the_bundled_world_is_found_from_an_empty_folder() -> None:
    """With its persona files, and nothing copied first."""
    assert list(list_worlds()) == BUNDLED
    assert "hospital_visit" in BUNDLED
    assert {"chengzi", "cashier", "nurse_lin"} <= set(list_personas())


def test_the_users_own_world_hides_the_bundled_one() -> None:
    """By name the one in ./worlds is taken, and both names are listed once."""
    write("shop")
    assert load("hospital_visit").agents[:2] == ("patient", "registrar")
    write("hospital_visit")
    assert load("hospital_visit").agents == ("buyer", "seller")
    assert list(list_worlds()) == sorted([*BUNDLED, "shop"])


def test_the_users_own_persona_hides_the_bundled_one() -> None:
    """A cast is changed by a file in ./personas, or one next to the world, which goes before both."""
    path = write("shop")
    assert load(path).agent_name("seller", "en") == "Cashier"
    for folder, name in ((Path("personas"), "Mine"), (path.parent / "personas", "Of the world")):
        folder.mkdir()
        (folder / "cashier.yaml").write_text(f"persona: cashier\nname: {name}\n", encoding="utf-8")
        assert name == load(path).agent_name("seller", "en")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hospital", f"no world 'hospital'; did you mean 'hospital_visit'? known: {KNOWN}"),
        ("zzz", f"no world 'zzz'; known: {KNOWN}"),
        ("../zzz", f"no world '../zzz'; known: {KNOWN}"),
        ("", f"no world ''; known: {KNOWN}"),
    ],
)
def test_an_unknown_world_is_named_with_the_one_that_was_meant(name: str, message: str) -> None:
    """And with those there are."""
    with pytest.raises(DefinitionError) as error:
        find_world(name)
    assert message == str(error.value)


def test_variants_are_listed_in_the_order_of_the_file() -> None:
    """Those of the named world alone."""
    assert variants_of(write("shop")) == ("rush", "calm")
    assert variants_of("hospital_visit") == ("day", "two_doctors", "day_triage", "triage")


@pytest.mark.parametrize("text", ["", "- a\n", "variants: 3\n", "variants: [a]\n", "a: [\n"])
def test_a_file_without_variants_has_none(text: str) -> None:
    """Whatever else may be wrong with it is told when it is loaded."""
    path = write("shop")
    path.write_text(text, encoding="utf-8")
    assert variants_of(path) == ()
