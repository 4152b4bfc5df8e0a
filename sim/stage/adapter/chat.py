"""Episodes as AutoGen group chats.

AutoGen decides nothing here. Its group chat asks our selection function who speaks, its agents ask the episode what
they say, and it carries the messages; what those mean is the episode's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import autogen
from autogen.io.base import IOStream

from sim.errors import DefinitionError
from sim.models.provider_names import provider_name
from sim.stage.episode import Episode
from sim.stage.run import Run

_NO_LIMIT = 1_000_000_000

if not hasattr(autogen, "GroupChatManager"):
    raise DefinitionError(
        "the installed package 'autogen' has no GroupChat; this project needs autogen>=0.14.1,<0.15 "
        "(pip uninstall pyautogen ag2 && pip install 'autogen[openai]>=0.14.1,<0.15')"
    )


def _never(message: object) -> bool:
    return False


@contextlib.contextmanager
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


class _Client:
    """What AutoGen asks of a model client beside the answer; only its selector has one."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._model = str(config["model"])

    def response(self, text: str) -> Any:
        """An answer in the shape that AutoGen expects."""
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


def _free_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


class _Cast:
    """The agents and the chat of one run, and the selection function that ties them to its episode."""

    def __init__(self, run: Run, episode: Episode | None = None) -> None:
        self.run = run
        self.episode = episode
        self._is_own = episode is None
        self.is_started = False
        self.is_over = False
        self.agents = {agent: self._agent(agent) for agent in run.world.agents}
        taken = {agent.name for agent in self.agents.values()}
        # The initiator sits in the group, though it is never chosen: it hears all, so AutoGen can sum up the chat.
        self.initiator = autogen.ConversableAgent(
            _free_name("narrator", taken),
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
            admin_name=_free_name("Admin", taken),  # to whom an interrupt would be handed over
            max_round=_NO_LIMIT,
            speaker_selection_method=self._select,
            allow_repeat_speaker=True,
            max_retries_for_selecting_speaker=run.world.spec.selection.tries,
            select_speaker_auto_llm_config={
                "config_list": [{"model": "selector", "model_client_cls": "_SelectorClient"}],
                "cache_seed": None,
            },
            select_speaker_auto_model_client_cls=self._selector_client(),
        )
        self.manager = autogen.GroupChatManager(
            groupchat=self.chat,
            name=_free_name("stage", taken),
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
        """An agent whose one way to reply is to take its turn in the episode.

        Its messages, and with them its name, may be sent to a provider by a user's own AutoGen code.
        """
        agent = autogen.ConversableAgent(
            provider_name(role),
            llm_config=False,
            human_input_mode="NEVER",
            code_execution_config=False,
            is_termination_msg=_never,
            max_consecutive_auto_reply=_NO_LIMIT,
            silent=True,
        )

        def reply(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, str]:
            with self._ending_on_error():
                return True, self.current().speak(role)

        agent.register_reply([autogen.Agent, None], reply, remove_other_reply_funcs=True)
        return agent

    def _select(self, last_speaker: Any, chat: Any) -> Any:
        """The speaker-selection function: the last turn steps the machine, which names the next speaker."""
        if self.is_over:
            raise DefinitionError("this chat is over; sim.group_chat makes another")
        with self._ending_on_error():
            if self.episode is None:
                opening = str(chat.messages[-1].get("content") or "")
                self.episode = self.run.begin(opening.encode("utf-8", "replace").decode())
            if not self.is_started:
                self.is_started = True
                self.episode.start()
            role = self.episode.next_speaker()
            if role is None and self.episode.selector.is_open:
                role = self._auto(last_speaker)
            if role is None:
                if self._is_own:
                    self.run.finish(self.episode)
                self.is_over = True
                return None
            return self.agents[role]

    @contextlib.contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        """After an error a chat that is started again would go on in the middle of a turn, so it is over."""
        try:
            yield
        except BaseException:
            self.is_over = True
            if self._is_own:
                self.run.stop()
            raise

    def _auto(self, last_speaker: Any) -> str | None:
        """Let AutoGen's own selection choose among those whom the world allows."""
        selector = self.current().selector
        self._chosen: str | None = None
        among = [self.agents[name] for name in selector.candidates]
        nothing_of_the_chat: list[dict[str, Any]] = []
        self.chat._auto_select_speaker(last_speaker, self.manager, nothing_of_the_chat, among)
        return self._chosen or selector.run()

    def _selector_client(self) -> type[_Client]:
        """A client class of this cast: AutoGen makes the selecting agent anew for each choice."""
        cast = self

        class _SelectorClient(_Client):
            """Answers as the selector of the episode does, with the id alone where the choice is clear."""

            def create(self, params: dict[str, Any]) -> Any:
                chosen, answer = cast.current().selector.ask()
                cast._chosen = chosen
                return self.response(provider_name(chosen) if chosen else answer or "…")

        return _SelectorClient


def group_chat(run: Run) -> tuple[Any, Any]:
    """The initiator and the manager of a run's group chat, for plain AutoGen code to start."""
    cast = _Cast(run)
    return cast.initiator, cast.manager


def play(run: Run) -> None:
    """Play a run, each of its episodes in an AutoGen group chat of its own, which prints nothing."""

    def chat(episode: Episode) -> None:
        cast = _Cast(run, episode)
        with IOStream.set_default(_Silence()):
            cast.initiator.initiate_chat(cast.manager, message=episode.opening, silent=True)

    with _quiet():
        run.play(chat)
