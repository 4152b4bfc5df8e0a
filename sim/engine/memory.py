"""What of the heard history a speaker is still given: the last of it, and summaries of the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
    """What sums up for one agent what it heard before the utterance with the index ``until``; made in ``visit``.

    ``of`` is what was summed up: all that was heard, or only what was heard in that state.
    """

    until: int
    visit: int
    text: str
    of: str = "all"

    def holds(self, context: Context, situation: Situation) -> bool:
        """Whether it is still given: not what was said before all was forgotten, or in another state.

        Nor does one of a state alone stand for what else was heard.
        """
        if context.of == "none" or self.visit < situation.forgotten:
            return False
        return self.visit == situation.visit if context.of == "state" else self.of == "all"


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
    size: Callable[[Utterance], int],
) -> tuple[list[Utterance], int] | None:
    """What an agent heard and can no longer be given whole, oldest first, and the index until which it goes.

    Nothing where all is within the turns and tokens of the policy and within the ``room``, of which each takes
    its ``size``. Else all but the last half of what would be, so that it is not summed up again at every turn.
    """
    free = context.model_copy(update={"turns": None, "tokens": None})
    heard = remembered(history, (role,), free, situation, digest)
    limits = [
        (most, sizes)
        for most, sizes in (
            (context.turns, [1] * len(heard)),
            (context.tokens, [tokens.count(u.text) for u in heard]),
            (room, [size(u) for u in heard] if room is not None else []),
        )
        if most is not None
    ]
    if all(sum(sizes) <= most for most, sizes in limits):
        return None
    kept = min(_within(sizes, max(1, most // 2)) for most, sizes in limits)
    older = heard[: len(heard) - kept]
    if not older:
        return None
    last = max(index for index, u in enumerate(history) if u is older[-1])
    return older, last + 1


def _within(sizes: Sequence[int], most: int) -> int:
    """How many of the last are together no more than ``most``."""
    together = 0
    for count, size in enumerate(reversed(sizes)):
        together += size
        if together > most:
            return count
    return len(sizes)
