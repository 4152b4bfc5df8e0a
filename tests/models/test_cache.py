"""The cache: an answer that was paid for once is found again, and a file that is broken does no harm."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import DefinitionError
from sim.models.cache import USES, Cache

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Who stole the lantern?"}], "seed": 7}
ANSWER = {"text": "Not I.", "usage": {"prompt": 5, "completion": 2}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache is; its folder is not there yet."""
    return tmp_path / "cache" / "answers.sqlite"


def change(path: Path, statement: str, *values: Any) -> None:
    """Change the file behind the back of the cache."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(statement, values)


def test_an_answer_is_found_again(path: Path) -> None:
    """By another object, and by the same request in another order."""
    Cache(path).keep(ASKED, ANSWER)
    assert Cache(path).find(dict(reversed(ASKED.items()))) == ANSWER


@pytest.mark.parametrize("changed", [{"model": "n"}, {"seed": 8}, {"messages": []}, {"more": None}])
def test_another_request_has_another_answer(path: Path, changed: dict[str, Any]) -> None:
    """Each part of a request counts."""
    cache = Cache(path)
    cache.keep(ASKED, ANSWER)
    assert cache.find({**ASKED, **changed}) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one(path: Path) -> None:
    """As after a refresh."""
    cache = Cache(path)
    cache.keep(ASKED, ANSWER)
    cache.keep(ASKED, {"text": "Well, I did."})
    assert cache.find(ASKED) == {"text": "Well, I did."}


def test_to_refresh_finds_nothing_and_keeps_all(path: Path) -> None:
    """What it keeps is there for others."""
    Cache(path).keep(ASKED, ANSWER)
    cache = Cache(path, "refresh")
    assert cache.find(ASKED) is None
    cache.keep(ASKED, {"text": "New."})
    assert cache.find(ASKED) is None
    assert Cache(path, "read").find(ASKED) == {"text": "New."}


def test_to_read_keeps_nothing(path: Path) -> None:
    """And finds what is there."""
    Cache(path).keep(ASKED, ANSWER)
    cache = Cache(path, "read")
    cache.keep(ASKED, {"text": "New."})
    cache.keep({"other": 1}, ANSWER)
    assert (cache.find(ASKED), cache.find({"other": 1})) == (ANSWER, None)


def test_the_uses_are_named_in_order() -> None:
    """As the command line has them."""
    assert USES == ("off", "read", "write", "refresh")


@pytest.mark.parametrize(
    "row",
    ["", "no JSON", '"words"', "[1]", "null", "1e999", "[" * 100_000, b"\xff\xfe", b"{", 5],
)
def test_a_row_that_is_no_answer_is_a_miss(path: Path, row: Any) -> None:
    """And is written anew."""
    cache = Cache(path)
    cache.keep(ASKED, ANSWER)
    change(path, "UPDATE answers SET answer = ?", row)
    assert cache.find(ASKED) is None
    cache.keep(ASKED, ANSWER)
    assert cache.find(ASKED) == ANSWER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(st.characters()), JSON), st.dictionaries(st.text(st.characters()), JSON))
def test_what_is_kept_is_what_is_found(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    """Whatever JSON can hold."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder) / "c")
        cache.keep(asked, answer)
        assert cache.find(asked) == json.loads(json.dumps(answer))


def test_half_a_surrogate_pair_is_kept(path: Path) -> None:
    """JSON can hold it, and UTF-8 cannot."""
    cache = Cache(path)
    cache.keep(ASKED, {"text": "\ud83d"})
    assert cache.find(ASKED) == {"text": "\ud83d"}


def test_no_prompt_can_be_read_in_the_file(path: Path) -> None:
    """Only a hash of it; the answers are there."""
    Cache(path).keep(ASKED, ANSWER)
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"lantern" not in data
    assert b"Not I." in data


def test_threads_write_and_read_side_by_side(path: Path) -> None:
    """Each on connections of its own."""
    cache = Cache(path)
    lost: list[int] = []

    def work(worker: int) -> None:
        for i in range(10):
            cache.keep({"n": i}, {"text": f"answer {i}"})
            if cache.find({"n": i}) != {"text": f"answer {i}"}:
                lost.append(worker)

    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


def _write(path: Path, worker: int) -> None:
    cache = Cache(path)
    for i in range(10):
        cache.keep({"worker": worker, "n": i}, {"text": f"{worker}-{i}"})


def test_processes_write_at_once(path: Path) -> None:
    """From the moment at which none of them finds a file."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write, args=(path, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    cache = Cache(path, "read")
    assert all(cache.find({"worker": w, "n": i}) == {"text": f"{w}-{i}"} for w in range(4) for i in range(10))


@pytest.mark.parametrize("name", ["file/answers.sqlite", "folder", "text"])
def test_a_file_that_cannot_be_used_is_an_error_of_the_definition(tmp_path: Path, name: str) -> None:
    """It says how to do without."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("This is no database. " * 100)
    with pytest.raises(DefinitionError) as caught:
        Cache(tmp_path / name)
    assert str(caught.value).startswith(f"cannot use the cache {tmp_path / name}: ")
    assert str(caught.value).endswith("; --cache off does without")


def test_a_file_with_other_tables_is_an_error_when_it_is_read(path: Path) -> None:
    """It belongs to another program."""
    path.parent.mkdir()
    change(path, "CREATE TABLE answers (question TEXT)")
    with pytest.raises(DefinitionError, match="cannot use the cache"):
        Cache(path).find(ASKED)


def test_an_answer_that_cannot_be_kept_is_told_and_not_lost(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It was paid for: the run goes on."""
    cache = Cache(path)
    change(path, "DROP TABLE answers")
    cache.keep(ASKED, ANSWER)
    assert caplog.messages == [f"the cache {path} cannot keep an answer: no such table: answers"]


def test_a_file_that_is_broken_in_the_middle_is_an_error(path: Path) -> None:
    """Not a traceback."""
    cache = Cache(path)
    for i in range(20):
        cache.keep({"n": i}, {"text": "x" * 2000})
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(DefinitionError, match="cannot use the cache"):
        [cache.find({"n": i}) for i in range(20)]
