"""What workers of other machines are given, and what they give back where they do not see the results."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from sim.errors import DefinitionError, RunLogError
from sim.record.log import RunLog
from sim.sweep.plan import read_plan
from sim.sweep.shipping import Player, Shipment, names_of
from sim.sweep.worker import Job
from tests.sweep.building import write

SALE = "experiment: sale\nworld: shop\nseeds: 2\nfunctions: {end: ends.py:end}\n"
MODEL = "models:\n  small:\n    url: http://127.0.0.1:9/v1\n    key: {key}\n"


def shipped(folder: Path, text: str = SALE) -> Shipment:
    """The shipment of an experiment whose files are gone."""
    (folder / "ends.py").write_text("def end(log):\n    return log.header.seed\n", encoding="utf-8")
    shipment = Shipment.of("token", read_plan(write(folder, text)), folder / "out", "off")
    (folder / "ends.py").unlink()
    return shipment


def test_a_worker_that_sees_the_results_writes_its_log_there(tmp_path: Path) -> None:
    """By the file that the driver put there."""
    shipment = shipped(tmp_path)
    shipment.mark.parent.mkdir(parents=True)
    shipment.mark.touch()
    told = Player(shipment, "here").play(Job(1), {})
    assert isinstance(told, tuple)
    done, log = told
    assert (done.cell, done.status, log) == (1, "done", None)
    assert RunLog.open(tmp_path / "out" / "runs" / "000001.jsonl.zst").is_complete


def test_a_worker_that_does_not_see_them_sends_its_log_back(tmp_path: Path) -> None:
    """The row is the same but for its measures, and nothing is left behind with the worker."""
    shipment = shipped(tmp_path)
    apart = Player(shipment, "there")
    told = apart.play(Job(0), {})
    assert isinstance(told, tuple)
    done, log = told
    assert log is not None
    (tmp_path / "back.jsonl.zst").write_bytes(log)
    assert RunLog.open(tmp_path / "back.jsonl.zst").header.seed == 1
    assert not (tmp_path / "out").exists()
    shipment.mark.parent.mkdir(parents=True)
    shipment.mark.touch()
    there = Player(shipment, "here").play(Job(0), {})
    assert isinstance(there, tuple)
    assert done.line.partition(b',"measured":')[0] == there[0].line.partition(b',"measured":')[0]
    again = apart.play(Job(0, is_again=True), {names_of(0)[0]: log})
    assert isinstance(again, tuple)
    assert again[1] == log
    assert b'"measured":{"seconds":null' in again[0].line


def test_what_breaks_one_run_is_a_failed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what no run can go on after is given back to the driver."""
    shipment = shipped(tmp_path)
    player = Player(shipment, "here")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    with monkeypatch.context() as patch:
        patch.setattr("sim.sweep.worker.settings_for", broken)
        told = player.play(Job(0), {})
    assert isinstance(told, tuple)
    assert told[0].status == "failed"
    assert json.loads(told[0].line)["error"] == "its worker failed: ZeroDivisionError: oh"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert isinstance(player.play(Job(0), {}), RunLogError)


def test_all_machines_need_the_same_version(tmp_path: Path) -> None:
    """Another one might play otherwise."""
    with pytest.raises(DefinitionError) as caught:
        Player(replace(shipped(tmp_path), version="0.0.1"), "here")
    here, this = socket.gethostname(), version("roleplay-sim")
    assert str(caught.value) == (
        f"{here} has roleplay-sim {this}, and the sweep is played with 0.0.1; all machines need the same"
    )


def test_a_worker_without_the_key_of_a_model_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it plays, for each of its runs would fail; the file of models is sent, and no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMALL_KEY", "sk-secret")
    file = tmp_path / "models.yaml"
    file.write_text(MODEL.format(key="env:SMALL_KEY"), encoding="utf-8")
    shipment = shipped(tmp_path, SALE + "model: small\n")
    file.unlink()
    monkeypatch.delenv("SMALL_KEY")
    with pytest.raises(DefinitionError) as caught:
        Player(shipment, "here")
    assert str(caught.value) == f"{socket.gethostname()}: {file}:2: set SMALL_KEY to the key of 'small'"
    assert b"sk-secret" not in repr(shipment).encode()


def test_a_key_in_the_file_of_models_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would lie in the memory, and perhaps on the disks, of a cluster."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "models.yaml"
    file.write_text(MODEL.format(key="sk-secret"), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        shipped(tmp_path, SALE + "model: small\n")
    assert str(caught.value) == (
        f"{file}:2: the key of 'small' stands in the file, and keys are not sent to workers; write env:NAME, and "
        "set NAME on every machine"
    )
