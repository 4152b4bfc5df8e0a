"""How near misses are suggested, and the order in which problems are told."""

from __future__ import annotations

import pytest

from sim.errors import DefinitionError, Problem, closest, did_you_mean, half_width


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("出阶", ["出价", "还价", "谈妥"], "出价"),
        ("掌櫃", ["掌柜", "证人"], "掌柜"),
        ("谈妥了", ["谈妥", "字据"], "谈妥"),
        ("议价", ["出价", "还价"], None),
        ("公道", ["道公", "证人"], None),
        ("出", ["出价"], "出价"),
        ("P9", ["P1"], None),
        ("flaged", ["flagged", "bill"], "flagged"),
    ],
)
def test_a_name_that_is_near_is_suggested_and_no_other(name: str, known: list[str], meant: str | None) -> None:
    """Of two characters one may be wrong, unless two names are as near as each other."""
    assert closest(name, known) == meant


def test_names_that_are_named_last_are_shown_after_the_others() -> None:
    """So that they are what is cut off."""
    names = [f"n{n:02}" for n in range(11)]
    shown = ", ".join([*names, "all"])
    assert did_you_mean("zzz", ["all", "any", *names], last={"all", "any"}) == f"; known: {shown}, …"


def test_what_is_typed_full_width_is_read_as_plain() -> None:
    """Digits, letters, signs and the blank; other Chinese signs are no wide forms of ours."""
    assert half_width("５　Ａ＝｛、。") == "5 A={、。"


def test_problems_of_the_world_stand_before_those_that_follow_from_them() -> None:
    """A name that is misspelt in world.yaml is not known in lines.yaml."""
    given = [("w/lines.yaml", 1), ("w/world.yaml", 9), ("w/personas/a.yaml", 1), ("w/world.yaml", 2)]
    error = DefinitionError.of(Problem(file, line, 1, "x", "wrong") for file, line in given)
    assert [(p.file, p.line) for p in error.problems] == [
        ("w/world.yaml", 2),
        ("w/world.yaml", 9),
        ("w/lines.yaml", 1),
        ("w/personas/a.yaml", 1),
    ]
