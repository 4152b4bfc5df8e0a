"""What one episode holds of the run's resources: asked for, waited for, lost and given back, all of it logged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim.engine.clock import Claim, Clock, Preempted, Stations
from sim.engine.situation import Situation, scope
from sim.stage.exchange import Note
from sim.world.vocabulary import ExpressionError
from sim.world.world import HoldDef, World

INSTANT = 0.005
"""Minutes, times being to a hundredth: who loses what it holds when no more is left of its turn is done."""


class Holding:
    """The claims of one episode."""

    def __init__(self, world: World, stations: Stations, clock: Clock, episode: int, note: Note) -> None:
        self._world = world
        self._stations = stations
        self._clock = clock
        self._episode = episode
        self._note = note
        self._claims: dict[str, Claim] = {}
        self._left = ""
        self._wanted = ""

    @property
    def is_holding(self) -> bool:
        """Whether anything is held."""
        return bool(self._claims)

    def __str__(self) -> str:
        held = " and ".join(self._claims)
        return f"episode {self._episode} " + (f"holds {held} and " if held else "") + f"waits for {self._wanted}"

    def move(self, state: str) -> None:
        """Give back what another state does not need."""
        needed = {h.resource for h in self._world.states[state].holds} if state in self._world.states else set()
        for name in [n for n in self._claims if n not in needed]:
            self._stations.release(self._claims.pop(name))
            self._tell("released", name, self._left)
        self._left = state

    def take(self, situation: Situation) -> tuple[Situation, HoldDef | None]:
        """Wait for what a state needs: the situation after the wait, and for what it waited in vain, if so."""
        current = situation
        for hold in self._world.states[situation.state].holds:
            if hold.resource in self._claims or not hold.when.holds(scope(self._world, current)):
                continue
            current, is_granted = self._granted(current, hold)
            if not is_granted:
                return current, hold
        return current, None

    def _granted(
        self, situation: Situation, hold: HoldDef, since: tuple[float, int] | None = None
    ) -> tuple[Situation, bool]:
        stations, name, began = self._stations, hold.resource, self._clock.now
        state = situation.state
        streams = situation.streams
        patience = streams.at("patience", name, situation.visit).minutes(hold.patience) if hold.patience else None
        is_told = False
        while True:
            claim = stations.claim(name, self._episode, self._priority(situation, hold), hold.amount, since)
            if not claim.is_granted and not is_told:
                if hold.queue_at_most is not None and stations.waiting(name) > hold.queue_at_most:
                    stations.withdraw(claim)
                    self._tell("balked", name, state)
                    return situation, False
                self._tell("requested", name, state)
                is_told = True
            self._wanted = name
            try:
                waited = self._clock.now - began
                is_granted = stations.wait(claim, None if patience is None else max(0.0, patience - waited))
            except Preempted:
                since = claim.since
                continue
            waited = round(self._clock.now - began, 2)
            self._tell("granted" if is_granted else "reneged", name, state, waited=waited)
            if is_granted:
                self._claims[name] = claim
            return replace(situation, minutes=round(situation.minutes + waited, 2)), is_granted

    def _priority(self, situation: Situation, hold: HoldDef) -> float:
        if hold.priority is None:
            return 0.0
        try:
            return float(hold.priority(scope(self._world, situation)))
        except (ExpressionError, TypeError):
            return 0.0

    def spend(self, situation: Situation, minutes: float) -> Situation:
        """Let the minutes of a turn pass; when what it needs is taken away, they stand still until it is back."""
        current, left = situation, minutes
        while True:
            try:
                self._clock.wait(left)
            except Preempted as taken:
                left = taken.left
                lost = self._lose(current)
                if left < INSTANT:
                    return current
                current = self._regained(current, lost)
            else:
                return current

    def _lose(self, situation: Situation) -> Claim:
        (name,) = self._claims  # one that can be taken away is held alone
        lost = self._claims.pop(name)
        self._tell("preempted", name, situation.state)
        return lost

    def _regained(self, situation: Situation, lost: Claim) -> Situation:
        hold = next(h for h in self._world.states[situation.state].holds if h.resource == lost.resource)
        current, _ = self._granted(situation, replace(hold, patience=None, queue_at_most=None), lost.since)
        return current

    def _tell(self, event: str, name: str, state: str, **more: Any) -> None:
        stations, refills = self._stations, self._stations.refills(name)
        if refills is not None:
            more["refills"] = refills
        self._note(
            "resource",
            time=self._clock.now,
            state=state,
            resource=name,
            event=event,
            waiting=stations.waiting(name),
            held=stations.held(name),
            **more,
        )
