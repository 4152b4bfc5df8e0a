"""Summing up, once, what an agent heard and can no longer be given whole; where the world's context says so."""

from __future__ import annotations

from collections.abc import Sequence

from sim.engine import prompt, tokens
from sim.engine.memory import Digest, Utterance, surplus
from sim.engine.messages import Heard, Prompt
from sim.engine.phrases import phrase
from sim.engine.reading import without_thoughts
from sim.engine.situation import Situation
from sim.models.model import Request
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
    world, language = stage.world, stage.language
    context = world.states[situation.state].context
    if context.cut != "summarise":
        return digest
    held = digest if digest is not None and digest.holds(context, situation) else None
    found = surplus(history, role, context, situation, held, _left(stage, situation, history, role, held))
    if found is None:
        return digest
    older, until = found
    lines = [held.text] if held is not None else []
    lines += [prompt.line(world, u, language) for u in older]
    heard = Heard(((phrase(language, "said"), tuple(lines)),), phrase(language, "digest"), message=0)
    request = Request(
        Prompt(({"role": "user", "content": heard.text()},), heard=heard).within(stage.room(role)),
        world,
        situation,
        role,
        0,
        language,
        situation.streams,
        turn=turn,
        purpose="digest",
        draft=older[-1].text,
    )
    raw = ask(stage, request, note)
    text = one_line(without_thoughts(raw)).strip()[: world.spec.limits.utterance] or lines[-1]
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
    return Digest(until, situation.visit, text)


def _left(
    stage: Stage, situation: Situation, history: Sequence[Utterance], role: str, held: Digest | None
) -> int | None:
    """The tokens of history that there is room for beside the rest of the prompt; None where there is no limit."""
    room = stage.room(role, stage.world.states[situation.state].context)
    if room is None:
        return None
    bare = prompt.build(stage.world, situation, history, role, stage.language, held).without_history()
    taken = room.count(bare.messages, bare.schema) + (tokens.count(held.text) if held is not None else 0)
    return max(0, room.tokens - taken)
