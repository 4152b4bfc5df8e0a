"""What went wrong with a call, whether it will pass, and how long to wait before the next try."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import tenacity

from sim.errors import ModelError
from sim.models.limits import Timer

_Result = TypeVar("_Result")

TRIES = 8
LONGEST_WAIT_S = 60.0
PATIENCE_S = 300.0
"""A provider that asks to wait longer than this is down for the purposes of a run."""

_BUSY = frozenset({408, 409, 425, 429})
_SPENT = ("insufficient_quota", "exceeded your current quota", "insufficient balance", "billing")
"""In a 429 that does not say when to come back: the account has no money left, which does not pass by waiting."""

_AGAIN = re.compile(
    r"(?:try again|retry)(?:\s+again)?\s+(?:in|after)\s+"
    r"(?:(?P<h>\d{1,9})\s*h(?:ours?)?\s*)?(?:(?P<m>\d{1,9})\s*m(?:in(?:ute)?s?)?(?![a-z])\s*)?"
    r"(?:(?P<s>\d{1,9}(?:\.\d+)?)\s*(?P<unit>ms|s(?:ec(?:ond)?s?)?)(?![a-z]))?",
    re.IGNORECASE,
)


class Failure(Exception):
    """A try that failed. It is passing if another may succeed, after ``wait_s`` seconds if the provider says so.

    ``tries`` is how many failures of this kind are borne at most, where that is fewer than usual.
    """

    def __init__(
        self, message: str, is_passing: bool = False, wait_s: float | None = None, tries: int | None = None
    ) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        self.wait_s = wait_s
        self.tries = tries


def is_passing(status: int | None, message: str) -> bool:
    """Whether an HTTP error may be gone at the next try: too many requests and the server's own faults are."""
    if status is None:
        return False
    if status in _BUSY:
        return _said(message) is not None or not any(mark in message.lower() for mark in _SPENT)
    return status >= 500 and status != 501


def wait_of(headers: Mapping[str, str], message: str, now: datetime | None = None) -> float | None:
    """How many seconds a provider asks to wait: by its headers (RFC 9110, 10.2.3), else by its message."""
    exact = headers.get("retry-after-ms", "")
    if _is_number(exact):
        return float(exact) / 1000
    given = headers.get("retry-after", "").strip()
    if _is_number(given):
        return float(given)
    if given:
        try:
            until = email.utils.parsedate_to_datetime(given)
        except ValueError:
            until = None
        if until is not None:
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
            return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
    return _said(message)


def _said(message: str) -> float | None:
    found = _AGAIN.search(message)
    if found is None or not any(found.group("h", "m", "s")):
        return None
    seconds = float(found.group("s") or 0) / (1000 if (found.group("unit") or "").lower() == "ms" else 1)
    return int(found.group("h") or 0) * 3600 + int(found.group("m") or 0) * 60 + seconds


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) is not None


def persist(
    attempt: Callable[[], _Result],
    timer: Timer,
    jitter: float,
    tell: Callable[[str], None],
    tries: int = TRIES,
) -> _Result:
    """Try until it succeeds, waiting longer each time, and at least as long as the provider asks.

    Without a word of the provider the waits are 1, 2, 4, … seconds times 0.5 to 1.5 by ``jitter`` (from 0 to 1), so
    that calls that failed together do not come back together.

    Raises:
        ModelError: if a failure will not pass, or the tries are used up.
    """
    few = 0

    def is_worth_a_try(state: tenacity.RetryCallState) -> bool:
        nonlocal few
        failure = _failure(state)
        if failure is None or not failure.is_passing or (failure.wait_s or 0) > PATIENCE_S:
            return False
        few += failure.tries is not None
        return failure.tries is None or few < failure.tries

    def wait(state: tenacity.RetryCallState) -> float:
        failure = _failure(state)
        if failure is not None and failure.wait_s is not None:
            return failure.wait_s + 0.5 * jitter
        return float(min(LONGEST_WAIT_S, 2.0 ** (state.attempt_number - 1)) * (0.5 + jitter))

    def before_sleep(state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0
        tell(f"{_failure(state)}; asking again in {seconds:.1f} s")

    retrying = tenacity.Retrying(
        retry=is_worth_a_try,
        stop=tenacity.stop_after_attempt(tries),
        wait=wait,
        sleep=timer.sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Failure as failure:
        tried = int(retrying.statistics["attempt_number"])
        message = str(failure) + (f" (tried {tried} times)" if tried > 1 else "")
    raise ModelError(message)


def _failure(state: tenacity.RetryCallState) -> Failure | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, Failure) else None
