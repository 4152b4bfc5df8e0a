"""Taking a run another way from a turn on: what is kept, what is new, and what can be changed there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.errors import BudgetError, DefinitionError, ModelError, RunLogError
from sim.models.budget import Budget
from sim.models.model import Request
from sim.read.audit import audit
from sim.read.fold import before_turn
from sim.read.ledger import ledger
from sim.read.verify import verify
from sim.record.log import LogWriter, RunLog
from sim.stage.adapter.endpoint import Endpoint
from sim.stage.fork import plan
from sim.stage.inheritance import Inheritance
from sim.stage.resume import resumed, spent_of, world_of
from sim.world.world import World
from tests.building import NAMES, Player, of, played, spoken, write_world
from tests.building import world_of as made_of
from tests.forks import before, forked, own_calls
from tests.provider import Provider

WORLDS = Path(__file__).resolve().parents[2] / "worlds"


def market(**more: Any) -> dict[str, Any]:
    """Two who bargain; what is bid can be set from outside."""
    return {
        "world": "market",
        "roles": {"ann": "ann", "bob": "bob"},
        "facts": {
            "price": {"number": "yuan", "start": 10, "known_to": ["ann", "bob"]},
            "sold": {"flag": False},
            "floor": {"choice": ["ann", "bob"], "start": "ann"},
        },
        "actions": {"buy": {"by": "bob", "fields": {"at": {"number": "yuan"}}, "sets": {"sold": True}}},
        "states": {
            "talk": {
                "speakers": ["ann", "bob"],
                "actions": ["buy"],
                "go": [{"to": "over", "after": {"turns": 6}}],
            }
        },
        "start": "talk",
        "ends": ["over"],
        "never": {"a gift": "price < 1"},
        **more,
    }


def party() -> dict[str, Any]:
    """Four who speak at once, twice, each with a card; what they know changes with it."""
    return {
        "world": "party",
        "roles": {"P": {"count": 4, "personas": ["ann", "bob", "cai", "dan"]}},
        "facts": {
            "card": {"of": "P", "text": 40, "start": "blank", "known_to": "self"},
            "toast": {"text": 40, "start": "health", "known_to": "P"},
            "cups": {"number": "cups"},
        },
        "actions": {"drink": {"by": "P", "sets": {"cups": "cups + 1"}}},
        "states": {
            "all": {
                "speakers": "P",
                "order": "simultaneous",
                "actions": ["drink"],
                "go": [{"to": "over", "after": {"rounds": 2}}],
            }
        },
        "start": "all",
        "ends": ["over"],
    }


def words(request: Request) -> str:
    return f"{request.role} {request.turn}"


def drinks(request: Request) -> str:
    return json.dumps({"say": words(request), "drink": {}})


class Both:
    """A player under another name, so that a log tells it apart."""

    def __init__(self, name: str, say: Callable[[Request], str] = words) -> None:
        self._player = Player(say)
        self.name = name
        self.description = {"name": name}

    @property
    def asked(self) -> list[tuple[str, int]]:
        return [(r.role, r.turn) for r in self._player.asked]

    def answer(self, request: Request) -> Any:
        return self._player.answer(request)


def prompt_of(player: Player, turn: int) -> str:
    """The prompt of a turn that a player was asked for."""
    return next(r.prompt.messages[1]["content"] for r in player.asked if r.turn == turn)


def checked(log: RunLog) -> RunLog:
    """A log that verifies and whose audit finds nothing."""
    assert verify(log).reason == ""
    assert [c for c in audit(log).checks if not c.ok] == []
    return log


def test_facts_are_changed_before_the_turn(tmp_path: Path) -> None:
    """Its speaker knows them; the change is told once; what was said before is not asked for."""
    log, player = played(made_of(market())), Player(words)
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models=player, facts={"price": 7}))
    assert before(found, 3) == before(log, 3)
    assert [r.turn for r in player.asked] == [3, 4, 5, 6]
    assert "price=7" in prompt_of(player, 3)
    [change] = of(found, "intervention")
    assert (change.turn, change.changed, change.seed, change.say) == (3, {"price": 7}, None, None)
    assert before_turn(found, 3).situation.facts["price"] == 7
    assert before_turn(found, 2).situation.facts["price"] == 10


def test_who_speaks_follows_from_the_facts_that_were_changed(tmp_path: Path) -> None:
    """Where a fact names the speaker."""
    named = market()
    named["states"]["talk"] |= {"order": "named", "speaker": "floor"}
    log = played(made_of(named))
    found = checked(forked(log, 4, tmp_path / "f.jsonl", models=Player(words), facts={"floor": "bob"}))
    assert spoken(log) == ["ann"] * 6
    assert spoken(found) == ["ann"] * 3 + ["bob"] * 3


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"price": 0}, "turn 3: with price=0, the rule 'a gift' of market would not hold any more"),
        ({"prise": 1}, "unknown fact 'prise'; did you mean 'price'"),
        ({"price": "cheap"}, "the fact 'price' must be a number"),
    ],
)
def test_facts_that_cannot_be_are_refused(facts: dict[str, Any], why: str, tmp_path: Path) -> None:
    """Before anything is written."""
    log = played(made_of(market()))
    with pytest.raises(DefinitionError, match=why):
        forked(log, 3, tmp_path / "f.jsonl", models=Player(words), facts=facts)
    assert list(tmp_path.iterdir()) == []


def test_nobody_left_to_speak_is_told(tmp_path: Path) -> None:
    """A state whose speakers a fact decides."""
    silent = market(groups={"bidders": {"where": "not sold", "of": ["ann", "bob"]}})
    silent["states"]["talk"]["speakers"] = "bidders"
    log = played(made_of(silent))
    with pytest.raises(DefinitionError, match="turn 2: with sold=true, nobody could speak in 'talk' any more"):
        forked(log, 2, tmp_path / "f.jsonl", models=Player(words), facts={"sold": True})


def test_an_answer_may_be_given_in_place_of_the_models(tmp_path: Path) -> None:
    """Its acts are done; no model is asked for it; who speaks stays."""
    log, player = played(made_of(market())), Player(words)
    said = '{"say": "Done!", "buy": {"at": 9}}'
    found = checked(forked(log, 4, tmp_path / "f.jsonl", models=player, say=said))
    turn = of(found, "turn")[3]
    assert (turn.speaker, turn.text, [a.action for a in turn.acts]) == ("bob", "Done!", ["buy"])
    assert [r.turn for r in player.asked] == [5, 6]
    [given] = of(found, "intervention")
    assert (given.turn, given.role, given.say) == (4, "bob", said)
    assert "Done!" in prompt_of(player, 5)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{"say": "x", "buy": {"at": "much"}}', r"buy\.at: must be a number"),
        ('{"steal": 1}', "there is no action 'steal'"),
    ],
)
def test_an_answer_that_is_not_valid_is_refused(said: str, why: str, tmp_path: Path) -> None:
    """With the reason that a model would be given; nothing is written."""
    log = played(made_of(market()))
    with pytest.raises(DefinitionError, match=f"what is to be said at turn 4 is not valid: {why}"):
        forked(log, 4, tmp_path / "f.jsonl", models=Player(words), say=said)
    assert list(tmp_path.iterdir()) == []


def test_who_was_chosen_to_speak_is_not_chosen_again_for_an_answer_that_is_given(tmp_path: Path) -> None:
    """The selector is asked from the next turn on."""
    auto = market()
    auto["states"]["talk"] |= {"order": "auto", "repeat": True}
    log = played(made_of(auto), lambda r: "bob" if r.purpose == "selection" else words(r))
    player = Player(lambda r: "ann" if r.purpose == "selection" else words(r))
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models={"*": player}, say="Hm."))
    assert [t.speaker for t in of(found, "turn")] == ["bob", "bob", "bob", "ann", "ann", "ann"]
    again = checked(forked(log, 3, tmp_path / "g.jsonl", models={"*": player}, say="Hm.", facts={"price": 3}))
    assert spoken(again)[2:] == ["ann"] * 4


def test_another_seed_draws_from_the_turn_on(tmp_path: Path) -> None:
    """What was drawn before stays, and with the same seed all does."""
    drawn = market()
    drawn["states"]["talk"]["turn"] = {"uniform": [1, 9]}
    log = played(made_of(drawn), seed=1)
    minutes = [t.minutes for t in of(log, "turn")]
    found = checked(forked(log, 4, tmp_path / "f.jsonl", models=Player(words), seed=2))
    other = [t.minutes for t in of(played(made_of(drawn), seed=2), "turn")]
    assert [t.minutes for t in of(found, "turn")] == [*minutes[:3], *other[3:]]
    assert (found.header.seed, found.header.last_seed) == (1, 2)
    same = forked(log, 4, tmp_path / "g.jsonl", models=Player(words), seed=1)
    assert same.course == log.course


def test_another_model_answers_from_the_turn_on(tmp_path: Path) -> None:
    """For all or for a role; the ledger tells who answered what, and what was inherited cost nothing."""
    log = played(made_of(market()))
    other = Both("other")
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models={"ann": other, "bob": Player(words)}))
    assert other.asked == [("ann", 3), ("ann", 5)]
    assert [(c.turn, c.model) for c in of(found, "call") if c.model == "other"] == [(3, "other"), (5, "other")]
    assert found.header.models["ann"] == {"name": "player"}
    assert (found.header.last_models["ann"], found.header.last_models["bob"]) == (
        {"name": "other"},
        {"name": "player"},
    )
    total = ledger([found]).total
    assert (total.calls, total.inherited, total.inherited_tokens, total.total) == (6, 2, 4, 8)
    assert ledger([found], is_whole=True).total == ledger([log]).total
    assert spent_of(found)["spent_tokens"] == 8


def test_another_persona_plays_from_the_turn_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In prompts and transcript; before, all is as it was."""
    monkeypatch.chdir(tmp_path)
    write_world(tmp_path / "worlds" / "market", market())
    log, player = played(made_of(market())), Player(words)
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models=player, personas={"ann": "cai"}))
    system = next(r.prompt.messages[0]["content"] for r in player.asked if r.turn == 3)
    assert "Cai" in system
    assert "Cai: ann 1" in prompt_of(player, 4)
    assert before(found, 3) == before(log, 3)
    [change] = of(found, "intervention")
    assert change.personas == {"ann": "cai"}
    with pytest.raises(DefinitionError, match="no role 'anne' in market; did you mean 'ann'"):
        plan(log, 3, personas={"anne": "cai"})
    with pytest.raises(DefinitionError, match="unknown persona 'caj'; did you mean 'cai'"):
        plan(log, 3, personas={"ann": "caj"})
    assert set(NAMES) > {"cai"}


def test_a_changed_world_must_fit_the_turns_before(tmp_path: Path) -> None:
    """One in which only what comes later is otherwise does; one that asks otherwise is told at its first record."""
    log = played(made_of(market()))
    longer = market()
    longer["states"]["talk"]["go"] = [{"to": "over", "after": {"turns": 8}}]
    found = checked(forked(log, 6, tmp_path / "f.jsonl", models=Player(words), world=made_of(longer)))
    assert len(of(found, "turn")) == 8
    fork = found.header.fork
    assert fork is not None
    assert fork.world == log.header.digest
    told = market()
    told["states"]["talk"]["tell"] = "Bargain hard."
    with pytest.raises(
        DefinitionError,
        match="do not fit that version of market: record 2: turn 1: the prompt of ann is not the recorded one",
    ):
        forked(log, 3, tmp_path / "g.jsonl", models=Player(words), world=made_of(told))
    shorter = market()
    shorter["states"]["talk"]["go"] = [{"to": "over", "after": {"turns": 2}}]
    with pytest.raises(DefinitionError, match="here belongs 'transition'"):
        forked(log, 4, tmp_path / "g.jsonl", models=Player(words), world=made_of(shorter))
    assert [p.name for p in tmp_path.iterdir()] == ["f.jsonl"]


def test_within_a_round_the_answers_of_earlier_speakers_stay(tmp_path: Path) -> None:
    """The forked speaker and later ones are asked again, knowing what was changed; those before did not know."""
    log, player = played(made_of(party()), drinks), Player(drinks)
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models=player, facts={"toast": "peace", "card.P4": "ace"}))
    assert [(r.role, r.turn) for r in player.asked][:2] == [("P3", 3), ("P4", 4)]
    assert "toast=peace" in prompt_of(player, 3)
    assert "card=ace" in prompt_of(player, 4)
    assert "card=ace" not in prompt_of(player, 3)
    kinds = [(r.type, getattr(r, "turn", 0)) for r in found.records[2:9]]
    assert kinds == [
        ("call", 1), ("call", 2), ("intervention", 3), ("call", 3), ("call", 4), ("turn", 1), ("turn", 2),
    ]  # fmt: skip
    assert before(found, 3) == before(log, 3)
    facts = [before_turn(found, n, world_of(found)).situation.facts["toast"] for n in (1, 2, 3, 4, 5)]
    assert facts == ["health", "health", "peace", "peace", "peace"]


def test_what_others_count_at_the_same_time_is_not_changed_before_its_turn(tmp_path: Path) -> None:
    """A number that each of them raises: those before add to the old one, those from the turn on to the new."""
    log = played(made_of(party()), drinks)
    found = checked(forked(log, 3, tmp_path / "f.jsonl", models=Player(drinks), facts={"cups": 10}))
    counted = [t.changed["cups"] for t in of(found, "turn")]
    assert counted[:4] == [1, 2, 11, 12]


def test_a_fork_of_a_fork_keeps_what_was_changed_before(tmp_path: Path) -> None:
    """Later, at the same turn, and not if it is earlier; all from the forked log alone."""
    log = played(made_of(market()))
    first = forked(log, 3, tmp_path / "first.jsonl", models=Both("one"), facts={"price": 7}, seed=4)
    later = checked(forked(first, 5, tmp_path / "later.jsonl", models=Both("two"), facts={"price": 8}))
    assert [(f.parent, f.at) for f in later.header.forks] == [(log.name, 3), ("first", 5)]
    assert [i.turn for i in of(later, "intervention")] == [3, 5]
    assert (later.header.last_seed, before_turn(later, 6).situation.facts["price"]) == (4, 8)
    same = checked(forked(first, 3, tmp_path / "same.jsonl", models=Both("one")))
    assert same.course == first.course
    earlier = checked(forked(first, 2, tmp_path / "earlier.jsonl", models=Player(words)))
    assert [f.at for f in earlier.header.forks] == [2]
    assert earlier.course == log.course


def test_an_answer_that_was_given_does_not_stay_when_its_turn_is_forked_again(tmp_path: Path) -> None:
    """It was that turn's answer, which is new now; what was changed before the turn stays."""
    log = played(made_of(market()))
    first = forked(log, 3, tmp_path / "a.jsonl", models=Player(words), say="Never!", facts={"price": 5})
    again = checked(forked(first, 3, tmp_path / "b.jsonl", models=Player(words)))
    assert [t.text for t in of(again, "turn")] == [t.text for t in of(log, "turn")]
    assert [(i.turn, i.changed) for i in of(again, "intervention")] == [(3, {"price": 5})]
    within = played(made_of(party()), drinks)
    said = checked(forked(within, 3, tmp_path / "c.jsonl", models=Player(drinks), say="Cheers!"))
    assert of(said, "turn")[2].text == "Cheers!"
    assert checked(forked(said, 3, tmp_path / "d.jsonl", models=Player(drinks))).course == within.course


def _stops(at: int) -> Callable[[Request], str]:
    def say(request: Request) -> str:
        if request.turn >= at:
            raise ModelError("down")
        return drinks(request)

    return say


@pytest.mark.parametrize("at", [1, 3, 6])
def test_a_fork_that_stops_goes_on_as_if_it_had_not(at: int, tmp_path: Path) -> None:
    """Wherever its own turns were cut; where inherited ones were lost, it is told how to fork again."""
    log, facts = played(made_of(party()), drinks), {"toast": "peace"}
    whole = forked(log, at, tmp_path / "whole.jsonl", models=Player(drinks), facts=facts, seed=9)
    lines = whole.path.read_bytes().splitlines(keepends=True)
    path = tmp_path / "cut.jsonl"
    for count in range(whole.header.inherited, len(lines)):
        path.write_bytes(b"".join(lines[:count]))
        cut = RunLog.open(path)
        with LogWriter.after(cut) as writer:
            resumed(cut, world_of(cut), dict.fromkeys(cut.header.models, Player(drinks)), writer).play()
        assert path.read_bytes().splitlines()[1:] == whole.path.read_bytes().splitlines()[1:]
    if whole.header.inherited > 1:
        path.write_bytes(b"".join(lines[: whole.header.inherited - 1]))
        cut = RunLog.open(path)
        again = f"fork again: sim fork {log.name} --at {at}"
        with pytest.raises(RunLogError, match=again), LogWriter.after(cut) as writer:
            resumed(cut, world_of(cut), dict.fromkeys(cut.header.models, Player(drinks)), writer)


def test_a_fork_whose_model_fails_can_go_on(tmp_path: Path) -> None:
    """Those who were answered within the round are not asked again."""
    log = played(made_of(party()), drinks)
    with pytest.raises(ModelError, match="down"):
        forked(log, 3, tmp_path / "f.jsonl", models=Player(_stops(4)), facts={"toast": "peace"})
    stopped, player = RunLog.open(tmp_path / "f.jsonl"), Player(drinks)
    with LogWriter.after(stopped) as writer:
        resumed(stopped, world_of(stopped), dict.fromkeys(stopped.header.models, player), writer).play()
    assert [r.turn for r in player.asked] == [4, 5, 6, 7, 8]
    checked(RunLog.open(stopped.path))


def test_all_that_is_inherited_is_there_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens while it is copied."""
    log = played(made_of(market()))
    copied = Inheritance.append

    def fails(self: Inheritance, *given: Any) -> Any:
        if self.next == 3:
            raise KeyboardInterrupt
        return copied(self, *given)

    monkeypatch.setattr(Inheritance, "append", fails)
    with pytest.raises(KeyboardInterrupt):
        forked(log, 5, tmp_path / "f.jsonl", models=Player(words))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_stopped_can_be_forked_at_the_turn_that_it_did_not_take(tmp_path: Path) -> None:
    """And at each before, but not beyond."""
    log = played(made_of(market()))
    path = tmp_path / "run.jsonl"
    turns = [r.seq for r in of(log, "turn")]
    lines = [*(log.line(i) + b',"hash":"' + r.hash.encode() + b'"}\n' for i, r in enumerate(log.records))]
    path.write_bytes(b"".join(lines[: turns[2] + 1]))
    stopped = RunLog.open(path)
    found = checked(forked(stopped, 4, tmp_path / "f.jsonl", models=Player(words)))
    assert found.course == log.course
    with pytest.raises(RunLogError, match="has no turn 5; it can be forked at 1 to 4"):
        plan(stopped, 5)


def test_logs_that_cannot_be_forked(tmp_path: Path) -> None:
    """A turn or an episode that is not there, and a log that was changed."""
    log = played(made_of(market()))
    with pytest.raises(RunLogError, match="has no turn 7; it can be forked at 1 to 6"):
        plan(log, 7)
    with pytest.raises(RunLogError, match="has no episode 2; it has 1"):
        plan(log, 1, 2)
    lines = [log.line(i) + b',"hash":"' + r.hash.encode() + b'"}\n' for i, r in enumerate(log.records)]
    (tmp_path / "x.jsonl").write_bytes(b"".join(lines).replace(b"ann 1", b"ann 9"))
    with pytest.raises(RunLogError, match="was changed"):
        plan(RunLog.open(tmp_path / "x.jsonl"), 2)
    (tmp_path / "there.jsonl").write_text("mine")
    with pytest.raises(RunLogError, match="is there already; a log is never overwritten"):
        forked(log, 2, tmp_path / "there.jsonl", models=Player(words))
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_a_budget_counts_what_the_fork_itself_takes(tmp_path: Path) -> None:
    """What it inherited was paid for before."""
    log = played(made_of(market()))
    roomy = plan(log, 5)
    player = Player(words)
    cast = dict.fromkeys(log.header.models, player)
    begun = roomy.begin(cast, out=tmp_path / "f.jsonl", budget=Budget(3))
    with pytest.raises(BudgetError), LogWriter.after(begun) as writer:
        resumed(begun, roomy.world, cast, writer, budget=Budget(3)).play()
    assert begun.header.measured["budget"] == {"tokens": 3, "cost": None}


def test_no_call_is_made_for_what_was_before(serve: Callable[..., Provider], tmp_path: Path) -> None:
    """A server counts: as many requests as the fork has calls of its own, all of them from the turn on."""
    name, at, facts = "werewolf", 6, {"card.P8": "seer"}
    provider = serve()
    model = Endpoint("m", base_url=provider.url, key_name="OPENAI_API_KEY")
    world: World = sim.load(WORLDS / name)
    log = sim.run(world, seed=7, language="en", models=model, out=tmp_path / "run.jsonl")
    asked = len(provider.requests)
    assert asked == len(of(log, "call"))
    found = sim.fork(log, at, facts=facts, models=model, world=world, out=tmp_path / "fork.jsonl")
    own = own_calls(found)
    assert len(provider.requests) - asked == len(own) > 0
    assert {c.turn for c in own} == set(range(at, max(c.turn for c in own) + 1))
    assert before(found, at) == before(log, at)
    assert verify(found).reason == ""
    total = ledger([found]).total
    assert total.total == sum(map(sum, provider.billed[asked:]))
    assert total.inherited == len(of(found, "call")) - len(own)
