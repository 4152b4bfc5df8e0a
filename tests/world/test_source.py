"""Reading YAML: plain, bounded, with the place of everything; and laying a patch over what was read."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.source import MAX_BYTES, MAX_DEPTH, Source, merge, read_yaml


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Read text (or bytes) as the file ``a.yaml``."""

    def read_text(text: str | bytes) -> Source:
        path = tmp_path / "a.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, "a.yaml")

    return read_text


def said(source: Source) -> list[str]:
    """The problems as they are printed."""
    return [str(p) for p in source.problems]


WORDS = "on off yes no On YES True TRUE False y n Null NULL 08:00 1:30 2020-01-01 1e3 1_000 0x1f 007 .inf .nan = <<"


@pytest.mark.parametrize("word", WORDS.split())
def test_words_that_yaml_1_1_takes_for_something_else_stay_text(read: Any, word: str) -> None:
    """Switches, times, dates and odd numbers are the words that stand in the file."""
    assert {"a": word} == read(f"a: {word}\n").value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-1", -1),
        ("+7", 7),
        ("28.5", 28.5),
        ("-.5", -0.5),
        ("'12'", "12"),
        ('"true"', "true"),
        ("骨科", "骨科"),
    ],
)
def test_only_true_false_null_and_numbers_are_not_text(read: Any, written: str, value: object) -> None:
    """Each plain value has its own type, and quotes make text of anything."""
    got = read(f"a: {written}\n").value["a"]
    assert (type(value), value) == (type(got), got)


def test_keys_are_text_whatever_they_look_like(read: Any) -> None:
    """A number or a truth value as a key is the word that stands there."""
    assert read("1: a\ntrue: b\non: c\n").value == {"1": "a", "true": "b", "on": "c"}


def test_a_file_with_a_byte_order_mark_reads_like_one_without(read: Any) -> None:
    """Editors on Windows write a mark in front, which is no part of the first key."""
    assert read(b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


def test_an_empty_file_is_nothing_and_no_problem(read: Any) -> None:
    """Whether a file may be empty is for its reader to say."""
    source = read("# only a comment\n")
    assert (source.value, source.problems) == (None, [])


def test_a_duplicate_key_is_refused_with_both_lines(read: Any) -> None:
    """The second place is that of the problem, the first is named."""
    source = read("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert said(source) == ["a.yaml:5:3: 'c' stands twice in the same place (first on line 3)"]


def test_all_duplicate_keys_are_reported_at_once(read: Any) -> None:
    """One is not hidden by another."""
    assert [p.line for p in read("a: 1\nb: 2\na: 3\nb: 4\n").problems] == [3, 4]


@pytest.mark.parametrize(
    ("text", "place"), [("a: &x 1\nb: *x\n", (1, 4)), ("a: 1\nb: *x\n", (2, 4)), ("a: &x [1]\n", (1, 4))]
)
def test_anchors_and_aliases_are_refused(read: Any, text: str, place: tuple[int, int]) -> None:
    """Neither an anchor nor an alias is used, even where it would do no harm."""
    source = read(text)
    assert [(*place, "anchors and aliases (& and *) are not used in these files")] == [
        (p.line, p.column, p.message) for p in source.problems
    ]


def test_an_alias_bomb_is_refused_at_once(read: Any) -> None:
    """Thirty doublings of a list would be a billion items; not one is made."""
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 31)]
    before = time.perf_counter()
    source = read("\n".join(lines))
    assert time.perf_counter() - before < 2
    assert (source.value, [p.code for p in source.problems]) == (None, ["alias"])


@pytest.mark.parametrize(
    "text",
    [
        "a: !foo 1\n",
        "a: !foo {b: 1}\n",
        "a: !foo [1]\n",
        "a: !!binary aGk=\n",
        "a: !!set {x, y}\n",
        'a: !!python/object/apply:os.system ["true"]\n',
        "a: !!bool yes\n",
        'a: !!int "5x"\n',
        "a: !!float abc\n",
        "a: !!int 0b1\n",
        "!foo a: 1\n",
    ],
)
def test_tags_are_refused(read: Any, text: str) -> None:
    """A tag on a word, a list or a mapping is a problem: it neither acts, nor is passed over, nor crashes."""
    assert [p.code for p in read(text).problems] == ["tag"]


def test_the_deepest_nesting_that_is_allowed_is_read(read: Any) -> None:
    """The limit itself is within the limit."""
    source = read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert source.problems == []


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
@pytest.mark.parametrize("times", [MAX_DEPTH + 1, 90_000])
def test_what_is_nested_too_deeply_is_refused_at_once(read: Any, opening: str, times: int) -> None:
    """However deep it goes, the reader stops at the limit."""
    before = time.perf_counter()
    source = read(opening * times + {"[": "]", "{a: ": "}", "- ": "x"}[opening] * min(times, MAX_DEPTH + 1))
    assert time.perf_counter() - before < 2
    assert [f"nested deeper than {MAX_DEPTH} levels"] == [p.message for p in source.problems]


def test_a_file_of_50_megabytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at before the contents."""
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    before = time.perf_counter()
    source = read_yaml(path, "big.yaml")
    assert time.perf_counter() - before < 2
    assert said(source) == ["big.yaml:1:1: the file is larger than 400,000 bytes"]


def test_the_largest_file_that_is_allowed_is_read(read: Any) -> None:
    """The limit itself is within the limit, and one byte more is not."""
    longest = "a: 1 #".ljust(MAX_BYTES, "x")
    assert read(longest).value == {"a": 1}
    assert [p.code for p in read(longest + "x").problems] == ["too-large"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfea\x00:\x00", "a.yaml:1:1: not UTF-8 text (byte 0): is this a YAML file, saved as UTF-8?"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a.yaml:1:1: not UTF-8 text (byte 0): is this a YAML file, saved as UTF-8?"),
        (
            "a: 骨科\n".encode("gb18030"),
            "a.yaml:1:1: not UTF-8 text (byte 3): is this a YAML file, saved as UTF-8?",
        ),
    ],
)
def test_what_is_not_utf_8_is_refused(read: Any, data: bytes, message: str) -> None:
    """A picture, UTF-16 or a Chinese legacy encoding is named for what it is not."""
    assert [message] == said(read(data))


@pytest.mark.parametrize("data", [b"a: \x00\n", b"a: \x07\n"])
def test_control_characters_are_refused(read: Any, data: bytes) -> None:
    """Binary that happens to be UTF-8 is no YAML."""
    assert [p.code for p in read(data).problems] == ["yaml"]


def test_a_missing_file_and_a_folder_are_problems_and_no_crash(tmp_path: Path) -> None:
    """The message says what the system says."""
    assert said(read_yaml(tmp_path / "no.yaml", "no.yaml")) == [
        "no.yaml:1:1: cannot read the file: No such file or directory"
    ]
    assert said(read_yaml(tmp_path, "d")) == ["d:1:1: cannot read the file: Is a directory"]


@pytest.mark.parametrize(
    ("text", "line", "start"),
    [
        ("a: b: c\n", 1, "a second ': ' in one line; "),
        ("a: [1\nb: 2\n", 1, "'[' is not closed; "),
        ("a: 1\n\tb: 2\n", 2, "a tab; "),
        ("a: 1\n---\nb: 2\n", 2, "'---' begins a second document; "),
        ("? [a, b]\n: 1\n", 1, "a key must be a single word"),
    ],
)
def test_broken_yaml_is_reported_where_it_breaks(read: Any, text: str, line: int, start: str) -> None:
    """The line is that of the file, and there is one problem."""
    problems = read(text).problems
    assert [(line, True)] == [(p.line, p.message.startswith(start)) for p in problems]


def test_every_value_has_its_place(read: Any) -> None:
    """Keys are marked where they stand, items of a list where they start, in nested flow and block alike."""
    marks = read("a: 1\nb:\n  c: {d: [x, {e: 2}]}\n  f:\n    - g\n    - h: 3\n").marks
    expected = {
        (): (1, 1),
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "c"): (3, 3),
        ("b", "c", "d"): (3, 7),
        ("b", "c", "d", 0): (3, 11),
        ("b", "c", "d", 1): (3, 14),
        ("b", "c", "d", 1, "e"): (3, 15),
        ("b", "f"): (4, 3),
        ("b", "f", 0): (5, 7),
        ("b", "f", 1): (6, 7),
        ("b", "f", 1, "h"): (6, 7),
    }
    assert expected == {path: place[1:] for path, place in marks.items()}
    assert {"a.yaml"} == {place[0] for place in marks.values()}


def test_a_problem_stands_at_the_innermost_place_that_is_known(read: Any) -> None:
    """What is missing has no place of its own, so that of the part which lacks it is taken."""
    source = read("a: 1\nb:\n  c: 2\n")
    assert str(source.problem(("b", "c", "d", "e"), "x", "wrong")) == "a.yaml:3:3: b.c.d.e: wrong"
    assert str(source.problem(("z",), "x", "wrong")) == "a.yaml:1:1: z: wrong"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)


def rfc_7386(target: Any, patch: Any) -> Any:
    """The reference algorithm, word for word from section 2 of the RFC."""
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = rfc_7386(target.get(name), value)
    return target


@given(json_values, json_values)
def test_merge_is_that_of_rfc_7386(base: Any, patch: Any) -> None:
    """For any two values the result is that of the reference, and neither of the two is changed."""
    before = copy.deepcopy((base, patch))
    merged = merge(Source(base), patch, ("variants", "v")).value
    assert before == (base, patch)
    assert rfc_7386(copy.deepcopy(base), copy.deepcopy(patch)) == merged


PATCHED = """\
a: {b: 1, c: 2}
list:
  - x
  - y: 1
word: w
variants:
  v:
    a: {c: 3, d: {e: 4}}
    list: [z]
    word: {deep: 5}
"""


@pytest.fixture
def merged(read: Any) -> Source:
    """A file with a variant laid over it."""
    source = read(PATCHED)
    return merge(source, source.value["variants"]["v"], ("variants", "v"))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "b"), 1),
        (("a", "c"), 8),
        (("a", "d"), 8),
        (("a", "d", "e"), 8),
        (("list",), 9),
        (("list", 0), 9),
        (("word",), 10),
        (("word", "deep"), 10),
    ],
)
def test_the_place_of_a_patched_value_is_in_the_patch(merged: Source, path: tuple[Any, ...], line: int) -> None:
    """A value that the patch gives stands in the patch, the others where they stood."""
    assert line == merged.marks[path][1]


def test_the_places_of_a_replaced_list_are_gone(merged: Source) -> None:
    """A shorter list leaves no items of the old one behind."""
    assert sorted(p for p in merged.marks if p[:1] == ("list",)) == [("list",), ("list", 0)]


def test_merge_leaves_the_places_of_the_base_alone(read: Any) -> None:
    """A world's plain form is reported as before, though a variant was made of it."""
    source = read(PATCHED)
    before = dict(source.marks)
    merge(source, source.value["variants"]["v"], ("variants", "v"))
    assert before == source.marks


def test_a_key_with_control_characters_is_refused(tmp_path: Path) -> None:
    """Keys are shown to people, too."""
    path = tmp_path / "world.yaml"
    path.write_text('never: {"a\\u202eb": x}\n', encoding="utf-8")
    assert [p.message for p in read_yaml(path, "w").problems] == ["a key holds control characters"]
