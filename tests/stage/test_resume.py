"""Going on with a run that stopped: wherever that was, the log comes out as if it had not."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.errors import BudgetError, DefinitionError, MismatchError, ModelError, RunLogError
from sim.models import catalog
from sim.models.budget import Budget
from sim.models.model import Model, Reply, Request
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog, spare_path
from sim.record.records import Usage
from sim.stage.casting import models_for, speakers
from sim.stage.providers import Providers
from sim.stage.resume import budget_of, live_models, resumed, spent_of, world_of
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import of, write_world
from tests.building import world_of as made_of

WORLDS = Path(__file__).resolve().parents[2] / "worlds"
USED = Usage(prompt=200, completion=50, is_estimated=False)


def go_on(path: Path, models: Model | None = None, **options: Any) -> RunLog:
    """Go on with a log, in a plain loop."""
    log = RunLog.open(path)
    world = world_of(log)
    given = {"*": models} if models is not None else live_models(world, log.header, Providers(catalog.load()))
    with LogWriter.after(log) as writer:
        resumed(log, world, models_for(world, given, seed=log.header.seed), writer, **options).play()
    return RunLog.open(path)


def bare(path: Path) -> list[dict[str, Any]]:
    """The records of a log without what was only measured."""
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [{k: v for k, v in record.items() if k != "measured"} for record in records]


@functools.cache
def _straight(name: str, language: str) -> tuple[World, bytes]:
    """A world with the log of a run that did not stop."""
    world = sim.load(WORLDS / name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        sim.run(world, seed=7, language=language, out=path)
        return world, path.read_bytes()


@settings(max_examples=15)
@given(
    st.sampled_from(["hospital_visit", "werewolf", "number_chain", "company_meeting"]),
    st.sampled_from(["en", "zh"]),
    st.data(),
)
def test_a_run_cut_anywhere_goes_on_to_the_same_log(
    tmp_path_factory: pytest.TempPathFactory, name: str, language: str, data: st.DataObject
) -> None:
    """Record for record, but for what was measured; even cut twice, and in the middle of a line."""
    _, whole = _straight(name, language)
    folder = tmp_path_factory.mktemp("cut")
    straight, path = folder / "straight.jsonl", folder / "run.jsonl"
    straight.write_bytes(whole)
    path.write_bytes(whole)
    for _ in range(data.draw(st.integers(1, 2))):
        now = path.read_bytes()
        path.write_bytes(now[: data.draw(st.integers(now.index(b"\n"), len(now) - 2))])
        log = go_on(path)
        assert log.is_complete
    assert bare(path) == bare(straight)
    assert log.trace == RunLog.open(straight).trace
    assert verify(log).reason == ""
    assert not spare_path(path).exists()


def test_a_log_cut_within_its_header_is_no_log(tmp_path: Path) -> None:
    """There is nothing to go on from."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(_straight("hospital_visit", "en")[1][:500])
    with pytest.raises(RunLogError, match="is not a run log"):
        go_on(path)


def test_a_whole_record_without_its_line_break_counts(tmp_path: Path) -> None:
    """The break is written before the next."""
    path, whole = tmp_path / "run.jsonl", _straight("hospital_visit", "en")[1]
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]).removesuffix(b"\n"))
    assert go_on(path).records[:9] == RunLog.open(path).records[:9]
    assert path.read_bytes().startswith(b"".join(lines[:9]))


def test_a_complete_log_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    path, whole = tmp_path / "run.jsonl", _straight("hospital_visit", "en")[1]
    path.write_bytes(whole)
    with pytest.raises(RunLogError, match="run has come to its end; there is nothing to go on with"):
        go_on(path)
    assert path.read_bytes() == whole


def _in_bytes(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_a_changed_log_is_refused(tmp_path: Path) -> None:
    """Its chain of hashes tells, or the world that does not give its records."""
    path, whole = tmp_path / "run.jsonl", _straight("hospital_visit", "en")[1]
    lines = whole.splitlines(keepends=True)[:-4]
    path.write_bytes(b"".join(lines))
    _in_bytes(path, b'"speaker":"patient"', b'"speaker":"doctor"')
    with pytest.raises(RunLogError, match="was changed"):
        go_on(path)


def test_a_log_that_its_world_does_not_give_is_refused(tmp_path: Path) -> None:
    """Though its hashes fit; nothing is added to it."""
    path, whole = tmp_path / "run.jsonl", _straight("hospital_visit", "en")[1]
    records = [json.loads(line) for line in whole.splitlines()][:-4]
    first = next(r for r in records if r["type"] == "turn")
    first["minutes"] += 1
    with LogWriter(path) as log:
        for record in records:
            fields = {k: v for k, v in record.items() if k not in {"seq", "type", "hash", "measured"}}
            log.append(record["type"], fields, record.get("measured"))
    before = path.read_bytes()
    with pytest.raises(MismatchError, match=f"record {first['seq']}"):
        go_on(path)
    assert path.read_bytes() == before


class Paid:
    """A model whose calls cost a cent and 250 tokens; it does what ``say`` gives, and fails at what is an error."""

    name = "paid"
    description = {"name": "paid"}  # noqa: RUF012 - never changed
    is_remote = True

    def __init__(self, say: Callable[[Request], str | Exception]) -> None:
        self._say = say
        self.asked: list[tuple[str, int]] = []

    def answer(self, request: Request) -> Reply:
        self.asked.append((request.role, request.turn))
        said = self._say(request)
        if isinstance(said, Exception):
            raise said
        return Reply(said, USED, Decimal("0.01"), "USD")


def words(request: Request) -> str:
    return f"{request.role} {request.turn}"


def start(world: World, path: Path, model: Model, budget: Budget | None = None) -> None:
    """Run a world, which may stop."""
    with LogWriter(path) as log:
        Run(world, settings_for(world, seed=1), dict.fromkeys(speakers(world), model), log, budget=budget).play()


def one_by_one() -> World:
    return made_of(
        {
            "world": "talk",
            "roles": {"ann": "ann", "bob": "bob"},
            "states": {"talk": {"speakers": ["ann", "bob"], "go": [{"to": "over", "after": {"turns": 6}}]}},
            "start": "talk",
            "ends": ["over"],
            "limits": {"utterance": 100},
        }
    )


def at_once() -> World:
    """Four who speak at once, twice."""
    return made_of(
        {
            "world": "at_once",
            "roles": {"P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"]}},
            "states": {
                "all": {"speakers": "P", "order": "simultaneous", "go": [{"to": "over", "after": {"rounds": 2}}]}
            },
            "start": "all",
            "ends": ["over"],
        }
    )


def test_a_run_that_stops_at_its_budget_goes_on_with_more(tmp_path: Path) -> None:
    """What it has spent counts; nothing is asked twice; the log is as one that never stopped."""
    path, straight, model, world = tmp_path / "run.jsonl", tmp_path / "straight.jsonl", Paid(words), one_by_one()
    start(world, straight, Paid(words))
    with pytest.raises(BudgetError):
        start(world, path, model, Budget(1000))
    stopped = RunLog.open(path)
    calls = len(of(stopped, "call"))
    assert calls == 3
    assert budget_of(stopped) == (1000, None)
    spent = spent_of(stopped)
    assert spent == {"spent_tokens": 250 * calls, "spent": Decimal("0.01") * calls}
    with pytest.raises(BudgetError):
        go_on(path, model, budget=Budget(calls * 250 + 10, **spent))
    assert RunLog.open(path).records == stopped.records
    again = Budget(100_000, **spent)
    log = go_on(path, model, budget=again)
    assert [turn for _, turn in model.asked] == [1, 2, 3, 4, 5, 6]
    assert (again.spent_tokens, again.spent) == (1500, Decimal("0.06"))
    assert bare(path)[1:] == bare(straight)[1:]
    assert verify(log).reason == ""


def test_a_model_that_failed_is_asked_again_with_what_it_cost_before(tmp_path: Path) -> None:
    """What was paid for in vain stands in the log once."""
    path, world = tmp_path / "run.jsonl", one_by_one()
    half = Reply("half", USED, Decimal("0.01"), "USD")
    with pytest.raises(ModelError):
        start(world, path, Paid(lambda r: ModelError("down", (half,)) if r.turn == 3 else words(r)))
    with pytest.raises(ModelError):
        go_on(path, Paid(lambda r: ModelError("down", (half,))))
    log = go_on(path, Paid(words))
    assert [(c.turn, c.purpose) for c in of(log, "call")][2:5] == [(3, "retry"), (3, "retry"), (3, "turn")]
    assert verify(log).reason == ""


def fails(*roles: str, at: int = 5) -> Callable[[Request], str | Exception]:
    """Some fail from a turn on, with half an answer that had to be paid for."""
    half = Reply("half", USED, Decimal("0.01"), "USD")
    return lambda r: ModelError(f"{r.role} is down", (half,)) if r.role in roles and r.turn >= at else words(r)


def test_answers_given_while_another_failed_are_kept_beside_the_log(tmp_path: Path) -> None:
    """They are counted, they are not asked for again, and at the end their file is gone."""
    path, straight, world = tmp_path / "run.jsonl", tmp_path / "straight.jsonl", at_once()
    start(world, straight, Paid(words))
    with pytest.raises(ModelError, match="P2 is down"):
        start(world, path, Paid(fails("P2")))
    stopped = RunLog.open(path)
    assert [(c.role, c.turn) for c in stopped.spare] == [("P3", 7), ("P4", 8)]
    assert [(c.role, c.purpose) for c in of(stopped, "call")][4:] == [("P1", "turn"), ("P2", "retry")]
    assert (ledger([stopped]).total.calls, spent_of(stopped)["spent_tokens"]) == (8, 8 * 250)
    model = Paid(words)
    log = go_on(path, model)
    assert model.asked == [("P2", 6)]
    assert not spare_path(path).exists()
    assert ledger([log]).total.calls == 9
    assert [r for r in bare(path) if r.get("purpose") != "retry"][-1]["outcomes"] == {"over": 1}
    assert [t.text for t in of(log, "turn")] == [t.text for t in of(RunLog.open(straight), "turn")]
    assert verify(log).reason == ""


def test_who_fails_again_and_again_costs_the_others_nothing(tmp_path: Path) -> None:
    """What is kept beside the log is kept once, what was paid for in vain as often as it was."""
    path, world = tmp_path / "run.jsonl", at_once()
    with pytest.raises(ModelError):
        start(world, path, Paid(fails("P1", "P3")))
    for times in (2, 3):
        model = Paid(fails("P1", "P3"))
        with pytest.raises(ModelError):
            go_on(path, model)
        assert sorted(model.asked) == [("P1", 5), ("P3", 7)]
        spare = RunLog.open(path).spare
        assert sorted((c.role, c.purpose) for c in spare) == [
            ("P2", "turn"), *[("P3", "retry")] * times, ("P4", "turn"),
        ]  # fmt: skip
    log = go_on(path, Paid(words))
    purposes = [(c.role, c.purpose) for c in of(log, "call")][4:]
    in_vain = {role: [(role, "retry")] * 3 for role in ("P1", "P3")}
    assert purposes == [
        *in_vain["P1"],
        ("P1", "turn"),
        ("P2", "turn"),
        *in_vain["P3"],
        ("P3", "turn"),
        ("P4", "turn"),
    ]
    assert verify(log).reason == ""


@settings(max_examples=15)
@given(st.floats(0, 1))
def test_a_crash_while_kept_answers_take_their_place_loses_none(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """Those that have their place are not counted twice, the others are still beside the log."""
    folder = tmp_path_factory.mktemp("spare")
    path, world = folder / "run.jsonl", at_once()
    with pytest.raises(ModelError):
        start(world, path, Paid(fails("P1", "P3")))
    with pytest.raises(ModelError):
        go_on(path, Paid(fails("P1", "P3")))
    before, spare = path.read_bytes(), spare_path(path).read_bytes()
    whole = go_on(path, Paid(words))
    records, data = bare(path), path.read_bytes()
    path.write_bytes(data[: len(before) + int(share * (len(data) - len(before) - 2))])
    spare_path(path).write_bytes(spare)
    calls = ledger([RunLog.open(path)]).total.calls
    assert calls >= ledger([whole]).total.calls - 3  # the answers of P1 and P3, and what was being written
    model = Paid(words)
    again = go_on(path, model)
    assert {role for role, _ in model.asked} <= {"P1", "P3"}
    assert bare(path) == records
    assert verify(again).reason == ""


def test_a_torn_line_beside_the_log_is_passed_over(tmp_path: Path) -> None:
    """Also where another was written after it."""
    path, world = tmp_path / "run.jsonl", at_once()
    with pytest.raises(ModelError):
        start(world, path, Paid(fails("P2")))
    spare = spare_path(path)
    spare.write_bytes(spare.read_bytes()[:-40])
    assert [c.role for c in RunLog.open(path).spare] == ["P3"]
    with pytest.raises(ModelError):
        go_on(path, Paid(fails("P2")))
    assert [c.role for c in RunLog.open(path).spare] == ["P3", "P4"]


def test_what_is_left_of_a_log_that_was_deleted_counts_for_no_other(tmp_path: Path) -> None:
    """A new run of the same name begins with nothing beside it."""
    path, world = tmp_path / "run.jsonl", at_once()
    with pytest.raises(ModelError):
        start(world, path, Paid(fails("P2")))
    path.unlink()
    LogWriter(path).close()
    assert not spare_path(path).exists()


def test_a_world_with_code_goes_on_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is still the same, in whichever of its languages; its functions are called where the log ends."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "worlds" / "coded"
    text = {
        "world": "coded",
        "languages": ["en", "zh"],
        "roles": {"ann": "ann", "bob": "bob"},
        "states": {
            "talk": {
                "speakers": ["ann", "bob"],
                "order": "rule",
                "rule": "pick",
                "go": [{"to": "over", "after": {"turns": 6}}],
            }
        },
        "start": "talk",
        "ends": ["over"],
        "lines": {"talk": {"ann": [{"say": {"en": "Hello.", "zh": "你好。"}}]}},
    }
    write_world(folder, text, "def pick(told, candidates):\n    return candidates[0]\n")
    sim.run("coded", language="zh", out=tmp_path / "straight.jsonl", seed=1)
    path = tmp_path / "run.jsonl"
    lines = (tmp_path / "straight.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]))
    go_on(path)
    assert bare(path) == bare(tmp_path / "straight.jsonl")
    path.write_bytes(b"".join(lines[:9]))
    text["title"] = "Coded"
    (folder / "world.yaml").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(DefinitionError, match="the world 'coded' was changed since; run cannot go on with it"):
        go_on(path)
    touched = tmp_path / "touched"
    (folder / "rules.py").write_text(
        f"open({str(touched)!r}, 'w')\ndef pick(told, candidates):\n    return 'ann'\n"
    )
    with pytest.raises(DefinitionError, match=r"rules\.py was changed since: its hash is not the one in the log"):
        go_on(path)
    assert not touched.exists()  # what is not the code of the log is not run
