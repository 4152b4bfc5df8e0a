"""Whether an edited world would have changed a conversation: it is played on the answers that were recorded.

Both worlds, the log's own and the edited one, are played on the recorded answers, each taken by its place whatever
its prompt, and what each asked, did and said is compared turn by turn. No model is called. What a world answers by
itself, from its script or its functions, is asked of the edited one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.engine.messages import Prompt
from sim.engine.situation import Situation
from sim.errors import DefinitionError, MismatchError, ModelError, RunLogError
from sim.models.model import Model, Reply, Request
from sim.models.outside import FromLog, Live
from sim.models.recorded import Answers, Recorded
from sim.models.ruled import Ruled
from sim.models.scripted import Scripted
from sim.read.wording import PartChange, changes
from sim.record.log import RunLog
from sim.record.records import OLDEST
from sim.stage.casting import speakers
from sim.stage.diverging import settings_in
from sim.stage.run import Run
from sim.world.kinds import Value
from sim.world.library import revive
from sim.world.world import World

PARTING = ("speaker", "answer", "acts", "transition")
"""By these a conversation parts: from there on the recorded answers are those to something else."""

ASPECTS = ("speaker", "prompt", "answer", "acts", "effects", "words", "heard_by", "narration", "transition")
"""What is compared of a turn, in this order."""

Place = tuple[int, int]
"""An episode and a turn of it; turn 0 is what stands before the first."""


@dataclass(frozen=True)
class Asking:
    """What differs in one prompt of a turn."""

    role: str
    purpose: str
    attempt: int
    parts: tuple[PartChange, ...]


@dataclass(frozen=True)
class TurnChange:
    """A turn in both worlds: who speaks, and what is not the same, by aspect, as it was and as it would be."""

    episode: int
    turn: int
    speaker: str
    recorded: Mapping[str, Any]
    edited: Mapping[str, Any]
    prompts: tuple[Asking, ...] = ()

    @property
    def differs(self) -> tuple[str, ...]:
        """The aspects that are not the same."""
        return tuple(a for a in ASPECTS if a in self.recorded or (a == "prompt" and self.prompts))

    @property
    def parts_by(self) -> str | None:
        """The first aspect by which the conversation parts here, if it does."""
        return next((a for a in self.differs if a in PARTING), None)


@dataclass(frozen=True)
class Answered:
    """What an edited world would have changed; ``turns`` go up to where the conversation parts, if it does."""

    turns: tuple[TurnChange, ...]
    stopped: str = ""

    @property
    def is_same(self) -> bool:
        """Whether nothing would have changed."""
        return not any(turn.differs for turn in self.turns)

    @property
    def parting(self) -> TurnChange | None:
        """The turn at which the conversation parts."""
        return next((turn for turn in self.turns if turn.parts_by), None)


def would_change(log: RunLog, world: World) -> Answered:
    """Compare a log with what an edited world gives for its recorded answers.

    Raises:
        RunLogError: if the log was changed, or its format is too old to be played again.
        DefinitionError: if one of the worlds cannot be used with it.
    """
    log.check_chain()
    header = log.header
    if header.format < OLDEST:
        raise RunLogError(
            f"{log.name} has format {header.format}; runs of format {OLDEST} and later are played again"
        )
    if header.forks:
        raise RunLogError(f"{log.name} is a fork; ask of {header.forks[-1].parent}, from which it was taken")
    own = revive(header.resolved, header.variant)
    before, after = _played(log, own, own), _played(log, world, own)
    found: list[TurnChange] = []
    for place in (*before.turns, *(p for p in after.turns if p not in before.turns)):
        turn = _compared(place, before, after)
        found.append(turn)
        if turn.parts_by:
            return Answered(tuple(found), after.stopped if after.ends_at(place) else "")
    return Answered(tuple(found))


@dataclass
class _Turn:
    """What one turn came to in one world."""

    asked: list[tuple[str, str, int, Prompt]] = field(default_factory=list)
    answers: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator[dict[str, Any]]:
        return (record for record in self.records if record["type"] in kinds)

    @property
    def speaker(self) -> str | None:
        """Who speaks, or is asked to; nobody where the turn is not reached."""
        spoken = next((r["speaker"] for r in self.of("turn")), None)
        chosen = next((r["chosen"] for r in self.of("selection")), None)
        return spoken or chosen or next((role for role, purpose, _, _ in self.asked if purpose in _SPEAKING), None)


_SPEAKING = ("turn", "repair", "look_up")


class _Played:
    """Stands in for the log of a run, and keeps what each turn asked and gave."""

    def __init__(self, facts: Iterable[str]) -> None:
        self.path: Path | None = None
        self.turns: dict[Place, _Turn] = {}
        self.facts = frozenset(facts)
        self.stopped = ""
        self._last: dict[int, int] = {}
        self._count = 0

    def at(self, episode: int, turn: int) -> _Turn:
        return self.turns.setdefault((episode, turn), _Turn())

    def ends_at(self, place: Place) -> bool:
        """Whether the world could not be played beyond a turn."""
        return bool(self.stopped) and next(reversed(self.turns), None) == place

    def append(
        self, kind: str, fields: Mapping[str, Any], measured: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Keep a record with the others of its turn."""
        record = {"seq": self._count, "type": kind, **fields}
        self._count += 1
        episode = fields.get("episode")
        if episode is not None:
            turn = fields.get("turn", self._last.get(episode, 0))
            self._last[episode] = turn
            self.at(episode, turn).records.append(record)
        return record

    def keep(self, fields: Mapping[str, Any]) -> None:
        """Nothing is kept: nobody is asked."""


class _ByPlace:
    """The recorded answers of an agent, each by its place alone; what is asked is noted."""

    def __init__(self, recorded: Recorded, own: Model | None, played: _Played) -> None:
        self.name = recorded.name
        self.description = recorded.description
        self.described_at = recorded.described_at
        self._recorded = recorded
        self._own = own
        self._played = played

    def answer(self, request: Request) -> Reply:
        """The recorded answer.

        Raises:
            MismatchError: if there is none of this agent here.
        """
        turn = self._played.at(request.situation.episode, request.turn)
        turn.asked.append((request.role, request.purpose, request.attempt, request.prompt))
        call = self._recorded.call(request)
        if call is None or call.role != request.role:
            what = "answer" if request.purpose in _SPEAKING else request.purpose
            raise MismatchError(f"the log has no {what} of {request.role} for turn {request.turn}")
        if self._own is not None:
            given = self._own.answer(request).text
            if given != call.answer:
                turn.answers[request.role, request.attempt] = (call.answer, given)
        return self._recorded.reply(request)


class _Outside:
    """The recorded choices and look-ups; the functions of a ``rules.py`` that was changed are called."""

    def __init__(self, recorded: FromLog, live: Live | None) -> None:
        self._recorded = recorded
        self._live = live

    def choose(self, world: World, situation: Situation, candidates: tuple[str, ...]) -> str:
        """The agent who speaks next."""
        is_rule = world.states[situation.state].order == "rule"
        return (self._live if self._live and is_rule else self._recorded).choose(world, situation, candidates)

    def look_up(
        self, world: World, situation: Situation, role: str, tool: str, fields: Mapping[str, Value], at: int
    ) -> str:
        """The answer of a tool."""
        return (self._live or self._recorded).look_up(world, situation, role, tool, fields, at)


def _played(log: RunLog, world: World, own: World) -> _Played:
    """A world played on the recorded answers as far as they go."""
    header = log.header
    played = _Played(world.fact_keys())
    is_edited = world is not own
    live = (
        Live() if is_edited and world.rules and world.resolved.get("rules") != own.resolved.get("rules") else None
    )
    models, answers = {}, Answers(log.records)
    for agent in speakers(world):
        description = header.models.get(agent, {"name": ""})
        itself = _itself(world, agent, description, has_functions=live is not None) if is_edited else None
        models[agent] = _ByPlace(Recorded(answers, agent, description), itself, played)
    settings = settings_in(header, world)
    outside = _Outside(FromLog(log.records), live)
    try:
        Run(world, settings, models, played, outside=outside, log_format=header.format).play()
    except (MismatchError, ModelError, DefinitionError) as error:
        played.stopped = str(error)
    return played


def _itself(world: World, agent: str, description: Mapping[str, Any], *, has_functions: bool) -> Model | None:
    """What a world answers for an agent by itself."""
    spec = world.spec.roles.get(world.cast.get(agent, ""))
    if spec is not None and spec.kind == "rule":
        return Ruled(spec.function or "") if has_functions else None
    return Scripted() if description.get("name") == "scripted" else None


def _compared(place: Place, before: _Played, after: _Played) -> TurnChange:
    was, now = before.turns.get(place, _Turn()), after.turns.get(place, _Turn())
    shared = before.facts & after.facts
    recorded: dict[str, Any] = {}
    edited: dict[str, Any] = {}
    for name, read in _READ.items():
        ours, theirs = read(was, shared), read(now, shared)
        if ours != theirs:
            recorded[name], edited[name] = _apart(ours, theirs)
    if "sent_back" in recorded.get("acts", ()):
        recorded["acts"]["sent_back"], edited["acts"]["sent_back"] = _reasons(was), _reasons(now)
    if now.answers:
        names = {key: f"{key[0]}, attempt {key[1] + 1}" if key[1] else key[0] for key in now.answers}
        recorded["answer"] = {name: now.answers[key][0] for key, name in names.items()}
        edited["answer"] = {name: now.answers[key][1] for key, name in names.items()}
    if any(was.of("turn")) and not any(now.of("turn")):  # of a turn that does not come about nothing else is told
        recorded, edited = ({k: v for k, v in told.items() if k in PARTING} for told in (recorded, edited))
    if "speaker" in recorded:
        recorded, edited = {"speaker": was.speaker}, {"speaker": now.speaker or after.stopped or None}
        prompts: tuple[Asking, ...] = ()
    else:
        prompts = tuple(_prompts(was, now))
    return TurnChange(*place, was.speaker or now.speaker or "", recorded, edited, prompts)


def _apart(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Of two mappings, what differs."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return ours, theirs
    keys = [key for key in (*ours, *(k for k in theirs if k not in ours)) if ours.get(key) != theirs.get(key)]
    return {k: ours.get(k) for k in keys}, {k: theirs.get(k) for k in keys}


def _prompts(was: _Turn, now: _Turn) -> Iterator[Asking]:
    asked = {(role, purpose, attempt): prompt for role, purpose, attempt, prompt in was.asked}
    for role, purpose, attempt, prompt in now.asked:
        before = asked.get((role, purpose, attempt))
        if before is not None and before.digest != prompt.digest:
            yield Asking(role, purpose, attempt, changes(before.parts, prompt.parts))


def _speaker(turn: _Turn, shared: frozenset[str]) -> Any:
    return turn.speaker


def _acts(turn: _Turn, shared: frozenset[str]) -> Any:
    """What was done and looked up, what was sent back, and what was done in place of a valid act."""
    return {
        "done": [a for r in turn.of("turn") for a in r["acts"]],
        "looked_up": [{"tool": r["tool"], "fields": r["fields"]} for r in turn.of("look_up")],
        "sent_back": [r["attempt"] for r in turn.of("refusal")],
        "warnings": [r["message"] for r in turn.of("warning") if r["code"] != "cut"],
    }


def _reasons(turn: _Turn) -> list[str]:
    return [reason for r in turn.of("refusal") for reason in r["reasons"]]


def _effects(turn: _Turn, shared: frozenset[str]) -> Any:
    """What became of the facts that both worlds have, of votes and look-ups, and how long it took."""
    found: dict[str, Any] = {}
    for record in turn.of("episode_started", "turn", "ballot", "transition"):
        changed = record.get("changed", record.get("facts", {}))
        found |= {key: value for key, value in changed.items() if key in shared}
        if record["type"] == "turn":
            found["minutes"] = record["minutes"]
        if record["type"] == "ballot":
            found[f"vote {record['ballot']}"] = {k: record[k] for k in ("counts", "winner", "by")}
    for number, record in enumerate(turn.of("look_up")):
        found[f"{record['tool']} {number + 1}"] = record["result"]
    return found


def _words(turn: _Turn, shared: frozenset[str]) -> Any:
    return next((r["text"] for r in turn.of("turn")), None)


def _heard_by(turn: _Turn, shared: frozenset[str]) -> Any:
    return [sorted(r["heard_by"]) for r in turn.of("turn", "narration", "summary")]


def _narration(turn: _Turn, shared: frozenset[str]) -> Any:
    return [r["text"] for r in turn.of("narration", "summary")]


def _transition(turn: _Turn, shared: frozenset[str]) -> Any:
    begun = [r["state"] for r in turn.of("episode_started")]
    ended = [f"the end: {r['outcome']}" for r in turn.of("episode_ended")]
    return [*begun, *(r["to"] for r in turn.of("transition")), *ended]


_READ: Mapping[str, Callable[[_Turn, frozenset[str]], Any]] = {
    "speaker": _speaker,
    "acts": _acts,
    "effects": _effects,
    "words": _words,
    "heard_by": _heard_by,
    "narration": _narration,
    "transition": _transition,
}
