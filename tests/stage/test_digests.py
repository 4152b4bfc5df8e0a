"""Digests in whole runs: what an agent heard is given word for word or summed up, once, and to nobody else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.messages import Prompt
from sim.engine.prompt import build
from sim.engine.room import room_of
from sim.errors import ModelError
from sim.models.model import Reply, Request
from sim.read.fold import before_turn
from sim.record.log import LogWriter, RunLog
from sim.stage.run import Run, settings_for
from sim.world.library import revive
from sim.world.world import World
from tests.building import FREE, Player, of, played, world_of
from tests.cli.running import process

MARK = re.compile(r"zq\d+q")
SUMMARISE = {"turns": 4, "cut": "summarise"}


def world(context: Any = SUMMARISE, hall: Mapping[str, Any] | None = None, turns: int = 20) -> World:
    """Three talk, two of them whisper, all meet in the hall, and so on."""
    return world_of(
        {
            "world": "digests",
            "roles": {"ann": "ann", "bob": "bob", "cai": "cai"},
            "context": context,
            "states": {
                "talk": {"speakers": ["ann", "bob", "cai"], "go": [{"to": "whisper", "after": {"turns": 4}}]},
                "whisper": {"speakers": ["ann", "bob"], "go": [{"to": "hall", "after": {"turns": 3}}]},
                "hall": {
                    "speakers": ["cai", "bob", "ann"],
                    "go": [{"to": "talk", "after": {"rounds": 1}}],
                    **(hall or {}),
                },
            },
            "start": "talk",
            "ends": ["over"],
            "opening": "",
            "limits": {"turns": turns, "utterance": 2000},
        }
    )


def marks(request: Request) -> list[str]:
    """What of what was said is in a prompt."""
    return MARK.findall(request.prompt.messages[-1]["content"])


def say(request: Request) -> str:
    """A word of one's own each turn; a digest repeats all words that it sums up."""
    if request.purpose == "digest":
        return f"They said {' '.join(marks(request))}."
    return f"I say zq{request.turn}q and no more than that."


class Heard:
    """Who heard which words in which visit to a state, from a run."""

    def __init__(self, player: Player, log: RunLog) -> None:
        visits = {r.turn: r.situation.visit for r in player.asked if r.purpose == "turn"}
        self._said = [(f"zq{t.turn}q", visits[t.turn], t.turn, t.heard_by) for t in of(log, "turn")]

    def by(self, request: Request, context: Any) -> set[str]:
        """What an agent is to be given at a request."""
        now = request.situation
        return {
            mark
            for mark, visit, turn, heard_by in self._said
            if request.role in heard_by
            and turn <= now.turn
            and visit >= now.forgotten
            and (context.of == "all" or (context.of == "state" and visit == now.visit))
        }


def check(made: World, seed: int = 1) -> tuple[Player, RunLog]:
    """Play, and check each prompt: all that was heard once, nothing else, and it follows from the log."""
    player = Player(say)
    log = played(made, player, seed=seed)
    heard = Heard(player, log)
    for request in player.asked:
        context = made.states[request.situation.state].context
        expected = heard.by(request, context)
        if request.purpose == "turn" and context.cut == "summarise":
            assert Counter(marks(request)) == Counter(expected)
        else:
            assert set(marks(request)) <= expected
    revived = revive(log.header.resolved)
    calls = [c for c in of(log, "call") if c.purpose == "turn"]
    for turn, call in zip(of(log, "turn"), calls, strict=True):
        moment = before_turn(log, turn.turn, revived)
        context = revived.states[moment.situation.state].context
        shown = build(revived, moment.situation, moment.said, turn.speaker, "en", moment.digest)
        assert shown.within(room_of(revived, {}, context)).digest == call.prompt
    return player, log


def test_all_that_was_heard_is_given_word_for_word_or_summed_up() -> None:
    """Each agent's model sums up what it heard, when there is more than four; the log has each digest."""
    player, log = check(world())
    digests = [r for r in player.asked if r.purpose == "digest"]
    assert {r.role for r in digests} == {"ann", "bob", "cai"}
    assert [c.purpose for c in of(log, "call")].count("digest") == len(digests)
    records = [r for r in of(log, "summary") if r.how == "digest"]
    assert [(r.heard_by, r.speaker) for r in records] == [([d.role], "") for d in digests]
    assert all(r.until is not None for r in records)
    assert len(digests) < len(of(log, "turn"))


CONTEXTS = st.fixed_dictionaries(
    {"of": st.sampled_from(["all", "state"]), "cut": st.sampled_from(["summarise", "summarise", "drop"])},
    optional={"turns": st.integers(1, 6), "tokens": st.integers(30, 80), "prompt": st.integers(330, 500)},
)
HALLS = st.fixed_dictionaries(
    {"order": st.sampled_from(["alternate", "simultaneous"])},
    optional={"context": CONTEXTS | st.just({"of": "none", "cut": "summarise"}), "forget": st.booleans()},
)


@settings(max_examples=40)
@given(CONTEXTS, HALLS, st.integers(0, 5))
def test_nothing_is_lost_nothing_given_twice_and_nothing_whispered_on(
    context: dict[str, Any], hall: dict[str, Any], seed: int
) -> None:
    """Whatever the policies of the states are; what was not heard is in no digest either."""
    check(world(context, hall), seed)


def test_a_digest_of_one_state_does_not_stand_for_the_others() -> None:
    """Where a state remembers all again, what was said before it is given, too."""
    check(world({"of": "all", "turns": 30, "cut": "summarise"}, {"context": {"of": "state", **SUMMARISE}}))


def test_where_nothing_is_remembered_no_digest_is_given() -> None:
    """Though the agent has one."""
    player, _ = check(world(SUMMARISE, {"context": "none"}))
    asked = [r for r in player.asked if r.situation.state == "hall"]
    assert len(asked) > 2
    assert all("From earlier" not in r.prompt.messages[1]["content"] for r in asked)


def test_what_is_forgotten_is_in_no_digest() -> None:
    """Nor is what was summed up of it."""
    player, _ = check(world(SUMMARISE, {"forget": True}))
    assert [r for r in player.asked if r.situation.forgotten > 0 and r.purpose == "digest"]


def test_the_history_may_be_cut_without_a_digest() -> None:
    """Then nobody is asked for one."""
    log = played(world({"turns": 4}), say)
    assert of(log, "summary") == []


def test_a_digest_is_kept_to_the_length_of_an_utterance_and_in_one_line() -> None:
    """Without the thoughts of a model; of an empty one the last words stay."""
    answers = iter(["<think>hm</think> a\nb", "x" * 5000, "", "  "])

    def answer(request: Request) -> str:
        return next(answers, "more") if request.purpose == "digest" else say(request)

    log = played(world(), answer)
    texts = [r.text for r in of(log, "summary")]
    assert texts[:2] == ["a b", "x" * 2000]
    assert all("I say zq" in text for text in texts[2:4])


def test_a_prompt_with_too_little_room_still_has_the_last_words(tmp_path: Path) -> None:
    """A digest may take no more than half of what is left to history."""

    def answer(request: Request) -> str:
        return "word " * 390 if request.purpose == "digest" else say(request)

    player = Player(answer)
    played(world({"cut": "summarise", "prompt": 360, "turns": 40}), player)
    late = [r for r in player.asked if r.purpose == "turn" and r.turn > 12 and r.role != "cai"]
    assert late
    assert all(f"zq{r.situation.turn}q" in r.prompt.messages[1]["content"] for r in late)


class _Failing(Player):
    """A model that is paid for, and fails at the second digest."""

    digests = 0

    def answer(self, request: Request) -> Reply:
        if request.purpose == "digest":
            self.digests += 1
            if self.digests == 2:
                raise ModelError("down", (Reply("half", FREE, Decimal(0), "USD"),))
        return super().answer(request)


def test_a_digest_that_fails_stops_the_run_with_what_was_paid_for(tmp_path: Path) -> None:
    """As any other call does."""
    model, made = _Failing(say), world()
    with LogWriter(tmp_path / "log.jsonl") as log:
        run = Run(made, settings_for(made), dict.fromkeys(made.agents, model), log)
        with pytest.raises(ModelError, match="down"):
            run.play()
    calls = of(RunLog.open(tmp_path / "log.jsonl"), "call")
    assert (calls[-1].purpose, calls[-1].answer) == ("retry", "half")
    assert [c.purpose for c in calls].count("digest") == 1


def test_sim_show_builds_the_prompt_with_its_digest(tmp_path: Path) -> None:
    """The messages are those whose hash the log has."""
    made, path = world(), tmp_path / "digests.jsonl"
    with LogWriter(path) as log:
        Run(made, settings_for(made), dict.fromkeys(made.agents, Player(say)), log).play()
    calls = {c.turn: c for c in of(RunLog.open(path), "call") if c.purpose == "turn"}
    shown = process("show", path, "--turn", 20, "--json", cwd=tmp_path).json
    assert Prompt(tuple(shown["prompt"])).digest == calls[20].prompt
    assert "From earlier" in shown["prompt"][1]["content"]
