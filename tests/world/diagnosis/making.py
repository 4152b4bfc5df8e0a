"""Small worlds for diagnoses: a sound one, and what is said of it once something in it is changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sim.world.library import check

DESK = """\
world: desk
roles: {guest: chengzi, clerk: cashier}
facts:
  asked: {flag: false, label: asked}
  given: {flag: false, label: given}
actions:
  ask: {by: guest, sets: {asked: true}}
  give: {by: clerk, when: asked, sets: {given: true}}
states:
  hall:
    speakers: [guest, clerk]
    actions: [ask, give]
    go: [done: given, {to: left, after: {turns: 6}}]
start: hall
ends: {done: success, left: failure}
lines:
  hall:
    guest: [{do: {ask: {}}, say: A stamp?}, {say: Thanks.}]
    clerk: [{when: asked, do: {give: {}}, say: Here.}, {say: Yes?}]
"""


def said(*changes: tuple[str, str], text: str = DESK) -> list[str]:
    """``LINE code message`` of each problem of the world with some of its text replaced; none of them an error."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.yaml"
        path.write_text(text, encoding="utf-8")
        problems = check(path)[0]
    assert [p for p in problems if p.severity != "warning"] == []
    return [f"{p.line} {p.code} {p.message}" for p in problems]
