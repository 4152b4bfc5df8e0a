"""Bad input ends in one line and an exit code, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import ROOT, Sim, assert_refused, broken_world, files


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["hospital_vist"], ["no world 'hospital_vist'", "did you mean 'hospital_visit'?"]),
        (["hospital_visit", "--lang", "fr"], ["'fr'", "en", "zh"]),
        (["hospital_visit", "--variant", "triag"], ["no variant 'triag'", "did you mean 'triage'?"]),
        (["hospital_visit", "--set", "nosuch=1"], ["unknown fact 'nosuch'"]),
        (
            ["hospital_visit", "--set", "registered=true"],
            ["'registered' is worked out from other facts (derived) and cannot be set; set what it reads"],
        ),
        (["hospital_visit", "--set", "fee＝3"], ["needs the form name=value; write '=' for the full-width '＝'"]),
        (["hospital_visit", "--set", "fee=abc"], ["the fact 'fee' must be a number"]),
        (["hospital_visit", "--set", "fee=1e400"], ["the fact 'fee' must be a number"]),
        (["hospital_visit", "--set", "fee=0.001"], ["the fact 'fee' must be an amount with at most two decimals"]),
        (["hospital_visit", "--set", "receipt=maybe"], ["the fact 'receipt' must be true or false"]),
        (["hospital_visit", "--set", "prescription=aspirin"], ["the fact 'prescription' must be one of"]),
        (["hospital_visit", "--set", "fee"], ["'--set fee' needs the form name=value"]),
        (["hospital_visit", "--set", "=1"], ["'--set =1' needs the form name=value"]),
        (["hospital_visit", "--out", "taken.jsonl"], ["taken.jsonl is there already; a log is never overwritten"]),
        (["hospital_visit", "--out", "."], ["is there already; a log is never overwritten"]),
        (["hospital_visit", "--out", "taken.jsonl/run.jsonl"], ["cannot write taken.jsonl/run.jsonl"]),
        (["."], ["no world '.'"]),
        ([""], ["no world ''"]),
        (["/dev/null"], ["no world '/dev/null'"]),
        (["hospital_visit\x1b[2J"], ["no world 'hospital_visit[2J'"]),
    ],
)
def test_a_run_with_bad_options_is_refused_and_nothing_is_written(
    options: list[str], words: list[str], sim: Sim, folder: Path
) -> None:
    """Each mistake has one line that names it, exit code 2, and no file as its trace."""
    (folder / "taken.jsonl").write_text("mine", encoding="utf-8")
    assert_refused(sim("run", *options), *words)
    assert files(folder) == {"taken.jsonl": b"mine"}
    assert [p.name for p in folder.iterdir()] == ["taken.jsonl"]


@pytest.mark.parametrize(
    "options",
    [
        ["run", "hospital_visit", "--sed", "7"],
        ["run", "hospital_visit", "--seed", "seven"],
        ["run"],
        ["run", "hospital_visit", "--temperature", "9"],
        ["graph", "hospital_visit", "--to", "gif"],
        ["cost", "--by", "weekday"],
        ["replay", "--speed", "0"],
        ["export", "--to", "pdf"],
        ["dance"],
        ["show", "--turn", "0"],
    ],
)
def test_bad_usage_is_refused(options: list[str], sim: Sim, folder: Path) -> None:
    """An option that there is not, or a value that it cannot have, gives the usage and exit code 2."""
    done = sim(*options)
    assert (done.code, done.out) == (2, "")
    assert "Error" in done.err
    assert "Traceback" not in done.err
    assert list(folder.iterdir()) == []


def _bomb() -> bytes:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(levels).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"# " + b"x" * 50_000_000, ["larger than 400,000 bytes"], id="fifty megabytes"),
        pytest.param(_bomb(), ["anchors and aliases"], id="an alias bomb"),
        pytest.param(bytes(range(256)), ["not UTF-8"], id="a binary file"),
        pytest.param(b"world: [", ["not valid YAML"], id="no YAML"),
        pytest.param(b"a\x00b: 1", ["world.yaml:1:"], id="a NUL byte"),
        pytest.param(b"- 1\n- 2\n", ["a world is a mapping"], id="a list"),
        pytest.param(b"just words\n", ["a world is a mapping"], id="words"),
        pytest.param(b"", ["a world is a mapping"], id="nothing"),
        pytest.param(b"[" * 50_000, ["world.yaml:1:"], id="deep nesting"),
        pytest.param(b"world: !!python/name:os.system visit\n", ["tag"], id="a tag"),
    ],
)
@pytest.mark.parametrize("command", ["run", "graph"])
def test_a_file_that_is_no_world_is_refused(
    command: str, text: bytes, words: list[str], sim: Sim, folder: Path
) -> None:
    """Whatever a world's file holds, it is refused quickly with one line that names the file."""
    bad = broken_world(folder, text)
    done = sim(command, bad)
    assert (done.code, done.out) == (2, "")
    first = done.err.splitlines()[0]
    assert first.startswith("sim: ")
    assert "Traceback" not in done.err
    assert [word for word in words if word not in done.err] == []
    assert {"bad"} == {p.name for p in folder.iterdir()}


def test_an_unknown_persona_is_refused(sim: Sim, folder: Path) -> None:
    """A role whose persona is nowhere is named, with the persona that was probably meant and its place."""
    text = (ROOT / "worlds" / "hospital_visit" / "world.yaml").read_text(encoding="utf-8")
    bad = broken_world(folder, text.replace("doctor: zhao_liu\n", "doctor: zhao_lu\n", 1).encode())
    assert_refused(sim("run", bad), "unknown persona 'zhao_lu'", "did you mean 'zhao_liu'?", "world.yaml:")
    assert {"bad"} == {p.name for p in folder.iterdir()}


@pytest.fixture(params=["text", "binary", "empty", "json", "torn", "folder", "missing", "newer"])
def no_log(request: pytest.FixtureRequest, tmp_path: Path, log_path: Path) -> Path:
    """A path that is no log."""
    path = tmp_path / "nolog.jsonl"
    header = json.loads(log_path.read_text(encoding="utf-8").splitlines()[0])
    given = {
        "text": b"Dear diary,\n",
        "binary": bytes(range(256)) * 10,
        "empty": b"",
        "json": b'{"a": NaN}\n',
        "torn": log_path.read_bytes()[:700],
        "newer": json.dumps({**header, "format": 99}).encode() + b"\n",
    }
    if request.param == "folder":
        path.mkdir()
    elif request.param != "missing":
        path.write_bytes(given[request.param])
    return path


@pytest.mark.parametrize("command", ["replay", "show", "cost", "export", "verify"])
def test_a_file_that_is_no_log_is_refused(command: str, no_log: Path, sim: Sim, folder: Path) -> None:
    """Every command that reads a log refuses what is none with one line that names it."""
    assert_refused(sim(command, no_log), "nolog.jsonl")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", ["replay", "show", "cost", "export", "verify"])
def test_no_run_at_all_is_told_with_what_to_do(command: str, sim: Sim, folder: Path) -> None:
    """In a folder without runs each command says how one is made."""
    assert_refused(sim(command), "no runs in runs/; 'sim run WORLD' makes one")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["replay", "--as", "nobody"], ["no role 'nobody'", "known: "]),
        (["replay", "--at", "999"], ["has no turn 999"]),
        (["show", "--turn", "999"], ["has no turn 999; it has 1 to 15"]),
        (["show", "--turn", "999", "--prompt", "--json"], ["has no turn 999"]),
        (["cost", "--price-as", "abacus-9000"], ["no price is known for the model 'abacus-9000'"]),
        (["export", "-o", "none/such.md"], ["cannot write none/such.md: No such file or directory"]),
        (["export", "-o", "."], ["cannot export to '.'; known: acts, csv, html, md"]),
    ],
)
def test_a_question_that_a_log_cannot_answer_is_refused(
    options: list[str], words: list[str], sim: Sim, folder: Path, log_path: Path
) -> None:
    """A role, turn, price or file that is not there is named in one line."""
    assert_refused(sim(options[0], log_path, *options[1:]), *words)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nosuch"], ["no world 'nosuch'"]),
        (["hospital_visit", "--lang", "fr"], ["'fr'"]),
        (["hospital_visit", "--variant", "x"], ["no variant 'x'"]),
        (["hospital_visit", "-o", "visit.gif"], ["cannot draw '.gif'"]),
        (["hospital_visit", "-o", "none/visit.svg"], ["cannot write none/visit.svg"]),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused(
    options: list[str], words: list[str], sim: Sim, folder: Path
) -> None:
    """A world, language, format or file that is not there is named in one line, and nothing is written."""
    assert_refused(sim("graph", *options), *words)
    assert list(folder.iterdir()) == []
