"""A prompt as messages: what is left out where there is no room, and in what order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.messages import QUOTED, Heard, Prompt, TooLong
from sim.engine.room import Room
from sim.engine.tokens import USUAL

LINES = st.lists(st.text("ab c\n/中。", min_size=1, max_size=30), max_size=12)


def prompt(said: list[str], summaries: list[str], again: int = 0, schema: Any = None) -> Prompt:
    """A prompt with a history, after so many answers that were sent back."""
    heard = Heard((("From earlier:", tuple(summaries)), ("Said:", tuple(said))), "It is your turn.")
    messages = ({"role": "system", "content": "You are Ann."}, {"role": "user", "content": heard.text()})
    made = Prompt(messages, schema, heard)
    for number in range(again):
        made = made.also(f"answer {number} " * 9, f"reason {number}")
    return made


def least(again: int, schema: Any) -> Prompt:
    """What is left of a prompt at the least."""
    bare = prompt([], [], 0, schema)
    return bare.also("…", f"reason {again - 1}") if again else bare


def size(made: Prompt, vocabulary: str = USUAL) -> int:
    return Room(0, vocabulary).count(made.messages, made.schema)


@settings(max_examples=150)
@given(
    said=LINES,
    summaries=LINES,
    again=st.integers(0, 4),
    share=st.floats(0, 1.1),
    vocabulary=st.sampled_from([USUAL, "cl100k_base"]),
    schema=st.none() | st.just({"type": "object"}),
)
def test_what_is_cut_fits_and_keeps_what_must_stay(
    said: list[str], summaries: list[str], again: int, share: float, vocabulary: str, schema: Any
) -> None:
    """The character, the question, the schema, and the last reasons; or the prompt is too long."""
    whole = prompt(said, summaries, again, schema)
    room = Room(int(size(whole, vocabulary) * share), vocabulary)
    if room.tokens < size(least(again, schema), vocabulary):
        with pytest.raises(TooLong):
            whole.within(room)
        return
    cut = whole.within(room)
    assert room.count(cut.messages, cut.schema) <= room.tokens
    assert (cut.messages[0], cut.schema, cut.heard) == (whole.messages[0], whole.schema, whole.heard)
    assert cut.messages[1]["content"].endswith("It is your turn.")
    assert cut.messages[-1] == whole.messages[-1] or not again
    if room.tokens >= size(whole, vocabulary):
        assert cut is whole


@given(said=LINES, summaries=LINES, share=st.floats(0.2, 1))
def test_the_oldest_goes_first_and_no_more_than_must(said: list[str], summaries: list[str], share: float) -> None:
    """What was said before summaries; what stays is the end of each."""
    whole = prompt(said, summaries)
    room = Room(int(size(whole) * share))
    try:
        cut = whole.within(room)
    except TooLong:
        return
    kept = [whole.heard.text(n) if whole.heard else "" for n in range(len(said) + len(summaries) + 1)]
    dropped = kept.index(cut.messages[1]["content"])
    assert (
        cut.messages[1]["content"]
        == prompt(said[dropped:], summaries[max(0, dropped - len(said)) :]).messages[1]["content"]
    )
    if dropped:
        more = prompt(said[dropped - 1 :], summaries[max(0, dropped - 1 - len(said)) :])
        assert size(more) > room.tokens


def test_summaries_are_dropped_last() -> None:
    """All that was said goes before the first of them."""
    whole = prompt([f"word {n}" for n in range(9)], ["the first summary", "the second summary"])
    texts = []
    for tokens in range(size(whole), 0, -1):
        try:
            texts.append(whole.within(Room(tokens)).messages[1]["content"])
        except TooLong:
            break
    distinct = list(dict.fromkeys(texts))
    assert len(distinct) == 12
    assert "From earlier:\nthe first summary\nthe second summary\nIt is your turn." in distinct
    assert distinct[-2:] == ["From earlier:\nthe second summary\nIt is your turn.", "It is your turn."]
    for text in distinct[:9]:
        assert "word 8" in text
        assert "the first summary" in text


def test_answers_that_were_sent_back_go_after_the_history_and_the_last_stays() -> None:
    """Of the last at least the reasons; its words may become dots."""
    whole = prompt(["a line"], [], again=3)
    cuts = []
    for tokens in range(size(whole), 0, -1):
        try:
            cuts.append([m["content"] for m in whole.within(Room(tokens)).messages[1:]])
        except TooLong:
            break
    shapes = list(dict.fromkeys((c[0], *(m.split(" answer")[0] for m in c[1:])) for c in cuts))
    lengths = [len(shape) for shape in shapes]
    assert lengths == sorted(lengths, reverse=True)
    assert {c[0] for c in cuts} == {"Said:\na line\nIt is your turn.", "It is your turn."}
    assert cuts[-1] == ["It is your turn.", "…", "reason 2"]
    assert all(c[-1] == "reason 2" for c in cuts)


def test_without_a_limit_nothing_changes() -> None:
    """Not even an object is made."""
    whole = prompt(["a"], ["b"], again=2)
    assert whole.within(None) is whole


def test_what_is_too_long_says_what_it_needs() -> None:
    """And what it may have."""
    needs = size(prompt([], []))
    with pytest.raises(TooLong) as caught:
        prompt(["x"], []).within(Room(needs - 1))
    assert str(caught.value) == (
        f"the prompt needs {needs} tokens even without what was said before, and may have {needs - 1}"
    )


def test_a_prompt_without_history_can_be_cut_too() -> None:
    """One of a look-up or a repair, of its answers alone."""
    plain = Prompt(({"role": "user", "content": "Hello."},)).also("long " * 50, "why")
    assert plain.within(Room(size(plain))) is plain
    with pytest.raises(TooLong):
        plain.within(Room(5))


def test_without_what_was_said_summaries_stay() -> None:
    """They take room in every prompt."""
    assert prompt(["a", "b"], ["c"]).without_history().messages == prompt([], ["c"]).messages


def test_an_answer_that_is_sent_back_is_quoted_at_most_so_long() -> None:
    """And an empty one is dots; the schema stays."""
    made = prompt([], [], schema={"x": 1})
    again = made.then("y" * 5000, ["too long", "no act"], "en")
    assert (again.messages[2]["content"], again.schema) == ("y" * QUOTED, {"x": 1})
    assert "too long; no act" in again.messages[3]["content"]
    assert made.then("", ["nothing"], "zh").messages[2]["content"] == "…"
    assert made.found("a", ["b"], "en", {"y": 2}).schema == {"y": 2}


@given(st.lists(st.text(st.characters()), min_size=1, max_size=3), st.lists(st.text(st.characters()), max_size=3))
def test_different_messages_have_different_digests(these: list[str], those: list[str]) -> None:
    """Whatever is in them."""

    def made(texts: list[str]) -> Prompt:
        return Prompt(tuple({"role": "user", "content": text} for text in texts))

    assert (made(these).digest == made(those).digest) == (these == those)
    assert len(made(these).digest) == 32
