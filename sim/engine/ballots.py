"""Counting votes: a pure function from the ballots cast to a winner, or to nobody.

Plurality is the most votes; an absolute majority is more than half of the ballots cast (Robert's Rules of Order
call it a majority of the votes cast). Abstentions and missing ballots are not cast. A quorum is a share of those
who may vote.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sim.engine.situation import Situation, members, scope
from sim.world.rows import Row
from sim.world.vocabulary import ExpressionError
from sim.world.world import BallotDef, World


@dataclass(frozen=True)
class Count:
    """What a vote came to.

    ``votes`` has each voter's choice, None for an abstention; ``missing`` are those whose ballot never came or was
    not valid. ``by`` says what decided: ``votes``, ``lot``, an agent, ``nobody``, ``quorum`` (too few voted),
    or ``revote``: it is taken again among ``tied``.
    """

    ballot: str
    votes: dict[str, str | None]
    missing: tuple[str, ...]
    counts: dict[str, int]
    winner: str | None
    tied: tuple[str, ...]
    by: str
    rules_used: int = 0
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def is_again(self) -> bool:
        """Whether the vote is taken again."""
        return self.by == "revote"

    def row(self) -> Row:
        """What the effects of the ballot may read as ``result``."""
        return Row(
            {
                "winner": self.winner,
                "count": Decimal(self.counts.get(self.winner or "", 0)),
                "cast": Decimal(sum(self.counts.values())),
                "missing": Decimal(len(self.missing)),
                "tied": self.tied,
            }
        )


def count(world: World, situation: Situation, ballot: BallotDef) -> Count:
    """Count a vote that all who may have had their turn to cast."""
    values = scope(world, situation)
    voters = members(world, values, ballot.voters)
    votes = dict(situation.votes.get(ballot.name, {}))
    missing = tuple(v for v in voters if v not in votes)
    tally = Counter(choice for choice in votes.values() if choice is not None)
    order = _candidates(situation, ballot, (*voters, *votes), values)
    counts = {c: tally[c] for c in (*(o for o in order if tally[o]), *(t for t in tally if t not in order))}
    cast = sum(counts.values())
    most = max(counts.values(), default=0)
    leading = tuple(c for c, n in counts.items() if n == most)
    winner = leading[0] if len(leading) == 1 else None
    tied: tuple[str, ...] = ()
    by, used = "votes", 0
    if cast == 0 or (voters and cast < ballot.quorum * len(voters)):
        return Count(ballot.name, votes, missing, counts, None, (), "quorum" if cast else "nobody")
    if winner is not None and ballot.is_absolute and most * 2 <= cast:
        second = max(n for n in counts.values() if n < most)
        leading, winner = tuple(c for c, n in counts.items() if n >= second), None
    if winner is None:
        winner, by, used = _untie(world, situation, ballot, leading, votes)
        tied = leading
    return Count(ballot.name, votes, missing, counts, winner, tied, by, used)


def _candidates(situation: Situation, ballot: BallotDef, voters: tuple[str, ...], values: Any) -> list[str]:
    """All that could be voted for, in the order in which the world names them."""
    found: dict[str, None] = {}
    for voter in dict.fromkeys(voters):
        try:
            found |= dict.fromkeys(ballot.on(values.about(voter)))
        except ExpressionError:
            continue
    return list(found)


def _untie(
    world: World, situation: Situation, ballot: BallotDef, tied: tuple[str, ...], votes: dict[str, str | None]
) -> tuple[str | None, str, int]:
    """The winner by the rules for a tie, what decided, and how many rules are used up."""
    for index, rule in enumerate(ballot.tie[situation.ties :], situation.ties + 1):
        word = str(scope(world, situation)[rule] or "nobody") if rule in world.facts else rule
        if word == "revote":
            return None, "revote", index
        if word == "lot":
            return situation.streams.at("lot", ballot.name, situation.turn).pick(tied), "lot", index
        if word not in world.cast:
            break
        if votes.get(word) in tied:
            return votes[word], word, index
    return None, "nobody", 0
