"""What all tests share: the hospital visit as a world, one finished run of it, and servers that act as models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import sim
from sim.world.world import World
from tests.provider import KEY, Provider

settings.register_profile("sim", deadline=None, print_blob=True)
settings.load_profile("sim")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_files_of_the_user(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Keep the user's configuration, cache and limits out of the tests, and the tests out of them."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    folder = tmp_path_factory.getbasetemp() / "user" / name
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CACHE", "STATE", "CONFIG"):
            patch.setenv(f"XDG_{kind}_HOME", str(folder / kind.lower()))
        yield


@pytest.fixture(scope="session")
def world() -> World:
    """The hospital visit, checked and ready to be run."""
    return sim.load(ROOT / "worlds" / "hospital_visit")


@pytest.fixture(scope="session")
def log_path(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a finished scripted run in Chinese with seed 7; read it, never change it."""
    path = tmp_path_factory.mktemp("run") / "visit.jsonl"
    sim.run(world, seed=7, language="zh", out=path)
    return path


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Provider]]:
    """Start servers on loopback, with what `Provider` takes; the key is in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    servers: list[Provider] = []

    def start(*given: Any, **options: Any) -> Provider:
        servers.append(Provider(*given, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
