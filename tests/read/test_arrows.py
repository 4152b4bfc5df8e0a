"""Why the machine went where it went: told of every turn, as the log has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import RunLogError
from sim.read.arrows import Arrow, Condition, crossings
from sim.record.log import RunLog
from sim.record.records import Transition, Turn
from sim.world.library import revive
from tests.read.forging import notary, play
from tests.read.games import logged
from tests.worlds.players import CASES, MIXED


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_of_every_turn_the_arrow_that_fired_is_the_first_that_held(name: str, variant: str | None) -> None:
    """In every bundled world: where an arrow fired it is the log's, all its parts held, and none before it did."""
    log = logged(name, variant, manners=MIXED)
    world = revive(log.header.resolved, log.header.variant)
    for turn in [r.turn for r in log.records if isinstance(r, Turn)]:
        taken = [(r.from_, r.to, r.guard) for r in log.records if isinstance(r, Transition) and r.turn == turn]
        found = crossings(log, turn, world)
        fired = [(c.state, a.to, a.guard) for c in found for a in c.arrows if a.fired]
        assert taken == fired
        for crossing in found:
            held = [a for a in crossing.arrows if a.holds]
            assert [a for a in held if a.fired] == (held[:1] if taken else [])
            assert bool(crossing.idle) <= (not taken)
            assert all(a.holds == all(p.value for p in a.parts) for a in crossing.arrows)


def test_a_guard_is_told_with_what_it_read(log_path: Path) -> None:
    """The patient registered, so the arrow to the doctor fired: its condition, and the value it read."""
    log = RunLog.open(log_path)
    first = next(r for r in log.records if isinstance(r, Transition))
    crossing, *_ = crossings(log, first.turn, revive(log.header.resolved, None))
    fired = next(a for a in crossing.arrows if a.fired)
    assert (fired.to, fired.guard) == (first.to, first.guard)
    assert all(part.value is True and part.reads for part in fired.parts)


def test_a_count_of_turns_is_a_part_of_a_guard(tmp_path: Path) -> None:
    """An arrow after four turns: false with how many there were, and true after the fourth."""
    world = notary(tmp_path / "w")
    log = play(world, tmp_path / "run.jsonl")

    def arrow(turns: int, *, fired: bool) -> list[Arrow]:
        part = Condition("after 4 turns", fired, {"state_turns": turns})
        return [Arrow("done", "after 4 turns", fired, fired, (part,))]

    assert [list(c.arrows) for c in crossings(log, 3, world)] == [arrow(3, fired=False)]
    assert [list(c.arrows) for c in crossings(log, 4, world)] == [arrow(4, fired=True)]


def test_where_all_speak_at_once_the_arrows_wait_for_all() -> None:
    """At night no arrow is asked before the last has chosen, and it is told who is awaited."""
    log = logged("werewolf")
    world = revive(log.header.resolved, None)
    night = [r for r in log.records if isinstance(r, Turn) and r.state == "night"]
    together = [r for r in night if r.asked == night[0].asked]
    idle = [crossings(log, r.turn, world)[0].idle for r in together]
    assert [bool(words) for words in idle] == [True] * (len(together) - 1) + [False]
    assert together[-1].speaker in idle[0]


def test_a_turn_that_is_not_there_is_an_error() -> None:
    """What cannot be followed is said to be so."""
    log = logged("hospital_visit")
    with pytest.raises(RunLogError, match="has no turn 999; it has 1 to "):
        crossings(log, 999, revive(log.header.resolved, None))
