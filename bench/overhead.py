"""What the engine adds to a turn: a scripted turn, logged and flushed, against AutoGen's own bare loop.

Run: python bench/overhead.py [--turns 10000]

Both are group chats of five silent agents that answer in turn. The bare loop has a canned client and a selection
function that counts; ours checks, prompts, counts tokens, logs and flushes as well. They are timed in turn, and the
median ratio is printed; then ours alone at growing length, which should stay flat.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import autogen
from autogen.io.base import IOStream
from tokens import Silence

from sim.engine import tokens
from sim.models.scripted import Scripted
from sim.record.log import LogWriter
from sim.stage.adapter import chat as group_chat
from sim.stage.run import Run, settings_for
from sim.world.library import load

NAMES = ("ann", "ben", "cat", "dan", "eve")
WORDS = "Fine, thank you, and how are you today?"


class Canned:
    """An AutoGen model client with one answer."""

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Take nothing from the configuration."""

    def create(self, params: dict[str, Any]) -> Any:
        """Give the answer."""
        message = SimpleNamespace(content=WORDS, function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="canned", cost=0)

    def message_retrieval(self, response: Any) -> list[str]:
        """Give the words."""
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        """Cost nothing."""
        return 0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Count nothing."""
        return {}


def bare(turns: int) -> float:
    """Milliseconds a turn of AutoGen alone."""
    config = {"config_list": [{"model": "canned", "model_client_cls": "Canned"}], "cache_seed": None}
    agents = [
        autogen.ConversableAgent(
            name, llm_config=config, human_input_mode="NEVER", silent=True, code_execution_config=False,
            max_consecutive_auto_reply=10**6,
        )
        for name in NAMES
    ]  # fmt: skip
    for agent in agents:
        agent.register_model_client(Canned)
    spoken = iter(range(10**9))

    def select(last: object, chat: object) -> autogen.ConversableAgent:
        return agents[next(spoken) % len(agents)]

    chat = autogen.GroupChat(
        agents=agents, messages=[], max_round=turns + 1, speaker_selection_method=select, allow_repeat_speaker=True
    )
    manager = autogen.GroupChatManager(
        groupchat=chat, llm_config=False, silent=True, max_consecutive_auto_reply=10**6
    )
    narrator = autogen.ConversableAgent("narrator", llm_config=False, human_input_mode="NEVER", silent=True)
    started = time.perf_counter()
    narrator.initiate_chat(manager, message="hello", silent=True)
    taken = time.perf_counter() - started
    assert len(chat.messages) == turns + 1
    return taken / turns * 1000


def talk(place: Path, turns: int) -> Path:
    """A world in which five talk in turn, in a folder."""
    (place / "personas").mkdir(parents=True)
    for name in NAMES:
        persona = f"persona: {name}\nname: {name.title()}\nbackground: Likes a chat.\n"
        (place / "personas" / f"{name}.yaml").write_text(persona, encoding="utf-8")
    lines = "".join(f"    {name}: [{{say: {{en: ['{WORDS}']}}}}]\n" for name in NAMES)
    (place / "world.yaml").write_text(
        f"world: talk\nroles: {{{', '.join(f'{n}: {n}' for n in NAMES)}}}\n"
        "facts: {mood: {number: points, start: 3}}\nnever: {a bad mood: mood < 0}\n"
        f"states:\n  talk: {{speakers: [{', '.join(NAMES)}], tell: Chat., "
        f"go: [{{to: over, after: {{turns: {turns}}}}}]}}\n"
        f"start: talk\nends: [over]\nlimits: {{turns: {turns + 1}}}\nlines:\n  talk:\n{lines}",
        encoding="utf-8",
    )
    return place


def ours(folder: Path, turns: int) -> float:
    """Milliseconds a turn of ours, in the same group chat, logged and flushed."""
    place = folder / f"talk{turns}"
    if not place.exists():
        talk(place, turns)
    world = load(place)
    settings = settings_for(world, seed=1)
    with tempfile.NamedTemporaryFile(suffix=".jsonl", dir=folder) as file:
        path = Path(file.name)
    with LogWriter(path) as log:
        run = Run(world, settings, dict.fromkeys(world.agents, Scripted()), log)
        started = time.perf_counter()
        group_chat.play(run)
        return (time.perf_counter() - started) / turns * 1000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10_000, help="the longest run of ours")
    longest = parser.parse_args().turns
    logging.disable(logging.WARNING)
    tokens.count("load the vocabulary first: it is loaded once in a process")
    with tempfile.TemporaryDirectory() as name, IOStream.set_default(Silence()):
        folder = Path(name)
        bare(20)
        ours(folder, 20)
        pairs = [(ours(folder, 400), bare(400)) for _ in range(5)]
        mine, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"400 turns: ours {mine:.2f} ms a turn, AutoGen's bare loop {theirs:.2f} ms, ratio {ratio:.1f}")
        lengths = [n for n in (100, 1000, 10_000) if n <= longest]
        flat = {n: statistics.median(ours(folder, n) for _ in range(1 if n > 1000 else 3)) for n in lengths}
        print("ours by length: " + ", ".join(f"{n:,} turns {ms:.2f} ms" for n, ms in flat.items()))
        print(f"longest against shortest: {flat[lengths[-1]] / flat[lengths[0]]:.2f}")


if __name__ == "__main__":
    main()
