"""One request over the wire, through AutoGen's client: the answer as it came, or what went wrong."""

from __future__ import annotations

import base64
import json
import queue
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import autogen

from sim.errors import DefinitionError
from sim.models.catalog import Entry
from sim.models.retries import Failure, is_passing, wait_of
from sim.stage.adapter.functions import Names, for_provider, from_provider

ANSWER = "answer"
"""The function by which an endpoint without JSON answers gives its acts."""

FEW = 3
"""How often a body that is no answer, or an answer that does not end, is tried: both seldom pass by waiting."""

SOME = 5
"""How often a connection that is lost is tried: a server may be starting anew."""

SHORT = 8
"""A key with fewer characters ("none", "x": local servers are given such) is no secret, but may be in an answer."""

_NOT_TAKEN = (400, 404, 415, 422)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum.{0,12}(context|tokens)|too (long|many tokens)", re.I
)


class NotTaken(Exception):
    """The endpoint refused something of a request; ``reason`` is all that it says of it."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Answered:
    """An answer: its words (None where it has none), the tokens as they were reported, and what else was told."""

    text: str | None
    prompt: int | None
    completion: int | None
    cached: int
    told: Mapping[str, str]


class Wire:
    """An endpoint. Whatever it says, the key is not repeated."""

    def __init__(self, name: str, entry: Entry, url: str | None, key: str) -> None:
        self._name = name
        self._url = url
        self._timeout_s = entry.timeout
        config: dict[str, Any] = {
            "model": entry.model or name,
            "api_key": key or "none",
            "api_type": {"gemini": "google"}.get(entry.api, entry.api),
            "max_retries": 0,
            "timeout": entry.timeout,
        }
        self._secrets = [secret for secret in (key, *_credentials(entry.url)[1:]) if len(secret) >= SHORT]
        config |= {"base_url": url} if url else {}
        if _credentials(entry.url):
            # Sent as the header that a client would make of them, for in a URL they would be logged by some.
            pair = ":".join(_credentials(entry.url))
            coded = base64.b64encode(pair.encode()).decode()
            self._secrets.append(coded)
            config["default_headers"] = {"Authorization": f"Basic {coded}"}
        config |= {"api_version": entry.version} if entry.version else {}
        if entry.api in {"anthropic", "gemini"}:
            del config["max_retries"], config["timeout"]
        try:
            self._client = autogen.OpenAIWrapper(config_list=[config], cache_seed=None)
        except ImportError:
            raise DefinitionError(
                f"'{name}' needs the extra '{entry.api}': pip install 'roleplay-sim[{entry.api}]'"
            ) from None
        for client in self._client._clients:
            # The library adds up costs of its own, and fails on an answer whose usage is odd; ours counts.
            client.cost = lambda response: 0
            client.get_usage = lambda response: {}
            inner: Any = getattr(client, "_client", None)
            if hasattr(inner, "max_retries"):
                inner.max_retries = 0  # tries are counted and told here, not within a client

    def send(self, options: Mapping[str, Any]) -> Answered:
        """Make one request.

        Raises:
            Failure: if it failed.
            NotTaken: if the endpoint refused an option, as it seems.
        """
        sent, names = for_provider(options)
        try:
            response = within(self._timeout_s, lambda: self._client.create(**sent))
        except Failure as failure:
            error: Exception = failure
        except Exception as caught:  # noqa: BLE001 - the library's clients raise errors of many packages
            error = self._failure(caught)
        else:
            return self._answered(response, names)
        # Raised outside of the handler, so that the library's error, which may repeat the key, is not chained.
        raise error

    def _failure(self, error: Exception) -> Exception:
        told = (getattr(error, "status_code", None), getattr(error, "code", None))
        status = next((number for number in told if isinstance(number, int)), None)
        where = f"{self._name} at {self._url}" if self._url else self._name
        if isinstance(error, AttributeError | TypeError | KeyError | ValueError) and status is None:
            return Failure(f"{where}: the answer is no chat completion; is the URL right?", True, tries=FEW)
        # What decides may stand far behind in a long message, of which a person is shown the beginning.
        whole = " ".join(self.redacted(str(error)).split())[:20_000]
        text = whole[:300] or type(error).__name__
        message = f"{where}: HTTP {status}: {text}" if status else f"{where}: {text}"
        if status in _NOT_TAKEN:
            if is_too_long(whole):
                return Failure(f"{message}; models.yaml can say how long its window is (window: TOKENS)")
            return NotTaken(message, whole)
        if status is None:
            is_late = "Timeout" in type(error).__name__ or "timed out" in text
            is_lost = any(word in type(error).__name__ for word in ("Connection", "Protocol"))
            return Failure(message, is_late or is_lost, tries=FEW if is_late else SOME)
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        given = {str(k).lower(): str(v) for k, v in headers.items()}
        return Failure(message, is_passing(status, whole), wait_of(given, whole))

    def _answered(self, response: Any, names: Names | None = None) -> Answered:
        choices = getattr(response, "choices", None)
        first = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(first, "message", None)
        usage = getattr(response, "usage", None)
        prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        cached = _count(getattr(usage, "prompt_tokens_details", None), "cached_tokens")
        text = (
            None if message is None else _called(message, names or {}) or words(getattr(message, "content", None))
        )
        told = {
            name: self.redacted(str(value))[:200]
            for name, key in (("id", "id"), ("served_as", "model"), ("fingerprint", "system_fingerprint"))
            if (value := getattr(response, key, None))
        }
        return Answered(
            None if text is None else self.redacted(text),
            prompt,
            completion,
            cached if cached is not None and prompt is not None and cached <= prompt else 0,
            told,
        )

    def redacted(self, text: str) -> str:
        """A text without the key, even where it is spelt with JSON escapes."""
        plain = _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text) if "\\u" in text else text
        for secret in self._secrets:
            text = (plain if secret in plain else text).replace(secret, "[key]")
            plain = plain.replace(secret, "[key]")
        return text


def _credentials(url: str | None) -> tuple[str, ...]:
    """The user and the password in a URL."""
    parts = urlsplit(url or "")
    return (unquote(parts.username), unquote(parts.password or "")) if parts.username else ()


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call gives, if it does within so many seconds; one that does not is left to itself.

    The client's own timeout is for each piece of an answer, and an answer may come in ever more pieces.
    """
    done: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise Failure(f"no whole answer within {seconds:g} s", True, tries=FEW) from None
    if error is not None:
        raise error
    return result


def is_too_long(message: str) -> bool:
    """Whether an endpoint says that a prompt is longer than its window."""
    return _TOO_LONG.search(message) is not None


def words(content: object) -> str | None:
    """The words of an answer, which some endpoints give in parts; None where it has none that are text."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    if content is None or isinstance(content, str):
        return content or ""
    return None


def _called(message: Any, names: Names) -> str:
    """The functions that an answer calls, as the JSON object that asks for the same; else ``""``."""
    calls: dict[str, Any] = {}
    given = getattr(message, "tool_calls", None)
    for called in given if isinstance(given, list) else []:
        function = getattr(called, "function", None)
        name, arguments = str(getattr(function, "name", "")), getattr(function, "arguments", None) or "{}"
        if isinstance(arguments, dict):  # as some local servers give them
            arguments = json.dumps(arguments, ensure_ascii=False)
        if name == ANSWER and not names:
            return str(arguments)
        try:
            given = from_provider(json.loads(arguments), names)
        except (ValueError, TypeError, RecursionError):
            if name == ANSWER:
                return str(arguments)
            continue
        if name == ANSWER:
            return json.dumps(given, ensure_ascii=False)
        calls[names.get(name, name)] = given
    return json.dumps(calls, ensure_ascii=False) if calls else ""


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if type(value) is int and 0 <= value < 10**9 else None
