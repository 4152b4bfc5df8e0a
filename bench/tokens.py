"""What a hospital visit costs in tokens: plain AutoGen with `auto`, with a bare selection function, and ours.

Run: python bench/tokens.py

The same five roles, replies of the same length, counted by the same local server. The plain agents are given the
procedure in their system prompts, as people write them. The plain chats run for exactly 20 and 100 rounds;
our visit is stretched to at least as many turns.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path

import autogen
import yaml
from autogen.io.base import IOStream
from server import CountingServer

from sim.errors import SimError
from sim.record.log import LogWriter, RunLog
from sim.stage.adapter import chat as group_chat
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.run import Run, settings_for
from sim.world.library import load

PROMPTS = {
    "Chengzi": "你是橙子，25岁，男，互联网公司职员。昨天打篮球时扭伤了右脚踝，今天肿得厉害，来医院看病。"
    "你要先在挂号处挂号并缴纳挂号费，然后去骨科看医生，回答医生的问题；医生开药以后去收费处缴费，"
    "拿到收据后再去药房取药，取完药就可以回家了。请一次只说自己的话，不要替别人说话。",
    "Registration": "你是医院的挂号系统。病人来挂号时，根据病人描述的病情推荐科室和医生，并告知挂号费。"
    "骨科的医生是赵六，挂号费15元；内科的医生是钱七，挂号费12元。收到病人的挂号费以后，挂号才算完成，"
    "这时请病人去相应的科室就诊。不要诊断病情，不要替别人说话。",
    "ZhaoLiu": "你是骨科医生赵六，46岁。你只接诊已经挂号的病人，没有挂号的病人请他先去挂号。先做自我介绍，"
    "再询问病人的伤情，进行检查和处理，最后开药，说明每种药的用法和价格，并请病人去收费处缴费。"
    "一次只问一个问题，不要替别人说话。",
    "Cashier": "你是医院的收费处。病人缴费时，核对医生开的处方，算出药费的总额并告诉病人。收到病人的药费以后"
    "开具收据，请病人凭收据去药房取药。金额必须和处方一致，不要替别人说话。",
    "Pharmacy": "你是医院的药房药师。病人来取药时先核对收据，已经缴费的，把处方上的药交给病人并说明用法；"
    "没有缴费的，请病人先去收费处缴费。取药结束后，整个看病流程就结束了。不要替别人说话。",
}
FACTORS = {20: 1, 100: 7}
"""How many times longer our visit is made, so that it has at least so many turns."""

OPENING = "早上八点半，橙子一瘸一拐地走进市第一医院的门诊大厅。"


class Silence:
    """Shows nothing of AutoGen's events."""

    def print(self, *args: object, **kwargs: object) -> None:
        """Show nothing."""

    def send(self, message: object) -> None:
        """Show nothing."""

    def input(self, *args: object, **kwargs: object) -> str:
        """Ask nobody."""
        return ""


def plain(server: CountingServer, rounds: int, *, auto: bool) -> int:
    """The tokens of a plain AutoGen chat of so many replies."""
    config = {
        "config_list": [{"model": "counting", "base_url": server.url, "api_key": "none", "price": [0, 0]}],
        "cache_seed": None,
    }
    agents = [
        autogen.ConversableAgent(
            name, system_message=words, llm_config=config, human_input_mode="NEVER", code_execution_config=False,
            silent=True, max_consecutive_auto_reply=10**6,
        )
        for name, words in PROMPTS.items()
    ]  # fmt: skip
    spoken = iter(range(10**6))

    def in_turn(last: object, chat: object) -> autogen.ConversableAgent:
        return agents[next(spoken) % len(agents)]

    chat = autogen.GroupChat(
        agents=agents, messages=[], max_round=rounds + 1, allow_repeat_speaker=True,
        speaker_selection_method="auto" if auto else in_turn,
    )  # fmt: skip
    manager = autogen.GroupChatManager(
        groupchat=chat, llm_config=config if auto else False, silent=True, max_consecutive_auto_reply=10**6
    )
    narrator = autogen.ConversableAgent("narrator", llm_config=False, human_input_mode="NEVER", silent=True)
    server.reset()
    with IOStream.set_default(Silence()):
        narrator.initiate_chat(manager, message=OPENING, silent=True)
    assert len(chat.messages) == rounds + 1, f"the chat stopped after {len(chat.messages)} messages"
    return server.count.total


def stretched(folder: Path, factor: int) -> Path:
    """The bundled hospital visit, its acts due only after ``factor`` times as many turns."""
    source = Path(load("hospital_visit").name)
    bundled = Path(__file__).resolve().parent.parent / "worlds" / source
    world = yaml.safe_load((bundled / "world.yaml").read_text(encoding="utf-8"))
    due = {
        "register": 3,
        "pay_fee": 4,
        "prescribe": 6,
        "leave_for": 6,
        "pay_bill": 3,
        "give_receipt": 4,
        "dispense": 1,
    }
    for action, turns in due.items():
        world["actions"][action]["due"] = f"state_turns >= {turns * factor}"
    for state in world["states"].values():
        for transition in state["go"]:
            if "after" in transition:
                transition["after"]["turns"] = 40 * factor
    world["limits"]["turns"], world["limits"]["minutes"] = 1000, 100_000
    folder.mkdir()
    (folder / "world.yaml").write_text(yaml.safe_dump(world, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


def ours(server: CountingServer, folder: Path, factor: int) -> tuple[int, int, str]:
    """Our turns, tokens and outcome over the same server."""
    world = load(stretched(folder / f"x{factor}", factor))
    path = folder / f"x{factor}.jsonl"
    server.reset()
    endpoint = Endpoint("counting", base_url=server.url)
    settings = settings_for(world, language="zh")
    with LogWriter(path) as log:
        group_chat.play(Run(world, settings, dict.fromkeys(world.agents, endpoint), log))
    turns = sum(r.type == "turn" for r in RunLog.open(path).records)
    outcome = next(r.outcome for r in RunLog.open(path).records if r.type == "episode_ended")
    return turns, server.count.total, outcome


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Count the tokens of a hospital visit.")
    parser.add_argument("--rounds", type=int, choices=(20, 100), action="append", help="20, 100, or both")
    chosen = parser.parse_args().rounds or [20, 100]
    logging.disable(logging.WARNING)
    server = CountingServer()
    print("rounds  auto     function  ours     (turns, outcome)      ours/auto  ours/function  tokens a turn, ours")
    with tempfile.TemporaryDirectory() as folder:
        for rounds in chosen:
            factor = FACTORS[rounds]
            auto = plain(server, rounds, auto=True)
            function = plain(server, rounds, auto=False)
            turns, total, outcome = ours(server, Path(folder), factor)
            assert turns >= rounds, f"our visit has only {turns} turns"
            print(
                f"{rounds:6}  {auto:7,}  {function:8,}  {total:7,}  ({turns} turns, {outcome})  "
                f"1/{auto / total:<7.1f}  1/{function / total:<11.1f}  {total / turns:.0f}"
            )
    server.close()


if __name__ == "__main__":
    try:
        main()
    except SimError as error:
        raise SystemExit(str(error)) from None
