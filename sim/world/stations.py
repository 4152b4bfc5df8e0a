"""Where episodes meet: resources that they wait for, what a state holds of them, and when episodes begin."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sim.world.durations import Minutes, as_minutes
from sim.world.fields import Expression, Name, Part, Text

TIME = r"^([01]\d|2[0-3]):[0-5]\d$"
_MINUTES = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DAY = 24 * 60
_HOURS = re.compile(r"^(?P<open>\d\d:\d\d)\s*-\s*(?P<close>\d\d:\d\d)$")


def clock_minutes(time: str) -> int:
    """The minutes since midnight of a time such as ``08:30``."""
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)


def open_minutes(hours: Sequence[Hours], start: str, minutes: float) -> float:
    """How many of so many minutes since a time of day are within the hours of a day, or of later ones."""
    if not hours:
        return minutes
    spans: list[tuple[int, int]] = []
    for opens, closes in sorted((clock_minutes(h.open), clock_minutes(h.close)) for h in hours):
        if spans and opens <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(closes, spans[-1][1]))
        else:
            spans.append((opens, closes))

    def since_midnight(time: float) -> float:
        days, within = divmod(time, _DAY)
        return sum(days * (c - o) + min(max(within - o, 0.0), c - o) for o, c in spans)

    begin = clock_minutes(start)
    return since_midnight(begin + minutes) - since_midnight(begin)


class Hours(Part):
    """When a resource is open, each day."""

    open: str = Field(pattern=TIME)
    close: str = Field(pattern=TIME)

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        if clock_minutes(self.open) >= clock_minutes(self.close):
            raise ValueError(f"closes at {self.close}, before it opens at {self.open}")
        return self


def _as_hours(value: Any) -> Any:
    found = _HOURS.match(value) if isinstance(value, str) else None
    return found.groupdict() if found else value


def _as_hours_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class Refill(Part):
    """What comes in again, and how often."""

    amount: float = Field(gt=0)
    every: float = Field(gt=0, description="simulated minutes")


def as_resource(value: Any) -> Any:
    """A number alone is a capacity."""
    return {"capacity": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Resource(Part):
    """What episodes share and wait for: servers (``capacity``), or goods that are used up (``stock``)."""

    capacity: int | None = Field(None, ge=1, le=10_000, description="how many can be held at once")
    stock: float | None = Field(None, ge=0, description="how much there is at the start")
    refill: Refill | None = Field(None, description="for a stock: what comes in again")
    most: float | None = Field(None, gt=0, description="for a stock: how much there can be")
    queue: Literal["first_come", "priority"] = Field("first_come", description="who is served next")
    preempt: bool = Field(
        default=False, description="whether one of higher priority takes it from one of lower, who waits again"
    )
    open: Annotated[list[Annotated[Hours, BeforeValidator(_as_hours)]], BeforeValidator(_as_hours_list)] = Field(
        [], description="the hours, such as 08:30-12:00; always where none are given"
    )
    label: Text = Field({}, description="what people read for it")

    @model_validator(mode="after")
    def _one(self) -> Resource:
        if (self.capacity is None) == (self.stock is None):
            raise ValueError("needs either a capacity or a stock")
        if self.stock is None and (self.refill or self.most):
            raise ValueError("refill and most are for a stock")
        if self.stock is not None and (self.open or self.preempt or self.queue == "priority"):
            raise ValueError("a stock has no hours and no priorities")
        if self.stock is not None and self.most is not None and self.most < self.stock:
            raise ValueError("the stock is more than there can be (most)")
        if self.preempt and self.queue != "priority":
            raise ValueError("preempt needs queue: priority")
        return self


class Hold(Part):
    """A resource that a state needs: it is waited for before anybody speaks, and given back when it is left."""

    resource: Name
    when: Expression = Field("true", description="needed only where this holds when the state is entered")
    amount: float = Field(1, gt=0, description="for a stock: how much is used up")
    priority: Expression | None = Field(None, description="a number; the higher is served first")
    patience: Annotated[Minutes, BeforeValidator(as_minutes)] | None = Field(
        None, description="how long is waited, in simulated minutes"
    )
    queue_at_most: int | None = Field(
        None, ge=0, description="how many may wait; who would be one more goes on to otherwise at once"
    )
    otherwise: str | None = Field(None, description="the state or end to go to when it was not waited for")

    @model_validator(mode="after")
    def _leaves(self) -> Hold:
        if (self.patience is not None or self.queue_at_most is not None) != (self.otherwise is not None):
            raise ValueError("patience and queue_at_most need otherwise (where to go then), and only they")
        return self


def arrival_times(text: str) -> list[str | float]:
    """The column ``time`` of a CSV text: times of day, or simulated minutes.

    Raises:
        ValueError: naming the line that has none, or if there is no such column, or nothing in it.
    """
    rows = csv.DictReader(io.StringIO(text))
    if "time" not in (rows.fieldnames or ()):
        raise ValueError("has no column 'time'")
    times: list[str | float] = []
    for row in rows:
        given = (row["time"] or "").strip()
        if not re.fullmatch(TIME, given) and not _MINUTES.fullmatch(given):
            raise ValueError(f"line {rows.line_num}: '{given}' is neither a time such as 08:30 nor minutes")
        times.append(given if ":" in given else float(given))
    if not times:
        raise ValueError("has no times")
    return times


def as_holds(value: Any) -> Any:
    """Names alone are resources that are waited for as long as it takes."""
    given = [value] if isinstance(value, str | dict) else value
    if isinstance(given, list):
        return [{"resource": item} if isinstance(item, str) else item for item in given]
    return given


class Rush(Part):
    """A part of the day with its own rate of arrivals."""

    from_: str = Field(alias="from", pattern=TIME)
    to: str = Field(pattern=TIME)
    per_hour: float = Field(ge=0, description="episodes in an hour, on average")

    @model_validator(mode="after")
    def _in_order(self) -> Rush:
        if clock_minutes(self.from_) >= clock_minutes(self.to):
            raise ValueError(f"ends at {self.to}, before it begins at {self.from_}")
        return self


class Arrivals(Part):
    """When episodes begin: at fixed times, regularly, at random with a rate, or with one for parts of the day."""

    at: list[Annotated[str, Field(pattern=TIME)] | Annotated[float, Field(ge=0)]] | None = Field(
        None, min_length=1, description="times of day, or simulated minutes since the start"
    )
    every: Annotated[Minutes, BeforeValidator(as_minutes)] | None = Field(
        None, description="the time between two, in simulated minutes"
    )
    per_hour: float | None = Field(None, gt=0, description="so many in an hour on average, at random (Poisson)")
    schedule: list[Rush] | None = Field(None, min_length=1, description="parts of the day, each with its rate")
    file: str | None = Field(None, description="a CSV file beside the world, with a column 'time'")
    episodes: int | None = Field(None, ge=1, le=1_000_000, description="how many in all")
    until: str | None = Field(None, pattern=TIME, description="when the last may begin, on the first day")

    @model_validator(mode="after")
    def _one(self) -> Arrivals:
        ways = [self.at, self.every, self.per_hour, self.schedule, self.file]
        if len(ways) - ways.count(None) != 1:
            raise ValueError("needs exactly one of at, every, per_hour, schedule, file")
        parts = sorted((r.from_, r.to) for r in self.schedule or [])
        if any(end > begin for (_, end), (begin, _) in pairwise(parts)):
            raise ValueError("two parts of the schedule overlap")
        if self.schedule is not None and not any(r.per_hour for r in self.schedule):
            raise ValueError("nobody ever comes by this schedule")
        if self.every is not None and self.every.words is not None:
            raise ValueError("words are how long a turn takes, not the time between two arrivals")
        if self.every is not None and self.every.is_nothing and self.episodes is None:
            raise ValueError("no time between two: all would come at once, and without an end")
        if (self.every or self.per_hour) and self.episodes is None and self.until is None:
            raise ValueError("needs an end: episodes (how many), or until (a time of day)")
        return self
