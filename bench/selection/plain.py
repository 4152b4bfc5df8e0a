"""The three plain AutoGen arms, written as they are written today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autogen
import httpx
from autogen.io.base import IOStream

from bench.selection.judge import Judge, Verdict
from bench.selection.scene import CASHIER, DOCTOR, PATIENT, PHARMACIST, REGISTRAR, Scene, marks_of
from bench.selection.server import TIMEOUT_S

NO_LIMIT = 10**9


class Silence:
    """Shows nothing of AutoGen's events."""

    def print(self, *args: object, **kwargs: object) -> None:
        """Show nothing."""

    def send(self, message: object) -> None:
        """Show nothing."""

    def input(self, *args: object, **kwargs: object) -> str:
        """Ask nobody."""
        return ""


class Connections(httpx.Client):
    """One for all agents of a chat, and for those that AutoGen makes to ask who speaks: a new one takes 20 ms."""

    def __deepcopy__(self, memo: object) -> Connections:
        """AutoGen copies what its agents are configured with."""
        return self


def hand_written(agents: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """A bare selection function for the visit: it looks at who spoke last and at what was just said."""
    patient, registrar, doctor = agents[PATIENT], agents[REGISTRAR], agents[DOCTOR]
    cashier, pharmacist = agents[CASHIER], agents[PHARMACIST]

    def next_speaker(last: Any, chat: Any) -> Any:
        if last is not patient:
            return patient
        said, before = (chat.messages[at]["content"] for at in (-1, -2))
        if "[pay_fee]" in said:
            return doctor
        if "[leave_for till]" in said or "[send_to_cashier]" in before:
            return cashier
        if "[leave_for pharmacy]" in said or "[give_receipt]" in before:
            return pharmacist
        spoke_before = chat.messages[-2]["name"]
        return next((a for a in (registrar, doctor, cashier, pharmacist) if a.name == spoke_before), registrar)

    return next_speaker


def play(scene: Scene, method: str, url: str) -> tuple[Verdict, list[str]]:
    """Play a visit as a plain group chat: ``auto``, ``round_robin`` or ``function``.

    The chat ends when the visit comes to its end by the rules of the world, or is cut.

    Returns:
        What came of it, and who spoke, turn by turn.
    """
    connections = Connections(timeout=TIMEOUT_S)
    entry = {"model": "local", "base_url": url, "api_key": "none", "price": [0, 0], "http_client": connections}
    config = {"config_list": [entry], "cache_seed": None}
    agents = {
        agent: autogen.ConversableAgent(
            scene.names[agent], system_message=scene.plain(agent), description=scene.about(agent),
            llm_config=config, human_input_mode="NEVER", code_execution_config=False, silent=True,
            max_consecutive_auto_reply=NO_LIMIT,
        )
        for agent in scene.world.agents
    }  # fmt: skip
    by_name = {name: agent for agent, name in scene.names.items()}
    judge = Judge(scene)

    def is_over(message: dict[str, Any]) -> bool:
        if message.get("name") in by_name:
            judge.hear(by_name[message["name"]], marks_of(str(message.get("content") or "")))
        return judge.is_over

    chat = autogen.GroupChat(
        agents=list(agents.values()), messages=[], max_round=scene.most,
        speaker_selection_method=hand_written(agents) if method == "function" else method,
    )  # fmt: skip
    manager = autogen.GroupChatManager(
        groupchat=chat, llm_config=config if method == "auto" else False, is_termination_msg=is_over, silent=True,
        max_consecutive_auto_reply=NO_LIMIT,
    )  # fmt: skip
    narrator = autogen.ConversableAgent("narrator", llm_config=False, human_input_mode="NEVER", silent=True)
    with connections, IOStream.set_default(Silence()):
        narrator.initiate_chat(manager, message=scene.opening, silent=True)
    return judge.verdict, [by_name[m["name"]] for m in chat.messages[1:]]
