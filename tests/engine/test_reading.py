"""Reading objects: a corpus of answers as weak models write them, and what holds for all."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.engine import loose, reading
from sim.engine.reading import Objects, find_object, without_thoughts

CORPUS = Path(__file__).parent / "corpus"
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['about']}")
    for path in sorted(CORPUS.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)


@pytest.mark.parametrize("case", CASES)
def test_an_answer_of_the_corpus_is_read_or_sent_back_as_it_says(case: dict[str, Any]) -> None:
    """Read where there is one meaning; otherwise the reason is one that a small model understands."""
    language = "zh" if is_chinese(case["raw"]) else "en"
    found, around, fault = find_object(case["raw"], language)
    if "sent_back" in case:
        assert found is None
        assert case["sent_back"] in (fault or "")
    elif "words" in case:
        assert (found, around, fault) == (None, case["raw"], None)
    else:
        assert fault is None
        assert json.dumps(found, sort_keys=True) == json.dumps(case["reads"], sort_keys=True)
        assert around == case.get("around", "")


keys = st.text(max_size=8).filter(lambda key: reading.plain_key(key) == key)
numbers = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
objects = st.dictionaries(keys, values, max_size=4)


def loosely(text: str) -> object:
    """An object as it is read where strict JSON is not tried."""
    return json.loads(loose.Rewriter(text).rewrite(0).json)


@given(objects, st.booleans(), st.sampled_from([None, 1]))
def test_any_object_is_read_as_itself_though_strict_json_is_not_tried(
    value: dict[str, Any], is_ascii: bool, indent: int | None
) -> None:
    """Reading loosely changes nothing that is strict."""
    assert loosely(json.dumps(value, ensure_ascii=is_ascii, indent=indent)) == value


def in_chinese(value: dict[str, Any]) -> str:
    """An object as JSON with Chinese marks and full-width digits wherever it is not within a text."""
    marks = str.maketrans("{}[]:,0123456789-+.e", "｛｝［］：，０１２３４５６７８９－＋．ｅ")
    pieces = re.split(r'("(?:\\.|[^"\\])*")', json.dumps(value, ensure_ascii=False))
    return "".join(f"“{p[1:-1]}”" if p.startswith('"') else p.translate(marks) for p in pieces)


@given(objects.filter(lambda value: not set(str(value)) & set("“”")))
def test_any_object_is_read_as_itself_with_chinese_marks(value: dict[str, Any]) -> None:
    """Whatever is within its texts."""
    assert find_object(in_chinese(value), "zh") == (value, "", None)


@given(objects.filter(bool), objects.filter(bool), st.sampled_from([json.dumps, repr, in_chinese]), st.booleans())
def test_of_two_different_objects_none_is_read(
    one: dict[str, Any], other: dict[str, Any], write: Callable[[Any], str], is_turned: bool
) -> None:
    """However the second is written, and whichever comes first; the same one twice is read."""
    pair = [json.dumps(one), write(other)]
    found, _, fault = find_object(" or ".join(pair[::-1] if is_turned else pair), "en")
    if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        assert (found, fault is None) == (None, False)
    assert find_object(f"{pair[0]} {pair[0]}", "en") == (one, "", None)


@given(objects, st.text(alphabet=st.characters(exclude_characters="{}｛｝`")))
def test_strict_json_is_read_with_any_words_around_it(value: dict[str, Any], words: str) -> None:
    """The words are kept."""
    found, around, fault = find_object(f'{words}{json.dumps(value)}{words} ""', "en")
    assert (found, fault) == (value, None)
    assert around.startswith(words.strip()[:1])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{'a': " * 16_000, "nested too deeply"),
        ('{"a": ' * 16_000, "nested too deeply"),
        ('{"a": ' + "[" * 900 + "]" * 900 + "}", "nested too deeply"),
        ("{'a': " + "[" * 900 + "]" * 900 + "}", "nested too deeply"),
        ("{'a': [" + "x," * 49_000 + "]}", "too long"),
        ('{"a": "b' + '" c' * 33_000 + '"}', "too long"),
        ("{“a”: " + "“" * 99_000, "too long"),
        ('{"a": 1' + "," * 99_000 + "}", "too long"),
        ('{"a": ' + "1" * 99_000 + "}", "it cannot be understood"),
        ("{a: " + "\ufdfa" * 99_000 + "}", "it cannot be understood"),
        ('{"a": 1}' + '{"a": "b" c' * 9_000, "more than one object"),
        ('{"a": 1}' * 12_000, "more than one object"),
        ('{"a": 1}' + "{}" * 49_000, "more than one object"),
    ],
)
def test_what_is_looked_at_has_a_bound(monkeypatch: pytest.MonkeyPatch, text: str, fault: str) -> None:
    """However hostile a hundred thousand characters are."""
    made: list[Objects] = []

    def objects_of(given_: str) -> Objects:
        made.append(Objects(given_))
        return made[0]

    monkeypatch.setattr(reading, "Objects", objects_of)
    assert fault in (find_object(text, "en")[2] or "")
    assert made[0].tried <= reading.MAX_OBJECTS + 1
    assert made[0].rewriter.steps <= loose.MAX_STEPS + 1


def test_a_long_answer_that_is_strict_is_read() -> None:
    """The bound is on what is not."""
    value = {"items": ["x"] * 30_000}
    assert find_object(json.dumps(value), "en") == (value, "", None)


def test_a_thought_is_not_part_of_the_answer() -> None:
    """Only one that stands before it."""
    assert without_thoughts("<think>{}\n</think>Hi <think>") == "Hi <think>"


def test_a_reason_has_no_halves_of_characters() -> None:
    """No file could hold it."""
    assert find_object('{"say": \ud800}', "en")[2] == "it cannot be understood from '?}' on"
