"""The command line: what each command gives, and that bad input ends in one line and an exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from sim import cli
from sim.cli.app import app
from sim.engine.prompt import Prompt
from sim.record.log import RunLog
from sim.record.records import Call, Turn

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that was printed."""
        assert self.err == ""
        return json.loads(self.out)


Sim = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def sim(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sim:
    """Run ``sim`` in this process, in an empty folder, as its entry point does."""

    def run(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["sim", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


def _process(*words: object, cwd: Path, **environment: str) -> Done:
    """Run ``sim`` as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from sim.cli import main; main()", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _python(code: str, *, cwd: Path) -> Done:
    """Run some Python as a process of its own."""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=cwd, capture_output=True, encoding="utf-8", timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _edited(log_path: Path, path: Path, edit: Callable[[list[dict[str, Any]]], None]) -> Path:
    """A copy of a log with its records changed."""
    records = [json.loads(line) for line in log_path.read_text(encoding="utf-8").splitlines()]
    edit(records)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


# What stands without a run


def test_help_imports_neither_autogen_nor_the_rest_of_what_is_heavy(folder: Path) -> None:
    """``sim --help`` answers at once: no AutoGen, no SimPy, no networkx, no price list, no tokenizer."""
    heavy = ["autogen", "simpy", "networkx", "genai_prices", "bpe_openai", "rule_engine", "jinja2"]
    code = (
        "import sys\nfrom sim.cli import main\nsys.argv = ['sim', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        f"print('heavy', sorted(set({heavy}) & set(sys.modules)))"
    )
    done = _python(code, cwd=folder)
    assert done.out.splitlines()[-2:] == ["code 0", "heavy []"]
    assert done.err == ""


@pytest.mark.parametrize("command", [["replay"], ["cost"], ["show"], ["runs"], ["export"]])
def test_reading_a_log_imports_no_autogen(command: list[str], log_path: Path, folder: Path) -> None:
    """Commands that read logs do not wait for AutoGen."""
    words = command if command == ["runs"] else [*command, str(log_path)]
    code = (
        f"import sys\nfrom sim.cli import main\nsys.argv = ['sim', *{words}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        "print('autogen' in sys.modules)"
    )
    assert _python(code, cwd=folder).out.splitlines()[-2:] == ["code 0", "False"]


def test_every_command_has_help_with_an_example() -> None:
    """``--help`` of each command says what it does and how it is used."""
    runner = CliRunner()
    names = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    assert {
        "run",
        "verify",
        "replay",
        "show",
        "cost",
        "runs",
        "export",
        "worlds",
        "personas",
        "check",
        "graph",
    } <= set(names)
    for name in names:
        done = runner.invoke(app, [name, "--help"])
        assert (name, 0) == (name, done.exit_code)
        assert "Example: " in " ".join(done.output.split()), name


def test_sim_alone_shows_its_commands(sim: Sim) -> None:
    """With no command the help is shown, and the exit code says that there was none."""
    done = sim()
    assert done.code == 2
    assert "verify" in done.out + done.err


def test_worlds_are_listed(sim: Sim, folder: Path) -> None:
    """The worlds of the package are listed, with their languages and variants, and the user's own before them."""
    row = next(r for r in sim("worlds", "--json").json if r["world"] == "hospital_visit")
    assert ({"en", "zh"}, ["triage"]) == (set(row["languages"]), row["variants"])
    assert "hospital_visit" in sim("worlds").out
    (folder / "worlds" / "mine").mkdir(parents=True)
    (folder / "worlds" / "mine" / "world.yaml").write_text("world: mine\ntitle: My own\n", encoding="utf-8")
    assert "My own" in {r["title"] for r in sim("worlds", "--json").json if isinstance(r["title"], str)}


def test_a_broken_world_does_not_hide_the_others(sim: Sim, folder: Path) -> None:
    """A world of yours that is no YAML, or no world, is no reason to list none."""
    for name, text in (
        ("torn", "a: [1"),
        ("list", "- 1\n- 2\n"),
        ("odd", "title: [1]\nlanguages: 5\nvariants: x\n"),
    ):
        (folder / "worlds" / name).mkdir(parents=True)
        (folder / "worlds" / name / "world.yaml").write_text(text, encoding="utf-8")
    done = sim("worlds")
    assert (done.code, done.err) == (0, "")
    assert "hospital_visit" in done.out
    assert "hospital_visit" in {r["world"] for r in sim("worlds", "--json").json}


def test_personas_are_listed(sim: Sim) -> None:
    """The personas of the package are listed by name."""
    rows = {r["persona"]: r for r in sim("personas", "--json").json}
    assert (rows["chengzi"]["name"], rows["chengzi"]["age"]) == ({"zh": "橙子", "en": "Chengzi"}, 25)
    assert "橙子 / Chengzi" in sim("personas").out


def test_a_sound_world_is_checked(sim: Sim) -> None:
    """A world without problems gives its states and what can be reached, and exit code 0."""
    done = sim("check", "hospital_visit", "--json")
    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    assert {"reception", "consulting", "till", "pharmacy"} == set(done.json["states"])
    assert {*done.json["states"], "discharged", "gave_up"} == set(done.json["reachable"])
    assert (sim("check", "hospital_visit").code, sim("check", "hospital_visit").err) == (0, "")


def test_an_unsound_world_has_its_problems_listed(sim: Sim, folder: Path) -> None:
    """A world with problems gives each with its place, and exit code 1."""
    text = (ROOT / "worlds" / "hospital_visit" / "world.yaml").read_text(encoding="utf-8")
    (folder / "world.yaml").write_text(text.replace("start: reception", "start: recpetion"), encoding="utf-8")
    done = sim("check", folder / "world.yaml", "--json")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("start:"))
    assert (done.code, done.json["ok"]) == (1, False)
    assert line in {p["line"] for p in done.json["problems"]}
    assert "recpetion" in sim("check", folder / "world.yaml").out


@pytest.mark.parametrize("ending", ["svg", "mmd", "dot"])
def test_a_picture_is_drawn_into_a_file_by_its_ending(ending: str, sim: Sim, folder: Path) -> None:
    """``-o`` writes the picture, in the format of the file's ending, and says where."""
    done = sim("graph", "hospital_visit", "-o", f"visit.{ending}", "--lang", "zh")
    assert Done(0, f"visit.{ending}\n", "") == done
    text = (folder / f"visit.{ending}").read_text(encoding="utf-8")
    assert {"svg": "<svg", "mmd": "stateDiagram-v2", "dot": "digraph"}[ending] == text.split("\n")[0].split(" ")[0]
    assert "看病" in text
    if ending == "svg":
        assert ET.fromstring(text).tag.endswith("svg")


def test_a_picture_is_printed_where_no_file_is_named(sim: Sim, folder: Path) -> None:
    """Without ``-o`` the picture goes to the terminal, and ``--to`` says in what format."""
    assert sim("graph", "hospital_visit").out.startswith("stateDiagram-v2\n")
    assert sim("graph", "hospital_visit", "--to", "dot").out.startswith("digraph ")
    assert "Triage" in sim("graph", "hospital_visit", "--variant", "triage").out
    assert _files(folder) == {}


# Running and reading


def test_a_run_is_reported_as_json(sim: Sim, folder: Path) -> None:
    """``run --json`` gives what a program needs to know of a run, and nothing else on the terminal."""
    told = sim("run", "hospital_visit", "--seed", 7, "--lang", "zh", "--json").json
    log = RunLog.open(folder / "runs" / "hospital_visit-s7-1.jsonl")
    calls = [r for r in log.records if isinstance(r, Call)]
    prompt, completion = sum(c.usage.prompt for c in calls), sum(c.usage.completion for c in calls)
    wanted = {
        "run": "hospital_visit-s7-1",
        "world": "hospital_visit",
        "seed": 7,
        "outcome": "discharged",
        "episodes": 1,
        "turns": sum(isinstance(r, Turn) for r in log.records),
        "sim_minutes": log.records[-1].time,  # type: ignore[union-attr]
        "cost": {"amount": 0, "currency": "USD"},
        "trace": log.trace,
    }
    assert wanted == {key: told[key] for key in wanted}
    tokens = {"prompt": prompt, "completion": completion, "total": prompt + completion}
    assert tokens == {key: told["tokens"][key] for key in tokens}


def test_a_run_streams_its_transcript(sim: Sim, folder: Path) -> None:
    """Without ``--json`` the words are shown as they come, and replaying the log shows them again."""
    ran = sim("run", "hospital_visit", "--seed", 3, "--lang", "en", "--out", "mine.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert list(_files(folder)) == ["mine.jsonl"]
    replayed = sim("replay", "mine.jsonl")
    assert (replayed.code, replayed.err) == (0, "")
    shown = ran.out.rstrip("\n").rpartition("\n")[0]
    assert shown.split() == replayed.out.split()
    first = next(r for r in RunLog.open(folder / "mine.jsonl").records if isinstance(r, Turn))
    assert (
        first.text.split()
        == [w for w in replayed.out.split() if w in first.text.split()][: len(first.text.split())]
    )


def test_runs_are_numbered_and_listed(sim: Sim, folder: Path) -> None:
    """Two runs of one world and seed get two names, and ``runs`` lists both with how they ended."""
    assert sim("runs", "--json").json == []
    told = [sim("run", "hospital_visit", "--seed", 2, "--lang", "en", "--json").json for _ in range(2)]
    assert [t["run"] for t in told] == ["hospital_visit-s2-1", "hospital_visit-s2-2"]
    assert told[0]["trace"] == told[1]["trace"]
    (folder / "runs" / "broken.jsonl").write_text("no log", encoding="utf-8")
    rows = {r["run"]: r for r in sim("runs", "--json").json}
    assert {"hospital_visit-s2-1", "hospital_visit-s2-2", "broken"} == set(rows)
    assert ("discharged", told[0]["turns"]) == tuple(rows["hospital_visit-s2-1"][k] for k in ("outcome", "turns"))
    assert rows["broken"]["outcome"].startswith("unreadable: ")
    assert (sim("runs").code, sim("runs").err) == (0, "")


def test_facts_variant_and_language_are_in_the_log(sim: Sim) -> None:
    """What is set on the command line is what the run starts from."""
    done = sim(
        "run", "hospital_visit", "--variant", "triage", "--lang", "en", "--set", "fee=15", "--out", "a.jsonl"
    )
    assert (done.code, done.err) == (0, "")
    shown = sim("show", "a.jsonl", "--json").json
    assert (shown["variant"], shown["language"], shown["facts"]) == ("triage", "en", {"fee": 15})
    assert sim("verify", "a.jsonl").code == 0


def test_a_log_is_verified(sim: Sim, log_path: Path) -> None:
    """``verify`` gives 0 for a true log, and 1 with the record and the reason for a changed one."""
    log = RunLog.open(log_path)
    turns = sum(isinstance(r, Turn) for r in log.records)
    done = sim("verify", log_path, "--json")
    assert (0, {"ok": True, "turns": turns, "trace": log.trace}) == (done.code, done.json)
    assert Done(0, f"verified: {turns} turns, trace {log.trace}\n", "") == sim("verify", log_path)

    Path("changed.jsonl").write_bytes(
        log_path.read_bytes().replace(b'"speaker":"doctor"', b'"speaker":"nurse1"', 1)
    )
    number = next(i for i, r in enumerate(log.records) if isinstance(r, Turn) and r.speaker == "doctor")
    done = sim("verify", "changed.jsonl", "--json")
    assert (1, False, number) == (done.code, done.json["ok"], done.json["difference"]["record"])
    assert done.json["difference"]["reason"].startswith(f"record {number}: ")
    done = sim("verify", "changed.jsonl")
    assert Done(1, f"not verified: record {number}: was changed (turn); its hash does not fit\n", "") == done


def test_a_cut_log_can_be_read_and_does_not_verify(sim: Sim, log_path: Path) -> None:
    """What is there of a truncated log is shown, with a note; verifying it gives 1."""
    Path("cut.jsonl").write_bytes(log_path.read_bytes()[:-900])
    done = sim("replay", "cut.jsonl")
    assert done.code == 0
    assert done.err == "\nthe log ends here; the run did not come to its end\n"
    assert sim("verify", "cut.jsonl").code == 1
    assert False is sim("show", "cut.jsonl", "--json").json["complete"]
    assert sim("cost", "cut.jsonl").code == 0
    assert sim("export", "cut.jsonl").code == 0


def test_the_cost_is_reported_as_json(sim: Sim, log_path: Path) -> None:
    """``cost --json`` gives the totals, the run, and rows that add up."""
    for by in ("role", "state", "model", "episode", "purpose", "run"):
        told = sim("cost", log_path, "--by", by, "--json").json
        assert (told["total_cost"], told["session_id"]) == (0, "visit")
        assert told["total_tokens"] == sum(row["total"] for row in told["rows"])
        assert told["total_tokens"] > 0
    roles = {row["key"] for row in sim("cost", log_path, "--json").json["rows"]}
    assert {"patient", "registrar", "doctor", "cashier", "pharmacist"} == roles


def test_the_cost_at_another_price_is_no_longer_nothing(sim: Sim, log_path: Path) -> None:
    """``--price-as`` tells what the same tokens would have cost, and that they were estimated."""
    told = sim("cost", log_path, "--price-as", "gpt-4o", "--json").json
    assert told["total_cost"] > 0
    assert told["total_cost"] == pytest.approx(sum(row["cost"] for row in told["rows"]))
    text = sim("cost", log_path, "--price-as", "gpt-4o").out
    assert "gpt-4o" in text
    assert "counted here" in text


def test_every_turn_is_shown_with_the_very_prompt_that_was_sent(sim: Sim, log_path: Path) -> None:
    """The prompt that ``show --turn N --prompt --json`` gives has the digest that the log has, for every turn."""
    log = RunLog.open(log_path)
    turns = [r for r in log.records if isinstance(r, Turn)]
    facts = dict(log.records[1].facts)  # type: ignore[union-attr]
    for turn in turns:
        told = sim("show", log_path, "--turn", turn.turn, "--prompt", "--json").json
        assert (turn.turn, turn.state, facts) == (told["turn"], told["state"], told["facts"])
        call = next(r for r in log.records if isinstance(r, Call) and (r.turn, r.attempt) == (turn.turn, 0))
        assert call.prompt == Prompt(tuple(told["prompt"])).digest
        facts |= turn.changed
        moved = (r for r in log.records if r.type == "transition" and r.turn == turn.turn)
        facts |= {name: value for r in moved for name, value in r.changed.items()}


def test_a_turn_is_shown_for_people(sim: Sim, log_path: Path) -> None:
    """Without ``--json`` a turn is shown as lines, with the prompt if it is asked for."""
    turn = next(r for r in RunLog.open(log_path).records if isinstance(r, Turn) and r.acts)
    plain, full = sim("show", log_path, "--turn", turn.turn), sim("show", log_path, "--turn", turn.turn, "--prompt")
    assert (plain.code, full.code) == (0, 0)
    assert turn.text in plain.out
    assert turn.acts[0].action in plain.out
    assert "[system]" not in plain.out
    assert "[system]" in full.out


def test_a_replay_can_be_one_roles(sim: Sim, log_path: Path) -> None:
    """``replay --as`` shows what the role heard and nothing else that was said."""
    log = RunLog.open(log_path)
    turns = [r for r in log.records if isinstance(r, Turn)]
    assert 2 * len(turns) > len({t.text for t in turns}) > 5
    for role in log.header.models:
        shown = "".join(sim("replay", log_path, "--as", role).out.split())
        heard = {"".join(t.text.split()) for t in turns if role in t.heard_by}
        others = {"".join(t.text.split()) for t in turns} - heard
        assert (set(), set()) == ({t for t in heard if t not in shown}, {t for t in others if t in shown})


def test_a_replay_can_begin_at_a_turn(sim: Sim, log_path: Path) -> None:
    """``replay --at`` leaves out the turns before."""
    turns = [r for r in RunLog.open(log_path).records if isinstance(r, Turn)]
    shown = "".join(sim("replay", log_path, "--at", 10).out.split())
    texts = ["".join(t.text.split()) for t in turns]
    assert [t for t in texts[9:] if t not in shown] == []
    assert texts[0] not in shown


def test_a_run_is_exported(sim: Sim, log_path: Path, folder: Path) -> None:
    """``export`` prints Markdown, and ``-o`` writes it or a table to a file."""
    markdown = sim("export", log_path)
    assert (markdown.code, markdown.out.splitlines()[0].replace("\\", "")) == (0, "# hospital_visit")
    assert Done(0, "visit.md\n", "") == sim("export", log_path, "-o", "visit.md")
    assert markdown.out == (folder / "visit.md").read_text(encoding="utf-8")
    assert Done(0, "visit.csv\n", "") == sim("export", log_path, "--to", "csv", "-o", "visit.csv")
    rows = list(csv.DictReader(io.StringIO((folder / "visit.csv").read_text(encoding="utf-8"))))
    assert sum(isinstance(r, Turn) for r in RunLog.open(log_path).records) == len(rows)


def test_an_export_never_overwrites_the_log_that_it_reads(sim: Sim, log_path: Path, folder: Path) -> None:
    """A log is never overwritten, by an export of itself neither."""
    (folder / "run.jsonl").write_bytes(log_path.read_bytes())
    done = sim("export", "run.jsonl", "-o", "run.jsonl")
    assert log_path.read_bytes() == (folder / "run.jsonl").read_bytes()
    assert done.code == 2


def test_a_run_is_found_by_its_id_or_as_the_latest(sim: Sim, folder: Path, log_path: Path) -> None:
    """Runs in ``runs/`` are named by id, by the beginning of it, or not at all."""
    (folder / "runs").mkdir()
    for age, name in ((9, "visit-s1-1"), (5, "visit-s2-1")):
        (folder / "runs" / f"{name}.jsonl").write_bytes(log_path.read_bytes())
        os.utime(folder / "runs" / f"{name}.jsonl", (1_700_000_000 - age, 1_700_000_000 - age))
    assert sim("show", "visit-s1", "--json").json["run"] == "visit-s1-1"
    assert sim("show", "--json").json["run"] == "visit-s2-1"
    told = sim("cost", "visit-s1-1", "visit-s2-1", "--by", "run", "--json").json
    assert (told["session_id"], len(told["rows"])) == ("visit-s1-1,visit-s2-1", 2)


# Bad input


def _world(folder: Path, text: bytes) -> Path:
    (folder / "bad").mkdir()
    (folder / "bad" / "world.yaml").write_bytes(text)
    return folder / "bad"


def _assert_refused(done: Done, *words: str) -> None:
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("sim: ")
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["hospital_vist"], ["no world 'hospital_vist'", "did you mean 'hospital_visit'?"]),
        (["hospital_visit", "--lang", "fr"], ["'fr'", "en", "zh"]),
        (["hospital_visit", "--variant", "triag"], ["no variant 'triag'", "did you mean 'triage'?"]),
        (["hospital_visit", "--set", "nosuch=1"], ["unknown fact 'nosuch'"]),
        (["hospital_visit", "--set", "registered=true"], ["unknown fact 'registered'"]),
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
    _assert_refused(sim("run", *options), *words)
    assert _files(folder) == {"taken.jsonl": b"mine"}
    assert [p.name for p in folder.iterdir()] == ["taken.jsonl"]


@pytest.mark.parametrize(
    "options",
    [
        ["run", "hospital_visit", "--sed", "7"],
        ["run", "hospital_visit", "--seed", "seven"],
        ["run"],
        ["run", "hospital_visit", "--temperature", "9"],
        ["graph", "hospital_visit", "--to", "png"],
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
    bad = _world(folder, text)
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
    bad = _world(folder, text.replace("doctor: zhao_liu\n", "doctor: zhao_lu\n", 1).encode())
    _assert_refused(sim("run", bad), "unknown persona 'zhao_lu'", "did you mean 'zhao_liu'?", "world.yaml:")
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
    _assert_refused(sim(command, no_log), "nolog.jsonl")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", ["replay", "show", "cost", "export", "verify"])
def test_no_run_at_all_is_told_with_what_to_do(command: str, sim: Sim, folder: Path) -> None:
    """In a folder without runs each command says how one is made."""
    _assert_refused(sim(command), "no runs in runs/; 'sim run WORLD' makes one")
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
        (["export", "-o", "."], ["cannot export to '.'; known: csv, md"]),
    ],
)
def test_a_question_that_a_log_cannot_answer_is_refused(
    options: list[str], words: list[str], sim: Sim, folder: Path, log_path: Path
) -> None:
    """A role, turn, price or file that is not there is named in one line."""
    _assert_refused(sim(options[0], log_path, *options[1:]), *words)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nosuch"], ["no world 'nosuch'"]),
        (["hospital_visit", "--lang", "fr"], ["'fr'"]),
        (["hospital_visit", "--variant", "x"], ["no variant 'x'"]),
        (["hospital_visit", "-o", "visit.png"], ["cannot draw '.png'"]),
        (["hospital_visit", "-o", "none/visit.svg"], ["cannot write none/visit.svg"]),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused(
    options: list[str], words: list[str], sim: Sim, folder: Path
) -> None:
    """A world, language, format or file that is not there is named in one line, and nothing is written."""
    _assert_refused(sim("graph", *options), *words)
    assert list(folder.iterdir()) == []


HOSTILE: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "no world": lambda r: r[0].update(resolved={}),
    "a world of nonsense": lambda r: r[0].update(resolved={"world": {"world": 1}, "personas": []}),
    "no personas": lambda r: r[0]["resolved"].update(personas={}),
    "a role that is not in the world": lambda r: r[3].update(speaker="ghost", heard_by=["ghost"]),
    "a state that is not in the world": lambda r: r[1].update(state="limbo"),
    "a fact that is not in the world": lambda r: r[1].update(facts={"nosuch": 1}),
    "a fact that is no value": lambda r: r[1].update(facts={"fee": {"a": 1}}),
    "a cost that is no number": lambda r: r[2].update(cost="free"),
    "a cost that is not a number": lambda r: r[2].update(cost="NaN"),
    "an act that is not in the world": lambda r: r[3].update(
        acts=[{"action": "fly", "fields": {"to": {"x": [1]}}}]
    ),
    "a time before all times": lambda r: r[3].update(time=-1e300),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize(
    "command",
    [
        ["replay"],
        ["replay", "--as", "patient"],
        ["show"],
        ["show", "--turn", "1", "--json"],
        ["cost"],
        ["cost", "--json"],
        ["export"],
        ["export", "--to", "csv"],
        ["verify"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_a_hostile_log_never_crashes_a_command(
    command: list[str], what: str, sim: Sim, folder: Path, log_path: Path
) -> None:
    """A log made by hand, well-formed and nonsense, is shown as far as it goes or refused in one line."""
    path = _edited(log_path, folder / "hostile.jsonl", HOSTILE[what])
    done = sim("runs", ".") if command == ["runs"] else sim(command[0], path, *command[1:])
    wanted = {1, 2} if command == ["verify"] else {0, 2}
    assert done.code in wanted
    if done.code == 2:
        assert done.err.startswith("sim: ")
    if "--json" in command and done.code == 0:
        json.loads(done.out, parse_constant=pytest.fail)


MOVING = set("\x1b\x9b\x07\u202e")
WORDS = "\x1b[2J\x9b31m\x07\u202e"


@pytest.mark.parametrize(
    "command",
    [
        ["replay"],
        ["replay", "--as", "patient"],
        ["show"],
        ["show", "--turn", "2"],
        ["show", "--turn", "3"],
        ["cost", "--by", "model"],
        ["export"],
        ["export", "--to", "csv"],
        ["verify"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_escape_sequences_in_a_log_reach_no_terminal(
    command: list[str], sim: Sim, folder: Path, log_path: Path
) -> None:
    """Whoever wrote a log, showing it in any way moves no cursor."""

    def edit(records: list[dict[str, Any]]) -> None:
        for record in records:
            if record["type"] == "turn":
                record["text"] = f"a{WORDS}b"
                record["acts"] = [{"action": f"x{WORDS}", "fields": {f"y{WORDS}": WORDS, "z": [WORDS]}}]
                record["changed"] = {"department": WORDS}
            elif record["type"] == "call":
                record["answer"] = record["model"] = f"a{WORDS}b"
            elif record["type"] == "episode_ended":
                record["breach"] = record["outcome"] = WORDS
        refusal = {"seq": 4, "type": "refusal", "episode": 1, "turn": 2, "attempt": 0, "role": "x"}
        records.insert(4, refusal | {"reasons": [f"a{WORDS}b"]})
        warning = {"seq": 4, "type": "warning", "episode": 1, "turn": 2, "code": "x"}
        records.insert(4, warning | {"message": WORDS})

    path = _edited(log_path, folder / "hostile.jsonl", edit)
    done = sim("runs", ".") if command == ["runs"] else sim(command[0], path, *command[1:])
    assert done.out != ""
    assert set() == MOVING & set(done.out + done.err)


EVIL = """
world: evil
title: "Evil \\e[2J\\x9b31m\\u202e"
languages: [en]
opening: "Once \\e[2J\\x9b31m\\u202e"
roles: {one: imp}
states:
  first:
    label: "State \\e[2J\\x9b31m\\u202e"
    speakers: one
    go: [{to: done, after: {turns: 1}}]
start: START
ends: {done: {kind: success, label: "End \\e[2J\\x9b31m\\u202e"}}
lines: {first: {one: [{say: {en: "Words \\e[2J\\x9b31m\\u202e"}}]}}
"""


@pytest.mark.parametrize(
    ("command", "start"),
    [
        (["worlds"], "first"),
        (["personas"], "first"),
        (["check", "evil"], "first"),
        (["check", "evil"], '"wrong \\e[2J\\x9b31m\\u202e"'),
        (["graph", "evil"], "first"),
        (["graph", "evil", "--to", "svg"], "first"),
        (["run", "evil"], "first"),
        (["run", "evil"], '"wrong \\e[2J\\x9b31m\\u202e"'),
    ],
)
def test_escape_sequences_in_a_world_reach_no_terminal(
    command: list[str], start: str, sim: Sim, folder: Path
) -> None:
    """Whoever wrote a world or a persona, listing, checking, drawing and running it moves no cursor."""
    (folder / "worlds" / "evil").mkdir(parents=True)
    (folder / "personas").mkdir()
    (folder / "worlds" / "evil" / "world.yaml").write_text(EVIL.replace("START", start), encoding="utf-8")
    imp = 'persona: imp\nname: "Imp \\e[2J\\x9b31m\\u202e"\n'
    (folder / "personas" / "imp.yaml").write_text(imp, encoding="utf-8")
    done = sim(*command)
    assert done.out + done.err != ""
    assert done.code in {0, 1, 2}
    assert set() == MOVING & set(done.out + done.err)


# As processes


@pytest.mark.parametrize(
    ("words", "code"),
    [(["worlds"], 0), (["check", "world.yaml"], 1), (["check", "nosuch"], 2), (["verify", "world.yaml"], 2)],
)
def test_a_process_ends_with_the_right_code(words: list[str], code: int, folder: Path) -> None:
    """As a process: 0 for done, 1 for no, 2 for bad input, and never a traceback."""
    (folder / "world.yaml").write_text("world: x\n", encoding="utf-8")
    done = _process(*words, cwd=folder)
    assert code == done.code
    assert "Traceback" not in done.err
    assert (code == 2) == bool(done.err)


def test_a_seed_gives_one_trace_whatever_the_order_of_sets(folder: Path) -> None:
    """Two runs with one seed in two processes with other hash seeds have the same trace."""
    words = ("run", "hospital_visit", "--seed", 11, "--lang", "zh", "--variant", "triage", "--json")
    with ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(_process, *words, "--out", f"{n}.jsonl", cwd=folder, PYTHONHASHSEED=n)
            for n in ("1", "4242")
        ]
        told = [done.result().json for done in waiting]
    assert told[0]["trace"] == told[1]["trace"]
    assert [t["run"] for t in told] == ["1", "4242"]


def test_a_terminal_without_utf8_gets_the_transcript_all_the_same(folder: Path, log_path: Path) -> None:
    """Chinese words do not stop a replay where the terminal says that it knows ASCII alone."""
    done = _process("replay", log_path, cwd=folder, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.code, done.err) == (0, "")
    assert "橙子" in done.out


def test_a_reader_that_stops_early_gets_no_traceback(folder: Path, log_path: Path) -> None:
    """``sim replay | head -1`` ends quietly."""
    code = "from sim.cli import main; main()"
    first = subprocess.Popen(
        [sys.executable, "-c", code, "export", str(log_path)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert first.stdout is not None
    assert first.stderr is not None
    first.stdout.close()
    err = first.stderr.read().decode()
    first.stderr.close()
    first.wait(timeout=30)
    assert err == ""
