"""When the episodes of a run begin, and who comes, drawn by the seed."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from itertools import islice, repeat

from sim.engine.streams import Streams
from sim.world.durations import Minutes
from sim.world.stations import Arrivals, Rush, clock_minutes

DAY = 24 * 60


def arrivals_of(arrivals: Arrivals | None, episodes: int | None, seed: int, start: str) -> Iterator[float]:
    """The simulated minutes at which episodes begin, in order; ``start`` is the time of day at minute 0.

    ``episodes`` is how many are wanted, in place of the number or the end that the world names; all at minute 0
    where the world has no arrivals.
    """
    if arrivals is None:
        return repeat(0.0, episodes or 1)
    begin = clock_minutes(start)
    if arrivals.at is not None:
        times = sorted(clock_minutes(t) - begin if isinstance(t, str) else t for t in arrivals.at)
        return islice((float(max(0.0, t)) for t in times), episodes)
    wanted = episodes or arrivals.episodes
    until = math.inf if episodes or arrivals.until is None else clock_minutes(arrivals.until) - begin
    if arrivals.schedule is not None:
        until = min(until, math.inf if wanted else max(clock_minutes(r.to) for r in arrivals.schedule) - begin)
        found = _rush(arrivals.schedule, seed, begin)
    else:
        found = _steady(arrivals, seed)
    return islice(_within(found, until), wanted)


def _within(times: Iterator[float], until: float) -> Iterator[float]:
    for time in times:
        if time > until:
            return
        yield time


def _steady(arrivals: Arrivals, seed: int) -> Iterator[float]:
    """Arrivals with one law for the time between two; regular ones begin at minute 0, random ones after a while."""
    gap = arrivals.every or Minutes(exponential=60 / (arrivals.per_hour or 1.0))
    streams, time, number = Streams(seed, 0), 0.0, 0
    while True:
        if number or arrivals.every is None:
            time += streams.at("arrival", number).exact_minutes(gap)
        yield round(time, 2)
        number += 1


def _rush(schedule: list[Rush], seed: int, begin: int) -> Iterator[float]:
    """A Poisson process whose rate changes during the day: unit exponentials, laid along the rates."""
    parts = sorted((clock_minutes(r.from_), clock_minutes(r.to), r.per_hour / 60) for r in schedule)
    streams, time, number = Streams(seed, 0), float(begin), 0
    while True:
        left = streams.at("arrival", number).exact_minutes(Minutes(exponential=1))
        time = _after(parts, time, left)
        yield round(time - begin, 2)
        number += 1


def _after(parts: list[tuple[int, int, float]], time: float, left: float) -> float:
    """The time by which the rates have added up to ``left`` since ``time``; in minutes since midnight."""
    day = int(time // DAY) * DAY
    while True:
        for opens, closes, rate in parts:
            since = max(time, day + opens)
            room = rate * max(0.0, day + closes - since)
            if rate and left <= room:
                return since + left / rate
            left -= room
        day += DAY


def comer(seed: int, episode: int, agent: str, of: int) -> int:
    """Which of so many people plays an agent in an episode: nobody comes again before all have come."""
    time, place = divmod(episode - 1, of)
    return _order(seed, agent, time, of)[place]


@functools.lru_cache(maxsize=64)
def _order(seed: int, agent: str, time: int, of: int) -> tuple[int, ...]:
    return tuple(Streams(seed, 0).at("persona", agent, time).order(of))


def how_many(arrivals: Arrivals | None, episodes: int | None) -> int | None:
    """How many episodes there will be; None where that depends on the draws."""
    if arrivals is None:
        return episodes or 1
    if arrivals.at is not None:
        return min(len(arrivals.at), episodes or len(arrivals.at))
    return episodes or (arrivals.episodes if arrivals.until is None else None)
