"""Logs that were packed: read as they are, never beyond their bounds, and not written on to."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from sim.errors import RunLogError
from sim.record import packed
from sim.record.log import LogWriter, RunLog, find_run, free_path, list_logs
from sim.record.packed import run_id

PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}


@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_log_is_read_as_the_plain_one(ending: str, log_path: Path, tmp_path: Path) -> None:
    """The records, the trace and the run's id are the same, and the chain holds."""
    path = tmp_path / f"{log_path.name}{ending}"
    path.write_bytes(PACKERS[ending](log_path.read_bytes()))
    plain, log = RunLog.open(log_path), RunLog.open(path)
    log.check_chain()
    assert (plain.name, plain.trace, plain.size) == (log.name, log.trace, log.size)
    assert plain.records == log.records
    assert [plain.line(i) for i in range(len(plain.records))] == [log.line(i) for i in range(len(log.records))]


@pytest.mark.parametrize("ending", PACKERS)
def test_what_a_file_is_packed_with_is_told_by_its_bytes(ending: str, log_path: Path, tmp_path: Path) -> None:
    """A packed log under any name is read."""
    path = tmp_path / "sent.bin"
    path.write_bytes(PACKERS[ending](log_path.read_bytes()))
    assert RunLog.open(log_path).trace == RunLog.open(path).trace


@pytest.mark.parametrize("ending", PACKERS)
def test_a_log_of_several_packed_pieces_is_read_whole(ending: str, log_path: Path, tmp_path: Path) -> None:
    """Packing programs may write a file in pieces, each packed for itself."""
    data, path = log_path.read_bytes(), tmp_path / f"run.jsonl{ending}"
    path.write_bytes(PACKERS[ending](data[:5000]) + PACKERS[ending](data[5000:]))
    assert RunLog.open(log_path).trace == RunLog.open(path).trace


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_logs_are_found_by_their_ids(ending: str, log_path: Path, tmp_path: Path) -> None:
    """They are listed among the others, and their names are not given to new runs."""
    path = tmp_path / f"visit-s7-1.jsonl{ending}"
    path.write_bytes(PACKERS[ending](log_path.read_bytes()))
    assert [path] == list_logs(tmp_path)
    assert path == find_run("visit-s7-1", tmp_path) == find_run("visit", tmp_path) == find_run(None, tmp_path)
    assert run_id(path) == "visit-s7-1"
    assert tmp_path / "visit-s7-2.jsonl" == free_path(tmp_path, "visit", 7)


def test_a_log_that_is_there_plain_and_packed_is_told_by_its_file(log_path: Path, tmp_path: Path) -> None:
    """One id cannot name both, so the message has their files."""
    for ending in ("", ".gz"):
        (tmp_path / f"a.jsonl{ending}").write_bytes(log_path.read_bytes())
    with pytest.raises(RunLogError) as caught:
        find_run("a", tmp_path)
    assert f"'a' may be any of: {tmp_path / 'a.jsonl'}, {tmp_path / 'a.jsonl.gz'}" in str(caught.value).replace(
        f"{tmp_path / 'a.jsonl.gz'}, {tmp_path / 'a.jsonl'}", f"{tmp_path / 'a.jsonl'}, {tmp_path / 'a.jsonl.gz'}"
    )


@pytest.mark.parametrize(("ending", "command"), [(".gz", "gunzip"), (".zst", "unzstd")])
def test_a_packed_log_cannot_go_on(ending: str, command: str, log_path: Path, tmp_path: Path) -> None:
    """Nothing can be written behind its end; the message has the command that unpacks it."""
    path = tmp_path / f"run.jsonl{ending}"
    path.write_bytes(PACKERS[ending](b"".join(log_path.read_bytes().splitlines(keepends=True)[:-4])))
    before = path.read_bytes()
    with pytest.raises(RunLogError) as caught:
        LogWriter.after(RunLog.open(path))
    assert str(caught.value).endswith(f"a packed log cannot go on; first '{command} {path}'")
    assert before == path.read_bytes()


@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_log_that_was_cut_or_damaged_is_refused(ending: str, log_path: Path, tmp_path: Path) -> None:
    """In one line that says so, wherever it was done."""
    whole, path = PACKERS[ending](os.urandom(20_000).hex().encode()), tmp_path / f"run.jsonl{ending}"
    whole = PACKERS[ending](log_path.read_bytes() + whole[:0])
    for place in range(20, len(whole) - 1, len(whole) // 9):
        for data in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            path.write_bytes(data)
            try:
                log = RunLog.open(path)
            except RunLogError as error:
                assert str(path) in str(error)  # noqa: PT017 - a flipped bit may also be one that means nothing
            else:
                assert log.trace == RunLog.open(log_path).trace


@pytest.mark.parametrize("ending", PACKERS)
def test_a_file_that_unpacks_to_far_too_much_is_refused_before_it_does(
    ending: str, log_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line without an end stops at the longest line, and whole records at the bound of all."""
    path = tmp_path / f"bomb.jsonl{ending}"
    path.write_bytes(PACKERS[ending](log_path.read_bytes() + bytes(64_000_000)))
    lines = len(log_path.read_bytes().splitlines())
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path, check=False)
    assert f"{path}:{lines + 1}: a line is longer than 16,000,000 bytes" == str(caught.value)
    monkeypatch.setattr("sim.record.lines.MAX_UNPACKED", 100_000)
    line = log_path.read_bytes().splitlines(keepends=True)[3]
    path.write_bytes(PACKERS[ending](log_path.read_bytes() + line * 1000))
    with pytest.raises(RunLogError) as caught:
        RunLog.open(path)
    assert f"{path} unpacks to more than 100,000 bytes" == str(caught.value)


def test_a_window_that_would_take_gigabytes_is_refused(log_path: Path, tmp_path: Path) -> None:
    """``zstd --ultra --long=31`` makes files that ask for 2 GB to be read."""
    path, window = tmp_path / "run.jsonl.zst", zstd.CompressionParameter.window_log
    options = {window: 30, zstd.CompressionParameter.enable_long_distance_matching: 1}
    with zstd.ZstdFile(path, "w", options=options) as file:
        file.write(log_path.read_bytes())
    with pytest.raises(RunLogError, match="is packed with zstd, and "):
        RunLog.open(path)


def test_a_large_packed_log_is_kept_in_a_file_and_not_in_memory(
    log_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound records are read again from a temporary file, in any order."""
    monkeypatch.setattr("sim.record.lines.KEPT", 10_000)
    monkeypatch.setattr(packed, "KEPT", 10_000)
    for name, data in (("a.jsonl.gz", gzip.compress(log_path.read_bytes())), ("a.jsonl", log_path.read_bytes())):
        (tmp_path / name).write_bytes(data)
        log, wanted = RunLog.open(tmp_path / name), list(RunLog.open(log_path).records)
        first, second = iter(log.records), iter(log.records)
        assert [(a, b) for a, b in zip(first, second, strict=True)] == [(r, r) for r in wanted]
        assert wanted[::-1] == [log.records[i] for i in range(len(wanted) - 1, -1, -1)]
        assert wanted[5:9] == log.records[5:9]
        log.check_chain()
