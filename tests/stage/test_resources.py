"""Resources: what is waited for, lost, left and given back, to the minute, and waiting that can never end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.errors import DefinitionError
from sim.models.model import Request
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.run import Run, settings_for
from sim.world.world import World
from tests.building import Player, acts, of, played, world_of


def shop(
    at: list[float],
    minutes: float,
    resource: Mapping[str, Any],
    hold: Mapping[str, Any] | None = None,
    start: str = "08:00",
) -> World:
    """Episodes at some times, each with one silent turn that needs the resource ``it``."""
    return world_of(
        {
            "world": "shop",
            "roles": {"clerk": "ann"},
            "clock": {"start": start},
            "facts": {"rank": {"number": "rank", "start": 0}},
            "resources": {"it": resource},
            "arrivals": {"at": at},
            "states": {
                "served": {
                    "speakers": ["clerk"],
                    "tell": "Work.",
                    "silent": True,
                    "turn": minutes,
                    "holds": {"resource": "it", **(hold or {})},
                    "go": [{"to": "done", "after": {"turns": 1}}],
                }
            },
            "start": "served",
            "ends": ["done", "left"],
        }
    )


def ranked(by_episode: Mapping[int, int], at: list[float], minutes: Mapping[int, float], **resource: Any) -> World:
    """A shop whose episodes have ranks and minutes of their own, by states that they come through."""
    ranks = sorted(set(by_episode.values()))
    choose = {"speakers": ["clerk"], "tell": "Say your rank.", "silent": True, "turn": 0, "actions": ["claim"]}
    states: dict[str, Any] = {"door": {**choose, "go": [{f"in_{r}": f"rank == {r}"} for r in ranks]}}
    for rank in ranks:
        states[f"in_{rank}"] = {
            "speakers": ["clerk"],
            "tell": "Work.",
            "silent": True,
            "turn": minutes[rank],
            "holds": {"resource": "it", "priority": "rank"},
            "go": [{"to": "done", "after": {"turns": 1}}],
        }
    return world_of(
        {
            "world": "shop",
            "roles": {"clerk": "ann"},
            "facts": {"rank": {"number": "rank", "start": -1, "from": -1, "to": 9}},
            "actions": {
                "claim": {"by": "clerk", "about": "Say it.", "due": True, "fields": {"rank": {"of": "rank"}},
                        "sets": {"rank": "act.rank"}, "fallback": {"rank": 0}}
            },
            "resources": {"it": {"queue": "priority", "capacity": 1, **resource}},
            "arrivals": {"at": at},
            "states": states,
            "start": "door",
            "ends": ["done"],
        }
    )  # fmt: skip


def by_rank(ranks: Mapping[int, int]) -> Player:
    """A model whose answer is its episode's rank, once it is asked for one."""

    def say(request: Request) -> str:
        is_asked = request.situation.state == "door"
        return acts(claim={"rank": ranks[request.situation.episode]}) if is_asked else "{}"

    return Player(say)


def silent(request: Request) -> str:
    return "{}"


def told(log: RunLog, *events: str) -> list[tuple[int, str, float]]:
    """What was noted of resources: the episode, what happened, and when."""
    notes = of(log, "resource")
    return [(r.episode, r.event, r.time) for r in notes if not events or r.event in events]


def test_one_server_serves_one_after_another() -> None:
    """What is granted at once was not requested; each note says how many wait and hold then."""
    log = played(shop([0, 1], 5, {"capacity": 1}), silent)
    assert [(r.episode, r.event, r.time, r.waiting, r.held, r.waited) for r in of(log, "resource")] == [
        (1, "granted", 0, 0, 1, 0),
        (2, "requested", 1, 1, 1, None),
        (1, "released", 5, 1, 0, None),
        (2, "granted", 5, 0, 1, 4),
        (2, "released", 10, 0, 0, None),
    ]


def test_who_finds_the_queue_full_goes_elsewhere() -> None:
    """With queue_at_most 1 a second one in the queue is one too many; nothing was requested then."""
    log = played(
        shop([0, 1, 2, 11], 5, {"capacity": 1}, {"queue_at_most": 1, "otherwise": "left"}),
        silent,
    )
    assert (3, "balked", 2) in told(log)
    assert [(e, at) for e, event, at in told(log, "requested")] == [(2, 1)]
    assert [r.outcome for r in sorted(of(log, "episode_ended"), key=lambda r: r.episode)] == [
        "done", "done", "left", "done",
    ]  # fmt: skip


def test_who_has_waited_long_enough_leaves() -> None:
    """Who leaves the queue is not served later, and the next in the queue is not held up."""
    log = played(shop([0, 1, 4], 5, {"capacity": 1}, {"patience": 2, "otherwise": "left"}), silent)
    assert told(log, "reneged") == [(2, "reneged", 3)]
    assert told(log, "granted") == [(1, "granted", 0), (3, "granted", 5)]
    reneged = next(r for r in of(log, "resource") if r.event == "reneged")
    assert (reneged.waited, reneged.waiting) == (2, 0)
    crossing = next(r for r in of(log, "transition") if r.episode == 2)
    assert (crossing.to, crossing.guard) == ("left", "no it")


def test_nobody_is_let_in_while_it_is_closed() -> None:
    """Who is being served at closing time is served to the end; who waits does so until it opens again."""
    at = [0, 30, 50, 55, 58, 59]
    log = played(shop(at, 20, {"capacity": 2, "open": ["08:15-09:00", "10:00-17:00"]}), silent)
    granted = told(log, "granted")
    assert [minute for _, _, minute in granted] == [15, 30, 50, 55, 120, 120]
    assert [minute for _, _, minute in told(log, "released")] == [35, 50, 70, 75, 140, 140]
    assert max(r.held for r in of(log, "resource")) == 2


def test_it_opens_again_the_next_day() -> None:
    """Hours are those of each day."""
    log = played(shop([0, 20], 5, {"capacity": 1, "open": "08:00-08:10"}), silent)
    assert told(log, "granted") == [(1, "granted", 0), (2, "granted", 24 * 60)]


def test_nobody_is_interrupted_once_it_is_closed() -> None:
    """At closing time who is being served is finished, even if somebody more urgent comes then."""
    ranks = {1: 0, 2: 1}
    world = ranked(ranks, [0, 15], {0: 20, 1: 5}, preempt=True, open="08:00-08:10")
    log = played(world, by_rank(ranks))
    assert told(log, "preempted") == []
    assert told(log, "granted") == [(1, "granted", 0), (2, "granted", 24 * 60)]


def test_a_stock_is_used_up_and_filled_again() -> None:
    """What is there is given out in order; the rest waits for what comes in, of which only ``most`` is kept."""
    at = [0, 1, 2, 3, 4, 5]
    log = played(shop(at, 1, {"stock": 3, "most": 4, "refill": {"amount": 10, "every": 60}}, {"amount": 2}), silent)
    assert [minute for _, _, minute in told(log, "granted")] == [0, 60, 60, 120, 120, 180]
    levels = [r.held for r in of(log, "resource") if r.event == "granted"]
    assert levels[0] == 1
    assert all(0 <= level <= 4 for level in levels)


def test_a_turn_that_is_interrupted_goes_on_where_it_was() -> None:
    """Its minutes stand still while another has what it needs; both the loss and the wait are noted."""
    ranks = {1: 0, 2: 5}
    log = played(ranked(ranks, [0, 4], {0: 10, 5: 3}, preempt=True), by_rank(ranks))
    assert [(r.episode, r.event, r.time, r.waited) for r in of(log, "resource")] == [
        (1, "granted", 0, 0),
        (2, "granted", 4, 0),
        (1, "preempted", 4, None),
        (1, "requested", 4, None),
        (2, "released", 7, None),
        (1, "granted", 7, 3),
        (1, "released", 13, None),
    ]
    turn = next(r for r in of(log, "turn") if r.episode == 1 and r.state == "in_0")
    assert (turn.minutes, turn.time) == (10, 13)


def test_who_was_interrupted_comes_before_those_who_came_later() -> None:
    """Its place in the queue is that of when it came first."""
    ranks = {1: 0, 2: 0, 3: 5}
    log = played(ranked(ranks, [0, 1, 4], {0: 10, 5: 3}, preempt=True), by_rank(ranks))
    assert told(log, "granted")[2:] == [(1, "granted", 7), (2, "granted", 13)]


def test_priorities_wait_where_nobody_is_interrupted() -> None:
    """Of those who wait the highest is served first, and of equals who came first."""
    ranks = {1: 0, 2: 0, 3: 5, 4: 5}
    log = played(ranked(ranks, [0, 1, 2, 3], {0: 10, 5: 3}), by_rank(ranks))
    assert told(log, "granted") == [
        (1, "granted", 0), (3, "granted", 10), (4, "granted", 13), (2, "granted", 16),
    ]  # fmt: skip


def test_a_turn_that_is_over_is_not_interrupted() -> None:
    """Who comes in the very minute in which it ends gets what it had; it does not wait to end."""
    ranks = {1: 0, 2: 5}
    log = played(ranked(ranks, [0, 10], {0: 10, 5: 3}, preempt=True), by_rank(ranks))
    ended = {r.episode: r.time for r in of(log, "episode_ended")}
    assert ended == {1: 10, 2: 13}


def crossing(hours: str | None = None, at: tuple[float, ...] = (0, 0)) -> World:
    """Two resources, taken in one order or the other."""
    resource: dict[str, Any] = {"capacity": 1, **({"open": hours} if hours else {})}
    step = {"speakers": ["clerk"], "tell": "Go on.", "silent": True, "turn": 5}

    def through(first: str, second: str) -> dict[str, Any]:
        return {
            f"{first}_first": {**step, "holds": [first], "go": [{"to": f"then_{second}", "after": {"turns": 1}}]},
            f"then_{second}": {
                **step, "holds": [first, second], "go": [{"to": "done", "after": {"turns": 1}}],
            },
        }  # fmt: skip

    return world_of(
        {
            "world": "yard",
            "roles": {"clerk": "ann"},
            "facts": {"way": {"choice": ["unknown", "crane", "truck"], "start": "unknown"}},
            "actions": {
                "choose": {"by": "clerk", "about": "Choose.", "due": True, "fields": {"way": {"of": "way"}},
                           "sets": {"way": "act.way"}, "fallback": {"way": "crane"}}
            },
            "resources": {"crane": resource, "truck": resource},
            "arrivals": {"at": list(at)},
            "states": {
                "gate": {**step, "turn": 0, "actions": ["choose"],
                         "go": [{"crane_first": "way == crane"}, {"truck_first": "way == truck"}]},
                **through("crane", "truck"),
                **through("truck", "crane"),
            },
            "start": "gate",
            "ends": ["done"],
        }
    )  # fmt: skip


def opposite(request: Request) -> str:
    """Odd episodes take the crane first, even ones the truck."""
    if request.situation.state != "gate":
        return "{}"
    return acts(choose={"way": "crane" if request.situation.episode % 2 else "truck"})


@pytest.mark.parametrize("hours", [None, "08:30-17:00"])
def test_who_waits_for_each_other_for_ever_is_named(hours: str | None, tmp_path: Path) -> None:
    """A deadlock ends the run, also where opening hours go on for ever; the log keeps what was before."""
    world = crossing(hours)
    path = tmp_path / "run.jsonl"
    with LogWriter(path) as log, pytest.raises(DefinitionError) as error:
        Run(world, settings_for(world), {"clerk": Player(opposite)}, log).play()
    assert str(error.value) == (
        f"'yard' is stuck at {5 if hours is None else 35} min: episode 1 holds crane and waits for truck; "
        "episode 2 holds truck and waits for crane"
    )
    opened = RunLog.open(path)
    assert not opened.is_complete
    assert len(of(opened, "resource")) == (4 if hours is None else 6)
    verdict = verify(opened)
    assert not verdict.ok
    assert verdict.reason == f"record {len(opened.records)}: missing; {error.value}"


def test_a_deadlock_is_seen_behind_others_that_go_on() -> None:
    """Who comes later and waits too is named as well; who was done before is not."""
    world = crossing(at=(0, 100, 100, 130))
    with pytest.raises(DefinitionError, match="stuck at 130 min") as error:
        Run(world, settings_for(world), {"clerk": Player(opposite)}, LogWriter(None)).play()
    assert "episode 1" not in str(error.value)
    assert "episode 4 waits for truck" in str(error.value)


def test_of_many_who_wait_those_who_hold_something_are_named_first() -> None:
    """However many came before them; of the rest there is a count."""
    world = crossing(at=(0.0,) * 21)

    def say(request: Request) -> str:
        is_last = request.situation.episode == 21
        return "{}" if request.situation.state != "gate" else acts(choose={"way": "truck" if is_last else "crane"})

    with pytest.raises(DefinitionError) as error:
        Run(world, settings_for(world), {"clerk": Player(say)}, LogWriter(None)).play()
    told = str(error.value).partition(": ")[2].split("; ")
    assert told[:3] == [
        "episode 1 holds crane and waits for truck",
        "episode 21 holds truck and waits for crane",
        "episode 2 waits for crane",
    ]
    assert told[-1] == "13 more wait"


def test_passing_on_what_was_given_back_is_no_deadlock() -> None:
    """The last of many who wait is served when all others are gone."""
    log = played(shop([0.0] * 12, 5, {"capacity": 1}), silent)
    assert [minute for _, _, minute in told(log, "granted")] == [5.0 * n for n in range(12)]


def test_a_stock_that_nobody_fills_is_told() -> None:
    """Who waits for goods that will not come ends the run with an error, too."""
    world = shop([0, 1], 5, {"stock": 1})
    with pytest.raises(DefinitionError, match="stuck at 5 min: episode 2 waits for it"):
        Run(world, settings_for(world), {"clerk": Player(silent)}, LogWriter(None)).play()


@pytest.mark.parametrize("stock", [{"stock": 3}, {"stock": 1, "most": 3, "refill": {"amount": 1, "every": 9}}])
def test_more_than_there_can_be_is_no_world(stock: dict[str, Any]) -> None:
    """It would be waited for until the end of time."""
    with pytest.raises(DefinitionError, match="never more than 3 of 'it'"):
        shop([0], 1, stock, {"amount": 4})
    shop([0], 1, stock, {"amount": 3})


def test_a_queue_that_leads_back_to_itself_ends() -> None:
    """Where no time passes in between it would go round for ever; it is told, and the log is whole."""
    full = {"resource": "desk", "queue_at_most": 0, "otherwise": "away"}
    here = {"speakers": ["a"], "turn": 5, "holds": [full], "go": [{"over": "state_turns >= 1"}]}
    world = world_of(
        {
            "world": "round", "roles": {"a": "ann"}, "resources": {"desk": 1}, "arrivals": {"at": [0, 1]},
            "facts": {"is_late": {"flag": False}}, "groups": {"late": {"where": "is_late"}},
            "states": {"first": here, "away": {"speakers": ["late"], "go": ["first"]}},
            "start": "first", "ends": ["over"],
        }
    )  # fmt: skip
    log = played(world, silent)
    ends = {r.episode: (r.outcome, r.breach) for r in log.records if r.type == "episode_ended"}
    assert ends[1] == ("over", None)
    assert ends[2] == ("invariant_broken", "the queues for desk lead round, and no time passes")
    assert log.is_complete
