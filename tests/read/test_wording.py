"""How two prompts differ is said part by part, in lines cut to where the difference is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.read.wording import AROUND, MAX_LINES, WIDTH, PartChange, changes, excerpt

LINES = st.lists(st.text(alphabet="ab橙子 ", max_size=6), max_size=8).map("\n".join)


def test_parts_that_are_the_same_are_left_out() -> None:
    """The others come in the order of the new prompt, those that are gone last."""
    was = {"persona": "a", "heard": "b", "facts": "c", "summaries": "d"}
    now = {"persona": "a", "heard": "B", "actions": "e", "facts": "C"}
    assert [(c.part, c.recorded, c.now) for c in changes(was, now)] == [
        ("heard", "b", "B"),
        ("actions", None, "e"),
        ("facts", "c", "C"),
        ("summaries", "d", None),
    ]
    assert changes(was, was) == ()


def test_a_long_line_is_cut_to_where_it_differs() -> None:
    """With some characters around it; in Chinese as in English."""
    was, now = excerpt("甲" * 300 + "挂号费=15" + "乙" * 300, "甲" * 300 + "挂号费=18" + "乙" * 300)
    assert was == "…" + "甲" * (AROUND - 5) + "挂号费=15" + "乙" * AROUND + "…"
    assert now == "…" + "甲" * (AROUND - 5) + "挂号费=18" + "乙" * AROUND + "…"
    assert excerpt("fee 15", "fee 18") == ("fee 15", "fee 18")


def test_only_the_lines_that_differ_are_told() -> None:
    """What was said before and after is left out; what is gone comes before what is new."""
    change = PartChange("heard", "one\ntwo\nthree\nfour", "one\n2\nthree\nfour\nfive")
    assert change.lines == ("- two", "+ 2", "+ five")


def test_much_that_differs_is_cut_off() -> None:
    """It says how much more there is; a line has an end as well."""
    lines = PartChange("heard", "", "\n".join(map(str, range(50)))).lines
    assert (len(lines), lines[-1]) == (MAX_LINES + 1, f"… and {50 - MAX_LINES} more lines")
    assert len(PartChange("heard", None, "x" * 10_000).lines[0]) < WIDTH + 10


@given(LINES, LINES)
def test_there_is_something_to_read_where_and_only_where_lines_differ(old: str, new: str) -> None:
    """Each line says whether it is gone or new, and stands in its text but for what was cut."""
    lines = [line for line in PartChange("heard", old, new).lines if not line.startswith("… and ")]
    assert bool(lines) == (old.splitlines() != new.splitlines())
    for line in lines:
        assert line[:2] in {"- ", "+ "}
        assert line[2:] in (old if line[0] == "-" else new)
