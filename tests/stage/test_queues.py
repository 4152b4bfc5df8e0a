"""Queues: exact against recursions of their own, and in the mean against what queueing theory says."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from queues import CASES, Case, Visit, compared, shop, visits

URGENT = {"priority": "urgent ? 1 : 0"}


def in_order(jobs: Sequence[Visit], servers: int) -> list[float]:
    """Waits where all are served as they come: who is next takes the server that is free first."""
    free, waits = [0.0] * servers, []
    for job in jobs:
        begins = max(job.came, free[0])
        waits.append(begins - job.came)
        heapq.heapreplace(free, begins + job.service)
    return waits


def by_rank(jobs: Sequence[Visit], servers: int, *, preempt: bool) -> list[float]:
    """Waits where the urgent are served first, and interrupt the others or not, by the minute."""
    left = [job.service for job in jobs]
    waits, present, serving = [0.0] * len(jobs), set[int](), set[int]()
    now, coming = 0.0, 0
    while coming < len(jobs) or present:
        ranked = sorted(present, key=lambda i: (not jobs[i].urgent, jobs[i].came, i))
        if preempt:
            serving = set(ranked[:servers])
        else:
            serving |= set([i for i in ranked if i not in serving][: servers - len(serving)])
        ends = [now + left[i] for i in serving]
        until = min([*ends, *(job.came for job in jobs[coming : coming + 1])])
        for i in present:
            if i in serving:
                left[i] -= until - now
            else:
                waits[i] += until - now
        now = until
        done = {i for i in serving if left[i] < 1e-6}
        present, serving = present - done, serving - done
        if coming < len(jobs) and jobs[coming].came <= now + 1e-9:
            present.add(coming)
            coming += 1
    return waits


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.5, 1.3))
def test_who_comes_first_is_served_first(seed: int, servers: int, load: float) -> None:
    """With any number of servers, each wait is the one of the Kiefer-Wolfowitz recursion."""
    found = visits(shop(servers, per_hour=10 * servers * load), 80, seed)
    assert [v.waited for v in found] == pytest.approx(in_order(found, servers), abs=0.02)


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.integers(1, 3), st.booleans())
@example(90, 1, True)  # two come in the same instant, and the first of them is interrupted
def test_the_urgent_are_served_first(seed: int, servers: int, preempt: bool) -> None:
    """Each wait is as counted apart from SimPy; who is interrupted keeps its place and what was done."""
    world = shop(servers, 9 * servers, {"queue": "priority", "preempt": preempt}, URGENT)
    found = visits(world, 80, seed)
    ends = sorted(v.came + v.waited + v.service for v in found)
    assume(all(abs(end - v.came) > 0.01 for end in ends for v in found))  # who is first in one instant is left open
    assert [v.waited for v in found] == pytest.approx(by_rank(found, servers, preempt=preempt), abs=0.05)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_means_are_those_of_the_theory(case: Case) -> None:
    """At 1,200 arrivals; the interval is as wide as that allows."""
    for measure, mean, half in compared(case, 1_200, seed=2):
        assert mean == pytest.approx(measure.theory, abs=half), measure.name


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_means_are_those_of_the_theory_at_full_size(case: Case) -> None:
    """Within the 99 % confidence interval over 20,000 arrivals, and that is no wider than a quarter."""
    for measure, mean, half in compared(case, 20_000, seed=1):
        assert mean == pytest.approx(measure.theory, abs=half), measure.name
        assert half < 0.25 * measure.theory, measure.name
