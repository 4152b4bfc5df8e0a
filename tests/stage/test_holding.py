"""What a state holds only where a condition is true, and how long who waits for it waits."""

from __future__ import annotations

from typing import Any

from sim.models.scripted import Scripted
from sim.stage.episode import drive
from sim.stage.run import Run, settings_for
from tests.building import world_of
from tests.stage.test_episode import Ledger

WORLD = """\
world: two_rooms
roles: {guest: {population: [ann, bob]}, clerk: cai}
facts: {tall: {flag: false}, seen: {number: guests, shared: true}}
resources: {north: 1, south: 1}
arrivals: {at: [0, 1, 2, 3]}
states:
  door: {speakers: clerk, turn: 0, actions: measure, go: [{to: room, when: "done.measure == 1"}]}
  room:
    speakers: guest
    turn: 10
    holds:
      - {resource: north, when: tall, HOLD}
      - {resource: south, when: not tall}
    go: [{to: over, after: {turns: 1}}]
actions:
  measure: {by: clerk, due: true, fallback: {}, sets: {seen: seen + 1, tall: "seen % 2 == 0"}}
start: door
ends: [over, left]
lines: {door: {clerk: [{do: {measure: {}}, say: Next.}]}, room: {guest: [{say: Fine.}]}}
"""


def played(hold: str) -> list[dict[str, Any]]:
    world = world_of(WORLD.replace("HOLD", hold))
    records = Ledger()
    Run(world, settings_for(world), dict.fromkeys(world.agents, Scripted()), records).play(drive)
    return list(records)


def events(records: list[dict[str, Any]]) -> list[tuple[float, int, str, str]]:
    return [(r["time"], r["episode"], r["resource"], r["event"]) for r in records if r["type"] == "resource"]


def test_what_a_state_needs_may_depend_on_the_facts() -> None:
    """Each guest holds one of the rooms, waits for that one alone, and gives it back."""
    found = events(played("amount: 1"))
    granted = {(e, room) for _, e, room, event in found if event == "granted"}
    assert granted == {(1, "north"), (2, "south"), (3, "north"), (4, "south")}
    assert [(t, e) for t, e, _, event in found if event == "requested"] == [(2.0, 3), (3.0, 4)]
    assert [(t, e) for t, e, _, event in found if event == "granted"] == [(0.0, 1), (1.0, 2), (10.0, 3), (11.0, 4)]
    assert sorted((e, room) for _, e, room, event in found if event == "released") == sorted(granted)


def test_who_does_not_need_a_resource_has_no_patience_for_it() -> None:
    """Only the one that waits for it leaves."""
    records = played("patience: 3, otherwise: left")
    assert [event for event in events(records) if event[3] == "reneged"] == [(5.0, 3, "north", "reneged")]
    ends = {r["episode"]: r["outcome"] for r in records if r["type"] == "episode_ended"}
    assert ends == {1: "over", 2: "over", 3: "left", 4: "over"}


def test_the_last_who_waits_is_called_when_all_others_have_left() -> None:
    """Nobody is stuck who is next: the room falls free as the episode before ends, and no other is left."""
    found = events(played("patience: 3, otherwise: left"))
    assert (11.0, 2, "south", "released") in found
    assert (11.0, 4, "south", "granted") in found


def test_nobody_comes_twice_before_all_have_come() -> None:
    """Two people, four episodes: each of them twice, one time in each round."""
    cast = [r["cast"]["guest"] for r in played("amount: 1") if r["type"] == "episode_started"]
    assert (set(cast[:2]), set(cast[2:])) == ({"ann", "bob"}, {"ann", "bob"})
