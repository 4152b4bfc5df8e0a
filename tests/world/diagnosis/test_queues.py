"""Resources that nobody needs, and queues that wait for each other."""

from __future__ import annotations

from tests.world.diagnosis.making import said

RESOURCES = ("start: hall", "resources: {till: 1, room: 2}\nstart: hall")


def test_a_resource_that_no_state_holds_is_told() -> None:
    """Each of them."""
    assert [p.partition(";")[0] for p in said(RESOURCES)] == [
        "14 never-held resources.till: no state holds it",
        "14 never-held resources.room: no state holds it",
    ]


def test_resources_asked_for_in_opposite_orders_may_never_come() -> None:
    """Told once, at the first of the waits."""
    world = ("start: hall", "  back: {speakers: guest, holds: [room, till], go: [left]}\nstart: hall")
    changes = (
        ("    speakers: [guest, clerk]\n", "    speakers: [guest, clerk]\n    holds: [till, room]\n"),
        ("go: [done: given,", "go: [back: asked and not given, done: given,"),
        ("lines:\n", "resources: {till: 1, room: 2}\nlines:\n  back: {guest: [{say: Hm.}]}\n"),
    )
    assert said(world, *changes) == [
        "12 deadlock states.hall.holds.1: episodes may wait for each other for ever: "
        "here 'room' is waited for with 'till' held, and in 'back' 'till' with 'room' held; "
        "ask for 'room' and 'till' in the same order everywhere, or give a queue patience"
    ]
    same = (world[0], world[1].replace("[room, till]", "[till, room]"))
    assert said(same, *changes) == []
    patient = (world[0], world[1].replace("till]", "{resource: till, patience: 5, otherwise: left}]"))
    assert said(patient, *changes) == []


def test_what_is_kept_from_the_state_before_is_held_while_waiting() -> None:
    """The room is kept on the way back, and the till on the way there."""
    changes = (
        ("    speakers: [guest, clerk]\n", "    speakers: [guest, clerk]\n    holds: till\n"),
        ("go: [done: given,", "go: [both: asked and not given, done: given,"),
        (
            "start: hall",
            "  room_first: {speakers: guest, holds: room, go: [both]}\n"
            "  both: {speakers: guest, holds: [till, room], go: [left: given, room_first]}\nstart: hall",
        ),
        (
            "lines:\n",
            "resources: {till: 1, room: 2}\n"
            "lines:\n  room_first: {guest: [{say: Hm.}]}\n  both: {guest: [{say: Hm.}]}\n",
        ),
    )
    [problem] = said(*changes)
    assert problem.startswith("16 deadlock states.both.holds.0: episodes may wait for each other for ever: ")


def test_goods_that_are_used_up_are_not_held() -> None:
    """A stock is taken from, not given back, so nobody waits for who has it."""
    world = ("start: hall", "  back: {speakers: guest, holds: [room, till], go: [left]}\nstart: hall")
    changes = (
        ("    speakers: [guest, clerk]\n", "    speakers: [guest, clerk]\n    holds: [till, room]\n"),
        ("go: [done: given,", "go: [back: asked and not given, done: given,"),
        ("lines:\n", "resources: {till: 1, room: {stock: 5}}\nlines:\n  back: {guest: [{say: Hm.}]}\n"),
    )
    assert said(world, *changes) == []
