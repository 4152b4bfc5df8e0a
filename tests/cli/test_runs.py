"""Running a world, and reading its log in every way."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from sim.engine.prompt import Prompt
from sim.record.log import RunLog
from sim.record.records import Call, Turn
from tests.building import write_world
from tests.cli.running import Done, Sim, assert_refused, files


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
        "outcomes": {"discharged": 1},
        "turns": sum(isinstance(r, Turn) for r in log.records),
        "sim_minutes": log.records[-1].time,  # type: ignore[union-attr]
        "cost": {"amount": 0, "currency": "USD"},
        "trace": log.trace,
    }
    assert wanted == {key: told[key] for key in wanted}
    tokens = {"prompt": prompt, "completion": completion, "total": prompt + completion}
    assert tokens == {key: told["tokens"][key] for key in tokens}


def test_a_run_of_several_episodes_says_how_many_came_to_what(sim: Sim, folder: Path) -> None:
    """In its JSON and under its transcript, the most first."""
    words = ("run", "hospital_visit", "--variant", "day", "--seed", 1)
    told = sim(*words, "--json").json
    assert list(told["outcomes"].items()) == [("discharged", 19), ("left_queue", 5)]
    assert "\n24 episodes: 19 discharged, 5 left_queue\n" in sim(*words).out


def test_a_run_streams_its_transcript(sim: Sim, folder: Path) -> None:
    """Without ``--json`` the words are shown as they come, and replaying the log shows them again."""
    ran = sim("run", "hospital_visit", "--seed", 3, "--lang", "en", "--out", "mine.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert list(files(folder)) == ["mine.jsonl"]
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
    assert ("=false" in plain.out, "=False" in plain.out) == (True, False)
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


def test_a_replay_can_be_that_of_all_agents_of_a_role(sim: Sim, folder: Path) -> None:
    """``--as player`` shows what any of them heard; a page and an export are of one, and say which there are."""
    sim("run", "werewolf", "--seed", 3, "--out", "wolf.jsonl")
    whole, one = (sim("replay", "wolf.jsonl", "--as", who) for who in ("player", "P1"))
    log = RunLog.open(folder / "wolf.jsonl")
    told = {"".join(t.text.split()) for t in log.records if isinstance(t, Turn) and t.text}
    assert [t for t in told if t not in "".join(whole.out.split())] == []
    assert [t for t in told if t not in "".join(one.out.split())] != []
    for kind in ("html", "openai"):
        refused = sim("export", "wolf.jsonl", "--to", kind, "--as", "player", "-o", f"x.{kind}")
        assert refused.code == 2
        assert "the role 'player' in werewolf has several agents; write one of: P1, P2, P3, " in refused.err


def test_a_run_is_summed_up_in_words(sim: Sim, log_path: Path) -> None:
    """Lists and names with what they have are written as people do."""
    lines = dict(line.split(maxsplit=1) for line in sim("show", log_path).out.splitlines())
    assert lines["models"].startswith("patient=scripted, registrar=scripted, ")
    assert (lines["outcomes"], lines["complete"], lines["warnings"]) == ("discharged", "yes", "-")


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
    assert (markdown.code, markdown.out.splitlines()[0].replace("\\", "")) == (0, "# 医院就诊")
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


def test_a_run_that_is_stuck_ends_with_an_error(sim: Sim, folder: Path) -> None:
    """Who waits for what is told in one line; the log keeps what was before, and `verify` says the same of it."""
    step = (
        "{speakers: [clerk], tell: Wait., silent: true, turn: 5, holds: seat, go: [{to: over, after: {turns: 1}}]}"
    )
    text = (
        "world: hall\nroles: {clerk: ann}\nresources: {seat: {stock: 1}}\narrivals: {at: [0, 1]}\n"
        f"states: {{wait: {step}}}\nstart: wait\nends: [over]\nlines: {{wait: {{clerk: [{{do: {{}}}}]}}}}\n"
    )
    write_world(folder / "hall", text)
    done = sim("run", "hall", "--json")
    assert_refused(done, "'hall' is stuck at 5 min: episode 2 waits for seat")
    log = RunLog.open(folder / "runs" / "hall-s0-1.jsonl")
    assert [r.episode for r in log.records if r.type == "episode_ended"] == [1]
    verified = sim("verify")
    assert verified.code == 1
    assert "'hall' is stuck" in verified.out
