"""Our evaluation of expressions against the library's: the same values, wherever a world reads one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_engine import DataType

import sim
from sim.world.expressions import Compiled
from sim.world.rows import Each
from sim.world.vocabulary import ExpressionError, Vocabulary

WORLDS = Path(__file__).resolve().parent.parent.parent / "worlds"
VOCABULARY = Vocabulary(
    {
        "n": DataType.FLOAT,
        "m": DataType.FLOAT,
        "yes": DataType.BOOLEAN,
        "word": DataType.STRING,
        "some": DataType.ARRAY(DataType.STRING),
        "of": DataType.MAPPING(DataType.STRING, DataType.FLOAT),
    },
    words=frozenset({"a", "b", "c"}),
)
TWO_LOOPS = "sum([of[x] * sum([of[y] + n for y in some if y != x]) for x in some])"
NUMBERS = st.sampled_from(
    ["n", "m", "1", "2.5", "some.length", "of[word]", "sum([of[x] for x in some])", TWO_LOOPS]
)
WORDS = st.sampled_from(["word", "a", "'b'", "some[0]", "null"])
LISTS = st.sampled_from(["some", "[a, b]", "[x for x in some if x != word]", "[x for x in of if of[x] > n]"])


def both(kind: str, left: str, right: str) -> str:
    return f"({left} {kind} {right})"


ARITHMETIC = st.builds(both, st.sampled_from(["+", "-", "*", "/", "//", "%"]), NUMBERS, NUMBERS)
CONDITIONS = st.one_of(
    st.builds(both, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS | ARITHMETIC, NUMBERS),
    st.builds(both, st.sampled_from(["==", "!="]), WORDS, WORDS),
    st.builds(both, st.just("in"), WORDS.filter(lambda w: w != "null"), LISTS),
    st.builds("{}.is_empty".format, LISTS),
    st.just("yes"),
)
EXPRESSIONS = st.one_of(
    ARITHMETIC,
    st.recursive(
        CONDITIONS,
        lambda inner: (
            st.builds(both, st.sampled_from(["and", "or"]), inner, inner)
            | st.builds("(not {})".format, inner)
            | st.builds("any([{}, yes])".format, inner)
        ),
        max_leaves=4,
    ),
    st.builds("({} ? {} : {})".format, CONDITIONS, NUMBERS, NUMBERS),
    LISTS,
)
VALUES = st.fixed_dictionaries(
    {
        "n": st.integers(-3, 3).map(Decimal) | st.sampled_from([Decimal("1.5"), Decimal("0.25")]),
        "m": st.sampled_from([Decimal(0), Decimal(2)]),
        "yes": st.booleans(),
        "word": st.sampled_from(["a", "b", "c", None]),
        "some": st.lists(st.sampled_from(["a", "b"]), max_size=3).map(tuple),
        "of": st.just(Each({"a": Decimal(1), "b": Decimal(2)})),
    }
)


def outcome(compute: Any, values: dict[str, Any]) -> object:
    try:
        value = compute(values)
    except Exception:  # noqa: BLE001 - an error of either is as good as the other
        return "an error"
    return type(value), value


@given(EXPRESSIONS, VALUES)
def test_an_expression_gives_what_the_library_gives(text: str, values: dict[str, Any]) -> None:
    """The same value, or an error in both."""
    try:
        compiled = Compiled(text, VOCABULARY)
    except ExpressionError:
        return
    assert outcome(compiled, values) == outcome(compiled.by_library, values), text


@pytest.mark.parametrize(("depth", "is_ours"), [(60, True), (61, True), (250, False), (251, False)])
def test_what_is_nested_deeper_than_python_compiles_is_left_to_the_library(depth: int, is_ours: bool) -> None:
    """With the same value."""
    compiled = Compiled("(not " * depth + "yes" + ")" * depth, VOCABULARY)
    assert (compiled._evaluate is not None) is is_ours
    assert compiled({"yes": True}) is (depth % 2 == 0)


def test_what_is_nested_deeper_than_the_library_parses_is_refused_in_words() -> None:
    """No traceback."""
    with pytest.raises(ExpressionError, match="nested too deeply"):
        Compiled("(not " * 2000 + "yes" + ")" * 2000, VOCABULARY)


@pytest.mark.parametrize("name", sorted(p.parent.name for p in WORLDS.glob("*/world.yaml")))
def test_every_expression_of_a_bundled_world_is_evaluated_by_us(name: str) -> None:
    """None is left to the slower library."""
    world = sim.load(WORLDS / name)
    found = [t.when for s in world.states.values() for t in s.go]
    found += [a.when for a in world.actions.values()] + [n.that for a in world.actions.values() for n in a.needs]
    found += [e.value for a in world.actions.values() for e in a.sets]
    found += [*world.never.values(), *(g.where for g in world.groups.values())]
    found += [f.compute for f in world.facts.values() if f.compute is not None]
    assert [c.text for c in found if c._evaluate is None] == []
