"""What the queues of a run come to, against what queueing theory says: means with 99 % confidence intervals.

Run: python bench/queues.py [--arrivals 20000] [--seed 1]

Each case is a small world: episodes arrive at random, need a resource, hold it for one silent turn of random
length, and end. It is played as any world is, in the plain loop, without a log file. The intervals are by batch
means, after the first tenth is left out. All rates are in minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sim.models.model import Reply, Request
from sim.record.log import LogWriter
from sim.record.records import Usage
from sim.stage.run import Run, settings_for
from sim.world.library import load
from sim.world.world import World

SERVICE = 6.0
"""The mean service time, in minutes."""

BATCHES = 20
T_99 = 2.861
"""Student's t for 99 % and 19 degrees of freedom."""


def erlang_b(servers: int, load_: float) -> float:
    """The share that finds all servers busy where nobody waits (M/M/c/c)."""
    share = 1.0
    for n in range(1, servers + 1):
        share = load_ * share / (n + load_ * share)
    return share


def erlang_c(servers: int, load_: float) -> float:
    """The share that has to wait (M/M/c)."""
    busy = erlang_b(servers, load_)
    return busy / (1 - load_ / servers * (1 - busy))


def mean_wait(servers: int, rate: float) -> float:
    """The mean wait in minutes (M/M/c)."""
    return erlang_c(servers, rate * SERVICE) / (servers / SERVICE - rate)


def blocked(servers: int, places: int, rate: float) -> float:
    """The share that is turned away where only so many may wait (M/M/c/K)."""
    chances = [1.0]
    for n in range(1, servers + places + 1):
        chances.append(chances[-1] * rate * SERVICE / min(n, servers))
    return chances[-1] / sum(chances)


def given_up(servers: int, rate: float, patience: float) -> float:
    """The share that gives up waiting, where patience is exponential (M/M/c+M, Erlang's model A)."""
    chances, n = [1.0], 0
    while n <= servers or chances[-1] > 1e-15 * max(chances):
        n += 1
        ending = min(n, servers) / SERVICE + max(0, n - servers) / patience
        chances.append(chances[-1] * rate / ending)
    queue = sum(max(0, n - servers) * chance for n, chance in enumerate(chances)) / sum(chances)
    return queue / patience / rate


def cobham(rates: Sequence[float], of: int) -> float:
    """The mean wait of a class where the first is served first and nobody is interrupted (M/M/1)."""
    ahead = [sum(rates[:n]) * SERVICE for n in range(len(rates) + 1)]
    return sum(rates) * SERVICE**2 / ((1 - ahead[of]) * (1 - ahead[of + 1]))


def resumed(rates: Sequence[float], of: int) -> float:
    """The mean wait of a class, interruptions included, where the first interrupts all others (M/M/1)."""
    ahead = [sum(rates[:n]) * SERVICE for n in range(len(rates) + 1)]
    left = sum(rates[: of + 1]) * SERVICE**2
    stay = (SERVICE * (1 - ahead[of + 1]) + left) / ((1 - ahead[of]) * (1 - ahead[of + 1]))
    return stay - SERVICE


class Silent:
    """A model in this process that says nothing."""

    name = "silent"
    description: Mapping[str, Any] = {"name": "silent"}

    def answer(self, request: Request) -> Reply:
        """Nothing."""
        return Reply("{}", Usage(prompt=0, completion=0, is_estimated=True), Decimal(0), "USD")


@dataclass
class Visit:
    """What one episode came to: its arrival, its waits together, its service, and how it ended."""

    came: float
    urgent: bool = False
    waited: float = 0.0
    service: float = 0.0
    outcome: str = ""


def shop(
    servers: int, per_hour: float, resource: Mapping[str, Any] | None = None, hold: Mapping[str, Any] | None = None
) -> World:
    """A world in which each episode is one service; of those who come, one in three is urgent.

    They are many, for nobody comes twice before all have come: of few, the urgent would come too regularly.
    """
    person = {"name": "Ann"}
    people = {f"p{i}": {**person, "facts": {"urgent": i % 3 == 0}} for i in range(900)}
    spec = {
        "world": "shop",
        "roles": {"customer": {"population": "customers"}},
        "facts": {"urgent": {"flag": False}},
        "resources": {"server": {"capacity": servers, **(resource or {})}},
        "arrivals": {"per_hour": per_hour, "episodes": 100},
        "states": {
            "served": {
                "speakers": ["customer"], "tell": "Wait.", "silent": True, "turn": {"exponential": SERVICE},
                "holds": {"resource": "server", **(hold or {})}, "go": [{"to": "done", "after": {"turns": 1}}],
            }
        },
        "start": "served",
        "ends": ["done", "left"],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        personas = Path(folder) / "personas"
        personas.mkdir()
        (personas / "customers.yaml").write_text(json.dumps({"population": "customers", "people": people}))
        (Path(folder) / "world.yaml").write_text(json.dumps(spec))
        return load(Path(folder))


def visits(world: World, arrivals: int, seed: int) -> list[Visit]:
    """Play so many episodes, and say what each came to."""
    found: dict[int, Visit] = {}

    def listen(record: dict[str, Any]) -> None:
        kind, episode = record["type"], record.get("episode", 0)
        if kind == "episode_started":
            found[episode] = Visit(record["time"], record["facts"]["urgent"])
        elif kind == "resource" and record["event"] == "granted":
            found[episode].waited += record["waited"]
        elif kind == "turn":
            found[episode].service = record["minutes"]
        elif kind == "episode_ended":
            found[episode].outcome = record["outcome"]

    settings = settings_for(world, seed=seed, episodes=arrivals)
    Run(world, settings, dict.fromkeys(world.agents, Silent()), LogWriter(None), listen).play()
    return [found[episode] for episode in sorted(found)]


@dataclass(frozen=True)
class Measure:
    """A mean of some visits, and what theory says of it."""

    name: str
    theory: float
    value: Callable[[Visit], float] = lambda visit: visit.waited
    of: Callable[[Visit], bool] = lambda visit: True

    def simulated(self, found: Sequence[Visit]) -> tuple[float, float]:
        """The mean, and half of its 99 % confidence interval."""
        late = found[len(found) // 10 :]
        size = len(late) // BATCHES
        batches = [late[i * size : (i + 1) * size] for i in range(BATCHES)]
        means = [statistics.fmean(self.value(v) for v in batch if self.of(v)) for batch in batches]
        return statistics.fmean(means), T_99 * statistics.stdev(means) / math.sqrt(BATCHES)


@dataclass(frozen=True)
class Case:
    """A world and what is measured in it."""

    name: str
    measures: tuple[Measure, ...]
    servers: int
    per_hour: float
    resource: Mapping[str, Any] = field(default_factory=dict)
    hold: Mapping[str, Any] = field(default_factory=dict)

    def world(self) -> World:
        """The world, ready to be played."""
        return shop(self.servers, self.per_hour, self.resource, self.hold)


def _is_left(visit: Visit) -> float:
    return float(visit.outcome == "left")


def _two(theory: Callable[[Sequence[float], int], float], per_hour: float) -> tuple[Measure, ...]:
    rates = (per_hour / 60 / 3, per_hour / 60 * 2 / 3)
    return (
        Measure("wait of the urgent", theory(rates, 0), of=lambda v: v.urgent),
        Measure("wait of the others", theory(rates, 1), of=lambda v: not v.urgent),
    )


_URGENT = {"priority": "urgent ? 1 : 0"}

CASES = (
    Case("M/M/1", (Measure("wait", mean_wait(1, 7 / 60)),), 1, 7),
    Case("M/M/2 (Erlang C)", (Measure("wait", mean_wait(2, 15 / 60)),), 2, 15),
    Case(
        "M/M/5 (Erlang C)",
        (
            Measure("wait", mean_wait(5, 40 / 60)),
            Measure("share that waits", erlang_c(5, 4.0), lambda v: float(v.waited > 0)),
        ),
        5,
        40,
    ),
    Case("two classes, no interruption (Cobham)", _two(cobham, 7), 1, 7, {"queue": "priority"}, _URGENT),
    Case(
        "two classes, pre-emptive resume", _two(resumed, 7), 1, 7, {"queue": "priority", "preempt": True}, _URGENT
    ),
    Case(
        "M/M/3/3 (Erlang B)",
        (Measure("share turned away", erlang_b(3, 2.5), _is_left),),
        3,
        25,
        hold={"queue_at_most": 0, "otherwise": "left"},
    ),
    Case(
        "M/M/2/5, balking",
        (Measure("share turned away", blocked(2, 3, 20 / 60), _is_left),),
        2,
        20,
        hold={"queue_at_most": 3, "otherwise": "left"},
    ),
    Case(
        "M/M/2+M, reneging (Erlang A)",
        (Measure("share that gives up", given_up(2, 20 / 60, 10), _is_left),),
        2,
        20,
        hold={"patience": {"exponential": 10}, "otherwise": "left"},
    ),
)


def compared(case: Case, arrivals: int, seed: int) -> Iterator[tuple[Measure, float, float]]:
    """Each measure of a case with its simulated mean and half of the interval."""
    found = visits(case.world(), arrivals, seed)
    for measure in case.measures:
        yield measure, *measure.simulated(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrivals", type=int, default=20_000, help="episodes of each case")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.arrivals:,} arrivals, seed {given.seed}, mean service {SERVICE:g} min; waits in minutes")
    print(f"{'case':40} {'measure':20} {'theory':>8} {'simulated':>10} {'99 % interval':>20}")
    for case in CASES:
        for measure, mean, half in compared(case, given.arrivals, given.seed):
            inside = "" if abs(mean - measure.theory) <= half else "  OUTSIDE"
            interval = f"{mean - half:.4f} to {mean + half:.4f}"
            print(f"{case.name:40} {measure.name:20} {measure.theory:8.4f} {mean:10.4f} {interval:>20}{inside}")


if __name__ == "__main__":
    main()
