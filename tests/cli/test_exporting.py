"""``sim export`` and ``sim schema``: each format to a file, a pipe or a receiver, and what is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd
from jsonschema import Draft202012Validator

from sim.record.records import Call, Turn
from tests.cli.running import Sim, assert_refused
from tests.read.collecting import Json, receiver, written
from tests.read.games import scripted


@pytest.mark.parametrize("kind", ["md", "csv", "html", "xes", "openai", "otel"])
def test_each_format_goes_to_a_file_as_to_a_pipe(kind: str, sim: Sim, folder: Path) -> None:
    """The same bytes, and the file's name is told."""
    path = scripted("hospital_visit").path
    printed = sim("export", path, "--to", kind)
    saved = sim("export", path, "--to", kind, "-o", "out")
    assert (printed.code, printed.err, saved.code, saved.out) == (0, "", 0, "out\n")
    assert (folder / "out").read_bytes().decode() == printed.out != ""


@pytest.mark.parametrize(
    ("name", "begins"), [("a.xes", "<?xml"), ("a.jsonl", '{"messages"'), ("a.CSV", "run,episode")]
)
def test_the_ending_of_the_file_says_the_format(name: str, begins: str, sim: Sim, folder: Path) -> None:
    """Where none is given."""
    assert sim("export", scripted("hospital_visit").path, "-o", name).code == 0
    assert (folder / name).read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "csv", "--as", "doctor"], "--as is for html, openai; csv has none"),
        (["--to", "openai", "--lang", "zh"], "--lang is for md, csv, xes; openai has none"),
        (["--to", "md", "--lang", "fr"], "'hospital_visit' does not speak 'fr'; known: en, zh"),
        (["--to", "csv", "--content"], "--content is for otel; csv has none"),
        (["--endpoint", "http://127.0.0.1:1"], "--endpoint is for otel; md has none"),
        (["--to", "otel", "--endpoint", "127.0.0.1:4318"], "an address begins with http:// or https://"),
        (["--to", "openai", "--as", "ghost"], "no role 'ghost' in hospital_visit"),
        (["--to", "md", "--lang", "fr", "-o", "out.md"], "does not speak 'fr'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_and_nothing_is_written(
    words: list[str], told: str, sim: Sim, folder: Path
) -> None:
    """In one line, with what would be right."""
    assert_refused(sim("export", scripted("hospital_visit").path, *words), told)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["md", "csv", "xes"])
def test_names_are_in_the_language_that_is_asked_for(kind: str, sim: Sim) -> None:
    """Of an English run in Chinese, and the other way round; what was said stays as it was said."""
    english, chinese = (scripted("hospital_visit", language=language) for language in ("en", "zh"))
    assert {"挂号", "药房"} <= _words(sim("export", english.path, "--to", kind, "--lang", "zh").out)
    assert {"Registration"} <= _words(sim("export", chinese.path, "--to", kind, "--lang", "en").out)
    said = next(r.text for r in chinese.records if isinstance(r, Turn))
    assert said[:8] in sim("export", chinese.path, "--to", kind, "--lang", "en").out


def _words(text: str) -> set[str]:
    for mark in '<>",*#:':
        text = text.replace(mark, " ")
    return set(text.split())


@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize(
    "command",
    [
        "replay",
        "show",
        "show --turn 4 --prompt",
        "cost",
        "verify",
        "audit",
        "runs",
        "export --to csv",
        "export --to otel",
    ],
)
def test_every_command_that_reads_takes_a_packed_log(command: str, ending: str, sim: Sim, folder: Path) -> None:
    """By its id, and prints what it prints of the plain one."""
    data, pack = scripted("hospital_visit").path.read_bytes(), gzip.compress if ending == "gz" else zstd.compress
    verb, *options = command.split()
    printed = []
    for name, bytes_ in (("visit.jsonl", data), (f"visit.jsonl.{ending}", pack(data))):
        (folder / "runs").mkdir(exist_ok=True)
        (folder / "runs" / name).write_bytes(bytes_)
        printed.append(sim(verb, *([] if verb == "runs" else ["visit"]), *options))
        (folder / "runs" / name).unlink()
    assert printed[0] == printed[1]
    assert (printed[1].code, printed[1].err) == (0, "")
    assert printed[1].out != ""


def test_a_log_is_not_overwritten_by_its_export(sim: Sim, folder: Path) -> None:
    """A packed one neither."""
    path = folder / "visit.jsonl.gz"
    path.write_bytes(gzip.compress(scripted("hospital_visit").path.read_bytes()))
    before = path.read_bytes()
    assert_refused(sim("export", path, "--to", "csv", "-o", path), "is the log itself; a log is never overwritten")
    assert before == path.read_bytes()


def test_a_packed_log_is_not_resumed(sim: Sim, folder: Path) -> None:
    """The message has the command that unpacks it, and that works."""
    lines = scripted("hospital_visit").path.read_bytes().splitlines(keepends=True)
    path = folder / "visit.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(lines[:-5])))
    assert_refused(sim("resume", path), "is packed with gzip, and a packed log cannot go on; first 'gunzip ")


def test_nothing_that_was_said_is_told_unless_it_is_asked_for(sim: Sim) -> None:
    """Prompts and answers are for who says `--content`."""
    log = scripted("hospital_visit")
    words = [t.text for t in log.records if isinstance(t, Turn) and len(t.text) > 8]
    plain = sim("export", log.path, "--to", "otel")
    assert [w for w in words if w in plain.out] == []
    whole = sim("export", log.path, "--to", "otel", "--content")
    told = [json.loads(line) for line in whole.out.splitlines()]
    asked = [a for a in _attributes(told) if a["key"] == "gen_ai.input.messages"]
    assert len(asked) == log.records.how_many(Call)
    first = json.loads(asked[0]["value"]["stringValue"])
    assert [m["role"] for m in first] == ["system", "user"]
    assert {"text"} == {part["type"] for m in first for part in m["parts"]}
    assert json.dumps(words[0])[1:-1] in json.dumps(told)


def _attributes(lines: list[Json]) -> Iterator[Json]:
    for resource in (r for line in lines for r in line["resourceSpans"]):
        for span in (s for c in resource["scopeSpans"] for s in c["spans"]):
            yield from span["attributes"]


def test_a_receiver_of_the_protocol_takes_all_spans(sim: Sim) -> None:
    """Sent in batches, decoded by the protocol's own messages, with the ids of the file."""
    log = scripted("werewolf")
    with receiver() as (url, got):
        done = sim("export", log.path, "--to", "otel", "--endpoint", url)
    spans = written(log)
    assert (done.code, done.out) == (0, f"{len(spans)} spans sent to {url}\n")
    assert [(s["spanId"], s["name"]) for s in spans] == [(s.span_id.hex(), s.name) for s in got]
    assert {bytes.fromhex(spans[0]["traceId"])} == {s.trace_id for s in got}


def test_the_schema_of_the_log_is_printed(sim: Sim) -> None:
    """As one JSON document, by which the records of a run are valid."""
    validator = Draft202012Validator(sim("schema", "log").json)
    for line in scripted("hospital_visit").path.read_text(encoding="utf-8").splitlines():
        validator.validate(json.loads(line))
