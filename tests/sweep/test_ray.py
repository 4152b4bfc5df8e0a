"""The same rows from a real Ray cluster of two worker processes, and what is left of a worker that dies there.

One cluster serves all tests of a process, for it takes some seconds to begin; they are skipped where Ray is not
installed. Ray is not imported here, for it reads how it is to be when it is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.record.log import RunLog
from sim.sweep import ray_engine
from sim.sweep.engines import Engine, InProcess, Pool
from sim.sweep.plan import read_plan
from sim.sweep.ray_engine import Ray
from sim.sweep.results import Results
from sim.sweep.rows import Done
from sim.sweep.running import sweep
from tests.cli.running import is_alive, process
from tests.faults import Fault
from tests.provider import KEY, Provider
from tests.sweep.building import columns, rows, swept, write
from tests.sweep.test_engines import SALE, Killer
from tests.sweep.test_models import HEAD, models

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs pip install '.[ray]'")

MEASURED = SALE + "functions: {end: ends.py:end}\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ray]:
    """A cluster of this machine with two worker processes, which have the key of the local provider."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.delenv("RAY_ADDRESS", raising=False)
        with Ray(2) as engine:
            yield engine


def measured(folder: Path) -> Path:
    """An experiment with rules and with a function that measures."""
    (folder / "ends.py").write_text("def end(log):\n    return log.header.seed\n", encoding="utf-8")
    file = write(folder, MEASURED)
    (folder / "shop" / "rules.py").write_text("def nothing(told):\n    return 1\n", encoding="utf-8")
    return file


def test_rows_and_traces_are_the_same_on_a_cluster(cluster: Ray, tmp_path: Path) -> None:
    """In this process, in two, and on Ray, byte for byte; worlds and code are sent, so their files may be gone."""
    plan = read_plan(measured(tmp_path))
    shutil.rmtree(tmp_path / "shop")
    (tmp_path / "ends.py").unlink()
    engines: dict[str, Engine] = {"here": InProcess(), "two": Pool(2), "ray": cluster}
    for name, engine in engines.items():
        sweep(plan, tmp_path / name, engine)
    assert len(columns(tmp_path / "here")) == 36
    assert columns(tmp_path / "here") == columns(tmp_path / "two") == columns(tmp_path / "ray")
    for row in rows(tmp_path / "ray"):
        log = RunLog.open(tmp_path / "ray" / row["log"])
        log.check_chain()
        assert (log.trace, log.header.seed) == (row["trace"], row["measures"]["end"])
    assert len({row["measured"]["worker"] for row in rows(tmp_path / "ray")}) == 2
    assert not (tmp_path / "ray" / "runs" / ".part").exists()


def test_a_worker_that_is_killed_costs_only_its_run_which_ray_begins_again(cluster: Ray, tmp_path: Path) -> None:
    """Nothing is lost, nothing is there twice, and the rows are those of a sweep in which nobody dies."""
    file = write(tmp_path, SALE)
    swept(file, tmp_path / "here")
    with Killer(tmp_path / "ray", 1) as killer:
        swept(file, tmp_path / "ray", cluster)
    assert len(killer.ended) == 1
    assert columns(tmp_path / "ray") == columns(tmp_path / "here")


def test_a_run_whose_workers_die_again_and_again_is_a_failed_row(cluster: Ray, tmp_path: Path) -> None:
    """It is begun three times, as in processes; the others are played."""
    file = write(tmp_path, "experiment: sale\nworld: shop\nseeds: 3\nfunctions: {end: ends.py:end}\n")
    (tmp_path / "ends.py").write_text(
        "import os, signal\nfrom pathlib import Path\n\n\ndef end(log):\n    if log.header.seed == 2:\n"
        f"        with Path({str(tmp_path / 'begun')!r}).open('a') as file:\n            file.write('x')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n    return True\n",
        encoding="utf-8",
    )
    swept(file, tmp_path / "out", cluster)
    first, second, third = rows(tmp_path / "out")
    assert (first["status"], third["status"]) == ("done", "done")
    assert (second["status"], second["error"]) == ("failed", "the process of its worker died, 3 times")
    assert second["turns"] is None
    assert list(second) == list(first)
    assert (tmp_path / "begun").read_text(encoding="utf-8") == "xxx"


def _unseen(path: Path, data: bytes) -> None:
    """Put a file, but not the one by which workers see that they have the folder."""
    if path.suffix != ".sweep":
        ray_put(path, data)


ray_put = ray_engine._put


def test_logs_come_back_from_workers_that_do_not_see_the_results(
    cluster: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other machines; resumed, runs whose row was lost are measured, not played."""
    monkeypatch.setattr(ray_engine, "_put", _unseen)
    file, out = measured(tmp_path), tmp_path / "out"
    swept(file, tmp_path / "here")
    swept(file, out, cluster)
    assert columns(out) == columns(tmp_path / "here")
    assert [RunLog.open(out / row["log"]).trace for row in rows(out)] == [row["trace"] for row in rows(out)]
    kept = (out / "results.jsonl").read_bytes().splitlines(keepends=True)[:30]
    (out / "results.jsonl").write_bytes(b"".join(kept))
    (out / "runs" / "000035.jsonl.zst").unlink()
    swept(file, out, cluster, resume=True)
    assert columns(out) == columns(tmp_path / "here")
    is_played = [row["measured"]["seconds"] is not None for row in rows(out)]
    assert is_played == [True] * 30 + [False] * 5 + [True]


@pytest.mark.parametrize("begins_on_ray", [True, False])
def test_a_sweep_that_was_stopped_goes_on_in_another_engine(
    begins_on_ray: bool, cluster: Ray, tmp_path: Path
) -> None:
    """From Ray to this process, and back."""

    def stop(done: Done | None, results: Results) -> None:
        if done is not None and results.written > 8:
            raise KeyboardInterrupt

    first, second = (cluster, InProcess()) if begins_on_ray else (InProcess(), cluster)
    file, out = write(tmp_path, SALE), tmp_path / "out"
    swept(file, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        swept(file, out, first, watch=stop)
    kept = len(rows(out))
    assert 8 < kept < 36
    assert swept(file, out, second, resume=True).played == 36 - kept
    assert columns(out) == columns(tmp_path / "whole")


@pytest.mark.parametrize("engine", ["ray", pytest.param("pool", marks=pytest.mark.campaign)])
def test_a_worker_that_dies_in_mid_run_leaves_its_answers_to_the_next(
    engine: str, cluster: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Provider]
) -> None:
    """What was answered is in its log, so it is not asked, nor paid for, again."""
    monkeypatch.chdir(tmp_path)
    parts = tmp_path / "out" / "runs" / ".part"
    asked: list[int] = []

    def faults(_: int, __: dict[str, Any]) -> Fault | None:
        logs = list(parts.glob("000000.*/000000.jsonl"))
        asked.append(len(logs))
        if len(asked) == 2:
            os.kill(int(re.split(r"[.-]", logs[0].parent.name)[1]), signal.SIGKILL)
        return None

    server = serve(faults=faults)
    models(tmp_path, server)
    file = write(tmp_path, HEAD + "seeds: 1\nmodel: small\n")
    swept(file, tmp_path / "out", cluster if engine == "ray" else Pool(1))
    [row] = rows(tmp_path / "out")
    assert row["status"] == "done"
    assert len(asked) == row["calls"] + 1


def test_a_worker_without_the_key_of_a_model_ends_the_sweep(
    cluster: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver has it, and the workers were begun without it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    (tmp_path / "models.yaml").write_text(
        "models: {small: {url: 'http://127.0.0.1:9/v1', key: 'env:OTHER_KEY'}}\n", encoding="utf-8"
    )
    file = write(tmp_path, HEAD + "seeds: 2\nmodel: {seller: small}\n")
    with pytest.raises(DefinitionError) as caught:
        swept(file, tmp_path / "out", cluster)
    where = f"{socket.gethostname()}: {tmp_path / 'models.yaml'}:1"
    assert str(caught.value) == f"{where}: set OTHER_KEY to the key of 'small'"
    assert rows(tmp_path / "out") == []


def _below(root: int) -> set[int]:
    """The processes that a process has begun, and theirs."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, new = {root}, {root}
    while new := {child for child, parent in parents.items() if parent in new} - found:
        found |= new
    return found


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss")
def test_a_cluster_of_our_own_listens_on_the_loopback_interface_alone(cluster: Ray) -> None:
    """All of its processes, and no dashboard; so does this one, its driver."""
    told = subprocess.run(["ss", "-ltnpH"], capture_output=True, encoding="utf-8", check=True).stdout
    own = _below(os.getpid())
    lines = [line.split() for line in told.splitlines() if own & {int(p) for p in re.findall(r"pid=(\d+)", line)}]
    assert any("gcs_server" in words[-1] for words in lines)
    assert any("raylet" in words[-1] for words in lines)
    assert [
        words for words in lines if "127.0.0.1]" not in words[3] and not words[3].startswith("127.0.0.1:")
    ] == []


def test_an_address_that_nobody_answers_is_told_within_seconds(tmp_path: Path) -> None:
    """Nothing is begun; left to itself, Ray would try for minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    write(tmp_path, SALE)
    began = time.monotonic()
    done = process("sweep", "sale.yaml", "--engine", "ray", "--address", address, cwd=tmp_path)
    assert time.monotonic() - began < 20
    assert (done.code, done.out) == (2, "")
    assert done.err == f"sim: no Ray cluster answers at {address}: [Errno 111] Connection refused\n"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "'nowhere' is no address of a Ray cluster; it looks like 10.0.0.1:6379, or auto"),
        ("127.0.0.1:port", "'127.0.0.1:port' is no address of a Ray cluster; it looks like 10.0.0.1:6379, or auto"),
        (
            "ray://head:10001",
            "ray://head:10001 is for interactive sessions, and a sweep would end with its connection; run it on "
            "a machine of the cluster with --address auto, by hand or by 'ray job submit'",
        ),
    ],
)
def test_what_is_no_address_of_a_cluster_is_refused(address: str, message: str) -> None:
    """With what one looks like."""
    with pytest.raises(DefinitionError) as caught, Ray(1, address):
        pass
    assert str(caught.value) == message


def test_something_else_at_an_address_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and never says a word of Ray."""
    monkeypatch.setattr(ray_engine, "ANSWER_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(DefinitionError) as caught, Ray(1, address):
            pass
    assert str(caught.value) == f"no Ray cluster answers at {address} within 2 s"


COMMAND = [sys.executable, "-c", "from sim.cli import main; main()", "sweep", "sale.yaml", "--engine", "ray"]


@pytest.mark.campaign
def test_the_command_plays_on_a_cluster_that_is_there_and_prints_nothing_of_rays(
    cluster: Ray, tmp_path: Path
) -> None:
    """By its address, though a worker is killed meanwhile."""
    import ray  # noqa: PLC0415 - the cluster has set how it is to be

    file = write(tmp_path, SALE.replace("seeds: 12", "seeds: 60"))
    address = ray.get_runtime_context().gcs_address
    with Killer(tmp_path / "out", 1) as killer:
        done = process(*COMMAND[3:], "--address", address, "--out", "out", "--json", cwd=tmp_path)
    assert len(killer.ended) == 1
    assert (done.code, done.json["cells"], done.json["done"] + done.json["failed"]) == (0, 180, 180)
    swept(file, tmp_path / "here")
    assert columns(tmp_path / "out") == columns(tmp_path / "here")


@pytest.mark.campaign
@pytest.mark.parametrize(("kind", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_cluster_of_our_own_ends_with_the_command(kind: signal.Signals, code: int, tmp_path: Path) -> None:
    """When it is interrupted and when it is killed; what is there goes on in processes."""
    file = write(tmp_path, SALE.replace("seeds: 12", "seeds: 300"))
    out = tmp_path / "results" / "sale"
    begun = subprocess.Popen([*COMMAND, "-j", "2"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    ends = time.monotonic() + 60
    while time.monotonic() < ends and not ((out / "results.jsonl").exists() and rows(out)):
        time.sleep(0.01)
    # Agents of Ray's notice only after a minute that their cluster is gone; they play nothing.
    own = [n for n in _below(begun.pid) if b"Agent" not in Path(f"/proc/{n}/cmdline").read_bytes()]
    begun.send_signal(kind)
    told, err = begun.communicate(timeout=60)
    assert (begun.returncode, told) == (code, b"")
    said = "stopped; 'sim sweep sale.yaml --resume' goes on with results/sale\n"
    assert err.decode() == (said if kind == signal.SIGINT else "")
    ends = time.monotonic() + 30
    while time.monotonic() < ends and any(map(is_alive, own)):
        time.sleep(0.05)
    assert [number for number in own if is_alive(number)] == []
    assert 0 < len(rows(out)) < 900
    swept(file, out, Pool(2), resume=True)
    assert len(rows(out)) == 900
