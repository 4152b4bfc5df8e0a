"""All speak at once: nobody hears the others, calls overlap, and the log does not tell who was first."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from server import completion

import sim
from sim.errors import ModelError
from sim.models.model import Request
from sim.read.verify import verify
from sim.record.log import RunLog
from sim.record.records import Call
from sim.stage.adapter.endpoint import Endpoint
from sim.world.world import World
from tests.building import Player, acts, ending, of, played, spoken, started, world_of

SIX = [f"P{i}" for i in range(1, 7)]


def world(**state: Any) -> World:
    """Six players who all speak at once, for two rounds if the state does not say otherwise."""
    more = {k: state.pop(k) for k in ("never",) if k in state}
    return world_of(
        {
            "world": "at_once",
            "roles": {"P": {"count": 6, "personas": ["ann", "bob", "cai", "dan", "eve", "fay"]}},
            "facts": {
                "chair": {"choice": "P"},
                "left": {"number": "apples", "start": 2},
                "alive": {"of": "P", "flag": True},
                "winner": {"choice": "P"},
                "has": {"of": "P", "flag": False},
            },
            "groups": {"living": {"where": "alive[me]", "of": "P"}},
            "actions": {
                "sit": {"by": "P", "needs": "chair == null", "sets": {"chair": "me"}},
                "take": {"by": "P", "sets": {"left": "left - 1", "has[me]": True}},
            },
            "ballots": {
                "open_vote": {"voters": "P", "on": "P", "abstain": True, "sets": {"winner": "result.winner"}},
                "shut_vote": {
                    "voters": "P",
                    "on": "P",
                    "abstain": True,
                    "secret": True,
                    "sets": {"winner": "result.winner"},
                },
            },
            "states": {
                "all": {
                    "speakers": "P",
                    "order": "simultaneous",
                    "go": [{"to": "over", "after": {"rounds": 2}}],
                    **state,
                }
            },
            "start": "all",
            "ends": ["over"],
            "limits": {"turns": 40, "repairs": 0},
            **more,
        }
    )


def test_all_prompts_of_a_round_are_built_before_anybody_is_heard() -> None:
    """Nobody's prompt holds what another says in the same round; in the next round all of it is there."""
    player = Player(lambda request: f"word-{request.role}-{request.turn}.")
    log = played(world(), player)
    prompts = {r.turn: "\n".join(m["content"] for m in r.prompt.messages) for r in player.asked}
    assert spoken(log) == SIX * 2
    for turn in range(1, 7):
        assert "word-" not in prompts[turn]
    for turn in range(7, 13):
        assert set(re.findall(r"word-\w+-\d+", prompts[turn])) == {f"word-P{i}-{i}" for i in range(1, 7)}


def test_all_are_asked_in_the_same_situation() -> None:
    """The facts, the turn and the act of another play no part in what a model is asked."""
    player = Player(lambda request: acts(say="Mine!", take=True))
    played(world(actions="take"), player)
    first = [r.situation for r in player.asked if r.turn <= 6]
    assert len(first) == 6
    assert all(situation is first[0] for situation in first)


def test_with_heard_by_self_nobody_hears_the_others_later_either() -> None:
    """As in a night in which each acts alone."""
    player = Player(lambda request: f"word-{request.role}.")
    played(world(heard_by="self"), player)
    for request in player.asked[6:]:
        text = request.prompt.messages[1]["content"]
        assert set(re.findall(r"word-\w+", text)) == {f"word-{request.role}"}


def test_who_leaves_in_the_middle_of_a_round_still_has_its_turn() -> None:
    """All were asked at once, so all answers count."""
    log = played(world(speakers="living", go=[{"to": "over", "after": {"rounds": 1}}]))
    assert spoken(log) == SIX


def test_of_two_acts_that_exclude_each_other_the_first_in_the_list_counts() -> None:
    """The other is dropped with a warning that says why; its words stay."""
    log = played(
        world(actions="sit", go=[{"to": "over", "after": {"rounds": 1}}]), lambda r: acts(say=r.role, sit=True)
    )
    turns = of(log, "turn")
    assert [[a.action for a in t.acts] for t in turns] == [["sit"], [], [], [], [], []]
    assert [t.text for t in turns] == SIX
    warnings = of(log, "warning")
    assert [(w.code, w.turn) for w in warnings] == [("conflict", n) for n in range(2, 7)]
    assert warnings[0].message == (
        "what P2 did at the same time as others could not be done: sit: needs chair == null"
    )


def test_an_act_that_breaks_a_rule_only_after_those_of_others_is_dropped_too() -> None:
    """Each was fine alone: two apples were left when all six were asked."""
    made = world(actions="take", go=[{"to": "over", "after": {"rounds": 1}}], never={"less than none": "left < 0"})
    log = played(made, lambda r: acts(say=r.role, take=True))
    assert [len(t.acts) for t in of(log, "turn")] == [1, 1, 0, 0, 0, 0]
    assert of(log, "warning")[0].message.endswith("could not be done: less than none")
    assert ending(log) == ("over", None)


def test_arrows_are_looked_at_when_the_round_is_over() -> None:
    """Else some who were asked would never be heard."""
    log = played(world(actions="take", go=[{"over": "left <= 1"}]), lambda r: acts(say=r.role, take=True))
    assert spoken(log) == SIX


def test_a_limit_of_turns_does_not_cut_a_round() -> None:
    """What was paid for is heard; the run ends after the round."""
    made = world(go=[])
    limited = world_of({**json.loads(json.dumps(made.resolved["world"])), "limits": {"turns": 8}})
    log = played(limited)
    assert (len(spoken(log)), ending(log)[0]) == (12, "out_of_limits")


def vote(request: Request) -> str:
    """Five vote for Cai, and she abstains."""
    choice = None if request.role == "P3" else {"choice": "P3"}
    (ballot,) = request.world.states["all"].actions
    return acts(say=f"I am {request.role}.", **{ballot: choice})


def test_votes_are_counted_when_the_round_is_over_and_open_ones_are_told() -> None:
    """No turn before has changed anything, and no vote is told before the last."""
    log = played(world(actions="open_vote", go=[{"to": "over", "after": {"rounds": 1}}]), vote)
    kinds = [r.type for r in log.records if r.type in {"turn", "ballot", "narration"}]
    assert kinds == ["turn"] * 6 + ["ballot", "narration"]
    assert all(t.changed == {} for t in of(log, "turn"))
    assert of(log, "ballot")[0].changed == {"winner": "P3"}
    assert of(log, "narration")[0].text == (
        "The vote: Ann→Cai, Bob→Cai, Cai→nobody, Dan→Cai, Eve→Cai, Fay→Cai. Cai with 5."
    )


def test_secret_votes_are_counted_and_told_to_nobody() -> None:
    """The log has them; no narration and no later prompt has."""
    player = Player(vote)
    log = played(world(actions="shut_vote"), player)
    assert (len(of(log, "ballot")), of(log, "narration")) == (2, [])
    assert not any(
        "Cai→" in m["content"] or "→Cai" in m["content"] for r in player.asked for m in r.prompt.messages
    )


def test_one_by_one_open_votes_are_told_as_they_are_cast() -> None:
    """Who votes later hears who voted for whom; with a secret ballot nobody does."""
    made = world(order="round_robin", actions="open_vote", go=[{"to": "over", "after": {"rounds": 1}}])
    player = Player(vote)
    told = [n.text for n in of(played(made, player), "narration")]
    assert told[:3] == ["The vote: Ann→Cai.", "The vote: Bob→Cai.", "The vote: Cai→nobody."]
    assert told[-1] == "Cai with 5."
    assert "The vote: Bob→Cai." in player.asked[2].prompt.messages[1]["content"]
    shut = world(order="round_robin", actions="shut_vote", go=[{"to": "over", "after": {"rounds": 1}}])
    assert of(played(shut, vote), "narration") == []


@pytest.mark.parametrize("in_autogen", [False, True])
def test_the_log_is_the_same_whichever_answer_comes_first(in_autogen: bool) -> None:
    """Byte for byte: models that wait are asked side by side, and their records are put in order."""

    def late(draw: random.Random) -> Player:
        def say(request: Request) -> str:
            time.sleep(draw.random() * 0.03)
            return acts(say=f"I am {request.role}.", sit=True if request.role in {"P2", "P5"} else None)

        return Player(say, is_remote=True)

    made = world(actions="sit")
    traces = {played(made, late(random.Random(seed)), in_autogen=in_autogen).trace for seed in range(4)}
    in_order = Player(lambda r: acts(say=f"I am {r.role}.", sit=True if r.role in {"P2", "P5"} else None))
    traces.add(played(made, in_order).trace)
    assert len(traces) == 1


def test_each_is_asked_in_parallel_with_its_own_repairs() -> None:
    """An answer that is sent back is asked for again without the others, and stands in its place in the log."""
    source = json.loads(json.dumps(world(actions="take").resolved["world"]))
    made = world_of({**source, "limits": {"turns": 40, "repairs": 1}})

    def say(request: Request) -> str:
        return '{"take": {"how": 1}}' if request.role == "P2" and request.attempt == 0 else request.role

    log = played(made, Player(say, is_remote=True))
    turns = [(r.type, r.role) for r in log.records if r.type in {"call", "refusal"}][:8]
    assert turns == [
        ("call", "P1"),
        ("call", "P2"),
        ("refusal", "P2"),
        ("call", "P2"),
        *(("call", p) for p in SIX[2:]),
    ]


def test_a_model_that_fails_in_parallel_stops_the_run() -> None:
    """Its error is raised, and nothing of the round counts."""

    def say(request: Request) -> str:
        if request.role == "P4":
            raise ModelError("the line is dead")
        return "Here."

    episode = started(world(), Player(say, is_remote=True))
    episode.start()
    first = episode.next_speaker()
    assert first == "P1"
    with pytest.raises(ModelError, match="the line is dead"):
        episode.speak(first)
    assert episode.situation.turn == 0


def test_nothing_is_imported_while_calls_are_under_way() -> None:
    """Prices are loaded with the endpoint: a package half imported in one thread broke the answers of others."""
    code = (
        "import sys; from sim.stage.adapter.endpoint import Endpoint; "
        "assert 'genai_prices' not in sys.modules; Endpoint('m', base_url='http://127.0.0.1:1/v1'); "
        "assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_calls_over_http_overlap(serve: Any, tmp_path: Path) -> None:
    """Six calls of 0.3 seconds take not much longer than one, in AutoGen's chat too."""
    times: list[float] = []

    def slow(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        times.append(time.perf_counter())
        time.sleep(0.3)
        times.append(time.perf_counter())
        return 200, completion("Here.", 5, 1)

    model = Endpoint("m", base_url=serve(slow).url)
    made = world(go=[{"to": "over", "after": {"rounds": 1}}])
    log = sim.run(made, models=model, out=tmp_path / "fast.jsonl")
    assert max(times) - min(times) < 6 * 0.3 * 0.6
    assert [c.role for c in log.records if isinstance(c, Call)] == SIX
    assert verify(log).reason == ""


def test_over_http_the_log_is_the_same_but_for_what_was_measured(serve: Any, tmp_path: Path) -> None:
    """Answers come back in another order each time."""
    draw = random.Random(7)

    def late(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        time.sleep(draw.random() * 0.05)
        name = re.search(r"You are (\w+)", request["messages"][0]["content"])
        return 200, completion(f"I am {name.group(1) if name else '?'}.", 5, 3)

    url = serve(late).url
    logs = [sim.run(world(), models=Endpoint("m", base_url=url), out=tmp_path / f"{i}.jsonl") for i in range(3)]
    assert len({log.trace for log in logs}) == 1
    texts = [t.text for t in of(RunLog.open(tmp_path / "0.jsonl"), "turn")]
    assert texts[:6] == [f"I am {n}." for n in ("Ann", "Bob", "Cai", "Dan", "Eve", "Fay")]
