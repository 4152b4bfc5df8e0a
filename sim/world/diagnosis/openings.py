"""Actions, ballots and look-ups that nobody can ever use."""

from __future__ import annotations

from sim.errors import listed
from sim.world.diagnosis.study import Findings, Study
from sim.world.world import ActionDef, ToolDef


def find(study: Study) -> Findings:
    """What no state opens, what is never open, and what only those may do who are never asked where it is open."""
    world = study.world
    acting: dict[str, ActionDef | ToolDef] = {**world.actions, **world.tools}
    for name, action in acting.items():
        section = "tools" if name in world.tools else "ballots" if name in world.spec.ballots else "actions"
        opened = [s for s in world.states.values() if name in s.actions]
        if not opened:
            message = f"no state opens it; name '{name}' under the actions of a state"
            yield study.finding((section, name), "never-open", message, (section, name))
        elif action.when.text == "false":
            message = "its condition (when) is false, so it is never open; take it away, or let it be true at times"
            yield study.finding((section, name), "never-open", message)
        for state in opened:
            if state.order == "single" and state.speakers.order:
                first = state.speakers.order[0]
                speaking = frozenset(world.groups[first].of) if first in world.groups else frozenset({first})
                if study.everyone(action.by).isdisjoint(speaking):
                    message = (
                        f"nobody can '{name}' here: in the order single only '{first}' speaks, "
                        f"and it is by {listed(study.roles(action.by))}; take another order"
                    )
                    yield study.finding(("states", state.name, "actions"), "no-actor", message)
