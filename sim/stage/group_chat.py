"""The only module that knows AutoGen: episodes as group chats, and AutoGen's client for live models.

AutoGen decides nothing here. Its group chat asks our selection function who speaks, its agents ask our model client
what they say, and it carries the messages; what those mean is the episode's.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import autogen
from autogen.io.base import IOStream

from sim.engine import tokens
from sim.engine.prompt import Prompt
from sim.errors import DefinitionError, ModelError
from sim.models.model import Reply, Request
from sim.models.prices import price
from sim.record.records import Usage
from sim.stage.episode import MAX_ANSWER, Episode
from sim.stage.run import Run

_NO_LIMIT = 1_000_000_000
_NO_SCHEMA = (400, 404, 415, 422)
"""What endpoints answer that know no JSON Schema output."""

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")

if not hasattr(autogen, "GroupChatManager"):
    raise DefinitionError(
        "the installed package 'autogen' has no GroupChat; this project needs autogen>=0.14.1,<0.15 "
        "(pip uninstall pyautogen ag2 && pip install 'autogen[openai]>=0.14.1,<0.15')"
    )


def _never(message: object) -> bool:
    return False


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep AutoGen's loggers from telling what the log tells."""
    loggers = [logging.getLogger(name) for name in ("autogen.oai.client", "ag2.event.processor")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Silence:
    """An AutoGen stream that shows nothing: the transcript is the log's, not the library's."""

    def print(self, *objects: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        """Show nothing."""

    def send(self, message: object) -> None:
        """Send nothing."""

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        """Ask nobody."""
        return ""


class _EpisodeClient:
    """An AutoGen model client whose answers are the turns of an episode."""

    def __init__(self, config: Mapping[str, Any], *, episode: Callable[[], Episode], role: str) -> None:
        self._model = str(config["model"])
        self._episode = episode
        self._role = role

    def create(self, params: dict[str, Any]) -> Any:
        """Take the turn with the messages that AutoGen delivered."""
        episode = self._episode()
        built = episode.prompt(self._role)
        given = tuple({"role": str(m["role"]), "content": str(m["content"])} for m in params["messages"])
        text = episode.speak(self._role, Prompt(given, built.schema))
        message = SimpleNamespace(content=text, function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model=self._model, cost=0)

    def message_retrieval(self, response: Any) -> list[str]:
        """The words of a response."""
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        """Nothing: the log's ledger counts, not AutoGen."""
        return 0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Nothing, likewise."""
        return {}


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += "_"
    return name


class _Cast:
    """The agents and the chat of one run, and the selection function that ties them to its episode."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.episode: Episode | None = None
        self.is_over = False
        self.agents = {role: self._agent(role) for role in run.world.roles}
        # The initiator sits in the group, though it is never chosen: it hears all, so AutoGen can sum up the chat.
        self.initiator = autogen.ConversableAgent(
            _free_name("narrator", self.agents),
            llm_config=False,
            human_input_mode="NEVER",
            code_execution_config=False,
            is_termination_msg=_never,
            default_auto_reply=None,
            silent=True,
        )
        self.chat = autogen.GroupChat(
            agents=[self.initiator, *self.agents.values()],
            messages=[],
            max_round=_NO_LIMIT,
            speaker_selection_method=self._select,
            allow_repeat_speaker=True,
        )
        self.manager = autogen.GroupChatManager(
            groupchat=self.chat,
            name=_free_name("stage", self.agents),
            llm_config=False,
            human_input_mode="NEVER",
            is_termination_msg=_never,
            max_consecutive_auto_reply=_NO_LIMIT,
            silent=True,
        )

    def current(self) -> Episode:
        if self.episode is None:
            raise DefinitionError("this chat has no episode yet; start it with initiate_chat")
        return self.episode

    def _agent(self, role: str) -> Any:
        entry = {"model": self.run.models[role].name, "model_client_cls": "_EpisodeClient"}
        with _quiet():
            agent = autogen.ConversableAgent(
                role,
                llm_config={"config_list": [entry], "cache_seed": None},
                human_input_mode="NEVER",
                code_execution_config=False,
                is_termination_msg=_never,
                max_consecutive_auto_reply=_NO_LIMIT,
                silent=True,
            )
            agent.register_model_client(_EpisodeClient, episode=self.current, role=role)

        def show(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
            system, *rest = self.current().prompt(role).messages
            agent.update_system_message(system["content"])
            return [dict(message) for message in rest]

        agent.register_hook("process_all_messages_before_reply", show)
        return agent

    def _select(self, last_speaker: Any, chat: Any) -> Any:
        """The speaker-selection function: the last turn steps the machine, which names the next speaker."""
        if self.is_over:
            raise DefinitionError("this chat has been played to its end; sim.group_chat makes another")
        if self.episode is None:
            self.episode = self.run.begin(
                str(chat.messages[-1].get("content") or "").encode("utf-8", "replace").decode()
            )
            self.episode.start()
        role = self.episode.next_speaker()
        if role is None:
            self.run.finish(self.episode)
            self.is_over = True
            return None
        return self.agents[role]


def group_chat(run: Run) -> tuple[Any, Any]:
    """The initiator and the manager of a run's group chat, for plain AutoGen code to start."""
    cast = _Cast(run)
    return cast.initiator, cast.manager


def play(run: Run) -> None:
    """Play a run in an AutoGen group chat, which prints nothing."""
    cast = _Cast(run)
    with _quiet(), IOStream.set_default(_Silence()):
        cast.initiator.initiate_chat(cast.manager, message=run.settings.opening, silent=True)


class Endpoint:
    """A model behind an OpenAI-compatible URL, through AutoGen's client.

    The key is read from an environment variable and is written nowhere; should an answer or an error repeat it,
    it is taken out. JSON Schema output is asked for where acts are open, until the endpoint refuses it.
    """

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
        self._url = _without_credentials(base_url)
        self._takes_schema = True
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
        response = self._create(request.prompt, request.streams.seed)
        latency = time.perf_counter() - started
        choices = getattr(response, "choices", None)
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        if message is None or not hasattr(message, "content"):
            raise ModelError(f"{self.name}: the answer has no choices")
        text = self._redacted(self._words(message.content)[:MAX_ANSWER])
        usage = _usage(getattr(response, "usage", None), request.prompt, text)
        cost, currency = price(self.name, usage)
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

    def _create(self, prompt: Prompt, seed: int) -> Any:
        messages = [dict(m) for m in prompt.messages]
        options: dict[str, Any] = {"messages": messages, "seed": seed}
        if prompt.schema is not None and self._takes_schema:
            options["response_format"] = copy.deepcopy(dict(prompt.schema))
        failure: ModelError
        try:
            return self._client.create(**options)
        except Exception as error:  # noqa: BLE001 - the library's clients raise errors of many packages
            self._takes_schema &= getattr(error, "status_code", None) not in _NO_SCHEMA
            is_about_schema = "response_format" in options and not self._takes_schema
            failure = self._failure(error)
        if is_about_schema:
            return self._create(prompt, seed)
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
