"""The log writer and reader: what is written stays, and what is no log is refused with a clear message."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sim.errors import RunLogError
from sim.record.log import LogWriter, RunLog
from sim.record.records import FORMAT


@contextmanager
def _small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def _header(path: Path) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(_lines(path)[0])
    return header


def _refusal(path: Path) -> RunLogError:
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path)
    return caught.value


def _write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    """Writing to a path that is taken is refused, and leaves what is there."""
    path = tmp_path / "run.jsonl"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(RunLogError) as caught:
        LogWriter(path)
    assert f"{path} is there already; a log is never overwritten" == str(caught.value)
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_record_is_in_the_file_as_soon_as_it_was_appended(tmp_path: Path) -> None:
    """Each record can be read while the writer is still open."""
    path = tmp_path / "run.jsonl"
    log = LogWriter(path)
    for count in range(1, 4):
        log.append("call", {"answer": f"你好 {count}"})
        assert count == len(_lines(path))
        assert f"你好 {count}" == json.loads(_lines(path)[-1])["answer"]
    log.close()
    assert len(_lines(path)) == 3


def test_a_record_is_numbered_and_given_back_as_it_was_written(tmp_path: Path) -> None:
    """The writer gives back what stands in the file, with its number, hash and measured part."""
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        given = [log.append("call", {"answer": "a"}, {"latency_s": 0.5}), log.append("call", {"answer": "b"})]
    assert [json.loads(line) for line in _lines(path)] == given
    assert [record["seq"] for record in given] == [0, 1]
    assert ["measured" in record for record in given] == [True, False]


def test_each_hash_covers_the_one_before_and_the_bytes_before_it(tmp_path: Path) -> None:
    """The hash is the SHA-256 of the previous hash and the deterministic bytes of the line."""
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        log.append("call", {"answer": "a"}, {"latency_s": 0.5})
        log.append("call", {"answer": "b"})
        first = hashlib.sha256(b'{"seq":0,"type":"call","answer":"a"').hexdigest()
        second = hashlib.sha256(first.encode() + b'{"seq":1,"type":"call","answer":"b"').hexdigest()
        assert second == log.trace
    assert [first, second] == [json.loads(line)["hash"] for line in _lines(path)]


def test_what_is_measured_is_outside_the_trace(tmp_path: Path) -> None:
    """Two logs that differ in what was measured alone have one trace."""
    with LogWriter(tmp_path / "a.jsonl") as fast, LogWriter(tmp_path / "b.jsonl") as slow:
        fast.append("call", {"answer": "a"}, {"latency_s": 0.5})
        slow.append("call", {"answer": "a"}, {"latency_s": 60})
        assert fast.trace == slow.trace


def test_a_writer_without_a_path_keeps_the_trace_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no path nothing is written, and the trace is the one a file would have."""
    monkeypatch.chdir(tmp_path)
    with LogWriter(None) as nowhere:
        nowhere.append("call", {"answer": "a"})
        assert list(tmp_path.iterdir()) == []
        with LogWriter(tmp_path / "a.jsonl") as somewhere:
            somewhere.append("call", {"answer": "a"})
            assert somewhere.trace == nowhere.trace


def test_a_broken_character_is_written_as_a_question_mark(tmp_path: Path) -> None:
    """Half a surrogate pair, which no UTF-8 file can hold, does not stop a run."""
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        log.append("call", {"answer": "a\ud83d!"})
    assert json.loads(_lines(path)[0])["answer"] == "a?!"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """A log may go into a folder that is not there yet."""
    path = tmp_path / "new" / "deep" / "run.jsonl"
    with LogWriter(path) as log:
        log.append("call", {})
    assert path.is_file()


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    """Where a folder would have to stand in a file's place, the message says so, not that the log is there."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "file" / "run.jsonl"
    with pytest.raises(RunLogError, match=rf"^cannot write {path}: ") as caught:
        LogWriter(path)
    assert "is there already" not in str(caught.value)


def test_a_name_that_the_system_refuses_cannot_be_written(tmp_path: Path) -> None:
    """A name that is too long for the file system gives a plain message."""
    path = tmp_path / f"{'x' * 300}.jsonl"
    with pytest.raises(RunLogError) as caught:
        LogWriter(path)
    assert f"cannot write {path}: File name too long" == str(caught.value)


def test_a_full_disk_gives_a_plain_message_and_keeps_what_was_written(tmp_path: Path) -> None:
    """When a record cannot be written the error is ours, also on leaving the writer, and the rest stays."""
    path = tmp_path / "run.jsonl"

    def fill() -> None:
        with _small_disk(1000), LogWriter(path) as log:
            log.append("call", {"answer": "kept"})
            log.append("call", {"answer": "x" * 5000})

    with pytest.raises(RunLogError) as caught:
        fill()
    assert f"cannot write {path}: File too large" == str(caught.value)
    assert json.loads(_lines(path)[0])["answer"] == "kept"


def test_an_answer_of_any_length_gives_a_log_that_can_be_read(log_path: Path, tmp_path: Path) -> None:
    """What the writer accepts the reader reads: a huge answer must not make the whole log unreadable."""
    call = json.loads(next(line for line in _lines(log_path) if b'"type":"call"' in line))
    header = _header(log_path)
    bookkeeping = {"seq", "type", "hash", "measured"}
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        log.append("header", {k: v for k, v in header.items() if k not in bookkeeping})
        fields = {k: v for k, v in call.items() if k not in bookkeeping} | {"answer": "x" * 17_000_000}
        with suppress(RunLogError):  # refusing to write it is as good: what is in the file stays readable
            log.append("call", fields)
    assert header["world"] == RunLog.open(path).header.world


def test_a_run_is_read_as_it_was_written(log_path: Path) -> None:
    """A finished run opens whole: name, trace, end and an unbroken chain."""
    log = RunLog.open(log_path)
    log.check_chain()
    last = json.loads(_lines(log_path)[-1])
    assert ("visit", last["hash"], True, False) == (log.name, log.trace, log.is_complete, log.is_torn)
    assert len(_lines(log_path)) == len(log.records)
    assert (log.header.seed, log.header.language, log.header.world) == (7, "zh", "hospital_visit")


def test_the_bytes_under_the_hash_end_before_it(log_path: Path) -> None:
    """``line`` gives the deterministic bytes of each record."""
    log = RunLog.open(log_path)
    wanted = [line.split(b',"hash":"')[0] for line in _lines(log_path)]
    assert wanted == [log.line(index) for index in range(len(wanted))]


def test_a_changed_record_breaks_the_chain_at_its_place(log_path: Path, tmp_path: Path) -> None:
    """The chain check names the record that was changed, by number and type."""
    lines = _lines(log_path)
    path = tmp_path / "run.jsonl"
    path.write_bytes(
        b"".join([*lines[:3], lines[3].replace(b'"speaker":"patient"', b'"speaker":"doctor"'), *lines[4:]])
    )
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path).check_chain()
    assert str(caught.value) == "record 3: was changed (turn); its hash does not fit"
    assert caught.value.record == 3


def test_a_record_that_was_taken_away_breaks_the_chain_at_its_place(log_path: Path, tmp_path: Path) -> None:
    """The record behind a gap is named with the number it has."""
    lines = _lines(log_path)
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path).check_chain()
    assert str(caught.value) == "record 3: is numbered 4; one is missing, repeated or moved"
    assert caught.value.record == 3


def test_a_record_without_a_hash_breaks_the_chain(log_path: Path, tmp_path: Path) -> None:
    """A record whose hash was taken out is found."""
    lines = _lines(log_path)
    bare = lines[3].split(b',"hash":"')[0] + b"}\n"
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:3], bare, *lines[4:]]))
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path).check_chain()
    assert str(caught.value) == "record 3: has no hash, or something behind it"
    assert caught.value.record == 3


def test_a_field_repeated_behind_the_hash_is_found(log_path: Path, tmp_path: Path) -> None:
    """A key given a second time behind ``measured`` cannot stand in for the one that the hash covers."""
    lines = _lines(log_path)
    added = lines[3].removesuffix(b"}\n") + b',"measured":{},"text":"FORGED","changed":{}}\n'
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:3], added, *lines[4:]]))
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path).check_chain()
    assert caught.value.record == 3


@pytest.mark.parametrize("garbage", [b"", b"\n", b"   \n"])
def test_an_empty_file_is_not_a_log(garbage: bytes, tmp_path: Path) -> None:
    """A file with nothing in it is refused."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(garbage)
    assert str(_refusal(path)) in {
        f"{path} is not a run log: it has no header",
        f"{path} is not a run log: its first line is no header",
    }


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"Dear diary,\ntoday I was at the hospital.\n", id="a text"),
        pytest.param(bytes(range(256)) * 40, id="a binary file"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", id="a picture"),
        pytest.param(b'{"name": "roleplay", "version": 3}\n', id="another JSON object"),
        pytest.param(b'[1, 2, 3]\n{"seq": 0}\n', id="a JSON list"),
        pytest.param(b"null\n", id="a JSON null"),
        pytest.param(b"[" * 100_000 + b"\n", id="deep nesting"),
        pytest.param(b'{"seq":' + b"9" * 10_000 + b"}\n", id="a huge number"),
        pytest.param(b'{"seq":0,"type":"header","format":NaN}\n', id="NaN"),
    ],
)
def test_a_file_that_is_no_log_is_refused(garbage: bytes, tmp_path: Path) -> None:
    """Whatever else a file may hold, one message says that it is no log."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(garbage)
    assert f"{path} is not a run log: its first line is no header" == str(_refusal(path))


def test_a_log_that_lacks_its_header_is_refused(log_path: Path, tmp_path: Path) -> None:
    """Records without the header that they follow from are no log."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(_lines(log_path)[1:]))
    assert f"{path} is not a run log: it has no header" == str(_refusal(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "seven"),
        ("language", None),
        ("models", []),
        ("models", {"patient": "scripted"}),
        ("resolved", "the world"),
        ("facts", [1]),
        ("format", "one"),
        ("seq", -1),
        ("hash", "abc"),
        ("type", "head"),
        ("measured", []),
    ],
)
def test_a_header_with_wrong_types_is_refused(field: str, value: object, log_path: Path, tmp_path: Path) -> None:
    """A first line whose fields have other types than a header's is none."""
    path = _write(tmp_path / "run.jsonl", _header(log_path) | {field: value})
    assert f"{path} is not a run log: its first line is no header" == str(_refusal(path))


def test_a_newer_format_is_refused_with_the_one_that_can_be_read(log_path: Path, tmp_path: Path) -> None:
    """A log of a later version says which it is."""
    path = _write(tmp_path / "run.jsonl", _header(log_path) | {"format": FORMAT + 1})
    assert f"{path} has format {FORMAT + 1}; this version reads up to {FORMAT}" == str(_refusal(path))


def test_a_newer_format_with_fields_of_its_own_is_still_told_apart(log_path: Path, tmp_path: Path) -> None:
    """A later version may have other fields and records; the message is about the format, not about those."""
    header = _header(log_path) | {"format": FORMAT + 1, "stage": "main"}
    later = {"seq": 1, "type": "intermission", "hash": "0" * 64}
    path = _write(tmp_path / "run.jsonl", header, later)
    assert f"{path} has format {FORMAT + 1}; this version reads up to {FORMAT}" == str(_refusal(path))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b'{"seq":3,"type":"turn","time":NaN}\n', "not a record: NaN is not JSON"),
        (b'{"seq":3,"type":"turn","time":-Infinity}\n', "not a record: -Infinity is not JSON"),
        (b"\xff\xfe\n", "not a record: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'{"seq":3}\n', "Unable to extract tag using discriminator 'type'"),
        (b"\n", "not a record: an empty line"),
    ],
)
def test_a_broken_record_in_the_middle_is_named(
    broken: bytes, message: str, log_path: Path, tmp_path: Path
) -> None:
    """A line that is no record, with lines behind it, is refused with its line and number."""
    lines = _lines(log_path)
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:3], broken, *lines[4:]]))
    error = _refusal(path)
    assert f"{path}:4: record 3: {message}" == str(error)
    assert error.record == 3


def test_a_number_beyond_all_numbers_is_refused(log_path: Path, tmp_path: Path) -> None:
    """``1e999`` is read as infinity by many JSON readers; no record may hold that."""
    lines = _lines(log_path)
    record = json.loads(lines[3])
    line = lines[3].replace(f'"time":{record["time"]}'.encode(), b'"time":1e999')
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:3], line, *lines[4:]]))
    assert _refusal(path).record == 3


def test_a_wrong_field_in_the_middle_is_named(log_path: Path, tmp_path: Path) -> None:
    """A field of the wrong type is named with its record."""
    lines = _lines(log_path)
    path = tmp_path / "run.jsonl"
    record = json.loads(lines[3]) | {"turn": "first"}
    path.write_bytes(b"".join([*lines[:3], json.dumps(record).encode() + b"\n", *lines[4:]]))
    error = _refusal(path)
    wanted = f"{path}:4: record 3: turn.turn: Input should be a valid integer, unable to parse string as an integer"
    assert wanted == str(error)
    assert error.record == 3


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_a_log_with_a_torn_last_line_can_be_used(kept: int, log_path: Path, tmp_path: Path) -> None:
    """A line that was not written to its end is left out, and the log says so."""
    lines = _lines(log_path)
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:10], lines[10][:kept]]))
    log = RunLog.open(path)
    log.check_chain()
    assert (len(log.records), log.is_torn, log.is_complete) == (10, True, False)


def test_a_line_torn_within_a_character_is_left_out(log_path: Path, tmp_path: Path) -> None:
    """A cut through the bytes of one Chinese character is a torn line like any other."""
    lines = _lines(log_path)
    number = next(i for i, line in enumerate(lines) if i and b"\xe3\x80\x82" in line)
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join([*lines[:number], lines[number][: lines[number].index(b"\xe3\x80\x82") + 1]]))
    log = RunLog.open(path)
    assert (number, True) == (len(log.records), log.is_torn)


def test_a_torn_header_is_no_log(log_path: Path, tmp_path: Path) -> None:
    """When the header itself was not written to its end there is nothing to use."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(_lines(log_path)[0][:500])
    assert f"{path} is not a run log: its first line is no header" == str(_refusal(path))


def test_a_line_of_twenty_megabytes_is_refused(log_path: Path, tmp_path: Path) -> None:
    """A line that no run would write is not read into memory."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(_lines(log_path)[0] + b'{"seq":1,"x":"' + b"x" * 20_000_000 + b'"}\n')
    assert f"{path}:2: a line is longer than 16,000,000 bytes" == str(_refusal(path))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    """What is not there and what cannot be read have messages of their own."""
    assert f"no run log {tmp_path / 'none.jsonl'}" == str(_refusal(tmp_path / "none.jsonl"))
    assert f"cannot read {tmp_path}: Is a directory" == str(_refusal(tmp_path))
