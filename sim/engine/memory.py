"""What of the heard history a speaker is still given: the last of it, and summaries of the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sim.engine import tokens
from sim.engine.situation import Situation
from sim.world.phases import Context


@dataclass(frozen=True)
class Utterance:
    """Something said: by whom (``""`` for the narrator), in which state visit, and who heard it.

    ``is_summary`` marks what sums up an earlier state, which only those are given to whom it is carried over.
    """

    turn: int
    visit: int
    speaker: str
    text: str
    heard_by: tuple[str, ...]
    is_summary: bool = False


@dataclass(frozen=True)
class Digest:
    """What sums up for one agent what it heard before the utterance with the index ``until``; made in ``visit``."""

    until: int
    visit: int
    text: str

    def holds(self, context: Context, situation: Situation) -> bool:
        """Whether it is still given: not what was said before all was forgotten, or in another state."""
        return self.visit >= situation.forgotten and (context.of != "state" or self.visit == situation.visit)


def remembered(
    history: Sequence[Utterance],
    agents: Collection[str],
    context: Context,
    situation: Situation,
    digest: Digest | None = None,
) -> list[Utterance]:
    """What all of some agents heard and are still given, oldest first, after the state's context policy.

    What a ``digest`` sums up is not given again.
    """
    if context.of == "none":
        return []
    kept: list[Utterance] = []
    budget = context.tokens
    first = digest.until if digest is not None else 0
    for index in range(len(history) - 1, first - 1, -1):
        utterance = history[index]
        if utterance.visit < situation.forgotten or (context.of == "state" and utterance.visit != situation.visit):
            break
        if context.turns is not None and len(kept) >= context.turns:
            break
        if utterance.is_summary or not all(a in utterance.heard_by for a in agents):
            continue
        if budget is not None:
            budget -= tokens.count(utterance.text)
            if budget < 0:
                break
        kept.append(utterance)
    return kept[::-1]


def carried_over(history: Sequence[Utterance], role: str, context: Context) -> list[Utterance]:
    """The summaries of earlier states that an agent is given, oldest first; they outlast what is forgotten."""
    if not context.carryover:
        return []
    found = [u for u in history if u.is_summary and role in u.heard_by]
    return found if context.carryover is True else found[-context.carryover :]


def surplus(
    history: Sequence[Utterance],
    role: str,
    context: Context,
    situation: Situation,
    digest: Digest | None,
    room: int | None,
) -> tuple[list[Utterance], int] | None:
    """What an agent heard and can no longer be given whole, oldest first, and the index until which it goes.

    Nothing where all of it is within the turns and tokens of the policy and the ``room`` in tokens. Else all but
    the last half of what would be, so that it is not summed up again at every turn.
    """
    limits = [limit for limit in (context.tokens, room) if limit is not None]
    most = min(limits) if limits else None
    free = context.model_copy(update={"turns": None, "tokens": None})
    heard = remembered(history, (role,), free, situation, digest)
    sizes = [tokens.count(u.text) for u in heard]
    is_long = context.turns is not None and len(heard) > context.turns
    if not is_long and (most is None or sum(sizes) <= most):
        return None
    kept, left = 0, None if most is None else most // 2
    while kept < len(heard) and (context.turns is None or kept < max(1, context.turns // 2)):
        if left is not None and (left := left - sizes[-kept - 1]) < 0:
            break
        kept += 1
    older = heard[: len(heard) - kept]
    if not older:
        return None
    last = max(index for index, u in enumerate(history) if u is older[-1])
    return older, last + 1
