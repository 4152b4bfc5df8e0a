"""A model behind an OpenAI-compatible URL, through AutoGen's client."""

from __future__ import annotations

import copy
import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import autogen

from sim.engine import tokens
from sim.engine.prompt import Prompt, field_schema
from sim.engine.situation import open_tools, scope, shown
from sim.errors import DefinitionError, ModelError
from sim.models import prices
from sim.models.model import Reply, Request
from sim.record.records import Usage
from sim.stage.exchange import MAX_ANSWER
from sim.world.kinds import label_of
from sim.world.templates import render

_NOT_TAKEN = (400, 404, 415, 422)
"""What endpoints answer that know no JSON Schema output, or no tools."""

ROOM_FOR_ACTS = 200
"""Tokens of an answer beyond its words (a character is at most a token or so): a model that never stops is cut."""

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Endpoint:
    """A model behind an OpenAI-compatible URL, through AutoGen's client.

    The key is read from an environment variable and is written nowhere; should an answer or an error repeat it,
    it is taken out. JSON Schema output is asked for where acts are open, and tools are offered where a speaker may
    look something up, until the endpoint refuses them.
    """

    is_remote = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_name: str = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        temperature: float | None = None,
    ) -> None:
        self.name = model
        self._key = os.environ.get(key_name, "")
        if not self._key and base_url is None:
            raise DefinitionError(f"set {key_name} to the key of '{model}', or give --base-url of a local server")
        if not self._key.isascii():
            raise DefinitionError(f"the key in {key_name} has characters that no key has; is it the real one?")
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise DefinitionError(f"'{base_url}' is no URL; it begins with http:// or https://")
        entry: dict[str, Any] = {
            "model": model,
            "api_key": self._key or "none",
            "api_type": "openai",
            "timeout": timeout_s,
            "max_retries": 2,
        }
        entry |= {"base_url": base_url} if base_url else {}
        entry |= {"temperature": temperature} if temperature is not None else {}
        prices.load()
        self._url = _without_credentials(base_url)
        self._takes_schema = self._takes_tools = self._takes_limit = True
        self._client = autogen.OpenAIWrapper(config_list=[entry], cache_seed=None)
        for client in self._client._clients:
            # The library adds up costs of its own, and fails on an answer whose usage is odd; ours counts.
            client.cost = lambda response: 0
            client.get_usage = lambda response: {}

    @property
    def description(self) -> Mapping[str, Any]:
        """The model and where it is."""
        return {"name": self.name, "base_url": self._url}

    def answer(self, request: Request) -> Reply:
        """Make one call.

        Raises:
            ModelError: if it fails after the client's own retries, or its body is no answer.
        """
        started = time.perf_counter()
        response = self._create(request)
        latency = time.perf_counter() - started
        choices = getattr(response, "choices", None)
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        if message is None or not hasattr(message, "content"):
            raise ModelError(f"{self.name}: the answer has no choices")
        called = _called(message) if request.has_tools else ""
        text = self._redacted((called or self._words(message.content))[:MAX_ANSWER])
        usage = _usage(getattr(response, "usage", None), request.prompt, text)
        price = prices.listed(self.name, usage.prompt)
        cost, currency = (price.cost(usage), price.currency) if price is not None else (None, None)
        told = {"id": getattr(response, "id", None), "served_as": getattr(response, "model", None)}
        measured: dict[str, Any] = {k: self._redacted(str(v or ""))[:200] for k, v in told.items()}
        return Reply(text, usage, cost, currency, {"latency_s": round(latency, 3), **measured})

    def _words(self, content: object) -> str:
        """The words of an answer, which some endpoints give in parts."""
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            return "".join(part for part in parts if isinstance(part, str))
        if content is None or isinstance(content, str):
            return content or ""
        raise ModelError(f"{self.name}: the answer's content is no text")

    def _create(self, request: Request) -> Any:
        prompt = request.prompt
        options: dict[str, Any] = {
            "messages": [dict(m) for m in prompt.messages],
            "seed": request.streams.seed,
        }
        if request.has_tools and self._takes_tools:
            options["tools"] = _tools(request)
        if prompt.schema is not None and self._takes_schema:
            options["response_format"] = copy.deepcopy(dict(prompt.schema))
        if self._takes_limit:
            options["max_tokens"] = request.world.spec.limits.utterance + ROOM_FOR_ACTS
        failure: ModelError
        try:
            return self._client.create(**options)
        except Exception as error:  # noqa: BLE001 - the library's clients raise errors of many packages
            is_not_taken = getattr(error, "status_code", None) in _NOT_TAKEN
            if "tools" in options:
                self._takes_tools &= not is_not_taken
            elif "response_format" in options:
                self._takes_schema &= not is_not_taken
            else:
                self._takes_limit &= not is_not_taken
            is_asked_again = is_not_taken and bool({"tools", "response_format", "max_tokens"} & set(options))
            failure = self._failure(error)
        if is_asked_again:
            return self._create(request)
        # Raised outside of the handler, so that the library's error, which may repeat the key, is not chained.
        raise failure

    def _failure(self, error: Exception) -> ModelError:
        status = getattr(error, "status_code", None)
        if isinstance(error, AttributeError | TypeError | KeyError):
            return ModelError(f"{self.name} at {self._url}: the answer is no chat completion; is the URL right?")
        where = f" at {self._url}" if self._url else ""
        what = f"HTTP {status}: " if status else ""
        text = " ".join(self._redacted(str(error)).split())[:300]
        return ModelError(f"{self.name}{where}: {what}{text or type(error).__name__}")

    def _redacted(self, text: str) -> str:
        """A text without the key, even where it is spelt with JSON escapes."""
        if not self._key:
            return text
        plain = _ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text) if "\\u" in text else text
        return (plain if self._key in plain else text).replace(self._key, "[key]")


def _tools(request: Request) -> list[dict[str, Any]]:
    """The look-ups that are open to the speaker, as functions."""
    found = []
    for offer in open_tools(request.world, request.situation, request.role):
        fields = {name: field_schema(kind, request.language) for name, kind in offer.kinds.items()}
        parameters = {"type": "object", "properties": fields, "required": list(fields)}
        names = shown(request.world, request.role, scope(request.world, request.situation), request.language)
        about = render(label_of(offer.action.about, request.language), names)
        function = {"name": offer.name, "description": about, "parameters": parameters}
        found.append({"type": "function", "function": function})
    return found


def _called(message: Any) -> str:
    """The functions that an answer calls, as the JSON object that asks for the same look-ups; else ``""``."""
    calls: dict[str, Any] = {}
    given = getattr(message, "tool_calls", None)
    for called in given if isinstance(given, list) else []:
        function = getattr(called, "function", None)
        try:
            calls[str(getattr(function, "name", ""))] = json.loads(getattr(function, "arguments", None) or "{}")
        except (ValueError, TypeError, RecursionError):
            continue
    return json.dumps(calls, ensure_ascii=False) if calls else ""


def _without_credentials(url: str | None) -> str | None:
    """A URL without user, password and query, which may hold keys."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 10**9


def _usage(reported: Any, prompt: Prompt, text: str) -> Usage:
    asked, answered = getattr(reported, "prompt_tokens", None), getattr(reported, "completion_tokens", None)
    if asked is not None and answered is not None and _is_count(asked) and _is_count(answered):
        cached = getattr(getattr(reported, "prompt_tokens_details", None), "cached_tokens", None)
        known = cached if _is_count(cached) and cached is not None and cached <= asked else 0
        return Usage(prompt=asked, completion=answered, cached=known, is_estimated=False)
    counted = tokens.count_messages(prompt.messages)
    return Usage(prompt=counted, completion=tokens.count(text), is_estimated=True)
