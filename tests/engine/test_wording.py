"""What models are told of fields, listeners and refusals, in the run's language; old logs keep their words."""

from __future__ import annotations

import json

import pytest

from sim.engine import prompt
from sim.engine.answers import read
from sim.world.library import revive
from sim.world.world import PROMPTS, World
from tests.building import started, world_of

WORLD = """
world: bargain
languages: [zh, en]
roles: {buyer: ann, seller: bob, host: cai}
facts:
  offer: {number: {unit}, whole: true, from: 0, to: 200, label: {zh: 出价, en: offer}}
  hint: {flag: false, known_to: [seller], label: {zh: 提示, en: hint}}
actions:
  bid:
    by: buyer
    label: {zh: 出个价, en: make an offer}
    about: {zh: 当众说你愿赔多少, en: say what you would pay}
    fields:
      sum: {of: offer}
      tip: {money: CNY, from: 1}
      share: {number: "", to: 5}
      note: {text: 5}
      sure: {flag: false}
      parts: {list: number, at_least: 1, at_most: 2}
    needs: [act.sum > 0]
    sets: {offer: act.sum + 1}
  leave: {by: buyer, about: {zh: 走人, en: leave the room}, label: {zh: 走人, en: leave}, needs: [offer > 3]}
states:
  bargaining: {speakers: [buyer], heard_by: HEARD, actions: [bid, leave], go: [{to: over, after: {turns: 9}}]}
start: bargaining
ends: [over]
""".replace("{unit}", "文")


def world(heard: str = "all") -> World:
    """A buyer who alone speaks, and those who hear it."""
    return world_of(WORLD.replace("HEARD", heard))


def shown(made: World, language: str) -> str:
    """The last message of the buyer's first prompt."""
    episode = started(made, language=language)
    return str(prompt.build(made, episode.situation, [], "buyer", language).messages[-1]["content"])


def old(made: World) -> World:
    """The world as a log from before the wording had a number holds it."""
    return revive({k: v for k, v in made.resolved.items() if k != "prompts"})


def test_a_number_is_told_with_its_bounds_and_its_unit() -> None:
    """In the example of the answer, in either language."""
    fields = '"sum": {}, "tip": {}, "share": {}, "note": "{}", "sure": {}, "parts": [{}]'
    zh = fields.format("0到200的整数（文）", "不小于1的数字（CNY）", "不大于5的数字", "文字", "true或false", "数字")
    assert '"bid": {' + zh + "} (不做就写null)" in shown(world(), "zh")
    en = fields.format(
        "whole number from 0 to 200 (文)",
        "number, at least 1 (CNY)",
        "number, at most 5",
        "text",
        "true or false",
        "number",
    )
    assert '"bid": {' + en + "} (null if not now)" in shown(world(), "en")


def test_the_schema_of_an_answer_has_the_bounds_and_the_unit() -> None:
    """So that a provider that follows it cannot write a number out of range."""
    made = world()
    schema = prompt.build(made, started(made).situation, [], "buyer", "en").schema
    assert schema is not None
    fields = schema["properties"]["bid"]["anyOf"][1]["properties"]
    assert fields["sum"] == {"type": "integer", "minimum": 0, "maximum": 200, "description": "文"}
    assert fields["tip"] == {"type": "number", "minimum": 1, "description": "CNY"}
    assert fields["share"] == {"type": "number", "maximum": 5}


def test_the_label_of_an_act_stands_beside_its_name_unless_its_words_say_it_already() -> None:
    """What is told of it holds the label of the second."""
    assert "可以做：bid（出个价） 当众说你愿赔多少；leave 走人" in shown(world(), "zh")
    assert "You can do: bid (make an offer) say what you would pay; leave leave the room" in shown(world(), "en")


@pytest.mark.parametrize(
    ("heard", "zh", "en"),
    [
        ("all", "轮到你（张三）对大家说话。", "It is your turn, Ann, to speak to everyone. "),
        ("seller", "轮到你（张三）对李四说话。", "It is your turn, Ann, to speak to Bob. "),
        ("speakers", "轮到你（张三）说话。", "It is your turn to speak, Ann. "),
    ],
)
def test_one_who_speaks_alone_is_told_who_hears_it(heard: str, zh: str, en: str) -> None:
    """Or that it is its turn, where nobody does."""
    assert zh in shown(world(heard), "zh")
    assert en in shown(world(heard), "en")


GOOD = {"sum": 5, "tip": 1, "share": 5, "note": "x", "sure": True, "parts": [1]}
REASONS = [
    ({"sum": 201}, "bid.sum: 要写0到200的整数", "bid.sum: must be a number from 0 to 200"),
    ({"sum": 1.5}, "bid.sum: 要写0到200的整数", "bid.sum: must be a whole number from 0 to 200"),
    ({"tip": 0}, "bid.tip: 要写不小于1的数字", "bid.tip: must be a number, at least 1"),
    ({"tip": 1.234}, "bid.tip: 金额最多两位小数", "bid.tip: must be an amount with at most two decimals"),
    (
        {"share": "1.23456789012345678"},
        "bid.share: 数字最多15位",
        "bid.share: must be a number with at most 15 digits",
    ),
    ({"note": "too long"}, "bid.note: 最多5个字", "bid.note: must be at most 5 characters long"),
    ({"note": 3}, "bid.note: 要写文字", "bid.note: must be text"),
    ({"sure": 3}, "bid.sure: 要写true或false", "bid.sure: must be true or false"),
    ({"parts": 3}, "bid.parts: 要写列表", "bid.parts: must be a list"),
    ({"parts": []}, "bid.parts: 至少要有1项", "bid.parts: must have at least 1 item"),
    ({"parts": [1, 2, 3]}, "bid.parts: 最多只能有2项", "bid.parts: must have at most 2 items"),
    ({"parts": [None]}, "bid.parts: 不能有空项", "bid.parts: must have no empty item"),
    ({"parts": ["x"]}, "bid.parts: 要写数字", "bid.parts: must be a number"),
    ({"sum": 0}, "bid: 要满足 act.sum > 0", "bid: needs act.sum > 0"),
    ({"sum": 200}, "offer: 要写0到200的整数", "offer: must be a number from 0 to 200"),
]


@pytest.mark.parametrize(("given", "zh", "en"), REASONS)
def test_the_reason_of_a_refusal_is_in_the_language_of_the_run(given: dict[str, object], zh: str, en: str) -> None:
    """Each kind of value, a condition, and a fact that cannot take what an act sets."""
    made = world()
    situation = started(made).situation
    raw = json.dumps({"say": "x", "bid": GOOD | given})
    assert read(made, situation, "buyer", raw, 1.0, "zh").problems == (zh,)
    assert read(made, situation, "buyer", raw, 1.0, "en").problems == (en,)


def test_a_log_that_does_not_say_its_wording_keeps_the_first() -> None:
    """A run of it that is played again is asked and told word by word what it was."""
    made = world()
    assert (made.prompts, old(made).prompts, revive(made.resolved).prompts) == (PROMPTS, 1, PROMPTS)
    words = shown(old(made), "zh")
    assert '"sum": 数字, "tip": 数字' in words
    assert "可以做：bid 当众说你愿赔多少" in words
    assert "轮到你（张三）对…说话。" in words
    raw = json.dumps({"say": "x", "bid": GOOD | {"sum": 201}})
    situation = started(old(made)).situation
    assert read(old(made), situation, "buyer", raw, 1.0, "zh").problems == (
        "bid.sum: must be a number from 0 to 200",
    )
