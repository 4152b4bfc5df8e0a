"""Playing one run of a case, in a plain loop, scripted or by its acts; its log goes to a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sim.cases.reading import Trial, shown
from sim.errors import DefinitionError
from sim.models.acting import ActedOutside, ActsEnded, ActsMismatch, Script
from sim.models.acts import Acts, acts_of, read_acts
from sim.models.model import Model
from sim.models.scripted import Scripted
from sim.record.log import LogWriter, RunLog
from sim.stage.casting import models_for, speakers
from sim.stage.run import Run, Settings, settings_for
from sim.world.library import load
from sim.world.world import World


@dataclass
class Worlds:
    """The worlds of some cases, each with a variant loaded once; without ``code`` those with rules are refused."""

    code: bool = True
    _loaded: dict[tuple[Path, str | None], World] = field(default_factory=dict)

    def get(self, path: Path, variant: str | None) -> World:
        """A world; raises ``DefinitionError`` with all problems."""
        if (path, variant) not in self._loaded:
            self._loaded[path, variant] = load(path, variant=variant, code=self.code)
        return self._loaded[path, variant]


@dataclass(frozen=True)
class Played:
    """What was played: the world, the log, and why it stopped before its end or does not fit the acts, if so."""

    world: World
    log: RunLog
    stopped: str = ""
    mismatch: ActsMismatch | None = None


def play(trial: Trial, worlds: Worlds, log_path: Path) -> Played:
    """Play a run of a case.

    Raises:
        DefinitionError: if the world, an option, or the acts cannot be used.
    """
    acts = _acts(trial)
    case, spec = trial.case, acts.spec if acts is not None else None
    world = worlds.get(trial.world, case.variant or (spec.variant if spec else None))
    seed = trial.seed if trial.seed is not None else (spec.seed if spec else None)
    settings = settings_for(
        world,
        seed=seed or 0,
        language=trial.language or (spec.lang if spec else None),
        facts={**(spec.facts if spec else {}), **case.set_},
        episodes=case.episodes or (spec.episodes if spec else None),
    )
    return _played(trial, world, settings, acts, log_path)


def _acts(trial: Trial) -> Acts | None:
    case = trial.case
    if case.turns:
        return acts_of(case.turns, trial.source, ("cases", trial.name, "turns"))
    if case.acts is None:
        return None
    path = trial.file.parent / case.acts
    if not path.is_file():
        raise DefinitionError(f"{trial.place('acts')}: there is no file {shown(path)}")
    return read_acts(path, shown(path))


def _scripted(trial: Trial, world: World) -> dict[str, Model]:
    """The scripted model for everybody, people too; functions of the world answer for their roles."""
    for name, role in world.spec.roles.items():
        if role.kind == "executor":
            told = f"'{name}' runs code, and no case does: give acts to the end, which say what came of it"
            raise DefinitionError(f"{trial.place()}: {told}")
    return models_for(world, {}, human=Scripted())


def _played(trial: Trial, world: World, settings: Settings, acts: Acts | None, log_path: Path) -> Played:
    script = Script(acts, world) if acts is not None else None
    others = _scripted(trial, world) if script is None or trial.case.then is not None else None
    cast = script.cast(others, speakers(world)) if script is not None else others or {}
    stopped, mismatch = "", None
    with LogWriter(log_path) as log:
        outside = ActedOutside(script) if script is not None else None
        run = Run(world, settings, cast, log, script.watch() if script is not None else None, outside)
        try:
            run.play()
            if script is not None:
                script.check_played()
        except ActsEnded as ended:
            stopped = str(ended)
        except ActsMismatch as error:
            mismatch = error
    return Played(world, RunLog.open(log_path), stopped, mismatch)
