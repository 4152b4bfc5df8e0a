"""Going on with other models: the log says who answers from where on, and the whole of it still holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.errors import ModelError
from sim.models.model import Model, Reply, Request
from sim.models.recorded import models_at_end
from sim.read.audit import audit
from sim.read.diff import diff
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Usage
from sim.stage.casting import speakers
from sim.stage.resume import others, resumed, world_of
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import of, words
from tests.building import world_of as made_of
from tests.read.forging import records_of

USED = Usage(prompt=200, completion=50, is_estimated=False)

Say = Callable[[Request], str]


class Named:
    """A model of a name, with a window, that may fail."""

    is_remote = True

    def __init__(self, name: str, say: Say = words, *, window: int | None = None, fails_at: int = 99) -> None:
        self.name = name
        told = {"name": name, "base_url": "http://127.0.0.1:1/v1", "window": window, "vocabulary": "cl100k_base"}
        self.description: Mapping[str, Any] = {k: v for k, v in told.items() if v is not None}
        self.asked: list[Request] = []
        self._say = say
        self._fails_at = fails_at

    def answer(self, request: Request) -> Reply:
        if request.turn >= self._fails_at:
            raise ModelError(f"{self.name} is down")
        self.asked.append(request)
        return Reply(self._say(request), USED, None, None, {}, self.name)


def talk(turns: int = 8, **more: Any) -> World:
    return made_of(
        {
            "world": "talk",
            "languages": ["en"],
            "roles": {"ann": "ann", "bob": "bob"},
            "states": {"talk": {"speakers": ["ann", "bob"], "go": [{"to": "over", "after": {"turns": turns}}]}},
            "start": "talk",
            "ends": ["over"],
            "limits": {"utterance": 200},
            **more,
        }
    )


def at_once() -> World:
    return made_of(
        {
            "world": "at_once",
            "languages": ["en"],
            "roles": {"P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"]}},
            "states": {
                "all": {"speakers": "P", "order": "simultaneous", "go": [{"to": "over", "after": {"rounds": 3}}]}
            },
            "start": "all",
            "ends": ["over"],
            "limits": {"utterance": 200},
        }
    )


def start(world: World, path: Path, model: Model | Mapping[str, Model]) -> None:
    models = model if isinstance(model, Mapping) else dict.fromkeys(speakers(world), model)
    with LogWriter(path) as log:
        Run(world, settings_for(world, seed=1), models, log).play()


def go_on(path: Path, given: Mapping[str, Model], before: Model) -> RunLog:
    log = RunLog.open(path)
    world = world_of(log)
    changed = others(world, given)
    cast = dict.fromkeys(speakers(world), before) | changed
    with LogWriter.after(log) as writer:
        resumed(log, world, cast, writer, changed=set(changed)).play()
    return RunLog.open(path)


def long(request: Request) -> str:
    return f"{request.role} {request.turn} " + "word " * 30


def holds(log: RunLog) -> None:
    assert verify(log).reason == ""
    assert [c for c in audit(log).checks if not c.ok] == []


def test_the_log_says_who_answers_from_where_on(tmp_path: Path) -> None:
    """What the former model answered stays its own; the whole verifies, and adds up."""
    path, world, new = tmp_path / "run.jsonl", talk(), Named("new")
    with pytest.raises(ModelError):
        start(world, path, Named("old", fails_at=4))
    log = go_on(path, {"bob": new}, Named("old"))
    assert [c.model for c in of(log, "call")] == ["old"] * 3 + ["new", "old", "new", "old", "new"]
    [note] = of(log, "resumed")
    assert (note.models, note.kept) == ({"bob": new.description}, [])
    assert log.records[note.seq + 1].type == "call"
    assert [row.key for row in ledger([log], "model").rows] == ["old", "new"]
    assert models_at_end(log.header, log.records)["bob"]["name"] == "new"
    holds(log)


def test_the_same_model_is_not_noted(tmp_path: Path) -> None:
    """Then the log is as one that never stopped."""
    path, straight, world = tmp_path / "run.jsonl", tmp_path / "straight.jsonl", talk()
    start(world, straight, Named("old"))
    with pytest.raises(ModelError):
        start(world, path, Named("old", fails_at=4))
    log = go_on(path, {"*": Named("old")}, Named("old"))
    assert log.trace == RunLog.open(straight).trace


@pytest.mark.parametrize("made", [talk, at_once])
def test_it_may_change_again_and_again(made: Callable[[], World], tmp_path: Path) -> None:
    """Each time the log is whole as far as it goes."""
    path, world = tmp_path / "run.jsonl", made()
    with pytest.raises(ModelError):
        start(world, path, Named("a", fails_at=3))
    with pytest.raises(ModelError):
        go_on(path, {"*": Named("b", fails_at=6)}, Named("a"))
    assert verify(RunLog.open(path)).reason.endswith("what is there verifies")
    log = go_on(path, {"*": Named("c")}, Named("b"))
    assert {c.model for c in of(log, "call")} == {"a", "b", "c"}
    assert len(of(log, "resumed")) == 2
    holds(log)


@pytest.mark.parametrize("cut", [{}, {"context": {"cut": "summarise"}}])
@pytest.mark.parametrize(("first", "then"), [(700, 500), (500, 700), (None, 500), (500, None)])
def test_each_prompt_is_cut_to_the_window_of_who_was_asked(
    first: int | None, then: int | None, cut: dict[str, Any], tmp_path: Path
) -> None:
    """Before the change and after it, when the log is verified too."""
    path, world = tmp_path / "run.jsonl", talk(14, **cut)
    with pytest.raises(ModelError):
        start(world, path, Named("old", long, window=first, fails_at=9))
    new = Named("new", long, window=then)
    log = go_on(path, {"*": new}, Named("old", long, window=first))
    holds(log)
    if then is not None and not cut:
        lines = [len(request.prompt.messages[1]["content"].splitlines()) for request in new.asked]
        assert max(lines) < 14
    assert first == then or log.trace != _straight(world, tmp_path / "straight.jsonl", first).trace


def _straight(world: World, path: Path, window: int | None) -> RunLog:
    start(world, path, Named("old", long, window=window))
    return RunLog.open(path)


@pytest.mark.parametrize(("first", "then"), [(700, 480), (480, 700)])
def test_answers_that_were_kept_are_those_of_the_model_before(first: int, then: int, tmp_path: Path) -> None:
    """Where all speak at once and one failed; they stand after the note, and were asked for with its window."""
    path, world = tmp_path / "run.jsonl", at_once()
    model, failing = Named("old", long, window=first), Named("old", long, window=first, fails_at=10)
    with pytest.raises(ModelError):
        start(world, path, {"P1": model, "P2": failing, "P3": model, "P4": model})
    kept = [(c.role, c.turn) for c in RunLog.open(path).spare]
    assert kept == [("P3", 11), ("P4", 12)]
    new = Named("new", long, window=then)
    log = go_on(path, {"*": new}, model)
    [note] = of(log, "resumed")
    assert [(k.role, k.turn, k.purpose) for k in note.kept] == [("P3", 11, "turn"), ("P4", 12, "turn")]
    assert [(c.role, c.model) for c in of(log, "call") if c.seq > note.seq] == [
        ("P2", "new"),
        ("P3", "old"),
        ("P4", "old"),
    ]
    holds(log)


def test_by_all_are_meant_those_that_a_model_plays(tmp_path: Path) -> None:
    """Not who plays by itself; a role or an agent may be named."""
    world = made_of(
        {
            "world": "ruled",
            "roles": {"P": {"count": 2, "personas": ["ann", "bob"]}, "cai": {"persona": "cai", "kind": "human"}},
            "states": {"talk": {"speakers": ["P", "cai"], "go": [{"to": "over", "after": {"turns": 6}}]}},
            "start": "talk",
            "ends": ["over"],
        }
    )
    a, b = Named("a"), Named("b")
    assert others(world, {"*": a}) == {"P1": a, "P2": a}
    assert others(world, {"P": a, "P2": b}) == {"P1": a, "P2": b}
    assert others(world, {"cai": a, "*": b}) == {"P1": b, "P2": b, "cai": a}


def test_a_note_that_does_not_belong_is_found(tmp_path: Path) -> None:
    """Of a role that the world does not have, or after the end; and an answer of a model that nobody noted."""
    path, world = tmp_path / "run.jsonl", talk()
    with pytest.raises(ModelError):
        start(world, path, Named("old", fails_at=4))
    log = go_on(path, {"*": Named("new")}, Named("old"))
    at = of(log, "resumed")[0].seq

    def forged(name: str, edit: Callable[[list[dict[str, Any]]], Any]) -> tuple[bool, int | None]:
        from tests.read.forging import forge  # noqa: PLC0415 - named by what it does here alone

        records = records_of(path)
        edit(records)
        verdict = verify(forge(records, tmp_path / name))
        return verdict.ok, verdict.record

    assert forged("same", lambda r: None) == (True, None)
    assert forged("role", lambda r: r[at].update(models={"eve": {"name": "x"}})) == (False, at)
    assert forged("late", lambda r: r.append(r[at])) == (False, len(log.records))
    assert forged("gone", lambda r: r.pop(at)) == (False, at)
    assert forged("other", lambda r: r[at + 1].update(model="old")) == (True, None)  # it had been asked for before
    assert forged("unknown", lambda r: r[at + 1].update(model="third")) == (False, at + 1)


def test_two_runs_that_went_on_otherwise_differ_by_their_models(tmp_path: Path) -> None:
    """As if they had begun so."""
    paths, world = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"], talk()
    for path, name in zip(paths, ("b", "c"), strict=True):
        with pytest.raises(ModelError):
            start(world, path, Named("a", fails_at=4))
        go_on(path, {"*": Named(name)}, Named("a"))
    found = diff(*map(RunLog.open, paths))
    assert (found.settings, found.first) == (("models",), None)
