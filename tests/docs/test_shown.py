"""What is shown of an output: it matches, or it is renewed."""

import pytest

from docs.tool.shown import matches, renewed

PRINTED = "a: 1\nb: 2\n\nc: 3\nd: 4\ne: 5\n"


@pytest.mark.parametrize(
    "shown",
    [PRINTED, "…\nc: 3\n…\n", "a: 1\n…\n", "…\ne: 5\n", "a: 1\n…\nd: 4\n…\n", "…\nb: …\n\nc: 3\n…\n", "…\n"],
)
def test_all_of_an_output_matches_and_so_do_parts_of_it_in_their_order(shown: str) -> None:
    """A line ``…`` is any lines, a ``…`` within one any words."""
    assert matches(shown, PRINTED)
    assert renewed(shown, PRINTED) == shown


@pytest.mark.parametrize(
    "shown",
    ["a: 1\n", "…\nc: 3\n", "c: 3\n…\n", "…\nd: 4\n…\nb: 2\n…\n", "…\nb: 2\nc: 3\n…\n", "…\nc: 4\n…\n", "\n"],
)
def test_what_is_not_printed_or_stands_elsewhere_does_not_match(shown: str) -> None:
    """Without ``…`` nothing may be left out, not even an empty line."""
    assert not matches(shown, PRINTED)


def test_an_output_that_changed_is_shown_anew_with_the_same_parts_left_out() -> None:
    """Between the lines that the parts began and ended with, all is taken."""
    old = "…\nthe queue: 3.6 minutes\nthe till: 0.1 minutes\n…\ntotal: 24\n"
    new = "a head\nthe queue: 4.1 minutes\nthe desk: 2.0 minutes\nthe till: 0.1 minutes\n—\ntotal: 25\nmore\n"
    assert renewed(old, new) == (
        "…\nthe queue: 4.1 minutes\nthe desk: 2.0 minutes\nthe till: 0.1 minutes\n…\ntotal: 25\nmore\n"
    )


def test_a_part_that_nothing_is_like_any_more_is_an_error() -> None:
    """Which part to show instead is for the author to say."""
    with pytest.raises(ValueError, match=r"^nothing is printed that is like 'zzz zzz'; show it anew$"):
        renewed("…\nzzz zzz\n…\n", PRINTED)
