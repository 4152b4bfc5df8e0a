"""Verification: what was written verifies, and whatever is changed afterwards is found and named."""

from __future__ import annotations

import functools
import json
import random
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.engine.prompt import Prompt
from sim.errors import ModelError, RunLogError
from sim.models.model import Model, Reply, Request
from sim.models.scripted import Scripted
from sim.read.verify import Verdict, verify
from sim.record.log import LogWriter, RunLog
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.read.forging import Says, found, notary, play, rubbish, stumbling

Json = dict[str, Any]


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("variant", [None, "triage"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_run_verifies(variant: str | None, language: str, tmp_path: Path) -> None:
    """The logs of several seeds are what their worlds give, in both languages, with and without triage."""
    source = sim.load(Path(__file__).parents[2] / "worlds" / "hospital_visit", variant=variant)
    for seed in (0, 1, 7, 123_456_789_012, -5):
        log = play(source, tmp_path / f"{seed}.jsonl", seed=seed, language=language)
        turns = sum(r.type == "turn" for r in log.records)
        assert Verdict(True, turns, log.trace) == verify(log)
        assert ({"patient", "nurse"} <= set(log.header.models)) == (variant == "triage")


def test_a_run_through_autogen_verifies(log_path: Path) -> None:
    """What the group chat wrote is what a plain loop gives for the same answers."""
    log = RunLog.open(log_path)
    assert Verdict(True, log.records[-1].turns, log.trace) == verify(log)  # type: ignore[union-attr]


def test_a_run_with_facts_and_an_opening_of_its_own_verifies(world: World, tmp_path: Path) -> None:
    """Facts that were set and an opening other than the world's are in the log, and used again."""
    settings = settings_for(world, seed=4, language="zh", facts={"fee": "15", "department": "骨科"})
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log:
        run = Run(world, settings, dict.fromkeys(world.agents, Scripted()), log)
        episode = run.begin("门开了。")
        episode.start()
        while (role := episode.next_speaker()) is not None:
            episode.speak(role)
        run.finish(episode)
    opened = RunLog.open(path)
    assert (opened.header.opening, opened.header.facts) == ("门开了。", {"fee": 15, "department": "orthopaedics"})
    assert verify(opened).reason == ""


@pytest.mark.parametrize("make", [rubbish, stumbling])
def test_a_run_with_refusals_verifies(make: Callable[[], Model], world: World, tmp_path: Path) -> None:
    """Answers that were sent back, and fallbacks, are played again as they were."""
    for seed, language in ((1, "zh"), (2, "en")):
        log = play(world, tmp_path / f"{seed}.jsonl", seed=seed, language=language, model=make())
        kinds = {r.type for r in log.records}
        assert "refusal" in kinds
        assert ("warning" in kinds) == (make is rubbish)
        assert verify(log).reason == ""


def test_a_run_with_hostile_words_verifies(tmp_path: Path) -> None:
    """Control characters, half surrogates and quotes in answers do not make a true log look changed."""
    text = '"},"hash":"' + "0" * 64 + '"}\u2028\ud83d\x00\x1b[2J\r\n\u202e'
    said = json.dumps({"say": text, "write": {"words": text}})
    for number, answer in enumerate((text, said)):
        log = play(notary(tmp_path / str(number)), tmp_path / f"{number}.jsonl", model=Says(lambda _, a=answer: a))
        assert verify(log).reason == ""


def test_a_measured_part_of_any_shape_does_not_make_a_true_log_look_changed(tmp_path: Path) -> None:
    """What a model measures may have keys of any name, those of a record too."""
    measured = {"id": 1, "hash": "0" * 64, "measured": {"seq": 1}}
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=Says(lambda _: "Hello.", measured))
    assert verify(log).reason == ""


def test_a_fact_with_many_digits_does_not_make_a_true_log_look_changed(tmp_path: Path) -> None:
    """A number set at the start is kept with all the digits that a log can hold, and verifies."""
    facts = {"share": "0.123456789012345"}
    log = play(notary(tmp_path / "w"), tmp_path / "run.jsonl", model=Says(lambda _: "Hello."), facts=facts)
    assert verify(log).reason == ""


def test_no_model_is_called(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifying asks neither the model that answered nor anyone on a network."""
    model = stumbling()
    log = play(world, tmp_path / "run.jsonl", seed=5, model=model)
    asked = model.asked

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert Verdict(True, len({r.turn for r in log.records if r.type == "call"}), log.trace) == verify(log)
    assert (asked, True) == (model.asked, asked > 0)


def _positions(lines: list[bytes], count: int) -> list[tuple[int, int]]:
    """Positions (record, byte) all over a log: the edges of every record, and others at random, none measured."""
    draw = random.Random(20)
    ends = [line.find(b',"measured":{') for line in lines]
    lasts = [len(line) if end < 0 else end for line, end in zip(lines, ends, strict=True)]
    edges = [
        (i, at) for i, last in enumerate(lasts) for at in (0, 1, last - 2, len(lines[i]) - 2, len(lines[i]) - 1)
    ]
    inside = [(i, draw.randrange(lasts[i])) for i in range(len(lines)) for _ in range(3)]
    anywhere = [(draw.randrange(len(lines)), draw.random()) for _ in range(count)]
    return (
        edges
        + inside
        + [(i, int(part * lasts[i])) for i, part in anywhere]
        + [(0, draw.randrange(lasts[0])) for _ in range(count // 3)]
    )


@pytest.mark.parametrize("which", ["scripted", "measured"])
def test_any_changed_byte_is_found_and_its_record_named(
    which: str, log_path: Path, measured_path: Path, tmp_path: Path
) -> None:
    """A byte changed anywhere outside ``measured`` makes the log unreadable or unverified, at that very record."""
    lines = _lines(log_path if which == "scripted" else measured_path)
    draw = random.Random(7)
    path = tmp_path / "changed.jsonl"
    for number, at in _positions(lines, 100):
        old = lines[number][at]
        new = draw.choice([b for b in (*b'09azAZ,:"{}[] \n\\', 0, 128, 255, old ^ 1, old ^ 32) if b != old])
        changed = lines[number][:at] + bytes([new]) + lines[number][at + 1 :]
        path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        where = f"record {number}, byte {at}: {old} to {new}"
        assert (where, (False, number)) == (where, found(path))


def test_any_added_or_missing_byte_is_found(log_path: Path, tmp_path: Path) -> None:
    """A byte more or less anywhere is found as a changed one is."""
    lines = _lines(log_path)
    draw = random.Random(11)
    path = tmp_path / "changed.jsonl"
    for _ in range(100):
        number = draw.randrange(1, len(lines))
        at = draw.randrange(len(lines[number]) - 1)
        more = bytes([draw.choice(b'0a,"} \n')]) if draw.random() < 0.5 else b""
        changed = lines[number][:at] + more + lines[number][at + (not more) :]
        path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        where = f"record {number}, byte {at}: {more!r}"
        assert (where, (False, number)) == (where, found(path))


def test_a_field_repeated_behind_measured_is_found(log_path: Path, tmp_path: Path) -> None:
    """A second ``text`` behind ``measured``, which readers would show, does not verify, whatever record has it."""
    lines = _lines(log_path)
    path = tmp_path / "changed.jsonl"
    fields = {"turn": '"text":"FORGED"', "episode_ended": '"outcome":"gave_up"', "header": '"variant":"other"'}
    for number, line in enumerate(lines):
        kind = json.loads(line)["type"]
        if kind not in fields:
            continue
        measured = b"" if b',"measured":{' in line else b',"measured":{}'
        changed = line.removesuffix(b"}\n") + measured + f',{fields[kind]},"measured":{{}}}}\n'.encode()
        path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        assert (kind, (False, number)) == (kind, found(path))


def test_a_missing_record_is_found_at_every_place(
    log_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """Taking any record away is found where it is missing; without the header it is no log."""
    lines = _lines(log_path)
    with pytest.raises(RunLogError, match=r"is not a run log: it has no header$"):
        verdict_of(lines[1:])
    for number in range(1, len(lines)):
        verdict = verdict_of([*lines[:number], *lines[number + 1 :]])
        assert (False, number) == (verdict.ok, verdict.record)


def test_a_repeated_record_is_found_at_every_place(
    log_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """Repeating any record is found at the second of the two; a log has one header."""
    lines = _lines(log_path)
    with pytest.raises(RunLogError, match="record 1: is a second header"):
        verdict_of([lines[0], *lines])
    for number, line in list(enumerate(lines))[1:]:
        verdict = verdict_of([*lines[: number + 1], line, *lines[number + 1 :]])
        assert (False, number + 1) == (verdict.ok, verdict.record)


def test_two_swapped_records_are_found_at_every_place(
    log_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """Swapping any two neighbours, or two records far apart, is found at the first of them."""
    lines = _lines(log_path)
    draw = random.Random(3)
    far = [tuple(sorted(draw.sample(range(1, len(lines)), 2))) for _ in range(60)]
    for a, b in [*((i, i + 1) for i in range(1, len(lines) - 1)), *far]:
        changed = list(lines)
        changed[a], changed[b] = lines[b], lines[a]
        verdict = verdict_of(changed)
        assert (False, a) == (verdict.ok, verdict.record)


def test_a_record_that_was_moved_is_found(log_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]) -> None:
    """A record put elsewhere is found at the first place that does not fit."""
    lines = _lines(log_path)
    rest = [*lines[:4], *lines[5:]]
    for place in (2, 9, len(rest)):
        verdict = verdict_of([*rest[:place], lines[4], *rest[place:]])
        assert (False, min(place, 4)) == (verdict.ok, verdict.record)


def test_a_record_of_another_run_is_found(
    log_path: Path, world: World, tmp_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """Records of two runs cannot be put together."""
    lines = _lines(log_path)
    play(world, tmp_path / "other.jsonl", seed=8, language="zh")
    other = _lines(tmp_path / "other.jsonl")
    for number in (1, 5, 12):
        verdict = verdict_of([*lines[:number], *other[number:]])
        assert (False, number) == (verdict.ok, verdict.record)


def test_what_was_measured_may_be_changed(
    measured_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """Nothing follows from what was measured: without it, or with other values, a log still verifies."""
    lines = _lines(measured_path)
    changes: list[tuple[bytes, bytes]] = [
        (rb',"measured":\{.*\}\}$', b"}"),
        (rb'"latency_s":0\.25', b'"latency_s":99'),
        (rb'"run":"run"', b'"run":"renamed"'),
        (rb',"measured":\{.*\}\}$', b',"measured":{"new":[1,{"a":"b"}]}}'),
    ]
    for pattern, new in changes:
        changed = [re.sub(pattern, new, line.rstrip(b"\n")) + b"\n" for line in lines]
        assert lines != changed
        assert verdict_of(changed).reason == ""


def test_a_log_under_another_name_verifies(log_path: Path, tmp_path: Path) -> None:
    """A log may be copied and renamed."""
    path = tmp_path / "elsewhere.txt"
    path.write_bytes(log_path.read_bytes())
    assert verify(RunLog.open(path)).ok


@pytest.mark.parametrize(("which", "step"), [("small", 1), ("visit", 5)])
def test_a_cut_log_is_not_whole_wherever_it_was_cut(
    which: str, step: int, log_path: Path, small_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """A log cut after any record does not verify, and says that the rest is missing and what is there is true."""
    lines = _lines(small_path if which == "small" else log_path)
    for kept in range(1, len(lines), step):
        verdict = verdict_of(lines[:kept])
        assert (False, kept) == (verdict.ok, verdict.record)
        wanted = f"record {kept}: missing; the run was interrupted or the log was cut; what is there verifies"
        assert wanted == verdict.reason


def test_a_torn_log_says_that_its_last_line_is_torn(
    log_path: Path, verdict_of: Callable[[Sequence[bytes]], Verdict]
) -> None:
    """A log whose last line is half there is told apart from one that was cut between lines."""
    lines = _lines(log_path)
    verdict = verdict_of([*lines[:6], lines[6][:40]])
    assert (verdict.ok, verdict.record) == (False, 6)
    wanted = "record 6: missing; the run was interrupted or the log was cut, and its last line is torn; "
    assert wanted + "what is there verifies" == verdict.reason


def test_a_run_that_its_model_broke_off_is_not_whole(world: World, tmp_path: Path) -> None:
    """When a model fails in the middle, the log keeps the turns before and says that it is not whole."""
    script = Scripted()

    class Failing:
        name = "failing"
        description = {"name": "failing"}  # noqa: RUF012 - the protocol's own form

        def answer(self, request: Request) -> Reply:
            if request.situation.turn == 5:
                raise ModelError("no more")
            return script.answer(request)

    path = tmp_path / "run.jsonl"
    with pytest.raises(ModelError, match=r"^no more$"):
        play(world, path, seed=1, model=Failing())
    log = RunLog.open(path)
    verdict = verify(log)
    assert (False, 5, len(log.records)) == (verdict.ok, verdict.turns, verdict.record)
    assert verdict.reason.endswith("what is there verifies")


def test_two_prompts_never_share_a_digest(world: World) -> None:
    """The digest that calls are matched by tells apart what differs in one character or in who said it."""
    texts = [({"role": r, "content": c},) for r in ("system", "user") for c in ("", "a", "b", "a\n", "ab")]
    assert len(texts) == len({Prompt(t).digest for t in texts})
    assert functools.reduce(lambda a, b: a & b, ({len(Prompt(t).digest)} for t in texts)) == {32}
