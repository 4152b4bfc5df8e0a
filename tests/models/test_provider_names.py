"""Names as providers take them: allowed letters alone, never two the same, and read back as they were."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.models.provider_names import provider_name, world_name
from sim.world.fields import IDENTIFIER

IDS = st.from_regex(IDENTIFIER, fullmatch=True) | st.from_regex(r"x[nh]__\w{0,9}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("doctor", "doctor"),
        ("P1", "P1"),
        ("签证官", "xn__kbt355e3el"),
        ("签A", "xn__A_ho5c"),
        ("A签_b", "xn__A_b_p26h"),
        ("é", "xn__9ca"),
        ("xn__a", "xn__xn__a_"),
        ("a" * 64, "a" * 64),
    ],
)
def test_a_name_is_always_written_the_same(name: str, expected: str) -> None:
    """One that is allowed stays as it is; prompts, caches and exports rely on it."""
    assert provider_name(name) == expected
    assert world_name(expected) == name


@given(IDS)
def test_every_id_of_a_world_is_allowed_and_comes_back(name: str) -> None:
    """In the letters and the length that OpenAI allows."""
    coded = provider_name(name)
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", coded)
    assert world_name(coded, [name]) == name


@given(st.lists(IDS, min_size=2, max_size=2, unique=True))
def test_two_names_never_become_the_same(names: list[str]) -> None:
    """Whatever they begin with."""
    assert provider_name(names[0]) != provider_name(names[1])


def test_a_name_that_is_too_long_is_found_among_those_that_are_known() -> None:
    """And stays what it is where it is not."""
    name = "签" * 64
    coded = provider_name(name)
    assert len(coded) == 64
    assert world_name(coded, ["doctor", name]) == name
    assert world_name(coded) == coded


@pytest.mark.parametrize("given_name", ["xn__", "xn__!", "xn__签", "xn__zzzzzzzzzzzz9", "xn__a_", "doctor"])
def test_what_a_model_made_up_stays_as_it_is(given_name: str) -> None:
    """It stands for no name."""
    assert world_name(given_name) == given_name
