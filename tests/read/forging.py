"""What the tests of this folder share: models that misbehave, a world with free text, and a forger of logs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import sim
from sim.errors import RunLogError
from sim.models.model import Model, Reply, Request
from sim.models.scripted import Scripted
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Usage
from sim.stage.run import Run, settings_for
from sim.world.world import World

Json = dict[str, Any]

NOTARY = """
world: notary
languages: [en]
opening: Two people meet at a desk.
roles: {clerk: clerk, guest: guest}
facts:
  note: {text: 300}
  share: {number: parts}
actions:
  write:
    by: [clerk, guest]
    fields: {words: {of: note}}
    sets: {note: act.words}
  divide:
    by: [clerk, guest]
    fields: {parts: {number: parts, from: 1}}
    sets: {share: 1 / act.parts}
states:
  desk:
    speakers: [clerk, guest]
    actions: [write, divide]
    go: [{to: done, after: {turns: 4}}]
start: desk
ends: {done: success}
"""


class Says:
    """A model that answers what a function says; it counts how often it was asked."""

    name = "says"
    description: Mapping[str, Any] = {"name": "says", "base_url": "http://127.0.0.1:9/v1"}

    def __init__(self, say: Callable[[Request], str], measured: Mapping[str, Any] | None = None) -> None:
        self.asked = 0
        self._say = say
        self._measured = measured or {}

    def answer(self, request: Request) -> Reply:
        """Answer whatever it is told to answer."""
        self.asked += 1
        usage = Usage(prompt=11, completion=7, cached=0, is_estimated=False)
        return Reply(self._say(request), usage, None, None, self._measured)


def rubbish() -> Says:
    """A model that never gives a valid answer where an act is due, and now and then one that is not JSON."""
    answers = ('{"say": "hm", "fly": {}}', '{"say": ', "…\x1b[2J", '{"pay_fee": {"amount": "a lot"}}', "")

    def say(request: Request) -> str:
        return answers[(request.situation.turn + request.attempt) % len(answers)]

    return Says(say)


def stumbling() -> Says:
    """A model that answers with rubbish first, and as the script has it when it is asked again."""
    script = Scripted()
    return Says(lambda request: script.answer(request).text if request.attempt else '{"say": "", "fly": 1}')


def notary(folder: Path) -> World:
    """A small world in which anybody may write any text into a fact, and divide a number."""
    (folder / "personas").mkdir(parents=True)
    (folder / "world.yaml").write_text(NOTARY, encoding="utf-8")
    for name in ("clerk", "guest"):
        (folder / "personas" / f"{name}.yaml").write_text(
            f"persona: {name}\nname: {name.title()}\n", encoding="utf-8"
        )
    return sim.load(folder)


def play(
    world: World,
    path: Path,
    *,
    seed: int = 0,
    language: str | None = None,
    model: Model | None = None,
    facts: Mapping[str, object] | None = None,
) -> RunLog:
    """Run a world in a plain loop, with one model for all roles, and open its log."""
    settings = settings_for(world, seed=seed, language=language, facts=facts)
    with LogWriter(path) as log:
        Run(world, settings, dict.fromkeys(world.agents, model or Scripted()), log).play()
    return RunLog.open(path)


def records_of(path: Path) -> list[Json]:
    """The records of a log as plain values, to be changed."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def forge(records: Iterable[Json], path: Path) -> RunLog:
    """Write records as :func:`forge_file` does, and open what was written."""
    forge_file(records, path)
    return RunLog.open(path)


def forge_file(records: Iterable[Json], path: Path) -> None:
    """Write records as a log whose numbers and hashes all fit: what somebody who changed it would do."""
    previous = ""
    lines = []
    for number, record in enumerate(records):
        fields = {k: v for k, v in record.items() if k not in {"seq", "hash", "measured"}}
        body = json.dumps({"seq": number, **fields}, ensure_ascii=False, separators=(",", ":"))[:-1]
        previous = hashlib.sha256((previous + body).encode()).hexdigest()
        lines.append(f'{body},"hash":"{previous}"}}\n')
    path.write_text("".join(lines), encoding="utf-8")


def first(records: list[Json], kind: str, **having: object) -> int:
    """The number of the first record of a kind with these fields."""
    return next(i for i, r in enumerate(records) if r["type"] == kind and having.items() <= r.items())


def found(path: Path) -> tuple[bool, int | None]:
    """Whether a log verifies, and the record that is named, be it on opening or on verifying.

    A first line that cannot be read leaves no log whose records could be named; that counts as record 0.
    """
    try:
        verdict = verify(RunLog.open(path))
    except RunLogError as error:
        is_header = str(error).startswith((f"{path} is not a run log", f"{path} has format"))
        return False, 0 if is_header else error.record
    return verdict.ok, verdict.record
