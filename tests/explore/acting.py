"""Playing the examples of an exploration again, from the files that they are written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.explore.examples import Example
from sim.explore.writing import as_acts
from sim.models.acting import ActedOutside, ActsMismatch, Script
from sim.models.acts import read_acts, to_yaml
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import EpisodeEnded
from sim.stage.casting import speakers
from sim.stage.run import Run, settings_for
from sim.world.world import World


@dataclass(frozen=True)
class Acted:
    """What came of an example: its outcome and breach, or why it does not fit the run."""

    outcome: str
    breach: str | None
    mismatch: str


def acted(world: World, example: Example, folder: Path) -> Acted:
    """Play an example with the whole stage, from a file."""
    path, log_path = folder / "example.yaml", folder / "example.jsonl"
    path.write_text(to_yaml(as_acts(world, example)), encoding="utf-8")
    acts = read_acts(path)
    script, spec = Script(acts, world), acts.spec
    settings = settings_for(
        world, seed=spec.seed or 0, language=spec.lang, facts=spec.facts, episodes=spec.episodes
    )
    mismatch = ""
    log_path.unlink(missing_ok=True)
    with LogWriter(log_path) as log:
        cast = script.cast(None, speakers(world))
        try:
            Run(world, settings, cast, log, script.watch(), ActedOutside(script)).play()
            script.check_played()
        except ActsMismatch as error:
            mismatch = error.told
    log_read = RunLog.open(log_path)
    if not mismatch:
        assert verify(log_read).ok
    ends = [r for r in log_read.records if isinstance(r, EpisodeEnded)]
    return Acted(ends[-1].outcome if ends else "", ends[-1].breach if ends else None, mismatch)
