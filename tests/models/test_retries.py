"""What passes and what does not, how long a provider asks to wait, and how often is tried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ModelError
from sim.models.retries import LONGEST_WAIT_S, PATIENCE_S, Failure, is_passing, persist, wait_of
from tests.timers import SimulatedTimer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Attempts:
    """Fails with each of some failures in turn, and succeeds then."""

    def __init__(self, *failures: Failure) -> None:
        self.count = 0
        self._failures = failures

    def __call__(self) -> str:
        self.count += 1
        if self.count <= len(self._failures):
            raise self._failures[self.count - 1]
        return "done"


def busy(wait_s: float | None = None, tries: int | None = None) -> Failure:
    return Failure("busy", True, wait_s, tries)


def persisted(
    attempt: Callable[[], str], jitter: float = 0.5, tries: int = 8
) -> tuple[str | None, str | None, list[float], list[str]]:
    """The result or the error, the waits, and what was told."""
    timer, told = SimulatedTimer(), list[str]()
    try:
        result, error = persist(attempt, timer, jitter, told.append, tries), None
    except ModelError as caught:
        result, error = None, str(caught)
    return result, error, timer.slept, told


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, 0),
        ({"retry-after": "Sun, 01 Mar 2026 13:00:30 +0100"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30"}, 30),
        ({"retry-after": "later"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_a_header_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """In seconds, in milliseconds, or until a moment."""
    assert wait_of(headers, "Too many requests.", NOW) == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for gpt-4o. Please try again in 21.108s. Visit https://x.", 21.108),
        ("Please try again in 6m0s.", 360),
        ("please try again in 120ms", 0.12),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 1h2m3s.", 3723),
        ("Please retry after 26 seconds.", 26),
        ("Please retry in 36.9s", 36.9),
        ("Try again in 2 minutes", 120),
        ("Please try again after 1 hour", 3600),
        ("Please retry after 1 second.", 1),
        ("please try again in 5 sec", 5),
        ("Please try again in a moment.", None),
        ("Please try again later.", None),
        ("Too many requests.", None),
        ("retry after 5 monkeys", None),
        ("", None),
    ],
)
def test_a_message_says_how_long_to_wait(message: str, seconds: float | None) -> None:
    """As OpenAI, Azure and Google write it."""
    assert wait_of({}, message) == (None if seconds is None else pytest.approx(seconds))


def test_a_header_counts_more_than_a_message() -> None:
    """And a header that says nothing leaves it to the message."""
    assert wait_of({"retry-after": "3"}, "try again in 9s") == 3
    assert wait_of({"retry-after": "?"}, "try again in 9s") == 9


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+ [+-]\d+"), st.text())
def test_whatever_a_provider_says_is_a_wait_or_nothing(header: str, message: str) -> None:
    """No header and no message is an error of its own."""
    for headers in ({"retry-after": header}, {"retry-after-ms": header}, {}):
        wait_s = wait_of(headers, f"try again in {message}")
        assert wait_s is None or wait_s >= 0


@given(st.integers(0, 5), st.integers(0, 59), st.integers(0, 59_999))
def test_a_duration_is_read_as_it_is_written(hours: int, minutes: int, milliseconds: int) -> None:
    """However many of its parts there are."""
    seconds = milliseconds / 1000
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{seconds}s"
    assert wait_of({}, f"Please try again in {text}.") == pytest.approx(hours * 3600 + minutes * 60 + seconds)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_a_server_cannot_do_now_passes(status: int) -> None:
    """It is busy, or has a fault of its own."""
    assert is_passing(status, "sorry")


@pytest.mark.parametrize("status", [None, 400, 401, 403, 404, 413, 422, 501])
def test_what_is_wrong_with_a_request_does_not_pass(status: int | None) -> None:
    """The next try would be refused as well."""
    assert not is_passing(status, "sorry, try again in 5s")


@pytest.mark.parametrize(
    "message",
    [
        "You exceeded your current quota, please check your plan and billing details.",
        "{'error': {'message': 'No.', 'code': 'insufficient_quota'}}",
        "Insufficient Balance",
    ],
)
def test_an_account_without_money_does_not_pass(message: str) -> None:
    """Waiting does not fill it."""
    assert not is_passing(429, message)


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached. Please try again in 20s. Visit https://platform.openai.com/account/billing to add a "
        "payment method.",
        "You exceeded your current quota, please check your plan and billing details. Please retry in 36.9s.",
    ],
)
def test_a_busy_provider_may_speak_of_billing(message: str) -> None:
    """It passes if the message says when."""
    assert is_passing(429, message)


def test_success_at_once_waits_for_nothing() -> None:
    """And tells nothing."""
    assert persisted(Attempts()) == ("done", None, [], [])


@pytest.mark.parametrize(("jitter", "factor"), [(0.0, 0.5), (0.5, 1.0), (0.75, 1.25)])
def test_the_waits_double_up_to_a_minute(jitter: float, factor: float) -> None:
    """Each moved by the same jitter."""
    result, _, slept, told = persisted(Attempts(*[busy()] * 8), jitter, tries=9)
    assert result == "done"
    assert slept == [factor * wait_s for wait_s in (1, 2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S)]
    assert told[0] == f"busy; asking again in {factor:.1f} s"


def test_the_provider_s_word_counts_more_than_the_doubling() -> None:
    """A short wait is not made longer, and no wait is shorter than it says."""
    assert persisted(Attempts(busy(0.1), busy(40), busy()), 0.5)[2] == [0.35, 40.25, 4]


def test_the_message_says_how_often_it_was_tried() -> None:
    """Unless it was once."""
    assert persisted(Attempts(*[busy()] * 9))[:2] == (None, "busy (tried 8 times)")
    assert persisted(Attempts(*[busy()] * 9), tries=2)[1] == "busy (tried 2 times)"
    assert persisted(Attempts(*[busy()] * 9), tries=1) == (None, "busy", [], [])


def test_what_does_not_pass_is_not_tried_again() -> None:
    """Even after what did."""
    attempts = Attempts(busy(), Failure("no such model"), busy())
    assert persisted(attempts)[:2] == (None, "no such model (tried 2 times)")
    assert attempts.count == 2


def test_who_asks_to_wait_too_long_is_given_up_at_once() -> None:
    """Nobody sits through an hour of it."""
    assert persisted(Attempts(busy(PATIENCE_S)))[0] == "done"
    assert persisted(Attempts(busy(PATIENCE_S + 1))) == (None, "busy", [], [])


def test_a_kind_of_failure_may_have_fewer_tries() -> None:
    """Than the entry allows, but not more."""
    assert persisted(Attempts(*[busy(tries=3)] * 9))[1] == "busy (tried 3 times)"
    assert persisted(Attempts(*[busy(tries=3)] * 9), tries=2)[1] == "busy (tried 2 times)"


def test_failures_of_another_kind_do_not_use_up_the_few_tries() -> None:
    """A connection that is lost once, after the provider was busy for a while, is tried again."""
    assert persisted(Attempts(busy(), busy(), busy(), busy(tries=3), busy(tries=3)))[0] == "done"
    assert persisted(Attempts(busy(), *[busy(tries=3)] * 9))[1] == "busy (tried 4 times)"


def test_other_errors_are_not_failures() -> None:
    """They are raised as they are."""

    def attempt() -> str:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        persist(attempt, SimulatedTimer(), 0.5, print)


@given(
    st.lists(st.none() | st.floats(0, PATIENCE_S), max_size=10),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 10),
)
def test_no_wait_is_shorter_than_the_provider_asked(asked: list[float | None], jitter: float, tries: int) -> None:
    """And all together are no longer than the asked for and the doubled ones can be."""
    attempts = Attempts(*map(busy, asked))
    result, _, slept, told = persisted(attempts, jitter, tries)
    assert (result == "done") == (len(asked) < tries)
    assert len(slept) == len(told) == min(len(asked), tries - 1)
    for wait_s, wished in zip(slept, asked, strict=False):
        assert wait_s >= (wished or 0)
        assert wait_s <= (1.5 * LONGEST_WAIT_S if wished is None else wished + 0.5)
    assert sum(slept) >= sum(wished or 0 for wished in asked[: tries - 1])
