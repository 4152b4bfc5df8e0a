"""The conversation as the page shows it: each piece with its place on the slider, and who was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.read.transcript import Entry, Transcript
from sim.record.log import RunLog
from sim.record.records import AnyRecord, EpisodeStarted, Intervention, Narration, Turn, WarningNote
from sim.world.cast import persona_names
from sim.world.kinds import label_of, one_line

LONGEST = 20_000
"""Characters of one text that are shown: as many as a world may allow for an utterance."""

_TITLES = {"dr", "mr", "mrs", "ms", "prof", "the", "a", "an", "of"}


@dataclass
class Piece:
    """An entry of the transcript; ``step`` is its place on the slider.

    ``heard`` names those who heard what not all heard, where that differs from the piece before; ``seen`` has the
    numbers of the agents who are shown it, None where all are. ``letters`` are for the badge of one who is another
    person in each episode.
    """

    entry: Entry
    step: int
    text: str
    who: int = -1
    is_private: bool = False
    heard: str = ""
    letters: str = ""
    seen: list[int] | None = None


@dataclass(frozen=True)
class Member:
    """Somebody in the run: name, what part is played, and the letters on the badge."""

    id: str
    name: str
    part: str
    initials: str
    colour: int


class Step(NamedTuple):
    """A place of the slider: time of day, state, the number of the speaker, the episode, and simulated minutes."""

    time: str
    state: str
    who: int
    episode: int
    minutes: float


@dataclass
class Telling:
    """All pieces; for each record the step that it belongs to; all steps; of each episode its present scene."""

    pieces: list[Piece] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    scenes: dict[int, Piece] = field(default_factory=dict)


def initials(name: str) -> str:
    """A Chinese character, or the first letters of the first and the last word, for a badge."""
    parts = [w for w in name.split() if w.strip(".").lower() not in _TITLES and w[0].isalnum()] or name.split()
    if not parts or not parts[0]:
        return "?"
    if ord(parts[0][0]) > 0x2E7F:
        return parts[0][0]
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper()


def _told_apart(name: str) -> str:
    """The letters on a badge where those of somebody else would be the same."""
    words = name.split()
    if not words:
        return "?"
    return words[0][-1] if ord(words[0][0]) > 0x2E7F else words[-1][:2].capitalize()


def members(transcript: Transcript) -> list[Member]:
    """Everybody in the run, each with a colour; there are twelve."""
    found: list[Member] = []
    letters = Counter(initials(transcript.name(agent)) for agent in transcript.agents)
    for role, spec in transcript.world.roles.items():
        label = label_of(spec.label, transcript.language)
        plain = "" if transcript.language.startswith("zh") else role.replace("_", " ")
        for agent in persona_names(role, spec):
            part = agent if spec.count else one_line(label or plain)[:200]
            is_drawn = transcript.is_drawn(agent)
            name = (part or agent) if is_drawn else transcript.name(agent)[:200] or agent
            is_said = part.casefold() in name.casefold()
            badge = initials(name) if letters[initials(name)] == 1 else _told_apart(name)
            found.append(Member(agent, name, "" if is_said else part, badge, len(found) % 12))
    return found


def tell(log: RunLog, agents: Sequence[str], role: str | None, comma: str) -> Telling:
    """The conversation of a run, or with ``role`` that part of it that this agent heard or did."""
    transcript = Transcript(log.header, *([role] if role else []))
    others = {} if role else {i: Transcript(log.header, agent) for i, agent in enumerate(agents)}
    telling = Telling()
    last: tuple[str, ...] | None = None
    turns: dict[int, int] = {}
    for record in log.records:
        entries = list(transcript.of(record))
        episode = getattr(record, "episode", 0)
        if _begins_step(record, entries, telling):
            telling.steps.append(_step(record, transcript, agents))
        telling.at.append(max(0, len(telling.steps) - 1))
        is_ahead = isinstance(record, WarningNote | Intervention) and record.turn > turns.get(episode, 0)
        new = [Piece(e, telling.at[-1] + is_ahead, e.text[:LONGEST]) for e in entries]
        for piece in new:
            if piece.entry.kind == "state":
                last = None
            if isinstance(record, Turn | Narration) and piece.entry.kind != "state":
                last = _heard(piece, record, agents, last, comma if not role else None, transcript)
        telling.pieces += new
        if isinstance(record, Turn):
            turns[episode] = record.turn
        if not role:
            kinds = {i: {str(e.kind) for e in other.of(record)} for i, other in others.items()}
            _see(telling, new, kinds, episode if transcript.is_many else 0)
    for piece in telling.pieces:
        piece.step = min(piece.step, max(0, len(telling.steps) - 1))
    return telling


def _begins_step(record: AnyRecord, entries: list[Entry], telling: Telling) -> bool:
    return isinstance(record, EpisodeStarted) or (any(e.kind == "turn" for e in entries) and bool(telling.steps))


def _step(record: AnyRecord, transcript: Transcript, agents: Sequence[str]) -> Step:
    assert isinstance(record, Turn | EpisodeStarted)  # noqa: S101 - no other record begins a step
    is_spoken = isinstance(record, Turn) and record.speaker in agents
    speaker = agents.index(record.speaker) if isinstance(record, Turn) and is_spoken else -1
    return Step(transcript.time(record.time), record.state, speaker, record.episode, record.time)


def _heard(
    piece: Piece,
    record: Turn | Narration,
    agents: Sequence[str],
    last: tuple[str, ...] | None,
    comma: str | None,
    transcript: Transcript,
) -> tuple[str, ...]:
    """Mark what not all heard; with a comma, also who did, unless the piece before was heard by the same."""
    audience = tuple(sorted(set(record.heard_by)))
    if isinstance(record, Turn) and record.speaker in agents:
        piece.who = agents.index(record.speaker)
        if transcript.is_drawn(record.speaker):
            piece.letters = initials(piece.entry.name)
    piece.is_private = not set(agents) <= set(audience)
    if piece.is_private and audience != last and comma is not None:
        listed = sorted(audience, key=lambda a: agents.index(a) if a in agents else len(agents))
        piece.heard = comma.join(transcript.name(a)[:100] for a in listed)
    return audience


def _see(telling: Telling, new: list[Piece], kinds: dict[int, set[str]], episode: int) -> None:
    """Note which agents are shown the pieces of a record, as ``sim replay --as`` would show them.

    A scene is shown to an agent when it first hears something in it.
    """
    for piece in new:
        seen = [i for i, found in kinds.items() if piece.entry.kind in found]
        piece.seen = [] if piece.entry.kind == "state" else None if len(seen) == len(kinds) else seen
        if piece.entry.kind == "state":
            telling.scenes[piece.entry.episode] = piece
    scene = telling.scenes.get(episode)
    if scene is not None and scene.seen is not None:
        scene.seen += [i for i, found in kinds.items() if "state" in found and i not in scene.seen]


def chunks(pieces: list[Piece], size: int = 40) -> Iterator[tuple[int, list[Piece]]]:
    """The pieces in blocks, each with its first step: a browser lays out only those blocks that are in sight."""
    for start in range(0, len(pieces), size):
        block = pieces[start : start + size]
        yield block[0].step, block
