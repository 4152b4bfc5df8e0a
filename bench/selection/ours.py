"""Our arm: the world on its stage, with its state machine, guards and facts."""

from __future__ import annotations

from pathlib import Path

from bench.selection.judge import Verdict, judged
from bench.selection.scene import PLACED, Mark, Scene
from sim.record.log import LogWriter, RunLog
from sim.record.records import Turn
from sim.stage.adapter import chat
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.run import Run, settings_for


def play(scene: Scene, url: str, seed: int, path: Path) -> tuple[Verdict, list[str]]:
    """Play a visit on our stage, logged to a file.

    Returns:
        What came of it, by the same judge as of a plain chat, and who spoke, turn by turn.
    """
    endpoint = Endpoint("local", base_url=url, timeout_s=300)
    settings = settings_for(scene.world, seed=seed, language=scene.language)
    with LogWriter(path) as log:
        chat.play(Run(scene.world, settings, dict.fromkeys(scene.world.agents, endpoint), log))
    turns = [record for record in RunLog.open(path).records if isinstance(record, Turn)]
    heard = [(turn.speaker, [_mark(act.action, act.fields) for act in turn.acts]) for turn in turns]
    return judged(scene, heard), [turn.speaker for turn in turns]


def _mark(action: str, fields: dict[str, object]) -> Mark:
    place = fields.get(PLACED[action]) if action in PLACED else None
    return Mark(action, str(place) if place is not None else None)
