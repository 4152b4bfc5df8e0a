"""An estimate is what scripted runs take, at the price of a model, and says how far it can be trusted."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import DefinitionError
from sim.models.prices import Price
from sim.read.estimate import Estimate, Played, estimate
from sim.read.ledger import ledger
from sim.stage.run import settings_for
from sim.world.folders import variants_of
from sim.world.library import revive
from sim.world.world import World
from tests.building import world_of

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = [
    (path.parent.name, variant)
    for path in sorted(ROOT.glob("worlds/*/world.yaml"))
    for variant in (None, *variants_of(path))
]


def of(world: World, seeds: int = 2, model: str = "gpt-4", own: Price | None = None, **options: Any) -> Estimate:
    """The estimate of a world over the first seeds."""
    return estimate(world, [settings_for(world, seed=seed, **options) for seed in range(seeds)], model, own)


@pytest.mark.parametrize(
    ("name", "variant", "language"),
    [
        ("hospital_visit", None, "zh"),
        ("hospital_visit", "triage", "en"),
        ("werewolf", None, "en"),
        ("company_meeting", None, "zh"),
        ("three_departments", None, "en"),
        ("number_chain", "reflection", "zh"),
    ],
)
def test_an_estimate_is_what_the_logs_of_scripted_runs_say(
    name: str, variant: str | None, language: str, tmp_path: Path
) -> None:
    """Seed by seed: turns, calls, tokens, and the cost at that price, to the last digit."""
    world = sim.load(name, variant=variant)
    found = of(world, 3, language=language)
    assert (found.world, found.model, found.currency, found.rough) == (name, "gpt-4", "USD", ())
    for played in found.played:
        log = sim.run(world, seed=played.seed, language=language, out=tmp_path / f"{played.seed}.jsonl")
        total = ledger([log], price_as="gpt-4").total
        assert played == Played(
            played.seed,
            turns=sum(r.type == "turn" for r in log.records),
            calls=total.calls,
            prompt=total.prompt,
            completion=total.completion,
            cost=total.cost["USD"],
            fallbacks=0,
        )


@pytest.mark.parametrize(("name", "variant"), BUNDLED)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_bundled_world_can_be_estimated(name: str, variant: str | None, language: str) -> None:
    """Each variant in each language, with nothing rough about it but where code would be run."""
    found = of(sim.load(name, variant=variant), 2, language=language)
    assert [played.seed for played in found.played] == [0, 1]
    assert all(played.cost and played.total and played.turns for played in found.played)
    assert [note for note in found.rough if "code" not in note] == []
    assert bool(found.rough) == (name == "chart_desk")


def test_facts_and_a_price_of_ones_own_go_into_an_estimate(world: World) -> None:
    """The price that is given goes before the list's, with its currency."""
    own = Price(Decimal(2), Decimal(3), currency="CNY")
    found = of(world, 1, own=own, facts={"fee": 15})
    [played] = found.played
    assert (found.currency, played.cost) == ("CNY", Decimal(2 * played.prompt + 3 * played.completion) / 1_000_000)
    assert of(world, 1, "abacus-9000", own, facts={"fee": 15}).played == found.played
    assert of(world, 1, own=own, facts={"fee": 1500}).played != found.played


def test_a_cost_that_is_not_known_is_not_nothing(world: World) -> None:
    """The tokens are known all the same."""
    found = of(world, 2, "abacus-9000")
    assert (found.currency, found.spread("cost"), found.sum("cost", 9)) == (None, None, None)
    assert found.spread("total") == of(world, 2).spread("total")


def _estimate(*turns: int) -> Estimate:
    played = (Played(i, n, n, 10 * n, n, Decimal(n) / 10, 0) for i, n in enumerate(turns))
    return Estimate("somewhere", "gpt-4", "USD", tuple(played))


def test_the_spread_over_seeds_is_that_of_the_sample() -> None:
    """Of each measure: the least, the middle, the mean, the most, and the standard deviation."""
    found = _estimate(3, 9, 4, 4)
    spread = found.spread("total")
    assert spread is not None
    assert (spread.min, spread.median, spread.mean, spread.max) == (33, 44, 55, 99)
    assert spread.sd == statistics.stdev([33, 99, 44, 44])
    cost = found.spread("cost")
    assert cost is not None
    assert (cost.min, cost.max, round(cost.mean, 9)) == (0.3, 0.9, 0.5)


def test_the_range_of_a_total_grows_with_the_episodes_and_shrinks_with_the_seeds() -> None:
    """It counts the chance of the episodes, and that a mean of few seeds is not well known."""
    few, many = _estimate(3, 5, 4, 4), _estimate(*(3, 5, 4, 4) * 25)
    for episodes in (1, 10, 1000):
        rough, fine = few.sum("turns", episodes), many.sum("turns", episodes)
        assert rough is not None
        assert fine is not None
        assert (rough.mean, fine.mean) == (4 * episodes, 4 * episodes)
        assert rough.low is not None
        assert rough.high is not None
        assert fine.high is not None
        assert rough.mean - rough.low == pytest.approx(rough.high - rough.mean)
        sd = statistics.stdev([3, 5, 4, 4])
        assert rough.high - rough.mean == pytest.approx(
            1.6449 * sd * math.sqrt(episodes + episodes**2 / 4), rel=1e-4
        )
        assert fine.high < rough.high
    wide = _estimate(1, 100).sum("turns", 1)
    assert wide is not None
    assert wide.low == 0


def test_one_seed_gives_no_range() -> None:
    """Nothing is known of how seeds differ."""
    found = _estimate(7)
    total, spread = found.sum("turns", 3), found.spread("turns")
    assert total is not None
    assert spread is not None
    assert (total.low, total.mean, total.high, spread.sd) == (None, 21, None, None)


def _small(roles: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Two who talk for four turns."""
    return {
        "world": "small",
        "languages": ["en"],
        "roles": roles,
        "states": {"hall": {"speakers": list(roles), "go": [{"to": "over", "after": {"turns": 4}}], **more}},
        "start": "hall",
        "ends": ["over"],
        "lines": {"hall": {role: [{"say": "Well, well."}] for role in roles}},
    }


def test_a_person_takes_no_tokens_and_the_script_stands_in() -> None:
    """Only the other's answers are paid for."""
    found = of(world_of(_small({"host": {"persona": "ann", "kind": "human"}, "guest": "bob"})))
    assert [(played.turns, played.calls) for played in found.played] == [(4, 2), (4, 2)]
    assert found.rough == ("'host' is played by a person, whose answers take no tokens; the script stands in",)


def test_a_function_plays_its_role_and_takes_no_tokens() -> None:
    """As in a run; without it the world is refused."""
    text = _small({"host": {"persona": "ann", "kind": "rule", "function": "bot"}, "guest": "bob"})
    made = world_of(text, "def bot(situation):\n    return 'Beep.'\n")
    found = of(made)
    assert ([(played.turns, played.calls) for played in found.played], found.rough) == ([(4, 2), (4, 2)], ())
    with pytest.raises(DefinitionError, match=r"'host' is played by a function of rules\.py, which is not loaded"):
        of(revive(made.resolved))


def test_who_speaks_is_drawn_where_the_user_would_pick() -> None:
    """By lot, and the same with the same seed."""
    made = world_of(_small({"host": "ann", "guest": "bob"}, order="manual"))
    found = of(made, 4)
    assert found == of(made, 4)
    assert {played.turns for played in found.played} == {4}
    assert found.rough == ("where the user picks who speaks, it is drawn by lot",)


def test_a_model_that_picks_who_speaks_is_paid_too() -> None:
    """Each selection is a call."""
    found = of(world_of(_small({"host": "ann", "guest": "bob", "cook": "cai"}, order="auto")))
    assert [(played.turns, played.calls) for played in found.played] == [(4, 8), (4, 8)]


def test_a_script_without_a_valid_answer_is_said_to_be_rough() -> None:
    """Its repairs are counted, which a better model would not need."""
    text = _small({"host": "ann", "guest": "bob"}, actions=["sign"])
    text["facts"] = {"signed": {"flag": False}}
    text["actions"] = {"sign": {"by": "host", "due": True, "sets": {"signed": True}}}
    found = of(world_of(text))
    assert all(played.fallbacks and played.calls > played.turns for played in found.played)
    assert found.rough[0].startswith("in 2 of 2 episodes the script had no valid answer for some turn")
