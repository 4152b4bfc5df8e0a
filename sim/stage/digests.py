"""Summing up, once, what an agent heard and can no longer be given whole; where the world's context says so."""

from __future__ import annotations

from collections.abc import Sequence

from sim.engine import prompt, tokens
from sim.engine.memory import Digest, Utterance, surplus
from sim.engine.messages import Heard, Prompt
from sim.engine.phrases import phrase
from sim.engine.reading import without_thoughts
from sim.engine.room import Room
from sim.engine.situation import Situation
from sim.models.model import Request, place_of
from sim.stage.exchange import Note, Stage, ask
from sim.world.kinds import one_line


def digested(
    stage: Stage,
    situation: Situation,
    history: Sequence[Utterance],
    role: str,
    turn: int,
    digest: Digest | None,
    note: Note,
) -> Digest | None:
    """The digest of an agent before its turn: the one it has, or a new one by its own model, logged and paid for.

    Raises:
        ModelError: if the model cannot answer.
    """
    context = stage.world.states[situation.state].context
    if context.cut != "summarise":
        return digest
    held = digest if digest is not None and digest.holds(context, situation) else None
    room, left = _left(stage, situation, history, role, turn, held)

    vocabulary = room.vocabulary if room is not None else tokens.USUAL

    def size(utterance: Utterance) -> int:
        return tokens.count(prompt.line(stage.world, utterance, stage.language) + "\n", vocabulary)

    found = surplus(history, role, context, situation, held, left, size)
    if found is None:
        return digest
    older, until = found
    text = _summed_up(stage, situation, role, turn, _asked(stage, older, held), older, note)
    if room is not None and left is not None:
        text = tokens.cut(text, left // 2, room.vocabulary)
    note(
        "summary",
        turn=turn,
        time=situation.minutes,
        state=situation.state,
        how="digest",
        speaker="",
        text=text,
        heard_by=[role],
        until=until,
    )
    return Digest(until, situation.visit, text, context.of)


def _summed_up(
    stage: Stage,
    situation: Situation,
    role: str,
    turn: int,
    asked: Prompt,
    older: Sequence[Utterance],
    note: Note,
) -> str:
    request = Request(
        asked,
        stage.world,
        situation,
        role,
        0,
        stage.language,
        situation.streams,
        turn=turn,
        purpose="digest",
        draft=older[-1].text,
    )
    text = one_line(without_thoughts(ask(stage, request, note))).strip()
    return text[: stage.world.spec.limits.utterance] or older[-1].text


def _asked(stage: Stage, older: Sequence[Utterance], held: Digest | None) -> Prompt:
    """What is to be summed up, after what sums up all before it."""
    lines = tuple(prompt.line(stage.world, u, stage.language) for u in older)
    earlier = (held.text,) if held is not None else ()
    blocks = ((phrase(stage.language, "carried"), earlier), (phrase(stage.language, "said"), lines))
    heard = Heard(blocks, phrase(stage.language, "digest"), message=0)
    return Prompt(({"role": "user", "content": heard.text()},), heard=heard)


def _left(
    stage: Stage, situation: Situation, history: Sequence[Utterance], role: str, turn: int, held: Digest | None
) -> tuple[Room | None, int | None]:
    """The room of a prompt, and the tokens of it that are left to what was said; None where there is no limit."""
    place = place_of(situation.episode, turn, 0, "digest")
    room = stage.room(role, place, stage.world.states[situation.state].context)
    if room is None:
        return None, None
    bare = prompt.build(stage.world, situation, history, role, stage.language, held).without_history()
    headings = sum(
        tokens.count(phrase(stage.language, name) + "\n", room.vocabulary) for name in ("carried", "said")
    )
    return room, max(0, room.tokens - room.count(bare.messages, bare.schema) - headings)
