"""The pytest plugin: the cases beside worlds are collected as tests.

A YAML file is collected if it stands in a folder ``tests`` of a folder that has a ``world.yaml``. Nothing else of
the package is imported before such a file is found, and AutoGen never is.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sim.cases.reading import Trial
    from sim.cases.trying import Bench

_OPTION = "--update-golden"
_WORLDS = ("world.yaml", "*/world.yaml", "worlds/*/world.yaml")
"""Where worlds are, seen from the folder in which pytest is started."""


@pytest.hookimpl(trylast=True)
def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden`` where there are worlds, unless another plugin has an option of that name."""
    if not any(next(Path().glob(pattern), None) for pattern in _WORLDS) or _is_taken(parser):
        return
    group = parser.getgroup("roleplay-sim", "cases of role-play worlds")
    with contextlib.suppress(ValueError, argparse.ArgumentError):
        words = "write the golden transcripts of worlds anew"
        group.addoption(_OPTION, dest="update_golden", action="store_true", default=False, help=words)


def _is_taken(parser: pytest.Parser) -> bool:
    """Whether there is such an option; before pytest 9 a second one is told only when options are read."""
    groups = [getattr(parser, "_anonymous", None), *getattr(parser, "_groups", ())]
    options = [option for group in groups for option in getattr(group, "options", ())]
    return any(_OPTION in option.names() for option in options)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CasesOfWorld | None:
    """Collect a file of cases."""
    if file_path.suffix not in {".yaml", ".yml"} or file_path.parent.name != "tests":
        return None
    if not (file_path.parent.parent / "world.yaml").is_file():
        return None
    return CasesOfWorld.from_parent(parent, path=file_path)


_BENCH = pytest.StashKey["Bench"]()


def _bench(config: pytest.Config) -> Bench:
    """Where all cases of a session are tried, so that each world is loaded once."""
    from sim.cases.play import Worlds  # noqa: PLC0415 - most sessions have no cases
    from sim.cases.trying import Bench  # noqa: PLC0415

    if _BENCH not in config.stash:
        config.stash[_BENCH] = Bench(Worlds(), bool(config.getoption("update_golden", default=False)))
    return config.stash[_BENCH]


class CaseFailedError(Exception):
    """A case did not come out as expected; its text is what is shown."""


class CasesOfWorld(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator[CaseOfWorld]:
        """A test for each run of each case."""
        from sim.cases.reading import read_cases  # noqa: PLC0415 - most sessions have no cases
        from sim.errors import SimError  # noqa: PLC0415

        try:
            trials = read_cases(self.path, self.path.parent.parent / "world.yaml")
        except SimError as error:
            raise self.CollectError(str(error)) from None
        for trial in trials:
            yield CaseOfWorld.from_parent(self, name=trial.title, trial=trial)


class CaseOfWorld(pytest.Item):
    """One run of a case."""

    def __init__(self, *, trial: Trial, **more: Any) -> None:
        super().__init__(**more)
        self._trial = trial

    def runtest(self) -> None:
        """Play and judge it.

        Raises:
            CaseFailedError: if it did not come out as expected.
        """
        verdict = _bench(self.config).attempt(self._trial)
        if not verdict.ok:
            raise CaseFailedError("\n".join(map(str, verdict.failures)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The failures, a line each; anything else as pytest shows it."""
        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file and the line of the case."""
        line = int(self._trial.place().rpartition(":")[2])
        return self.path, line - 1, f"{self._trial.world.parent.name}: {self._trial.title}"
