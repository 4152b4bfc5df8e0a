"""The simulated clock: a SimPy environment that counts minutes. The only module that imports SimPy.

Episodes overlap on it. Each is a task with a stack of its own, so that it can wait for simulated time, or for a
resource, from deep inside an AutoGen chat; only one runs at a time, and which is next follows from the clock alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import simpy
import simpy.rt
from greenlet import GreenletExit, getcurrent, greenlet

from sim.world.stations import Hours, Resource, clock_minutes

DAY = 24 * 60
_FIRST = (float("-inf"), 0.0)


class Stuck(Exception):
    """All episodes that are left wait for each other; none will ever go on."""


class Preempted(Exception):
    """A resource was taken from the task that held it; ``left`` minutes were still to pass."""

    def __init__(self, left: float) -> None:
        super().__init__("preempted")
        self.left = left


class _Task(greenlet):
    """An episode, with a stack of its own."""


class Clock:
    """Simulated minutes since the start of the run; nothing else in the engine knows a time.

    With a ``pace`` of 1 simulated time passes as real time does, with 60 a minute in a second; with None there is
    no waiting.
    """

    def __init__(self, pace: float | None = None) -> None:
        self._environment: simpy.Environment = (
            simpy.Environment() if pace is None else simpy.rt.RealtimeEnvironment(factor=60 / pace, strict=False)
        )
        self._tasks: dict[_Task, None] = {}
        self._coming = 0
        self._hub = getcurrent()
        self._failed: BaseException | None = None
        self.endless: dict[object, Callable[[], bool]] = {}
        """Those who wait for others, and whether they still would if nobody else did anything."""

    @property
    def now(self) -> float:
        """Minutes since the start of the run, to a hundredth."""
        return round(float(self._environment.now), 2)

    def wait(self, minutes: float) -> None:
        """Let simulated time pass: for the task that calls it, or for all where no task does.

        Raises:
            Preempted: if a resource that the task holds was taken from it meanwhile.
        """
        until = self._environment.now + minutes
        try:
            self.until(self._environment.timeout(minutes))
        except simpy.Interrupt:
            raise Preempted(max(0.0, until - self._environment.now)) from None

    def until(self, event: Any) -> None:
        """Let simulated time pass until an event of the environment has come.

        Raises:
            Stuck: if it never will.
        """
        here = getcurrent()
        if isinstance(here, _Task):
            self._hub.switch(event)
            return
        try:
            self._environment.run(until=event)
        except RuntimeError:
            raise Stuck from None

    def begin(self, times: Iterable[float], task: Callable[[int], None]) -> None:
        """Begin a task at each of some times, which do not decrease; it is given its number, from 1."""
        self._coming += 1
        self._environment.process(self._arrive(times, task))

    def run(self) -> None:
        """Go on until all tasks have ended.

        Raises:
            Stuck: if those that are left wait for each other for ever.
            Exception: whatever a task raised; the others are left where they are.
        """
        self._hub = getcurrent()
        try:
            while self._tasks or self._coming:
                self._environment.step()
                if self._failed is not None:
                    raise self._failed
                if not self._coming and self.endless and self._is_stuck():
                    raise Stuck
        except simpy.core.EmptySchedule:
            raise Stuck from None
        finally:
            for task in list(self._tasks):
                task.throw(GreenletExit)
            self._tasks.clear()

    def _is_stuck(self) -> bool:
        """Whether all tasks wait for each other, once what was given back in this instant has been passed on."""
        if len(self.endless) < len(self._tasks) or self._environment.peek() <= self._environment.now:
            return False
        return all(is_so() for is_so in self.endless.values())

    def _arrive(self, times: Iterable[float], task: Callable[[int], None]) -> Iterator[simpy.Event]:
        for number, minute in enumerate(times, 1):
            if minute > self._environment.now:
                yield self._environment.timeout(minute - self._environment.now)
            self._tasks[born := _Task(task)] = None
            self._environment.process(self._live(born, number))
        self._coming -= 1
        yield self._environment.timeout(0)

    def _live(self, task: _Task, number: int) -> Iterator[simpy.Event]:
        """A SimPy process that waits for what its task waits for."""
        try:
            event = task.switch(number)
            while not task.dead:
                try:
                    yield event
                except simpy.Interrupt as interrupt:
                    event = task.throw(interrupt)
                else:
                    event = task.switch()
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - SimPy would raise another of its type, of the same arguments
            self._failed = error
        finally:
            self._tasks.pop(task, None)


class Claim:
    """What an episode holds of a resource, or waits for.

    ``since`` is its place in the queue: when it has asked, and which in number it was of all who did.
    """

    def __init__(self, resource: str, episode: int, request: Any, since: tuple[float, int]) -> None:
        self.resource = resource
        self.episode = episode
        self.request = request
        self.since = since

    @property
    def is_granted(self) -> bool:
        """Whether it is held, or is about to be."""
        return bool(self.request.triggered)


class Stations:
    """The resources of a run, as SimPy has them."""

    def __init__(self, clock: Clock, resources: Mapping[str, Resource], start: str) -> None:
        self._clock = clock
        self._environment = clock._environment
        self._spec = resources
        self._closed: dict[str, int] = {}
        self._refills: dict[str, int] = {}
        self._asked = count(1)
        self._made = {name: self._make(name, spec, clock_minutes(start)) for name, spec in resources.items()}

    def _make(self, name: str, spec: Resource, start: int) -> Any:
        environment = self._environment
        if spec.stock is not None:
            stock = simpy.Container(environment, capacity=spec.most or float("inf"), init=spec.stock)
            if spec.refill is not None:
                self._refills[name] = 0
                environment.process(self._refill(name, stock, spec.refill.amount, spec.refill.every))
            return stock
        kind = simpy.PreemptiveResource if spec.preempt else simpy.PriorityResource
        made = kind(environment, capacity=spec.capacity or 1)
        if spec.open:
            self._closed[name] = 0
            for _ in range(spec.capacity or 1):
                environment.process(self._close(name, made, spec.open, start))
        return made

    def _refill(self, name: str, stock: simpy.Container, amount: float, every: float) -> Iterator[simpy.Event]:
        while True:
            yield self._environment.timeout(every)
            self._refills[name] += 1
            room = min(amount, stock.capacity - stock.level)
            if room > 0:
                yield stock.put(room)

    def _close(self, name: str, made: Any, hours: list[Hours], start: int) -> Iterator[simpy.Event]:
        """One server's closing time: it is taken ahead of all who wait, when it is free, until it opens again."""
        while True:
            now = start + self._environment.now
            until = _opens(hours, now)
            if until > now:
                options = {"preempt": False} if isinstance(made, simpy.PreemptiveResource) else {}
                request = made.request(priority=_FIRST, **options)
                yield request
                self._closed[name] += 1
                now = start + self._environment.now
                if until > now:
                    yield self._environment.timeout(until - now)
                made.release(request)
                self._closed[name] -= 1
            now = start + self._environment.now
            yield self._environment.timeout(_closes(hours, now) - now)

    def waiting(self, name: str) -> int:
        """How many episodes wait for a resource; those who close it do not count."""
        made = self._made[name]
        if isinstance(made, simpy.Container):
            return len(made.get_queue)
        return sum(1 for r in made.queue if r.priority != _FIRST)

    def held(self, name: str) -> float:
        """How many episodes hold a resource; of a stock, how much is left."""
        made = self._made[name]
        if isinstance(made, simpy.Container):
            return float(made.level)
        return float(sum(1 for r in made.users if r.priority != _FIRST))

    def refills(self, name: str) -> int | None:
        """How often a stock was to be refilled until now, full or not; None for what is not refilled."""
        return self._refills.get(name)

    def claim(
        self,
        name: str,
        episode: int,
        priority: float = 0.0,
        amount: float = 1.0,
        since: tuple[float, int] | None = None,
    ) -> Claim:
        """Ask for a resource; the higher ``priority`` is served first where it has priorities.

        Who had it and lost it keeps its place: ``since`` is that of its first claim.
        """
        made, spec = self._made[name], self._spec[name]
        first = (self._environment.now, next(self._asked)) if since is None else since
        if isinstance(made, simpy.Container):
            return Claim(name, episode, made.get(amount), first)
        rank = -priority if spec.queue == "priority" else 0.0
        return Claim(name, episode, made.request(priority=(rank, *first)), first)

    def wait(self, claim: Claim, patience: float | None = None) -> bool:
        """Wait until a claim is granted; False, and the queue is left, where patience (in minutes) ends before.

        A claim that is granted at once is not waited for.

        Raises:
            Preempted: if what it was granted was taken from it in the same instant.
            Stuck: if it never can be granted.
        """
        if claim.is_granted:
            return True
        request, endless = claim.request, self._clock.endless
        if patience is None:
            endless[claim] = lambda: not claim.is_granted and self._waits_for_others(claim.resource)
        try:
            self._clock.until(request if patience is None else request | self._environment.timeout(patience))
        except simpy.Interrupt:
            raise Preempted(0.0) from None
        finally:
            endless.pop(claim, None)
        if not claim.is_granted:
            self.withdraw(claim)
        return claim.is_granted

    def _waits_for_others(self, name: str) -> bool:
        """Whether nothing but another episode can end the wait for a resource."""
        return not self._closed.get(name) and self._spec[name].refill is None

    def withdraw(self, claim: Claim) -> None:
        """Leave the queue."""
        claim.request.cancel()

    def release(self, claim: Claim) -> None:
        """Give a resource back; of a stock, nothing comes back."""
        made = self._made[claim.resource]
        if not isinstance(made, simpy.Container):
            made.release(claim.request)


def _opens(hours: list[Hours], now: float) -> float:
    """When it is open: now, or the next time that it opens; in minutes since midnight of the first day."""
    day, within = divmod(now, DAY)
    spans = sorted((clock_minutes(h.open), clock_minutes(h.close)) for h in hours)
    for opens, closes in spans:
        if within < closes:
            return max(now, day * DAY + opens)
    return (day + 1) * DAY + spans[0][0]


def _closes(hours: list[Hours], now: float) -> float:
    """When it closes next, where it is open now."""
    day, within = divmod(now, DAY)
    ends = sorted(clock_minutes(h.close) for h in hours)
    return day * DAY + next(c for c in ends if c > within)


def time_of_day(start: str, minutes: float) -> str:
    """The time shown for a simulated minute: ``08:30`` and 95 minutes give ``10:05``, a day later ``1d 10:05``."""
    hours, _, rest = start.partition(":")
    total = int(hours) * 60 + int(rest) + int(minutes)
    days, within = divmod(total, DAY)
    shown = f"{within // 60:02d}:{within % 60:02d}"
    return f"{days}d {shown}" if days else shown
