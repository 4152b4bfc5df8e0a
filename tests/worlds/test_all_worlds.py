"""Every bundled world with each of its variants, in each language: whatever is answered, it ends as it says it may.

The ``campaign`` tests are the same at full size; they are run by hand.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import sim
from sim.errors import ModelError
from sim.models.model import Model, Reply, Request
from sim.models.scripted import Scripted
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.record.records import Usage
from sim.stage.adapter.chat import play as chat
from sim.stage.casting import speakers
from sim.stage.episode import drive
from sim.stage.run import Run, settings_for
from sim.world.world import OUT_OF_LIMITS, World
from tests.building import alone
from tests.stage.test_episode import Ledger
from tests.worlds.players import (
    CASES,
    HOSTILE_ONLY,
    LANGUAGES,
    MIXED,
    POLITE,
    SILENT,
    WORLDS,
    Desk,
    Game,
    Manners,
    play,
    world_of,
)

WHOLE = (Phase.explicit, Phase.reuse, Phase.generate)
EACH = pytest.mark.parametrize(("name", "variant"), CASES)
IN_EACH = pytest.mark.parametrize("language", LANGUAGES)
MANNERS = st.sampled_from([POLITE, MIXED, HOSTILE_ONLY])
"""Who says nothing at all says the same in every game; that has a test of its own."""


def test_no_world_is_left_out() -> None:
    """Every folder with a world in it is among the cases."""
    assert {name for name, _ in CASES} == {p.parent.name for p in WORLDS.glob("*/world.yaml")} != set()


def check_end(world: World, records: list[dict[str, Any]]) -> None:
    """An episode ended once, as the world says that it may end, no rule was broken, and the run is whole."""
    ends = [r for r in records if r["type"] == "episode_ended"]
    assert [r["breach"] for r in ends] == [None]
    assert ends[0]["outcome"] in {*world.spec.ends, OUT_OF_LIMITS}
    # Those who speak at once all finish their round.
    most = world.spec.limits.turns + len(world.agents)
    assert ends[0]["turns"] == sum(r["type"] == "turn" for r in records) < most
    assert records[-1]["type"] == "run_ended"
    assert records[-2] is ends[0]


def check_failures(game: Game) -> int:
    """Where no answer of a turn was valid, nothing was done but a declared fallback; gives how often that was."""
    world, refused, failures, counted = game.world, Counter[int](), 0, 0
    declared = {n for n, a in world.actions.items() if a.fallback is not None and a.ballot is None}
    cast: dict[str, set[str]] = {}
    for record in game.records:
        if record["type"] == "refusal":
            refused[record["turn"]] += 1
        elif record["type"] == "turn":
            done = {a["action"] for a in record["acts"]}
            if refused[record["turn"]] > world.spec.limits.repairs:
                failures += 1
                assert done <= declared, record
            for ballot in done & set(world.spec.ballots):
                cast.setdefault(ballot, set()).add(record["speaker"])
        elif record["type"] == "ballot":
            voted = cast.pop(record["ballot"], set())
            assert set(record["votes"]) == voted, record
            assert set(record["missing"]) == voters(game, record, counted) - voted, record
            assert sum(record["counts"].values()) == sum(v is not None for v in record["votes"].values())
        elif record["type"] == "transition":
            counted = record["turn"]
    return failures


def voters(game: Game, record: Mapping[str, Any], since: int) -> set[str]:
    """Those who were asked for a vote that was counted: the form of their answers has it."""
    before = [r["turn"] for r in game.records if r["type"] == "ballot" and r["ballot"] == record["ballot"]]
    since = max([since, *(turn for turn in before if turn < record["turn"])])
    asked = [a for a in game.table.asked if since < a.turn <= record["turn"] and a.attempt == 0]
    return {a.role for a in asked if f'"{record["ballot"]}":' in a.words.rpartition("\n")[2]}


@EACH
@IN_EACH
@settings(max_examples=2, phases=WHOLE)
@example(seed=2, manners=POLITE)
@given(seed=st.integers(0, 10**6), manners=MANNERS)
def test_whatever_is_answered_a_world_ends_and_breaks_no_rule(
    language: str, name: str, variant: str | None, seed: int, manners: Manners
) -> None:
    """Legal, muddled, hostile and empty answers; what cannot be read is no move and no vote."""
    game = play(world_of(name, variant), seed=seed, language=language, manners=manners)
    check_end(game.world, game.records)
    check_failures(game)


@pytest.mark.campaign
@EACH
@IN_EACH
@settings(max_examples=1000, phases=WHOLE)
@given(seed=st.integers(0, 10**9), manners=MANNERS)
def test_whatever_is_answered_a_thousand_times_a_world_breaks_no_rule(
    language: str, name: str, variant: str | None, seed: int, manners: Manners
) -> None:
    """The same at full size; by hand."""
    game = play(world_of(name, variant), seed=seed, language=language, manners=manners)
    check_end(game.world, game.records)
    check_failures(game)


@EACH
@pytest.mark.parametrize("manners", [SILENT, HOSTILE_ONLY], ids=["silent", "hostile"])
def test_a_failure_is_never_a_move(name: str, variant: str | None, manners: Manners) -> None:
    """Nobody who answers nothing or nonsense moves or votes, and it does happen in this test."""
    game = play(world_of(name, variant), seed=2, language="en", manners=manners)
    check_end(game.world, game.records)
    assert check_failures(game) > 0 or (name == "chart_desk" and manners is HOSTILE_ONLY)
    if manners is SILENT:
        assert not [v for r in game.records if r["type"] == "ballot" for v in r["votes"]]


@EACH
def test_the_log_of_a_wild_game_verifies(name: str, variant: str | None, tmp_path: Path) -> None:
    """Record for record, from its recorded answers."""
    with LogWriter(tmp_path / "log.jsonl") as log:
        play(world_of(name, variant), seed=4, language="zh", manners=MIXED, log=log)
    verdict = verify(RunLog.open(tmp_path / "log.jsonl"))
    assert (verdict.ok, verdict.reason) == (True, "")


def scripted(world: World, language: str, seed: int) -> list[dict[str, Any]]:
    """The records of a scripted game; what runs code is played, and runs none."""
    records = Ledger()
    desks = [a for a in world.agents if world.spec.roles[world.cast[a]].kind == "executor"]
    models: dict[str, Model] = dict.fromkeys(speakers(world), Scripted())
    models |= dict.fromkeys(desks, Ready(records))
    settings = settings_for(world, seed=seed, language=language, episodes=alone(world))
    Run(world, settings, models, records).play()
    return list(records)


class Ready(Desk):
    """A desk at which the code fails once and then leaves a picture."""

    def __init__(self, records: Ledger) -> None:
        super().__init__(0, POLITE, records)

    def _say(self, request: Request) -> str:
        ran = {"exit": 0, "picture": "chart.png", "good": True}
        failed = {"exit": 1, "picture": "", "good": False}
        return json.dumps({"say": "Ran it.", "ran": failed if request.situation.turn < 2 else ran})


def check_scripted(world: World, records: list[dict[str, Any]]) -> None:
    """A declared end that is not the limit's, no refusal, and no warning."""
    check_end(world, records)
    end = next(r for r in records if r["type"] == "episode_ended")
    assert end["outcome"] not in {OUT_OF_LIMITS}
    assert end["turns"] < world.spec.limits.turns
    assert [r["reasons"] for r in records if r["type"] == "refusal"] == []
    assert [r["message"] for r in records if r["type"] == "warning"] == []


@EACH
@IN_EACH
def test_scripted_games_come_to_a_declared_end(language: str, name: str, variant: str | None) -> None:
    """Eight seeds without a refusal, a warning, or the limit."""
    for seed in range(8):
        check_scripted(world_of(name, variant), scripted(world_of(name, variant), language, seed))


@pytest.mark.campaign
@EACH
@IN_EACH
def test_two_hundred_scripted_games_come_to_a_declared_end(language: str, name: str, variant: str | None) -> None:
    """The same at full size; by hand."""
    for seed in range(200):
        check_scripted(world_of(name, variant), scripted(world_of(name, variant), language, seed))


def check_desk(seed: int, language: str, folder: Path) -> None:
    log = sim.run(WORLDS / "chart_desk", seed=seed, language=language, allow_exec=folder, out=folder / "run.jsonl")
    check_scripted(world_of("chart_desk"), [json.loads(r.model_dump_json(by_alias=True)) for r in log.records])
    assert verify(log).ok


def test_the_chart_desk_runs_its_own_code(tmp_path: Path) -> None:
    """The scripted code is run for once, in a folder of its own."""
    check_desk(1, "en", tmp_path)


@pytest.mark.campaign
@IN_EACH
@pytest.mark.parametrize("seed", range(20))
def test_the_chart_desk_runs_its_own_code_for_many_seeds(language: str, seed: int, tmp_path: Path) -> None:
    """The same at full size; by hand."""
    check_desk(seed, language, tmp_path)


class Failing:
    """A model that answers as another does until its line goes dead."""

    name = "table"
    description: Mapping[str, Any] = {"name": "table"}

    def __init__(self, model: Any, at: int, *, is_remote: bool) -> None:
        self.model = model
        self.left = at
        self.is_remote = is_remote

    def answer(self, request: Request) -> Reply:
        """Answer, or raise."""
        self.left -= 1
        if self.left < 0:
            raise ModelError("the line is dead")
        return self.model.answer(request)  # type: ignore[no-any-return]


class Keyed:
    """A model whose answer follows from the request alone, so that it is the same in whatever order it is asked."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.scripted = Scripted()

    def answer(self, request: Request) -> Reply:
        """The scripted answer, or now and then one that is none."""
        draw = random.Random(f"{self.seed}/{request.turn}/{request.role}/{request.attempt}/{request.purpose}")
        role = request.world.spec.roles.get(request.world.cast.get(request.role, ""))
        if role is not None and role.kind == "executor":
            return Ready(Ledger()).answer(request)
        if draw.random() < 0.15:
            return Reply("", Usage(prompt=1, completion=0, is_estimated=True), Decimal(0), "USD")
        return self.scripted.answer(request)


def straight(world: World, seed: int, driver: Callable[[Run], None], model: Any) -> tuple[Ledger, bool]:
    """The records of a run, and whether its model failed."""
    records = Ledger()
    settings = settings_for(world, seed=seed, language="en", episodes=alone(world))
    run = Run(world, settings, dict.fromkeys(speakers(world), model), records)
    try:
        driver(run)
    except ModelError:
        return records, True
    return records, False


DRIVERS: dict[str, Callable[[Run], None]] = {"plain": lambda run: run.play(drive), "autogen": chat}


@EACH
@pytest.mark.parametrize("driver", DRIVERS)
@settings(max_examples=3, phases=WHOLE)
@given(seed=st.integers(0, 10**6), share=st.floats(0, 1, exclude_max=True), is_remote=st.booleans())
def test_a_provider_that_fails_ends_no_game(
    name: str, variant: str | None, driver: str, seed: int, share: float, is_remote: bool
) -> None:
    """The run stops with the provider's error; what is logged is how the straight run begins, and has no end."""
    world = world_of(name, variant)
    whole, failed = straight(world, seed, DRIVERS["plain"], Failing(Keyed(seed), 10**9, is_remote=is_remote))
    assert not failed
    calls = sum(r["type"] == "call" for r in whole)
    failing = Failing(Keyed(seed), int(share * calls), is_remote=is_remote)
    records, failed = straight(world, seed, DRIVERS[driver], failing)
    assert failed
    assert not {"episode_ended", "run_ended"} & {r["type"] for r in records}
    assert list(records) == list(whole)[: len(records)]
